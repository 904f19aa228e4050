"""Two operators that transformers' SAM 3 would fetch from the hub as compiled code, in plain numpy and OpenCV.

Without them the library leaves out what they are for: the suppression of objects found twice, and of specks and
holes in masks. With the package `kernels` installed it would download and run them; here nothing is fetched.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

# Where the library keeps what it fetched: None before the first use.
_MODULE = "transformers.models.sam3_video.modeling_sam3_video"
_PLACE = "cv_utils_kernel"


class OwnOperators:
    """What the library calls of `kernels-community/cv-utils`."""

    @staticmethod
    def generic_nms(ious: Tensor, scores: Tensor, iou_threshold: float, use_iou_matrix: bool = True) -> Tensor:
        """Greedy non-maximum suppression: indices (n,) of what is kept, surest first.

        ious: (N, N) in [0, 1]. scores: (N,). Of two with an IoU above `iou_threshold` the surer is kept.
        """
        import torch

        overlaps = ious.float().cpu().numpy()
        kept: list[int] = []
        for row in (-scores.float().cpu().numpy()).argsort(kind="stable").tolist():
            if all(overlaps[row, other] <= iou_threshold for other in kept):
                kept.append(row)
        return torch.tensor(kept, dtype=torch.long, device=scores.device)

    @staticmethod
    def cc_2d(mask: Tensor, get_counts: bool = True) -> tuple[Tensor, Tensor]:
        """Connected regions, diagonals included: the number of each pixel's, and how many pixels it has.

        mask: (N, 1, H, W) uint8. Returns two of that shape, int32, 0 where the mask is 0.
        """
        import torch

        labels, counts = [], []
        for one in mask.cpu().numpy()[:, 0]:
            number, found, stats, _ = cv2.connectedComponentsWithStats(one, connectivity=8)
            areas = stats[:number, cv2.CC_STAT_AREA].astype(np.int32)
            areas[0] = 0
            labels.append(found)
            counts.append(areas[found])
        shape = tuple(mask.shape)
        return tuple(  # type: ignore[return-value]
            torch.from_numpy(np.asarray(rows, dtype=np.int32).reshape(shape)).to(mask.device)
            for rows in (labels, counts)
        )


@contextlib.contextmanager
def own_operators() -> Iterator[None]:
    """Inside, the library takes these operators and fetches none."""
    library = sys.modules[_MODULE]
    before = getattr(library, _PLACE, None)
    setattr(library, _PLACE, OwnOperators)
    try:
        yield
    finally:
        setattr(library, _PLACE, before)
