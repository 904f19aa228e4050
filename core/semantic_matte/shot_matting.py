"""The second step of a shot: mattes of its frames, in any order and any chunks, each frame's files whole.

Three threads share the work: one reads plates and finds motion ahead, the caller's solves on the device, one
steadies, unmixes and writes behind.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from semantic_matte.earlier_results import clear_superseded, find_earlier, written_before
from semantic_matte.engine import Engine
from semantic_matte.errors import CancelledError, PlateError
from semantic_matte.noted import Noted
from semantic_matte.outputs.sidecar import SlotFacts, each_once
from semantic_matte.overlapped import ReadAhead, WriteBehind
from semantic_matte.ports import Progress, ProgressEvent, SilentProgress
from semantic_matte.result_files import FrameResult, ResultFiles
from semantic_matte.result_writing import ShotFacts, write_results
from semantic_matte.shot_keys import FrameKeys
from semantic_matte.shot_sources import Shot
from semantic_matte.shot_types import Track
from semantic_matte.shots.steady_frames import flickers, steady_frame
from semantic_matte.shots.window import Seeing, ShotPlan, Surroundings, Window, in_turn
from semantic_matte.types import Instance, Matte, Plate


@dataclass(frozen=True)
class ShotWork:
    """What is to be made of a shot.

    tracks: named, in the order of their slots. plates: the digest of each plate, by frame number, as it was
    when objects were looked for. models: every file used to find and tie them, as the sidecar tells them;
    device: where. ranks: of the Cryptomatte. keys: of each frame's results, None where they can't be told.
    sources: files that nothing may remove.
    """

    shot: Shot
    plan: ShotPlan
    tracks: tuple[Track, ...]
    plates: Mapping[int, str]
    models: Sequence[Mapping[str, str]]
    device: str
    ranks: int
    keys: FrameKeys | None
    folder: Path
    colour_space: str | None
    sources: tuple[Path, ...]

    def files(self, place: int, engine: Engine) -> ResultFiles:
        """The files of a place's results: no contact sheet, which the whole shot has one of."""
        number = self.plan.frames[place]
        settings = engine.settings.model_copy(update={"contact_sheet": False})
        return ResultFiles.of(
            self.folder, self.shot.plate_name(number), [track.slot for track in self.tracks], settings
        )


@dataclass(frozen=True)
class ShotTimes:
    """Where the time of making went, in seconds. reading, writing: what the device waited for each."""

    total: float
    reading: float
    writing: float

    @property
    def waiting(self) -> float:
        """The share of the time that the device waited, in [0, 1]."""
        return (self.reading + self.writing) / self.total if self.total else 0.0


class _Notes(SilentProgress):
    """One frame's notices, kept in the thread that writes; asked whether to go on."""

    def __init__(self, stopped: threading.Event) -> None:
        super().__init__()
        self._stopped = stopped

    def advance(self, _event: ProgressEvent) -> None:
        """Raises CancelledError once the work was ended elsewhere."""
        if self._stopped.is_set():
            raise CancelledError("The shot was ended.")


@dataclass(frozen=True)
class _Made:
    """What came of a place in the thread that writes. result: None for one made only to be compared with."""

    place: int
    notices: tuple[str, ...]
    result: FrameResult | None


def matte_places(
    engine: Engine,
    work: ShotWork,
    places: Sequence[int],
    progress: Progress,
    finished: Callable[[FrameResult], None],
) -> ShotTimes:
    """Make the results of some places of a shot; those that are there already, by the same means, are kept.

    finished: called with each frame's result once all of its files are in place, those that are kept first.
    Raises PlateError for a plate that changed since objects were looked for, and whatever making a frame
    raises; frames that were finished before stay.
    """
    maker = _Maker(engine, work, progress, finished, len(places))
    todo = [place for place in places if not maker.kept(place)]
    return maker.make(todo)


class _Maker:
    """One call's work: solving here, reading and writing beside it."""

    def __init__(
        self,
        engine: Engine,
        work: ShotWork,
        progress: Progress,
        finished: Callable[[FrameResult], None],
        total: int,
    ) -> None:
        self._engine, self._work, self._progress = engine, work, progress
        self._finished, self._total, self._done, self._made = finished, total, 0, 0
        self._began = time.monotonic()
        self._stopped = threading.Event()
        self._solving_notes: dict[int, list[str]] = {}
        # Of the thread that writes: the final mattes of the frame that it made last.
        self._previous: tuple[int, dict[str, Matte]] = (-2, {})

    def kept(self, place: int) -> bool:
        """Whether a place's results are there already; they are told."""
        work, engine = self._work, self._engine
        key = work.keys.key(place) if work.keys and engine.settings.reuse else None
        number = work.plan.frames[place]
        shown = engine.settings.model_copy(update={"contact_sheet": False})
        earlier = find_earlier(work.folder, work.shot.plate_name(number), key, shown)
        if earlier is None:
            return False
        self._tell(FrameResult(work.shot.path(number), _kept(earlier.record.plain()), earlier.files, True))
        return True

    def make(self, todo: Sequence[int]) -> ShotTimes:
        """Make places, upwards."""
        work, plan = self._work, self._work.plan
        self._began = time.monotonic()
        if todo:
            # Chosen here, not in a thread.
            self._progress.notice(self._engine.device_notice)
        turns = list(in_turn(plan, todo))
        seeing = Seeing(plan, self._read)
        ahead = ReadAhead(seeing.see, plan.needed(place for place, _ in turns))
        behind: WriteBehind[_Made] = WriteBehind(self._reap)
        strength = self._engine.settings.steadiness
        with ahead, behind:
            window = Window(plan, ahead, self._solve, strength)
            try:
                for place, wanted in turns:
                    around = window.surroundings(place)
                    # What a full device changed is not what the key stands for.
                    key = work.keys.key(place) if work.keys and not self._engine.short_of_memory else None
                    notes = self._solving_notes.pop(place, [])
                    behind.give(partial(self._finish, around, key, wanted, notes))
            except BaseException:
                # Before the thread that writes is waited for.
                self._stopped.set()
                raise
        return ShotTimes(time.monotonic() - self._began, ahead.waited, behind.waited)

    def _read(self, place: int) -> Plate:
        """In the thread that reads. Raises PlateError for another plate than objects were looked for in."""
        from semantic_matte.content_keys import plate_digest

        work, settings = self._work, self._engine.settings
        number = work.plan.frames[place]
        plate = work.shot.read(number, work.colour_space, settings.foreground)
        if plate_digest(replace(plate, own_pixels=None, own_space="")) != work.plates[number]:
            raise PlateError(
                f"Frame {number} of '{work.shot.title}' is another picture than when its objects were looked "
                "for: run 'track' again, or the whole shot."
            )
        return plate

    def _solve(self, place: int, plate: Plate, instances: Sequence[Instance]) -> Sequence[Matte]:
        """In the caller's thread: on the device."""
        notes = Noted(self._progress, self._work.shot.path(self._work.plan.frames[place]).name)
        mattes = self._engine.solve(plate, instances, notes)
        self._solving_notes[place] = notes.notices
        return mattes

    def _finish(self, around: Surroundings, key: str | None, wanted: bool, solving: Sequence[str]) -> _Made:
        """In the thread that writes: steady, settle and write a place."""
        work, settings = self._work, self._engine.settings
        notes = _Notes(self._stopped)
        notes.advance(ProgressEvent("writing", 0, 0))
        final, sentences = steady_frame(around, settings)
        by_slot = {matte.slot: matte for matte in final}
        last, before = self._previous
        self._previous = (around.place, by_slot)
        if not wanted:
            return _Made(around.place, (), None)
        for sentence in (*solving, *sentences):
            notes.notice(sentence)
        told = len(solving)
        compared = flickers(final, before if last == around.place - 1 else None, around.before)
        number = work.plan.frames[around.place]
        mattes = [
            by_slot.get(track.slot) or Matte.absent(track.slot, track.label, around.plate.size)
            for track in work.tracks
        ]
        facts = {
            track.slot: SlotFacts(track.sightings[number].source, compared.get(track.slot))
            for track in work.tracks
            if number in track.sightings
        }
        files = work.files(around.place, self._engine)
        path = work.shot.plate_name(number)
        earlier = written_before(work.folder, path, settings)
        shot = ShotFacts(facts, self._models(), work.device, work.ranks)
        record = write_results(self._engine, around.plate, mattes, files, notes, key, shot)
        cleared = clear_superseded(work.folder, earlier, (*files.paths, *work.sources))
        result = FrameResult(work.shot.path(number), _kept(record), files.paths)
        return _Made(around.place, (*notes.notices[told:], *cleared.notices), result)

    def _models(self) -> list[Mapping[str, str]]:
        """Every model file that was used for the shot, each once."""
        return each_once([*self._work.models, *self._engine.estimator.models])

    def _reap(self, made: _Made) -> None:
        """In the caller's thread: tell what came of a place."""
        name = self._work.shot.path(self._work.plan.frames[made.place]).name
        for sentence in made.notices:
            self._progress.notice(f"{name}: {sentence}")
        if made.result is not None:
            self._made += 1
            self._tell(made.result)

    def _tell(self, result: FrameResult) -> None:
        """Tell of a frame, and of the whole shot."""
        self._done += 1
        minutes = (time.monotonic() - self._began) / 60
        rate = self._made / minutes if self._made and minutes > 0 else 0.0
        self._finished(result)
        self._progress.advance(
            ProgressEvent("frames", self._done, self._total, result.plate.name, rate=round(rate, 2))
        )


def _kept(record: Mapping[str, Any]) -> dict[str, Any]:
    """Of a sidecar's record what is told, for the objects that are there: a shot may have thousands of
    frames."""
    slots = [
        {name: slot[name] for name in ("slot", "label", "score", "passes", "box")}
        for slot in record["slots"]
        if slot["box"] is not None
    ]
    return {"key": record["key"], "slots": slots}
