"""How well slots keep to the objects of a shot, against true masks a frame.

Frames are given one by one and let go of; kept are a few numbers a frame. Larger is better, but for the changes
of identity.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from semantic_matte.errors import ValueShapeError
from semantic_matte.evaluation import mask_iou
from semantic_matte.types import BoolArray

# A slot is the object from this IoU on (Bernardin & Stiefelhagen 2008).
MATCH_IOU = 0.5


@dataclass(frozen=True)
class ObjectScore:
    """How well one object of a shot was kept.

    slot: the main slot, the one that is best in most frames; or the one that was asked for. ious: of that
    slot, frame by frame; 1 where both are empty. mean_iou: their mean, J of the DAVIS benchmark (Perazzi et
    al. 2016, "A Benchmark Dataset and Evaluation Methodology for Video Object Segmentation"). main_share: of
    the frames that show the object, those in which this slot is the best one and reaches MATCH_IOU. purity:
    of the frames in which this slot is anywhere, those in which it reaches MATCH_IOU on the object (of
    clusters: Manning et al. 2008, "Introduction to Information Retrieval", 16.3). switches: how often the
    object is matched by another slot than when it was last matched (identity switches: Bernardin &
    Stiefelhagen 2008, "Evaluating Multiple Object Tracking Performance: The CLEAR MOT Metrics"; a slot keeps
    an object as long as it reaches MATCH_IOU, even where another overlaps it better).
    """

    slot: str
    ious: tuple[float, ...]
    mean_iou: float
    main_share: float
    purity: float
    switches: int


@dataclass(frozen=True)
class _Frame:
    """What is kept of a frame. visible: whether the object is there. ious: of each slot that is anywhere."""

    visible: bool
    ious: Mapping[str, float]

    @property
    def best(self) -> str | None:
        """The slot with the largest IoU; of equals the first by name; None where none overlaps."""
        slots = [slot for slot, iou in self.ious.items() if iou > 0]
        return min(slots, key=lambda slot: (-self.ious[slot], slot), default=None)

    def iou(self, slot: str) -> float:
        """Of a slot that may be nowhere: 1 if the object is nowhere either."""
        return self.ious.get(slot, 0.0 if self.visible else 1.0)


class ObjectTally:
    """Counts one object's frames, in order."""

    def __init__(self) -> None:
        self._frames: list[_Frame] = []

    def add(self, truth: BoolArray, slots: Mapping[str, BoolArray]) -> None:
        """The next frame. truth: (H, W) bool, the object's true mask. slots: each slot's mask of the same size.

        Raises ValueShapeError for other types and sizes.
        """
        ious = {slot: mask_iou(mask, truth) for slot, mask in slots.items() if mask.any()}
        self._frames.append(_Frame(bool(truth.any()), ious))

    def score(self, slot: str | None = None) -> ObjectScore:
        """Of all frames so far. slot: to be scored in place of the main one.

        Raises ValueShapeError if there were no frames, or none with any slot to choose from.
        """
        if not self._frames:
            raise ValueShapeError("Evaluation: expected at least one frame, got none.")
        chosen = self._main() if slot is None else slot
        ious = tuple(frame.iou(chosen) for frame in self._frames)
        visible = [frame for frame in self._frames if frame.visible]
        kept = [frame for frame in visible if frame.best == chosen and frame.ious[chosen] >= MATCH_IOU]
        shown = [frame.ious[chosen] for frame in self._frames if chosen in frame.ious]
        return ObjectScore(
            slot=chosen,
            ious=ious,
            mean_iou=float(np.mean(ious)),
            main_share=len(kept) / len(visible) if visible else 1.0,
            purity=float(np.mean([iou >= MATCH_IOU for iou in shown])) if shown else 0.0,
            switches=self._switches(),
        )

    def _main(self) -> str:
        """The slot that is best in most frames; of equals the one that overlaps more, then by name."""
        wins = Counter(frame.best for frame in self._frames if frame.visible and frame.best is not None)
        sums: Counter[str] = Counter()
        for frame in self._frames:
            sums.update(frame.ious)
        if not sums:
            raise ValueShapeError("Evaluation: expected at least one slot with a mask, got none in any frame.")
        return min(sums, key=lambda slot: (-wins[slot], -sums[slot], slot))

    def _switches(self) -> int:
        """Changes of the slot that has the object."""
        switches, last = 0, None
        for frame in self._frames:
            if last is not None and frame.ious.get(last, 0.0) >= MATCH_IOU:
                continue
            best = frame.best
            if best is None or frame.ious[best] < MATCH_IOU:
                continue
            switches += last is not None and best != last
            last = best
        return switches
