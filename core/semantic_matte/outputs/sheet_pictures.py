"""The pictures on a contact sheet: reductions, the coloured overlay, composites.

Everything is computed at the panel's size and in linear light; `displayed` encodes it at the end.
Mattes are reduced from their crops, so that no full-size copy is made for an instance.
"""

from __future__ import annotations

import colorsys
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from semantic_matte.colour import decode_srgb, encode_srgb
from semantic_matte.types import Box, ByteArray, FloatArray, Matte, Plate

Colour = tuple[int, int, int]

# Light (h, w, 3) and alpha (h, w), float32 -> the objects' own colours (h, w, 3); see `ForegroundEstimator`.
Unmix = Callable[[FloatArray, FloatArray], FloatArray]

# Far apart in hue and alike in lightness, so that neighbours differ and none shouts.
_COLOURS: tuple[Colour, ...] = (
    (64, 196, 255),
    (255, 138, 76),
    (120, 222, 124),
    (240, 110, 170),
    (250, 208, 70),
    (160, 132, 255),
    (60, 214, 190),
    (255, 106, 100),
)

# Brighter than this a pixel is white on the sheet anyway; unclipped it would bleed when averaged.
_BRIGHTEST = 16.0


@dataclass(frozen=True, eq=False)
class SmallMatte:
    """A matte at the size of a panel. alpha: (h, w) float32 in [0, 1] on `window` of the panel."""

    alpha: FloatArray
    window: Box
    name: str
    score: float
    colour: Colour


def object_colour(index: int) -> Colour:
    """sRGB 0..255 of the object with this place in the list: the same on every sheet."""
    if index < len(_COLOURS):
        return _COLOURS[index]
    hue = index * (math.sqrt(5) - 1) / 2 % 1
    red, green, blue = colorsys.hls_to_rgb(hue, 0.66, 0.8)
    return round(red * 255), round(green * 255), round(blue * 255)


def fitted_size(plate: Plate, width: int, height: int) -> tuple[int, int]:
    """(w, h) of the plate inside width x height, with square pixels, enlarged at most twice."""
    wide = plate.size[1] * plate.pixel_aspect
    scale = min(width / wide, height / plate.size[0], 2.0)
    return max(1, round(wide * scale)), max(1, round(plate.size[0] * scale))


def small_plate(plate: Plate, size: tuple[int, int]) -> FloatArray:
    """(h, w, 3) float32 linear in [0, 16]. size: (w, h)."""
    channels = []
    for channel in range(3):
        full = plate.pixels[..., channel].clip(0, _BRIGHTEST)
        channels.append(_resized(full, size, (0, 0, full.shape[1], full.shape[0])))
    return np.asarray(np.stack(channels, axis=-1).clip(0, _BRIGHTEST), dtype=np.float32)


def small_matte(matte: Matte, index: int, size: tuple[int, int], name: str) -> SmallMatte:
    """A matte reduced to a panel of size (w, h) that shows the whole plate."""
    height, width = matte.frame_size
    step_x, step_y = width / size[0], height / size[1]  # plate pixels of one panel pixel
    window = matte.window
    panel = Box(
        math.floor(window.x0 / step_x),
        math.floor(window.y0 / step_y),
        min(size[0], math.ceil(window.x1 / step_x)),
        min(size[1], math.ceil(window.y1 / step_y)),
    )
    # Panel pixels at the rim reach beyond the crop, where alpha is 0.
    left, top = math.ceil(step_x), math.ceil(step_y)
    padded = np.pad(matte.crop, ((top, top), (left, left)))
    corner_x, corner_y = window.x0 - left, window.y0 - top
    source = (
        max(0.0, panel.x0 * step_x - corner_x),
        max(0.0, panel.y0 * step_y - corner_y),
        min(float(padded.shape[1]), panel.x1 * step_x - corner_x),
        min(float(padded.shape[0]), panel.y1 * step_y - corner_y),
    )
    alpha = _resized(padded, (panel.width, panel.height), source).clip(0, 1)
    return SmallMatte(alpha, panel, name, matte.instance.score, object_colour(index))


def thumbnail(matte: Matte, size: tuple[int, int], pixel_aspect: float) -> ByteArray:
    """(h, w) uint8: the alpha close up, centred in (w, h); linear, as a compositor views a matte."""
    height, width = matte.crop.shape
    wide = width * pixel_aspect
    scale = min(size[0] * 0.92 / wide, size[1] * 0.92 / height, 3.0)
    inner = max(1, round(wide * scale)), max(1, round(height * scale))
    alpha = _resized(matte.crop, inner, (0, 0, width, height)).clip(0, 1)
    canvas = np.zeros((size[1], size[0]), dtype=np.uint8)
    x, y = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
    canvas[y : y + inner[1], x : x + inner[0]] = np.rint(alpha * 255)
    return canvas


def softest_part(matte: Matte, size: tuple[int, int]) -> Box:
    """Of the frame, the box (w, h) around the softest stretch of a matte's edge; smaller only where
    the frame is."""
    height, width = matte.frame_size
    wide, high = min(size[0], width), min(size[1], height)
    crop_height, crop_width = matte.crop.shape
    cells = max(1, round(2 * crop_width / wide)), max(1, round(2 * crop_height / high))
    softness = matte.crop * (1 - matte.crop)
    grid = _resized(softness, cells, (0, 0, crop_width, crop_height))
    row, column = divmod(int(grid.argmax()), cells[0])
    centre_x = matte.window.x0 + round((column + 0.5) * crop_width / cells[0])
    centre_y = matte.window.y0 + round((row + 0.5) * crop_height / cells[1])
    x = max(0, min(centre_x - wide // 2, width - wide))
    y = max(0, min(centre_y - high // 2, height - high))
    return Box(x, y, x + wide, y + high)


def close_up(
    plate: Plate, matte: Matte, part: Box, size: tuple[int, int], unmix: Unmix | None = None
) -> FloatArray:
    """(h, w, 3) linear: `part` of the plate, cut by the matte, over a new background, enlarged."""
    alpha = np.zeros((part.height, part.width), dtype=np.float32)
    common = part.intersection(matte.window)
    if common is not None:
        inside = matte.crop[common.relative_to(matte.window).slices]
        alpha[common.relative_to(part).slices] = inside
    light = plate.pixels[part.slices].clip(0, _BRIGHTEST)
    pixels = own_colours(light, alpha[..., np.newaxis], unmix)
    whole = (0, 0, part.width, part.height)
    colours = [_resized(pixels[..., channel], size, whole) for channel in range(3)]
    large_alpha = _resized(alpha, size, whole)[..., np.newaxis].clip(0, 1)
    return over(np.stack(colours, axis=-1).clip(0, None), large_alpha, sky(size))


def overlay(plate: FloatArray, mattes: Sequence[SmallMatte]) -> FloatArray:
    """The plate dimmed, each object lit and tinted by its alpha, with an outline at alpha 0.5."""
    grey = plate.mean(axis=-1, keepdims=True)
    result: FloatArray = (0.16 * (0.35 * plate + 0.65 * grey)).astype(np.float32)
    for matte in mattes:
        inside = matte.window.slices
        tint = linear_colour(matte.colour)
        alpha = matte.alpha[..., np.newaxis]
        lit = 0.65 * plate[inside] + (0.06 + 0.36 * grey[inside]) * tint
        result[inside] += alpha * (lit - result[inside])
    for matte in mattes:
        inside = matte.window.slices
        line = _outline(matte.alpha)[..., np.newaxis]
        result[inside] += line * (linear_colour(matte.colour) - result[inside])
    return result


def total_alpha(mattes: Sequence[SmallMatte], size: tuple[int, int]) -> FloatArray:
    """(h, w, 1) float32 in [0, 1]: all objects together. Soft edges of neighbours add up."""
    total = np.zeros((size[1], size[0], 1), dtype=np.float32)
    for matte in mattes:
        total[matte.window.slices] += matte.alpha[..., np.newaxis]
    return total.clip(0, 1)


def own_colours(light: FloatArray, alpha: FloatArray, unmix: Unmix | None) -> FloatArray:
    """(h, w, 3) float32 in [0, 16]: light (h, w, 3) without what shows through where alpha (h, w, 1) is soft.

    Without a way to unmix it stays as it is.
    """
    if unmix is None:
        return light
    return unmix(light, np.ascontiguousarray(alpha[..., 0])).clip(0, _BRIGHTEST)


def over(plate: FloatArray, alpha: FloatArray, background: FloatArray) -> FloatArray:
    """alpha * plate + (1 - alpha) * background, in linear light."""
    return np.asarray(background + alpha * (plate - background), dtype=np.float32)


def checker(size: tuple[int, int], square: int = 16) -> FloatArray:
    """(h, w, 3) linear: two greys."""
    y, x = np.indices((size[1], size[0]))
    bright = (x // square + y // square) % 2
    levels = decode_srgb(np.array([78, 108], dtype=np.float32) / np.float32(255))
    return np.repeat(levels[bright][..., np.newaxis], 3, axis=2)


def sky(size: tuple[int, int]) -> FloatArray:
    """(h, w, 3) linear: an evening sky, dark blue above, warm at the horizon, with a low sun."""
    stops = np.array([0.0, 0.42, 0.72, 0.88, 1.0])
    colours = np.stack(
        [
            linear_colour(colour)
            for colour in (
                (26, 44, 92),
                (72, 104, 168),
                (214, 150, 140),
                (250, 190, 120),
                (255, 216, 160),
            )
        ]
    )
    y = np.linspace(0, 1, size[1])
    # Each height averages its surroundings, so that no stop shows as a line.
    around = (y[:, np.newaxis] + np.linspace(-0.12, 0.12, 13)).clip(0, 1)
    column = np.stack([np.interp(around, stops, colours[:, k]).mean(axis=1) for k in range(3)], axis=-1)
    x = np.linspace(0, 1, size[0])[np.newaxis, :, np.newaxis]
    down = y[:, np.newaxis, np.newaxis]
    glow = np.exp(-(((x - 0.72) / 0.32) ** 2 + ((down - 0.86) / 0.34) ** 2))
    sunny = column[:, np.newaxis] + glow * linear_colour((255, 170, 90)) * 0.45
    return np.asarray(sunny, dtype=np.float32)


def linear_colour(colour: Colour) -> FloatArray:
    """(3,) float32 linear of an sRGB colour 0..255."""
    return decode_srgb(np.array(colour, dtype=np.float32) / np.float32(255))


def displayed(linear: FloatArray) -> Image.Image:
    """(h, w, 3) linear -> an 8-bit sRGB picture, clipped."""
    encoded = encode_srgb(linear.clip(0, 1)).clip(0, 1)
    return Image.fromarray(np.rint(encoded * 255).astype(np.uint8))


def _resized(
    pixels: FloatArray, size: tuple[int, int], source: tuple[float, float, float, float]
) -> FloatArray:
    """The part `source` (x0, y0, x1, y1) of (H, W), averaged over areas or, enlarged, smoothed."""
    enlarged = source[2] - source[0] < size[0] or source[3] - source[1] < size[1]
    method = Image.Resampling.BICUBIC if enlarged else Image.Resampling.BOX
    picture = Image.fromarray(np.ascontiguousarray(pixels, dtype=np.float32))
    return np.asarray(picture.resize(size, method, box=source), dtype=np.float32)


def _outline(alpha: FloatArray) -> FloatArray:
    """(h, w) float32 in [0, 1]: a smooth line of about two pixels where alpha passes 0.5."""
    padded = np.pad(alpha, 1, mode="edge")
    slope_x = (padded[1:-1, 2:] - padded[1:-1, :-2]) / 2
    slope_y = (padded[2:, 1:-1] - padded[:-2, 1:-1]) / 2
    slope = np.hypot(slope_x, slope_y)
    distance = np.abs(alpha - 0.5) / np.maximum(slope, 1e-3)
    return np.asarray((1.5 - distance).clip(0, 1), dtype=np.float32)
