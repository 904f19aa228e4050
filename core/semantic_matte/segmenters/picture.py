"""A plate as a network for photos sees it: display-referred RGB, the same for every plate."""

from __future__ import annotations

import cv2
import numpy as np

from semantic_matte.colour import to_display
from semantic_matte.types import Box, ByteArray, FloatArray, Plate


def shown(plate: Plate, window: Box, size: tuple[int, int]) -> FloatArray:
    """A window of the plate at (width, height) pixels: (h, w, 3) float32 RGB in [0, 1]."""
    smaller = size[0] < window.width or size[1] < window.height
    method = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    resized = cv2.resize(plate.pixels[window.slices], size, interpolation=method)
    return np.asarray(to_display(resized), dtype=np.float32)


def shown_bytes(plate: Plate) -> ByteArray:
    """The whole plate as a photo: (H, W, 3) uint8 RGB, rounded."""
    return np.asarray(to_display(plate.pixels) * 255 + 0.5).astype(np.uint8)
