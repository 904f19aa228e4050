"""The objects' own colours in one EXR: a layer for each slot, half float, beside the mattes' file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from semantic_matte.colour import header_attributes
from semantic_matte.errors import OutputError
from semantic_matte.outputs.exr_files import Channel, write_exr
from semantic_matte.outputs.names import EMPTY_SLOT
from semantic_matte.outputs.windows import covered_box, written_window
from semantic_matte.types import Box, Foreground, Plate


def write_foregrounds(
    path: str | os.PathLike[str],
    plate: Plate,
    foregrounds: Iterable[Foreground],
    metadata: Mapping[str, str | int | float],
    *,
    data_window: Literal["centred", "tight", "plate"] = "centred",
    storage: Literal["scanline", "tiled"] = "scanline",
) -> list[str]:
    """Write `<slot>.R .G .B` and `<slot>.A` for every foreground, in half with ZIP; returns notices.

    Colours are unpremultiplied linear light; A is the matte's alpha, bit for bit that of the mattes' file.
    path: an .exr. plate: gives display window, pixel aspect, view and timecode. foregrounds: of this plate, all
    in one linear space, which the header names; their instances have slots, all different. metadata: header
    attributes (see `header_of`). data_window: how much of the frame the file holds (see `written_window`).
    storage: see `write_exr`. No foregrounds give one layer of zeros. Light beyond half's range is clamped, with
    a notice. The same input gives the same bytes. Raises OutputError, and UnknownNameError or UsageError for a
    colour space.
    """
    place = Path(path)
    foregrounds = list(foregrounds)
    _check(place, plate, foregrounds)
    channels = [channel for foreground in foregrounds for channel in _channels_of(foreground)]
    window = written_window(plate, [] if data_window == "plate" else _covered(foregrounds), data_window)
    space = foregrounds[0].colour_space if foregrounds else plate.own[1]
    channels = channels or [Channel(f"{EMPTY_SLOT}.{part}", None, None) for part in "RGBA"]
    return write_exr(
        place,
        plate,
        channels,
        {**header_attributes(space), "semantic_matte/colour_space": space, **metadata},
        window=window,
        storage=storage,
        what="foreground colours",
    )


def _check(place: Path, plate: Plate, foregrounds: Sequence[Foreground]) -> None:
    """Raise OutputError for foregrounds without slots, of another frame, or of more than one colour space."""
    slots = [foreground.matte.slot for foreground in foregrounds]
    for foreground, slot in zip(foregrounds, slots, strict=True):
        if not slot:
            raise OutputError(
                f"'{place}' can't be written: the colours of '{foreground.matte.label}' have no slot name "
                "yet; give its instance one of slot_names()."
            )
        if foreground.matte.frame_size != plate.size:
            height, width = foreground.matte.frame_size
            raise OutputError(
                f"'{place}' can't be written: the colours of {slot} are of a frame of {width}x{height}, the "
                f"plate is {plate.size[1]}x{plate.size[0]}."
            )
    if len(set(slots)) != len(slots):
        raise OutputError(f"'{place}' can't be written: two foregrounds have the same slot name.")
    spaces = sorted({foreground.colour_space for foreground in foregrounds})
    if len(spaces) > 1:
        raise OutputError(
            f"'{place}' can't be written: expected foregrounds of one colour space, got {', '.join(spaces)}."
        )


def _channels_of(foreground: Foreground) -> list[Channel]:
    """The four channels of one layer."""
    matte = foreground.matte
    colours = [
        Channel(f"{matte.slot}.{name}", foreground.crop[..., index], foreground.window)
        for index, name in enumerate("RGB")
    ]
    return [*colours, Channel(f"{matte.slot}.A", matte.crop, matte.window)]


def _covered(foregrounds: Sequence[Foreground]) -> list[Box]:
    """Where colour or alpha is not 0; in plate pixels."""
    boxes = []
    for foreground in foregrounds:
        boxes.append(covered_box(foreground.crop, foreground.window))
        boxes.append(covered_box(foreground.matte.crop, foreground.matte.window))
    return [box for box in boxes if box is not None]
