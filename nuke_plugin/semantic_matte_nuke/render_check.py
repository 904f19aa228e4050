"""Before a render: does every node have the mattes of the frame, and are they of what flows into it now?

What is wrong ends the render with the frame's number, unless Missing Frames says that it shall go on: then it
is told. Only what the Write shows is looked at, and of files only whether they are there and as they were.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

import nuke
from semantic_matte_client.nodes.frame_spans import text_of

from . import compute_plan, host, node_finding, node_knobs, node_results, source_record, upstream
from .stored_values import ShownResults, StoredValueError
from .upstream_walk import SOURCE, Walk

_GO_ON = "or set its Missing Frames to black or nearest to render all the same."
# Made at run time for the plates, inside nodes of ours.
_CAPTURE = "SM_Capture"


class RenderRefusedError(RuntimeError):
    """Mattes are missing or out of date, so that nothing is rendered; the text says what to do."""


@dataclass(frozen=True)
class Problem:
    """What is wrong with a node's mattes at a frame of a view, in a sentence that says what to do.

    frame: None where it is so at all of them.
    """

    frame: Optional[int]
    view: str
    sentence: str


def problems(node: nuke.Group, frames: Sequence[int], views: Sequence[str]) -> List[Problem]:
    """What is wrong with what a node shows at these frames and views; nothing for one that was never generated.

    frames: none of them asks for what holds for all: other nodes or settings than the mattes were made of.
    """
    try:
        shown = node_results.shown_results(node)
    except StoredValueError as reason:
        return [Problem(None, "", f"'{node.fullName()}': {reason}")]
    if shown is None:
        return []
    found = [one for view in views for one in _missing(node, shown, frames, view)]
    return found + _stale(node, shown, frames, [view for view in views if view in shown.views])


def before_render() -> None:
    """Nuke's callback before a Write renders: raises RenderRefusedError, which ends the render."""
    write = nuke.thisNode()
    if not _is_capture(write):
        _raise_or_tell(write, {node.fullName(): (node, ()) for node in _shown_nodes(write)}, None)


def before_frame_render() -> None:
    """Nuke's callback before each frame of it: raises RenderRefusedError, which ends the render."""
    write = nuke.thisNode()
    if _is_capture(write):
        return
    frame = host.current_frame()
    walk = Walk(write, (SOURCE,))
    asked: Dict[str, Tuple[nuke.Group, Tuple[int, ...]]] = {}
    for place, at in walk.reached(SOURCE, frame):
        node = walk.nodes[place]
        if isinstance(node, nuke.Group) and _is_shown(node):
            before = asked.get(node.fullName(), (node, ()))[1]
            asked[node.fullName()] = (node, (*before, at))
    _raise_or_tell(write, asked, frame)


def farm_check(node: nuke.Group) -> str:
    """What stands against rendering a node on a farm, as one text."""
    from . import farm_check as checking

    return checking.report(node)


def goes_on(node: nuke.Node) -> bool:
    """Whether the artist said that renders go on without mattes."""
    knob = node.knob("missing_frames")
    return knob is not None and str(knob.value()) != "error"


def _raise_or_tell(
    write: nuke.Node, asked: Dict[str, Tuple[nuke.Group, Tuple[int, ...]]], frame: Optional[int]
) -> None:
    """End the render for the first thing that is wrong, tell of the others."""
    views = _written_views(write)
    fatal = ""
    for node, frames in asked.values():
        found = problems(node, sorted(set(frames)), views)
        told = list(dict.fromkeys(one.sentence for one in found))
        if told and not goes_on(node):
            fatal = fatal or told[0]
        else:
            for sentence in told:
                host.say(sentence)
    if fatal:
        what = f"'{write.name()}' is not rendered" + ("" if frame is None else f" at frame {frame}")
        host.say(f"{what}: {fatal}")
        raise RenderRefusedError(f"Semantic Matte: {what}: {fatal}")


def _missing(node: nuke.Group, shown: ShownResults, frames: Sequence[int], view: str) -> List[Problem]:
    """The frames of a view without their files: never generated, or gone from disk."""
    name = node.fullName()
    if view not in shown.views:
        return [
            Problem(
                frame,
                view,
                f"'{name}' has no mattes of frame {frame} in view '{view}': it was generated for "
                f"{_listed(shown.views)}. Generate this view too, {_GO_ON}",
            )
            for frame in frames
        ]
    found = []
    results = shown.of_view(view)
    where = f" in view '{view}'" if len(shown.views) > 1 else ""
    for frame in frames:
        path = host.forward(results.mattes_file(frame))
        if not shown.hold and frame not in shown.frames:
            sentence = (
                f"'{name}' has no mattes of frame {frame}{where}: it was generated for "
                f"{text_of(shown.frames)}. Generate this frame too, {_GO_ON}"
            )
        elif not Path(path).is_file():
            sentence = (
                f"'{name}' has lost the mattes of frame {frame}{where}: '{path}' is not there. Bring it back, "
                f"generate again, {_GO_ON}"
            )
        else:
            continue
        found.append(Problem(frame, view, sentence))
    return found


def _stale(node: nuke.Group, shown: ShownResults, frames: Sequence[int], views: Sequence[str]) -> List[Problem]:
    """Whether the mattes are of other settings, other nodes or another picture than the node has now."""
    record = source_record.read(shown.folder)
    if record is None or not views:
        # Loaded from elsewhere: nobody knows what they were made of.
        return []
    refused = upstream.refusal(node, views)
    if refused:
        sentence = f"'{node.fullName()}' shows mattes of what no longer flows into it. {refused}"
        return [Problem(None, views[0], sentence)]
    asked = _asked_frames(shown, frames)
    try:
        if (frames and not asked) or not _changed(node, record, asked, views):
            return []
    except compute_plan.PlanError as reason:
        return [Problem(None, views[0], f"'{node.fullName()}' can't be compared with its source: {reason}")]
    # Which of them, and what: only now, as each look describes all that flows in.
    for frame in asked or (None,):
        for view in views:
            changed = _changed(node, record, () if frame is None else (frame,), (view,), named=True)
            if changed:
                at = "" if frame is None else f" at frame {frame}"
                where = f" in view '{view}'" if len(shown.views) > 1 and frame is not None else ""
                sentence = (
                    f"'{node.fullName()}' shows mattes that are out of date{at}{where}: {changed}. Generate "
                    f"again, {_GO_ON}"
                )
                return [Problem(frame, view, sentence)]
    return []


def _asked_frames(shown: ShownResults, frames: Sequence[int]) -> Tuple[int, ...]:
    """The frames whose plates count for the mattes of these."""
    if not frames:
        return ()
    return shown.frames if shown.hold else tuple(frame for frame in frames if frame in shown.frames)


def _changed(
    node: nuke.Group,
    record: source_record.SourceRecord,
    frames: Sequence[int],
    views: Sequence[str],
    named: bool = False,
) -> str:
    """What differs, as a part of a sentence; "" where nothing does. named: with what the nodes are called."""
    before = record.description
    settings = node_knobs.settings_of(node)
    after = compute_plan.described(node, settings, tuple(frames), tuple(views), known=before)
    return source_record.difference(before, after, upstream.titles(node) if named else ())


def _shown_nodes(write: nuke.Node) -> List[nuke.Group]:
    """The nodes of ours that lead to a Write and show their mattes."""
    nodes = Walk(write, (SOURCE,)).nodes
    return [node for node in nodes if isinstance(node, nuke.Group) and _is_shown(node)]


def _is_shown(node: nuke.Node) -> bool:
    """Whether a node is one of ours, and does anything to the picture."""
    if not node_finding.is_ours(node) or bool(node["disable"].value()):
        return False
    return node.knob("show") is None or str(node["show"].value()) != "source"


def _is_capture(write: nuke.Node) -> bool:
    """Whether a Write is ours, which captures plates."""
    return bool(write.name().startswith(_CAPTURE)) and node_finding.is_ours(write.parent())


def _written_views(write: nuke.Node) -> Tuple[str, ...]:
    """The views that a Write renders, all of the script where it doesn't say."""
    knob = write.knob("views")
    named = str(knob.value()).split() if knob is not None else []
    there = host.views()
    return tuple(view for view in there if view in named) or there


def _listed(views: Sequence[str]) -> str:
    """Views for a sentence."""
    return f"view {views[0]}" if len(views) == 1 else f"views {', '.join(views)}"
