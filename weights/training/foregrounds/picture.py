"""From Cycles' premultiplied floats to a straight 16-bit picture with colour under every pixel."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np

# Below this alpha a pixel's own colour is too noisy a quotient, so neighbours' colour takes part.
TRUSTED_ALPHA = 0.25
_PNG_END = b"IEND\xaeB`\x82"


def straight_colour(premultiplied: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """(H, W, 3) unpremultiplied colour, linear, with colour under alpha 0 filled from outside in.

    ``premultiplied`` (H, W, 3) and ``alpha`` (H, W) in [0, 1] come from the same samples. Push-pull of
    Gortler et al. 1996: averages weighted by alpha fill what the finer level doesn't know.
    """
    height, width = alpha.shape
    if min(height, width) <= 1:
        total = max(float(alpha.sum()), 1e-6)
        return np.broadcast_to(premultiplied.sum(axis=(0, 1)) / total, premultiplied.shape).copy()
    half = (max(width // 2, 1), max(height // 2, 1))
    coarse_colour = cv2.resize(premultiplied, half, interpolation=cv2.INTER_AREA)
    coarse_alpha = cv2.resize(alpha, half, interpolation=cv2.INTER_AREA)
    coarse = straight_colour(coarse_colour, coarse_alpha)
    pulled = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    own = premultiplied / np.maximum(alpha, 1e-6)[..., None]
    trust = np.clip(alpha / TRUSTED_ALPHA, 0, 1)
    trust = (trust * trust * (3 - 2 * trust))[..., None]
    return own * trust + pulled * (1 - trust)


def smooth_premultiplied(colour: np.ndarray, alpha: np.ndarray, sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """Colour (H, W, 3) and its alpha (H, W) under one Gaussian: their quotient then has less noise."""
    return cv2.GaussianBlur(colour, (0, 0), sigma), cv2.GaussianBlur(alpha, (0, 0), sigma)


def without_fireflies(colour: np.ndarray, factor: float = 2.5) -> np.ndarray:
    """Straight colour (H, W, 3), pixels far brighter than their 5x5 neighbours' median brought down to it."""
    return np.minimum(colour, factor * cv2.medianBlur(colour.astype(np.float32), 5) + 1e-3)


def expose(colour: np.ndarray, alpha: np.ndarray, target: float) -> np.ndarray:
    """Scale linear colour (H, W, 3) so that its bright parts lie near ``target``; dark things stay dark."""
    luminance = colour @ np.array([0.2126, 0.7152, 0.0722], dtype=np.float32)
    seen = luminance[alpha > 0.3 * float(alpha.max())]
    bright = float(np.percentile(seen, 92)) if seen.size else 1.0
    scaled = colour * np.clip(target / max(bright, 1e-4), 0.02, 4.0)
    # A shoulder from 0.7 on, so that highlights don't clip to flat patches.
    over = np.maximum(scaled - 0.7, 0)
    return np.minimum(scaled, 0.7) + 0.3 * (1 - np.exp(-over / 0.3))


def encode_srgb(linear: np.ndarray) -> np.ndarray:
    """Linear [0, 1] to sRGB-encoded [0, 1] (IEC 61966-2-1)."""
    linear = np.clip(linear, 0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def write_png(path: Path, colour: np.ndarray, alpha: np.ndarray) -> None:
    """Write sRGB-encoded straight colour (H, W, 3) and alpha (H, W), both [0, 1], as 16-bit RGBA.

    The file appears under its name only when whole.
    """
    picture = np.concatenate([colour[..., ::-1], alpha[..., None]], axis=2)
    values = np.round(np.clip(picture, 0, 1) * 65535).astype(np.uint16)
    coded, data = cv2.imencode(".png", values, [cv2.IMWRITE_PNG_COMPRESSION, 4])
    if not coded:
        raise OSError(f"{path.name}: PNG encoding failed")
    part = path.with_suffix(".part")
    part.write_bytes(data.tobytes())
    part.replace(path)


def is_whole_png(path: Path) -> bool:
    """Whether the file exists and ends as a PNG does."""
    if not path.is_file() or path.stat().st_size < 64:
        return False
    with path.open("rb") as stream:
        stream.seek(-len(_PNG_END), os.SEEK_END)
        return stream.read() == _PNG_END
