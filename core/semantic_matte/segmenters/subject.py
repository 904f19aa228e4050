"""What stands out of a frame, whatever it is: saliency by U^2-Net-p as an instance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from semantic_matte.segmenters.islands import main_islands
from semantic_matte.segmenters.picture import shown
from semantic_matte.types import FloatArray, Instance, Plate

if TYPE_CHECKING:
    from semantic_matte.networks.u2netp import U2NetP

SUBJECT = "subject"
SIDE = 320
# Islands smaller than this share of the largest one are noise.
LEAST_ISLAND = 0.1
# A saliency map whose highest value is lower than this shows nothing that stands out.
LEAST_PEAK = 0.5
# So does one that takes in nearly all of the frame.
MOST_OF_FRAME = 0.95


def find_subject(network: U2NetP, device: str, plate: Plate) -> Instance | None:
    """The salient subject as one instance, or None if nothing stands out.

    Its score is the mean saliency inside its mask.
    """
    saliency = _saliency(network, device, plate)
    if saliency.max() < LEAST_PEAK:
        return None
    mask = main_islands(saliency > 0.5, LEAST_ISLAND)
    share = np.count_nonzero(mask) / mask.size
    if not 0 < share < MOST_OF_FRAME:
        return None
    score = float(saliency[mask].mean())
    height, width = plate.size
    # Enlarged as a map and cut then: a mask's own steps would show.
    inside = np.where(mask | (saliency <= 0.5), saliency, np.float32(0))
    full = cv2.resize(inside, (width, height), interpolation=cv2.INTER_LINEAR) > 0.5
    return Instance.from_mask(full, SUBJECT, min(score, 1.0)) if full.any() else None


def _saliency(network: U2NetP, device: str, plate: Plate) -> FloatArray:
    """(320, 320) float32 in [0, 1] over the frame."""
    import torch

    from semantic_matte.networks.imagenet import MEAN, STD

    seen = shown(plate, plate.box, (SIDE, SIDE))
    normalised = (seen - np.asarray(MEAN, np.float32)) / np.asarray(STD, np.float32)
    with torch.inference_mode():
        images = torch.from_numpy(np.ascontiguousarray(normalised.transpose(2, 0, 1))[None])
        return np.asarray(network(images.to(device))[0, 0].cpu().numpy())
