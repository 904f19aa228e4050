"""The colour spaces that are known without any configuration: their names, primaries and curves.

Light is scene-linear, any brightness, below 0 too. A known space is a set of primaries with a white point and,
where its values are encoded, a curve. Everything here works on plain arrays and imports nothing heavy.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from semantic_matte.types import FloatArray

SCENE_LINEAR = "scene_linear_rec709"
SRGB = "srgb"
REC709 = "rec709"
ACESCG = "acescg"
ACES2065_1 = "aces2065_1"
LINEAR_P3 = "linear_p3_d65"
LINEAR_REC2020 = "linear_rec2020"
DISPLAY_P3 = "display_p3"
ADOBE_RGB = "adobe_rgb"
CINEON = "cineon"

_LINEAR_END = 0.0031308
_LINEAR_SLOPE = 12.92

# How far a file's chromaticities may lie from published ones: writers round to three or four digits.
_CHROMATICITY_TOLERANCE = 1e-3

Pixels = TypeVar("Pixels", bound=Any)
Chromaticities = tuple[float, ...]


def encode_srgb(linear: Pixels) -> Pixels:
    """sRGB encoding (IEC 61966-2-1), extended above 1 and linear below 0.

    linear: any shape, floating point, numpy or torch, scene-linear. Returns the same shape and type.
    """
    lower = _LINEAR_SLOPE * linear.clip(None, _LINEAR_END)
    upper = 1.055 * linear.clip(_LINEAR_END, None) ** (1 / 2.4)
    encoded: Pixels = lower + upper - (0.055 + _LINEAR_SLOPE * _LINEAR_END)
    return encoded


def decode_srgb(encoded: FloatArray) -> FloatArray:
    """sRGB-encoded values -> scene-linear, any shape, float32; extended above 1 and linear below 0."""
    encoded = encoded.astype(np.float32, copy=False)
    bright = ((np.maximum(encoded, 0.04045) + 0.055) / 1.055) ** 2.4
    return np.where(encoded <= 0.04045, encoded / _LINEAR_SLOPE, bright).astype(np.float32)


def _power(exponent: float) -> Callable[[FloatArray], FloatArray]:
    """A power curve, mirrored below 0."""

    def curve(values: FloatArray) -> FloatArray:
        """Any shape, float32 -> the same."""
        return np.asarray(np.sign(values) * np.abs(values) ** np.float32(exponent), dtype=np.float32)

    return curve


# Kodak's Cineon file, 1993: 10-bit printing density of 0.002 a code value, a negative of gamma 0.6, black at
# code 95 and white at 685. Scaled so that black is 0 and white 1; white at code 1023 is 13.5.
_CINEON_WHITE, _CINEON_SLOPE = 685.0, 0.6 / 0.002
_CINEON_BLACK = 10 ** ((95.0 - _CINEON_WHITE) / _CINEON_SLOPE)
# What the logarithm can still take: far below code 0.
_CINEON_LEAST = 1e-6


def _decode_cineon(encoded: FloatArray) -> FloatArray:
    """Cineon log, 0..1 for code 0..1023 -> scene-linear, any shape, float32."""
    exponent = (1023.0 * encoded.astype(np.float64) - _CINEON_WHITE) / _CINEON_SLOPE
    return ((10.0**exponent - _CINEON_BLACK) / (1.0 - _CINEON_BLACK)).astype(np.float32)


def _encode_cineon(linear: FloatArray) -> FloatArray:
    """Scene-linear -> Cineon log, any shape, float32. Light far below black has no code and takes the least."""
    light = linear.astype(np.float64) * (1.0 - _CINEON_BLACK) + _CINEON_BLACK
    codes = _CINEON_WHITE + _CINEON_SLOPE * np.log10(np.maximum(light, _CINEON_LEAST))
    return (codes / 1023.0).astype(np.float32)


@dataclass(frozen=True)
class Curve:
    """How a space encodes light; both ways on any shape of float32."""

    decode: Callable[[FloatArray], FloatArray]
    encode: Callable[[FloatArray], FloatArray]


_SRGB_CURVE = Curve(decode_srgb, encode_srgb)
# Recommendation ITU-R BT.1886 with black at 0.
_BT1886_CURVE = Curve(_power(2.4), _power(1 / 2.4))
# Adobe RGB (1998) Color Image Encoding, 4.3.4.2: 2 51/256.
_ADOBE_CURVE = Curve(_power(563 / 256), _power(256 / 563))
_CINEON_CURVE = Curve(_decode_cineon, _encode_cineon)

# CIE 1931 x, y of red, green, blue and white, as an EXR's `chromaticities` has them.
_D65 = (0.3127, 0.3290)
_ACES_WHITE = (0.32168, 0.33767)
_REC709_PRIMARIES = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, *_D65)
_P3_PRIMARIES = (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, *_D65)
_REC2020_PRIMARIES = (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, *_D65)
_ADOBE_PRIMARIES = (0.64, 0.33, 0.21, 0.71, 0.15, 0.06, *_D65)
_AP1_PRIMARIES = (0.713, 0.293, 0.165, 0.830, 0.128, 0.044, *_ACES_WHITE)
_AP0_PRIMARIES = (0.7347, 0.2653, 0.0, 1.0, 0.0001, -0.0770, *_ACES_WHITE)


@dataclass(frozen=True)
class KnownSpace:
    """chromaticities: x, y of red, green, blue, white. curve: None where values are light itself. interop: the
    Color Interop Forum's name for it, "" where it has none. aliases: other names in use, by letters and digits
    alone: of OpenImageIO, of ACES configurations, of Nuke's and Blender's default ones, of ICC profiles."""

    chromaticities: Chromaticities
    curve: Curve | None
    interop: str
    aliases: str


KNOWN_SPACES = {
    SCENE_LINEAR: KnownSpace(
        _REC709_PRIMARIES,
        None,
        "lin_rec709_scene",
        "scenelinearrec709 linear linrec709 linrec709scene linsrgb linearsrgb linearrec709 "
        "linearrec709srgb scenelinearrec709srgb utilitylinearrec709 utilitylinearsrgb",
    ),
    SRGB: KnownSpace(
        _REC709_PRIMARIES,
        _SRGB_CURVE,
        "srgb_rec709_scene",
        "srgb srgbrec709scene srgbrec709display srgbtexture srgbtx srgbencodedrec709srgb "
        "srgbdisplay utilitysrgbtexture",
    ),
    REC709: KnownSpace(
        _REC709_PRIMARIES,
        _BT1886_CURVE,
        "g24_rec709_display",
        "rec709 bt709 itu709 rec1886 bt1886 g24rec709scene g24rec709display rec1886rec709 "
        "rec1886rec709display gamma24encodedrec709 gamma24rec709texture",
    ),
    ACESCG: KnownSpace(_AP1_PRIMARIES, None, "lin_ap1_scene", "acescg linap1 linap1scene acesacescg"),
    ACES2065_1: KnownSpace(
        _AP0_PRIMARIES, None, "lin_ap0_scene", "aces20651 linap0 linap0scene acesaces20651 ap0"
    ),
    LINEAR_P3: KnownSpace(
        _P3_PRIMARIES,
        None,
        "lin_p3d65_scene",
        "linearp3d65 linp3d65 linp3d65scene lindisplayp3 lineardisplayp3 lineardcip3d65 utilitylinearp3d65",
    ),
    LINEAR_REC2020: KnownSpace(
        _REC2020_PRIMARIES,
        None,
        "lin_rec2020_scene",
        "linearrec2020 linrec2020 linrec2020scene linearbt2020 utilitylinearrec2020",
    ),
    DISPLAY_P3: KnownSpace(
        _P3_PRIMARIES,
        _SRGB_CURVE,
        "srgb_p3d65_scene",
        "displayp3 displayp3display srgbp3d65 srgbp3d65scene srgbp3d65display srgbdisplayp3 "
        "srgbencodedp3d65 srgbencodedp3d65texture srgbencodedp3d65tx",
    ),
    ADOBE_RGB: KnownSpace(
        _ADOBE_PRIMARIES,
        _ADOBE_CURVE,
        "g22_adobergb_scene",
        "adobergb adobergb1998 g22adobergbscene gamma22encodedadobergb",
    ),
    CINEON: KnownSpace(_REC709_PRIMARIES, _CINEON_CURVE, "", "cineon cineonlog kodaklog printingdensity"),
}
COLOUR_SPACES = tuple(KNOWN_SPACES)


def _bare(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


_NAMES = {alias: name for name, space in KNOWN_SPACES.items() for alias in space.aliases.split()}
_NAMES |= {_bare(name): name for name in KNOWN_SPACES}


def known_colour_space(name: str) -> str | None:
    """The name in `COLOUR_SPACES` that this name or alias stands for, or None.

    Case, spaces and punctuation make no difference: "Linear Rec.709 (sRGB)" is scene_linear_rec709.
    """
    return _NAMES.get(_bare(name))


def linear_space_with(chromaticities: Sequence[float]) -> str | None:
    """The known linear space of these primaries and this white point, within rounding, or None.

    chromaticities: x, y of red, green, blue and white, as an EXR's header has them.
    """
    for name, space in KNOWN_SPACES.items():
        if space.curve is None and same_chromaticities(space.chromaticities, chromaticities):
            return name
    return None


def same_chromaticities(one: Sequence[float], other: Sequence[float]) -> bool:
    """True where two sets of x, y are the same within what writers round."""
    return len(one) == len(other) and bool(
        np.allclose(np.array(one), np.array(other), rtol=0, atol=_CHROMATICITY_TOLERANCE)
    )


# Cone responses of Lam's Bradford transform, by which whites are brought together (ICC.1:2022, annex E).
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def _to_xyz(chromaticities: Chromaticities) -> npt.NDArray[np.float64]:
    """(3, 3) RGB -> XYZ, white at Y = 1 (SMPTE RP 177)."""
    points = np.array(chromaticities, dtype=np.float64).reshape(4, 2)
    columns = np.stack([points[:, 0] / points[:, 1], np.ones(4), (1 - points.sum(axis=1)) / points[:, 1]])
    result: npt.NDArray[np.float64] = columns[:, :3] * np.linalg.solve(columns[:, :3], columns[:, 3])
    return result


@functools.cache
def matrix_to_rec709(chromaticities: Chromaticities) -> npt.NDArray[np.float64]:
    """(3, 3) that takes column vectors of light with these primaries to Rec.709's, white to white."""
    source, target = _to_xyz(chromaticities), _to_xyz(_REC709_PRIMARIES)
    gains = (_BRADFORD @ target.sum(axis=1)) / (_BRADFORD @ source.sum(axis=1))
    adapted = np.linalg.inv(_BRADFORD) @ np.diag(gains) @ _BRADFORD @ source
    result: npt.NDArray[np.float64] = np.linalg.inv(target) @ adapted
    return result


def turned(light: FloatArray, matrix: npt.NDArray[np.float64]) -> FloatArray:
    """Pixels (..., 3) float32 times a (3, 3) matrix of column vectors, float32."""
    if np.allclose(matrix, np.eye(3), rtol=0, atol=1e-9):
        return light
    return np.asarray(light @ matrix.T.astype(np.float32), dtype=np.float32)


def decoder(name: str) -> Callable[[FloatArray], FloatArray]:
    """Pixels (..., 3) float32 of a known space -> scene-linear Rec.709."""
    space = KNOWN_SPACES[name]
    matrix = matrix_to_rec709(space.chromaticities)
    return lambda pixels: turned(space.curve.decode(pixels) if space.curve else pixels, matrix)


def encoder(name: str) -> Callable[[FloatArray], FloatArray]:
    """Pixels (..., 3) float32, scene-linear Rec.709 -> a known space, which may give values outside 0..1."""
    space = KNOWN_SPACES[name]
    matrix = np.asarray(np.linalg.inv(matrix_to_rec709(space.chromaticities)), dtype=np.float64)
    if space.curve is None:
        return lambda pixels: turned(pixels, matrix)
    encode = space.curve.encode
    return lambda pixels: encode(turned(pixels, matrix))
