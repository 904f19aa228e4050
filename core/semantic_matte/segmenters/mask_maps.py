"""A network's coarse map of one object, enlarged into a mask at the plate's own size.

The map is carried up bilinearly and cut at its level, as the models' own code does; but only around the object
and in bands of rows, so that memory follows the mask's bits and not the frame's floats.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from semantic_matte.types import BoolArray, Box, FloatArray, Instance

# Rows of the mask that are made at once.
BAND = 256

IntRow = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Lie:
    """Which part of a map the frame covers: the frame's edges, in the map's cells, fractions allowed.

    frame_size: (H, W) of the frame. A padded network input leaves cells outside the frame.
    """

    frame_size: tuple[int, int]
    top: float
    left: float
    bottom: float
    right: float

    @classmethod
    def whole(cls, frame_size: tuple[int, int], map_size: tuple[int, int]) -> Lie:
        """The frame covers all cells of a map of (h, w) cells."""
        return cls(frame_size, 0.0, 0.0, float(map_size[0]), float(map_size[1]))


def instance_of_map(
    soft: FloatArray, level: float, lie: Lie, label: str, score: float, inside: Box | None = None
) -> Instance | None:
    """The object whose pixels have more than `level` in the enlarged map; None if no pixel has.

    soft: (h, w) float32, finite. inside: pixels outside this box of the frame are left out.
    """
    window = _window(soft > level, lie)
    if window is not None and inside is not None:
        window = window.intersection(inside)
    if window is None:
        return None
    mask = enlarge(soft, level, lie, window)
    if not mask.any():
        return None
    frame = Box.of_frame(*lie.frame_size).relative_to(window)
    return Instance.from_mask(mask, label, score, offset=frame)


def enlarge(soft: FloatArray, level: float, lie: Lie, window: Box) -> BoolArray:
    """(window height, window width) bool: where the bilinearly enlarged map is above `level`.

    soft: (h, w) float32. window: of the frame. Centres of pixels and cells correspond, and outermost cells go
    on to the frame's edge (torch's `interpolate` without `align_corners`).
    """
    height, width = soft.shape
    upper, lower, down = _cells((window.y0, window.y1), lie.frame_size[0], (lie.top, lie.bottom), height)
    before, after, right = _cells((window.x0, window.x1), lie.frame_size[1], (lie.left, lie.right), width)
    mask = np.empty((window.height, window.width), dtype=np.bool_)
    for start in range(0, window.height, BAND):
        rows = slice(start, start + BAND)
        tall = soft[upper[rows]] * (1 - down[rows, None]) + soft[lower[rows]] * down[rows, None]
        mask[rows] = tall[:, before] * (1 - right) + tall[:, after] * right > level
    return mask


def _cells(
    pixels: tuple[int, int], size: int, edges: tuple[float, float], cells: int
) -> tuple[IntRow, IntRow, FloatArray]:
    """For each pixel of a range along one axis: the cells on both sides of its centre, and the second's share.

    size: of the frame. edges: of the frame in the map. cells: how many the map has.
    """
    step = (edges[1] - edges[0]) / size
    places = (np.arange(*pixels) + 0.5) * step + edges[0] - 0.5
    # Cells whose centres lie in the frame's padding say nothing of the frame.
    first = max(0, int(np.ceil(edges[0] - 0.5)))
    last = min(cells - 1, int(np.ceil(edges[1] - 0.5)) - 1)
    places = np.clip(places, first, max(first, last))
    lower: npt.NDArray[Any] = np.floor(places)
    before = lower.astype(np.intp)
    return before, np.minimum(before + 1, cells - 1), (places - lower).astype(np.float32)


def _window(above: BoolArray, lie: Lie) -> Box | None:
    """A box of the frame that holds every pixel which the cells marked in `above` (h, w) reach."""
    box = Box.around(above)
    if box is None:
        return None
    y0, y1 = _reach((box.y0, box.y1), lie.frame_size[0], (lie.top, lie.bottom))
    x0, x1 = _reach((box.x0, box.x1), lie.frame_size[1], (lie.left, lie.right))
    return Box(x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None


def _reach(cells: tuple[int, int], size: int, edges: tuple[float, float]) -> tuple[int, int]:
    """Pixels along one axis, half-open, whose enlarged values hang on these cells, half-open."""
    step = (edges[1] - edges[0]) / size
    low, high = ((place - edges[0]) / step for place in (cells[0] - 0.5, cells[1] + 0.5))
    return max(0, int(np.floor(low)) - 1), min(size, int(np.ceil(high)) + 1)
