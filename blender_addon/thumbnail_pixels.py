"""Small pictures of what was found: a square cut out of the plate, as it looks on a screen. No Blender here."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

SIDE = 128
# How much of the object's size is shown around it.
_MARGIN = 0.08
# Of a larger cut-out every second, third... pixel is taken before the rest is averaged: it is only looked at.
_MOST_PER_PIXEL = 4


def thumbnail(pixels: np.ndarray, box: Sequence[int], side: int = SIDE) -> np.ndarray:
    """The square around an object, made to fit.

    pixels: (H, W, C) float32, scene-linear Rec.709, the top row first, C at least 3. box: x0, y0, x1, y1 in
    pixels, half-open, y down. Returns (side, side, 4) uint8, sRGB; what lies outside the plate is transparent.
    Raises ValueError for other shapes and for a box without pixels of the plate.
    """
    import numpy as np

    if pixels.ndim != 3 or pixels.shape[2] < 3:
        raise ValueError(f"expected pixels of shape (H, W, 3 or more), got {pixels.shape}")
    height, width = pixels.shape[:2]
    x0, y0, x1, y1 = box
    if not (x0 < x1 and y0 < y1 and x0 < width and y0 < height and x1 > 0 and y1 > 0):
        raise ValueError(f"expected a box inside {width}x{height} pixels, got {tuple(box)}")
    extent = max(x1 - x0, y1 - y0) * (1 + 2 * _MARGIN)
    left, top = (x0 + x1 - extent) / 2, (y0 + y1 - extent) / 2
    columns, step_x = _weights(left, extent, width, side)
    rows, step_y = _weights(top, extent, height, side)
    crop = pixels[::step_y, ::step_x, :3]
    # Only what is looked at is copied and averaged.
    used_y, used_x = _used(rows), _used(columns)
    crop = np.nan_to_num(crop[used_y, used_x], nan=0.0, posinf=1.0, neginf=0.0).clip(0, 1)
    rows, columns = rows[:, used_y], columns[:, used_x]
    blurred = np.einsum("yh,hwc->ywc", rows, crop, optimize=True)
    picture = np.einsum("xw,ywc->yxc", columns, blurred, optimize=True)
    cover = rows.sum(1)[:, None] * columns.sum(1)[None, :]
    colours = picture / np.maximum(cover, 1e-6)[..., None]
    seen = np.concatenate((_encoded(colours), cover[..., None]), axis=2)
    return np.rint(seen.clip(0, 1) * 255).astype(np.uint8)


def png(picture: np.ndarray) -> bytes:
    """A PNG file of (H, W, 4) uint8, sRGB, alpha not multiplied in. Raises ValueError for another shape."""
    import numpy as np

    if picture.ndim != 3 or picture.shape[2] != 4 or picture.dtype != np.uint8:
        raise ValueError(f"expected (H, W, 4) uint8, got {picture.shape} {picture.dtype}")
    height, width = picture.shape[:2]
    # Each row begins with the number of its filter: 0, none.
    rows = np.zeros((height, 1 + width * 4), np.uint8)
    rows[:, 1:] = picture.reshape(height, width * 4)
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", header),
            _chunk(b"sRGB", b"\0"),
            _chunk(b"IDAT", zlib.compress(rows.tobytes(), 6)),
            _chunk(b"IEND", b""),
        )
    )


def _chunk(kind: bytes, content: bytes) -> bytes:
    """One part of a PNG: its length, kind, content and checksum."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _weights(start: float, extent: float, count: int, side: int) -> tuple[np.ndarray, int]:
    """How much each of a picture's pixels along one axis is in each pixel of the thumbnail.

    start, extent: the part that is shown, in pixels; count: how many the picture has. Returns (side, n) float32
    whose rows sum to 1 inside the picture and to less at its border, and the step by which n of the count were
    taken. Where it is enlarged, a thumbnail's pixel takes the picture's pixels that it overlaps, too.
    """
    import numpy as np

    step = max(1, int(extent / side / _MOST_PER_PIXEL))
    edges = start + extent * np.arange(side + 1, dtype=np.float64) / side
    pixels = np.arange(0, count, step, dtype=np.float64)
    ends = np.minimum(pixels + step, count)
    overlap = np.minimum(edges[1:, None], ends) - np.maximum(edges[:-1, None], pixels)
    return (overlap.clip(0) * (side / extent)).astype(np.float32), step


def _used(weights: np.ndarray) -> slice:
    """From the first to the last column that is not all 0."""
    import numpy as np

    places = np.flatnonzero(weights.any(axis=0))
    return slice(int(places[0]), int(places[-1]) + 1)


def _encoded(linear: np.ndarray) -> np.ndarray:
    """Linear light from 0 to 1 as sRGB (IEC 61966-2-1)."""
    import numpy as np

    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * np.maximum(linear, 1e-9) ** (1 / 2.4) - 0.055)
