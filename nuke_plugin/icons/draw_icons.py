"""Draws the toolbar's icons, a soft-edged figure on a checkerboard: `python draw_icons.py` writes them.

Standard library alone, and the same bytes on every machine: the pixels are stored as they are.
"""

from __future__ import annotations

import math
import struct
import zlib
from pathlib import Path
from typing import List, Tuple

SIZES = {"semantic_matte.png": 26, "semantic_matte@2x.png": 52}

Colour = Tuple[float, float, float, float]

# Samples of a pixel in each direction.
_SAMPLES = 8
_CORNER = 0.16
_DARK, _LIGHT = (0.20, 0.21, 0.23), (0.29, 0.30, 0.33)
_FIGURE, _RIM = (0.98, 0.98, 0.97), (0.36, 0.79, 0.72)


def drawn(size: int) -> bytes:
    """The icon as a PNG of size x size pixels, RGBA, 8 bits."""
    rows = []
    for y in range(size):
        row = bytearray(b"\0")
        for x in range(size):
            row += bytes(_eight_bits(value) for value in _pixel(x, y, size))
        rows.append(bytes(row))
    header = struct.pack(">IIBBBBB", size, size, 8, 6, 0, 0, 0)
    # Without compression: what zlib makes of it differs between its versions.
    body = zlib.compress(b"".join(rows), 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def _pixel(x: int, y: int, size: int) -> Colour:
    """The mean of a pixel's samples, its colour not premultiplied."""
    total = [0.0, 0.0, 0.0, 0.0]
    for down in range(_SAMPLES):
        for across in range(_SAMPLES):
            u = (x + (across + 0.5) / _SAMPLES) / size
            v = (y + (down + 0.5) / _SAMPLES) / size
            red, green, blue, alpha = _sample(u, v)
            for place, value in enumerate((red * alpha, green * alpha, blue * alpha, alpha)):
                total[place] += value / _SAMPLES**2
    alpha = total[3]
    if alpha == 0.0:
        return 0.0, 0.0, 0.0, 0.0
    return total[0] / alpha, total[1] / alpha, total[2] / alpha, alpha


def _sample(u: float, v: float) -> Colour:
    """The colour at a point, 0 to 1 from the upper left."""
    if _outside_tile(u, v):
        return 0.0, 0.0, 0.0, 0.0
    red, green, blue = _LIGHT if (int(u * 4) + int(v * 4)) % 2 else _DARK
    cover = _coverage(_figure(u, v), 0.035)
    rim = _coverage(_figure(u, v) - 0.07, 0.05)
    for colour, share in ((_RIM, rim), (_FIGURE, cover)):
        red += (colour[0] - red) * share
        green += (colour[1] - green) * share
        blue += (colour[2] - blue) * share
    return red, green, blue, 1.0


def _outside_tile(u: float, v: float) -> bool:
    """Whether a point is beyond the tile's rounded corners."""
    across = max(_CORNER - u, u - (1 - _CORNER), 0.0)
    down = max(_CORNER - v, v - (1 - _CORNER), 0.0)
    return across * across + down * down > _CORNER * _CORNER


def _figure(u: float, v: float) -> float:
    """How far a point is outside the figure (a head and shoulders), below 0 inside."""
    head = math.sqrt((u - 0.5) * (u - 0.5) + (v - 0.36) * (v - 0.36)) - 0.155
    across, down = (u - 0.5) / 0.30, (v - 0.94) / 0.36
    shoulders = math.sqrt(across * across + down * down) - 1.0
    return min(head, shoulders * 0.30)


def _coverage(distance: float, softness: float) -> float:
    """1 inside, 0 outside, soft between."""
    share = min(max(0.5 - distance / (2 * softness), 0.0), 1.0)
    return share * share * (3.0 - 2.0 * share)


def _eight_bits(value: float) -> int:
    """0 to 1 as a byte."""
    return int(min(max(value, 0.0), 1.0) * 255 + 0.5)


def _chunk(kind: bytes, body: bytes) -> bytes:
    """A part of a PNG file."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def main() -> List[Path]:
    """Write the icons beside this file."""
    written = []
    for name, size in SIZES.items():
        path = Path(__file__).resolve().parent / name
        path.write_bytes(drawn(size))
        written.append(path)
    return written


if __name__ == "__main__":
    main()
