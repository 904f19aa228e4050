"""The matting network as Nuke's Inference node runs it: one tensor in, one out."""

import torch
from torch import Tensor, nn

from semantic_matte.networks.matting import MattingNetwork


class NukeMatting(nn.Module):
    """RGB and, in alpha, a trimap -> alpha.

    scene_linear: 1 if the plate is scene-linear Rec.709, as Nuke works, 0 if it is display-referred; an
    attribute, so that Nuke can show it as a knob.
    """

    def __init__(self, network: MattingNetwork) -> None:
        super().__init__()
        self.network = network
        self.scene_linear: int = 1

    def forward(self, picture: Tensor) -> Tensor:
        """Map (N, 4, H, W) to (N, 1, H, W) in [0, 1], of the same type and on the same device.

        Alpha below 0.05 is background, above 0.95 foreground, anything between is unknown. Any size: the
        network pads inside.
        """
        colour, levels = picture[:, :3], picture[:, 3:4]
        if self.scene_linear == 1:
            colour = linear_to_srgb(colour)
        half = torch.full_like(levels, 0.5)
        trimap = torch.where(levels > 0.95, torch.ones_like(levels), half)
        trimap = torch.where(levels < 0.05, torch.zeros_like(levels), trimap)
        alpha: Tensor = self.network(colour.clamp(0.0, 1.0), trimap)
        return alpha


def linear_to_srgb(linear: Tensor) -> Tensor:
    """Scene-linear Rec.709 to display-referred sRGB (IEC 61966-2-1), clipped to [0, 1]; any shape."""
    clipped = linear.clamp(0.0, 1.0)
    # A power of 0 has no slope and, in half precision on some devices, no value.
    curve = 1.055 * clipped.clamp(min=1e-4).pow(1.0 / 2.4) - 0.055
    return torch.where(clipped <= 0.0031308, 12.92 * clipped, curve)
