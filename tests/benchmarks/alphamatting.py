"""Reading a folder laid out as alphamatting.com's training photos.

image/NAME.png (RGB, sRGB), alpha/NAME.png (grey), trimap1/NAME.png (narrow band) and
trimap2/NAME.png (wide band): 0 is background, 255 foreground, anything else unknown.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from semantic_matte.types import ByteArray, FloatArray


@dataclass(frozen=True)
class Photo:
    """One photo with its true alpha and its trimaps; files are read when asked for."""

    name: str
    folder: Path

    @property
    def image_path(self) -> Path:
        return self.folder / "image" / f"{self.name}.png"

    def trimap_path(self, kind: str) -> Path:
        return self.folder / kind / f"{self.name}.png"

    def image(self) -> ByteArray:
        """(H, W, 3) uint8 RGB, sRGB."""
        return np.ascontiguousarray(_read(self.image_path, cv2.IMREAD_COLOR)[..., ::-1])

    def truth(self) -> FloatArray:
        """(H, W) float32 in [0, 1]."""
        return (_first_channel(self.folder / "alpha" / f"{self.name}.png") / 255).astype(np.float32)

    def levels(self, kind: str) -> ByteArray:
        """(H, W) uint8 of a trimap."""
        return _first_channel(self.trimap_path(kind))


def photos(folder: Path, limit: int | None = None) -> list[Photo]:
    """The photos of a folder in the order of their names; at most `limit`."""
    names = sorted(path.stem for path in (folder / "image").glob("*.png"))
    if not names:
        raise SystemExit(f"{folder}: expected image/*.png as alphamatting.com lays them out.")
    return [Photo(name, folder) for name in names[:limit]]


def _read(path: Path, mode: int) -> ByteArray:
    picture = cv2.imread(str(path), mode)
    if picture is None:
        raise SystemExit(f"{path}: not there, or no picture.")
    return np.asarray(picture, dtype=np.uint8)


def _first_channel(path: Path) -> ByteArray:
    picture = _read(path, cv2.IMREAD_UNCHANGED)
    return np.ascontiguousarray(picture if picture.ndim == 2 else picture[..., 0])
