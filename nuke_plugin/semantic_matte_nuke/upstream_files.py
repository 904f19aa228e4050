"""The files that nodes upstream read: which, at a frame and in a view, and what is in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

import nuke
from semantic_matte_client.nodes import fingerprints

from . import host, plate_frames
from .plate_frames import ReadRange
from .upstream_walk import HINT, SOURCE, Walk

# A captured plate is never of the proxy, and what a node writes doesn't flow into another.
_NOT_READ = ("proxy",)
_WRITERS = ("Write", "WriteGeo", "DeepWrite", "GenerateLUT")


class Files:
    """rows: a file's title -> what is in it, as `fingerprints.describe_file` has it. reads: by view and frame
    the titles of what is read then."""

    def __init__(self, walk: Walk, known: Mapping[str, Any]) -> None:
        """known: an earlier description; a file that has the size and time it had there is not read again."""
        self.rows: Dict[str, Any] = {}
        self.reads: Dict[str, Dict[str, List[str]]] = {}
        self._walk = walk
        self._known = known.get("files") or {}
        knobs = [(place, knob) for place, node in enumerate(walk.nodes) for knob in file_knobs(node)]
        self._knobs: Dict[int, List[Tuple[int, nuke.Knob]]] = {}
        for ordinal, (place, knob) in enumerate(knobs, start=1):
            self._knobs.setdefault(place, []).append((ordinal if len(knobs) > 1 else 0, knob))

    def add(self, view: str, frame: int, hint_frame: int) -> None:
        """Describe what is read for one frame of a view; the hint is read at its own frame."""
        titles = set()
        for start, at in ((SOURCE, frame), (HINT, hint_frame)):
            for place, asked in self._walk.reached(start, at):
                for ordinal, knob in self._knobs.get(place, ()):
                    titles.add(self._title(self._walk.nodes[place], knob, ordinal, asked, view))
        self.reads.setdefault(view, {})[str(frame)] = sorted(titles)

    def _title(self, node: nuke.Node, knob: nuke.Knob, ordinal: int, frame: int, view: str) -> str:
        """What a file is called at a frame; it is described, if it was not yet."""
        path = path_at(node, knob, frame, view)
        if path is None:
            return f"black (file {ordinal})" if ordinal else "black"
        title = plate_frames.title(str(knob.value() or ""), path, view, ordinal)
        if title not in self.rows:
            self.rows[title] = fingerprints.describe_file(path, self._known.get(title))
        return title


def file_knobs(node: nuke.Node) -> List[nuke.Knob]:
    """The knobs of a node that name files it reads, by their names."""
    if node.Class() in _WRITERS:
        return []
    found = [
        (name, knob)
        for name, knob in node.knobs().items()
        if isinstance(knob, nuke.File_Knob) and name not in _NOT_READ and str(knob.value() or "")
    ]
    return [knob for _, knob in sorted(found, key=lambda row: row[0])]


def read_range(node: nuke.Node, frame: Optional[int] = None) -> Optional[ReadRange]:
    """How a node that reads a sequence is set in time, None for any that has no range of its own.

    frame: where its range is looked up, as the range may be an expression; None for the frame of now.
    """
    if any(node.knob(name) is None for name in ("file", "first", "last")):
        return None
    values = {name: _value(node, name) for name in ("before", "after", "frame_mode", "frame")}
    return ReadRange(
        _bound(node["first"], frame),
        _bound(node["last"], frame),
        str(values["before"] or "hold"),
        str(values["after"] or "hold"),
        str(values["frame_mode"] or "expression"),
        str(values["frame"] or ""),
    )


def path_at(node: nuke.Node, knob: nuke.Knob, frame: int, view: str) -> Optional[str]:
    """The whole path that a file knob stands for when the node is asked for a frame; None where it is black."""
    text = str(knob.value() or "")
    if knob.name() == "file" and plate_frames.has_number(text):
        span = read_range(node, frame)
        number = frame if span is None else span.number(frame)
        if number is None:
            return None
        frame = number
    if not isinstance(knob, nuke.File_Knob):
        raise TypeError(f"expected a file knob, got {knob.Class()} '{knob.name()}'")
    return whole_path(str(knob.getEvaluatedValue(_context(frame, view)) or ""))


def whole_path(path: str) -> str:
    """A path as Nuke takes it: a relative one lies in the project's folder, or where Nuke was started."""
    if not path or Path(path).is_absolute():
        return path
    knob = nuke.root().knob("project_directory")
    project = str(knob.evaluate() or "") if isinstance(knob, nuke.File_Knob) else ""
    return host.forward(str(Path(project or Path.cwd()) / path))


def _context(frame: int, view: str) -> nuke.OutputContext:
    """Where a knob is evaluated."""
    context = nuke.OutputContext()
    context.setFrame(frame)
    names: Sequence[str] = host.views()
    if view in names:
        # Number 0 is the view that stands for all.
        context.setView(1 + names.index(view))
    return context


def _bound(knob: nuke.Knob, frame: Optional[int]) -> int:
    """First or last frame of a Read, as it is at a frame."""
    return int(knob.value() if frame is None else knob.getValueAt(frame))


def _value(node: nuke.Node, name: str) -> Any:
    """A knob's value, None where there is no such knob."""
    knob = node.knob(name)
    return None if knob is None else knob.value()
