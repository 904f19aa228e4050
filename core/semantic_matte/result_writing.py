"""Writing what came of one plate: layers, Cryptomatte, foreground, pictures, and last the sidecar."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, Protocol

from semantic_matte import __version__
from semantic_matte.content_keys import settings_digest
from semantic_matte.engine import Engine
from semantic_matte.outputs.alpha import write_alpha
from semantic_matte.outputs.contact_sheet import write_contact_sheet
from semantic_matte.outputs.cryptomatte import write_cryptomatte
from semantic_matte.outputs.foregrounds import write_foregrounds
from semantic_matte.outputs.header import header_of
from semantic_matte.outputs.layers import write_layers
from semantic_matte.outputs.sidecar import SlotFacts, describe, file_record, write_json
from semantic_matte.ports import ForegroundEstimator, Progress, ProgressEvent
from semantic_matte.result_files import ResultFile, ResultFiles
from semantic_matte.types import FloatArray, Foreground, Matte, Plate


@dataclass(frozen=True)
class ShotFacts:
    """What a frame's files tell of its shot: the same whichever process writes them.

    slots: by slot. models: every model file used for the shot. device: where objects were found. ranks: the
    least number of objects a pixel that each frame's Cryptomatte has.
    """

    slots: Mapping[str, SlotFacts]
    models: Sequence[Mapping[str, str]]
    device: str
    ranks: int


class _Notes(Progress, Protocol):
    """A progress that keeps what it is told."""

    @property
    def notices(self) -> Sequence[str]:
        """Every sentence so far."""


def write_results(
    engine: Engine,
    plate: Plate,
    mattes: Sequence[Matte],
    files: ResultFiles,
    progress: _Notes,
    key: str | None,
    shot: ShotFacts | None = None,
) -> dict[str, Any]:
    """Write the files of one plate, each of them whole or not at all, and the sidecar when all are there.

    progress: keeps what it is told, for the sidecar; it is not asked whether to go on once the sidecar is in
    its place. key: of the result's content, if it has one. shot: of a frame of a shot. Returns the sidecar's
    record. Raises OutputError,
    UnknownNameError (foreground space).
    """
    settings = engine.settings
    models = engine.models if shot is None else shot.models
    header = header_of(plate, models, settings_digest(settings), __version__)
    header["semantic_matte/estimator"] = settings.estimator
    total = len(files.paths)
    progress.advance(ProgressEvent("writing", 0, total))
    records = []

    def look() -> None:
        """Between the objects of one file: it may have been cancelled."""
        progress.advance(ProgressEvent("writing", 0, 0))

    ranks = 2 if shot is None else shot.ranks
    writers = _writers(engine, plate, mattes, files, header, look, ranks)
    for number, (file, write) in enumerate(writers, start=1):
        for sentence in write() or ():
            progress.notice(sentence)
        records.append(file_record(file.kind, file.path))
        progress.advance(ProgressEvent("writing", number, total))
    record = describe(
        plate,
        mattes,
        settings,
        models,
        engine.device if shot is None else shot.device,
        progress.notices,
        files=records,
        key=key,
        estimator_device=engine.estimator.device,
        read_as=plate.read_as or None,
        foreground_space=engine.foreground_space(plate) if settings.foreground else "",
        facts=None if shot is None else shot.slots,
    )
    write_json(files.sidecar, record)
    return record


def _writers(
    engine: Engine,
    plate: Plate,
    mattes: Sequence[Matte],
    files: ResultFiles,
    header: Mapping[str, str | int | float],
    look: Callable[[], None],
    ranks: int,
) -> Iterator[tuple[ResultFile, Callable[[], Sequence[str] | None]]]:
    """Each file but the sidecar, with what writes it and gives the notices that come of it.

    look: called while a file of several objects is made; what it raises ends the work. ranks: the least that
    the Cryptomatte has.
    """
    settings = engine.settings
    window, storage = settings.data_window, settings.storage
    # Since 4.5 Blender resamples what isn't of the frame's size, which moves values in the fifth digit.
    # Coverage is to be exact there, so a Cryptomatte is cut only for those who ask for the tightest window.
    exact: Literal["tight", "plate"] = "tight" if window == "tight" else "plate"
    singles = iter(mattes)
    for file in files.besides_sidecar:
        path = file.path
        write: Callable[[], Sequence[str] | None]
        if file.kind == "layers":
            write = partial(
                write_layers, path, plate, mattes, header, settings.spread, data_window=window, storage=storage
            )
        elif file.kind == "cryptomatte":
            write = partial(
                write_cryptomatte,
                path,
                plate,
                mattes,
                header,
                data_window=exact,
                storage=storage,
                least_ranks=ranks,
            )
        elif file.kind == "foreground":
            colours = _looked_at(engine.foregrounds(plate, mattes), look)
            write = partial(
                write_foregrounds, path, plate, colours, header, data_window=window, storage=storage
            )
        elif file.kind == "png":
            write = partial(write_alpha, path, next(singles).alpha, plate)
        else:
            unmix = partial(_unmix, engine.foreground_estimator, look)
            write = partial(write_contact_sheet, path, plate, mattes, unmix=unmix)
        yield file, write


def _looked_at(colours: Iterator[Foreground], look: Callable[[], None]) -> Iterator[Foreground]:
    """The same, with a look before each."""
    look()
    for one in colours:
        yield one
        look()


def _unmix(
    estimator: ForegroundEstimator, look: Callable[[], None], colour: FloatArray, alpha: FloatArray
) -> FloatArray:
    """As the estimator does, with a look before."""
    look()
    return estimator.estimate(colour, alpha)
