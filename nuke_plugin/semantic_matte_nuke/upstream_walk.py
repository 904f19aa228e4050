"""The nodes that lead to a node of ours, in an order that hangs on how they are connected alone.

Groups are entered: their Output stands for them, and their Inputs lead out again. Where the node lies in a
group itself, what leads to that group is followed too.
"""

from __future__ import annotations

from typing import Dict, Iterator, List, Optional, Set, Tuple

import nuke

from . import plate_frames

SOURCE, HINT = 0, 1


class Walk:
    """nodes: all that lead to the node's inputs, from Source first.

    links: for each the places in `nodes` of what feeds it, by the number of the input ("in": the Output inside
    a group, "out": what feeds the group's input). starts: by the input's number the place of what feeds it.
    """

    def __init__(self, node: nuke.Node, inputs: Tuple[int, ...] = (SOURCE, HINT)) -> None:
        """inputs: the numbers of the node's inputs that are followed."""
        self.nodes: List[nuke.Node] = []
        self.links: List[Dict[str, int]] = []
        self._places: Dict[str, int] = {}
        self.starts = {number: self._add(node.input(number)) for number in inputs}
        self._follow()

    def place(self, node: nuke.Node) -> Optional[int]:
        """Where a node stands in `nodes`."""
        return self._places.get(node.fullName())

    def reached(self, start: int, frame: int) -> Iterator[Tuple[int, int]]:
        """Every node that leads to an input, with the frame that it is asked for when the input is at `frame`.

        What retimes by curves or looks at several frames at once is taken to ask for the one frame.
        """
        first = self.starts.get(start)
        waiting = [] if first is None else [(first, frame)]
        seen: Set[Tuple[int, int]] = set(waiting)
        while waiting:
            place, at = waiting.pop()
            yield place, at
            below = _asked(self.nodes[place], at)
            for other in self.links[place].values():
                if (other, below) not in seen:
                    seen.add((other, below))
                    waiting.append((other, below))

    def _add(self, node: Optional[nuke.Node]) -> Optional[int]:
        """The place of a node, which is given one if it has none; None for nothing."""
        if node is None:
            return None
        name = node.fullName()
        if name not in self._places:
            self._places[name] = len(self.nodes)
            self.nodes.append(node)
            self.links.append({})
        return self._places[name]

    def _follow(self) -> None:
        """Go through all nodes, those that are added on the way too."""
        place = 0
        while place < len(self.nodes):
            for name, source in _sources(self.nodes[place]):
                found = self._add(source)
                if found is not None:
                    self.links[place][name] = found
            place += 1


def _sources(node: nuke.Node) -> Iterator[Tuple[str, Optional[nuke.Node]]]:
    """What feeds a node, by the number of its input."""
    if node.Class() == "Input":
        yield "out", _outside(node)
        return
    end = output_of(node)
    if end is not None:
        yield "in", end
        return
    for number in range(node.inputs()):
        yield str(number), node.input(number)


def output_of(node: nuke.Node) -> Optional[nuke.Node]:
    """The Output node inside a group, None for any other node and for a group that shows nothing of itself."""
    if not isinstance(node, nuke.Group) or node.Class() == "Root":
        return None
    if _is_on(node, "disable"):
        # Then its first input goes through, as of any node.
        return None
    return next((one for one in node.nodes() if one.Class() == "Output"), None)


def _outside(node: nuke.Node) -> Optional[nuke.Node]:
    """What feeds a group's input that an Input node inside it stands for."""
    group = node.parent()
    if group is None or group.Class() == "Root":
        return None
    return group.input(int(node["number"].value()))


def _asked(node: nuke.Node, frame: int) -> int:
    """The frame that a node asks its inputs for, when it is asked for `frame` itself."""
    kind = node.Class()
    if kind not in ("TimeOffset", "FrameHold") or _is_on(node, "disable"):
        return frame
    if kind == "TimeOffset":
        return plate_frames.offset_frame(frame, float(node["time_offset"].getValueAt(frame)))
    first, increment = (float(node[name].getValueAt(frame)) for name in ("first_frame", "increment"))
    return plate_frames.held_frame(frame, first, increment)


def _is_on(node: nuke.Node, name: str) -> bool:
    """Whether a knob is there and switched on at every frame."""
    knob = node.knob(name)
    return knob is not None and not knob.isAnimated() and bool(knob.value())
