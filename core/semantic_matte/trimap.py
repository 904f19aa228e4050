"""Instance mask -> trimap, and alpha -> tighter trimap.

Source: Hu & Clark 2019, III-B and III-D: the unknown band lies around the mask's boundary and its width is a
fraction of the mean of the box's width and height. Distances are Euclidean, in pixels. All work is done on
the object's own window, so cost follows the object and not the frame.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

from semantic_matte.errors import TrimapError
from semantic_matte.types import (
    BACKGROUND,
    FOREGROUND,
    UNKNOWN,
    BoolArray,
    Box,
    ByteArray,
    FloatArray,
    Instance,
    Trimap,
)

# However small the object, the band reaches this far to either side of the mask's edge, in pixels.
SMALLEST_REACH = 2.0
# Known background kept around the band, so that a solver sees what the object is not, in pixels.
CONTEXT = 8
# In a part too thin to have an interior, the middle of it that is nearest to the ridge stays foreground.
RIDGE = 0.7
# Alphas nearer than this to 0 or 1 count as solid when a trimap is made from an alpha. On dev photos .02
# left the band wide wherever a solver leaves haze, and four passes then gained nothing.
SOLID = 0.1
# Where samples differ by more than this, the band stays as wide as it was.
DOUBT = 0.1


def distance_inside(mask: BoolArray) -> FloatArray:
    """Distance of each true pixel of a mask (h, w) to the nearest false one; 0 on false pixels.

    Beyond the array there is nothing: an edge of the frame that cuts an object is not its boundary. A mask
    without false pixels is infinitely deep.
    """
    if mask.all():
        return np.full(mask.shape, np.inf, dtype=np.float32)
    distance = cv2.distanceTransform(mask.view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(distance, dtype=np.float32)


def reach(fraction: float, box: Box) -> float:
    """Width of one side of the band in pixels, from a fraction of the object's size."""
    return max(fraction * box.mean_side, SMALLEST_REACH)


def from_instance(instance: Instance, outer: float, inner: float) -> Trimap:
    """The first trimap of an object.

    outer, inner: how far the band reaches outside and into the mask, as fractions of the mean of box width
    and height. Raises TrimapError where the object leaves no known background in the frame.
    """
    outer_reach = reach(outer, instance.box)
    inner_reach = reach(inner, instance.box)
    frame = Box.of_frame(*instance.frame_size)
    window = instance.box.padded(math.ceil(outer_reach) + CONTEXT).intersection(frame)
    if window is None:  # pragma: no cover - an instance's box lies inside its frame
        raise TrimapError("The object lies outside the frame.")
    mask = instance.mask_on(window)
    levels = np.full(mask.shape, BACKGROUND, dtype=np.uint8)
    levels[distance_inside(~mask) <= outer_reach] = UNKNOWN
    levels[known_foreground(mask, inner_reach)] = FOREGROUND
    if window == frame and not (levels == BACKGROUND).any():
        raise TrimapError(
            f"'{instance.label}' fills the whole frame, so nothing in it is surely background: "
            "lower the edge width outside, or give a trimap as a hint."
        )
    return Trimap(levels, window, instance.frame_size)


def known_foreground(mask: BoolArray, inner_reach: float) -> BoolArray:
    """(h, w) bool: pixels of a mask that are deeper than `inner_reach`, and the ridge of its thin parts.

    A part counts as thin where no pixel deeper than `inner_reach` is near. There the pixels nearest to the
    part's own middle stay known, so that an arm, a leash or a stem is not lost in the band.
    """
    depth = distance_inside(mask)
    deep = depth > inner_reach
    thin = mask & (distance_inside(~deep) > 2 * inner_reach) if deep.any() else mask
    if not thin.any():
        return deep
    box = Box.around(thin)
    assert box is not None
    # The local half-thickness: the deepest pixel in a square around. Only ridges rise to near it.
    side = 2 * math.ceil(inner_reach) + 1
    around = box.padded(side).intersection(Box.of_frame(*mask.shape))
    assert around is not None
    local = np.where(mask, depth, 0.0)[around.slices].astype(np.float32)
    thickest = cv2.dilate(local, np.ones((side, side), dtype=np.uint8))
    result = deep.copy()
    result[around.slices] |= thin[around.slices] & (local >= RIDGE * thickest)
    return result


def yield_to_neighbours(trimaps: Sequence[Trimap]) -> list[Trimap]:
    """Known foreground of one object becomes background in the bands of the others.

    Known pixels of each trimap stay as they are; only unknown ones are settled.
    """
    settled = []
    for index, trimap in enumerate(trimaps):
        levels = trimap.levels
        for other_index, other in enumerate(trimaps):
            common = trimap.window.intersection(other.window) if other_index != index else None
            if common is None:
                continue
            theirs = other.levels[common.relative_to(other.window).slices] == FOREGROUND
            if not theirs.any():
                continue
            if levels is trimap.levels:
                levels = levels.copy()
            mine = levels[common.relative_to(trimap.window).slices]
            mine[theirs & (mine == UNKNOWN)] = BACKGROUND
        settled.append(trimap if levels is trimap.levels else Trimap(levels, trimap.window, trimap.frame_size))
    return settled


def from_alpha(
    alpha: FloatArray,
    previous: Trimap,
    reach_pixels: float,
    *,
    allowed: BoolArray,
    spread: FloatArray | None = None,
    wide_reach: float = 0.0,
) -> Trimap | None:
    """A tighter trimap out of an alpha (Hu & Clark 2019, III-D).

    alpha: (h, w) float32 in [0, 1] on `previous`'s window. The new band holds every soft pixel and
    everything within `reach_pixels` of one, or of the edge between solid and empty; where `spread` (h, w)
    tells of doubt it reaches `wide_reach`. allowed: (h, w) bool, pixels that may be unknown at all; all
    others keep their level of `previous`. Returns None where no trimap with both kinds is left to make.
    """
    solid = alpha >= 0.5
    soft = (alpha > SOLID) & (alpha < 1 - SOLID)
    edge = cv2.morphologyEx(solid.view(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), dtype=np.uint8)).astype(
        bool
    )
    core = soft | edge
    if not core.any():
        return None
    band = distance_inside(~core) <= reach_pixels
    if spread is not None and wide_reach > reach_pixels:
        doubtful = core & (spread > DOUBT)
        if doubtful.any():
            band |= distance_inside(~doubtful) <= wide_reach
    levels = np.where(solid, np.uint8(FOREGROUND), np.uint8(BACKGROUND))
    levels[band] = UNKNOWN
    return _valid(np.where(allowed, levels, previous.levels), previous)


def _valid(levels: ByteArray, previous: Trimap) -> Trimap | None:
    if not (levels == UNKNOWN).any():
        return None
    try:
        return Trimap(levels, previous.window, previous.frame_size)
    except TrimapError:
        return None


def reduced(trimap: Trimap, height: int, width: int) -> Trimap | None:
    """The same trimap at a smaller size: a pixel is known only where all that it covers is known alike.

    Returns None where a known kind is lost by it.
    """
    size = (width, height)
    kinds = [
        cv2.resize((trimap.levels == level).astype(np.float32), size, interpolation=cv2.INTER_AREA)
        for level in (BACKGROUND, FOREGROUND)
    ]
    levels = np.full((height, width), UNKNOWN, dtype=np.uint8)
    levels[kinds[0] > 0.999] = BACKGROUND
    levels[kinds[1] > 0.999] = FOREGROUND
    if not ((levels == BACKGROUND).any() and (levels == FOREGROUND).any()):
        return None
    return Trimap(levels, Box.of_frame(height, width), (height, width))
