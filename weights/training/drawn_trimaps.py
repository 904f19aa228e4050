"""Trimaps for training: drawn from the true alpha, and from coarse, wrong masks as a detector gives them."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Random = np.random.Generator
FloatArray = npt.NDArray[np.float32]
ByteArray = npt.NDArray[np.uint8]
BoolArray = npt.NDArray[np.bool_]

NARROWEST, WIDEST = 1.0, 60.0


def draw(random: Random, alpha: FloatArray, coarse: bool = False) -> ByteArray | None:
    """(H, W) uint8 of 0, 128, 255 for a true alpha (H, W) in [0, 1]; None if a known kind would be missing.

    coarse: always from a coarse mask, as where alpha is none but a mask itself.
    """
    from_mask = coarse or random.random() < 0.3
    unknown_or_levels = _from_mask(random, alpha) if from_mask else _from_alpha(random, alpha)
    counts = np.bincount(unknown_or_levels.ravel(), minlength=256)
    share = counts[128] / alpha.size
    if counts[0] < 50 or counts[255] < 50 or not 0.004 < share < 0.9:
        return None
    return unknown_or_levels


def _from_alpha(random: Random, alpha: FloatArray) -> ByteArray:
    """All soft pixels and a band of 1 to 60 pixels around them, not always as wide inside as outside."""
    width = float(np.exp(random.uniform(np.log(NARROWEST), np.log(WIDEST))))
    outer, inner = width * random.uniform(0.5, 1.0), width * random.uniform(0.5, 1.0)
    return _levels(alpha > 0.99, alpha > 0.01, outer, inner)


def _from_mask(random: Random, alpha: FloatArray) -> ByteArray:
    """A polygon around the object, moved, grown or shrunk, with a band; mostly, what it missed is unknown."""
    mask = (alpha > random.uniform(0.2, 0.8)).astype(np.uint8)
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    coarse = np.zeros_like(mask)
    cv2.fillPoly(coarse, [cv2.approxPolyDP(line, random.uniform(1, 9), True) for line in outlines], 1)
    reach = int(random.integers(0, 12))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    coarse = cv2.dilate(coarse, kernel) if random.random() < 0.5 else cv2.erode(coarse, kernel)
    move = np.array([[1, 0, random.normal(0, 3)], [0, 1, random.normal(0, 3)]])
    coarse = cv2.warpAffine(coarse, move, coarse.shape[::-1], flags=cv2.INTER_NEAREST)
    if random.random() < 0.5:
        coarse &= ~_gaps(random, coarse.shape[0], coarse.shape[1])
    width = random.uniform(6, 50)
    levels = _levels(coarse > 0, coarse > 0, width, width)
    if random.random() < 0.85:
        levels[(levels == 255) & (alpha < 0.97)] = 128
        levels[(levels == 0) & (alpha > 0.03)] = 128
    return levels


def _gaps(random: Random, height: int, width: int) -> ByteArray:
    """1 where a detector's mask fails without reason: in blots, and in a strip along an edge of the frame."""
    gaps = np.zeros((height, width), np.uint8)
    for _ in range(random.integers(1, 6)):
        centre = (int(random.integers(width)), int(random.integers(height)))
        axes = tuple(int(axis) for axis in np.exp(random.uniform(np.log(2), np.log(30), 2)))
        cv2.ellipse(gaps, centre, axes, float(random.uniform(0, 180)), 0, 360, 1, -1)
    if random.random() < 0.4:
        # A view: the strip lies along whichever edge the turn brings up.
        turned = np.rot90(gaps, int(random.integers(4)))
        turned[: random.integers(2, 24)] = 1
    return gaps


def _levels(
    inside: npt.NDArray[np.bool_], touched: npt.NDArray[np.bool_], outer: float, inner: float
) -> ByteArray:
    """Foreground deeper than `inner` pixels in `inside`, background further than `outer` from `touched`."""
    depth = cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, 5)
    distance = cv2.distanceTransform((~touched).astype(np.uint8), cv2.DIST_L2, 5)
    levels = np.full(inside.shape, 128, np.uint8)
    levels[depth > inner] = 255
    levels[distance > outer] = 0
    return levels
