"""A plate as a network for photos sees it: display-referred RGB, the same for every plate.

Masks have edges, so the least change of a plate moves them by a few pixels. A plate that came out of an 8-bit
file is therefore put back on that file's levels before anything else: half floats and changes of primaries
move its light by far less than a level, so it is the same bits to a network from whatever file it comes. Light
that has no such levels stays as it is: there rounding would turn the least change into a whole level.
"""

from __future__ import annotations

import functools

import cv2
import numpy as np

from semantic_matte.colour import decode_srgb, encode_srgb, to_display
from semantic_matte.resizing import resized_light
from semantic_matte.types import Box, ByteArray, FloatArray, Plate

# A plate has levels if at least this share of the numbers looked at lies within so much of a level's step from
# one. Of photos in half ACEScg all do; of light without levels 40% do.
ON_LEVELS, NEAR = 0.9, 0.2
# Rows and columns looked at for that.
LOOKED_AT = 64
# Levels of sRGB from black to white.
LEVELS = 255
# Brighter light is not rounded: no 8-bit picture has it, and the largest floats would overflow in the curve.
# What a change of primaries makes of white stays well below.
BRIGHTEST = 2.0
# Of a float32's 32 bits, how many the rounding doesn't look at. What it sees tells brightness apart by a
# thousandth; levels are nearest to each other, by nine thousandths, at white.
DROPPED_BITS = 13
# Rows rounded at a time, so that the work needs little memory beside the picture itself.
ROWS = 64


def shown(plate: Plate, window: Box, size: tuple[int, int]) -> FloatArray:
    """A window of the plate at (width, height) pixels: (h, w, 3) float32 RGB in [0, 1].

    Light that has levels is put on them before it is resized. What of the window lies outside the frame shows
    the frame mirrored at its edge.
    """
    smaller = size[0] < window.width or size[1] < window.height
    method = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    inside = window.intersection(plate.box)
    assert inside is not None
    pixels = plate.pixels[inside.slices]
    if has_levels(plate):
        pixels = rounded_light(pixels)
    if inside != window:
        above, left = inside.y0 - window.y0, inside.x0 - window.x0
        below, right = window.y1 - inside.y1, window.x1 - inside.x1
        mirrored = cv2.copyMakeBorder(pixels, above, below, left, right, cv2.BORDER_REFLECT)
        pixels = np.asarray(mirrored, dtype=np.float32)
    return np.asarray(to_display(resized_light(pixels, size, method)), dtype=np.float32)


def shown_bytes(plate: Plate) -> ByteArray:
    """The whole plate as a photo: (H, W, 3) uint8 RGB, rounded.

    Light that has levels is put on them first: the roll-off of what is nearly white puts some of them half-way
    between two bytes, where the least change would tell.
    """
    light = rounded_light(plate.pixels) if has_levels(plate) else plate.pixels
    return np.asarray(to_display(light) * LEVELS + 0.5).astype(np.uint8)


def has_levels(plate: Plate) -> bool:
    """Whether a plate's light lies on the levels of an 8-bit sRGB file, as far as floats tell.

    Black and what is brighter than BRIGHTEST say nothing of it; a plate of nothing else has no levels.
    """
    height, width = plate.size
    light = plate.pixels[:: -(-height // LOOKED_AT), :: -(-width // LOOKED_AT)]
    telling = light[(light > 0) & (light < BRIGHTEST)]
    if not telling.size:
        return False
    steps = encode_srgb(telling) * np.float32(LEVELS)
    return float((np.abs(steps - np.rint(steps)) < NEAR).mean()) >= ON_LEVELS


def rounded_light(light: FloatArray) -> FloatArray:
    """Scene-linear light on a level that an 8-bit sRGB file has.

    light: (H, W, 3) float32, any range; negative counts as black, and what is at least BRIGHTEST stays as it
    is. Returns a new (H, W, 3) float32. It is the nearest level, or for light within a thousandth of half-way
    between two, either.
    """
    result = np.empty(light.shape, dtype=np.float32)
    table = _levels_of_light()
    for top in range(0, light.shape[0], ROWS):
        part = light[top : top + ROWS]
        # Negative zero has a bit of its own.
        index = np.maximum(part, np.float32(0)).view(np.int32) & 0x7FFFFFFF
        np.take(table, index >> DROPPED_BITS, mode="clip", out=result[top : top + ROWS])
        if part.max() >= BRIGHTEST:
            np.copyto(result[top : top + ROWS], part, where=part >= BRIGHTEST)
    return result


@functools.cache
def _levels_of_light() -> FloatArray:
    """For the leading bits of each float32 from 0 to BRIGHTEST, the light of the level nearest to their middle.

    (131072,) float32. Looking up is four times faster than two curves at each pixel.
    """
    count = int(np.float32(BRIGHTEST).view(np.int32)) >> DROPPED_BITS
    bits = (np.arange(count, dtype=np.int32) << DROPPED_BITS) | (1 << (DROPPED_BITS - 1))
    encoded = encode_srgb(bits.view(np.float32))
    return decode_srgb(np.rint(encoded * np.float32(LEVELS)) / np.float32(LEVELS))
