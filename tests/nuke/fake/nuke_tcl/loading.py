"""Reads a script file by Tcl, with Nuke's stack of nodes.

Every class of node is a command that takes a braced list of knobs and its inputs from the stack; ``push $x``
puts a node on it, ``push 0`` nothing, and ``set x [stack 0]`` names the one on top.
"""

from __future__ import annotations

import tkinter
from typing import Optional

from .script_parts import Entry, Script, ScriptNode
from .user_knobs import read_user_knob
from .words import WordError, words

_GROUPS = ("Group", "Gizmo", "LiveGroup", "LiveInput", "Precomp", "Root_Group")
# What a script is left of Tcl: it can name things, and everything else is told to the reader.
_KEPT = ("set", "rename")


class _Reader:
    """Takes the commands of one script, and what stands on the stack meanwhile."""

    def __init__(self) -> None:
        self.script = Script()
        self.stacks: list[list[Optional[ScriptNode]]] = [[]]
        self.groups: list[ScriptNode] = []
        self.by_token: dict[str, ScriptNode] = {}
        self.tokens: dict[int, str] = {}

    def push(self, token: str = "0", *more: str) -> str:
        """Puts the node of a token on the stack; 0 is none."""
        if more:
            self.error(f"push takes one word, not {1 + len(more)}.")
        if token != "0" and token not in self.by_token:
            self.error(f"push got {token!r}, which is no node of this script.")
        self.stacks[-1].append(self.by_token.get(token))
        return token

    def stack(self, depth: str = "0") -> str:
        """The token of the node at that depth of the stack; 0 where there is none."""
        stack = self.stacks[-1]
        place = int(depth)
        node = stack[-1 - place] if place < len(stack) else None
        if node is None:
            return "0"
        if id(node) not in self.tokens:
            token = f"node{len(self.tokens) + 1}"
            self.tokens[id(node)] = token
            self.by_token[token] = node
        return self.tokens[id(node)]

    def node(self, class_name: str, body: str, clone_of: Optional[ScriptNode] = None) -> str:
        """A node with its knobs, its inputs taken from the stack."""
        node = ScriptNode(class_name, clone_of=clone_of)
        wanted, node.masks, node.entries = self._lines(class_name, body)
        node.inputs = [self._popped(class_name) for _ in range(wanted + node.masks)]
        (self.groups[-1].children if self.groups else self.script.nodes).append(node)
        self.stacks[-1].append(node)
        if class_name in _GROUPS and clone_of is None:
            node.is_group = True
            self.groups.append(node)
            self.stacks.append([])
        return ""

    def clone(self, token: str, *rest: str) -> str:
        """A clone of a node: by its token, or, where it was copied from a script, by its own name and class."""
        if len(rest) == 1:
            original = self.by_token.get(token)
            if original is None:
                self.error(f"clone got {token!r}, which is no node of this script.")
                return ""
            return self.node(original.class_name, rest[0], original)
        if len(rest) == 2:
            return self.node(rest[0], rest[1])
        self.error(f"clone takes a node and its knobs, not {1 + len(rest)} words.")
        return ""

    def end_group(self) -> str:
        """Back to what stands around the group."""
        if not self.groups:
            self.error("end_group without a group.")
            return ""
        self.groups.pop()
        self.stacks.pop()
        return ""

    def root(self, body: str) -> str:
        """The settings of the whole script."""
        _, _, entries = self._lines("Root", body)
        self.script.root = ScriptNode("Root", entries)
        return ""

    def add_layer(self, text: str) -> str:
        """A layer and the full names of its channels."""
        parts = tuple(word for word, _ in words(text))
        self.script.layers.append((parts[0], parts[1:]))
        return ""

    def version(self, *parts: str) -> str:
        """The Nuke that wrote the script."""
        self.script.version = " ".join(parts)
        return ""

    def layout(self, text: str) -> str:
        """The windows of the one who saved it."""
        self.script.layout = text
        return ""

    def other(self, *command: str) -> str:
        """Any other command: a class of node and its knobs, or an error."""
        if len(command) == 2 and command[0][:1].isalpha():
            return self.node(command[0], command[1])
        self.error(f"{' '.join(command)[:80]!r} is no node and no command of a script.")
        return ""

    def error(self, sentence: str) -> None:
        """Keeps what was refused."""
        self.script.errors.append(sentence)

    def _popped(self, class_name: str) -> Optional[ScriptNode]:
        """What is on top of the stack; nothing where it is empty, as when a chain begins with such a node."""
        return self.stacks[-1].pop() if self.stacks[-1] else None

    def _lines(self, class_name: str, body: str) -> tuple[int, int, list[Entry]]:
        """Number of inputs, of masks among them, and the knobs' lines."""
        wanted, masks = 1, 0
        entries = []
        try:
            found = words(body)
        except WordError as error:
            self.error(f"{class_name}: {error}")
            return wanted, masks, []
        if len(found) % 2:
            self.error(f"{class_name}: {found[-1][0]!r} has no value.")
        for (name, _), (text, form) in zip(found[::2], found[1::2]):  # noqa: B905 - Python 3.9 has no strict.
            if name == "inputs":
                first, _, mask = text.partition("+")
                wanted, masks = int(first), int(mask or 0)
                continue
            if name == "addUserKnob":
                try:
                    read_user_knob(text)
                except WordError as error:
                    self.error(f"{class_name}: {error}")
            entries.append(Entry(name, text, form))
        return wanted, masks, entries


def load(text: str) -> Script:
    """The script as plain values; what Tcl refuses is told in its ``errors``, and reading ends there."""
    reader = _Reader()
    parent = tkinter.Tcl()
    commands = {
        "push": reader.push,
        "stack": reader.stack,
        "clone": reader.clone,
        "end_group": reader.end_group,
        "Root": reader.root,
        "add_layer": reader.add_layer,
        "version": reader.version,
        "define_window_layout_xml": reader.layout,
        "unknown": reader.other,
    }
    # A safe interpreter has no files and no processes; this one has no commands but a script's own either.
    parent.eval("interp create -safe script")
    for command in parent.splitlist(parent.eval("interp eval script {info commands}")):
        if command not in _KEPT:
            parent.call("interp", "eval", "script", f"rename {command} {{}}")
    parent.eval("interp eval script {rename rename {}}")
    for name, call in commands.items():
        parent.createcommand(f"reader_{name}", call)
        parent.eval(f"interp alias script {name} {{}} reader_{name}")
    try:
        parent.call("interp", "eval", "script", text)
    except tkinter.TclError as error:
        reader.error(f"Tcl: {error}.")
    if reader.groups:
        reader.error(f"{len(reader.groups)} groups have no end_group.")
    parent.call("interp", "delete", "script")
    return reader.script
