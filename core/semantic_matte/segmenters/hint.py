"""The artist's own word: a mask, boxes or points become instances.

Masks are taken as they are. Boxes and points go through GrabCut (Rother, Kolmogorov & Blake 2004, by OpenCV)
on a reduced picture of the hint's surroundings.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from semantic_matte.colour import to_display
from semantic_matte.errors import HintError
from semantic_matte.ports import Progress, ProgressEvent
from semantic_matte.resizing import resized_light
from semantic_matte.types import BoolArray, Box, ByteArray, Hint, Instance, Plate

# GrabCut works on at most this many pixels a side; its mask is only the start of a matte.
WORKING_SIDE = 480
ITERATIONS = 4
# Surroundings of a box that GrabCut sees, as a fraction of the box's size.
MARGIN = 0.4


class HintSegmenter:
    """Turns an artist's hints into instances."""

    name = "hint"
    device = "cpu"
    labels: Sequence[str] = ()
    models: Sequence[Mapping[str, str]] = ()

    def __init__(self, hints: Sequence[Hint]) -> None:
        if not hints:
            raise HintError("The 'hint' segmenter needs a hint: give a mask, boxes or points (--hint FILE).")
        self._hints = tuple(hints)

    def segment(self, plate: Plate, progress: Progress) -> list[Instance]:
        """One instance a hint, in their order, with score 1.

        Raises HintError for a hint outside the frame, of another size, or in which nothing is found.
        """
        found = []
        for number, hint in enumerate(self._hints):
            progress.advance(ProgressEvent("segmenting", number, len(self._hints), hint.label))
            mask, window = _mask_of(hint, plate)
            if not mask.any():
                raise HintError(
                    f"{hint.source}: nothing of '{hint.label}' is left inside the hint; "
                    "paint a mask, or give a larger box or more points."
                )
            frame = plate.box.relative_to(window)
            found.append(Instance.from_mask(mask, hint.label, 1.0, offset=frame))
        return found


def _mask_of(hint: Hint, plate: Plate) -> tuple[BoolArray, Box]:
    """The mask on a window of the frame."""
    height, width = plate.size
    if hint.mask is not None:
        if hint.mask.shape != plate.size:
            raise HintError(
                f"{hint.source}: expected a mask of the plate's size {width}x{height}, "
                f"got {hint.mask.shape[1]}x{hint.mask.shape[0]}."
            )
        return hint.mask, plate.box
    if hint.box is not None:
        return _from_box(hint, hint.box, plate)
    return _from_points(hint, plate)


def _from_box(hint: Hint, box: Box, plate: Plate) -> tuple[BoolArray, Box]:
    inside = box.intersection(plate.box)
    if inside is None:
        raise HintError(_outside(hint, f"box {box.as_list()}", plate))
    window = inside.padded(int(MARGIN * inside.mean_side) + 2).intersection(plate.box)
    assert window is not None
    marks = np.full((window.height, window.width), cv2.GC_BGD, dtype=np.uint8)
    marks[inside.relative_to(window).slices] = cv2.GC_PR_FGD
    if inside == window:
        # The whole frame: GrabCut has no background to learn from, so the box itself is the word.
        return np.ones(marks.shape, dtype=np.bool_), window
    return _grab_cut(plate, window, marks), window


def _from_points(hint: Hint, plate: Plate) -> tuple[BoolArray, Box]:
    height, width = plate.size
    for x, y, _ in hint.points:
        if not (0 <= x < width and 0 <= y < height):
            raise HintError(_outside(hint, f"point ({x:g}, {y:g})", plate))
    marks = np.full(plate.size, cv2.GC_PR_BGD, dtype=np.uint8)
    # A point stands for a small disc, whatever the plate's size, and makes likely what is near it.
    radius = max(1, round(0.01 * max(plate.size)))
    for likely in (True, False):
        for x, y, on_object in hint.points:
            centre = (int(x), int(y))
            if likely and on_object:
                cv2.circle(marks, centre, 12 * radius, int(cv2.GC_PR_FGD), -1)
            elif not likely:
                cv2.circle(marks, centre, radius, cv2.GC_FGD if on_object else cv2.GC_BGD, -1)
    mask = _grab_cut(plate, plate.box, marks)
    # Only what hangs together with a point is meant.
    _, names = cv2.connectedComponents(mask.view(np.uint8))
    meant = {int(names[int(y), int(x)]) for x, y, on_object in hint.points if on_object} - {0}
    return np.isin(names, list(meant)), plate.box


def _grab_cut(plate: Plate, window: Box, marks: ByteArray) -> BoolArray:
    """GrabCut at a working size. marks: (h, w) of OpenCV's four kinds on `window`."""
    scale = min(1.0, WORKING_SIDE / max(window.width, window.height))
    size = (max(1, round(window.width * scale)), max(1, round(window.height * scale)))
    linear = resized_light(plate.pixels[window.slices], size)
    shown = np.ascontiguousarray((to_display(linear) * 255 + 0.5).astype(np.uint8)[..., ::-1])
    small = cv2.resize(marks, size, interpolation=cv2.INTER_NEAREST)
    models = [np.zeros((1, 65), dtype=np.float64) for _ in range(2)]
    cv2.setRNGSeed(0)
    # Where there are too few pixels of a kind to learn colours from, the marks are the best word.
    with contextlib.suppress(cv2.error):
        cv2.grabCut(shown, small, (0, 0, 1, 1), models[0], models[1], ITERATIONS, cv2.GC_INIT_WITH_MASK)
    found = np.isin(small, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.float32)
    full = cv2.resize(found, (window.width, window.height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(full > 0.5)


def _outside(hint: Hint, what: str, plate: Plate) -> str:
    height, width = plate.size
    return f"{hint.source}: {what} lies outside the plate of {width}x{height} pixels."
