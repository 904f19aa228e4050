"""The starter's masks: a network looks at each box with its neighbours; where masks meet, the surest keeps."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from semantic_matte.device_memory import Room
from semantic_matte.segmenters.box_prompts import Corners, crop_window, prompts
from semantic_matte.segmenters.coco import COCO_NAMES
from semantic_matte.segmenters.islands import main_islands, without_small_holes
from semantic_matte.segmenters.overlap import iou_with
from semantic_matte.segmenters.picture import shown
from semantic_matte.segmenters.starter_boxes import Detection
from semantic_matte.types import BoolArray, Box, FloatArray, Instance, Plate

if TYPE_CHECKING:
    from semantic_matte.networks.box_mask import BoxMask

# Sides of crops, of credible objects and of others: most of a long list is never used. Credible ones at 160
# or 192 pixels scored no better and left specks; all of one side share a batch, which counts for more.
CREDIBLE_CROP, DOUBTFUL_CROP = 128, 64
BATCH = 16
# A detection says something of its neighbours from this score on, unless it is all but the same box.
NEIGHBOUR_SCORE = 0.25
SAME_BOX = 0.8
# A pixel is the object's from this probability on.
MASK_LEVEL = 0.5
# Parts of a mask smaller than this share of its largest are dropped; holes of at most the second are filled.
LEAST_ISLAND, LARGEST_HOLE = 0.05, 0.01
# Where the frame cuts an object its box and its crop go on beyond it, by this fraction of the box's sides, into
# the frame's mirror image: at a crop's own border the network takes nothing for object.
BEYOND = 0.05
# Masks of two names that share more of their pixels (IoU) than the first are one object; so are masks of one
# name that share more than the second, or of which the less sure has more than the third inside the surer one.
TWO_NAMES_IOU, ONE_NAME_IOU, INSIDE = 0.75, 0.5, 0.8
# For one whose box has more than the second share of its area in the other's, the first is enough.
PART_INSIDE, PART_BOX = 0.4, 0.85
# Objects from this score on contend for pixels; less sure ones are often parts and groups of others, which
# would take from those what is theirs.
CREDIBLE = 0.2
# What an object's score weighs beside how surely a pixel is its own, both as log-odds.
SCORE_WEIGHT = 1.0
# Neither is ever surer than this.
SUREST = 0.98
# An object of which its neighbours leave less than this share is no object of its own.
LEAST_LEFT = 0.3


def draw_masks(
    network: BoxMask, room: Room, plate: Plate, detections: Sequence[Detection], shapes: FloatArray
) -> Iterator[tuple[int, Box, FloatArray]]:
    """For each detection, as it is done: its place, its window, and how surely each pixel is the object.

    room: of the device that the network is on. shapes: (80, h, w) mean masks of the classes. Yields (h, w)
    float32 in [0, 1] on the window. Where the memory is full fewer are drawn at once, which leaves each as
    it is but for rounding. Raises DeviceError if there is no room for one.
    """
    boxes = np.array([detection.corners for detection in detections]).reshape(-1, 4)
    groups: dict[int, list[int]] = {}
    for place, detection in enumerate(detections):
        side = CREDIBLE_CROP if detection.score >= CREDIBLE else DOUBTFUL_CROP
        groups.setdefault(side, []).append(place)
    for side, places in groups.items():
        for start in range(0, len(places), BATCH):
            part = places[start : start + BATCH]
            crops = [_crop(plate, detections, boxes, place, side, shapes) for place in part]
            labels = [detections[place].label for place in part]
            drawn = room.in_portions(
                len(part),
                functools.partial(_predict, network, room.device, crops, labels),
                functools.partial(_sized, side),
                ("mask", "masks"),
                at_once=len(part),
            )
            surely = itertools.chain.from_iterable(drawn)
            for place, (window, _, _), sure in zip(part, crops, surely, strict=True):
                yield place, *enlarged(sure, window, plate.box)


def _sized(side: int, most: int | None) -> tuple[int, str] | None:
    """A crop of `side` pixels as of `Room.in_portions`: it is drawn whole or not at all."""
    return (side * side, f"one mask of {side}x{side} pixels") if most is None or side * side <= most else None


def _crop(
    plate: Plate, detections: Sequence[Detection], boxes: Any, place: int, side: int, shapes: FloatArray
) -> tuple[Box, FloatArray, FloatArray]:
    """Window, colour (side, side, 3) and prompts (3, side, side) of one detection."""
    detection = detections[place]
    corners, window = beyond_the_frame(detection.corners, plate.size)
    alike = iou_with(boxes[place], boxes)
    neighbours = [
        (other.corners, other.score)
        for number, other in enumerate(detections)
        if number != place and other.score >= NEIGHBOUR_SCORE and alike[number] < SAME_BOX
    ]
    shape = shapes[COCO_NAMES.index(detection.label)]
    return (
        window,
        shown(plate, window, (side, side)),
        prompts(corners, shape, neighbours, window, side),
    )


def _predict(
    network: BoxMask,
    device: str,
    crops: Sequence[tuple[Box, FloatArray, FloatArray]],
    labels: Sequence[str],
    part: slice,
) -> FloatArray:
    """(n, side, side) float32 in [0, 1] of some of the crops."""
    import torch

    # Stacked as they are, channels last.
    colour = torch.from_numpy(np.stack([colour for _, colour, _ in crops[part]])).permute(0, 3, 1, 2)
    prompt = torch.from_numpy(np.stack([prompt for _, _, prompt in crops[part]]))
    classes = torch.tensor([COCO_NAMES.index(label) for label in labels[part]])
    with torch.inference_mode():
        odds = network(colour.to(device), prompt.to(device), classes.to(device))
        return np.asarray(torch.sigmoid(odds.float())[:, 0].cpu().numpy())


def beyond_the_frame(corners: Corners, frame_size: tuple[int, int]) -> tuple[Corners, Box]:
    """A box as the network is told it, and the window of its crop; both may leave the frame (H, W)."""
    x0, y0, x1, y1 = corners
    height, width = frame_size
    x, y = BEYOND * (x1 - x0), BEYOND * (y1 - y0)
    cut = (x0 <= 0, y0 <= 0, x1 >= width, y1 >= height)
    told = (x0 - x * cut[0], y0 - y * cut[1], x1 + x * cut[2], y1 + y * cut[3])
    inside = crop_window(corners, frame_size)
    assert inside is not None
    # As far again as a crop shows around a box.
    window = Box(
        inside.x0 - math.ceil(2 * x) * cut[0],
        inside.y0 - math.ceil(2 * y) * cut[1],
        inside.x1 + math.ceil(2 * x) * cut[2],
        inside.y1 + math.ceil(2 * y) * cut[3],
    )
    return told, window


def enlarged(sure: FloatArray, window: Box, frame: Box) -> tuple[Box, FloatArray]:
    """A crop's map (side, side) on the pixels of its window that are in the frame, and their box."""
    inside = window.intersection(frame)
    assert inside is not None
    size = (window.width, window.height)
    whole = cv2.resize(sure, size, interpolation=cv2.INTER_LINEAR)
    return inside, np.ascontiguousarray(whole[inside.relative_to(window).slices], dtype=np.float32)


def settle(
    plate: Plate, detections: Sequence[Detection], claims: Sequence[tuple[Box, FloatArray]]
) -> list[Instance]:
    """Masks out of claims, surest detection first; those of credible detections share no pixel.

    Where two claim a pixel it goes to the one with the higher log-odds of claim and score together. A mask
    that is all but a surer one's is dropped, and so is one of which its neighbours leave hardly anything.
    """
    kept = _without_duplicates(detections, claims)
    words = {
        index: _log_odds(claims[index][1]) + SCORE_WEIGHT * _log_odds(np.float32(detections[index].score))
        for index in kept
        if detections[index].score >= CREDIBLE
    }
    instances = []
    for index, mask in kept.items():
        box = claims[index][0]
        left = mask.copy()
        for other in words if index in words else ():
            if other == index:
                continue
            common = box.intersection(claims[other][0])
            if common is None:
                continue
            here, there = common.relative_to(box).slices, common.relative_to(claims[other][0]).slices
            mine, theirs = words[index][here], words[other][there]
            stronger = theirs > mine if other > index else theirs >= mine
            left[here] &= ~(stronger & kept[other][there])
        if np.count_nonzero(left) >= LEAST_LEFT * np.count_nonzero(mask):
            detection, frame = detections[index], plate.box.relative_to(box)
            instances.append(Instance.from_mask(left, detection.label, detection.score, offset=frame))
    return instances


def _without_duplicates(
    detections: Sequence[Detection], claims: Sequence[tuple[Box, FloatArray]]
) -> dict[int, BoolArray]:
    """Masks, each on its claim's window, by their place; of those that are one object the surest."""
    kept: dict[int, BoolArray] = {}
    for index, (box, claim) in enumerate(claims):
        mask = without_small_holes(main_islands(claim > MASK_LEVEL, LEAST_ISLAND), LARGEST_HOLE)
        area = int(np.count_nonzero(mask))
        if not area:
            continue
        for other, other_mask in kept.items():
            one_name = detections[index].label == detections[other].label
            shared = _shared(mask, box, other_mask, claims[other][0])
            union = area + int(np.count_nonzero(other_mask)) - shared
            most = ONE_NAME_IOU if one_name else TWO_NAMES_IOU
            if shared > most * union or (one_name and shared > INSIDE * area):
                break
            # A box in a box of the same name, whose mask the other's half covers, is of a part.
            if one_name and shared > PART_INSIDE * area and _inside(detections[index], detections[other]):
                break
        else:
            kept[index] = mask
    return kept


def _inside(part: Detection, whole: Detection) -> bool:
    """Whether nearly all of a detection's box lies in another's."""
    x0, y0, x1, y1 = part.corners
    width = min(x1, whole.corners[2]) - max(x0, whole.corners[0])
    height = min(y1, whole.corners[3]) - max(y0, whole.corners[1])
    return max(width, 0) * max(height, 0) >= PART_BOX * (x1 - x0) * (y1 - y0)


def _log_odds(probability: Any) -> FloatArray:
    clipped = np.clip(probability, 1 - SUREST, SUREST)
    return np.asarray(np.log(clipped / (1 - clipped)), dtype=np.float32)


def _shared(mask: BoolArray, box: Box, other: BoolArray, other_box: Box) -> int:
    """Pixels that two masks on their windows have in common."""
    common = box.intersection(other_box)
    if common is None:
        return 0
    there = other[common.relative_to(other_box).slices]
    return int(np.count_nonzero(mask[common.relative_to(box).slices] & there))
