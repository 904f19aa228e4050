"""The loop: trimap -> alpha -> tighter trimap, and when it stops.

Source: Hu & Clark 2019, III-D: the alpha of a pass gives a tighter trimap for the next, with a rate that falls
each pass. Past the paper: a band wider than an estimator can see across is first solved at a smaller
working size; the last pass is always at the plate's own resolution; the loop ends when the band no longer
changes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from semantic_matte.types import BoolArray, FloatArray

# The band's reach shrinks by this factor each pass.
RATE = 0.5
# The loop ends when the band's alpha changes by less than this on the mean.
STILL = 1 / 255
# A working size just under the plate's costs a resampling and saves nothing.
WORTHWHILE = 0.8
# The tightest band that a pass works on, to either side of an edge, in pixels.
LEAST_REACH = 2.0


@dataclass(frozen=True)
class Pass:
    """One turn of the loop.

    reach: how far the band reaches to either side, in plate pixels. scale: working size over plate size, at
    most 1. The first pass of an object takes its trimap from the mask, so its reach only tells the scale.
    """

    reach: float
    scale: float


def schedule(first_reach: float, passes: int, widest_band: int) -> list[Pass]:
    """The passes for an object.

    first_reach: reach of the first trimap, in pixels. passes: as the artist set it. widest_band: as of
    the estimator, in pixels. Passes at a working size are added where the last one would not be at
    full size: resolution is never given up for a low number of passes.
    """
    turns: list[Pass] = []
    current = first_reach
    while len(turns) < passes or turns[-1].scale < 1:
        scale = widest_band / (2 * current)
        turns.append(Pass(current, scale if scale < WORTHWHILE else 1.0))
        current = max(current * RATE, LEAST_REACH)
    return turns


def change(before: FloatArray, after: FloatArray, band: BoolArray) -> float:
    """Mean absolute difference of two alphas (h, w) over a band (h, w) bool; 0 for an empty band."""
    count = int(np.count_nonzero(band))
    if count == 0:
        return 0.0
    return float(np.abs(after[band] - before[band]).sum(dtype=np.float64) / count)
