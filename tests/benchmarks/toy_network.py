"""A stand-in for a matting network: a few convolutions on patches, untrained.

It gives no useful alpha. It is there to measure what patches, gathering and fusion cost by themselves, with the
batches and activations of a small network. Importing this module registers it as estimator `toy`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from semantic_matte.estimators import ESTIMATORS
from semantic_matte.ports import Progress

if TYPE_CHECKING:
    from torch import Tensor


class ToyNetwork:
    """Three convolutions on RGB and trimap; see `ports.MatteEstimator`."""

    name = "toy"
    device = "cpu"
    patch_size = 320
    widest_band = 160
    solves_regions = False
    whole_area = 0
    models: Sequence[Mapping[str, str]] = ()

    def __init__(self) -> None:
        import torch

        torch.manual_seed(0)
        self._layers = torch.nn.Sequential(
            torch.nn.Conv2d(4, 16, 3, padding=1),
            torch.nn.ReLU(),
            torch.nn.Conv2d(16, 16, 3, padding=1),
            torch.nn.ReLU(),
            torch.nn.Conv2d(16, 1, 3, padding=1),
            torch.nn.Sigmoid(),
        )

    def estimate(self, colour: Tensor, trimap: Tensor, progress: Progress) -> Tensor:
        """Alpha (N, h, w) in [0, 1], of no meaning."""
        import torch

        alpha: Tensor = self._layers(torch.cat((colour, trimap[:, None] / 255), dim=1))[:, 0]
        return alpha


ESTIMATORS["toy"] = lambda settings: ToyNetwork()
