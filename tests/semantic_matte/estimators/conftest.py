"""A network so small that its answer is known: it mixes a picture's channels with its trimap.

Whatever the layout of the file that holds it, the alpha has to be the same, so a channel, an axis or a number
that went astray shows.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from semantic_matte.ports import MatteEstimator, SilentProgress

# Of red, green, blue and the trimap as 0, 0.5, 1.
WEIGHTS = (0.4, 0.2, 0.1, 0.3)
# The same for a trimap as background, unknown, foreground.
ONE_HOT_WEIGHTS = (*WEIGHTS[:3], 0.0, 0.15, 0.3)
SIZES = ((64, 64), (37, 53), (1, 5), (130, 70))


class Mix:
    """Pictures, trimaps and the alpha that the mixing network gives for them."""

    weights = WEIGHTS
    one_hot_weights = ONE_HOT_WEIGHTS

    def case(self, count: int, height: int, width: int) -> tuple[Tensor, Tensor]:
        """colour (N, 3, h, w) in [0, 1] and trimap (N, h, w) uint8, with all three codes wherever they fit."""
        random = np.random.default_rng([count, height, width])
        colour = torch.from_numpy(random.random((count, 3, height, width), dtype=np.float32))
        codes = np.array([0, 128, 255], np.uint8)[random.integers(3, size=(count, height, width))]
        codes[:, 0, 0] = 128
        return colour, torch.from_numpy(codes)

    def alpha(self, colour: Tensor, trimap: Tensor, weights: Sequence[float] = WEIGHTS) -> Tensor:
        levels = trimap.float().div(255).mul(2).round().div(2)
        mixed = sum(weight * channel for weight, channel in zip(weights, colour.unbind(1), strict=False))
        solved = (mixed + weights[3] * levels).clamp(0, 1)
        return torch.where(trimap == 128, solved, (trimap == 255).float())

    def check(
        self,
        estimator: MatteEstimator,
        sizes: Sequence[tuple[int, int]] = SIZES,
        weights: Sequence[float] = WEIGHTS,
        tolerance: float = 1e-5,
    ) -> None:
        """One picture and three at once, of each size."""
        for count in (1, 3):
            for height, width in sizes:
                colour, trimap = self.case(count, height, width)
                alpha = estimator.estimate(colour, trimap, SilentProgress())
                assert alpha.dtype == torch.float32
                expected = self.alpha(colour, trimap, weights)
                torch.testing.assert_close(alpha, expected, atol=tolerance, rtol=0)
                known = trimap != 128
                assert torch.equal(alpha[known], (trimap[known] == 255).float())


@pytest.fixture(scope="session")
def mix() -> Mix:
    return Mix()
