"""Soft alphas of neighbours, made consistent: at no pixel do they sum to more than 1.

Where the sum is above 1 every alpha is divided by it, so the shares keep their proportion and nothing is
taken from pixels that one object alone claims. Work goes in strips over the mattes' own windows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from semantic_matte.types import Box, FloatArray, Matte

STRIP_ROWS = 256


def make_consistent(mattes: Sequence[Matte]) -> list[Matte]:
    """Mattes of one frame with sums of at most 1 (to float rounding). Others' pixels stay the same bits.

    Returns the same Matte objects where nothing had to change.
    """
    crops: list[FloatArray | None] = [None] * len(mattes)
    for strip in _strips(mattes):
        present = [
            (index, common)
            for index, matte in enumerate(mattes)
            if (common := matte.window.intersection(strip)) is not None
        ]
        if len(present) < 2:
            continue
        total = np.zeros((strip.height, strip.width), dtype=np.float32)
        for index, common in present:
            matte = mattes[index]
            total[common.relative_to(strip).slices] += matte.crop[common.relative_to(matte.window).slices]
        if float(total.max()) <= 1.0:
            continue
        divisor = np.maximum(total, 1.0)
        for index, common in present:
            theirs = divisor[common.relative_to(strip).slices]
            if float(theirs.max()) <= 1.0:
                continue
            crop = crops[index]
            if crop is None:
                crop = crops[index] = mattes[index].crop.copy()
            crop[common.relative_to(mattes[index].window).slices] /= theirs
    return [
        matte if crop is None else replace(matte, crop=crop) for matte, crop in zip(mattes, crops, strict=True)
    ]


def _strips(mattes: Sequence[Matte]) -> list[Box]:
    if not mattes:
        return []
    covered = mattes[0].window
    for matte in mattes[1:]:
        covered = covered.union(matte.window)
    return [
        Box(covered.x0, top, covered.x1, min(top + STRIP_ROWS, covered.y1))
        for top in range(covered.y0, covered.y1, STRIP_ROWS)
    ]
