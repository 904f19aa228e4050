"""How much boxes overlap, and which of many are the same object. Boxes are corners x0, y0, x1, y1."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

FloatRows = npt.NDArray[np.floating[Any]]


def without_duplicates(boxes: FloatRows, scores: FloatRows, most: float) -> list[int]:
    """Greedy non-maximum suppression: rows to keep, surest first. boxes: (n, 4) corners; most: IoU."""
    kept: list[int] = []
    order = np.argsort(-scores, kind="stable")
    while order.size:
        kept.append(int(order[0]))
        rest = order[1:]
        order = rest[iou_with(boxes[order[0]], boxes[rest]) <= most]
    return kept


def iou_with(box: FloatRows, others: FloatRows) -> FloatRows:
    """Intersection over union of one box (4) with others (n, 4): (n) in [0, 1]."""
    overlap = np.maximum(np.minimum(others[:, 2:], box[2:]) - np.maximum(others[:, :2], box[:2]), 0)
    sides = np.maximum(others[:, 2:] - others[:, :2], 0)
    shared = overlap[:, 0] * overlap[:, 1]
    own = max(box[2] - box[0], 0) * max(box[3] - box[1], 0)
    return np.asarray(shared / np.maximum(sides[:, 0] * sides[:, 1] + own - shared, 1e-9))
