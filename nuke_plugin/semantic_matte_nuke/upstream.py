"""What flows into a node: described for fingerprints, whether it can be generated from, whether it moves.

Names, places and looks of nodes count for nothing, nor does what hangs below the node or beside it. Not seen
are: which frames a node that retimes by curves asks for, what a Python or Tcl expression reads from outside the
graph, and what a plug-in of somebody else keeps to itself. Settings of our own node are not described here.
"""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Sequence

import nuke

from . import described_knobs, host, node_finding, plate_frames
from .still_classes import STILL
from .upstream_files import Files, file_knobs, path_at, read_range
from .upstream_walk import HINT, SOURCE, Walk, output_of

_LAYOUT = 1
# Of the project, what a Read's or any colour node's default means.
_COLOUR = ("colorManagement", "OCIO_config", "customOCIOConfigPath", "workingSpaceLUT")
_FILE_COLOUR = ("int8Lut", "int16Lut", "logLut", "floatLut")
# What our own nodes further up show hangs on these; what they were generated from is in their files.
_OF_OURS = ("show", "output_alpha", "instance", "missing_frames")
# Their inputs or settings go by the views' order.
_BY_VIEWS = frozenset(("JoinViews", "OneView", "ShuffleViews", "SplitAndJoin", "Anaglyph", "MixViews"))
_NO_PICTURE = ("Deep", "Geo", "Camera", "Light", "Particle")


def refusal(node: nuke.Node, views: Sequence[str] = ()) -> str:
    """Why nothing can be generated for a node, as a sentence that says what to do; "" if it can."""
    name = node.name()
    unknown = [view for view in views if view not in host.views()]
    if unknown:
        return (
            f"The script has no view '{unknown[0]}' (it has {', '.join(host.views())}): mend Views on the "
            f"Controls tab of '{name}', or empty it for all."
        )
    if node.input(SOURCE) is None:
        return f"Nothing flows into the Source input of '{name}': connect a picture."
    walk = Walk(node, (SOURCE,))
    first = walk.nodes[0]
    if first.Class().startswith(_NO_PICTURE):
        return (
            f"'{first.name()}' ({first.Class()}) gives the Source of '{name}' no flat picture: put the node "
            "that makes one between them (DeepToImage, ScanlineRender)."
        )
    if any(_makes_picture(one) for one in walk.nodes):
        return ""
    end = walk.nodes[-1]
    if end.Class() == "Input":
        return (
            f"What flows into the Source of '{name}' ends at '{end.fullName()}', an input of a group that "
            "nothing is connected to: connect a picture to the group."
        )
    return f"'{end.name()}' leads to the Source of '{name}', and nothing is connected to it: connect a picture."


def describe(
    node: nuke.Node, frames: Sequence[int], views: Sequence[str], known: Optional[Mapping[str, Any]] = None
) -> Dict[str, Any]:
    """What flows into a node, in plain values for `fingerprints`: nodes, links, files, the project's colour.

    frames, views: those whose files are described; a hint is read at the first frame of a job. known: an
    earlier description, of the same job: its files are not read again where size and time are as they were, and
    the hint's frame is its.
    """
    before = known or {}
    walk = Walk(node)
    files = Files(walk, before)
    hint_frame = before.get("hint_frame", min(frames, default=0))
    for view in views:
        for frame in frames:
            files.add(view, frame, int(hint_frame))
    describer = _Describer(walk, node)
    described = {
        "layout": _LAYOUT,
        "host": ["Nuke", *host.version()],
        "nodes": describer.rows(),
        "source": walk.starts.get(SOURCE),
        "hint": walk.starts.get(HINT),
        "named": describer.named,
        "root": _root(walk),
        "files": files.rows,
        "reads": files.reads,
    }
    if walk.starts.get(HINT) is not None:
        described["hint_frame"] = hint_frame
    return described


def titles(node: nuke.Node) -> List[str]:
    """What the nodes of a description are called now, in its order."""
    return [one.fullName() for one in Walk(node).nodes]


def is_still(node: nuke.Node) -> bool:
    """Whether what flows into a node is surely the same at every frame.

    Only of nodes that are known not to move by themselves, none of which is animated or reads a sequence.
    """
    walk = Walk(node)
    describer = _Describer(walk, node)
    rows = describer.rows()
    if any(one.Class() not in STILL and output_of(one) is None for one in walk.nodes):
        return False
    if describer.moves or not rows:
        return False
    for one in walk.nodes:
        for knob in file_knobs(one):
            text = str(knob.value() or "")
            span = read_range(one)
            several = span is None or span.first != span.last
            if "[" in text or (several and (plate_frames.has_number(text) or plate_frames.is_film(text))):
                return False
    return True


def plain_read(node: nuke.Node) -> Optional[nuke.Node]:
    """The Read whose files are what flows into Source as they are, so that the engine can read them itself.

    Between them may be only what changes no pixel; it may have no tricks of time, no crop or format of its own.
    None where there is no such Read.
    """
    found = node.input(SOURCE)
    while found is not None and (found.Class() in ("Dot", "NoOp") or _is_disabled(found)):
        if found.knob("disable") is not None and found["disable"].isAnimated():
            return None
        found = found.input(0)
    if found is None or found.Class() != "Read":
        return None
    span = read_range(found)
    text = str(found["file"].value() or "")
    animated = any(found[name].isAnimated() for name in ("file", "frame") if found.knob(name) is not None)
    if span is None or not text or animated or "[" in text:
        return None
    if plate_frames.has_number(text) and not span.is_plain:
        return None
    return found


def is_numbered(read: nuke.Node) -> bool:
    """Whether a Read reads a file for each frame."""
    return plate_frames.has_number(str(read["file"].value() or ""))


def plate_pattern(read: nuke.Node, frame: int, view: str) -> str:
    """Whole path of a plain Read's files for a view: with `%04d` or `####` where a frame's number is."""
    text = str(read["file"].value() or "")
    if not plate_frames.has_number(text):
        return path_at(read, read["file"], frame, view) or ""
    folder = path_at(read, read["file"], frame, view) or ""
    return host.forward(f"{folder.rpartition('/')[0]}/{text.rpartition('/')[2]}")


class _Describer:
    """Describes the nodes of a walk. named: what expressions name besides. moves: whether any value may change
    from frame to frame."""

    def __init__(self, walk: Walk, ours: nuke.Node) -> None:
        """ours: the node that is described for."""
        self.named: List[Dict[str, Any]] = []
        self.moves = False
        self._walk = walk
        self._ours = ours
        self._names: Dict[str, int] = {}

    def rows(self) -> List[Dict[str, Any]]:
        """Each node: its class and values, and what is linked to it."""
        return [
            {
                "kind": one.Class(),
                "title": one.Class(),
                "links": self._walk.links[place],
                "values": self._values(one),
            }
            for place, one in enumerate(self._walk.nodes)
        ]

    def _values(self, node: nuke.Node) -> Dict[str, Any]:
        """The values of the knobs that a picture follows from."""
        if node_finding.is_ours(node):
            return self._texts(node, [name for name in _OF_OURS if node.knob(name) is not None])
        reader = read_range(node) is not None
        left_out = described_knobs.OF_READS if reader else frozenset()
        names = [
            name
            for name, knob in node.knobs().items()
            if name not in left_out
            and described_knobs.counts(name, knob.Class())
            and not isinstance(knob, nuke.File_Knob)
        ]
        values = self._texts(node, names)
        if reader and node.knob("frame") is not None:
            self.moves = self.moves or node["frame"].isAnimated()
        return values

    def _texts(self, node: nuke.Node, names: Sequence[str]) -> Dict[str, Any]:
        """Knobs as they are saved, with the nodes that their expressions name called by their places."""
        raw = {name: _text_of(node[name]) for name in sorted(names)}
        moving = [name for name in raw if node[name].isAnimated()]
        expressions = [raw[name] for name in moving]
        self.moves = self.moves or any(
            not node[name].hasExpression() or described_knobs.may_move(str(raw[name])) for name in moving
        )
        places = self._places(node, [str(text) for text in expressions] or [""])
        return {
            name: described_knobs.without_names(value, places) if isinstance(value, str) else value
            for name, value in raw.items()
        }

    def _places(self, node: nuke.Node, texts: Sequence[str]) -> Dict[str, str]:
        """What stands in expressions for the nodes that they name; those not in the walk are described too."""
        joined = " ".join(texts)
        depends = [one for one in node.dependencies(nuke.EXPRESSIONS) if one is not None]
        places = {}
        for one in sorted(depends, key=lambda other: (joined.find(other.name()), other.fullName())):
            place = self._walk.place(one)
            if place is not None:
                places[one.name()] = f"@{place}"
            elif one.fullName() != self._ours.fullName() or one.Class() == "Root":
                places[one.name()] = f"@named{self._name(one, node, texts)}"
        return places

    def _name(self, node: nuke.Node, user: nuke.Node, texts: Sequence[str]) -> int:
        """The place in `named` of a node that the expressions of another name."""
        called = [node.name()]
        if node.Class() == "Root":
            called.append("root")
        if user.parent() is not None and user.parent().fullName() == node.fullName():
            called.append("parent")
        knobs = [name for one in called for name in described_knobs.named_knobs(texts, one)]
        key = node.fullName()
        if key not in self._names:
            self._names[key] = len(self.named)
            self.named.append({"kind": node.Class(), "values": {}})
        row = self.named[self._names[key]]
        wanted = [name for name in knobs if node.knob(name) is not None and name not in row["values"]]
        # First, as expressions may lead round in a circle.
        row["values"].update(dict.fromkeys(wanted, ""))
        row["values"].update(self._texts(node, wanted))
        return self._names[key]


def _text_of(knob: nuke.Knob) -> Any:
    """A knob's value as a saved script has it; of a format what counts of it, as many lead to the project's."""
    if isinstance(knob, nuke.Format_Knob):
        return _format(knob.value())
    # None: with all keys, and for all views.
    return str(knob.toScript(False, None))


def _format(one: Any) -> List[float]:
    """A format without its name."""
    return [one.width(), one.height(), one.x(), one.y(), one.r(), one.t(), round(float(one.pixelAspect()), 6)]


def _root(walk: Walk) -> Dict[str, Any]:
    """What of the project the pictures hang on."""
    root = nuke.root()
    reads = any(file_knobs(one) for one in walk.nodes)
    names = _COLOUR + _FILE_COLOUR * reads
    found: Dict[str, Any] = {name: str(_text_of(root[name])) for name in names if root.knob(name) is not None}
    if any(not walk.links[place] and not _own_format(one) for place, one in enumerate(walk.nodes)):
        found["format"] = _format(root["format"].value())
    if any(one.Class() in _BY_VIEWS for one in walk.nodes):
        found["views"] = list(host.views())
    return found


def _own_format(node: nuke.Node) -> bool:
    """Whether a node that nothing leads to says itself how large its picture is."""
    return bool(file_knobs(node)) or any(isinstance(one, nuke.Format_Knob) for one in node.knobs().values())


def _makes_picture(node: nuke.Node) -> bool:
    """Whether a node can be where a picture begins: not one that only passes on what comes."""
    return node.Class() not in ("Dot", "NoOp", "Input", "Output", "Group", "StickyNote", "Switch")


def _is_disabled(node: nuke.Node) -> bool:
    """Whether a node is switched off."""
    knob = node.knob("disable")
    return knob is not None and bool(knob.value())
