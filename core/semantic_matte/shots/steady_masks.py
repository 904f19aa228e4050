"""An object's mask in one frame, steadied with its masks in the frames around, so that its trimap doesn't jump.

A segmenter sees each frame by itself, on a coarse grid, and its edges wander. Here edges are averaged and not
pixels: each mask becomes the signed distance to its own edge, those of the neighbours are carried to this
frame along the picture's motion, and the mean distance, weighted by how far the motion can be trusted, is cut
at zero. Distances are limited, so that a limb that is far from where it was pulls no harder than one near by.
(Signed distances as a mean of shapes: Leventon et al. 2000, "Statistical Shape Influence in Geodesic Active
Contours".)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import reduce

import numpy as np

from semantic_matte.errors import ValueShapeError
from semantic_matte.shots.flow import Flow, object_flow
from semantic_matte.trimap import distance_inside
from semantic_matte.types import BoolArray, Box, FloatArray, Instance

# How many frames to either side are looked at.
MASK_REACH = 2
# An edge farther away than this counts as if it were this far: a fraction of the object's size, and pixels.
FARTHEST = 0.04
LEAST_FARTHEST = 3.0


def steady_instance(
    instance: Instance, neighbours: Sequence[tuple[Flow, Instance]], strength: float
) -> Instance:
    """The object with the mask that this frame and its neighbours agree on.

    neighbours: the same object in other frames, each with the flow from this frame to that one. strength: in
    [0, 1], the weight of a neighbour whose motion is sure, where this frame's own is 1. Label, score and slot
    stay, the box is tight, and the mask is never empty. The same object comes back where there are no
    neighbours or the strength is 0. Raises ValueShapeError for a neighbour of another size and a strength
    outside 0..1.
    """
    _check(instance, neighbours, strength)
    if not neighbours or strength == 0:
        return instance
    farthest = max(FARTHEST * instance.box.mean_side, LEAST_FARTHEST)
    window = _window(instance, [other for _, other in neighbours], farthest)
    total = edge_distance(instance, window, farthest)
    for flow, other in neighbours:
        near = other.box.padded(math.ceil(farthest)).intersection(Box.of_frame(*other.frame_size))
        assert near is not None
        # What is carried from beyond its crop is 0: counted from the farthest outside, that is what it is.
        depth = edge_distance(other, near, farthest) + np.float32(farthest)
        for way in (object_flow(flow, instance), flow):
            part = way.checked().on(window)
            total += np.float32(strength / 2) * part.trust * (part.carry(depth, near) - np.float32(farthest))
    mask: BoolArray = total > 0
    return _with_mask(instance, mask, window)


def edge_distance(instance: Instance, window: Box, farthest: float) -> FloatArray:
    """(h, w) float32 on the window: each pixel's distance to the mask's edge, below 0 outside the mask.

    In pixels, within -farthest..farthest. The frame's own border is not an edge.
    """
    mask = instance.mask_on(window)
    inside, outside = distance_inside(mask), distance_inside(~mask)
    # The edge runs between pixels, half a pixel from the middle of each.
    signed = np.where(mask, inside - np.float32(0.5), np.float32(0.5) - outside)
    return np.clip(signed, -farthest, farthest).astype(np.float32)


def _window(instance: Instance, others: Sequence[Instance], farthest: float) -> Box:
    """Where the object may be: all the boxes, and an edge's reach around them."""
    covered = reduce(Box.union, (other.box for other in others), instance.box)
    window = covered.padded(math.ceil(farthest)).intersection(Box.of_frame(*instance.frame_size))
    assert window is not None
    return window


def _with_mask(instance: Instance, mask: BoolArray, window: Box) -> Instance:
    """The instance with another mask (h, w) on a window; as it was where nothing would be left."""
    tight = Box.around(mask)
    if tight is None:
        return instance
    box = tight.shifted(window.x0, window.y0)
    return replace(instance, crop=np.ascontiguousarray(mask[tight.slices]), box=box)


def _check(instance: Instance, neighbours: Sequence[tuple[Flow, Instance]], strength: float) -> None:
    """Raise ValueShapeError for a neighbour of another size and a strength outside 0..1."""
    if not 0.0 <= strength <= 1.0:
        raise ValueShapeError(f"Steadiness: expected 0..1, got {strength}.")
    for flow, other in neighbours:
        if not instance.frame_size == other.frame_size == flow.frame_size:
            raise ValueShapeError(
                f"Steadiness: expected neighbours of the frame's size {instance.frame_size}, got a mask of "
                f"{other.frame_size} and a flow of {flow.frame_size}."
            )
