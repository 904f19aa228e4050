"""The embedded segmenter: NanoDet finds boxes with COCO names, U^2-Net-p fills each box with a mask.

Both are small and licence-clean; see `weights/manifest.yaml`. Saliency knows nothing of kinds and drops parts
that differ (a face over a dark collar), so its word is weighed with the mean shape of the kind in its box.
It looks at one box at a time, so a mask may take in a touching neighbour; where masks meet, the pixel goes
to the object that is surer of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt

from semantic_matte.ports import Progress, ProgressEvent
from semantic_matte.segmenters.choice import Wanted
from semantic_matte.segmenters.coco import COCO_NAMES
from semantic_matte.segmenters.picture import shown
from semantic_matte.settings import Settings
from semantic_matte.types import Box, FloatArray, Instance, Plate
from semantic_matte.weights import find_model, load_network, load_weights

if TYPE_CHECKING:
    from torch import Tensor

FloatRows = npt.NDArray[np.floating[Any]]

# Boxes of one class that overlap more than this are one object; so are boxes of two classes that
# overlap more than the second, where the detector wavers between two names.
DUPLICATE_IOU = 0.6
TWO_NAMES_IOU = 0.75
SALIENCY_SIDE = 320
# Surroundings of a box that the saliency network sees, as a fraction of the box's sides.
MARGIN = 0.15
# A mask may leave its detected box by this fraction of the box's sides: boxes are a little off.
OVERHANG = 0.04
# Where the frame cuts an object, its box ends in the object's midst and not where its shape thins out: there
# the shape is taken from this many of its 32 cells further in.
CUT_CELLS = 2.0
# Log-odds that a pixel is object: SALIENCY_TRUST * saliency's + the class shape's + LEANING. On 233 objects of
# dev photos the mean mask IoU was .514 by saliency alone and .606 so.
SALIENCY_TRUST = 0.35
LEANING = 0.3
# Neither is ever surer than this.
SUREST = 0.98
SALIENCY_BATCH = 4


@dataclass(frozen=True)
class _Detection:
    label: str
    score: float
    # x0, y0, x1, y1 in plate pixels, not yet whole numbers and perhaps outside the frame.
    corners: tuple[float, float, float, float]


class StarterSegmenter:
    """Finds the 80 kinds of objects of COCO."""

    name = "starter"
    labels: Sequence[str] = COCO_NAMES

    def __init__(self, settings: Settings, device: str) -> None:
        """Loads both networks. Raises UnknownNameError for a name in `find` that COCO lacks."""
        from semantic_matte.networks.nanodet import NanoDet
        from semantic_matte.networks.u2netp import U2NetP

        self.device = device
        self._settings = settings
        self._wanted = Wanted.of(settings, COCO_NAMES)
        self._detector = NanoDet()
        load_network(self._detector, "nanodet", device)
        self._saliency = U2NetP()
        load_network(self._saliency, "u2netp", device)
        self._shapes: FloatArray = load_weights("class_shapes")["shapes"].float().numpy()
        self.models: Sequence[Mapping[str, str]] = tuple(
            find_model(name).describe() for name in ("nanodet", "u2netp", "class_shapes")
        )

    def segment(self, plate: Plate, progress: Progress) -> list[Instance]:
        """See `ports.Segmenter`. Masks of different instances share no pixel."""
        progress.advance(ProgressEvent("segmenting", 0, 1))
        detections = self._detect(plate)
        if len(detections) > self._settings.max_instances and not self._wanted.selects:
            left_out = len(detections) - self._settings.max_instances
            progress.notice(
                f"{left_out} more objects were found than 'max_instances' "
                f"({self._settings.max_instances}) lets through; the surest were kept."
            )
            detections = detections[: self._settings.max_instances]
        claims: list[tuple[Box, FloatArray]] = []
        for start in range(0, len(detections), SALIENCY_BATCH):
            group = detections[start : start + SALIENCY_BATCH]
            windows = [_window(detection, plate) for detection in group]
            for detection, window, saliency in zip(group, windows, self._salience(plate, windows), strict=True):
                shape = self._shapes[COCO_NAMES.index(detection.label)]
                claims.append(_claim(plate, detection, window, saliency, shape))
            progress.advance(ProgressEvent("segmenting", start + len(group), len(detections)))
        return _instances(plate, detections, claims)

    def _detect(self, plate: Plate) -> list[_Detection]:
        """Detections over the confidence set, surest first, one an object."""
        import torch

        from semantic_matte.networks.nanodet import INPUT_SIZE, MEAN, STD

        height, width = plate.size
        scale = INPUT_SIZE / max(height, width)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        bgr = shown(plate, plate.box, size)[..., ::-1] * 255
        canvas = np.zeros((INPUT_SIZE, INPUT_SIZE, 3), dtype=np.float32)
        canvas[: size[1], : size[0]] = bgr
        normalised = (canvas - np.asarray(MEAN, np.float32)) / np.asarray(STD, np.float32)
        with torch.inference_mode():
            images = torch.from_numpy(normalised.transpose(2, 0, 1)[None].astype(np.float32)).to(self.device)
            scores, boxes = (found[0].cpu().numpy() for found in self._detector(images))
        stretch = np.array([width / size[0], height / size[1]] * 2)
        detections = []
        for index, label in enumerate(COCO_NAMES):
            sure = scores[:, index] >= self._wanted.threshold(label)
            if sure.any():
                kept = _without_duplicates(boxes[sure], scores[sure, index], DUPLICATE_IOU)
                detections += [
                    _detection(label, scores[sure, index][row], boxes[sure][row] * stretch, plate)
                    for row in kept
                ]
        inside = [found for found in detections if _clipped(found.corners, plate) is not None]
        if not inside:
            return []
        corners = np.array([found.corners for found in inside])
        order = _without_duplicates(corners, np.array([found.score for found in inside]), TWO_NAMES_IOU)
        return [inside[row] for row in order]

    def _salience(self, plate: Plate, windows: Sequence[Box]) -> list[FloatArray]:
        """A saliency map (320, 320) in [0, 1] for each window of the plate."""
        import torch

        from semantic_matte.networks.imagenet import MEAN, STD

        side = SALIENCY_SIDE
        seen = np.stack([shown(plate, window, (side, side)) for window in windows])
        normalised = (seen - np.asarray(MEAN, np.float32)) / np.asarray(STD, np.float32)
        with torch.inference_mode():
            images: Tensor = torch.from_numpy(normalised).permute(0, 3, 1, 2).contiguous()
            maps = self._saliency(images.to(self.device))[:, 0].cpu().numpy()
        return list(maps)


def _detection(label: str, score: float, box: FloatRows, plate: Plate) -> _Detection:
    """Boxes are a little off: one that all but touches the frame's edge, or leaves it, is cut by it."""
    low, high, size = box[:2], box[2:], np.array(plate.size[::-1])
    near = OVERHANG * (high - low)
    x0, y0 = np.where(low <= near, np.minimum(low, 0), low).tolist()
    x1, y1 = np.where(high >= size - near, np.maximum(high, size), high).tolist()
    return _Detection(label, min(float(score), 1.0), (x0, y0, x1, y1))


def _without_duplicates(boxes: FloatRows, scores: FloatRows, most: float) -> list[int]:
    """Greedy non-maximum suppression: rows to keep, surest first. boxes: (n, 4) corners; most: IoU."""
    kept: list[int] = []
    order = np.argsort(-scores, kind="stable")
    areas = np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=1)
    while order.size:
        first, rest = order[0], order[1:]
        kept.append(int(first))
        overlap = np.minimum(boxes[rest, 2:], boxes[first, 2:]) - np.maximum(boxes[rest, :2], boxes[first, :2])
        shared = np.prod(np.maximum(overlap, 0), axis=1)
        union = np.maximum(areas[rest] + areas[first] - shared, 1e-9)
        order = rest[shared / union <= most]
    return kept


def _clipped(corners: tuple[float, ...], plate: Plate, margin: float = 0.0) -> Box | None:
    """Corners grown by a fraction of their sides, as whole pixels inside the frame."""
    x0, y0, x1, y1 = corners
    x, y = margin * (x1 - x0), margin * (y1 - y0)
    height, width = plate.size
    left, top = max(0, int(np.floor(x0 - x))), max(0, int(np.floor(y0 - y)))
    right, bottom = min(width, int(np.ceil(x1 + x))), min(height, int(np.ceil(y1 + y)))
    return Box(left, top, right, bottom) if left < right and top < bottom else None


def _window(detection: _Detection, plate: Plate) -> Box:
    window = _clipped(detection.corners, plate, MARGIN)
    assert window is not None
    return window


def _log_odds(probability: FloatArray) -> FloatArray:
    clipped = np.clip(probability, 1 - SUREST, SUREST)
    return np.asarray(np.log(clipped / (1 - clipped)), dtype=np.float32)


def _claim(
    plate: Plate, detection: _Detection, window: Box, saliency: FloatArray, shape: FloatArray
) -> tuple[Box, FloatArray]:
    """How surely each pixel of the detection's box is the object: (h, w) float32 in [0, 1], and the box.

    saliency: (320, 320) over `window`. shape: (32, 32) over the detected corners.
    """
    box = _clipped(detection.corners, plate, OVERHANG)
    assert box is not None
    low, high = float(saliency.min()), float(saliency.max())
    stretched = (saliency - low) / max(high - low, 1e-6)
    full = cv2.resize(stretched, (window.width, window.height), interpolation=cv2.INTER_LINEAR)
    seen = np.asarray(full[box.relative_to(window).slices], dtype=np.float32)
    x0, y0, x1, y1 = detection.corners
    side = shape.shape[0]
    columns = (np.arange(box.x0, box.x1) + 0.5 - x0) / (x1 - x0) * side - 0.5
    rows = (np.arange(box.y0, box.y1) + 0.5 - y0) / (y1 - y0) * side - 0.5
    columns = _away_from_cuts(columns, x0 <= 0, x1 >= plate.size[1], side)
    rows = _away_from_cuts(rows, y0 <= 0, y1 >= plate.size[0], side)
    x, y = np.meshgrid(columns.astype(np.float32), rows.astype(np.float32))
    expected = cv2.remap(shape, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    odds = SALIENCY_TRUST * _log_odds(seen) + _log_odds(np.asarray(expected, np.float32)) + LEANING
    return box, np.asarray(1 / (1 + np.exp(-odds)), dtype=np.float32)


def _away_from_cuts(cells: FloatRows, cut_before: bool, cut_after: bool, side: int) -> FloatRows:
    """Cells of a shape along one axis, for an object that the frame cuts before its first or after its last."""
    least = CUT_CELLS if cut_before else -np.inf
    most = side - 1 - CUT_CELLS if cut_after else np.inf
    return np.clip(cells, least, most)


def _instances(
    plate: Plate, detections: Sequence[_Detection], claims: Sequence[tuple[Box, FloatArray]]
) -> list[Instance]:
    """Masks out of claims; where several claim a pixel, the surest of it takes it."""
    instances = []
    for index, (detection, (box, claim)) in enumerate(zip(detections, claims, strict=True)):
        mask = claim > 0.5
        for other_index, (other_box, other) in enumerate(claims):
            common = box.intersection(other_box) if other_index != index else None
            if common is None:
                continue
            mine = claim[common.relative_to(box).slices]
            theirs = other[common.relative_to(other_box).slices]
            stronger = theirs > mine if other_index > index else theirs >= mine
            mask[common.relative_to(box).slices] &= ~(stronger & (theirs > 0.5))
        if mask.any():
            frame = plate.box.relative_to(box)
            instances.append(Instance.from_mask(mask, detection.label, detection.score, offset=frame))
    return instances
