"""Blocks of an EXR as ZIP has them, made from crops without ever looking at the zeros around them.

Mattes are zero nearly everywhere, and a file has many: laying out whole frames for a library to pack, predict
and compress takes three times as long as all of this, and more memory. What a block is made of is told in
"OpenEXR File Layout" (openexr.com) and done in OpenEXR's internal_zip.c:

1. line by line, channel by channel in the order of names, samples in little-endian;
2. all bytes at even places, then all at odd places;
3. each byte but the first replaced by its difference from the one before, plus 128;
4. zlib; but where that doesn't get smaller, step 1 as it is.

Steps 2 and 3 are linear but for the 128: what a crop changes lies where its own samples lie, and one sample on.
"""

from __future__ import annotations

import functools
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from semantic_matte.errors import OutputError
from semantic_matte.types import BoolArray, Box

LARGEST_HALF = 65504.0

HALF = np.dtype("<f2")
FLOAT = np.dtype("<f4")

# The difference of two bytes that are the same.
_SAME = 128


@dataclass(frozen=True, eq=False)
class Channel:
    """A channel of the file and the crop that fills it; outside of `window` it is 0.

    name: all of it, as in "sm_person_01.A". crop: (h, w) float, finite, on `window`; None for zeros.
    window: in plate pixels, from the top left corner of the plate's data window; None for zeros.
    """

    name: str
    crop: npt.NDArray[np.floating[Any]] | None
    window: Box | None


@dataclass(frozen=True)
class Encoded:
    """A block as it lies in the file, and how many of its pixels had to be clamped."""

    content: bytes
    clamped: int


@dataclass(frozen=True, eq=False)
class _Part:
    """What one channel has in a block: samples (h, w) in the file's type, on `box`, in the block's pixels."""

    channel: int
    samples: npt.NDArray[Any]
    box: Box


def encoded_block(block: Box, channels: Sequence[Channel], kind: np.dtype[Any]) -> Encoded:
    """Encode the pixels of all channels in a block: some scan lines of the file's window, or a tile.

    block: in plate pixels. channels: in the order of their names. kind: HALF or FLOAT. Numbers beyond
    LARGEST_HALF are clamped to it in half. Raises OutputError for NaN and infinity.
    """
    parts = []
    beyond: BoolArray | None = None
    for index, channel in enumerate(channels):
        common = None if channel.window is None else block.intersection(channel.window)
        if channel.crop is None or channel.window is None or common is None:
            continue
        crop = channel.crop[common.relative_to(channel.window).slices]
        largest = max(-float(crop.min()), float(crop.max()))
        if not np.isfinite(largest):
            raise OutputError(
                f"The channel {channel.name} has NaN or infinity and can't be written: expected finite numbers."
            )
        box = common.relative_to(block)
        if kind == HALF and largest > LARGEST_HALF:
            beyond = np.zeros((block.height, block.width), np.bool_) if beyond is None else beyond
            beyond[box.slices] |= np.abs(crop) > LARGEST_HALF
            crop = crop.clip(-LARGEST_HALF, LARGEST_HALF)
        parts.append(_Part(index, np.ascontiguousarray(crop, dtype=kind), box))
    clamped = 0 if beyond is None else int(np.count_nonzero(beyond))
    size = block.area * len(channels) * kind.itemsize
    return Encoded(_packed(block, len(channels), kind, parts) if parts else _packed_zeros(size), clamped)


def _packed(block: Box, channels: int, kind: np.dtype[Any], parts: Sequence[_Part]) -> bytes:
    """Steps 1 to 4."""
    filled = sum(part.samples.size for part in parts) / (block.area * channels)
    # Differences of what is mostly zero are runs of one byte; elsewhere it pays to look for other repetitions.
    strategy = zlib.Z_RLE if filled < 0.5 else zlib.Z_DEFAULT_STRATEGY
    compressor = zlib.compressobj(4, zlib.DEFLATED, zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL, strategy)
    differences = _differences(block, channels, kind, parts)
    packed = compressor.compress(differences.data) + compressor.flush()
    if len(packed) < differences.size:
        return packed
    samples = np.zeros((block.height, channels, block.width), kind)
    for part in parts:
        samples[part.box.y0 : part.box.y1, part.channel, part.box.x0 : part.box.x1] = part.samples
    return samples.tobytes()


def _differences(
    block: Box, channels: int, kind: np.dtype[Any], parts: Sequence[_Part]
) -> npt.NDArray[np.uint8]:
    """Steps 1 to 3: (bytes of the block,) uint8."""
    octets = kind.itemsize // 2
    line = channels * block.width * octets
    half = block.height * line
    differences = np.full(2 * half, _SAME, np.uint8)
    differences[0] = 0
    for part in parts:
        top, bottom = part.box.y0, part.box.y1
        left = (part.channel * block.width + part.box.x0) * octets
        right = left + part.box.width * octets
        interleaved = part.samples.view(np.uint8).reshape(part.box.height, -1)
        for first in (0, 1):
            nothing = np.uint8(0)
            steps = np.diff(interleaved[:, first::2], axis=1, prepend=nothing, append=nothing)
            lines = differences[first * half : (first + 1) * half].reshape(block.height, line)
            lines[top:bottom, left:right] += steps[:, :-1]
            # The step back to 0 lies in what follows: another channel, the next line, or the second half.
            back = first * half + np.arange(top, bottom) * line + right
            back = back[back < differences.size]
            differences[back] += steps[: back.size, -1]
    return differences


@functools.lru_cache(maxsize=16)
def _packed_zeros(size: int) -> bytes:
    """A block of so many bytes that are all 0, packed; most blocks of a file are this one."""
    differences = np.full(size, _SAME, np.uint8)
    differences[0] = 0
    packed = zlib.compress(differences.data)
    return packed if len(packed) < size else bytes(size)
