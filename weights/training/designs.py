"""The networks that `train.py` can train, by name.

Each has `start`, what it knows before anything learned, and `correct`, the learned part, as
`semantic_matte.networks.matting.MattingNetwork` describes them.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from semantic_matte.networks.deep_image_matting import DeepImageMatting, Design
from semantic_matte.networks.matting import MattingNetwork


class PaperNetwork(nn.Module):
    """Hu & Clark's own: Deep Image Matting, with its refinement stage. `network` is what is shipped."""

    encoder = None

    def __init__(self, design: Design) -> None:
        super().__init__()
        self.network = DeepImageMatting(design)

    def start(self, colour: Tensor, foreground: Tensor, background: Tensor) -> Tensor:
        """Nothing: (N, 0, H, W)."""
        return foreground[:, :0]

    def correct(self, colour: Tensor, foreground: Tensor, background: Tensor, start: Tensor) -> Tensor:
        """(N, 1, H, W) in [0, 1]."""
        alpha: Tensor = self.network(colour, 0.5 * (1.0 + foreground - background))
        return alpha

    def forward(self, colour: Tensor, trimap: Tensor) -> Tensor:
        """As `correct`, with known pixels copied from the trimap of 0, 0.5, 1."""
        alpha: Tensor = self.network(colour, trimap)
        return torch.where(trimap == 0.5, alpha, trimap)


DESIGNS: dict[str, Callable[[], nn.Module]] = {
    # RGB and trimap alone.
    "plain": lambda: MattingNetwork(carried=False, solver=False, normalised=True),
    # With the known colours carried into the band.
    "carried": lambda: MattingNetwork(carried=True, solver=False, normalised=True),
    # With the closed-form alpha alone, which it corrects.
    "solver": lambda: MattingNetwork(carried=False, solver=True, normalised=True),
    # With the carried colours and the closed-form alpha, which it corrects.
    "corrector": lambda: MattingNetwork(carried=True, solver=True, normalised=True),
    "deep_image_matting": lambda: PaperNetwork(Design()),
    "deep_image_matting_refined": lambda: PaperNetwork(Design(refinement=True)),
}


def create_network(name: str) -> nn.Module:
    """Raises SystemExit for an unknown name."""
    if name not in DESIGNS:
        raise SystemExit(f"unknown design '{name}': expected one of {', '.join(DESIGNS)}")
    return DESIGNS[name]()
