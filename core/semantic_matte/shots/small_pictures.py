"""What tracking sees of a frame: a grid of a few thousand cells with the picture's colours and its motion.

Objects are compared on this grid, so cost and memory are the same for any plate size. Coordinates are cells,
x right and y down; a cell of a wide plate stands for several pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from semantic_matte.colour import to_display
from semantic_matte.resizing import resized_light
from semantic_matte.shots.flow import Flow
from semantic_matte.types import BoolArray, ByteArray, FloatArray, Instance, Plate

# The longer side of the grid.
LONGEST_SIDE = 320
# Steps of luma and of each of the two colour differences that a colour is told apart by; their product fits a
# byte.
LUMA_STEPS, COLOUR_STEPS = 4, 8
COLOURS = LUMA_STEPS * COLOUR_STEPS * COLOUR_STEPS
# Flows less certain than this say nothing of the camera.
CERTAIN = 0.5
# The camera's motion is fitted to every so many cells.
CAMERA_STRIDE = 4

Affine = npt.NDArray[np.float64]
Table = npt.NDArray[np.float64]


def grid_size(frame_size: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns of the grid of a plate of (H, W) pixels."""
    height, width = frame_size
    scale = min(1.0, LONGEST_SIDE / max(height, width))
    return max(2, round(height * scale)), max(2, round(width * scale))


def colour_map(plate: Plate) -> ByteArray:
    """(rows, columns) uint8: the number of each cell's colour, in steps of luma and colour difference (BT.601).

    A histogram of these numbers tells one object's look from another's (Swain & Ballard 1991, "Color
    indexing").
    """
    rows, columns = grid_size(plate.size)
    display = to_display(resized_light(plate.pixels, (columns, rows)))
    levels = np.rint(np.clip(display, 0, 1) * 255).astype(np.uint8)
    luma, red, blue = cv2.split(cv2.cvtColor(levels, cv2.COLOR_RGB2YCrCb))
    # Colour differences of real plates keep to the middle half of their range.
    differences = [
        np.clip((one.astype(np.int16) - 64) * COLOUR_STEPS // 128, 0, COLOUR_STEPS - 1) for one in (red, blue)
    ]
    number = (luma.astype(np.int16) * LUMA_STEPS // 256 * COLOUR_STEPS + differences[0]) * COLOUR_STEPS
    return np.asarray(number + differences[1], dtype=np.uint8)


def histogram(colours: ByteArray, mask: BoolArray) -> FloatArray:
    """(COLOURS,) float32 that sums to 1: the share of each colour inside a mask of the grid, neither of them
    changed.

    Its square root is what `alike` wants. All zeros for a mask without a cell.
    """
    counts = np.bincount(colours[mask], minlength=COLOURS).astype(np.float32)
    cube: FloatArray = counts.reshape(LUMA_STEPS, COLOUR_STEPS, COLOUR_STEPS)
    for axis in range(3):
        # A colour on the border of two steps is half in each.
        wide = np.pad(cube, [(1, 1) if one == axis else (0, 0) for one in range(3)], mode="edge")
        before, after = (np.take(wide, range(start, start + cube.shape[axis]), axis) for start in (0, 2))
        cube = np.asarray((before + 2 * cube + after) / 4, dtype=np.float32)
    return cube.ravel() / np.float32(max(1e-6, float(cube.sum())))


def alike(one: FloatArray, other: FloatArray) -> float:
    """How much two histograms share, in [0, 1]: the coefficient of Bhattacharyya 1943."""
    return float(np.sqrt(one * other).sum())


def small_mask(instance: Instance) -> BoolArray:
    """(rows, columns) bool: the cells that are at least half the instance's; never without one."""
    rows, columns = grid_size(instance.frame_size)
    height, width = instance.frame_size
    # Each cell's share is exact: corners of cells in the summed area of the mask.
    summed = np.zeros((instance.box.height + 1, instance.box.width + 1), dtype=np.int64)
    np.cumsum(np.cumsum(instance.crop, axis=0, dtype=np.int64), axis=1, out=summed[1:, 1:])
    edges_y = np.clip(np.arange(rows + 1) * height // rows - instance.box.y0, 0, instance.box.height)
    edges_x = np.clip(np.arange(columns + 1) * width // columns - instance.box.x0, 0, instance.box.width)
    corners = summed[np.ix_(edges_y, edges_x)]
    counts = corners[1:, 1:] - corners[:-1, 1:] - corners[1:, :-1] + corners[:-1, :-1]
    cell_area = (height / rows) * (width / columns)
    small = counts >= cell_area / 2
    if not small.any():
        small.flat[int(counts.argmax())] = True
    return np.asarray(small, dtype=np.bool_)


def overlaps(masks: Sequence[BoolArray], others: Sequence[BoolArray]) -> tuple[Table, Table]:
    """Intersection over union of each mask with each other one, (n, m) in [0, 1], and the cells that they
    share."""
    if not masks or not others:
        empty = np.zeros((len(masks), len(others)))
        return empty, empty
    # Sums of ones below 2^24 are exact in float32, in whatever order they are added.
    one, other = (np.stack([mask.ravel() for mask in group]).astype(np.float32) for group in (masks, others))
    shared = (one @ other.T).astype(np.float64)
    union = one.sum(axis=1, dtype=np.float64)[:, None] + other.sum(axis=1, dtype=np.float64)[None] - shared
    return shared / np.maximum(union, 1.0), shared


@dataclass(frozen=True, eq=False)
class Motion:
    """How the grid of the frame before became this one's.

    map_x, map_y: (rows, columns) float32, where each cell of this frame was. trust: the same size, in [0, 1].
    camera: (2, 3), takes a place in the frame before to where the background there is now.
    """

    map_x: FloatArray
    map_y: FloatArray
    trust: FloatArray
    camera: Affine

    def carried(self, mask: BoolArray) -> BoolArray:
        """A mask of the frame before, moved with the picture."""
        moved = cv2.remap(mask.astype(np.float32), self.map_x, self.map_y, cv2.INTER_LINEAR, borderValue=0)
        return np.asarray(moved >= 0.5, dtype=np.bool_)

    def panned(self, place: tuple[float, float]) -> tuple[float, float]:
        """Where a place of the frame before is now, if it moved with the camera alone."""
        x, y = self.camera @ np.array([place[0], place[1], 1.0])
        return float(x), float(y)


def motion_of(flow: Flow, objects: BoolArray) -> Motion:
    """The grid's motion from a flow that leads from this frame to the one before.

    objects: (rows, columns) bool, what is not background in the frame before.
    """
    rows, columns = grid_size(flow.frame_size)
    small_rows, small_columns = flow.trust.shape
    field = cv2.resize(flow.field, (columns, rows), interpolation=cv2.INTER_AREA)
    trust = cv2.resize(flow.trust, (columns, rows), interpolation=cv2.INTER_AREA)
    step = np.array([columns / small_columns, rows / small_rows], dtype=np.float32)
    map_x = np.arange(columns, dtype=np.float32) + field[..., 0] * step[0]
    map_y = np.arange(rows, dtype=np.float32)[:, np.newaxis] + field[..., 1] * step[1]
    background = (trust >= CERTAIN) & ~objects
    return Motion(map_x, map_y, np.asarray(trust, dtype=np.float32), _camera(map_x, map_y, background))


def _camera(map_x: FloatArray, map_y: FloatArray, background: BoolArray) -> Affine:
    """(2, 3): shift, turn and zoom of the background from the frame before to this one, by least squares with
    the farthest half left out again and again. No motion where hardly any background can be followed."""
    chosen = np.zeros_like(background)
    chosen[::CAMERA_STRIDE, ::CAMERA_STRIDE] = True
    here_y, here_x = np.nonzero(chosen & background)
    if here_x.size < 16:
        return np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    before_x = map_x[here_y, here_x].astype(np.float64)
    before_y = map_y[here_y, here_x].astype(np.float64)
    step_x, step_y = here_x - before_x, here_y - before_y
    # The first guess is a shift: medians stand half of the places being on objects.
    miss = np.hypot(step_x - np.median(step_x), step_y - np.median(step_y))
    camera = np.eye(2, 3)
    for _ in range(4):
        kept = miss <= max(float(np.median(miss)), 1e-6)
        camera = _similarity(before_x[kept], before_y[kept], here_x[kept], here_y[kept])
        found = camera @ np.stack([before_x, before_y, np.ones_like(before_x)])
        miss = np.hypot(found[0] - here_x, found[1] - here_y)
    return camera


def _similarity(
    x: npt.NDArray[np.float64],
    y: npt.NDArray[np.float64],
    to_x: npt.NDArray[np.integer],
    to_y: npt.NDArray[np.integer],
) -> Affine:
    """(2, 3) of the shift, turn and zoom that takes places to others with the least squared miss."""
    centre = complex(x.mean(), y.mean())
    to_centre = complex(to_x.mean(), to_y.mean())
    start, end = (x + 1j * y) - centre, (to_x + 1j * to_y) - to_centre
    power = float(np.square(np.abs(start)).sum())
    turn = complex((end * start.conj()).sum() / power) if power > 0 else 1 + 0j
    shift = to_centre - turn * centre
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])
