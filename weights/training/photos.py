"""Photos with an object outlined by hand: no alpha, but sure of what lies well inside and well outside.

What a renderer doesn't have: people, clothes with badges and folds, furniture, with all their inner edges, in
front of what really was behind them. A network that never sees them cuts holes into solid objects.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from sources import LONGEST_SIDE, ByteArray, coco_listing, is_held_out, rim_of

Random = np.random.Generator

SMALLEST_AREA = 8000
"""Objects of fewer pixels are left out."""

# COCO's couch, bed and dining table: their outlines hold what lies on them.
LEFT_OUT = (63, 65, 67)

# How far from the outline its side is sure, as a fraction of the object's size; hair reaches outwards.
SURE_INSIDE, SURE_OUTSIDE = 0.03, 0.08
SMALLEST_SCALE, LARGEST_SCALE = 0.5, 2.0


@dataclasses.dataclass(frozen=True, eq=False)
class OutlinedPhoto:
    """colour: (H, W, 3) uint8, RGB, display-referred. levels: (H, W) uint8: 255 surely the object, 0 surely
    not, 192 and 64 near its outline on either side. edge: (n, 2) int32 y, x of pixels along the outline."""

    colour: ByteArray
    levels: ByteArray
    edge: npt.NDArray[np.int32]


def outlined_photos(folders: list[Path]) -> tuple[list[OutlinedPhoto], list[OutlinedPhoto]]:
    """Photos under a free licence from COCO folders, one entry an object: to train on, and held out."""
    train: list[OutlinedPhoto] = []
    held_out: list[OutlinedPhoto] = []
    for folder in folders:
        free, annotations = coco_listing(folder)
        for row in annotations:
            fits = row["area"] >= SMALLEST_AREA and not row["iscrowd"] and row["category_id"] not in LEFT_OUT
            if row["image_id"] not in free or not fits:
                continue
            name = free[row["image_id"]]
            found = _outlined(folder / "images" / name, row["segmentation"])
            if found is not None:
                (held_out if is_held_out(name) else train).append(found)
    return train, held_out


def _outlined(path: Path, polygons: list[Any]) -> OutlinedPhoto | None:
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None or max(picture.shape[:2]) > LONGEST_SIDE:
        return None
    mask = np.zeros(picture.shape[:2], np.uint8)
    for polygon in polygons:
        points = np.round(np.array(polygon, np.float64).reshape(-1, 2)).astype(np.int32)
        cv2.fillPoly(mask, [points], 255)
    edge = np.argwhere(rim_of(mask)).astype(np.int32)
    if len(edge) < 50:
        return None
    return OutlinedPhoto(np.ascontiguousarray(picture[..., ::-1]), _levels(mask), edge)


def _levels(mask: ByteArray) -> ByteArray:
    side = float(np.sqrt(np.count_nonzero(mask)))
    inside = cv2.distanceTransform(mask, cv2.DIST_L2, 5)
    outside = cv2.distanceTransform(255 - mask, cv2.DIST_L2, 5)
    levels = np.where(mask > 0, np.uint8(192), np.uint8(64))
    levels[inside > max(4.0, SURE_INSIDE * side)] = 255
    levels[outside > max(8.0, SURE_OUTSIDE * side)] = 0
    return levels


def crop(random: Random, photo: OutlinedPhoto, size: int) -> tuple[ByteArray, ByteArray]:
    """Colour (size, size, 3) and levels (size, size) of a part of the photo around its object's outline.

    The part never leaves the photo, so objects are cut by its border as they are by a frame's.
    """
    height, width = photo.levels.shape
    scale = np.exp(random.uniform(np.log(SMALLEST_SCALE), np.log(LARGEST_SCALE)))
    side = int(min(height, width, size / scale))
    at = photo.edge[random.integers(len(photo.edge))] + random.uniform(-0.4, 0.4, 2) * side
    top, left = np.clip(at - side / 2, 0, (height - side, width - side)).astype(int)
    part = (slice(top, top + side), slice(left, left + side))
    way = cv2.INTER_AREA if side > size else cv2.INTER_LINEAR
    colour = cv2.resize(photo.colour[part], (size, size), interpolation=way)
    levels = cv2.resize(photo.levels[part], (size, size), interpolation=cv2.INTER_NEAREST)
    if random.random() < 0.5:
        colour, levels = colour[:, ::-1], levels[:, ::-1]
    return np.ascontiguousarray(colour), np.ascontiguousarray(levels)
