"""Known colours carried into the band, and the alpha that they alone would give: nothing learned.

Foreground and background colours spread from the known pixels through an image pyramid (push-pull: Gortler et
al., "The Lumigraph", SIGGRAPH 1996); alpha is then the place of a pixel's colour on the line between the two
(Chuang et al., "A Bayesian Approach to Digital Matting", CVPR 2001, eq. 10).
"""

import torch
from torch import Tensor
from torch.nn import functional

CHANNELS = 8
"""Channels of `carried`: foreground RGB, background RGB, projected alpha, residual."""

LEAST_CONTRAST = 1e-3
"""Added to the squared distance of the two colours, so that equal ones give a defined alpha."""


def push_pull(colour: Tensor, weight: Tensor) -> Tensor:
    """Fill an image where it has no weight from the nearest that has, coarse scales last.

    colour: (N, 3, H, W). weight: (N, 1, H, W) in [0, 1]. Returns (N, 3, H, W), equal to `colour` where the
    weight is 1; 0 everywhere if no pixel has weight.
    """
    sums = [colour * weight]
    weights = [weight]
    while min(weights[-1].shape[2], weights[-1].shape[3]) > 1:
        sums.append(functional.avg_pool2d(sums[-1], 2, ceil_mode=True))
        weights.append(functional.avg_pool2d(weights[-1], 2, ceil_mode=True))
    # The two last rows or columns of a long strip are joined at once.
    total = weights[-1].mean(dim=(2, 3), keepdim=True)
    filled = sums[-1].mean(dim=(2, 3), keepdim=True) / total.clamp(min=1e-6)
    filled = filled.expand(sums[-1].shape)
    for turn in range(len(sums)):
        level = len(sums) - 1 - turn
        height, width = sums[level].shape[2], sums[level].shape[3]
        if turn > 0:
            filled = functional.interpolate(filled, scale_factor=2.0, mode="bilinear", align_corners=False)
            filled = filled[:, :, :height, :width]
        # A pixel that a quarter of its area vouches for is trusted whole.
        trust = (4 * weights[level]).clamp(max=1.0) if level > 0 else weights[level]
        own = sums[level] / weights[level].clamp(min=1e-6)
        filled = trust * own + (1 - trust) * filled
    return filled


def carried(
    colour: Tensor, foreground: Tensor, background: Tensor, least_contrast: float = LEAST_CONTRAST
) -> Tensor:
    """What the known colours say of each pixel.

    colour: (N, 3, H, W) float32 display-referred. foreground, background: (N, 1, H, W), 1 where known, else 0.
    Returns (N, 8, H, W): foreground colour, background colour, alpha in [0, 1], and the distance of the
    pixel's colour from the mixture of the two.
    """
    front = push_pull(colour, foreground)
    back = push_pull(colour, background)
    line = front - back
    share = ((colour - back) * line).sum(dim=1, keepdim=True)
    alpha = (share / ((line * line).sum(dim=1, keepdim=True) + least_contrast)).clamp(0.0, 1.0)
    residual = (colour - back - alpha * line).square().sum(dim=1, keepdim=True).sqrt()
    return torch.cat((front, back, alpha, residual), dim=1)
