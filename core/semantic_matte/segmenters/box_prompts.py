"""What the box-prompted mask network sees beside colour: the box, its class's shape, its neighbours' boxes.

Corners are x0, y0, x1, y1 in plate pixels, not whole numbers, perhaps outside the frame. A window is the whole
pixels of the plate that a crop shows; the crop has `size` pixels a side, whatever the window's shape.
Used by the starter segmenter and by its training alike.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from semantic_matte.types import Box, FloatArray

Corners = tuple[float, float, float, float]

MARGIN = 0.2
"""Surroundings of a box that its crop shows, as a fraction of the box's sides, on each side."""


def crop_window(corners: Corners, frame_size: tuple[int, int], margin: float = MARGIN) -> Box | None:
    """The box grown by a fraction of its sides, as whole pixels inside the frame (H, W); None if outside."""
    x0, y0, x1, y1 = corners
    x, y = margin * (x1 - x0), margin * (y1 - y0)
    height, width = frame_size
    left, top = max(0, int(np.floor(x0 - x))), max(0, int(np.floor(y0 - y)))
    right, bottom = min(width, int(np.ceil(x1 + x))), min(height, int(np.ceil(y1 + y)))
    return Box(left, top, right, bottom) if left < right and top < bottom else None


def prompts(
    corners: Corners, shape: FloatArray, neighbours: Sequence[tuple[Corners, float]], window: Box, size: int
) -> FloatArray:
    """(3, size, size) float32 in [0, 1]: the box, the shape laid over it, the neighbours.

    shape: (h, w) float32, the mean mask of the object's class inside its box. neighbours: corners and scores.
    """
    beside = np.zeros((size, size), dtype=np.float32)
    for other, score in neighbours:
        np.maximum(beside, np.float32(score) * coverage(other, window, size), out=beside)
    return np.stack((coverage(corners, window, size), laid_over(shape, corners, window, size), beside))


def coverage(corners: Corners, window: Box, size: int) -> FloatArray:
    """(size, size) float32 in [0, 1]: how much of each pixel of the crop the box covers."""
    rows = _covered(corners[1], corners[3], window.y0, window.height, size)
    columns = _covered(corners[0], corners[2], window.x0, window.width, size)
    return np.outer(rows, columns).astype(np.float32)


def laid_over(shape: FloatArray, corners: Corners, window: Box, size: int) -> FloatArray:
    """(size, size) float32: a shape (h, w) stretched over the box; 0 outside."""
    x0, y0, x1, y1 = corners
    height, width = shape.shape
    # Places of the crop's pixels in the shape's grid.
    x = ((np.arange(size) + 0.5) / size * window.width + window.x0 - x0) / (x1 - x0) * width - 0.5
    y = ((np.arange(size) + 0.5) / size * window.height + window.y0 - y0) / (y1 - y0) * height - 0.5
    at_x, at_y = np.meshgrid(x.astype(np.float32), y.astype(np.float32))
    return np.asarray(
        cv2.remap(shape, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT), dtype=np.float32
    )


def _covered(low: float, high: float, start: int, length: int, size: int) -> npt.NDArray[np.float64]:
    """How much of each of `size` cells between start and start + length lies between low and high."""
    edges = start + np.arange(size + 1) * (length / size)
    inside = np.clip(edges, low, high)
    return np.asarray(np.diff(inside) / (length / size))
