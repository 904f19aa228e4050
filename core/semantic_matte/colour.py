"""Scene-linear light <-> the display-referred range that networks and solvers want, and named colour spaces.

The transfer is one fixed curve: the sRGB encoding (IEC 61966-2-1) up to a knee just below white, then a
roll-off that brings every brightness above it into what is left below 1. It is never scaled by the
image, so one highlight cannot move a matte. Formulas are written without branches, so that the same
lines serve numpy arrays and torch tensors on any device.

Colour spaces go by name. Some are known by themselves (`COLOUR_SPACES`); any other name is looked up in the
OpenColorIO configuration of $OCIO, or in a built-in ACES one (`colour_configuration`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from semantic_matte import colour_configuration
from semantic_matte.colour_spaces import (
    ACES2065_1,
    ACESCG,
    COLOUR_SPACES,
    KNOWN_SPACES,
    REC709,
    SCENE_LINEAR,
    SRGB,
    Pixels,
    decode_srgb,
    decoder,
    encode_srgb,
    encoder,
    known_colour_space,
    matrix_to_rec709,
    turned,
)
from semantic_matte.errors import ValueShapeError
from semantic_matte.types import FloatArray

__all__ = [
    "ACES2065_1",
    "ACESCG",
    "COLOUR_SPACES",
    "KNEE",
    "REC709",
    "SCENE_LINEAR",
    "SRGB",
    "convert",
    "decode_srgb",
    "encode_srgb",
    "from_scene_linear",
    "header_attributes",
    "known_colour_space",
    "linear_space_of",
    "space_name",
    "to_display",
    "to_scene_linear",
]

# Rows converted at a time, so that the work needs little memory beside the picture itself. A configuration is
# loaded anew at each call, so it gets more of them.
_ROWS = 64
_CONFIGURED_ROWS = 1024

# Encoded values above the knee are rolled off: SDR white lands at 0.975, ten times white at 0.999.
KNEE = 0.95

# The light of a space's 1, 1, 1: 1 for what is encoded for a display, 13 to 470 for cameras' logs.
_BRIGHTEST_DISPLAY_WHITE = 2.0

_Convert = Callable[[FloatArray], FloatArray]


def to_display(linear: Pixels) -> Pixels:
    """Scene-linear Rec.709 -> what a network sees: display-referred, in [0, 1).

    linear: any shape, floating point, numpy or torch. Negative values give 0; values above white are
    rolled off, in order and without end. Returns the same shape and type.
    """
    encoded = encode_srgb(linear.clip(0, None))
    excess = (encoded - KNEE).clip(0, None) / (1 - KNEE)
    display: Pixels = encoded.clip(0, KNEE) + (1 - KNEE) * (excess / (1 + excess))
    return display


def space_name(colour_space: str) -> str:
    """The one name of a colour space: in `COLOUR_SPACES`, or the configuration's own name for it.

    A space of the configuration that is the same light as one known here has that one's name. "ocio:NAME"
    stays so where NAME alone would mean another space. Raises UnknownNameError, UsageError.
    """
    known = known_colour_space(colour_space)
    if known is not None and not colour_space.startswith(colour_configuration.PREFIX):
        return known
    configuration, found = colour_configuration.require_space(colour_space)
    known = _known_light(configuration.matrix(found)) or configuration.as_known(found)
    if known is None and known_colour_space(found) is not None:
        return f"{colour_configuration.PREFIX}{found}"
    return known or found


def linear_space_of(colour_space: str) -> str:
    """The linear space in which a plate of this space is worked on and handed back.

    A linear space is its own. What is encoded for a display, with its white at 1, and Cineon have scene-linear
    Rec.709; cameras' logs have the configuration's role scene_linear, which is ACEScg in ACES ones. Raises
    UnknownNameError, UsageError.
    """
    name = space_name(colour_space)
    if name in KNOWN_SPACES:
        return name if KNOWN_SPACES[name].curve is None else SCENE_LINEAR
    configuration, found = colour_configuration.require_space(name)
    if configuration.matrix(found) is not None:
        return name
    role = configuration.roles.get("scene_linear")
    if role is None or configuration.matrix(role) is None:
        return SCENE_LINEAR
    if configuration.white(found) < _BRIGHTEST_DISPLAY_WHITE:
        return SCENE_LINEAR
    return space_name(f"{colour_configuration.PREFIX}{role}")


def _known_light(matrix: npt.NDArray[np.float64] | None) -> str | None:
    """The known linear space that a configuration's matrix to Rec.709 is, or None."""
    if matrix is None:
        return None
    for name, space in KNOWN_SPACES.items():
        if space.curve is None and np.abs(matrix - matrix_to_rec709(space.chromaticities)).max() < 1e-4:
            return name
    return None


def to_scene_linear(pixels: npt.NDArray[Any], colour_space: str) -> FloatArray:
    """Pixels of a named colour space -> scene-linear Rec.709.

    pixels: (H, W, 3) RGB; uint8 and uint16 stand for 0..1, float16/32/64 for themselves, without
    limit. colour_space: one of `COLOUR_SPACES`, an alias, or any name, alias or role of the OpenColorIO
    configuration in use. `rec709` is what a BT.1886 display of gamma 2.4 shows, not the camera's
    curve: delivered video is graded on such a display.
    Returns a new (H, W, 3) float32; a log curve can make infinities of what it was not made for. Raises
    UnknownNameError, UsageError, ValueShapeError.
    """
    _require_pixels(pixels)
    name = space_name(colour_space)
    if pixels.dtype in (np.uint8, np.uint16) and name in KNOWN_SPACES:
        return _decoded_by_table(pixels, name)
    return _in_blocks(pixels, _decoding(name), name)


def from_scene_linear(pixels: FloatArray, colour_space: str) -> FloatArray:
    """Scene-linear Rec.709 -> pixels of a named colour space: the inverse of `to_scene_linear`.

    pixels: (H, W, 3) floating point, without limit. Returns a new (H, W, 3) float32, unclamped: what lies
    outside the space's gamut or range is negative or above 1. Raises UnknownNameError, UsageError,
    ValueShapeError.
    """
    _require_pixels(pixels)
    name = space_name(colour_space)
    return _in_blocks(pixels, _encoding(name), name)


def convert(pixels: npt.NDArray[Any], source: str, target: str) -> FloatArray:
    """Pixels of one named colour space -> another's.

    pixels: as of `to_scene_linear`. Returns (H, W, 3) float32: the very same array where both names mean one
    space and it is float32 already. Raises UnknownNameError, UsageError, ValueShapeError.
    """
    _require_pixels(pixels)
    source, target = space_name(source), space_name(target)
    if source == target:
        return _as_float(pixels)
    light = _as_float(pixels) if source == SCENE_LINEAR else to_scene_linear(pixels, source)
    return light if target == SCENE_LINEAR else from_scene_linear(light, target)


def header_attributes(colour_space: str) -> dict[str, str | tuple[float, ...]]:
    """What the header of an EXR of this linear space carries: `oiio:ColorSpace`, and for spaces known here
    `colorInteropID` and `chromaticities`, x and y of red, green, blue and white.

    Raises UnknownNameError, UsageError.
    """
    name = space_name(colour_space)
    space = KNOWN_SPACES.get(name)
    if space is None or space.curve is not None:
        return {"oiio:ColorSpace": name}
    return {
        "oiio:ColorSpace": space.interop,
        "colorInteropID": space.interop,
        "chromaticities": space.chromaticities,
    }


def _require_pixels(pixels: npt.NDArray[Any]) -> None:
    if pixels.ndim != 3 or pixels.shape[2] != 3:
        raise ValueShapeError(f"Pixels: expected shape (any, any, 3), got {pixels.shape}.")


def _as_float(pixels: npt.NDArray[Any]) -> FloatArray:
    """float32 of any allowed type; integers become 0..1. float32 comes back as it is."""
    if pixels.dtype in (np.uint8, np.uint16):
        shares: FloatArray = pixels.astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max)
        return shares
    if pixels.dtype in (np.float16, np.float32, np.float64):
        with np.errstate(over="ignore"):
            return pixels.astype(np.float32, copy=False)
    raise ValueShapeError(f"Pixels: expected uint8, uint16, float16, float32 or float64, got {pixels.dtype}.")


def _in_blocks(pixels: npt.NDArray[Any], convert_block: _Convert, name: str) -> FloatArray:
    """A new (H, W, 3) float32, converted some rows at a time."""
    rows = _ROWS if name in KNOWN_SPACES else _CONFIGURED_ROWS
    result = np.empty(pixels.shape, dtype=np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        for top in range(0, pixels.shape[0], rows):
            result[top : top + rows] = convert_block(_as_float(pixels[top : top + rows]))
    return result


def _decoded_by_table(pixels: npt.NDArray[Any], name: str) -> FloatArray:
    """Look each integer level up: a curve is computed 256 or 65536 times, not once a pixel."""
    space = KNOWN_SPACES[name]
    levels = np.arange(np.iinfo(pixels.dtype).max + 1, dtype=pixels.dtype)
    table = _as_float(levels) if space.curve is None else space.curve.decode(_as_float(levels))
    matrix = matrix_to_rec709(space.chromaticities)
    result = np.empty(pixels.shape, dtype=np.float32)
    for top in range(0, pixels.shape[0], _ROWS):
        light = np.take(table, pixels[top : top + _ROWS], mode="clip")
        result[top : top + _ROWS] = turned(light, matrix)
    return result


def _decoding(name: str) -> _Convert:
    if name in KNOWN_SPACES:
        return decoder(name)
    configuration, found = colour_configuration.require_space(name)
    return lambda pixels: configuration.to_scene_linear(pixels, found)


def _encoding(name: str) -> _Convert:
    if name in KNOWN_SPACES:
        return encoder(name)
    configuration, found = colour_configuration.require_space(name)
    return lambda pixels: configuration.from_scene_linear(pixels, found)
