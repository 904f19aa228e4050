"""Films made on the spot, whose pictures tell their own number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

HEIGHT, WIDTH = 48, 64
# A number is written in squares of this side, black or white, along the top: eight binary digits.
SQUARE = 8

Picture = npt.NDArray[np.uint8]


def numbered_picture(number: int) -> Picture:
    """(48, 64, 3) uint8: the number in squares, over a gradient that moves with it."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    picture = np.stack([(columns * 3 + number * 5) % 256, rows * 5, (rows + columns + number) * 2 % 256], -1)
    for digit in range(8):
        picture[:SQUARE, digit * SQUARE : (digit + 1) * SQUARE] = 235 if number >> digit & 1 else 20
    return picture.astype(np.uint8)


def number_in(pixels: npt.NDArray[np.float32]) -> int:
    """The number that a picture (48, 64, 3) shows, of any scale from dark to bright."""
    middles = pixels[2 : SQUARE - 2, :, 1].reshape(SQUARE - 4, 8, SQUARE)[:, :, 2:-2].mean(axis=(0, 2))
    return sum(1 << digit for digit in range(8) if middles[digit] > 0.25)


class Films:
    """Writes films into a folder, and reads them the plainest way."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    numbered_picture = staticmethod(numbered_picture)
    number_in = staticmethod(number_in)

    def write(
        self,
        name: str,
        codec: str,
        pixel_format: str,
        pictures: Sequence[Any],
        *,
        times: Sequence[int] | None = None,
        options: dict[str, str] | None = None,
        prepare: Callable[[Any, Any], None] | None = None,
        rate: Fraction = Fraction(24),
        container_options: dict[str, str] | None = None,
    ) -> Path:
        """Encode pictures, (H, W, 3) uint8 or `av.VideoFrame`.

        times: of each, in frames. prepare: called with the open container and its stream before the first
        picture. Skips the test where PyAV was built without the codec.
        """
        av = pytest.importorskip("av")
        try:
            av.codec.Codec(codec, "w")
        except av.codec.codec.UnknownCodecError:
            pytest.skip(f"this PyAV has no encoder {codec}")
        path = self.folder / name
        with av.open(str(path), "w", container_options=container_options or {}) as container:
            stream = container.add_stream(codec, rate=rate, options=options or {})
            first = pictures[0]
            height, width = (first.height, first.width) if hasattr(first, "planes") else first.shape[:2]
            stream.height, stream.width, stream.pix_fmt = height, width, pixel_format
            if prepare:
                prepare(container, stream)
            for index, picture in enumerate(pictures):
                frame = picture
                if not hasattr(picture, "planes"):
                    frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=pixel_format)
                frame.pts = index if times is None else times[index]
                frame.time_base = 1 / rate
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        return path

    def numbered(self, name: str, codec: str, pixel_format: str, count: int, **given: Any) -> Path:
        """A film whose pictures show their numbers, from 1."""
        pictures = [numbered_picture(number) for number in range(1, count + 1)]
        return self.write(name, codec, pixel_format, pictures, **given)

    def in_order(self, path: Path) -> list[Any]:
        """All frames of a film, by the plainest use of PyAV."""
        av = pytest.importorskip("av")
        with av.open(str(path)) as container:
            container.streams.video[0].thread_type = "NONE"
            return list(container.decode(video=0))


@pytest.fixture
def films(tmp_path: Path) -> Films:
    return Films(tmp_path)
