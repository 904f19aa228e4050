"""Masks without the specks and pinholes that a network leaves in them."""

from __future__ import annotations

import cv2
import numpy as np

from semantic_matte.types import BoolArray


def main_islands(mask: BoolArray, least: float) -> BoolArray:
    """The mask (h, w) without connected parts that have less than a fraction of the largest one's pixels."""
    count, names, stats, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=8)
    areas = stats[1:count, cv2.CC_STAT_AREA]
    if areas.size < 2:
        return mask
    kept = np.concatenate([[False], areas >= least * areas.max()])
    return np.asarray(kept[names])


def without_small_holes(mask: BoolArray, most: float) -> BoolArray:
    """The mask (h, w) with holes filled that have at most a fraction of its pixels.

    What is open to the border of the array is no hole.
    """
    # Of the outside, parts that touch by a corner alone are two: the mask's own parts are joined that way.
    count, names, stats, _ = cv2.connectedComponentsWithStats((~mask).view(np.uint8), connectivity=4)
    holes = stats[:, cv2.CC_STAT_AREA] <= most * np.count_nonzero(mask)
    height, width = mask.shape
    holes &= (stats[:, cv2.CC_STAT_LEFT] > 0) & (stats[:, cv2.CC_STAT_TOP] > 0)
    holes &= stats[:, cv2.CC_STAT_LEFT] + stats[:, cv2.CC_STAT_WIDTH] < width
    holes &= stats[:, cv2.CC_STAT_TOP] + stats[:, cv2.CC_STAT_HEIGHT] < height
    # Name 0 is the mask itself.
    holes[0] = False
    return np.asarray(mask | holes[names]) if count > 1 else mask
