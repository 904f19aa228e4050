"""Scene-linear light <-> the display-referred range that networks and solvers want.

The transfer is one fixed curve: the sRGB encoding (IEC 61966-2-1) up to a knee just below white, then a
roll-off that brings every brightness above it into what is left below 1. It is never scaled by the
image, so one highlight cannot move a matte. Formulas are written without branches, so that the same
lines serve numpy arrays and torch tensors on any device.

Colour spaces go by name. Five are known here (`COLOUR_SPACES`); any other name is looked up in the
OpenColorIO configuration of $OCIO, or in the one that OpenImageIO brings along.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from semantic_matte.errors import UnknownNameError, UsageError, ValueShapeError
from semantic_matte.types import FloatArray

SCENE_LINEAR = "scene_linear_rec709"
SRGB = "srgb"
REC709 = "rec709"
ACESCG = "acescg"
ACES2065_1 = "aces2065_1"
COLOUR_SPACES = (SCENE_LINEAR, SRGB, REC709, ACESCG, ACES2065_1)

# Other names in use for the same spaces, by letters and digits alone: the names of OpenImageIO, of
# the Color Interop Forum, of ACES configurations, and of Nuke's and Blender's default ones.
_ALIASES = {
    SCENE_LINEAR: "scenelinearrec709 linear linrec709 linrec709scene linsrgb linearsrgb linearrec709 "
    "linearrec709srgb scenelinearrec709srgb utilitylinearrec709 utilitylinearsrgb",
    SRGB: "srgb srgbrec709scene srgbrec709display srgbtexture srgbtx srgbencodedrec709srgb "
    "srgbdisplay utilitysrgbtexture",
    REC709: "rec709 bt709 itu709 rec1886 bt1886 g24rec709scene g24rec709display rec1886rec709 "
    "rec1886rec709display gamma24encodedrec709 gamma24rec709texture",
    ACESCG: "acescg linap1 linap1scene acesacescg",
    ACES2065_1: "aces20651 linap0 linap0scene acesaces20651 ap0",
}
_NAMES = {alias: name for name, aliases in _ALIASES.items() for alias in aliases.split()}

# Primaries of AP1 and AP0 (SMPTE ST 2065-1) to Rec.709's, white D60 brought to D65 by Bradford.
_TO_REC709 = {
    ACESCG: (
        (1.7050509927, -0.6217921207, -0.0832588720),
        (-0.1302564175, 1.1408047366, -0.0105483191),
        (-0.0240033568, -0.1289689761, 1.1529723329),
    ),
    ACES2065_1: (
        (2.5216861867, -1.1341309882, -0.3875551985),
        (-0.2764799142, 1.3727190877, -0.0962391734),
        (-0.0153780650, -0.1529753359, 1.1683534008),
    ),
}

# Rows converted at a time, so that the work needs little memory beside the picture itself.
_ROWS = 64

# Encoded values above the knee are rolled off: SDR white lands at 0.975, ten times white at 0.999.
KNEE = 0.95

_LINEAR_END = 0.0031308
_LINEAR_SLOPE = 12.92

Pixels = TypeVar("Pixels", bound=Any)


def encode_srgb(linear: Pixels) -> Pixels:
    """sRGB encoding, extended above 1 and linear below 0.

    linear: any shape, floating point, numpy or torch, scene-linear. Returns the same shape and type.
    """
    lower = _LINEAR_SLOPE * linear.clip(None, _LINEAR_END)
    upper = 1.055 * linear.clip(_LINEAR_END, None) ** (1 / 2.4)
    encoded: Pixels = lower + upper - (0.055 + _LINEAR_SLOPE * _LINEAR_END)
    return encoded


def decode_srgb(encoded: FloatArray) -> FloatArray:
    """sRGB-encoded values in [0, 1] -> scene-linear, any shape, float32."""
    encoded = encoded.astype(np.float32, copy=False)
    bright = ((np.maximum(encoded, 0.04045) + 0.055) / 1.055) ** 2.4
    return np.where(encoded <= 0.04045, encoded / _LINEAR_SLOPE, bright).astype(np.float32)


def to_display(linear: Pixels) -> Pixels:
    """Scene-linear Rec.709 -> what a network sees: display-referred, in [0, 1).

    linear: any shape, floating point, numpy or torch. Negative values give 0; values above white are
    rolled off, in order and without end. Returns the same shape and type.
    """
    encoded = encode_srgb(linear.clip(0, None))
    excess = (encoded - KNEE).clip(0, None) / (1 - KNEE)
    display: Pixels = encoded.clip(0, KNEE) + (1 - KNEE) * (excess / (1 + excess))
    return display


def known_colour_space(name: str) -> str | None:
    """The name in `COLOUR_SPACES` that this name or alias stands for, or None.

    Case, spaces and punctuation make no difference: "Linear Rec.709 (sRGB)" is scene_linear_rec709.
    """
    return _NAMES.get(re.sub(r"[^a-z0-9]", "", name.lower()))


def to_scene_linear(pixels: npt.NDArray[Any], colour_space: str) -> FloatArray:
    """Pixels of a named colour space -> scene-linear Rec.709.

    pixels: (H, W, 3) RGB; uint8 and uint16 stand for 0..1, float16/32/64 for themselves, without
    limit. colour_space: one of `COLOUR_SPACES`, an alias, or any name of the OpenColorIO
    configuration in use. `rec709` is what a BT.1886 display of gamma 2.4 shows, not the camera's
    curve: delivered video is graded on such a display.
    Returns a new (H, W, 3) float32. Raises UnknownNameError, ValueShapeError.
    """
    if pixels.ndim != 3 or pixels.shape[2] != 3:
        raise ValueShapeError(f"Pixels: expected shape (any, any, 3), got {pixels.shape}.")
    convert = _conversion(colour_space)
    result = np.empty(pixels.shape, dtype=np.float32)
    if pixels.dtype in (np.uint8, np.uint16) and known_colour_space(colour_space) in (SRGB, REC709):
        _convert_by_table(pixels, convert, result)
        return result
    for top in range(0, pixels.shape[0], _ROWS):
        rows = pixels[top : top + _ROWS]
        result[top : top + _ROWS] = convert(_as_float(rows))
    return result


def _as_float(pixels: npt.NDArray[Any]) -> FloatArray:
    """float32 of any allowed type; integers become 0..1."""
    if pixels.dtype in (np.uint8, np.uint16):
        shares: FloatArray = pixels.astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max)
        return shares
    if pixels.dtype in (np.float16, np.float32, np.float64):
        with np.errstate(over="ignore"):
            return pixels.astype(np.float32)
    raise ValueShapeError(f"Pixels: expected uint8, uint16, float16, float32 or float64, got {pixels.dtype}.")


def _convert_by_table(
    pixels: npt.NDArray[Any], convert: Callable[[FloatArray], FloatArray], result: FloatArray
) -> None:
    """Look each integer level up: a curve is computed 256 or 65536 times, not once a pixel."""
    levels = np.arange(np.iinfo(pixels.dtype).max + 1, dtype=pixels.dtype)
    table = convert(_as_float(levels))
    for top in range(0, pixels.shape[0], _ROWS):
        np.take(table, pixels[top : top + _ROWS], out=result[top : top + _ROWS], mode="clip")


def _conversion(colour_space: str) -> Callable[[FloatArray], FloatArray]:
    name = known_colour_space(colour_space)
    if name == SCENE_LINEAR:
        return lambda pixels: pixels
    if name == SRGB:
        return decode_srgb
    if name == REC709:
        return _decode_bt1886
    if name is not None:
        matrix = np.array(_TO_REC709[name], dtype=np.float32).T
        return lambda pixels: np.asarray(pixels @ matrix, dtype=np.float32)
    return _configured_conversion(colour_space)


def _decode_bt1886(encoded: FloatArray) -> FloatArray:
    """Recommendation ITU-R BT.1886 with black at 0; mirrored below 0."""
    return np.asarray(np.sign(encoded) * np.abs(encoded) ** np.float32(2.4), dtype=np.float32)


def _configured_conversion(colour_space: str) -> Callable[[FloatArray], FloatArray]:
    """A conversion by the OpenColorIO configuration in use. Raises UnknownNameError, UsageError."""
    import OpenImageIO

    configuration = OpenImageIO.ColorConfig()
    complaint = str(configuration.geterror()).strip()
    if complaint:
        raise UsageError(
            f"The colour configuration {os.environ.get('OCIO', '')} can't be read "
            f"({complaint.splitlines()[0]}): correct the OCIO environment variable or unset it."
        )
    if configuration.getColorSpaceIndex(colour_space) < 0:
        names = [*COLOUR_SPACES, *configuration.getColorSpaceNames()]
        raise UnknownNameError("colour space", colour_space, names)
    target, rest = _target_of(configuration)

    def convert(pixels: FloatArray) -> FloatArray:
        """(H, W, 3) of `colour_space` -> scene-linear Rec.709. Raises UsageError if OpenColorIO can't."""
        source = OpenImageIO.ImageBuf(np.ascontiguousarray(pixels))
        converted = OpenImageIO.ImageBufAlgo.colorconvert(source, colour_space, target, False)
        if converted.has_error:
            raise UsageError(
                f"Colour space '{colour_space}' can't be converted to {target}: "
                f"{converted.geterror().strip()}. Give another colour space."
            )
        return rest(np.asarray(converted.get_pixels(OpenImageIO.FLOAT), dtype=np.float32))

    return convert


def _target_of(configuration: Any) -> tuple[str, Callable[[FloatArray], FloatArray]]:
    """The configuration's name for a space that is known here, and what leads from it to ours."""
    for name in configuration.getColorSpaceNames():
        if known_colour_space(name) == SCENE_LINEAR:
            return str(name), _conversion(SCENE_LINEAR)
    for space, role in ((ACES2065_1, "aces_interchange"), (ACESCG, "ACEScg")):
        if configuration.getColorSpaceIndex(role) >= 0:
            return role, _conversion(space)
    raise UsageError(
        f"The colour configuration {os.environ.get('OCIO', '')} has neither a linear Rec.709 space "
        "nor the role aces_interchange: give one of these colour spaces instead: "
        f"{', '.join(COLOUR_SPACES)}."
    )
