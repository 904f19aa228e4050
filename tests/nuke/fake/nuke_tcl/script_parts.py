"""What a script file holds, as plain values: nodes, their knobs' texts, layers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional


@dataclass(frozen=True)
class Entry:
    """One line of a node: a knob's name and its text, unquoted once.

    ``form`` says how the file wrote it: bare and quoted are strings, braced is a list or an expression.
    """

    name: str
    text: str
    form: str = "bare"


@dataclass(frozen=True)
class UserKnob:
    """What an ``addUserKnob`` line says: ``label`` is None where it gives none and Nuke shows the name."""

    kind: int
    name: str
    label: Optional[str] = None
    tooltip: str = ""
    text: str = ""
    items: tuple[str, ...] = ()
    range: Optional[tuple[str, str]] = None
    nesting: int = 0
    flags: tuple[str, ...] = ()
    rest: tuple[str, ...] = ()


@dataclass
class ScriptNode:
    """A node: its lines in the file's order, its inputs from number 0 on (masks last) and what is inside it."""

    class_name: str
    entries: list[Entry] = field(default_factory=list)
    inputs: list[Optional[ScriptNode]] = field(default_factory=list)
    masks: int = 0
    children: list[ScriptNode] = field(default_factory=list)
    is_group: bool = False
    clone_of: Optional[ScriptNode] = None

    @property
    def knobs(self) -> dict[str, str]:
        """Texts of the knobs by name; inputs and added knobs' definitions are not among them."""
        return {entry.name: entry.text for entry in self.entries if entry.name != "addUserKnob"}

    @property
    def user_knobs(self) -> list[UserKnob]:
        """The added knobs in the order of the panel."""
        # Imported here, since the reader of these lines needs the classes above.
        from .user_knobs import read_user_knob

        return [read_user_knob(entry.text) for entry in self.entries if entry.name == "addUserKnob"]

    @property
    def name(self) -> str:
        """The node's name; a clone has the name of what it is a clone of."""
        return self.knobs.get("name") or (self.clone_of.name if self.clone_of else "")

    def text_of(self, name: str, default: str = "") -> str:
        """A knob's text, or the default where the file has no line for it."""
        return self.knobs.get(name, default)

    def child(self, name: str) -> ScriptNode:
        """The node of that name inside this group; KeyError where there is none."""
        for node in self.children:
            if node.name == name:
                return node
        raise KeyError(f"{self.name} has no node {name!r}, only {[node.name for node in self.children]}.")


@dataclass
class Script:
    """A script file: ``errors`` holds a sentence for each thing that Tcl or Nuke's rules refused."""

    nodes: list[ScriptNode] = field(default_factory=list)
    layers: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    root: Optional[ScriptNode] = None
    version: str = ""
    errors: list[str] = field(default_factory=list)
    layout: str = ""

    def all_nodes(self) -> list[ScriptNode]:
        """Every node, those inside groups after their group."""
        found: list[ScriptNode] = []
        waiting = list(self.nodes)
        while waiting:
            node = waiting.pop(0)
            found.append(node)
            waiting[:0] = node.children
        return found
