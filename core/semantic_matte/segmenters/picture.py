"""A plate as a network for photos sees it: display-referred RGB, the same for every plate."""

from __future__ import annotations

import cv2
import numpy as np

from semantic_matte.colour import to_display
from semantic_matte.resizing import resized_light
from semantic_matte.types import Box, ByteArray, FloatArray, Plate


def shown(plate: Plate, window: Box, size: tuple[int, int]) -> FloatArray:
    """A window of the plate at (width, height) pixels: (h, w, 3) float32 RGB in [0, 1].

    What of the window lies outside the frame shows the frame mirrored at its edge.
    """
    smaller = size[0] < window.width or size[1] < window.height
    method = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    inside = window.intersection(plate.box)
    assert inside is not None
    pixels = plate.pixels[inside.slices]
    if inside != window:
        above, left = inside.y0 - window.y0, inside.x0 - window.x0
        below, right = window.y1 - inside.y1, window.x1 - inside.x1
        mirrored = cv2.copyMakeBorder(pixels, above, below, left, right, cv2.BORDER_REFLECT)
        pixels = np.asarray(mirrored, dtype=np.float32)
    return np.asarray(to_display(resized_light(pixels, size, method)), dtype=np.float32)


def shown_bytes(plate: Plate) -> ByteArray:
    """The whole plate as a photo: (H, W, 3) uint8 RGB, rounded."""
    return np.asarray(to_display(plate.pixels) * 255 + 0.5).astype(np.uint8)
