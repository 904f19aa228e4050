"""What a computation is going to do: which frames, views and settings, from what; settled before it begins."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, Mapping, Optional, Tuple, Union

import nuke
from semantic_matte_client.nodes import fingerprints
from semantic_matte_client.nodes.control_rows import settings_of_pixels
from semantic_matte_client.nodes.frame_spans import FrameSpanError, frames_of, offset_for, text_of
from semantic_matte_client.nodes.result_folders import ResultFolderError, job_folder, job_name

from . import cache_place, host, node_knobs, running, upstream
from .node_finding import identity
from .working_space import KNOBS, WorkingSpace, WorkingSpaceError, working_space

# A shot of more frames is a slip of the finger, and a job takes no more plates.
MOST_FRAMES = 10_000
# Settings that say how and where, not what: the same folder holds what comes of them.
_NOT_OF_FOLDER = frozenset(("device", "batch", "reuse", "accept_licence"))
# Nuke takes these in a file's name for a frame's number, a view's name or a command.
_TAKEN_SIGNS = re.compile(r"[#%\[]")

# A text such as "1001-1050x2,1060", a frame, or frames.
Frames = Union[str, int, Iterable[int]]
Views = Union[str, Iterable[str]]


class PlanError(Exception):
    """It can't be computed as asked; its text is a sentence for the artist. exit_code: 2 where the call
    itself is wrong."""

    def __init__(self, sentence: str, exit_code: int = 1) -> None:
        """See above."""
        super().__init__(sentence)
        self.exit_code = exit_code


@dataclass(frozen=True)
class Plan:
    """frames: of the script, ascending. offset: a file's number less its frame. hold: the one frame stands for
    all. settings: for the client. colour_space, ocio: of the plates. depth: half or float. hint: whether there
    is one. description: of all that the result follows from. key: the name of the job's folder. cache: the
    folder above the node's. notices: what there is to say."""

    identity: str
    frames: Tuple[int, ...]
    offset: int
    hold: bool
    views: Tuple[str, ...]
    settings: Dict[str, Any]
    colour_space: str
    ocio: Optional[str]
    depth: str
    hint: bool
    description: Dict[str, Any]
    key: str
    folder: Path
    cache: Path
    notices: Tuple[str, ...] = field(default=())

    @property
    def is_still(self) -> bool:
        """Whether it is one plate alone, and no shot."""
        return len(self.frames) == 1

    @property
    def file_numbers(self) -> str:
        """The numbers of the plates' files, as the client takes them."""
        return text_of(frame + self.offset for frame in self.frames)


def made_plan(node: nuke.Group, frames: Optional[Frames] = None, views: Optional[Views] = None) -> Plan:
    """The plan of a node's computation. frames, views: in place of the node's own.

    Raises PlanError, ResultFolderError.
    """
    own = identity(node)
    if running.current(own) is not None:
        raise PlanError(f"Mattes of '{node.name()}' are being computed already: cancel that first, or wait.")
    if nuke.executing():
        raise PlanError("A render is running: generate when it has ended.")
    of_views = _views(node, views)
    chosen, hold = _held(node, frames_asked(node, frames))
    refusal = upstream.refusal(node, of_views)
    if refusal:
        raise PlanError(refusal)
    settings = node_knobs.settings_of(node)
    if len(chosen) == 1:
        settings["track"] = False
    space = _space(node)
    cache, notice = cache_place.cache_folder(node)
    _check_name(node, cache)
    description = described(node, settings, chosen, of_views)
    key = _key(settings, description, chosen, hold, of_views)
    return Plan(
        identity=own,
        frames=chosen,
        offset=offset_for(chosen),
        hold=hold,
        views=of_views,
        settings=settings,
        colour_space=space.colour_space,
        ocio=space.ocio,
        depth=str(node["capture_depth"].value()),
        hint=node_knobs.uses_hint(node),
        description=description,
        key=key,
        folder=job_folder(cache, own, key),
        cache=cache,
        notices=(notice,) if notice else (),
    )


def described(
    node: nuke.Group,
    settings: Mapping[str, Any],
    frames: Tuple[int, ...],
    views: Tuple[str, ...],
    known: Optional[Mapping[str, Any]] = None,
) -> Dict[str, Any]:
    """What a result follows from, in plain values; compared by `source_record.difference`.

    settings: those of `node_knobs.settings_of`. known: an earlier description, which saves reading files.
    Raises PlanError where the colour space can't be told.
    """
    space = _space(node)
    described_upstream: Dict[str, Any] = upstream.describe(node, frames, views, known=known)
    pixels = settings_of_pixels(settings)
    # A frame of a shot is described alone by a check, and is no other picture for that.
    pixels.pop("track", None)
    return {
        **described_upstream,
        "settings": pixels,
        "colour": {
            "space": space.colour_space,
            "configuration": space.ocio,
            "depth": str(node["capture_depth"].value()),
        },
        "use of the hint": node_knobs.uses_hint(node),
    }


def _key(
    settings: Mapping[str, Any],
    description: Mapping[str, Any],
    frames: Tuple[int, ...],
    hold: bool,
    views: Tuple[str, ...],
) -> str:
    """The name of the job's folder: the same for the same pixels, settings, frames and views, always."""
    # An update of Nuke changes no pixel, and a farm may have another one.
    source = {name: value for name, value in description.items() if name != "host"}
    return job_name(
        {
            "settings": {name: value for name, value in settings.items() if name not in _NOT_OF_FOLDER},
            "source": fingerprints.digest(source),
            "frames": text_of(frames),
            "hold": hold,
            "views": list(views),
        },
        (),
    )


def frames_asked(node: nuke.Group, asked: Optional[Frames]) -> Tuple[int, ...]:
    """The frames that are asked for, else those of the node's range, else the script's. Raises PlanError."""
    try:
        if asked is None or isinstance(asked, str):
            written = node_knobs.frame_range_of(node) if asked is None else asked
            frames = frames_of(written) if written.strip() or asked is not None else _of_root()
        elif isinstance(asked, int):
            frames = (int(asked),)
        else:
            frames = tuple(sorted({int(frame) for frame in asked}))
    except FrameSpanError as reason:
        raise PlanError(str(reason), exit_code=2) from None
    except (TypeError, ValueError):
        raise PlanError(
            f"Expected frames as a text such as 1001-1050, a number or numbers, got {asked!r}.", exit_code=2
        ) from None
    if not frames:
        raise PlanError("There are no frames to compute: give at least one.", exit_code=2)
    if len(frames) > MOST_FRAMES:
        raise PlanError(
            f"{len(frames):,} frames are more than one shot takes ({MOST_FRAMES:,}): give fewer.", exit_code=2
        )
    return frames


def _of_root() -> Tuple[int, ...]:
    """The script's own range. Raises PlanError."""
    first, last = host.root_frames()
    if last < first:
        raise PlanError(
            f"The script's frame range runs backwards, from {first} to {last}: mend it in the project settings."
        )
    # A slip in the settings is told by its number, and fills no memory.
    return tuple(range(first, min(last, first + MOST_FRAMES) + 1))


def _held(node: nuke.Group, frames: Tuple[int, ...]) -> Tuple[Tuple[int, ...], bool]:
    """The frames to compute, and whether one alone is held for all."""
    hold = str(node["hold"].value())
    if hold == "on" or (hold == "auto" and upstream.is_still(node)):
        now = host.current_frame()
        return (now if now in frames else frames[0],), True
    return frames, False


def _views(node: nuke.Group, asked: Optional[Views]) -> Tuple[str, ...]:
    """The views that are asked for, else the node's, in the script's order. Raises PlanError."""
    if asked is None:
        wanted = tuple(node_knobs.chosen_views(node))
    elif isinstance(asked, str):
        wanted = tuple(part.strip() for part in asked.split(",") if part.strip())
    else:
        wanted = tuple(asked)
    there = host.views()
    unknown = [view for view in wanted if view not in there]
    if unknown:
        raise PlanError(
            f"The script has no view '{unknown[0]}': it has {', '.join(there)}. Choose among these.",
            exit_code=2,
        )
    return tuple(view for view in there if view in wanted) or there


def _space(node: nuke.Group) -> WorkingSpace:
    """The colour space of what flows in. Raises PlanError."""
    root = nuke.root()
    values = {}
    for name in KNOBS:
        knob = root.knob(name)
        if knob is not None:
            # A file knob may hold an expression: [getenv SHOW]/config.ocio.
            value = knob.getEvaluatedValue() if isinstance(knob, nuke.File_Knob) else knob.value()
            values[name] = str(value or "")
    try:
        return working_space(values, str(node["input_space"].value() or ""))
    except WorkingSpaceError as reason:
        raise PlanError(str(reason)) from None


def _check_name(node: nuke.Group, cache: Path) -> None:
    """Refuse a folder that Nuke reads as something else in a file's name. Raises ResultFolderError."""
    knob = node.knob(cache_place.KNOB)
    # Evaluated, the signs of a frame's number have become a number, another one at each frame.
    written = re.sub(r"[^#%]", "", str(knob.getText() or "")) if isinstance(knob, nuke.File_Knob) else ""
    found = _TAKEN_SIGNS.search(written or str(cache))
    if found:
        raise ResultFolderError(
            f"The cache folder '{host.forward(str(cache))}' has a '{found[0]}' in its name, which Nuke takes "
            f"for a frame's number, a view or a command: choose another one {cache_place.WHERE}."
        )
