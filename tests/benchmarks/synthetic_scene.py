"""Procedural plates with soft-edged blobs, the same picture at any size."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from semantic_matte.types import BoolArray, Box, FloatArray, Hint, Plate

DoubleArray = npt.NDArray[np.float64]

# Share of its cell that an object's mean diameter takes; softness of its edge against its radius.
FILLED = 0.7
SOFTNESS = 0.06
# Standard deviation of the grain, scene-linear.
GRAIN = 0.01
# Rows drawn at a time: drawing must not set the memory peak that a benchmark looks for.
STRIP = 64


def scene(height: int, width: int, count: int, seed: int) -> tuple[Plate, list[Hint]]:
    """A plate with `count` soft blobs on a grid, and a mask hint for each.

    The plate is (height, width, 3) float32, scene-linear. Objects, their edges and the texture's
    waves scale with the frame; grain is per pixel.
    """
    generator = np.random.default_rng(seed)
    pixels = np.empty((height, width, 3), dtype=np.float32)
    phases = generator.uniform(0, 2 * math.pi, (2, 3, 4))
    whole = Box.of_frame(height, width)
    for strip in _strips(whole):
        pixels[strip.slices] = _texture(strip, height, phases[0], 0.15)
    hints = []
    for number, cell in enumerate(_cells(height, width, count)):
        # Written to, not just allocated: a benchmark counts it as memory in use.
        mask: BoolArray = np.full((height, width), False)
        shape = generator.uniform(0, 2 * math.pi, 2)
        for strip in _strips(cell):
            alpha = _blob(strip, cell, shape)
            mask[strip.slices] = alpha >= 0.5
            own = _texture(strip, height, phases[1], 0.6)
            pixels[strip.slices] += alpha[..., None] * (own - pixels[strip.slices])
        hints.append(Hint(mask=mask, label="object", source=f"object {number + 1}"))
    for strip in _strips(whole):
        # Each channel its own, as a camera has it: colours on one line make the system stiff.
        pixels[strip.slices] += generator.normal(0, GRAIN, (strip.height, width, 3))
    return Plate(pixels, name="synthetic"), hints


def _cells(height: int, width: int, count: int) -> list[Box]:
    columns = math.ceil(math.sqrt(count * width / height))
    rows = math.ceil(count / columns)
    places = [(row, column) for row in range(rows) for column in range(columns)][:count]
    return [
        Box(
            column * width // columns,
            row * height // rows,
            (column + 1) * width // columns,
            (row + 1) * height // rows,
        )
        for row, column in places
    ]


def _strips(box: Box) -> list[Box]:
    tops = range(box.y0, box.y1, STRIP)
    return [Box(box.x0, top, box.x1, min(top + STRIP, box.y1)) for top in tops]


def _texture(strip: Box, height: int, phases: DoubleArray, level: float) -> FloatArray:
    """(h, w, 3) float32: waves around a level, in units of the frame's height."""
    y, x = np.mgrid[strip.slices].astype(np.float32) / np.float32(height)
    channels = []
    for along, across, ripple, grid in phases:
        waves = np.sin(23 * x + 9 * y + along) + np.sin(31 * y - 7 * x + across)
        waves += np.sin(90 * x + ripple) * np.sin(110 * y + grid)
        channels.append(level * (1 + 0.2 * waves))
    return np.asarray(np.stack(channels, axis=-1), dtype=np.float32)


def _blob(strip: Box, cell: Box, shape: DoubleArray) -> FloatArray:
    """(h, w) float32 in [0, 1]: a wavy disc in the middle of its cell."""
    y, x = np.mgrid[strip.slices].astype(np.float32)
    y -= (cell.y0 + cell.y1) / 2
    x -= (cell.x0 + cell.x1) / 2
    radius = FILLED * min(cell.width, cell.height) / 2
    angle = np.arctan2(y, x)
    edge = radius * (1 + 0.12 * np.sin(3 * angle + shape[0]) + 0.06 * np.sin(7 * angle + shape[1]))
    soft = (edge - np.hypot(y, x)) / (SOFTNESS * radius) + 0.5
    return np.asarray(np.clip(soft, 0, 1), dtype=np.float32)
