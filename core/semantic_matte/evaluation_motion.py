"""How steady alphas are along the motion of their plates; no truth is needed.

Warping error: Lai et al. 2018, "Learning Blind Video Temporal Consistency", of alphas in place of colours,
where the flow can be trusted. Smaller is better, 0 is perfect, and a matte that is wrong in the same way in
every frame scores 0 too.
"""

from __future__ import annotations

import numpy as np

from semantic_matte.errors import ValueShapeError
from semantic_matte.shots.flow import Flow
from semantic_matte.shots.steady_alphas import edge_error
from semantic_matte.types import Box, FloatArray, require_array


def warped_error(alpha: FloatArray, before: FloatArray, flow: Flow) -> float | None:
    """The mean difference of an alpha and the one before it, carried along the plates' motion.

    alpha, before: (H, W) float32 in [0, 1], of neighbouring frames. flow: from alpha's frame to the one before.
    The mean is over pixels where the two are neither both solid nor both empty, weighted by the flow's trust.
    In [0, 1]; None where there are no such pixels. Raises ValueShapeError for other types or sizes.
    """
    for what, array in (("Alpha", alpha), ("Alpha before", before)):
        require_array(what, array, np.float32, flow.frame_size)
        # Written so that NaN fails too.
        if not (float(array.min()) >= 0.0 and float(array.max()) <= 1.0):
            raise ValueShapeError(f"{what}: expected values in 0..1, got {array.min()}..{array.max()}.")
    way = flow.on(Box.of_frame(*flow.frame_size))
    return edge_error(alpha, way.carry(before, way.box), way.trust)
