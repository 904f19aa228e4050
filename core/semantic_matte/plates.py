"""Plates, trimaps and masks from files and arrays.

A plate leaves here scene-linear Rec.709, finite, float32, with its windows and with a sentence for
everything that was changed or ignored; where asked, with its light in its own linear space beside it.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from semantic_matte.colour import SCENE_LINEAR, SRGB, convert, linear_space_of, space_name
from semantic_matte.colour_configuration import PREFIX, rival, space_by_rule
from semantic_matte.colour_tags import space_said
from semantic_matte.errors import HintError, PlateError, TrimapError
from semantic_matte.picture_files import Picture, read_picture
from semantic_matte.types import BoolArray, ByteArray, FloatArray, Plate, Trimap

# The largest finite half: what +Inf becomes, so that it stays bright and can be written.
LARGEST_HALF = 65504.0

# Rows looked at at a time when non-finite pixels are counted.
_ROWS = 256


def read_plate(path: str | os.PathLike[str], colour_space: str | None = None, keep_own: bool = False) -> Plate:
    """Read a plate: JPEG, PNG, TIFF, DPX, EXR; 8 or 16 bit, half, float; grey, RGB, with or without
    alpha and further channels.

    colour_space: what the numbers in the file mean (see `colour.to_scene_linear`). None: what the file
    says, else what a rule of $OCIO's configuration says of its name, else sRGB for integers and scene-linear
    Rec.709 for floating point. keep_own: see `as_plate`.
    Returns a Plate of (H, W, 3) float32, scene-linear Rec.709. `shot.1001.exr` gives name "shot" and
    frame 1001; any other file gives its name without the ending. Raises PlateError,
    UnknownNameError (colour space), UsageError ($OCIO).
    """
    picture = read_picture(path, "plate", PlateError)
    notices = list(picture.notices)
    space = _chosen_space(picture, path, colour_space, notices)
    if picture.alpha is not None:
        notices += _alpha_notice(picture.alpha)
    if picture.orientation != 1:
        notices.append(
            f"The file asks to be shown turned (EXIF orientation {picture.orientation}); "
            "its pixels are used as stored."
        )
    name, frame = _name_and_frame(Path(path))
    light = _light(picture.pixels, space, keep_own, notices)
    return Plate(
        pixels=light.pixels,
        name=name,
        colour_space=SCENE_LINEAR,
        data_window=picture.data_window,
        display_window=picture.display_window,
        pixel_aspect=picture.pixel_aspect,
        frame=frame,
        view=picture.view,
        timecode=picture.timecode,
        own_pixels=light.own_pixels,
        own_space=light.own_space,
        read_as=space,
        notices=tuple(notices),
    )


def as_plate(
    source: str | os.PathLike[str] | Plate | npt.NDArray[Any],
    colour_space: str | None = None,
    name: str = "plate",
    keep_own: bool = False,
) -> Plate:
    """A Plate from a path, a Plate (returned as it is) or an array.

    An array is (H, W, 3), or (H, W), (H, W, 1), (H, W, 4) with a notice. uint8 and uint16 are sRGB,
    float16, float32 and float64 are scene-linear Rec.709, unless `colour_space` says else.
    keep_own: also keep the light in the plate's own linear space (`colour.linear_space_of`), where that is
    another than scene-linear Rec.709: `Plate.own_pixels`. A linear plate's own numbers stay untouched there,
    but for NaN and infinity.
    Raises PlateError, UnknownNameError (colour space), UsageError ($OCIO).
    """
    if isinstance(source, Plate):
        return source
    if isinstance(source, (str, os.PathLike)):
        return read_plate(source, colour_space, keep_own)
    if not isinstance(source, np.ndarray):
        raise PlateError(f"Plate: expected a path, a Plate or a numpy array, got {type(source).__name__}.")
    notices: list[str] = []
    pixels = _three_channels(source, notices)
    if colour_space is None:
        colour_space = SRGB if source.dtype.kind == "u" else SCENE_LINEAR
    else:
        _tell_of_rival(colour_space, notices)
    if pixels.dtype.kind == "f":
        # A copy: what isn't finite is replaced in place, and the array is the caller's.
        with np.errstate(over="ignore"):
            pixels = pixels.astype(np.float32)
    light = _light(pixels, space_name(colour_space), keep_own, notices)
    return Plate(
        light.pixels,
        name=name,
        own_pixels=light.own_pixels,
        own_space=light.own_space,
        notices=tuple(notices),
    )


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


def _chosen_space(picture: Picture, path: str | os.PathLike[str], given: str | None, notices: list[str]) -> str:
    """The one name of the space that the numbers are in: by the user's word, the file's, a rule, their type.

    Raises UnknownNameError for what the user gave, UsageError.
    """
    if given is not None:
        _tell_of_rival(given, notices)
        return space_name(given)
    by_type = SRGB if picture.pixels.dtype.kind == "u" else SCENE_LINEAR
    ruled = space_by_rule(path)
    said = space_said(picture.colour, ruled or by_type, notices)
    if said is not None:
        return said
    if ruled is None:
        return by_type
    notices.append(f"By a rule of the colour configuration in OCIO the file was read as {ruled}.")
    return space_name(f"{PREFIX}{ruled}")


def _tell_of_rival(given: str, notices: list[str]) -> None:
    """A notice where the configuration in $OCIO means another space by this name."""
    other = rival(given)
    if other is not None:
        notices.append(
            f"Colour space '{given}' is {space_name(given)}; the colour configuration in OCIO has another one "
            f"of this name: give '{PREFIX}{other}' for that."
        )


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


@dataclass(frozen=True, eq=False)
class _Light:
    """pixels: (H, W, 3) float32 scene-linear Rec.709, finite. own_pixels, own_space: as of `Plate`."""

    pixels: FloatArray
    own_pixels: FloatArray | None = None
    own_space: str = ""


def _light(pixels: npt.NDArray[Any], space: str, keep_own: bool, notices: list[str]) -> _Light:
    """Finite light of numbers in a colour space; what was changed is added to `notices`.

    pixels: uint8, uint16, or float32, which may be written to and kept.
    """
    if pixels.dtype.kind == "f":
        _replace_non_finite(pixels, notices)
    if pixels.shape[2] == 1:
        pixels = np.broadcast_to(pixels, (*pixels.shape[:2], 3))
    linear = np.ascontiguousarray(convert(pixels, space, SCENE_LINEAR))
    if pixels.dtype.kind == "f":
        negative = _count(pixels < 0)
        if negative:
            notices.append(f"{_pixels(negative, 'is', 'are')} negative and kept so.")
        if linear is not pixels:
            _tell_of_overflow(linear, space, notices)
    own_space = linear_space_of(space) if keep_own else SCENE_LINEAR
    if own_space == SCENE_LINEAR:
        return _Light(linear)
    # A linear plate's numbers are not touched; a decoded one's take the way that its pixels took.
    light, its_space = (pixels, space) if space == own_space else (linear, SCENE_LINEAR)
    return _Light(linear, np.ascontiguousarray(convert(light, its_space, own_space)), own_space)


def _tell_of_overflow(light: FloatArray, space: str, notices: list[str]) -> None:
    """A log or power curve can carry finite numbers out of float32's range: such pixels are replaced in place.

    A matrix makes infinity of any sign, and NaN, of one infinite channel: so the whole pixel is bright.
    """
    count = 0
    for top in range(0, light.shape[0], _ROWS):
        rows = light[top : top + _ROWS]
        if np.isfinite(rows).all():
            continue
        beyond = ~np.isfinite(rows).all(axis=2)
        count += int(np.count_nonzero(beyond))
        rows[beyond] = LARGEST_HALF
    if count:
        told = f"{_pixels(count)} infinite and {_count_as(count)} {LARGEST_HALF:.0f}."
        notices.append(f"After conversion from {space}: {told}")


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


def name_and_number(path: Path) -> tuple[str, str]:
    """A file's name and, with its dot and its zeros, its frame number: "shot.0101.exr" -> "shot", ".0101"."""
    numbered = re.fullmatch(r"(.+)(\.-?\d+)", path.stem)
    return (numbered[1], numbered[2]) if numbered else (path.stem, "")


def _name_and_frame(path: Path) -> tuple[str, int | None]:
    name, number = name_and_number(path)
    return name, int(number[1:]) if number else None
