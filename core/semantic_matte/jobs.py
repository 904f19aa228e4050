"""Files in, files out: what a shell, a worker or a farm asks of the engine."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semantic_matte.content_keys import content_key
from semantic_matte.earlier_results import clear_superseded, find_earlier, written_before
from semantic_matte.engine import HINT_AND_TRIMAP, Engine
from semantic_matte.errors import UsageError
from semantic_matte.frame_patterns import expand_plates
from semantic_matte.job_requests import MatteRequest, Sources
from semantic_matte.noted import Noted
from semantic_matte.outputs.alpha import write_alpha
from semantic_matte.outputs.atomic import ensure_folder
from semantic_matte.outputs.coco_results import coco_results
from semantic_matte.outputs.sidecar import write_json
from semantic_matte.outputs.sidecar_model import SCHEMA_VERSION
from semantic_matte.planned_models import planned_models
from semantic_matte.plates import as_trimap, read_plate
from semantic_matte.ports import Progress, ProgressEvent
from semantic_matte.result_files import FrameResult, ResultFiles
from semantic_matte.result_writing import write_results
from semantic_matte.segmenters.coco import COCO_IDS
from semantic_matte.settings import Settings
from semantic_matte.shot_jobs import collect_shot, matte_shot, refuse_missing, track_shot
from semantic_matte.shot_sources import Shot, sort_plates
from semantic_matte.types import Instance, Matte, Plate

__all__ = [
    "FrameResult",
    "MatteRequest",
    "collect_files",
    "matte_files",
    "object_row",
    "refine_file",
    "segment_files",
    "track_files",
]


def object_row(instance: Instance) -> dict[str, Any]:
    """A found object as a shell and a worker tell it, in plain values."""
    return {
        "slot": instance.slot,
        "label": instance.label,
        "score": float(instance.score),
        "box": instance.box.as_list(),
    }


def matte_files(
    engine: Engine,
    request: MatteRequest,
    progress: Progress,
    finished: Callable[[FrameResult], None] | None = None,
) -> list[FrameResult]:
    """Make the mattes of each plate and write them into a folder: shots, and stills one after the other.

    finished: called with each plate's result once all of its files are in place. Every file appears whole or
    not at all, the sidecar last; a plate whose results are there already, made from the same pixels by the same
    means, is not worked on again. One whose work was ended while it was written has files of both runs, each
    whole, and a sidecar that does not fit them: the next run writes all of them anew. Raises UsageError for two
    plates of one name, whose results would overwrite each other, before anything is written; and for a result
    that would overwrite a plate, the trimap or a hint, as soon as its name is known and before that plate is
    solved.
    """
    if request.hint and request.trimap:
        raise UsageError(HINT_AND_TRIMAP)
    results: list[FrameResult] = []

    def keep(result: FrameResult) -> None:
        """Of a plate that is done."""
        results.append(result)
        if finished:
            finished(result)

    settings = engine.settings
    shots, stills = _sorted(request, settings, progress)
    plates = (*itertools.chain.from_iterable(shot.files for shot in shots), *stills)
    sources = Sources.of((*plates, request.trimap), request.hint)
    slots = engine.slots_known_before(sources.hints, request.trimap)
    for path in stills:
        sources.keep(ResultFiles.of(request.folder, path, slots, settings).paths)
    ensure_folder(request.folder)
    for shot in shots:
        matte_shot(engine, shot, request, sources, progress, keep)
    models = planned_models(settings, hinted=bool(sources.hints), with_trimap=request.trimap is not None)
    run = _Run(engine, request, stills, sources, models, progress)
    for number in range(len(stills)):
        keep(run.matte(number))
    return results


def track_files(engine: Engine, request: MatteRequest, progress: Progress) -> list[dict[str, Any]]:
    """The first step of each shot alone: find its objects and tie them. Returns what is told of each shot.

    Raises UsageError for what is no shot, PlateError and what finding raises.
    """
    shots = _shots_alone(request, engine.settings, progress)
    sources = Sources.of(itertools.chain.from_iterable(shot.files for shot in shots), request.hint)
    ensure_folder(request.folder)
    return [track_shot(engine, shot, request, sources, progress) for shot in shots]


def collect_files(settings: Settings, request: MatteRequest, progress: Progress) -> list[dict[str, Any]]:
    """The last step of each shot alone: its record and contact sheet. Returns what is told of each shot.

    Raises FramesFailedError, once all is written, where frames have no result.
    """
    shots = _shots_alone(request, settings, progress)
    return [collect_shot(settings, shot, request, progress) for shot in shots]


def _shots_alone(request: MatteRequest, settings: Settings, progress: Progress) -> list[Shot]:
    """The shots of a request that may have nothing else. Raises UsageError."""
    shots, stills = sort_plates(request.plates, request.frames)
    if stills:
        raise UsageError(
            f"'{stills[0]}' is a still: expected a shot, by a frame pattern (shot.####.exr), by its files, or "
            "as a film."
        )
    _refuse_one_name(shots, stills)
    for shot in shots:
        refuse_missing(shot, settings, progress)
    return shots


def _sorted(request: MatteRequest, settings: Settings, progress: Progress) -> tuple[list[Shot], list[Path]]:
    """The shots and the stills of a request; frames are stills where nothing is to be tracked. Raises
    UsageError, PlateError for missing frames."""
    shots, stills = sort_plates(request.plates, request.frames)
    for shot in shots:
        refuse_missing(shot, settings, progress)
    if request.chunk is not None and (stills or len(shots) != 1 or not settings.track):
        raise UsageError("A chunk is of one shot: give one frame pattern or film, and nothing else.")
    _refuse_one_name(shots, stills)
    if settings.track and request.trimap is None:
        return shots, stills
    film = next((shot for shot in shots if shot.is_film), None)
    if film is not None:
        raise UsageError(
            f"'{film.title}' is a film, whose frames are worked on as a shot alone: leave out the trimap and "
            "--no-track."
        )
    return [], [*(shot.path(number) for shot in shots for number in shot.frames), *stills]


def _refuse_one_name(shots: Sequence[Shot], stills: Sequence[Path]) -> None:
    """Raise UsageError for two plates whose results would be called the same."""
    names = [path.stem for path in stills]
    names += [shot.plate_name(number).stem for shot in shots for number in shot.frames]
    ordered = sorted(names)
    twice = next((name for name, after in itertools.pairwise(ordered) if name == after), None)
    if twice is not None:
        raise UsageError(
            f"Two plates are named '{twice}' and would overwrite each other's results: "
            "run them into different folders."
        )


@dataclass(frozen=True)
class _Run:
    """One call's engine and sources, on the way through its plates.

    models: every model file that may be used; None where they can't be named before they are loaded.
    """

    engine: Engine
    request: MatteRequest
    stills: Sequence[Path]
    sources: Sources
    models: Sequence[Mapping[str, str]] | None
    progress: Progress

    def matte(self, number: int) -> FrameResult:
        """Matte one plate, or find its results. number: of the plate, counted from 0."""
        settings, folder = self.engine.settings, self.request.folder
        path, plates = self.stills[number], len(self.stills)
        noted = Noted(self.progress, path.name)
        noted.advance(ProgressEvent("reading", number, plates, path.name))
        plate = read_plate(path, self.request.colour_space, keep_own=settings.foreground)
        # Not as progress: the frame isn't further. Reading and hashing take their time, and may be all there
        # is.
        noted.advance(ProgressEvent("reading", number, plates, path.name))
        key = self._key(plate)
        earlier = find_earlier(folder, path, key, settings) if settings.reuse else None
        if earlier is not None:
            self.progress.notice(
                f"{path.name}: its results are there already, made from the same pixels by the same means "
                f"(key {str(key)[:12]}); nothing was done. --no-reuse works on it again."
            )
            return FrameResult(path, earlier.record.plain(), earlier.files, reused=True)
        if settings.foreground:
            # A slip in its name costs seconds here, and minutes once everything is solved.
            self.engine.foreground_space(plate)
        _tell_plate(self.progress, path, plate)
        self.progress.notice(self.engine.device_notice)
        before = written_before(folder, path, settings)

        def outputs(objects: Sequence[Instance | Matte]) -> ResultFiles:
            return ResultFiles.of(folder, path, [one.slot for one in objects], settings)

        mattes = self.engine.matte(
            plate,
            hints=self.sources.hints,
            trimap=self.request.trimap,
            progress=noted,
            found=lambda instances: self.sources.keep(outputs(instances).paths),
        )
        written = outputs(mattes)
        if self.engine.short_of_memory:
            # Not what the key stands for: a run with more memory is to work on it again.
            key = None
        record = write_results(self.engine, plate, mattes, written, noted, key)
        keep = (*written.paths, *self.sources.files)
        for sentence in clear_superseded(folder, before, keep).notices:
            noted.notice(sentence)
        # Only now: what is cancelled after its sidecar was written would keep files of the run before.
        noted.advance(ProgressEvent("writing", len(written.paths), len(written.paths)))
        return FrameResult(path, record, written.paths)

    def _key(self, plate: Plate) -> str | None:
        """What the results of a plate follow from; None where the models aren't known beforehand."""
        if self.models is None:
            return None
        trimap = self.request.trimap
        return content_key(
            plate,
            self.engine.settings,
            self.models,
            schema=SCHEMA_VERSION,
            hints=self.sources.hints,
            trimap=None if trimap is None else as_trimap(trimap, plate.size),
        )


def _tell_plate(progress: Progress, path: Path, plate: Plate) -> None:
    """Pass on what was changed or assumed when the plate was read."""
    for message in plate.notices:
        progress.notice(f"{path.name}: {message}")


def refine_file(
    engine: Engine,
    plate_path: Path,
    trimap_path: Path,
    result: Path,
    progress: Progress,
    colour_space: str | None = None,
) -> None:
    """Solve a trimap file and write its alpha; the kind of file goes by the result's suffix.

    Raises UsageError, before anything is read, for a result that would overwrite the plate or the trimap.
    """
    Sources((plate_path, trimap_path)).keep([result])
    ensure_folder(result.parent)
    progress.advance(ProgressEvent("reading", 0, 1, plate_path.name))
    plate = read_plate(plate_path, colour_space)
    _tell_plate(progress, plate_path, plate)
    alpha = engine.refine(plate, trimap_path, progress=progress)
    progress.advance(ProgressEvent("writing", 0, 1))
    write_alpha(result, alpha, plate)
    progress.advance(ProgressEvent("writing", 1, 1))


def segment_files(
    engine: Engine,
    plates: Sequence[Path],
    progress: Progress,
    hint: Path | None = None,
    colour_space: str | None = None,
    coco: Path | None = None,
    finished: Callable[[Path, Sequence[Instance], Sequence[Path]], None] | None = None,
) -> list[tuple[Path, list[Instance]]]:
    """Find the objects of each plate; with `coco`, also write them as one file of COCO results.

    plates: paths and frame patterns. finished: called with each plate, its objects and the files that are in
    place with it: the COCO file with the last plate. A plate's image id is its name as a number where it is one
    (as COCO names its files), else the name. Raises UsageError, before any plate is read, if `coco` would
    overwrite a plate or a hint.
    """
    plates = expand_plates(plates)
    sources = Sources.of(plates, hint)
    sources.keep([coco] if coco else [])
    found: list[tuple[Path, list[Instance]]] = []
    rows: list[dict[str, object]] = []
    for number, path in enumerate(plates):
        # The last one waits for the file that stands for all.
        if found and finished:
            finished(*found[-1], ())
        progress.advance(ProgressEvent("reading", number, len(plates), path.name))
        plate = read_plate(path, colour_space)
        _tell_plate(progress, path, plate)
        instances = engine.segment(plate, hints=sources.hints, progress=Noted(progress, path.name))
        entries, uncategorised = coco_results(instances, _image_id(path), COCO_IDS)
        rows += entries
        for label in uncategorised if coco is not None else ():
            progress.notice(f"'{label}' is no COCO category and is left out of '{coco}'.")
        found.append((path, instances))
    if coco is not None:
        ensure_folder(coco.parent)
        write_json(coco, rows)
    if found and finished:
        finished(*found[-1], (coco,) if coco else ())
    return found


def _image_id(path: Path) -> int | str:
    """What COCO results call a plate."""
    return int(path.stem) if path.stem.isdecimal() else path.stem
