"""What a matting network is trained on.

Sources: L1 and composition, Xu et al., "Deep Image Matting", CVPR 2017; Laplacian pyramid, Hou & Liu,
"Context-Aware Image Matting", ICCV 2019; gradient, Dai et al., "Boosting Robustness of Image Matting",
CVPR 2022. All are means over unknown pixels; alphas are (N, 1, H, W) and differ from the truth there alone.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

LEVELS = 4


def matting_loss(alpha: Tensor, truth: Tensor, unknown: Tensor, contrast: Tensor) -> dict[str, Tensor]:
    """The terms by name, and their sum as "total".

    alpha: may lie outside [0, 1]. truth: [0, 1]. unknown: 1 or 0. contrast: distance of foreground from
    background colour, by which an error in alpha shows in a composite. All (N, 1, H, W) float32.
    """
    count = unknown.sum().clamp(min=1.0)
    error = (alpha - truth) * unknown
    terms = {
        "l1": error.abs().sum() / count,
        "composition": (error * contrast).abs().sum() / count,
        "laplacian": _pyramid(error) / count,
        "gradient": _gradient(error) / count,
    }
    terms["total"] = terms["l1"] + terms["composition"] + 0.5 * terms["laplacian"] + 0.5 * terms["gradient"]
    return terms


def _pyramid(error: Tensor) -> Tensor:
    """Sum of the magnitudes of a Laplacian pyramid, each level weighted by its pixels' area."""
    total = error.new_zeros(())
    for level in range(LEVELS):
        smaller = functional.avg_pool2d(error, 2, ceil_mode=True)
        raised = functional.interpolate(smaller, scale_factor=2.0, mode="bilinear", align_corners=False)
        band = error - raised[:, :, : error.shape[2], : error.shape[3]]
        total = total + band.abs().sum() * 4.0**level * 0.5**level
        error = smaller
    return total + error.abs().sum() * 4.0**LEVELS * 0.5**LEVELS


def _gradient(error: Tensor) -> Tensor:
    return (torch.diff(error, dim=2).abs().sum() + torch.diff(error, dim=3).abs().sum()) * 0.5
