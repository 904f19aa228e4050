"""Writes a script as Nuke does; a second way, to compare with what the fake host writes of the same graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from .script_parts import Entry, Script, ScriptNode, UserKnob

# Seen in public scripts of Nuke 9 to 15: all else stands bare, also # at the start, ' and non-ASCII.
_NEEDS_QUOTES = frozenset(' \t\n\r\f\v"[]{}$\\;')
_ESCAPED = frozenset('\\"[{}$')
_CONTROLS = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}
# Buttons have this one flag after their script.
_LINE_LAST = (22, 32, 52)


def quoted(text: str) -> str:
    """A string knob's text as a word of a script: bare where that is safe, else in quotes."""
    if text and not _NEEDS_QUOTES.intersection(text):
        return text
    return '"' + "".join(_escaped(letter) for letter in text) + '"'


def _escaped(letter: str) -> str:
    """One character inside quotes."""
    if letter in _CONTROLS:
        return _CONTROLS[letter]
    return f"\\{letter}" if letter in _ESCAPED else letter


def user_knob_line(knob: UserKnob) -> str:
    """What stands between the braces of an ``addUserKnob`` line."""
    parts = [str(knob.kind), quoted(knob.name)]
    if knob.label is not None:
        parts += ["l", quoted(knob.label)]
    if knob.tooltip:
        parts += ["t", quoted(knob.tooltip)]
    late = [flag for flag in knob.flags if flag == "+STARTLINE" and knob.kind in _LINE_LAST]
    parts += [flag for flag in knob.flags if flag not in late]
    if knob.text:
        parts += ["T", quoted(knob.text)]
    parts += late
    if knob.items:
        parts += ["M", "{" + " ".join(quoted(item) for item in knob.items) + "}"]
    if knob.range is not None:
        parts += ["R", *knob.range]
    if knob.nesting:
        parts += ["n", str(knob.nesting)]
    return " ".join([*parts, *(quoted(word) for word in knob.rest)])


def emit(script: Script) -> str:
    """The whole script; ``load`` of it gives the same values again."""
    lines: list[str] = []
    if script.layout:
        lines.append(f"define_window_layout_xml {{{script.layout}}}")
    if script.version:
        lines.append(f"version {script.version}")
    if script.root is not None:
        lines += _node_lines(script.root, 0, 0)
    lines += [f"add_layer {{{' '.join([name, *channels])}}}" for name, channels in script.layers]
    writer = _Writer(script.nodes)
    writer.write(script.nodes, 0)
    return "\n".join([*lines, *writer.lines]) + "\n"


def _entry_line(entry: Entry) -> str:
    """A knob's line; a list and an expression keep their braces."""
    text = f"{{{entry.text}}}" if entry.form == "braced" else quoted(entry.text)
    return f"{quoted(entry.name)} {text}"


def _node_lines(node: ScriptNode, depth: int, inputs: int) -> list[str]:
    """A node's block: what it is, its number of inputs where that is not one, and its knobs."""
    margin = " " * depth
    lines = [f"{margin}{node.class_name} {{"]
    plain = inputs - node.masks
    if node.masks:
        lines.append(f"{margin} inputs {plain}+{node.masks}")
    elif plain != 1:
        lines.append(f"{margin} inputs {plain}")
    lines += [f"{margin} {_entry_line(entry)}" for entry in node.entries]
    return [*lines, f"{margin}}}"]


class _Writer:
    """Writes lists of nodes with the stack that a reader will have."""

    def __init__(self, nodes: Sequence[ScriptNode]) -> None:
        self.lines: list[str] = []
        self.names: dict[int, str] = {}
        self.counted = 0
        self.named = set()
        self.cloned = set()
        self._find_names(nodes)

    def _find_names(self, nodes: Sequence[ScriptNode]) -> None:
        """Which nodes a later line pushes or clones, found by going through the stack once."""
        stack: list[Optional[ScriptNode]] = []
        for node in nodes:
            for source in self._to_push(node, stack):
                stack.append(source)
                if source is not None:
                    self.named.add(id(source))
            if node.inputs:
                del stack[len(stack) - len(node.inputs) :]
            stack.append(node)
            if node.clone_of is not None:
                self.cloned.add(id(node.clone_of))
            self._find_names(node.children)

    @staticmethod
    def _to_push(node: ScriptNode, stack: Sequence[Optional[ScriptNode]]) -> list[Optional[ScriptNode]]:
        """The inputs that are not on top of the stack already, the one to push first leading."""
        count = len(node.inputs)
        for kept in range(min(count, len(stack)), -1, -1):
            standing = list(stack[len(stack) - kept :])[::-1]
            wanted = node.inputs[count - kept :]
            if all(have is want for have, want in zip(standing, wanted)):  # noqa: B905 - 3.9 has no strict.
                return node.inputs[: count - kept][::-1]
        return []

    def write(self, nodes: Sequence[ScriptNode], depth: int) -> None:
        """The blocks of one group's nodes, those inside their groups after them."""
        stack: list[Optional[ScriptNode]] = []
        for node in nodes:
            for source in self._to_push(node, stack):
                stack.append(source)
                self.lines.append("push 0" if source is None else f"push ${self.names[id(source)]}")
            if node.inputs:
                del stack[len(stack) - len(node.inputs) :]
            stack.append(node)
            block = _node_lines(node, depth, len(node.inputs))
            if node.clone_of is not None:
                block[0] = f"{' ' * depth}clone ${self.names[id(node.clone_of)]} {{"
            self.lines += block
            if node.is_group:
                self.write(node.children, depth + 1)
                self.lines.append(f"{' ' * depth}end_group")
            self._name(node)

    def _name(self, node: ScriptNode) -> None:
        """Names the node on top of the stack where a later line needs it."""
        if id(node) in self.named or id(node) in self.cloned:
            self.counted += 1
            self.names[id(node)] = f"N{self.counted:08x}"
            self.lines.append(f"set {self.names[id(node)]} [stack 0]")
