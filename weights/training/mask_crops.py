"""Crops around COCO's outlined objects, with their masks: what the box-prompted mask network is trained on.

Each is seen through a box that is a little off, as a detector's is; at times with another object pasted over it
or beside it, mirrored, recoloured, blurred or compressed. Annotations of crowds outline many objects at once:
their pixels do not count.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from sources import ByteArray, is_held_out

from semantic_matte.segmenters.box_prompts import Corners, crop_window, prompts
from semantic_matte.segmenters.coco import COCO_IDS
from semantic_matte.types import Box

Random = np.random.Generator
FloatArray = npt.NDArray[np.float32]

# Boxes with a shorter side than this are left out, in pixels.
SMALLEST_SIDE = 8
# Standard deviation of how far a box's side is off, as a fraction of the box's size, and the most that it is.
JITTER, MOST_JITTER = 0.06, 0.18
# Share of neighbours that the detector has not found.
UNSEEN = 0.3
PASTED = 0.3
# Outlines drawn by hand end this near to a frame that cuts the object, in pixels; they are taken to it.
SHORT_OF_FRAME = 4.0
# Masks are drawn at this many times the crop's size and brought down, for soft edges.
FINER = 2


@dataclasses.dataclass(frozen=True, eq=False)
class Outlined:
    """An object: place of its class in COCO_NAMES, polygons as (n, 2) float32 x, y, and its box."""

    label: int
    polygons: list[FloatArray]
    corners: Corners
    photo: int


@dataclasses.dataclass(frozen=True, eq=False)
class Photo:
    """pixels: (H, W, 3) uint8 RGB. objects: what is outlined in it. crowds: polygons that do not count."""

    pixels: ByteArray
    objects: list[Outlined]
    crowds: list[FloatArray]


@dataclasses.dataclass(frozen=True, eq=False)
class MaskCrop:
    """colour: (3, S, S) float32 in [0, 1]. prompts: (3, S, S). label: place in COCO_NAMES. mask: (1, S, S) in
    [0, 1]. counted: (1, S, S), 0 where the truth is not known. side: of the box, in pixels of the photo."""

    colour: FloatArray
    prompts: FloatArray
    label: int
    mask: FloatArray
    counted: FloatArray
    side: float


def read_photos(folders: list[Path]) -> tuple[list[Photo], list[Photo]]:
    """All photos of COCO folders with an outlined object: to train on, and held out."""
    train: list[Photo] = []
    held_out: list[Photo] = []
    order = {number: place for place, number in enumerate(COCO_IDS.values())}
    for folder in folders:
        listing = json.loads((folder / "instances.json").read_text(encoding="utf-8"))
        rows: dict[int, list[dict[str, Any]]] = {}
        for row in listing["annotations"]:
            rows.setdefault(row["image_id"], []).append(row)
        for image in listing["images"]:
            side = held_out if is_held_out(image["file_name"]) else train
            path = folder / "images" / image["file_name"]
            photo = _read(path, rows.get(image["id"], []), order, len(side))
            if photo is not None:
                side.append(photo)
    return train, held_out


def _read(path: Path, rows: list[dict[str, Any]], order: dict[int, int], number: int) -> Photo | None:
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        return None
    objects: list[Outlined] = []
    crowds: list[FloatArray] = []
    for row in rows:
        if not isinstance(row["segmentation"], list):
            x, y, width, height = row["bbox"]
            crowds.append(np.float32([[x, y], [x + width, y], [x + width, y + height], [x, y + height]]))
            continue
        polygons = [_to_the_frame(polygon, picture.shape) for polygon in row["segmentation"]]
        if row.get("iscrowd"):
            crowds += polygons
            continue
        low = np.min([polygon.min(axis=0) for polygon in polygons], axis=0)
        high = np.max([polygon.max(axis=0) for polygon in polygons], axis=0)
        if min(high - low) >= SMALLEST_SIDE:
            corners = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
            objects.append(Outlined(order[row["category_id"]], polygons, corners, number))
    return Photo(np.ascontiguousarray(picture[..., ::-1]), objects, crowds) if objects else None


def _to_the_frame(polygon: list[float], shape: tuple[int, ...]) -> FloatArray:
    """Corners (n, 2) x, y; those that all but touch the frame's edge lie on it."""
    corners = np.asarray(polygon, np.float32).reshape(-1, 2)
    most = np.float32([shape[1], shape[0]])
    corners = np.where(corners <= SHORT_OF_FRAME, np.float32(0), corners)
    return np.where(corners >= most - SHORT_OF_FRAME, most, corners).astype(np.float32)


class MaskCrops:
    """Draws crops. The same seed, index and size give the same crop."""

    def __init__(self, photos: list[Photo], shapes: FloatArray, seed: int, *, plain: bool = False) -> None:
        """shapes: (80, h, w) mean masks of the classes. plain: boxes are off, but nothing else is done."""
        self._photos = photos
        self._shapes = shapes
        self._seed = seed
        self._plain = plain
        self.objects = [one for photo in photos for one in photo.objects]
        counts = np.bincount([one.label for one in self.objects], minlength=len(shapes))
        # Rare classes more often than their share, but not as often as common ones.
        chance = np.array([counts[one.label] ** -0.5 for one in self.objects])
        self._chance = np.cumsum(chance / chance.sum())

    def crop(self, index: int, size: int) -> MaskCrop:
        """Crop number `index`; plain ones take the objects in turn."""
        random = np.random.default_rng((self._seed, index))
        turn = index % len(self.objects)
        place = turn if self._plain else int(np.searchsorted(self._chance, random.random()))
        one = self.objects[min(place, len(self.objects) - 1)]
        photo = self._photos[one.photo]
        corners = _jittered(random, one.corners)
        window = crop_window(corners, photo.pixels.shape[:2])
        assert window is not None
        colour = _resized(photo.pixels[window.slices], size)
        mask = drawn(one.polygons, window, size)
        counted = 1 - drawn(photo.crowds, window, size) * (1 - mask)
        beside = [_jittered(random, other.corners) for other in photo.objects if other is not one]
        beside = [other for other in beside if random.random() > UNSEEN]
        if not self._plain:
            if random.random() < PASTED:
                colour, mask, pasted = self._pasted(random, colour, mask, window)
                beside += [pasted] if random.random() > UNSEEN else []
            colour = recoloured(random, colour)
        scores = random.uniform(0.25, 1.0, len(beside))
        neighbours = list(zip(beside, scores.tolist(), strict=True))
        prompt = prompts(corners, self._shapes[one.label], neighbours, window, size)
        arrays = [colour.astype(np.float32).transpose(2, 0, 1) / 255, prompt, mask[None], counted[None]]
        if not self._plain and random.random() < 0.5:
            arrays = [array[..., ::-1] for array in arrays]
        colour_, prompt, mask_, counted_ = (np.ascontiguousarray(array, np.float32) for array in arrays)
        side = (one.corners[2] - one.corners[0] + one.corners[3] - one.corners[1]) / 2
        return MaskCrop(colour_, prompt, one.label, mask_, counted_, side)

    def _pasted(
        self, random: Random, colour: ByteArray, mask: FloatArray, window: Box
    ) -> tuple[ByteArray, FloatArray, Corners]:
        """Another object's pixels over part of the crop; also its corners in the photo's pixels."""
        other = self.objects[random.integers(len(self.objects))]
        photo = self._photos[other.photo]
        source = crop_window(other.corners, photo.pixels.shape[:2], 0.02)
        assert source is not None
        size = len(colour)
        # Of about the object's own size, its centre anywhere in the crop or a little outside.
        width, height = (max(8, int(size * random.uniform(0.3, 0.9))) for _ in range(2))
        left, top = (int(random.uniform(-0.25, 1.25) * size - extent / 2) for extent in (width, height))
        x0, y0, x1, y1 = max(0, left), max(0, top), min(size, left + width), min(size, top + height)
        if x0 >= x1 or y0 >= y1:
            return colour, mask, (0.0, 0.0, 1.0, 1.0)
        part = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
        over = cv2.resize(drawn(other.polygons, source, max(width, height)), (width, height))[part]
        picture = cv2.resize(photo.pixels[source.slices], (width, height), interpolation=cv2.INTER_AREA)[part]
        place = (slice(y0, y1), slice(x0, x1))
        left_over = mask.copy()
        left_over[place] *= 1 - over
        # An object that is all but hidden would not have been found in this box.
        if left_over.sum() < 0.6 * mask.sum():
            return colour, mask, (0.0, 0.0, 1.0, 1.0)
        mixed = colour.astype(np.float32)
        mixed[place] += over[..., None] * (picture - mixed[place])
        x, y = window.width / size, window.height / size
        corners = (window.x0 + left * x, window.y0 + top * y)
        return mixed.astype(np.uint8), left_over, (*corners, corners[0] + width * x, corners[1] + height * y)


def drawn(polygons: list[FloatArray], window: Box, size: int) -> FloatArray:
    """(size, size) float32 in [0, 1]: how much of each pixel of a crop the polygons cover."""
    grid = np.zeros((FINER * size, FINER * size), np.uint8)
    scale = np.float32([FINER * size / window.width, FINER * size / window.height])
    for polygon in polygons:
        points = (polygon - np.float32([window.x0, window.y0])) * scale - 0.5
        cv2.fillPoly(grid, [np.round(points).astype(np.int32)], 255)
    return cv2.resize(grid, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def recoloured(random: Random, picture: ByteArray) -> ByteArray:
    """Brightness, contrast, colour, blur, noise and compression of (S, S, 3) uint8, each at times."""
    result = picture.astype(np.float32)
    if random.random() < 0.8:
        result = (result - 128) * np.exp(random.normal(0, 0.25)) + 128 + random.normal(0, 20)
        result *= np.exp(random.normal(0, 0.08, 3)).astype(np.float32)
    if random.random() < 0.5:
        grey = result.mean(axis=2, keepdims=True)
        result = grey + (result - grey) * random.uniform(0, 1.6)
    if random.random() < 0.2:
        result = cv2.GaussianBlur(result, (0, 0), float(random.uniform(0.4, 1.6)))
    if random.random() < 0.2:
        result += random.standard_normal(result.shape, dtype=np.float32) * random.uniform(2, 12)
    result = np.clip(result, 0, 255).astype(np.uint8)
    if random.random() < 0.15:
        _, stream = cv2.imencode(".jpg", result, [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(40, 95))])
        result = cv2.imdecode(stream, cv2.IMREAD_COLOR)
    return result


def _resized(picture: ByteArray, size: int) -> ByteArray:
    smaller = min(picture.shape[:2]) > size
    return cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)


def _jittered(random: Random, corners: Corners) -> Corners:
    x0, y0, x1, y1 = corners
    sides = np.array([x1 - x0, y1 - y0] * 2)
    off = np.clip(random.normal(0, JITTER, 4), -MOST_JITTER, MOST_JITTER) * sides
    moved = np.array(corners) + off
    return (float(moved[0]), float(moved[1]), float(moved[2]), float(moved[3]))
