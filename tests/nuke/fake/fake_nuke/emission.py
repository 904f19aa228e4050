"""The live graph as a script file (.nk): what Nuke writes when it saves or copies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Optional

from .knob_base import Knob
from .node_cores import NodeCore
from .node_knob_tables import OF_FILE_TYPE
from .quoting import quoted


def whole_script(host: object) -> str:
    """Everything: version, root, layers, nodes."""
    root = host.root_core
    lines = [f"version {host.profile.major}.{host.profile.minor} v{host.profile.release}"]
    lines += ["Root {", " inputs 0", *(f" {line}" for line in knob_lines(root)), "}"]
    lines += [f"add_layer {{{' '.join([name, *channels])}}}" for name, channels in host.layers.own()]
    lines += _Writing(root.children).lines
    return "\n".join(lines) + "\n"


def copied(host: object, cores: Sequence[NodeCore]) -> str:
    """Some nodes of one group, as a copy holds them."""
    lines = ["set cut_paste_input [stack 0]"]
    lines += [f"version {host.profile.major}.{host.profile.minor} v{host.profile.release}"]
    lines += [f"add_layer {{{' '.join([name, *channels])}}}" for name, channels in host.layers.own()]
    lines += _Writing(cores).lines
    return "\n".join(lines) + "\n"


def ordered(cores: Sequence[NodeCore]) -> list[NodeCore]:
    """As they were made, but none before what it gets its pictures from."""
    found: dict[int, NodeCore] = {}
    wanted = {id(core) for core in cores}

    def visit(core: NodeCore) -> None:
        waiting: list[tuple[NodeCore, Iterator[Optional[NodeCore]]]] = [(core, iter(core.inputs))]
        on_the_way = {id(core)}
        while waiting:
            current, sources = waiting[-1]
            source = next(
                (
                    s
                    for s in sources
                    if s and id(s) in wanted and id(s) not in found and id(s) not in on_the_way
                ),
                None,
            )
            if source is None:
                waiting.pop()
                found[id(current)] = current
            else:
                on_the_way.add(id(source))
                waiting.append((source, iter(source.inputs)))

    for core in cores:
        if id(core) not in found:
            visit(core)
    return list(found.values())


def knob_lines(core: NodeCore, definitions: bool = True) -> list[str]:
    """Lines of the knobs that aren't as they were made, and of all that were added."""
    lines: list[str] = []
    for knob in _in_order(core):
        if knob._user and definitions:
            lines.append(f"addUserKnob {{{knob._definition()}}}")
        if knob._written() and not (knob._name == "name" and core.parent is not None and not knob._state):
            text, braced = knob._script()
            lines.append(f"{knob._name} {{{text}}}" if braced else f"{knob._name} {quoted(text)}")
    return lines


def _in_order(core: NodeCore) -> Iterator[Knob]:
    """Built-in ones in the order of their class, a file type's own right after it, then the added ones."""
    of_type = {
        name for (kind, _), rows in OF_FILE_TYPE.items() if kind == core.class_name for _, name, *_ in rows
    }
    for knob in core.knobs.values():
        if knob._user or knob._name in of_type:
            continue
        yield knob
        if knob._name == "file_type":
            yield from (one for one in core.knobs.values() if one._name in of_type and not one._user)
    yield from (knob for knob in core.knobs.values() if knob._user)


class _Writing:
    """Nodes of one group and those inside them, as a reader's stack wants them."""

    def __init__(self, cores: Sequence[NodeCore]) -> None:
        self.lines: list[str] = []
        self.numbers: dict[int, str] = {}
        self.pushed: set[int] = set()
        self._plan(ordered(cores))
        self._write(ordered(cores), 0)

    def _sources(self, core: NodeCore, among: set[int]) -> list[Optional[NodeCore]]:
        return [one if one is not None and id(one) in among else None for one in core.inputs]

    def _steps(self, cores: Sequence[NodeCore]) -> Iterator[tuple[NodeCore, list[Optional[NodeCore]], int]]:
        """(node, what is pushed before it, its number of inputs), with the stack as it will stand."""
        stack: list[Optional[NodeCore]] = []
        among = {id(core) for core in cores}
        for core in cores:
            inputs = self._sources(core, among)
            count = len(inputs)
            kept = next(
                kept
                for kept in range(min(count, len(stack)), -1, -1)
                if stack[len(stack) - kept :][::-1] == inputs[count - kept :]
            )
            pushes = inputs[: count - kept][::-1]
            yield core, pushes, count
            del stack[len(stack) - kept :]
            stack.append(core)

    def _plan(self, cores: Sequence[NodeCore]) -> None:
        for core, pushes, _ in self._steps(cores):
            self.pushed |= {id(one) for one in pushes if one is not None}
            if core.is_group:
                self._plan(ordered(core.children))

    def _write(self, cores: Sequence[NodeCore], depth: int) -> None:
        margin = " " * depth
        for core, pushes, count in self._steps(cores):
            for source in pushes:
                self.lines.append("push 0" if source is None else f"push ${self.numbers[id(source)]}")
            self.lines.append(f"{margin}{core.class_name} {{")
            if count != 1:
                self.lines.append(f"{margin} inputs {count}")
            self.lines += [f"{margin} {line}" for line in knob_lines(core)]
            self.lines.append(f"{margin}}}")
            if core.is_group:
                self._write(ordered(core.children), depth + 1)
                self.lines.append(f"{margin}end_group")
            if id(core) in self.pushed:
                self.numbers[id(core)] = f"N{len(self.numbers) + 1:08x}"
                self.lines.append(f"set {self.numbers[id(core)]} [stack 0]")
