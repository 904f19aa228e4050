"""Capture: the pixels that flow into a node, frame by frame and view by view, as files for the engine.

Nuke has no pixels for Python, so a Write is made inside the node, rendered and removed again: a permanent one
would be rendered by every submitter. All of it happens on the main thread.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List

import nuke
from semantic_matte_client.nodes.frame_spans import file_name
from semantic_matte_client.nodes.frame_words import frame_words
from semantic_matte_client.nodes.result_folders import check_space

from . import host
from .cache_place import WHERE
from .node_finding import all_nodes, inner

if TYPE_CHECKING:
    from .compute_plan import Plan

# What the nodes that are here for a capture alone are called; nothing else may begin so.
PREFIX = "SM_Capture"
STEM, HINT_STEM = "plate", "hint"
# What the node's knob says, and what Nuke's Write calls it.
DATA_TYPES = {"half": "16 bit half", "float": "32 bit float"}
_BYTES = {"half": 2, "float": 4}
# Header, and the table of lines.
_HEADER = 1 << 16
# The words of Nuke where the artist cancels a render.
_CANCEL = "cancel"

# Told how far the capture is, 0 to 1, and what is being done; False to end it.
Report = Callable[[float, str], bool]


class CaptureError(RuntimeError):
    """What flows into a node can't be captured; its text is a sentence for the artist."""


class CaptureCancelledError(CaptureError):
    """The artist ended the capture."""


@dataclass
class Captured:
    """What was captured. plates: by view, in the order of the frames. hint: by view, of the first frame; empty
    where there is none. seconds: what was spent, by part."""

    plates: Dict[str, List[Path]] = field(default_factory=dict)
    hint: Dict[str, Path] = field(default_factory=dict)
    seconds: Dict[str, float] = field(default_factory=lambda: defaultdict(float))


def capture(node: nuke.Group, plan: Plan, folder: Path, report: Report) -> Captured:
    """Write the plates of a plan, `<folder>/<view>/plate.1001.exr`, and the hint of its first frame.

    The script is afterwards as it was: no node more, no step of undo, the same selection, frame, proxy mode and
    flag of changes. Raises CaptureError, CaptureCancelledError, ResultFolderError.
    """
    source, hint = inner(node, "SM_Source"), inner(node, "Hint") if plan.hint else None
    if source is None or (plan.hint and hint is None):
        raise CaptureError(
            f"The inside of '{node.name()}' was changed, and where its plate comes from is not there any more: "
            "make a new Semantic Matte node."
        )
    if nuke.executing():
        raise CaptureError("A render is running: generate when it has ended.")
    captured = Captured()
    start = time.perf_counter()
    with host.kept_state(), host.without_undo():
        nuke.root()["proxy"].setValue(False)
        try:
            writes = {STEM: _made_write(node, source, "rgb", plan.depth)}
            if hint is not None:
                writes[HINT_STEM] = _made_write(node, hint, _mask_channels(hint), plan.depth)
            captured.seconds["write node"] += time.perf_counter() - start
            _render_all(plan, folder, writes, captured, report)
        finally:
            _remove_nodes(node)
    return captured


def sweep() -> int:
    """Remove nodes of captures that a crashed Nuke, or a save in mid-capture, left in the script; how many."""
    with host.kept_modified_flag(), host.without_undo():
        return sum(_remove_nodes(node) for node in all_nodes())


def plate_bytes(source: nuke.Node | None, depth: str) -> int:
    """The most bytes that a captured plate may take: what there is beyond the format is captured too."""
    if source is None:
        return _HEADER
    box = source.bbox()
    pixels = max(int(box.w()) * int(box.h()), source.width() * source.height())
    return int(pixels * 3 * _BYTES[depth] * 1.02) + _HEADER


def _made_write(node: nuke.Group, source: nuke.Node, channels: str, depth: str) -> nuke.Node:
    """A Write inside the node that writes raw values of a node beside it."""
    with node:
        write: nuke.Node = nuke.nodes.Write()
    write.setName(PREFIX)
    write.setInput(0, source)
    # The knobs of a format are there once it is chosen.
    write["file_type"].setValue("exr")
    write["channels"].setValue(channels)
    write["raw"].setValue(True)
    write["datatype"].setValue(DATA_TYPES[depth])
    for name, value in (("metadata", "no metadata"), ("autocrop", False)):
        if write.knob(name) is not None:
            write[name].setValue(value)
    return write


def _mask_channels(hint: nuke.Node) -> str:
    """Where the artist's mask is: in the alpha if there is one. The engine takes one channel, or the mean of
    three."""
    return "alpha" if "rgba.alpha" in hint.channels() else "rgb"


def _render_all(
    plan: Plan, folder: Path, writes: Dict[str, nuke.Node], captured: Captured, report: Report
) -> None:
    """Render every frame of every view, and the hint before its first plate."""
    total = len(plan.frames) * len(plan.views)
    done = 0
    for view in plan.views:
        captured.plates[view] = []
        _make_folder(folder / view)
        for position, frame in enumerate(plan.frames):
            of_view = f" of view {view}" if len(plan.views) > 1 else ""
            words = f"Capturing {frame_words(frame, position, len(plan.frames))}{of_view}"
            if not report(done / total, words):
                raise CaptureCancelledError("The capture was cancelled.")
            check_space(folder, plate_bytes(writes[STEM].input(0), plan.depth), WHERE)
            number = frame + plan.offset
            if position == 0 and HINT_STEM in writes:
                place = folder / view / file_name(HINT_STEM, number)
                captured.hint[view] = _rendered(writes[HINT_STEM], place, frame, view, captured)
            place = folder / view / file_name(STEM, number)
            captured.plates[view].append(_rendered(writes[STEM], place, frame, view, captured))
            done += 1


def _make_folder(place: Path) -> None:
    """Make the folder of a view. Raises CaptureError."""
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as reason:
        raise CaptureError(_cannot_write(place, reason.strerror or str(reason))) from None


def _rendered(write: nuke.Node, place: Path, frame: int, view: str, captured: Captured) -> Path:
    """Render one file, which is there and not empty then. Raises CaptureError, CaptureCancelledError."""
    start = time.perf_counter()
    write["file"].setValue(host.forward(str(place)))
    captured.seconds["set up"] += time.perf_counter() - start
    start = time.perf_counter()
    try:
        nuke.execute(write, frame, frame, 1, [view])
    except RuntimeError as reason:
        if _CANCEL in str(reason).lower():
            raise CaptureCancelledError("The capture was cancelled.") from None
        raise CaptureError(_cannot_render(frame, view, reason)) from None
    finally:
        captured.seconds["render and write"] += time.perf_counter() - start
    try:
        size = place.stat().st_size
    except OSError:
        size = 0
    if size == 0:
        raise CaptureError(_cannot_write(place, "Nuke rendered it without a word, and no picture came"))
    return place


def _remove_nodes(node: nuke.Group) -> int:
    """Remove what a capture made inside the node; how many nodes."""
    ours: List[Any] = [one for one in node.nodes() if one.name().startswith(PREFIX)]
    for one in ours:
        nuke.delete(one)
    return len(ours)


def _cannot_render(frame: int, view: str, reason: RuntimeError) -> str:
    """The sentence for a frame that Nuke does not render."""
    words = " ".join(str(reason).split()).rstrip(".") or "it does not say why"
    seen = f" of view {view}" if len(host.views()) > 1 else ""
    return f"Nuke could not render frame {frame}{seen} of what flows into the node: {words}."


def _cannot_write(place: Path, reason: str) -> str:
    """The sentence for a file or folder that did not come."""
    path = host.forward(str(place))
    return f"The plate '{path}' can't be written: {reason}. Choose another cache folder {WHERE}."
