"""All mattes of a frame in one EXR: a layer for each slot, half float, in the plate's windows."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from semantic_matte.errors import OutputError
from semantic_matte.outputs.atomic import check_written, replacing
from semantic_matte.outputs.names import EMPTY_SLOT, SPREAD_SUFFIX
from semantic_matte.types import Box, FloatArray, Matte, Plate

HalfArray = npt.NDArray[np.float16]

# Bytes of one strip of scanlines over all channels: what writing needs in memory, whatever the number
# of mattes. Strips are whole ZIP blocks of 16 lines.
_STRIP_BYTES = 32 << 20
_BLOCK = 16


@dataclass(frozen=True, eq=False)
class _Layer:
    """A channel of the file and the crop that fills it; outside of `window` it is 0."""

    channel: str
    crop: FloatArray | None
    window: Box | None


def write_layers(
    path: str | os.PathLike[str],
    plate: Plate,
    mattes: Sequence[Matte],
    metadata: Mapping[str, str | int | float],
    spread: bool = False,
) -> None:
    """Write `<slot>.A` for every matte, in half float with ZIP, without a root RGBA.

    path: an .exr. plate: gives data window, display window, pixel aspect and view. mattes: their
    instances have slots, all different. metadata: header attributes; names like "semanticMatte/seed".
    spread: add a layer `<slot>_spread.A` for every matte, 0 where there was one sample. It is a layer
    of its own and not a second channel of the slot, because hosts know no channel of that name.
    No mattes give one layer of zeros, `sm_none_00.A`: readers fail on a file without channels.
    The same input gives the same bytes; no date is written. Raises OutputError.
    """
    place = Path(path)
    if place.suffix.lower() != ".exr":
        raise OutputError(f"'{place}' can't be written: layers need a name that ends in .exr.")
    layers = _layers_of(plate, mattes, spread, place)
    with replacing(place) as temporary:
        spec = exr_spec(plate, [layer.channel for layer in layers], metadata)
        write_strips(temporary, spec, _strips(plate.size, layers))


def _layers_of(plate: Plate, mattes: Sequence[Matte], spread: bool, place: Path) -> list[_Layer]:
    layers = []
    for matte in mattes:
        if not matte.slot:
            raise OutputError(
                f"'{place}' can't be written: a matte of '{matte.label}' has no slot name yet; "
                "give it one of slot_names()."
            )
        if matte.frame_size != plate.size:
            raise OutputError(
                f"'{place}' can't be written: the matte {matte.slot} is of a frame of "
                f"{matte.frame_size[1]}x{matte.frame_size[0]}, the plate is "
                f"{plate.size[1]}x{plate.size[0]}."
            )
        layers.append(_Layer(f"{matte.slot}.A", matte.crop, matte.window))
        if spread:
            name = f"{matte.slot}{SPREAD_SUFFIX}.A"
            layers.append(_Layer(name, matte.spread_crop, matte.window))
    # EXR keeps channels in the order of their names; strips are filled in the same order.
    layers.sort(key=lambda layer: layer.channel)
    names = [layer.channel for layer in layers]
    if len(set(names)) != len(names):
        raise OutputError(f"'{place}' can't be written: two mattes have the same slot name.")
    return layers or [_Layer(f"{EMPTY_SLOT}.A", None, None)]


def write_strips(temporary: Path, spec: Any, strips: Iterable[npt.NDArray[Any]]) -> None:
    """Write a picture from top to bottom with OpenImageIO; each strip is (rows, W, channels).

    spec: an OpenImageIO header. temporary: from `replacing`. Raises OSError, which that explains.
    """
    import OpenImageIO

    output: Any = OpenImageIO.ImageOutput.create(str(temporary))
    if output is None or not output.open(str(temporary), spec):
        complaint = OpenImageIO.geterror() if output is None else output.geterror()
        raise OSError(None, complaint.strip() or "the writer refused")
    top = spec.y
    try:
        for strip in strips:
            if not output.write_scanlines(top, top + strip.shape[0], 0, strip):
                break
            top += strip.shape[0]
    finally:
        complaint = output.geterror()
        output.close()
    check_written(temporary, complaint + output.geterror())


def exr_spec(plate: Plate, channels: Sequence[str], metadata: Mapping[str, str | int | float]) -> Any:
    """An OpenImageIO header of half channels with the plate's windows, pixel aspect and view."""
    import OpenImageIO

    data, display = plate.data_window or plate.box, plate.display_window or plate.box
    spec = OpenImageIO.ImageSpec(data.width, data.height, len(channels), OpenImageIO.HALF)
    spec.channelnames = tuple(channels)
    spec.alpha_channel = -1
    spec.x, spec.y = data.x0, data.y0
    spec.full_x, spec.full_y = display.x0, display.y0
    spec.full_width, spec.full_height = display.width, display.height
    spec.attribute("compression", "zip")
    spec.attribute("PixelAspectRatio", float(plate.pixel_aspect))
    # An empty date keeps OpenImageIO from writing the time of day.
    spec.attribute("DateTime", "")
    if plate.view:
        spec.attribute("view", plate.view)
    for name, value in sorted(metadata.items()):
        spec.attribute(name, value)
    return spec


def _strips(size: tuple[int, int], layers: Sequence[_Layer]) -> Iterator[HalfArray]:
    """(rows, W, channels) float16, from top to bottom."""
    height, width = size
    line_bytes = width * len(layers) * 2
    rows = max(_BLOCK, _STRIP_BYTES // line_bytes // _BLOCK * _BLOCK)
    for top in range(0, height, rows):
        bottom = min(height, top + rows)
        strip = np.zeros((bottom - top, width, len(layers)), dtype=np.float16)
        band = Box(0, top, width, bottom)
        for index, layer in enumerate(layers):
            common = None if layer.window is None else band.intersection(layer.window)
            if layer.crop is not None and layer.window is not None and common is not None:
                crop = layer.crop[common.relative_to(layer.window).slices]
                rows_inside, columns_inside = common.relative_to(band).slices
                strip[rows_inside, columns_inside, index] = crop
        yield strip
