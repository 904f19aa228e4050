"""Files in, files out: what a shell, a worker or a farm asks of the engine."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from semantic_matte.engine import Engine
from semantic_matte.errors import UsageError
from semantic_matte.hints import hint_files, read_hints
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
from semantic_matte.types import Hint, Instance, Matte, Plate


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


@dataclass(frozen=True)
class _Outputs:
    """The files of one plate; what is named here is what is written, in this order."""

    layers: Path
    single: tuple[Path, ...]
    contact: Path | None
    # Last, so that a sidecar stands for a whole result.
    sidecar: Path

    @classmethod
    def of(cls, folder: Path, name: str, slots: Sequence[str], settings: Settings) -> _Outputs:
        """name: the plate's; slots: its objects', as far as they are known."""
        return cls(
            layers=folder / f"{name}.mattes.exr",
            single=tuple(folder / f"{name}.{slot}.png" for slot in slots) if settings.png else (),
            contact=folder / f"{name}.contact.png" if settings.contact_sheet else None,
            sidecar=folder / f"{name}.matte.json",
        )

    @property
    def files(self) -> tuple[Path, ...]:
        contact = () if self.contact is None else (self.contact,)
        return (self.layers, *self.single, *contact, self.sidecar)


@dataclass(frozen=True)
class _Sources:
    """The files that results are made from, and the hints read from them."""

    files: tuple[Path, ...]
    hints: tuple[Hint, ...] = ()

    @classmethod
    def of(cls, given: Iterable[Path | None], hint: Path | None) -> _Sources:
        """Reads the hint file. Raises HintError."""
        hints = tuple(read_hints(hint)) if hint else ()
        named = hint_files(hint) if hint else []
        return cls((*(path for path in given if path), *named), hints)

    def keep(self, results: Iterable[Path]) -> None:
        """Raise UsageError if a result would be written over something that it is made from."""
        taken = {source.resolve() for source in self.files}
        for result in results:
            if result.resolve() in taken:
                raise UsageError(f"The result '{result}' would overwrite its own source: give another name.")


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
    overwrite each other, before anything is written; and for a result that would overwrite a plate, the trimap
    or a hint, as soon as its name is known and before that plate is solved.
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
    sources = _Sources.of((*request.plates, request.trimap), request.hint)
    slots = engine.slots_known_before(sources.hints, request.trimap)
    for name in names:
        sources.keep(_Outputs.of(request.folder, name, slots, engine.settings).files)
    ensure_folder(request.folder)
    progress.notice(engine.device_notice)
    return [_matte_file(engine, request, path, sources, progress) for path in request.plates]


def _matte_file(
    engine: Engine, request: MatteRequest, path: Path, sources: _Sources, progress: Progress
) -> FrameResult:
    def outputs(objects: Sequence[Instance | Matte]) -> _Outputs:
        slots = [one.slot for one in objects]
        return _Outputs.of(request.folder, path.stem, slots, engine.settings)

    noted = _Noted(progress, path.name)
    noted.advance(ProgressEvent("reading", 0, 1, path.name))
    plate = read_plate(path, request.colour_space)
    for message in plate.notices:
        progress.notice(f"{path.name}: {message}")
    mattes = engine.matte(
        plate,
        hints=sources.hints,
        trimap=request.trimap,
        progress=noted,
        found=lambda instances: sources.keep(outputs(instances).files),
    )
    written = outputs(mattes)
    _write(engine, plate, mattes, written, noted)
    return FrameResult(path, tuple(mattes), written.files)


def _refuse_pattern(path: Path) -> None:
    if not path.exists() and re.search(r"#|%0?\d*d", path.name):
        raise UsageError(
            f"'{path}' is a frame pattern, and those are not read yet: name the frames' files "
            "(most shells do it for shot.*.exr)."
        )


def _write(engine: Engine, plate: Plate, mattes: Sequence[Matte], outputs: _Outputs, noted: _Noted) -> None:
    settings = engine.settings
    places = {path: number for number, path in enumerate(outputs.files, start=1)}

    def done(path: Path) -> None:
        noted.advance(ProgressEvent("writing", places[path], len(places)))

    noted.advance(ProgressEvent("writing", 0, len(places)))
    source = {"semantic_matte/plate": plate.name, "semantic_matte/estimator": settings.estimator}
    write_layers(outputs.layers, plate, mattes, source, spread=settings.spread)
    done(outputs.layers)
    for path, matte in zip(outputs.single, mattes, strict=settings.png):
        write_alpha(path, matte.alpha, plate)
        done(path)
    if outputs.contact is not None:
        write_contact_sheet(outputs.contact, plate, mattes)
        done(outputs.contact)
    record = describe(plate, mattes, settings, engine.models, engine.device, noted.notices)
    write_json(outputs.sidecar, record)
    done(outputs.sidecar)


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
    _Sources((plate_path, trimap_path)).keep([result])
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

    A plate's image id is its name as a number where it is one (as COCO names its files), else the name. Raises
    UsageError, before any plate is read, if `coco` would overwrite a plate or a hint.
    """
    for path in plates:
        _refuse_pattern(path)
    sources = _Sources.of(plates, hint)
    sources.keep([coco] if coco else [])
    found = []
    rows: list[dict[str, object]] = []
    for path in plates:
        plate = read_plate(path, colour_space)
        for message in plate.notices:
            progress.notice(f"{path.name}: {message}")
        instances = engine.segment(plate, hints=sources.hints, progress=_Noted(progress, path.name))
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
