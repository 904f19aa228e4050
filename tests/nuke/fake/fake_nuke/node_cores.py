"""The script's graph itself: what nodes are behind the handles that Python gets. Every change can be undone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Optional

from . import knob_choices, knob_number_kinds, knob_numbers, knob_references, knob_texts
from .knob_base import Knob
from .node_knob_tables import INPUTS, NO_OUTPUT, OF_ALL, OF_CLASS, OF_FILE_TYPE, OF_ROOT, Row

KNOB_CLASSES: dict[str, Any] = {"Knob": Knob}
for _module in (knob_numbers, knob_number_kinds, knob_texts, knob_choices, knob_references):
    KNOB_CLASSES.update(
        {
            name: value
            for name, value in vars(_module).items()
            if isinstance(value, type) and issubclass(value, Knob) and value is not Knob
        }
    )
_NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")
# Changes of these make no script modified and no step of undo.
QUIET = {"selected", "frame"}


class NodeCore:
    """A node: its knobs, its inputs, and in a group the nodes inside."""

    def __init__(self, host: Any, class_name: str, parent: Optional[NodeCore]) -> None:
        self.host, self.class_name, self.parent = host, class_name, parent
        self.knobs: dict[str, Knob] = {}
        self.inputs: list[Optional[NodeCore]] = []
        self.children: list[NodeCore] = []
        self.deleted, self.generation, self.shown = False, 0, False
        self.clones: list[NodeCore] = []
        self.current: Any = None
        if class_name == "Root":
            rows: tuple[Row, ...] = OF_ROOT
        else:
            rows = (*OF_CLASS[class_name], *OF_ALL)
        for row in rows:
            self.make_knob(row)

    # What it is

    @property
    def is_group(self) -> bool:
        return self.class_name in ("Group", "Root")

    def text(self, name: str) -> str:
        return str(self.knobs[name]._state)

    @property
    def name(self) -> str:
        return "root" if self.parent is None else self.text("name")

    def full_name(self) -> str:
        if self.parent is None:
            return "root"
        above = self.parent.full_name()
        return self.name if above == "root" else f"{above}.{self.name}"

    def child(self, name: str) -> Optional[NodeCore]:
        return next((core for core in self.children if core.name == name), None)

    def everything(self) -> Iterator[NodeCore]:
        """The nodes inside, each before what is inside it."""
        for core in list(self.children):
            yield core
            yield from core.everything()

    def handle(self) -> Any:
        """What Python gets: another one after the node was deleted and came back."""
        from .groups import handle_class

        if self.current is None or self.current._generation != self.generation:
            self.current = handle_class(self.class_name)(self)
        return self.current

    # Knobs

    def make_knob(self, row: Row) -> Knob:
        kind, name = row[0], row[1]
        value = row[2] if len(row) > 2 else None
        knob: Knob = KNOB_CLASSES[kind](name, None, *([row[3]] if len(row) > 3 else []))
        if kind == "Enumeration_Knob" and isinstance(value, int):
            knob._default = knob._state = knob._names()[value]
        elif isinstance(knob, knob_numbers.Array_Knob) and value is not None:
            knob._default = knob._state = knob_numbers.Numbers((value,) * knob._size)
        elif value is not None:
            knob._default = knob._state = value
        elif kind == "Channel_Knob":
            knob._default = knob._state = "none"
        knob._core = self
        self.knobs[name] = knob
        return knob

    def file_type_changed(self, name: str) -> None:
        """Knobs of the old file type go, those of the new one come."""
        of_old = [n for (kind, _), rows in OF_FILE_TYPE.items() if kind == self.class_name for _, n, *_ in rows]
        for old in of_old:
            knob = self.knobs.get(old)
            if knob is not None and not knob._user:
                self.take_knob(knob)
        for row in OF_FILE_TYPE.get((self.class_name, name), ()):
            knob = self.make_knob(row)
            self.host.changes.record(
                lambda knob=knob: self.knobs.pop(knob._name, None),
                lambda knob=knob: self.knobs.__setitem__(knob._name, knob),
            )

    def give_knob(self, knob: Knob) -> None:
        knob._core, knob._user = self, True

        def back() -> None:
            self.knobs.pop(knob._name, None)
            knob._core = None

        def forth() -> None:
            knob._core = self
            self.knobs[knob._name] = knob

        forth()
        self.host.changes.record(back, forth)
        self.host.touched()

    def take_knob(self, knob: Knob) -> None:
        order = dict(self.knobs)

        def back() -> None:
            knob._core = self
            self.knobs.clear()
            self.knobs.update(order)

        def forth() -> None:
            self.knobs.pop(knob._name, None)
            knob._core = None

        forth()
        self.host.changes.record(back, forth)
        self.host.touched()

    def rename_knob(self, knob: Knob, name: str) -> None:
        if name in self.knobs:
            raise ValueError(f"{self.name} has a knob {name} already")
        old = dict(self.knobs)
        new = {name if one is knob else key: one for key, one in old.items()}
        self._swap(self.knobs, old, new)

    def _swap(self, held: dict[str, Knob], old: dict[str, Knob], new: dict[str, Knob]) -> None:
        def put(what: dict[str, Knob]) -> None:
            held.clear()
            held.update(what)

        put(new)
        self.host.changes.record(lambda: put(old), lambda: put(new))

    # Names

    def free_name(self, wanted: str, but: Optional[NodeCore] = None) -> str:
        """The wanted name, with another number at its end where it is taken inside this group."""
        if not _NAME.match(wanted):
            raise ValueError(f"'{wanted}' is no name for a node")
        taken = {core.name for core in self.children if core is not but} | {"root", "parent", "this", "input"}
        if wanted not in taken:
            return wanted
        stem = wanted.rstrip("0123456789")
        number = 1
        while f"{stem}{number}" in taken:
            number += 1
        return f"{stem}{number}"

    # Inputs

    def masks(self) -> int:
        return 0

    def most_inputs(self) -> int:
        if self.class_name == "Group":
            return len(self.input_nodes())
        return INPUTS.get(self.class_name, (1, 1))[1]

    def fewest_inputs(self) -> int:
        return len(self.input_nodes()) if self.class_name == "Group" else INPUTS.get(self.class_name, (1, 1))[0]

    def has_output(self) -> bool:
        return self.class_name not in NO_OUTPUT and self.parent is not None

    def input_nodes(self) -> list[NodeCore]:
        inside = [core for core in self.children if core.class_name == "Input"]
        return sorted(inside, key=lambda core: core.knobs["number"]._state.values[0])

    def output_node(self) -> Optional[NodeCore]:
        return next((core for core in self.children if core.class_name == "Output"), None)

    def upstream(self) -> Iterator[NodeCore]:
        """This node and all that it hangs on by its inputs, in its own group."""
        seen, waiting = set(), [self]
        while waiting:
            core = waiting.pop()
            if id(core) not in seen:
                seen.add(id(core))
                yield core
                waiting += [one for one in core.inputs if one is not None]

    def can_connect(self, index: int, other: Optional[NodeCore]) -> bool:
        if index < 0 or index >= self.most_inputs():
            return False
        if other is None:
            return True
        return (
            other.parent is self.parent
            and other.has_output()
            and all(one is not self for one in other.upstream())
        )

    def connect(self, index: int, other: Optional[NodeCore]) -> None:
        new = list(self.inputs)
        new += [None] * (index + 1 - len(new))
        new[index] = other
        while new and new[-1] is None:
            new.pop()
        self.set_inputs(new)

    def set_inputs(self, new: list[Optional[NodeCore]]) -> None:
        old = list(self.inputs)
        while new and new[-1] is None:
            new = new[:-1]
        if old == new:
            return
        self.inputs = new
        self.host.changes.record(lambda: setattr(self, "inputs", old), lambda: setattr(self, "inputs", new))
        self.host.touched()
        self.host.callbacks.pseudo_knob(self, "inputChange")

    # Coming and going

    def add_to(self, parent: NodeCore, place: Optional[int] = None) -> None:
        where = len(parent.children) if place is None else place

        def forth() -> None:
            self.parent = parent
            parent.children.insert(min(where, len(parent.children)), self)
            for core in (*self.everything(), self):
                core.deleted = False
            if self.host.changes.replaying:
                self.host.changes.revived += [*reversed(list(self.everything())), self]

        def back() -> None:
            if self.host.changes.replaying:
                self.host.callbacks.destroyed(self)
            parent.children.remove(self)
            self._end()

        forth()
        self.host.changes.record(back, forth)
        self.host.touched()

    def remove(self) -> None:
        """Delete it; what hung on it gets its first input."""
        self.host.callbacks.destroyed(self)
        parent = self.parent
        assert parent is not None
        first = self.inputs[0] if self.inputs else None
        for core in parent.children:
            if self in core.inputs and core is not self:
                new = [first if one is self else one for one in core.inputs]
                while new and new[-1] is None:
                    new.pop()
                core.set_inputs(new)
        if self.class_name == "Input" and parent.class_name == "Group":
            # The group has an input less.
            number = parent.input_nodes().index(self)
            parent.set_inputs([one for index, one in enumerate(parent.inputs) if index != number])
        place = parent.children.index(self)

        def back() -> None:
            parent.children.insert(min(place, len(parent.children)), self)
            for core in (*self.everything(), self):
                core.deleted = False
            self.host.changes.revived += [*reversed(list(self.everything())), self]

        def forth() -> None:
            parent.children.remove(self)
            self._end()

        forth()
        self.host.changes.record(back, forth)
        self.host.touched()

    def _end(self) -> None:
        for core in (*self.everything(), self):
            core.deleted, core.shown = True, False
            core.generation += 1
