"""The first step of a shot: find the objects of every frame and tie them, before any matte is solved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from semantic_matte.content_keys import plate_digest
from semantic_matte.engine import Engine, nothing_found, views_of
from semantic_matte.errors import PlateError
from semantic_matte.outputs.names import slot_names
from semantic_matte.outputs.sidecar import each_once
from semantic_matte.overlapped import ReadAhead
from semantic_matte.ports import Progress, ProgressEvent, Tracker
from semantic_matte.shot_sources import Shot, frames_text
from semantic_matte.shot_types import ShotFrame, Track
from semantic_matte.shots.naming import named
from semantic_matte.types import Hint, Plate


@dataclass(frozen=True)
class FoundShot:
    """What was found in a shot, before the artist's edits.

    tracks: with slots, in their order. cuts: frames that begin a new scene. plates: the digest of each plate
    that could be read, by frame number, in order. unreadable: why the others could not. size: (H, W) of the
    first. models: every file that was used; device: where. view: the plates' view, a name that no slot may
    have.
    """

    tracks: tuple[Track, ...]
    cuts: tuple[int, ...]
    plates: Mapping[int, str]
    unreadable: Mapping[int, str]
    size: tuple[int, int]
    models: tuple[Mapping[str, str], ...]
    device: str
    views: tuple[str, ...] = ()


@dataclass
class _Seen:
    """What is learned of the plates on the way through them."""

    plates: dict[int, str] = field(default_factory=dict)
    unreadable: dict[int, str] = field(default_factory=dict)
    views: set[str] = field(default_factory=set)
    size: tuple[int, int] = (0, 0)


def find_and_tie(
    engine: Engine,
    tracker: Tracker,
    shot: Shot,
    hints: Sequence[Hint],
    colour_space: str | None,
    progress: Progress,
) -> FoundShot:
    """Go through a shot once, frame by frame.

    hints: the artist's own objects, as they are in the first frame. Raises PlateError for plates that can't be
    read, unless the settings skip them, and where none can; what reading, finding and tracking raise otherwise.
    """
    seen = _Seen()
    finding = _Finding(progress, len(shot.frames))
    # The shot's own count goes on; a tracker's would start again.
    tracked = tracker.track(_frames(engine, shot, hints, colour_space, finding, seen), finding)
    if seen.unreadable:
        told = "; ".join(f"{number}: {reason}" for number, reason in sorted(seen.unreadable.items()))
        progress.notice(
            f"Of '{shot.title}' these frames can't be read and are left out: "
            f"{frames_text(sorted(seen.unreadable))} ({told})."
        )
    if not seen.plates:
        raise PlateError(f"No frame of '{shot.title}' can be read: {next(iter(seen.unreadable.values()))}")
    tracks = named(
        tracked.tracks,
        list(seen.plates),
        engine.settings,
        select=[] if hints else engine.selects(),
        names=partial(slot_names, reserved=sorted(seen.views)),
        hinted=bool(hints),
        notice=progress.notice,
    )
    if not tracks:
        progress.notice(nothing_found(engine.settings, engine.segmenter_choice[0]))
    return FoundShot(
        tuple(tracks),
        tracked.cuts,
        seen.plates,
        seen.unreadable,
        seen.size,
        tuple(each_once([*engine.models, *tracker.models])),
        engine.device,
        tuple(sorted(seen.views)),
    )


def read_for_finding(shot: Shot, colour_space: str | None, number: int) -> tuple[Plate, str] | PlateError:
    """A plate with its digest, or why it can't be read."""
    try:
        plate = shot.read(number, colour_space)
    except PlateError as error:
        return error
    return plate, plate_digest(plate)


def _frames(
    engine: Engine,
    shot: Shot,
    hints: Sequence[Hint],
    colour_space: str | None,
    finding: _Finding,
    seen: _Seen,
) -> Iterator[ShotFrame]:
    """Each frame that can be read, for the tracker."""
    with ReadAhead(partial(read_for_finding, shot, colour_space), shot.frames) as ahead:
        for number, read in ahead:
            finding.begin(shot.path(number).name)
            if isinstance(read, PlateError):
                if engine.settings.missing_frames == "refuse":
                    raise PlateError(f"{read} --missing-frames skip leaves such frames out.") from read
                seen.unreadable[number] = str(read)
                continue
            plate, digest = read
            if seen.plates and plate.size != seen.size:
                raise PlateError(
                    f"Frame {number} of '{shot.title}' is {plate.size[1]}x{plate.size[0]}, those before it are "
                    f"{seen.size[1]}x{seen.size[0]}: expected one size over a shot. Run each part by --frames."
                )
            is_first = not seen.plates
            seen.size = plate.size
            hinted = engine.find(plate, hints, finding) if is_first and hints else ()
            seen.plates[number] = digest
            seen.views.update(views_of(plate))
            for sentence in plate.notices:
                finding.notice(sentence)
            yield ShotFrame(number, plate, partial(engine.find, plate, (), finding), hinted)
            finding.done += 1


class _Finding:
    """A segmenter's progress as that of the whole shot; what it says of every frame is said once."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress, self._total, self._name = progress, total, ""
        self._said: set[str] = set()
        self.done = 0

    def begin(self, name: str) -> None:
        """A frame is looked at."""
        self._name = name
        self.advance(ProgressEvent("finding", 0, 1))

    def advance(self, _event: ProgressEvent) -> None:
        """Whatever moves within a frame: the shot is as far as before, and may have been cancelled."""
        self._progress.advance(ProgressEvent("finding", self.done, self._total, self._name))

    def notice(self, message: str) -> None:
        """Pass on once, with the first frame that it is said of."""
        if message not in self._said:
            self._said.add(message)
            self._progress.notice(f"{self._name}: {message}")
