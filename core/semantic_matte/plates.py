"""Plates, trimaps and masks from files and arrays.

A plate leaves here scene-linear Rec.709, finite, float32, with its windows and with a sentence for
everything that was changed or ignored.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from semantic_matte.colour import SCENE_LINEAR, SRGB, known_colour_space, to_scene_linear
from semantic_matte.errors import HintError, PlateError, TrimapError
from semantic_matte.picture_files import Picture, read_picture
from semantic_matte.types import BoolArray, ByteArray, FloatArray, Plate, Trimap

# The largest finite half: what +Inf becomes, so that it stays bright and can be written.
LARGEST_HALF = 65504.0

# Rows looked at at a time when non-finite pixels are counted.
_ROWS = 256


def read_plate(path: str | os.PathLike[str], colour_space: str | None = None) -> Plate:
    """Read a plate: JPEG, PNG, TIFF, DPX, EXR; 8 or 16 bit, half, float; grey, RGB, with or without
    alpha and further channels.

    colour_space: what the numbers in the file mean (see `colour.to_scene_linear`). None: what the file
    says, else sRGB for integers and scene-linear Rec.709 for floating point.
    Returns a Plate of (H, W, 3) float32, scene-linear Rec.709. `shot.1001.exr` gives name "shot" and
    frame 1001; any other file gives its name without the ending. Raises PlateError,
    UnknownNameError (colour space).
    """
    picture = read_picture(path, "plate", PlateError)
    notices = list(picture.notices)
    if colour_space is None:
        colour_space = _colour_space_of(picture, notices)
    if picture.alpha is not None:
        notices += _alpha_notice(picture.alpha)
    if picture.orientation != 1:
        notices.append(
            f"The file asks to be shown turned (EXIF orientation {picture.orientation}); "
            "its pixels are used as stored."
        )
    name, frame = _name_and_frame(Path(path))
    return Plate(
        pixels=_scene_linear(picture.pixels, colour_space, notices),
        name=name,
        colour_space=SCENE_LINEAR,
        data_window=picture.data_window,
        display_window=picture.display_window,
        pixel_aspect=picture.pixel_aspect,
        frame=frame,
        view=picture.view,
        notices=tuple(notices),
    )


def as_plate(
    source: str | os.PathLike[str] | Plate | npt.NDArray[Any],
    colour_space: str | None = None,
    name: str = "plate",
) -> Plate:
    """A Plate from a path, a Plate (returned as it is) or an array.

    An array is (H, W, 3), or (H, W), (H, W, 1), (H, W, 4) with a notice. uint8 and uint16 are sRGB,
    float16, float32 and float64 are scene-linear Rec.709, unless `colour_space` says else.
    Raises PlateError, UnknownNameError (colour space).
    """
    if isinstance(source, Plate):
        return source
    if isinstance(source, (str, os.PathLike)):
        return read_plate(source, colour_space)
    if not isinstance(source, np.ndarray):
        raise PlateError(f"Plate: expected a path, a Plate or a numpy array, got {type(source).__name__}.")
    notices: list[str] = []
    pixels = _three_channels(source, notices)
    if colour_space is None:
        colour_space = SRGB if source.dtype.kind == "u" else SCENE_LINEAR
    if pixels.dtype.kind == "f":
        # A copy: what isn't finite is replaced in place, and the array is the caller's.
        with np.errstate(over="ignore"):
            pixels = pixels.astype(np.float32)
    return Plate(_scene_linear(pixels, colour_space, notices), name=name, notices=tuple(notices))


def read_trimap(path: str | os.PathLike[str]) -> Trimap:
    """Read a trimap of a whole frame: black is background, white is foreground, anything else unknown.

    Values are taken as stored, at 8 bits. A colour picture must be grey. Raises TrimapError.
    """
    picture = read_picture(path, "trimap", TrimapError)
    return Trimap.from_levels(_levels(picture.pixels, path))


def as_trimap(source: str | os.PathLike[str] | Trimap | ByteArray, plate_size: tuple[int, int]) -> Trimap:
    """A Trimap from a path, a Trimap, or (H, W) uint8: 0 background, 255 foreground, else unknown.

    plate_size: (H, W) that it has to have. Raises TrimapError.
    """
    if isinstance(source, Trimap):
        trimap = source
    elif isinstance(source, (str, os.PathLike)):
        trimap = read_trimap(source)
    elif isinstance(source, np.ndarray) and source.dtype == np.uint8 and source.ndim == 2:
        trimap = Trimap.from_levels(source)
    else:
        came = (
            f"{source.dtype} of shape {source.shape}"
            if isinstance(source, np.ndarray)
            else type(source).__name__
        )
        raise TrimapError(f"Trimap: expected a path, a Trimap or uint8 of (H, W), got {came}.")
    if trimap.frame_size != tuple(plate_size):
        height, width = trimap.frame_size
        raise TrimapError(
            f"The trimap is {width}x{height} but the plate is {plate_size[1]}x{plate_size[0]}: "
            "give one of the plate's size."
        )
    return trimap


def read_mask(path: str | os.PathLike[str]) -> BoolArray:
    """Read a mask (H, W) bool: true where the stored value, or the mean of R, G, B, is above 50 %.

    Raises HintError.
    """
    picture = read_picture(path, "mask", HintError)
    values = picture.pixels.mean(axis=2, dtype=np.float32)
    return np.asarray(values > 0.5 * _white(picture.pixels), dtype=np.bool_)


def _white(pixels: npt.NDArray[Any]) -> float:
    return float(np.iinfo(pixels.dtype).max) if pixels.dtype.kind == "u" else 1.0


def _levels(pixels: npt.NDArray[Any], path: str | os.PathLike[str]) -> ByteArray:
    """(H, W) uint8 from a grey picture of any type; what isn't a number counts as unknown."""
    first = pixels[..., :1]
    if not np.array_equal(pixels, np.broadcast_to(first, pixels.shape), equal_nan=True):
        raise TrimapError(
            f"The trimap '{path}' is in colour: expected grey, with black for background, white for "
            "foreground and anything between for unknown."
        )
    values = first[..., 0]
    if values.dtype == np.uint8:
        return np.ascontiguousarray(values)
    share = np.nan_to_num(values.astype(np.float32) / _white(values), nan=0.5)
    levels: ByteArray = np.rint(share.clip(0, 1) * 255).astype(np.uint8)
    return levels


def _colour_space_of(picture: Picture, notices: list[str]) -> str:
    by_type = SRGB if picture.pixels.dtype.kind == "u" else SCENE_LINEAR
    said = picture.colour_space
    if not said:
        return by_type
    known = known_colour_space(said)
    if known is None:
        notices.append(
            f"The file says its colour space is '{said}', which is not known; it was read as {by_type}."
        )
        return by_type
    return known


def _alpha_notice(alpha: npt.NDArray[Any]) -> list[str]:
    clear = int(np.count_nonzero(alpha < _white(alpha)))
    if not clear:
        return []
    return [f"The alpha channel is ignored; it is below 1 in {clear} pixel{'s' if clear > 1 else ''}."]


def _three_channels(array: npt.NDArray[Any], notices: list[str]) -> npt.NDArray[Any]:
    if array.dtype not in (np.uint8, np.uint16, np.float16, np.float32, np.float64):
        raise PlateError(
            f"Plate: expected uint8, uint16, float16, float32 or float64, got an array of {array.dtype}."
        )
    understood = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (1, 3, 4))
    if not understood or array.size == 0:
        raise PlateError(f"Plate: expected an array of shape (H, W, 3), got {array.shape}.")
    if array.ndim == 2:
        array = array[..., np.newaxis]
    if array.shape[2] == 1:
        notices.append("The plate has one channel; it is used as grey.")
    if array.shape[2] == 4:
        notices.append("The plate's fourth channel is ignored.")
        array = array[..., :3]
    return array


def _scene_linear(pixels: npt.NDArray[Any], colour_space: str, notices: list[str]) -> FloatArray:
    """(H, W, 3) float32 scene-linear Rec.709, finite; what was changed is added to `notices`.

    pixels: uint8, uint16, or float32, which may be written to.
    """
    if pixels.dtype.kind == "f":
        _replace_non_finite(pixels, notices)
    if pixels.shape[2] == 1:
        pixels = np.broadcast_to(pixels, (*pixels.shape[:2], 3))
    linear = to_scene_linear(pixels, colour_space)
    if pixels.dtype.kind == "f":
        # A log or power curve can carry a finite value out of float32's range.
        overflow: list[str] = []
        _replace_non_finite(linear, overflow)
        if overflow:
            notices.append(f"After conversion from {colour_space}: {' '.join(overflow)}")
        negative = _count(linear < 0)
        if negative:
            notices.append(f"{_pixels(negative, 'is', 'are')} negative and kept so.")
    return linear


def _replace_non_finite(pixels: FloatArray, notices: list[str]) -> None:
    """NaN and -Inf become 0, +Inf the largest half, in place, counted in pixels of any channel."""
    unknown = below = above = 0
    for top in range(0, pixels.shape[0], _ROWS):
        rows = pixels[top : top + _ROWS]
        if np.isfinite(rows).all():
            continue
        unknown += _count(np.isnan(rows))
        below += _count(np.isneginf(rows))
        above += _count(np.isposinf(rows))
        np.nan_to_num(rows, copy=False, nan=0.0, posinf=LARGEST_HALF, neginf=0.0)
    if unknown:
        notices.append(f"{_pixels(unknown)} NaN and {_count_as(unknown)} black.")
    if below:
        notices.append(f"{_pixels(below)} minus infinity and {_count_as(below)} black.")
    if above:
        notices.append(f"{_pixels(above)} infinite and {_count_as(above)} {LARGEST_HALF:.0f}.")


def _count(channels: BoolArray) -> int:
    """Pixels with any channel true, of (h, w, channels)."""
    return int(np.count_nonzero(channels.any(axis=2)))


def _pixels(count: int, one: str = "was", many: str = "were") -> str:
    return f"{count} pixel {one}" if count == 1 else f"{count} pixels {many}"


def _count_as(count: int) -> str:
    return "counts as" if count == 1 else "count as"


def _name_and_frame(path: Path) -> tuple[str, int | None]:
    numbered = re.fullmatch(r"(.+)\.(-?\d+)", path.stem)
    return (numbered[1], int(numbered[2])) if numbered else (path.stem, None)
