"""Where to cut patches along the unknown band.

Source: Hu & Clark 2019, III-C2: patches are cut with their centres on the band until all of it is covered,
several times over. There centres are drawn at random ("paper"); here they come in farthest-point order
(Gonzalez 1985; Eldar et al. 1997) from a seeded start ("even"), which needs fewer patches and leaves no pixel
at a patch's border: every unknown pixel lies in the middle part of at least one patch of each sample.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import cv2
import numpy as np
import numpy.typing as npt

from semantic_matte.types import BoolArray, Box, Patch

IntArray = npt.NDArray[np.int64]

# The middle part reaches this share of the patch's side from its centre to either side.
MIDDLE = 0.25
# Candidate centres are taken one a cell; a cell's side is this share of the patch's side.
CELL = 1 / 32
# A band that is solved in tiles keeps this share of the patch's side around it, for what is known there.
MARGIN = 1 / 12
# Known pixels kept around a region that is solved whole. Two are enough for 3x3 windows.
REGION_MARGIN = 4


def even_cover(
    unknown: BoolArray, window: Box, frame_size: tuple[int, int], patch_size: int, seed: list[int]
) -> list[Box]:
    """Patch boxes of one sample that cover a band in farthest-point order.

    unknown: (h, w) bool on `window` of the frame (H, W). patch_size: side in pixels. seed: any integers;
    the same ones give the same boxes. Boxes lie inside the frame wherever the frame is at least as large as
    a patch, and every unknown pixel lies in the middle part of one (see `middle`).
    """
    random = np.random.default_rng(seed)
    cell = max(1, int(patch_size * CELL))
    candidates = _one_a_cell(unknown, cell, random)
    if len(candidates) == 0:
        return []
    limit = max(0, int(patch_size * MIDDLE) - cell)
    # Two contiguous rows: a maximum over an axis of length two is many times slower.
    y, x = candidates.T.copy()
    distance = np.full(len(candidates), np.iinfo(np.int64).max)
    chosen = int(random.integers(len(candidates)))
    boxes = []
    while True:
        centre = candidates[chosen]
        boxes.append(_box_around(centre, window, frame_size, patch_size))
        np.minimum(distance, np.maximum(np.abs(y - centre[0]), np.abs(x - centre[1])), out=distance)
        chosen = int(distance.argmax())
        if distance[chosen] <= limit:
            return boxes


def paper_cover(
    unknown: BoolArray, window: Box, frame_size: tuple[int, int], patch_size: int, seed: list[int]
) -> list[Box]:
    """Patch boxes of one sample as published: random centres on what no patch covers yet.

    Arguments and result as of `even_cover`, except that a pixel may lie anywhere in its patch.
    """
    random = np.random.default_rng(seed)
    left = np.argwhere(unknown)
    boxes = []
    while len(left):
        box = _box_around(left[random.integers(len(left))], window, frame_size, patch_size)
        boxes.append(box)
        y, x = left[:, 0] + window.y0, left[:, 1] + window.x0
        left = left[(y < box.y0) | (y >= box.y1) | (x < box.x0) | (x >= box.x1)]
    return boxes


COVERS = {"even": even_cover, "paper": paper_cover}


def cover(
    unknown: BoolArray,
    window: Box,
    frame_size: tuple[int, int],
    patch_size: int,
    *,
    samples: int,
    seed: list[int],
    coverage: str = "even",
) -> list[Patch]:
    """All patches of all samples, from the top of the frame to its bottom.

    Arguments as of `even_cover`; coverage: a name in COVERS. The order is by y, then sample, then x, so that
    fusion can finish rows as it goes.
    """
    patches = [
        Patch(box, sample)
        for sample in range(samples)
        for box in COVERS[coverage](unknown, window, frame_size, patch_size, [*seed, sample])
    ]
    return sorted(patches, key=lambda patch: (patch.box.y0, patch.sample, patch.box.x0))


def tiles(
    unknown: BoolArray, window: Box, frame_size: tuple[int, int], patch_size: int, area: int, overlap: int
) -> list[Patch]:
    """The fewest large patches, all of one sample, that hold a band and some of what is known around it.

    unknown, window, frame_size: as of `even_cover`. patch_size: tells how much is kept around the band. area:
    the most pixels of a tile, at least 16; a band that fits into it is one patch. overlap: how far neighbours
    reach into each other, in pixels, at most a quarter of a tile's side. Sorted from top to bottom; tiles
    without unknown pixels are left out, so there is none for no band.
    """
    part = Box.around(unknown)
    if part is None:
        return []
    margin = int(patch_size * MARGIN)
    whole = _clip(part.shifted(window.x0, window.y0).padded(margin), frame_size)
    common = min(overlap, math.isqrt(area) // 4)
    height, width = _tile_size(whole.height, whole.width, area, common)
    boxes = (
        Box(x0, y0, x0 + width, y0 + height).shifted(whole.x0, whole.y0)
        for y0 in _tile_starts(whole.height, height, common)
        for x0 in _tile_starts(whole.width, width, common)
    )
    return [Patch(box) for box in boxes if _reaches(unknown, window, box)]


def regions(
    unknown: BoolArray, window: Box, frame_size: tuple[int, int], patch_size: int, *, seed: list[int]
) -> list[Patch]:
    """Patches for an estimator that solves regions: each connected part of the band whole.

    Parts that lie near each other are taken together. One whose box holds more than `patch_size` squared
    pixels is cut into overlapping patches, so that memory stays bounded. Sorted from top to bottom.
    """
    boxes = []
    for part, box in _parts(unknown):
        in_frame = box.shifted(window.x0, window.y0)
        whole = _clip(in_frame.padded(REGION_MARGIN), frame_size)
        if whole.area <= patch_size**2:
            boxes.append(whole)
        else:
            pieces = even_cover(part, in_frame, frame_size, patch_size, [*seed, 0])
            boxes += [_clip(piece, frame_size) for piece in pieces]
    return [Patch(box) for box in sorted(boxes, key=lambda box: (box.y0, box.x0))]


def middle(box: Box, frame_size: tuple[int, int]) -> Box:
    """The middle part of a patch: its inner half, reaching on to the frame's edge where the patch does."""
    height, width = frame_size
    x, y = int(box.width * MIDDLE), int(box.height * MIDDLE)
    return Box(
        box.x0 if box.x0 <= 0 else box.x0 + x,
        box.y0 if box.y0 <= 0 else box.y0 + y,
        box.x1 if box.x1 >= width else box.x1 - x,
        box.y1 if box.y1 >= height else box.y1 - y,
    )


def _one_a_cell(unknown: BoolArray, cell: int, random: np.random.Generator) -> IntArray:
    """(n, 2) y, x of one unknown pixel out of each cell of a grid with a random offset."""
    height, width = unknown.shape
    top, left = (int(value) for value in random.integers(cell, size=2))
    bottom, right = -(height + top) % cell, -(width + left) % cell
    padded = np.pad(unknown, ((top, bottom), (left, right)))
    rows, columns = padded.shape[0] // cell, padded.shape[1] // cell
    cells = padded.reshape(rows, cell, columns, cell).swapaxes(1, 2).reshape(rows, columns, -1)
    row, column = np.nonzero(cells.any(axis=2))
    inside = cells[row, column].argmax(axis=1)
    y = row * cell + inside // cell - top
    x = column * cell + inside % cell - left
    return np.stack([y, x], axis=1).astype(np.int64)


def _tile_size(height: int, width: int, area: int, overlap: int) -> tuple[int, int]:
    """(h, w) of tiles of at most `area` pixels that cover a rectangle with the fewest pixels in all."""
    best: tuple[int, int, int] | None = None
    for rows in range(1, height + 1):
        tall = -(-(height + (rows - 1) * overlap) // rows)
        if best is not None and rows * tall * width >= best[0]:
            break
        columns = max(1, -(-(width - overlap) // max(1, area // tall - overlap)))
        wide = -(-(width + (columns - 1) * overlap) // columns)
        if tall * wide <= area and (best is None or rows * columns * tall * wide < best[0]):
            best = (rows * columns * tall * wide, tall, wide)
    assert best is not None
    return best[1:]


def _tile_starts(side: int, tile: int, overlap: int) -> list[int]:
    """Where tiles begin along a side, evenly, so that the last one ends with it."""
    count = 1 if tile >= side else -(-(side - overlap) // (tile - overlap))
    return [round(number * (side - tile) / max(1, count - 1)) for number in range(count)]


def _reaches(unknown: BoolArray, window: Box, box: Box) -> bool:
    """Whether a box of the frame holds an unknown pixel."""
    common = box.intersection(window)
    return common is not None and bool(unknown[common.relative_to(window).slices].any())


def _box_around(centre: IntArray, window: Box, frame_size: tuple[int, int], patch_size: int) -> Box:
    """The patch box around a centre (y, x) in window coordinates, moved into the frame."""
    y0 = _start(int(centre[0]) + window.y0, patch_size, frame_size[0])
    x0 = _start(int(centre[1]) + window.x0, patch_size, frame_size[1])
    return Box(x0, y0, x0 + patch_size, y0 + patch_size)


def _start(centre: int, patch_size: int, frame_side: int) -> int:
    if frame_side <= patch_size:
        return -((patch_size - frame_side) // 2)
    return min(max(centre - patch_size // 2, 0), frame_side - patch_size)


def _clip(box: Box, frame_size: tuple[int, int]) -> Box:
    clipped = box.intersection(Box.of_frame(*frame_size))
    assert clipped is not None
    return clipped


def _parts(unknown: BoolArray) -> Iterator[tuple[BoolArray, Box]]:
    """Each connected part of the band with its box; parts whose boxes meet come as one.

    Yields ((box height, box width) bool, box in the array's coordinates).
    """
    # Parts within two pixels of each other share a 3x3 window, so they are one system to a solver.
    grown = cv2.dilate(unknown.view(np.uint8), np.ones((5, 5), dtype=np.uint8))
    count, names, stats, _ = cv2.connectedComponentsWithStats(grown, connectivity=8)
    frame = Box.of_frame(*unknown.shape)
    groups: list[tuple[Box, list[int]]] = []
    for name in range(1, count):
        x, y, width, height = (int(value) for value in stats[name][:4])
        box, members = Box(x, y, x + width, y + height), [name]
        meeting = [group for group in groups if group[0].intersection(box)]
        while meeting:
            for group in meeting:
                groups.remove(group)
                box, members = box.union(group[0]), members + group[1]
            meeting = [group for group in groups if group[0].intersection(box)]
        groups.append((box, members))
    for box, members in groups:
        clipped = box.intersection(frame)
        assert clipped is not None
        yield np.isin(names[clipped.slices], members) & unknown[clipped.slices], clipped
