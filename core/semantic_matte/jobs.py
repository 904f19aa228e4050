"""Files in, files out: what a shell, a worker or a farm asks of the engine."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from semantic_matte.engine import Engine
from semantic_matte.errors import UsageError
from semantic_matte.hints import read_hints
from semantic_matte.outputs.alpha import write_alpha
from semantic_matte.outputs.atomic import ensure_folder
from semantic_matte.outputs.coco_results import coco_results
from semantic_matte.outputs.contact_sheet import write_contact_sheet
from semantic_matte.outputs.layers import write_layers
from semantic_matte.outputs.sidecar import describe, write_json
from semantic_matte.plates import read_plate
from semantic_matte.ports import Progress, ProgressEvent
from semantic_matte.segmenters.coco import COCO_IDS
from semantic_matte.settings import Settings
from semantic_matte.types import Instance, Matte, Plate


@dataclass(frozen=True)
class MatteRequest:
    """What to read and where to write. Paths are as the user gave them."""

    plates: tuple[Path, ...]
    folder: Path
    hint: Path | None = None
    trimap: Path | None = None
    colour_space: str | None = None


@dataclass(frozen=True)
class FrameResult:
    """What came of one plate: the mattes and the files, in the order in which they were written."""

    plate: Path
    mattes: tuple[Matte, ...]
    files: tuple[Path, ...]


class _Noted:
    """Passes everything on, and keeps one frame's notices for its sidecar."""

    def __init__(self, progress: Progress, plate: str) -> None:
        self._progress = progress
        self._plate = plate
        self.notices: list[str] = []

    def advance(self, event: ProgressEvent) -> None:
        """Pass on."""
        self._progress.advance(event)

    def notice(self, message: str) -> None:
        """Keep, and pass on with the plate's name."""
        self.notices.append(message)
        self._progress.notice(f"{self._plate}: {message}")


def matte_files(engine: Engine, request: MatteRequest, progress: Progress) -> list[FrameResult]:
    """Make the mattes of each plate and write them into a folder, one plate after the other.

    Every file appears whole or not at all. Raises UsageError for two plates of one name, whose results would
    overwrite each other, before anything is written.
    """
    for path in request.plates:
        _refuse_pattern(path)
    names = [path.stem for path in request.plates]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(
            f"Two plates are named '{twice[0]}' and would overwrite each other's results: "
            "run them into different folders."
        )
    ensure_folder(request.folder)
    progress.notice(engine.device_notice)
    return [_matte_file(engine, request, path, progress) for path in request.plates]


def _matte_file(engine: Engine, request: MatteRequest, path: Path, progress: Progress) -> FrameResult:
    noted = _Noted(progress, path.name)
    noted.advance(ProgressEvent("reading", 0, 1, path.name))
    plate = read_plate(path, request.colour_space)
    for message in plate.notices:
        progress.notice(f"{path.name}: {message}")
    mattes = engine.matte(
        plate,
        hints=read_hints(request.hint) if request.hint else (),
        trimap=request.trimap,
        progress=noted,
    )
    _keep_sources(
        [request.folder / f"{path.stem}.{ending}" for ending in _endings(engine.settings, mattes)],
        [given for given in (*request.plates, request.hint, request.trimap) if given],
    )
    files = _write(engine, plate, path.stem, mattes, request.folder, noted)
    return FrameResult(path, tuple(mattes), tuple(files))


def _refuse_pattern(path: Path) -> None:
    if not path.exists() and re.search(r"#|%0?\d*d", path.name):
        raise UsageError(
            f"'{path}' is a frame pattern, and those are not read yet: name the frames' files "
            "(most shells do it for shot.*.exr)."
        )


def _endings(settings: Settings, mattes: Sequence[Matte]) -> list[str]:
    """What is written for one plate, after its name."""
    single = [f"{matte.slot}.png" for matte in mattes] if settings.png else []
    return ["mattes.exr", *single, *(["contact.png"] if settings.contact_sheet else []), "matte.json"]


def _keep_sources(results: Sequence[Path], sources: Sequence[Path]) -> None:
    """Raise UsageError if a result would be written over something that it is made from."""
    taken = {source.resolve() for source in sources}
    for result in results:
        if result.resolve() in taken:
            raise UsageError(f"The result '{result}' would overwrite its own source: give another name.")


def _write(
    engine: Engine,
    plate: Plate,
    name: str,
    mattes: Sequence[Matte],
    folder: Path,
    noted: _Noted,
) -> list[Path]:
    settings = engine.settings
    layers = folder / f"{name}.mattes.exr"
    single = [(folder / f"{name}.{matte.slot}.png", matte) for matte in mattes]
    total = 2 + settings.contact_sheet + (len(single) if settings.png else 0)
    noted.advance(ProgressEvent("writing", 0, total))
    source = {"semantic_matte/plate": plate.name, "semantic_matte/estimator": settings.estimator}
    write_layers(layers, plate, mattes, source, spread=settings.spread)
    files = [layers]
    if settings.png:
        for path, matte in single:
            write_alpha(path, matte.alpha, plate)
            files.append(path)
            noted.advance(ProgressEvent("writing", len(files), total))
    if settings.contact_sheet:
        files.append(folder / f"{name}.contact.png")
        write_contact_sheet(files[-1], plate, mattes)
        noted.advance(ProgressEvent("writing", len(files), total))
    # Last, so that a sidecar stands for a whole result.
    files.append(folder / f"{name}.matte.json")
    record = describe(plate, mattes, settings, engine.models, engine.device, noted.notices)
    write_json(files[-1], record)
    noted.advance(ProgressEvent("writing", total, total))
    return files


def refine_file(
    engine: Engine,
    plate_path: Path,
    trimap_path: Path,
    result: Path,
    progress: Progress,
    colour_space: str | None = None,
) -> None:
    """Solve a trimap file and write its alpha; the kind of file goes by the result's suffix."""
    _keep_sources([result], [plate_path, trimap_path])
    ensure_folder(result.parent)
    plate = read_plate(plate_path, colour_space)
    for message in plate.notices:
        progress.notice(f"{plate_path.name}: {message}")
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
) -> list[tuple[Path, list[Instance]]]:
    """Find the objects of each plate; with `coco`, also write them as one file of COCO results.

    A plate's image id is its name as a number where it is one (as COCO names its files), else the name.
    """
    for path in plates:
        _refuse_pattern(path)
    _keep_sources([coco] if coco else [], [*plates, *([hint] if hint else [])])
    found = []
    rows: list[dict[str, object]] = []
    for path in plates:
        plate = read_plate(path, colour_space)
        for message in plate.notices:
            progress.notice(f"{path.name}: {message}")
        hints = read_hints(hint) if hint else ()
        instances = engine.segment(plate, hints=hints, progress=_Noted(progress, path.name))
        image_id = int(path.stem) if path.stem.isdecimal() else path.stem
        entries, uncategorised = coco_results(instances, image_id, COCO_IDS)
        rows += entries
        for label in uncategorised if coco is not None else ():
            progress.notice(f"'{label}' is no COCO category and is left out of '{coco}'.")
        found.append((path, instances))
    if coco is not None:
        ensure_folder(coco.parent)
        write_json(coco, rows)
    return found
