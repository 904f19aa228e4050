"""The starter's boxes: NanoDet over the frame at several scales, and over tiles of a large one.

One scale sees either what is large or what is small. What several looks agree on is one box: its corners are
the mean of theirs, weighted by score and agreement (as in Zhou et al. 2017, "CAD: Scale Invariant Framework for
Real-Time Object Detection"); its score is half the surest one's and half the mean of all those that ought to
see an object of its size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from semantic_matte.segmenters.box_prompts import Corners
from semantic_matte.segmenters.coco import COCO_NAMES
from semantic_matte.segmenters.overlap import FloatRows, iou_with, without_duplicates
from semantic_matte.segmenters.picture import shown
from semantic_matte.types import Box, Plate

if TYPE_CHECKING:
    from semantic_matte.networks.nanodet import NanoDet

# Longest sides at which the whole frame is looked at, in pixels. On 100 dev photos the boxes' AP50 was .443
# by 416 alone, .487 by 416 and 640, .492 by 320, 416 and 640, and .505 by these.
SCALES = (384, 640)
# Tiles are looked at with this longest side. A frame is cut into so many tiles a side that none is longer than
# WHOLE pixels, but at most MOST_TILES: what is smaller than that of a larger plate is a speck in it.
TILE_SIDE = 640
WHOLE = 1200
MOST_TILES = 3
TILE_OVERLAP = 0.2
# A box of a tile that ends this near to a border inside the frame is of an object that the tile cuts.
CUT_PIXELS = 3.0
# Boxes of one class that overlap more than this are one object; so are boxes of two classes that
# overlap more than the second, where the detector wavers between two names.
DUPLICATE_IOU = 0.6
TWO_NAMES_IOU = 0.75
# How fast the say of a look falls with its distance (one minus IoU) from the surest one.
AGREEMENT = 0.025
# What a look gives less than this, it has not seen.
LEAST_SCORE = 0.05
# An object has to be this large in a look, in the network's pixels, to be seen surely.
SEEN_SIDE = 48.0
# The share of the surest look in a box's score. With 1, only .46 of the finds at a confidence of .35 were right
# on those photos (F1 .475, three scales); with this .63 (.520), for .005 of AP50.
SUREST_SHARE = 0.5
# A box that ends nearer to the frame's edge than this fraction of its side is cut by it.
SNAP = 0.033


@dataclass(frozen=True)
class Detection:
    """corners: in plate pixels, not yet whole numbers. score: in [0, 1]."""

    label: str
    score: float
    corners: Corners


@dataclass(frozen=True)
class Look:
    """A window of the plate at a scale (network's pixels a plate's pixel), and what was seen in it.

    classes (n), scores (n), corners (n, 4) in plate pixels.
    """

    window: Box
    scale: float
    classes: npt.NDArray[np.int64]
    scores: FloatRows
    corners: FloatRows


def detect(
    detector: NanoDet, device: str, plate: Plate, thresholds: Sequence[float], most: int
) -> list[Detection]:
    """Objects of the plate, surest first, one an object, at most `most`.

    thresholds: for each class of COCO_NAMES the least score.
    """
    wanted = [index for index, least in enumerate(thresholds) if least <= 1]
    looks = [_look(detector, device, plate, plate.box, side, wanted) for side in SCALES]
    looks += [_look(detector, device, plate, tile, TILE_SIDE, wanted) for tile in _tiles(plate)]
    rows = [(index, *row) for index in wanted for row in _agreed(looks, index, thresholds[index])]
    rows = [row for row in rows if _inside(row[2], plate.size)]
    if not rows:
        return []
    corners, sure = np.array([row[2] for row in rows]), np.array([row[1] for row in rows])
    kept = without_duplicates(corners, sure, TWO_NAMES_IOU)[:most]
    return [
        Detection(COCO_NAMES[rows[row][0]], min(rows[row][1], 1.0), _snapped(rows[row][2], plate.size))
        for row in kept
    ]


def _look(detector: NanoDet, device: str, plate: Plate, window: Box, side: int, wanted: Sequence[int]) -> Look:
    """See LEAST_SCORE; wanted: places in COCO_NAMES, all others are left out."""
    import torch

    from semantic_matte.networks.nanodet import MEAN, STD

    scale = side / max(window.width, window.height)
    size = (max(1, round(window.width * scale)), max(1, round(window.height * scale)))
    # Filled up to whole cells with what the network was trained to see beside a picture.
    canvas = np.zeros((size[1] + -size[1] % 32, size[0] + -size[0] % 32, 3), dtype=np.float32)
    canvas[: size[1], : size[0]] = shown(plate, window, size)[..., ::-1] * 255
    normalised = (canvas - np.asarray(MEAN, np.float32)) / np.asarray(STD, np.float32)
    with torch.inference_mode():
        # A view of channels that come last, as the network's own.
        images = torch.from_numpy(normalised.astype(np.float32))[None].permute(0, 3, 1, 2).to(device)
        scores, boxes = (found[0].cpu().numpy() for found in detector(images))
    rows, places = np.nonzero(scores[:, wanted] >= LEAST_SCORE)
    classes = np.asarray(wanted, dtype=np.int64)[places]
    stretch = np.array([window.width / size[0], window.height / size[1]] * 2)
    corners = boxes[rows] * stretch + np.array([window.x0, window.y0] * 2)
    whole = ~_cut(corners, window, plate.box)
    return Look(window, scale, classes[whole], scores[rows, classes][whole], corners[whole])


def _tiles(plate: Plate) -> list[Box]:
    """Overlapping parts of a large frame, all of one size; none for one that is not large."""
    height, width = plate.size
    count = min(MOST_TILES, -(-max(height, width) // WHOLE))
    if count < 2:
        return []
    share = 1 / (count - (count - 1) * TILE_OVERLAP)
    sides = (max(1, round(width * share)), max(1, round(height * share)))
    places = [(x / (count - 1), y / (count - 1)) for y in range(count) for x in range(count)]
    corners = [(round(x * (width - sides[0])), round(y * (height - sides[1]))) for x, y in places]
    return [Box(x, y, x + sides[0], y + sides[1]) for x, y in corners]


def _cut(corners: FloatRows, window: Box, frame: Box) -> npt.NDArray[np.bool_]:
    """(n) bool: boxes that end at a border of the window that is not the frame's."""
    before = corners[:, :2] < np.array([window.x0, window.y0]) + CUT_PIXELS
    after = corners[:, 2:] > np.array([window.x1, window.y1]) - CUT_PIXELS
    before &= np.array([window.x0 > frame.x0, window.y0 > frame.y0])
    after &= np.array([window.x1 < frame.x1, window.y1 < frame.y1])
    return np.asarray(before.any(axis=1) | after.any(axis=1))


def _agreed(looks: Sequence[Look], index: int, least: float) -> list[tuple[float, FloatRows]]:
    """Score, at least `least`, and corners (4) of each object of a class, from what all looks saw."""
    parts = [(look.scores[look.classes == index], look.corners[look.classes == index]) for look in looks]
    numbers = np.repeat(np.arange(len(looks)), [len(scores) for scores, _ in parts])
    scores, boxes = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(-scores, kind="stable")
    agreed = []
    # No box is surer than the surest look at it.
    while order.size and scores[order[0]] >= least:
        alike = iou_with(boxes[order[0]], boxes[order])
        same = alike > DUPLICATE_IOU
        # An empty box is like nothing, not even itself.
        same[0] = True
        rows = order[same]
        weights = scores[rows] * np.exp(-((1 - alike[same]) ** 2) / AGREEMENT)
        corners = weights @ boxes[rows] / weights.sum()
        best = np.zeros(len(looks))
        np.maximum.at(best, numbers[rows], scores[rows])
        score = _score(best, corners, looks)
        if score >= least:
            agreed.append((score, corners))
        order = order[~same]
    return agreed


def _score(best: FloatRows, corners: FloatRows, looks: Sequence[Look]) -> float:
    """best: (looks) the highest score that each look gives the object; 0 where it has not seen it."""
    x0, y0, x1, y1 = corners.tolist()
    side = (max(x1 - x0, 1.0) * max(y1 - y0, 1.0)) ** 0.5
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    ought = said = 0.0
    for look, score in zip(looks, best.tolist(), strict=True):
        window = look.window
        # A tile that does not show the object, or cuts it, does not speak against it.
        inside = window.x0 <= x < window.x1 and window.y0 <= y < window.y1
        if inside and (score > 0 or window == looks[0].window):
            weight = min(1.0, side * look.scale / SEEN_SIDE)
            ought += weight
            said += weight * score
    return SUREST_SHARE * float(best.max()) + (1 - SUREST_SHARE) * said / max(ought, 1e-9)


def _inside(corners: FloatRows, size: tuple[int, int]) -> bool:
    """Whether any of the box lies in the frame (H, W)."""
    low, high = np.maximum(corners[:2], 0), np.minimum(corners[2:], size[::-1])
    return bool((high > low).all())


def _snapped(corners: FloatRows, size: tuple[int, int]) -> Corners:
    """A box that all but touches the frame's edge reaches it; one that leaves the frame is left as it is."""
    low, high, most = corners[:2], corners[2:], np.array(size[::-1], dtype=np.float64)
    near = SNAP * (high - low)
    x0, y0 = np.where(low <= near, np.minimum(low, 0), low).tolist()
    x1, y1 = np.where(high >= most - near, np.maximum(high, most), high).tolist()
    return (x0, y0, x1, y1)
