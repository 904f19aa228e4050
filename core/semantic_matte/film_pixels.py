"""A decoded film frame's numbers as RGB: ITU-R BT.601, BT.709 and BT.2020, ITU-T H.273.

Everything is computed here from the decoder's planes, so that the same film gives the same pixels with every
build of FFmpeg. FFmpeg's scaler only unpacks interleaved planes, which loses nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from semantic_matte.errors import PlateError
from semantic_matte.types import FloatArray

# Shares of red and blue in luma, by H.273's matrix coefficients.
_LUMA_SHARES = {
    1: (0.2126, 0.0722),
    4: (0.30, 0.11),
    5: (0.299, 0.114),
    6: (0.299, 0.114),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
}
_BT709, _BT601 = 1, 6
_UNKNOWN_MATRIX = (2, 3)
_FULL_RANGE = 2
ALPHA_IGNORED = "The film's alpha channel is ignored."
# From this height on, what has no tag is taken for high definition.
_HIGH_DEFINITION = 720


@dataclass(frozen=True, eq=False)
class FilmPixels:
    """rgb: (H, W, 3) uint16, display-referred as the film is encoded, 65535 for 1; what lies outside of 0..1 is
    clipped. notices: what was assumed or left out."""

    rgb: npt.NDArray[np.uint16]
    notices: tuple[str, ...] = ()


def film_pixels(frame: Any, codec: str) -> FilmPixels:
    """The picture of an `av.VideoFrame`. codec: its name, "mjpeg", "h264".

    8 to 16 bits; grey, RGB and YUV of any subsampling, packed or planar; full or limited range, which is what
    its tag says, else full for RGB, JPEG and Motion JPEG. Raises PlateError for what is none of these.
    """
    planar = _planar(frame)
    planes = _Planes(planar)
    notices = planes.alpha_notices()
    if len(planar.format.components) < len(frame.format.components):
        notices.append(ALPHA_IGNORED)
    if planar.format.is_rgb:
        # Components are in this order, wherever their planes are.
        red, green, blue = (planes.whole(index) / np.float32(planes.largest) for index in range(3))
        return FilmPixels(_stacked(red, green, blue), tuple(notices))
    full = int(frame.color_range) == _FULL_RANGE or frame.format.name.startswith("yuvj") or codec == "mjpeg"
    black, white = (0.0, planes.largest) if full else (16.0 * planes.unit, 235.0 * planes.unit)
    luma = (planes.whole(0) - black) / np.float32(white - black)
    if not planes.has_chroma:
        return FilmPixels(_stacked(luma, luma, luma), tuple(notices))
    shares = _luma_shares(int(frame.colorspace), frame.height, notices)
    # JPEG's chroma lies between its luma, that of the others above the left one.
    reach = planes.largest if full else 224.0 * planes.unit
    blue_difference, red_difference = (
        (planes.stretched(index, beside=codec != "mjpeg") - 128.0 * planes.unit) / np.float32(reach)
        for index in (1, 2)
    )
    return FilmPixels(_from_differences(luma, blue_difference, red_difference, shares), tuple(notices))


def _luma_shares(matrix: int, height: int, notices: list[str]) -> tuple[float, float]:
    """The shares of red and blue in luma. Raises PlateError for a matrix that isn't one."""
    if matrix in _UNKNOWN_MATRIX:
        matrix = _BT709 if height >= _HIGH_DEFINITION else _BT601
        named = "BT.709" if matrix == _BT709 else "BT.601"
        notices.append(
            f"The film does not say by which matrix its colours are encoded; for its height of {height} lines "
            f"{named} was taken."
        )
    if matrix not in _LUMA_SHARES:
        raise PlateError(
            f"its colours are encoded by matrix {matrix} of H.273, which is not read: convert it to BT.709, or "
            "to a sequence of pictures"
        )
    return _LUMA_SHARES[matrix]


def _from_differences(
    luma: FloatArray, blue_difference: FloatArray, red_difference: FloatArray, shares: tuple[float, float]
) -> npt.NDArray[np.uint16]:
    """(H, W, 3) of luma in 0..1 and colour differences in -0.5..0.5, all (H, W) float32."""
    of_red, of_blue = shares
    red = luma + np.float32(2 * (1 - of_red)) * red_difference
    blue = luma + np.float32(2 * (1 - of_blue)) * blue_difference
    green = (luma - np.float32(of_red) * red - np.float32(of_blue) * blue) / np.float32(1 - of_red - of_blue)
    return _stacked(red, np.asarray(green, dtype=np.float32), blue)


def _stacked(red: FloatArray, green: FloatArray, blue: FloatArray) -> npt.NDArray[np.uint16]:
    """Channels (H, W) float32 in 0..1 as (H, W, 3) uint16, clipped and rounded."""
    rgb = np.empty((*red.shape, 3), np.uint16)
    for index, channel in enumerate((red, green, blue)):
        rgb[..., index] = np.rint(channel.clip(0, 1) * np.float32(65535))
    return rgb


class _Planes:
    """The planes of a planar frame as numbers."""

    def __init__(self, frame: Any) -> None:
        """frame: with one component a plane. Raises PlateError for components of unlike depths, or floats."""
        self._frame = frame
        components = frame.format.components
        depths = {component.bits for component in components}
        if len(depths) != 1 or not 8 <= max(depths) <= 16:
            raise _unreadable(frame)
        bits = depths.pop()
        self.largest = float((1 << bits) - 1)
        # What one step of 8 bits is here.
        self.unit = float(1 << (bits - 8))
        order = ">" if frame.format.is_big_endian else "<"
        self._kind = np.dtype(np.uint8 if bits == 8 else f"{order}u2")
        # PyAV calls chroma so only where it has fewer samples.
        self.has_chroma = len(components) >= 3

    def whole(self, index: int) -> FloatArray:
        """A plane of the frame's own size, (H, W) float32, as stored."""
        return np.asarray(self._stored(index), dtype=np.float32)

    def stretched(self, index: int, beside: bool) -> FloatArray:
        """A plane of chroma at the frame's size, (H, W) float32, linearly between its samples.

        beside: samples lie at the left one of the pixels that they stand for, else in their middle; from top to
        bottom always in their middle.
        """
        tall = _stretch(self.whole(index), self._frame.height, 0, beside=False)
        return _stretch(tall, self._frame.width, 1, beside)

    def alpha_notices(self) -> list[str]:
        """A sentence if there is an alpha that is not 1 everywhere."""
        for index, component in enumerate(self._frame.format.components):
            if component.is_alpha and (self._stored(index) < self.largest).any():
                return [ALPHA_IGNORED]
        return []

    def _stored(self, index: int) -> npt.NDArray[Any]:
        """(h, w) of a component, a view of the decoder's memory."""
        plane = self._frame.planes[self._frame.format.components[index].plane]
        if plane.line_size <= 0:
            raise _unreadable(self._frame)
        row = plane.line_size // self._kind.itemsize
        rows = np.frombuffer(plane, self._kind)[: row * plane.height].reshape(plane.height, row)
        return rows[:, : plane.width]


def _stretch(plane: FloatArray, size: int, axis: int, beside: bool) -> FloatArray:
    """A plane (h, w) with one of its axes stretched linearly by the least power of two that reaches `size`."""
    there = plane.shape[axis]
    if there == size:
        return plane
    factor = 1
    while there * factor < size:
        factor *= 2
    positions = np.arange(size, dtype=np.float64)
    positions = positions / factor if beside else (positions + 0.5) / factor - 0.5
    positions = positions.clip(0, there - 1)
    first = positions.astype(np.intp)
    weight = (positions - first).astype(np.float32)
    weight = weight[:, None] if axis == 0 else weight[None, :]
    near = plane.take(first, axis)
    far = plane.take(np.minimum(first + 1, there - 1), axis)
    return np.asarray(near + (far - near) * weight, dtype=np.float32)


def _planar(frame: Any) -> Any:
    """The frame with each component in a plane of its own. Raises PlateError."""
    layout = frame.format
    components = layout.components
    if layout.name.startswith(("bayer", "xyz")):
        raise _unreadable(frame)
    if layout.has_palette:
        wanted = "gbrp"
    elif len({component.plane for component in components}) == len(components) and layout.is_planar:
        return frame
    elif len(components) == 1:
        # A single component is planar in all but FFmpeg's name for it.
        return frame
    else:
        wanted = _planar_name(frame)
    if not wanted:
        raise _unreadable(frame)
    span = int(frame.color_range)
    try:
        return frame.reformat(format=wanted, src_color_range=span, dst_color_range=span)
    except (ValueError, OSError):
        raise _unreadable(frame) from None


def _planar_name(frame: Any) -> str:
    """FFmpeg's name for the planar format that holds a packed one's numbers unchanged; "" if there is none."""
    components = frame.format.components
    bits = max(component.bits for component in components)
    if bits > 8 and bits not in (9, 10, 12, 14, 16):
        return ""
    depth = "" if bits == 8 else f"{bits}le"
    alpha = any(component.is_alpha for component in components)
    if frame.format.is_rgb:
        return f"gbrap{depth}" if alpha else f"gbrp{depth}"
    if len(components) < 3:
        # Grey with alpha.
        return f"gray{depth}"
    chroma = components[1]
    ratio = (frame.width // max(chroma.width, 1), frame.height // max(chroma.height, 1))
    sampling = {(1, 1): "444", (2, 1): "422", (2, 2): "420", (4, 1): "411"}.get(ratio, "")
    return f"yuv{'a' if alpha else ''}{sampling}p{depth}" if sampling else ""


def _unreadable(frame: Any) -> PlateError:
    """A pixel format that is none of those that are read."""
    return PlateError(
        f"its pixels are stored as '{frame.format.name}', which is not read: convert it to a sequence of "
        "pictures"
    )
