"""The end of a shot: its frames' results looked through, its record and its contact sheet written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from semantic_matte.earlier_results import read_sidecar
from semantic_matte.errors import OutputError, PlateError, UsageError
from semantic_matte.foregrounds import create_foreground_estimator
from semantic_matte.frame_ranges import range_text
from semantic_matte.layer_files import LayerFile, read_layers
from semantic_matte.outputs.atomic import ensure_folder
from semantic_matte.outputs.sheet_timeline import Timeline, TimelineRow
from semantic_matte.outputs.shot_record_model import SHOT_SCHEMA_VERSION, ShotRecord
from semantic_matte.outputs.shot_sheet import SheetFrame, SheetShot, spread_frames, write_shot_sheet
from semantic_matte.outputs.sidecar import file_record, write_json
from semantic_matte.outputs.sidecar_model import FileRecord, PlateRecord
from semantic_matte.ports import Progress, ProgressEvent, SilentProgress
from semantic_matte.settings import Settings
from semantic_matte.shot_survey import Problem, ShotSurvey, SlotCourse, survey_shot
from semantic_matte.types import Box, FloatArray, Instance, Matte, Plate

# Floats of alphas that are read at a time.
_FLOATS_AT_ONCE = 16 << 20


@dataclass(frozen=True)
class Collected:
    """What came of a shot. record: what its file says. files: the contact sheet, if it is written, and the
    record.
    """

    survey: ShotSurvey
    record: ShotRecord
    files: tuple[Path, ...]

    @property
    def failures(self) -> tuple[Problem, ...]:
        """Frames without a result that can be used; those that the user left out are none of them."""
        return self.survey.failures

    @property
    def failure(self) -> str:
        """One sentence that names the frames without a result; "" if there are none."""
        if not self.failures:
            return ""
        rows = "; ".join(
            f"{row.frames} ({row.state}): {row.reason}"
            for row in self.record.problems
            if row.state != "skipped"
        )
        count = len(self.failures)
        frames = "1 frame has" if count == 1 else f"{count} frames have"
        return f"{frames} no result of shot '{self.record.shot}' that can be used: {rows}"

    def told(self) -> dict[str, Any]:
        """As a shell and a worker tell it, in plain values."""
        record = self.record.plain()
        fields = ("shot", "frames", "whole", "problems")
        return {**{name: record[name] for name in fields}, "files": [str(path) for path in self.files]}


def collect(
    folder: Path,
    shot: str,
    frames: Sequence[int],
    read_plate: Callable[[int], Plate] | None,
    settings: Settings,
    *,
    cuts: Iterable[int] = (),
    slots: Sequence[str] | None = None,
    skipped: Mapping[int, str] | None = None,
    reasons: Mapping[int, str] | None = None,
    notices: Sequence[str] = (),
    progress: Progress | None = None,
) -> Collected:
    """Write NAME.contact.png, if the settings ask for it, and then NAME.matte.json, for the frames that lie
    there.

    folder: where each frame's NAME.matte.####.json lies. frames: all that the shot has, whether or not they
    have a result. read_plate: a frame's plate by its number; None, or a PlateError of it: the sheet does
    without. settings: which sheet to write, and how colours on it are unmixed. cuts: frames that begin a new
    scene. slots, skipped, reasons: as of `survey_shot`. notices: what the user was told of the shot as a whole.
    Frames that have no result are named in the record and don't end the work; see `Collected.failures`. The
    same results give the same bytes, and memory doesn't grow with their number. Raises OutputError, and
    UsageError without frames.
    """
    if not frames:
        raise UsageError(f"The shot '{shot}' has no frames: expected at least one.")
    progress = progress or SilentProgress()
    ensure_folder(folder)
    told: list[str] = list(dict.fromkeys(notices))

    def advance(done: int, total: int) -> None:
        """Of reading; may end the work."""
        progress.advance(ProgressEvent("collecting", done, total, shot))

    survey = survey_shot(folder, shot, frames, slots=slots, skipped=skipped, reasons=reasons, advance=advance)
    scenes = tuple(sorted(set(cuts) & set(survey.frames)))
    files: list[Path] = []
    contact: FileRecord | None = None
    if settings.contact_sheet and survey.whole:
        place = folder / f"{shot}.contact.png"
        told += _write_sheet(place, survey, scenes, read_plate, settings, progress)
        files.append(place)
        contact = file_record("contact", place)
    record = shot_record(survey, cuts=scenes, notices=told, contact=contact)
    place = folder / f"{shot}.matte.json"
    write_json(place, record.plain())
    return Collected(survey, record, (*files, place))


def shot_record(
    survey: ShotSurvey,
    *,
    cuts: Sequence[int] = (),
    notices: Sequence[str] = (),
    contact: FileRecord | None = None,
) -> ShotRecord:
    """What is written of a shot. notices: those of the shot as a whole, besides its frames' own."""
    run = survey.run
    by_reason: dict[tuple[str, str], list[int]] = {}
    for problem in survey.problems:
        by_reason.setdefault((problem.state, problem.reason), []).append(problem.frame)
    rows: dict[str, Any] = {
        "schema": SHOT_SCHEMA_VERSION,
        "shot": survey.shot,
        "frames": range_text(survey.frames),
        "whole": range_text(survey.whole),
        "problems": [
            {"frames": range_text(numbers), "state": state, "reason": reason}
            for (state, reason), numbers in by_reason.items()
        ],
        "cuts": list(cuts),
        "size": run and run.size,
        "pixel_aspect": run and run.pixel_aspect,
        "slots": [_slot_row(course) for course in survey.slots],
        "files": [
            {"kind": kind, "pattern": pattern, "slot": slot}
            for kind, slot, pattern in (run.files if run else ())
        ],
        "cryptomatte": {"name": run.cryptomatte} if run and run.cryptomatte else None,
        "contact": contact,
        "settings_hash": run and run.settings_hash,
        "settings": dict(run.settings) if run else {},
        "seed": run and run.seed,
        "models": survey.models,
        "versions": [
            {"versions": dict(versions), "frames": range_text(numbers)} for versions, numbers in survey.versions
        ],
        "devices": [
            {"device": device, "estimator_device": solved_on, "frames": range_text(numbers)}
            for (device, solved_on), numbers in survey.devices
        ],
        "notices": [
            *({"text": text, "frames": ""} for text in notices),
            *({"text": text, "frames": range_text(numbers)} for text, numbers in survey.notices),
        ],
    }
    return ShotRecord.model_validate(rows, strict=False)


def _slot_row(course: SlotCourse) -> dict[str, Any]:
    """An object over the shot; means are of the frames that show it."""
    shown = course.shown
    return {
        "slot": course.slot,
        "label": course.label,
        **{source: range_text(course.frames(source)) for source in ("found", "carried", "absent")},
        "score": round(sum(sample.score for sample in shown) / len(shown), 6) if shown else None,
        "area": round(sum(sample.area for sample in shown) / len(shown), 3) if shown else None,
        "spread": _measure(course, "spread"),
        "flicker": _measure(course, "flicker"),
    }


def _measure(course: SlotCourse, what: Literal["spread", "flicker"]) -> dict[str, float] | None:
    """Mean and worst of a measure; None where no frame tells it."""
    told = course.measured(what)
    if not told:
        return None
    worst = max(told, key=lambda number: told[number])
    return {
        "mean": round(sum(told.values()) / len(told), 6),
        "worst": told[worst],
        "worst_frame": worst,
    }


def _worst_flicker(survey: ShotSurvey) -> tuple[int, str, float] | None:
    """Frame, slot and value of the largest flicker; None where it is told of no frame."""
    rows = [
        (value, -number, -index, course.slot)
        for index, course in enumerate(survey.slots)
        for number, value in course.measured("flicker").items()
    ]
    if not rows:
        return None
    value, number, _, slot = max(rows)
    return -number, slot, value


def _write_sheet(
    place: Path,
    survey: ShotSurvey,
    cuts: Sequence[int],
    read_plate: Callable[[int], Plate] | None,
    settings: Settings,
    progress: Progress,
) -> list[str]:
    """Write the contact sheet; returns notices. Raises OutputError."""
    assert survey.run is not None
    worst = _worst_flicker(survey)
    chosen = spread_frames(survey.whole, worst and worst[0])
    width, height = survey.run.size
    count = len(survey.slots)
    shot = SheetShot(
        survey.shot,
        (height, width),
        survey.run.pixel_aspect,
        f"{count} object{'' if count == 1 else 's'}  ·  {width} x {height}  ·  {_span(survey)}",
        _timeline(survey, cuts, chosen),
    )
    told: list[str] = []

    def frames() -> Iterator[SheetFrame]:
        """Each frame's plate and mattes, one after the other."""
        for done, number in enumerate(chosen):
            progress.advance(ProgressEvent("contact sheet", done, len(chosen), survey.shot))
            plate = _plate(read_plate, number, told)
            remark = f"worst flicker {worst[2]:.3f} {worst[1]}" if worst and worst[0] == number else ""
            yield SheetFrame(number, plate, _mattes(survey, number), remark)

    unmix = create_foreground_estimator(settings).estimate
    write_shot_sheet(place, shot, frames(), len(chosen), unmix=unmix)
    progress.advance(ProgressEvent("contact sheet", len(chosen), len(chosen), survey.shot))
    return told


def _span(survey: ShotSurvey) -> str:
    """Which frames, in few words."""
    first, last, count = survey.frames[0], survey.frames[-1], len(survey.frames)
    failed = len(survey.failures)
    said = f"frames {first} to {last}" if count > 1 else f"frame {first}"
    return said + (f"  ·  {failed} of {count} without a result" if failed else "")


def _timeline(survey: ShotSurvey, cuts: Sequence[int], shown: Sequence[int]) -> Timeline:
    """What the sheet's foot shows."""
    rows = [
        TimelineRow(
            course.slot,
            {number: one.source for number, one in course.samples.items() if one.source != "absent"},
        )
        for course in survey.slots
    ]
    return Timeline(survey.frames, rows, {problem.frame for problem in survey.problems}, shown, cuts)


def _plate(read_plate: Callable[[int], Plate] | None, number: int, told: list[str]) -> Plate | None:
    """A frame's plate, or None and a notice."""
    if read_plate is None:
        return None
    try:
        return read_plate(number)
    except PlateError as error:
        told.append(f"The contact sheet shows frame {number} without its plate: {error}")
        return None


def _mattes(survey: ShotSurvey, number: int) -> Iterator[tuple[int, Matte]]:
    """The objects that a frame shows, with their places in the list; some at a time in memory.

    Raises OutputError for a file that was whole and can't be read now.
    """
    sidecar = survey.sidecars[number]
    record = read_sidecar(sidecar)
    layers = next((one.name for one in record.files if one.kind == "layers"), None) if record else None
    if record is None or layers is None:
        raise OutputError(f"The contact sheet can't be made: '{sidecar}' has changed meanwhile. Run again.")
    try:
        yield from _read_mattes(read_layers(sidecar.with_name(layers)), record.plate, survey, number)
    except PlateError as error:
        raise OutputError(f"The contact sheet can't be made: {error}") from None


def _read_mattes(
    file: LayerFile, plate: PlateRecord, survey: ShotSurvey, number: int
) -> Iterator[tuple[int, Matte]]:
    """As `_mattes`. Raises PlateError for a damaged file."""
    wanted = [
        (index, course)
        for index, course in enumerate(survey.slots)
        if course.samples[number].source != "absent" and "A" in file.layers.get(course.slot, ())
    ]
    window = file.data_window.shifted(-plate.data_window[0], -plate.data_window[1])
    at_once = max(1, _FLOATS_AT_ONCE // window.area)
    for start in range(0, len(wanted), at_once):
        part = wanted[start : start + at_once]
        with file.reading([(course.slot, "A") for _, course in part]) as read:
            alphas = read(file.data_window)
        for place, (index, course) in enumerate(part):
            matte = _matte(alphas[..., place], window, plate, course, course.samples[number].score)
            if matte is not None:
                yield index, matte


def _matte(
    alpha: FloatArray, window: Box, plate: PlateRecord, course: SlotCourse, score: float
) -> Matte | None:
    """An alpha (h, w) on a window in plate pixels as a matte; None where it is 0 everywhere."""
    covered = Box.around(alpha > 0)
    if covered is None:
        return None
    crop = np.ascontiguousarray(alpha[covered.slices])
    box = covered.shifted(window.x0, window.y0)
    instance = Instance(crop > 0, box, (plate.size[1], plate.size[0]), course.label, score, course.slot)
    return Matte(instance, crop, box)
