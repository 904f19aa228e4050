"""Makes the pictures in this folder: strands with exact alpha over a photo, mixed in linear light.

    python tests/data/strands/make.py

Foreground colours are from chelsea.png, the background is coffee.png (both CC0, scikit-image).
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

HERE = Path(__file__).parent
PHOTOS = HERE.parent / "photos"
sys.path.insert(0, str(HERE.parents[2] / "weights" / "training"))

SIDE = 384
SEED = 20
BAND = 9


def main() -> None:
    from degrade import to_linear
    from foregrounds.picture import encode_srgb
    from procedural import strands

    alpha = strands(np.random.default_rng(SEED), SIDE).alpha / 65535
    front = cv2.imread(str(PHOTOS / "chelsea.png"))[:300, 60:360]
    front = cv2.resize(front, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    behind = cv2.imread(str(PHOTOS / "coffee.png"))[:SIDE, 100 : 100 + SIDE]
    mixed = alpha[..., None] * to_linear(front) + (1 - alpha[..., None]) * to_linear(behind)
    grain = np.random.default_rng(SEED).normal(0, 0.004, mixed.shape)
    plate = np.clip(encode_srgb(mixed) + grain, 0, 1)
    touched = cv2.dilate(((alpha > 0) & (alpha < 1)).astype(np.uint8), np.ones((BAND, BAND), np.uint8))
    levels = np.where(touched > 0, 128, np.where(alpha > 0.5, 255, 0))
    cv2.imwrite(str(HERE / "plate.png"), np.round(plate * 255).astype(np.uint8))
    cv2.imwrite(str(HERE / "trimap.png"), levels.astype(np.uint8))
    cv2.imwrite(str(HERE / "alpha.png"), np.round(alpha * 65535).astype(np.uint16))


if __name__ == "__main__":
    main()
