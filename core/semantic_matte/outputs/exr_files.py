"""EXR files of many channels: whole or not at all, in the plate's own windows, in little memory.

OpenImageIO writes the header, `exr_blocks` the pixels: given whole frames, it is busy for three times as long
with the zeros of 64 mattes at 4K (tests/benchmarks/writing.py).
"""

from __future__ import annotations

import contextlib
import itertools
import os
import struct
from collections import deque
from collections.abc import Generator, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from semantic_matte.errors import OutputError
from semantic_matte.outputs.atomic import check_written, replacing
from semantic_matte.outputs.exr_blocks import FLOAT, HALF, LARGEST_HALF, Channel, Encoded, encoded_block
from semantic_matte.outputs.header import packed_timecode
from semantic_matte.types import Box, Plate

__all__ = ["LARGEST_HALF", "LINES", "TILE", "Channel", "exr_spec", "write_exr", "write_strips"]

# Lines of a block with ZIP, and the side of a tile.
LINES = 16
TILE = 64

# Bytes of the blocks that are worked on at a time: what writing needs in memory, whatever the frame's height.
# At 64 channels of 4K in half it is 8 blocks.
_BYTES_AT_WORK = 64 << 20

Attribute: TypeAlias = str | int | float | tuple[float, ...]


def write_exr(
    path: str | os.PathLike[str],
    plate: Plate,
    channels: Sequence[Channel],
    metadata: Mapping[str, Attribute],
    *,
    window: Box,
    pixel_type: Literal["half", "float"] = "half",
    storage: Literal["scanline", "tiled"] = "scanline",
    what: str,
) -> list[str]:
    """Write channels as one EXR with ZIP, whole or not at all; returns notices for the user.

    plate: gives display window, pixel aspect, view and timecode. metadata: header attributes: whole numbers of
    32 bits, numbers of single precision or a row of them, text that is not empty. window: the part of the
    plate that the file holds, in plate pixels; what a channel has outside is left out. storage: scan lines, or
    tiles of 64x64.
    what: how messages call the contents, in plural ("mattes").
    Half holds values up to 65504: larger ones are clamped to it, and a notice says how many pixels.
    Channels lie in the order of their names. The same input gives the same bytes; no date is written.
    Raises OutputError: for another suffix than .exr, no channels, two of one name, a crop that doesn't fit
    its window, NaN or infinity, and where the system refuses.
    """
    place = Path(path)
    ordered = _in_order(place, channels, what)
    notices: list[str] = []
    names = [channel.name for channel in ordered]
    spec = exr_spec(plate, names, metadata, window, pixel_type, notices, storage)
    with replacing(place) as temporary:
        clamped = _write(temporary, spec, window, ordered, HALF if pixel_type == "half" else FLOAT)
    if clamped:
        pixels = "1 pixel is" if clamped == 1 else f"{clamped} pixels are"
        notices.append(
            f"In the {what}, {pixels} beyond {LARGEST_HALF:.0f}, the largest number in half, and clamped."
        )
    return notices


def exr_spec(
    plate: Plate,
    channels: Sequence[str],
    metadata: Mapping[str, Attribute],
    window: Box,
    pixel_type: Literal["half", "float"],
    notices: list[str],
    storage: Literal["scanline", "tiled"],
) -> Any:
    """An OpenImageIO header for the part `window` of a plate; see `write_exr`.

    channels: names, in order. A timecode that EXR can't hold is told in `notices`. Raises OutputError for
    metadata that EXR can't hold.
    """
    import OpenImageIO

    data, display = plate.data_window or plate.box, plate.display_window or plate.box
    kind = OpenImageIO.HALF if pixel_type == "half" else OpenImageIO.FLOAT
    spec = OpenImageIO.ImageSpec(window.width, window.height, len(channels), kind)
    spec.channelnames = tuple(channels)
    spec.alpha_channel = -1
    spec.x, spec.y = data.x0 + window.x0, data.y0 + window.y0
    spec.full_x, spec.full_y = display.x0, display.y0
    spec.full_width, spec.full_height = display.width, display.height
    if storage == "tiled":
        spec.tile_width = spec.tile_height = TILE
    spec.attribute("compression", "zip")
    spec.attribute("PixelAspectRatio", float(plate.pixel_aspect))
    # An empty date keeps OpenImageIO from writing the time of day.
    spec.attribute("DateTime", "")
    if window != plate.box:
        # EXR's own way to say that a window was cut, and from what.
        corners = (data.x0, data.y0, data.x1 - 1, data.y1 - 1)
        spec.attribute("originalDataWindow", OpenImageIO.TypeDesc("box2i"), corners)
    packed = packed_timecode(plate.timecode)
    if packed is not None:
        spec.attribute("smpte:TimeCode", OpenImageIO.TypeTimeCode, (packed, 0))
    elif plate.timecode:
        notices.append(f"The timecode '{plate.timecode}' is none that EXR can hold and was left out.")
    for name, value in sorted({**({"view": plate.view} if plate.view else {}), **metadata}.items()):
        if isinstance(value, tuple):
            numbers = tuple(_attribute(name, number) for number in value)
            spec.attribute(name, OpenImageIO.TypeDesc(f"float[{len(numbers)}]"), numbers)
        else:
            spec.attribute(name, _attribute(name, value))
    return spec


def _attribute(name: str, value: str | int | float) -> str | int | float:
    """A value as OpenImageIO takes it; OutputError for one that EXR can't hold."""
    if isinstance(value, str):
        # A file's name that is not Unicode comes as lone surrogates, which UTF-8 can't hold.
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, int):
        fits = -(2**31) <= value < 2**31
    else:
        fits = abs(value) <= float(np.finfo(np.float32).max)
    if not fits:
        raise OutputError(
            f"The header attribute '{name}' can't be written: expected a whole number of 32 bits or a finite "
            f"one of single precision, got {value}."
        )
    return value


def write_strips(temporary: Path, spec: Any, strips: Iterable[npt.NDArray[Any]]) -> None:
    """Write a picture from top to bottom with OpenImageIO; each strip is (rows, W, channels).

    spec: an OpenImageIO header; where it has tiles, strips are whole rows of them. temporary: from
    `replacing`. A strip may be overwritten once the next one is asked for. Raises OSError, which `replacing`
    explains.
    """
    output = _opened(temporary, spec)
    top = spec.y
    try:
        for strip in strips:
            bottom = top + strip.shape[0]
            if spec.tile_width:
                written = output.write_tiles(spec.x, spec.x + spec.width, top, bottom, 0, 1, strip)
            else:
                written = output.write_scanlines(top, bottom, 0, strip)
            if not written:
                break
            top = bottom
    finally:
        complaint = output.geterror()
        output.close()
    check_written(temporary, complaint + output.geterror())


def _opened(temporary: Path, spec: Any) -> Any:
    """A writer of OpenImageIO that has written the header. Raises OSError."""
    import OpenImageIO

    output: Any = OpenImageIO.ImageOutput.create(str(temporary))
    if output is None or not output.open(str(temporary), spec):
        complaint = OpenImageIO.geterror() if output is None else output.geterror()
        raise OSError(None, complaint.strip() or "the writer refused")
    return output


def _in_order(place: Path, channels: Sequence[Channel], what: str) -> list[Channel]:
    """The channels by name, in which order EXR keeps them. Raises OutputError for what can't be written."""
    if place.suffix.lower() != ".exr":
        raise OutputError(f"'{place}' can't be written: {what} need a name that ends in .exr.")
    ordered = sorted(channels, key=lambda channel: channel.name)
    if not ordered:
        raise OutputError(f"'{place}' can't be written: expected at least one channel, got none.")
    for one, following in itertools.pairwise(ordered):
        if one.name == following.name:
            raise OutputError(f"'{place}' can't be written: two channels are named '{one.name}'.")
    for channel in ordered:
        if channel.crop is None or channel.window is None:
            continue
        if channel.crop.shape != (channel.window.height, channel.window.width):
            raise OutputError(
                f"'{place}' can't be written: channel {channel.name} has pixels of shape "
                f"{channel.crop.shape} for a window of {channel.window.width}x{channel.window.height}."
            )
    return ordered


def _write(temporary: Path, spec: Any, window: Box, channels: Sequence[Channel], kind: np.dtype[Any]) -> int:
    """Write the header, the blocks, and the table of where they lie. Returns how many pixels were clamped."""
    # Closed without pixels, a file is its header and a table of zeros.
    output = _opened(temporary, spec)
    output.close()
    check_written(temporary, output.geterror())
    boxes = _blocks(window, bool(spec.tile_width))
    clamped, places = 0, []
    with temporary.open("r+b") as file, contextlib.closing(_encoded(boxes, channels, kind)) as blocks:
        table = file.seek(0, os.SEEK_END) - 8 * len(boxes)
        for box, block in zip(boxes, blocks, strict=True):
            # Of a tile: column, row, and level 0 in both directions. Of scan lines: the first one.
            column, row = (box.x0 - window.x0) // TILE, (box.y0 - window.y0) // TILE
            head = (column, row, 0, 0) if spec.tile_width else (spec.y + box.y0 - window.y0,)
            places.append(file.tell())
            file.write(struct.pack(f"<{len(head) + 1}i", *head, len(block.content)))
            file.write(block.content)
            clamped += block.clamped
        file.seek(table)
        file.write(struct.pack(f"<{len(places)}Q", *places))
    return clamped


def _blocks(window: Box, tiled: bool) -> list[Box]:
    """The blocks of a file from left to right and top to bottom, in plate pixels."""
    width, height = (TILE, TILE) if tiled else (window.width, LINES)
    return [
        Box(x, y, min(x + width, window.x1), min(y + height, window.y1))
        for y in range(window.y0, window.y1, height)
        for x in range(window.x0, window.x1, width)
    ]


def _encoded(
    boxes: Sequence[Box], channels: Sequence[Channel], kind: np.dtype[Any]
) -> Generator[Encoded, None, None]:
    """The blocks in their order, encoded side by side, and never more than a few ahead of who takes them."""
    block_bytes = max(box.area for box in boxes) * len(channels) * kind.itemsize
    workers = max(1, min(os.cpu_count() or 1, _BYTES_AT_WORK // block_bytes))
    waiting: deque[Future[Encoded]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for box in boxes:
                waiting.append(pool.submit(encoded_block, box, channels, kind))
                if len(waiting) > 2 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            # Where a block or the disk failed, or the user broke off, the rest is not begun.
            for future in waiting:
                future.cancel()
