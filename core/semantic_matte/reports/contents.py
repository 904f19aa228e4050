"""What a report is about: the shots and stills of a folder, looked through before a line of the page is
made."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from semantic_matte.earlier_results import LARGEST_SIDECAR, file_state, read_plain_file, read_sidecar
from semantic_matte.errors import OutputError, TracksError, UsageError
from semantic_matte.frame_ranges import parse_frames
from semantic_matte.outputs.shot_record_model import ShotRecord
from semantic_matte.outputs.sidecar_model import SidecarRecord
from semantic_matte.result_files import TRACKS_ENDING
from semantic_matte.shot_survey import ShotSurvey, sidecars_of, survey_shot
from semantic_matte.shots.tracks_model import read_tracks

_NUMBERED = re.compile(r"(.+)\.matte\.-?[0-9]+\.json")
_TRACKED = re.compile(r"(.+)\.tracks\.json")
_ALONE = re.compile(r"(.+)\.matte\.json")


@dataclass(frozen=True)
class ReportedShot:
    """A shot. cuts: None where they are not told. contact: its sheet, None without one. notices: of the shot as
    a whole. collected: it has a record. known: which frames it has is told by that or by its tracks; else
    nothing is known of frames without a result."""

    survey: ShotSurvey
    cuts: tuple[int, ...] | None
    contact: Path | None
    notices: tuple[str, ...] = ()
    collected: bool = True
    known: bool = True


@dataclass(frozen=True)
class ReportedStill:
    """A plate that was matted alone. problem: what is wrong with its files, "" if nothing. contact: its
    sheet."""

    name: str
    record: SidecarRecord | None
    problem: str
    contact: Path | None


@dataclass(frozen=True)
class ReportContents:
    """Everything that a folder holds, by name."""

    shots: tuple[ReportedShot, ...]
    stills: tuple[ReportedStill, ...]


def read_contents(
    folder: Path, advance: Callable[[str, int, int], None] = lambda name, done, total: None
) -> ReportContents:
    """Look through a folder of results.

    Files are not read whole: those of the recorded size are taken for what was written; `collect` reads them.
    advance: told how many frames of which shot are done. Raises UsageError for a folder without results, and
    OutputError for one that can't be read.
    """
    try:
        names = sorted(place.name for place in folder.iterdir())
    except OSError as reason:
        raise OutputError(
            f"'{folder}' can't be read ({reason.strerror or reason}): expected a folder of results."
        ) from None
    numbered = {match[1] for name in names if (match := _NUMBERED.fullmatch(name))}
    alone = {match[1] for name in names if (match := _ALONE.fullmatch(name))}
    tracks = {match[1] for name in names if (match := _TRACKED.fullmatch(name))}
    # A shot without a whole frame is known by its record or its tracks alone.
    records = {name: record for name in sorted(alone) if (record := read_shot_record(folder, name)) is not None}
    shots, stills = [], []
    for name in sorted(numbered | tracks | records.keys()):
        if name not in records and name not in tracks and (frames := _untied(folder, name)):
            stills += [_still(folder, name, place) for place in frames]
            continue
        shot = _shot(folder, name, records.get(name), advance)
        # Tracks that can't be read tell of no frame.
        if shot.survey.frames:
            shots.append(shot)
    stills += [_still(folder, name, folder / f"{name}.matte.json") for name in sorted(alone - records.keys())]
    if not shots and not stills:
        raise UsageError(
            f"There are no results in '{folder}': expected files NAME.matte.json or NAME.matte.####.json, as "
            "'matte' writes them."
        )
    return ReportContents(tuple(shots), tuple(stills))


def read_shot_record(folder: Path, shot: str) -> ShotRecord | None:
    """A shot's record; None for one that is not there, of another schema, or of a still."""
    content = read_plain_file(folder / f"{shot}.matte.json", LARGEST_SIDECAR)
    try:
        record = ShotRecord.model_validate_json(content) if content is not None else None
    except ValueError:
        return None
    return record if record is not None and record.shot == shot else None


def _shot(
    folder: Path, name: str, record: ShotRecord | None, advance: Callable[[str, int, int], None]
) -> ReportedShot:
    """A shot as it lies there now: its record, or else its tracks, only say which frames and scenes it has."""
    frames, skipped, reasons = _recorded(record, sidecars_of(folder, name).keys())
    cuts = record.cuts if record else None
    if record is None:
        frames, cuts = _tracked(folder, name)
    survey = survey_shot(
        folder,
        name,
        frames,
        skipped=skipped,
        reasons=reasons,
        checksums=False,
        advance=lambda done, total: advance(name, done, total),
    )
    return ReportedShot(
        survey,
        cuts,
        _contact(folder, name, record),
        tuple(notice.text for notice in record.notices if not notice.frames) if record else (),
        record is not None,
        frames is not None,
    )


def _tracked(folder: Path, name: str) -> tuple[tuple[int, ...] | None, tuple[int, ...] | None]:
    """The frames and the cuts of a shot by its tracks; None and None where they don't tell."""
    place = folder / f"{name}{TRACKS_ENDING}"
    content = read_plain_file(place, LARGEST_SIDECAR)
    try:
        record = read_tracks((content or b"").decode("utf-8"), place.name)
        return parse_frames(record.frames), record.cuts
    except (TracksError, UsageError, UnicodeDecodeError):
        return None, None


def _contact(folder: Path, name: str, record: ShotRecord | None) -> Path | None:
    """The shot's sheet; None where there is none, or another one than its record tells of."""
    place = folder / f"{name}.contact.png"
    if record is None:
        return place if place.is_file() else None
    told = record.contact
    return place if told is not None and told.name == place.name and not file_state(place, told) else None


def _recorded(
    record: ShotRecord | None, there: Collection[int]
) -> tuple[tuple[int, ...] | None, dict[int, str], dict[int, str]]:
    """The frames of a shot by its record, None where they aren't told; why some were skipped, and why others of
    which there still is nothing were not made."""
    skipped: dict[int, str] = {}
    reasons: dict[int, str] = {}
    try:
        frames = parse_frames(record.frames) if record else None
        for row in record.problems if record else ():
            numbers = parse_frames(row.frames)
            if row.state == "skipped":
                skipped.update(dict.fromkeys(numbers, row.reason))
            elif row.state == "failed":
                reasons.update({number: row.reason for number in numbers if number not in there})
    except UsageError:
        return None, {}, {}
    return frames, skipped, reasons


def _untied(folder: Path, name: str) -> list[Path]:
    """The sidecars of frames that were matted each as if it were alone; none for a shot."""
    places = [place for _, same in sorted(sidecars_of(folder, name).items()) for place in same]
    first = next((record for place in places if (record := read_sidecar(place)) is not None), None)
    return places if first is not None and first.settings.get("track") is False else []


def _still(folder: Path, name: str, sidecar: Path) -> ReportedStill:
    """A picture's result as it lies there now."""
    record = read_sidecar(sidecar)
    if record is None:
        said = f"'{sidecar.name}' is damaged, or of another version: matte it again."
        return ReportedStill(name, None, said, None)
    number = "" if record.plate.frame is None else f" {record.plate.frame}"
    states = [(one.name, file_state(folder / one.name, one, checksum=False)) for one in record.files]
    wrong = [f"'{file}' {state}" for file, state in states if state]
    # A name that is a path is no name: the model refuses it.
    sheets = [folder / one.name for one in record.files if one.kind == "contact"]
    problem = f"{' and '.join(wrong)}: matte it again." if wrong else ""
    return ReportedStill(f"{name}{number}", record, problem, sheets[0] if sheets and not wrong else None)
