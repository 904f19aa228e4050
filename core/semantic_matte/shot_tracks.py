"""A shot's tracks on disk: found and tied once, read by every later step, edited by the artist in between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from semantic_matte.engine import Engine
from semantic_matte.errors import PlateError, TracksError
from semantic_matte.noted import Noted
from semantic_matte.outputs.atomic import replacing
from semantic_matte.overlapped import ReadAhead
from semantic_matte.planned_models import planned_models
from semantic_matte.ports import Progress, ProgressEvent
from semantic_matte.result_files import ShotFiles
from semantic_matte.shot_finding import FoundShot, find_and_tie, read_for_finding
from semantic_matte.shot_keys import finding_key, finding_settings_digest
from semantic_matte.shot_sources import Shot
from semantic_matte.shot_types import Track
from semantic_matte.shots.edits import apply_edits, tracks_record
from semantic_matte.shots.tracks_model import (
    SCHEMA_VERSION,
    MasksRecord,
    TracksRecord,
    canonical,
    read_masks,
    read_tracks,
    track_records,
)
from semantic_matte.trackers import create_tracker
from semantic_matte.types import Hint


@dataclass(frozen=True)
class TiedShot:
    """A shot as it is to be matted: found, tied, and edited by the artist.

    tracks: named, in the order of their slots. cuts: frames that begin a new scene. plates: the digest of each
    plate, by frame number, in order. unreadable: why others could not be read. models, device: what found and
    tied them, and where. notices: what was told of the shot as a whole.
    """

    tracks: tuple[Track, ...]
    cuts: tuple[int, ...]
    plates: Mapping[int, str]
    unreadable: Mapping[int, str]
    models: tuple[Mapping[str, str], ...]
    device: str
    notices: tuple[str, ...]


def tie(
    engine: Engine,
    shot: Shot,
    files: ShotFiles,
    hints: Sequence[Hint],
    colour_space: str | None,
    progress: Progress,
) -> TiedShot:
    """Find a shot's objects and tie them, or read what was tied of the same plates by the same means; then make
    the artist's edits, and write both files.

    Raises TracksError for a file of tracks that can't be read or that was changed where changes are lost,
    before any work; PlateError, OutputError.
    """
    written = _read_tracks(files.tracks)
    masks = _masks_to_reuse(files.masks, progress)
    key = _key(engine, shot, hints)
    known = masks is not None and key is not None and masks.key == key and engine.settings.reuse
    if masks is None or not known or not _same_plates(shot, masks, colour_space, progress):
        masks = _found_anew(engine, shot, key, hints, colour_space, progress)
        _write(files.masks, canonical(masks))
    record = tracks_record(masks, () if written is None else written.edits)
    _write(files.tracks, canonical(record))
    for sentence in record.edit_notices:
        progress.notice(sentence)
    return _tied(masks, record)


def read_tied(
    engine: Engine | None, shot: Shot, files: ShotFiles, hints: Sequence[Hint], progress: Progress
) -> TiedShot:
    """What was tied before, with the artist's edits as they are now; nothing is written.

    engine: whose settings the objects have to be found by; None asks for none. Raises TracksError where the
    files are not there, can't be read, or are of other frames or settings.
    """
    masks = _read_masks(files.masks)
    if masks is None:
        raise TracksError(
            f"'{files.masks}' is not there: the objects of '{shot.title}' have to be found and tied first, by "
            "`semantic-matte track`."
        )
    frames = tuple(sorted({*masks.frames, *map(int, masks.unreadable)}))
    key = None if engine is None else _key(engine, shot, hints)
    if frames != shot.frames or (key is not None and masks.key != key):
        what = (
            "other frames"
            if frames != shot.frames
            else "other settings, models or hints, or by another version"
        )
        raise TracksError(
            f"'{files.masks}' holds what was found in '{shot.title}' by {what}: run `semantic-matte track` "
            "again, with the same ones."
        )
    written = _read_tracks(files.tracks)
    record = tracks_record(masks, () if written is None else written.edits)
    for sentence in record.edit_notices:
        progress.notice(sentence)
    return _tied(masks, record)


def _key(engine: Engine, shot: Shot, hints: Sequence[Hint]) -> str | None:
    """The key of finding and tying; None where models can't be told beforehand."""
    models = planned_models(engine.settings, hinted=bool(hints), tracked=True)
    if models is None:
        return None
    finding = [model for model in models if model["part"] != "estimator"]
    return finding_key(engine.settings, shot.frames, finding, hints)


def _found_anew(
    engine: Engine,
    shot: Shot,
    key: str | None,
    hints: Sequence[Hint],
    colour_space: str | None,
    progress: Progress,
) -> MasksRecord:
    """Go through the shot."""
    tracker = create_tracker(engine.settings, engine.device)
    progress.notice(engine.device_notice)
    noted = Noted(progress)
    found = find_and_tie(engine, tracker, shot, hints, colour_space, noted)
    return _masks(engine, shot, key, found, tuple(noted.notices))


def _masks(
    engine: Engine, shot: Shot, key: str | None, found: FoundShot, notices: tuple[str, ...]
) -> MasksRecord:
    height, width = found.size
    rows = {
        "schema": SCHEMA_VERSION,
        "shot": shot.name,
        "size": (width, height),
        "cuts": found.cuts,
        "key": key,
        "settings_hash": finding_settings_digest(engine.settings),
        "tracker": engine.settings.tracker.partition(":")[0],
        "notices": notices,
        "plates": {str(number): digest for number, digest in found.plates.items()},
        "unreadable": {str(number): reason for number, reason in found.unreadable.items()},
        "models": tuple(dict(model) for model in found.models),
        "device": found.device,
        "views": found.views,
        "tracks": track_records(found.tracks),
    }
    return MasksRecord.model_validate(rows)


def _tied(masks: MasksRecord, record: TracksRecord) -> TiedShot:
    return TiedShot(
        apply_edits(masks.as_tracks(), record.edits).tracks,
        masks.cuts,
        {number: masks.plates[str(number)] for number in masks.frames},
        {int(number): reason for number, reason in sorted(masks.unreadable.items())},
        masks.models,
        masks.device,
        (*masks.notices, *record.edit_notices),
    )


def _same_plates(shot: Shot, masks: MasksRecord, colour_space: str | None, progress: Progress) -> bool:
    """Whether every plate is the picture that it was when objects were looked for."""
    with ReadAhead(lambda number: read_for_finding(shot, colour_space, number), shot.frames) as ahead:
        for done, (number, read) in enumerate(ahead):
            progress.advance(ProgressEvent("reading", done, len(shot.frames), shot.path(number).name))
            if isinstance(read, PlateError):
                if masks.unreadable.get(str(number)) != str(read):
                    return False
            elif masks.plates.get(str(number)) != read[1]:
                return False
    return True


def _masks_to_reuse(path: Path, progress: Progress) -> MasksRecord | None:
    """What was found before; nothing where it can't be read, which is told: it is made anew."""
    try:
        return _read_masks(path)
    except TracksError as error:
        progress.notice(f"{error} It is made anew.")
        return None


def _read_masks(path: Path) -> MasksRecord | None:
    """Raises TracksError; None where there is no such file."""
    text = _text(path)
    return None if text is None else read_masks(text, path.name)


def _read_tracks(path: Path) -> TracksRecord | None:
    """Raises TracksError; None where there is no such file."""
    text = _text(path)
    return None if text is None else read_tracks(text, path.name)


def _text(path: Path) -> str | None:
    """A file's text; None where there is none. Raises TracksError."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise TracksError(f"'{path}' can't be read ({error}): correct it, or move it away.") from None


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all; one that says the same already is left alone. Raises OutputError."""
    if path.is_file() and path.read_bytes() == text.encode():
        return
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
