"""What happens to a picture between the lens and the matte: blur, noise, sharpening, JPEG, colour."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Random = np.random.Generator
FloatArray = npt.NDArray[np.float32]


def to_linear(encoded: npt.NDArray[np.uint8]) -> FloatArray:
    """sRGB-encoded bytes to linear light in [0, 1], float32."""
    return _TABLE[encoded]


def _table() -> FloatArray:
    values = np.arange(256) / 255.0
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4).astype(np.float32)


_TABLE = _table()


def recolour(random: Random, linear: FloatArray) -> FloatArray:
    """Exposure, white balance and contrast of linear light (H, W, 3)."""
    gain = np.exp(random.normal(0, 0.25)) * np.exp(random.normal(0, 0.08, 3))
    power = np.exp(random.normal(0, 0.12))
    return (np.clip(linear, 0, 1) ** power * gain).astype(np.float32)


def degrade(random: Random, shown: FloatArray) -> FloatArray:
    """A display-referred picture (H, W, 3) in [0, 1] as a camera and a file format would leave it."""
    if random.random() < 0.25:
        shown = cv2.GaussianBlur(shown, (0, 0), float(random.uniform(0.3, 0.9)))
    if random.random() < 0.6:
        grain = random.standard_normal(shown.shape, dtype=np.float32) * random.exponential(0.008)
        if random.random() < 0.5:
            grain = cv2.GaussianBlur(grain, (0, 0), 0.7) * 1.7
        shown = shown + grain
    if random.random() < 0.25:
        soft = cv2.GaussianBlur(shown, (0, 0), float(random.uniform(0.6, 1.5)))
        shown = shown + random.uniform(0.2, 0.8) * (shown - soft)
    bytes_ = np.round(np.clip(shown, 0, 1) * 255).astype(np.uint8)
    if random.random() < 0.35:
        quality = int(random.integers(65, 98))
        _, stream = cv2.imencode(".jpg", bytes_, [cv2.IMWRITE_JPEG_QUALITY, quality])
        bytes_ = cv2.imdecode(stream, cv2.IMREAD_COLOR)
    return bytes_.astype(np.float32) / np.float32(255)
