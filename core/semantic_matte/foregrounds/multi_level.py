"""Foreground colour by the multi-level method: the reference, on the CPU.

Source: Germer, Uelwer, Conrad & Harmeling, "Fast Multi-Level Foreground Estimation", ICPR 2020, by PyMatting.
"""

from __future__ import annotations

import numpy as np

from semantic_matte.types import FloatArray

# Light beyond OUTLYING times what USUAL percent of the object's pixels, or of the others, stay under is taken
# out before solving, and given back pixel by pixel: one lamp must neither shine over its surroundings nor take
# their precision.
USUAL, OUTLYING = 95, 4
# Colours may be brighter than all that is seen by this share of its range. Darker than black they may be only
# where the plate is: beside lamps the solver would leave holes.
HEADROOM = 0.5


class MultiLevel:
    """PyMatting's solver, which works in single precision and clamps to 0..1, on light without limits.

    Mixing is linear, so the light is mapped into 0..1 and the answer back. The same input gives the same bytes.
    """

    name = "multi_level"
    device = "cpu"
    context = 16

    def estimate(self, colour: FloatArray, alpha: FloatArray) -> FloatArray:
        """See `ports.ForegroundEstimator`."""
        from pymatting import estimate_foreground_ml

        limit = _limit(colour, alpha)
        usual = colour.clip(-limit, limit)
        low = min(0.0, float(usual.min()))
        scale = np.float32((float(usual.max()) - low) * (1 + HEADROOM))
        if scale == 0 or alpha.size == 1:
            return colour.copy()
        mapped = estimate_foreground_ml((usual - np.float32(low)) / scale, alpha)
        result: FloatArray = mapped * scale + np.float32(low)
        # What lies beyond the limit is the foreground's by as much as the pixel is: a lamp behind a hair stays
        # behind it, a glint on a hair stays on it.
        cubes = alpha**3 + (1 - alpha) ** 3
        result += (alpha**2 / cubes)[..., np.newaxis] * (colour - usual)
        solid = alpha == 1
        result[solid] = colour[solid]
        return result


def _limit(colour: FloatArray, alpha: FloatArray) -> np.float32:
    """Above 0: how bright, or how far below 0, light may be that is solved for."""
    strength = np.abs(colour).max(axis=2)
    sides = [strength[side & (strength > 0)] for side in (alpha > 0.5, alpha <= 0.5)]
    usual = max((np.percentile(lit, USUAL) for lit in sides if lit.size), default=1)
    return np.float32(OUTLYING * usual)
