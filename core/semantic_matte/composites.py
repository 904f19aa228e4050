"""Composites from files: objects of a plate over a background, in linear light.

The maths is that of every compositor, alpha * colour + (1 - alpha) * background, in the plate's own linear
space.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from semantic_matte import colour
from semantic_matte.backgrounds import colour_of, fitted, flat
from semantic_matte.cut_outs import CutOut, cut_by_alpha, cut_by_layers
from semantic_matte.errors import OutputError, PlateError, UsageError
from semantic_matte.layer_files import LayerFile, chosen_slots, read_layers
from semantic_matte.outputs.atomic import ensure_folder, refuse_overwriting
from semantic_matte.outputs.pictures import check_ending, write_picture
from semantic_matte.plates import read_plate
from semantic_matte.ports import ForegroundEstimator, Progress, ProgressEvent
from semantic_matte.types import FloatArray, Plate

# Where an object's colours come from.
ColourSource = Literal["foreground file", "unmixed", "plate"]


@dataclass(frozen=True)
class CompositeRequest:
    """What to read and where to write. Paths are as the user gave them.

    over: a picture's path, or a colour as `backgrounds.colour_of` reads it; None for the cut-out alone. slots:
    see `layer_files.chosen_slots`. foreground: a file of unmixed colours, in place of the one beside the
    mattes. plate_colours: take the plate's colours as they are. colour_space, background_colour_space: see
    `plates.read_plate`.
    """

    plate: Path
    mattes: Path
    result: Path
    over: str | None = None
    slots: tuple[str, ...] = ()
    foreground: Path | None = None
    plate_colours: bool = False
    colour_space: str | None = None
    background_colour_space: str | None = None


@dataclass(frozen=True)
class CompositeResult:
    """What was written: the file, the slots in it, where their colours came from, and the linear space."""

    result: Path
    slots: tuple[str, ...]
    colours: ColourSource
    colour_space: str


def compose_file(request: CompositeRequest, progress: Progress) -> CompositeResult:
    """Make the composite of one plate and write it; the kind of file goes by the result's ending.

    Raises UsageError for what can't be written or would overwrite a source, before anything is read; PlateError
    for a picture or mattes that can't be read or are of another plate; UnknownNameError for a slot or a colour
    space; OutputError.
    """
    _check_request(request)
    progress.advance(ProgressEvent("reading", 0, 3, request.plate.name))
    plate = read_plate(request.plate, request.colour_space, keep_own=True)
    for message in plate.notices:
        progress.notice(f"{request.plate.name}: {message}")
    progress.advance(ProgressEvent("reading", 1, 3, request.mattes.name))
    mattes = read_layers(request.mattes)
    require_same_frame(mattes, plate, progress)
    slots = chosen_slots(mattes, request.slots)
    if not slots:
        progress.notice(f"'{request.mattes.name}' has no objects: only what lies behind them is seen.")
    progress.advance(ProgressEvent("reading", 2, 3, request.over or ""))
    background = _background(request, plate, progress)
    cut, colours = _cut_out(request, plate, mattes, slots, progress)
    pixels = cut.rgba if background is None else cut.over(background)
    del cut, background
    progress.advance(ProgressEvent("writing", 0, 1, request.result.name))
    ensure_folder(request.result.parent)
    space = plate.own[1]
    source = {"plate": plate.name, "mattes": request.mattes.name, "slots": ",".join(slots), "colours": colours}
    metadata = {f"semantic_matte/{name}": value for name, value in source.items()}
    for message in write_picture(request.result, pixels, plate, space, metadata):
        progress.notice(message)
    progress.advance(ProgressEvent("writing", 1, 1, request.result.name))
    return CompositeResult(request.result, slots, colours, space)


def require_same_frame(mattes: LayerFile, plate: Plate, progress: Progress) -> None:
    """Raise PlateError for mattes of a frame of another size; a notice for those of a plate of another name."""
    data, display = plate.data_window or plate.box, plate.display_window or plate.box
    theirs = mattes.data_window
    if not mattes.has_windows:
        same = (theirs.width, theirs.height) == (data.width, data.height)
        said, expected = f"{theirs.width}x{theirs.height}", f"{data.width}x{data.height}"
    elif mattes.display_window != display:
        same = False
        said, expected = f"a frame of {mattes.display_window.as_list()}", f"{display.as_list()}"
    else:
        same = data.intersection(theirs) == theirs
        said, expected = f"pixels at {theirs.as_list()}", f"{data.as_list()}"
    if not same:
        raise PlateError(
            f"The mattes '{mattes.path}' are of another plate: they have {said}, the plate {expected}; "
            "give the mattes that were made of it."
        )
    name, frame = mattes.metadata.get("plate", plate.name), mattes.metadata.get("frame")
    if name != plate.name or (frame and plate.frame is not None and frame != str(plate.frame)):
        numbered = f", frame {frame}" if frame else ""
        progress.notice(f"'{mattes.path.name}' says that it was made of plate '{name}'{numbered}.")


def _check_request(request: CompositeRequest) -> None:
    """Raise UsageError for what can be told before anything is read."""
    if request.foreground and request.plate_colours:
        raise UsageError("Give a foreground file or ask for the plate's colours, not both.")
    picture = Path(request.over) if request.over is not None and colour_of(request.over) is None else None
    sources = [request.plate, request.mattes, request.foreground or foreground_beside(request.mattes), picture]
    refuse_overwriting([request.result], [source for source in sources if source is not None])
    try:
        check_ending(request.result, with_alpha=request.over is None)
    except OutputError as error:
        raise UsageError(str(error)) from None


def _background(request: CompositeRequest, plate: Plate, progress: Progress) -> FloatArray | None:
    """(H, W, 3) float32, the plate's own linear light on its data window; None for the cut-out alone."""
    if request.over is None:
        return None
    plain = colour_of(request.over)
    if plain is not None:
        return flat(plain, plate.size)
    path = Path(request.over)
    try:
        background = read_plate(path, request.background_colour_space, keep_own=True)
    except PlateError as error:
        raise PlateError(f"The background can't be used. {error}") from None
    light, space = background.own
    pixels, notices = fitted(colour.convert(light, space, plate.own[1]), background, plate)
    for message in [*background.notices, *notices]:
        progress.notice(f"{path.name}: {message}")
    return pixels


def _cut_out(
    request: CompositeRequest, plate: Plate, mattes: LayerFile, slots: tuple[str, ...], progress: Progress
) -> tuple[CutOut, ColourSource]:
    """The objects with the best colours that are to be had, and where those came from."""
    light, space = plate.own
    if request.plate_colours:
        return cut_by_alpha(light, mattes, slots, plate, None, progress), "plate"
    foreground = _foreground(request, mattes, slots, plate, progress)
    if foreground is not None:
        cut = cut_by_layers(foreground, mattes, slots, plate, progress)
        theirs = foreground.metadata.get("colour_space") or foreground.colour_space or space
        return CutOut(colour.convert(cut.colours, theirs, space), cut.alpha), "foreground file"
    return cut_by_alpha(light, mattes, slots, plate, _estimator, progress), "unmixed"


def _foreground(
    request: CompositeRequest, mattes: LayerFile, slots: tuple[str, ...], plate: Plate, progress: Progress
) -> LayerFile | None:
    """The file of the slots' own colours that was asked for, or that lies beside the mattes; None without one.

    Raises PlateError for one that was asked for and can't be used.
    """
    place = request.foreground or foreground_beside(request.mattes)
    if place is None or not slots:
        return None
    try:
        found = read_layers(place, "foreground")
        missing = [slot for slot in slots if not found.has_colours(slot)]
        if missing:
            raise PlateError(f"'{place}' has no colours of {', '.join(missing)}: give the file of this result.")
        require_same_frame(found, plate, progress)
    except PlateError as error:
        if request.foreground is not None:
            raise
        progress.notice(f"{error} The colours are unmixed here instead.")
        return None
    if not same_result(mattes, found):
        if request.foreground is None:
            progress.notice(f"'{place.name}' is of another result than the mattes; colours are unmixed here.")
            return None
        progress.notice(f"'{place.name}' does not say that it is of the same result as the mattes.")
    elif request.foreground is None:
        progress.notice(f"Colours are taken from '{place.name}' beside the mattes.")
    return found


def foreground_beside(mattes: Path) -> Path | None:
    """`NAME.foreground.exr` for `NAME.mattes.exr`, and so with a frame number; None if it isn't there."""
    place = mattes.with_name(mattes.name.replace(".mattes.", ".foreground."))
    return place if place != mattes and place.is_file() else None


def same_result(one: LayerFile, other: LayerFile) -> bool:
    """Whether two files say that they came of one plate with the same settings: nothing they say differs."""
    both = one.metadata.keys() & other.metadata.keys()
    return {"plate", "settings"} <= both and all(one.metadata[name] == other.metadata[name] for name in both)


def _estimator() -> ForegroundEstimator:
    """What unmixes colours where no file has them."""
    from semantic_matte.foregrounds import create_foreground_estimator
    from semantic_matte.settings import Settings

    return create_foreground_estimator(Settings())
