"""Pictures in linear light at another size, for what segmenters and reduced passes look at."""

from __future__ import annotations

import cv2
import numpy as np

from semantic_matte.types import FloatArray


def resized_light(light: FloatArray, size: tuple[int, int], interpolation: int = cv2.INTER_AREA) -> FloatArray:
    """A picture at (width, height) pixels, averaged in linear light, where no pixel floods its neighbours.

    light: (H, W, 3) float32, scene-linear, any range. interpolation: cv2.INTER_AREA or cv2.INTER_LINEAR, whose
    weights are never negative. Returns (h, w, 3) float32, not below 0.
    What is brighter than 1 goes into the average rolled off to below 2 and comes back out of it by the
    inverse: a highlight keeps its brightness, and a lone pixel of 1000 counts as much as one of 2. What is
    negative counts as black, as it does in the display transfer. Light in 0..1 is averaged as it is.
    """
    # Most plates need no copies.
    if light.min() >= 0 and light.max() <= 1:
        return np.asarray(cv2.resize(light, size, interpolation=interpolation), dtype=np.float32)
    over = np.maximum(light - 1, 0)
    rolled = light.clip(0, 1) + over / (1 + over)
    averaged = cv2.resize(rolled, size, interpolation=interpolation)
    # Rounding may carry the brightest to 2, which stands for infinity.
    over = (averaged - 1).clip(0, 1 - np.float32(2**-20))
    return np.asarray(averaged.clip(0, 1) + over / (1 - over), dtype=np.float32)
