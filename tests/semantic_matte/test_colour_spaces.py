"""The colour spaces that are known by themselves: both ways, and what a file says of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import OpenEXR
import OpenImageIO as oiio
import pytest

from semantic_matte.colour import (
    COLOUR_SPACES,
    convert,
    from_scene_linear,
    header_attributes,
    linear_space_of,
    space_name,
    to_scene_linear,
)
from semantic_matte.colour_spaces import KNOWN_SPACES, linear_space_with, matrix_to_rec709, same_chromaticities
from semantic_matte.errors import UnknownNameError, ValueShapeError

RANDOM = np.random.default_rng(12)
# Around grey, from deep shadow to far above white, some of it negative.
LIGHT = (RANDOM.uniform(-0.1, 1, (70, 9, 3)) * 10 ** RANDOM.uniform(-2, 3, (70, 9, 1))).astype(np.float32)
LINEAR = [name for name in COLOUR_SPACES if linear_space_of(name) == name]


@pytest.mark.parametrize("space", COLOUR_SPACES)
def test_there_and_back(space: str) -> None:
    # Cineon has no code far below black; what it has is a logarithm's.
    light = np.maximum(LIGHT, -0.005) if space == "cineon" else LIGHT
    back = to_scene_linear(from_scene_linear(light, space), space)
    np.testing.assert_allclose(back, light, rtol=2e-4, atol=2e-4 * 0.05)


@pytest.mark.parametrize("space", COLOUR_SPACES)
def test_white_is_white_and_black_is_black(space: str) -> None:
    white = 685 / 1023 if space == "cineon" else 1.0
    black = 95 / 1023 if space == "cineon" else 0.0
    for code, light in ((white, 1.0), (black, 0.0)):
        pixels = np.full((1, 1, 3), code, np.float32)
        np.testing.assert_allclose(to_scene_linear(pixels, space), light, atol=2e-6)
        np.testing.assert_allclose(
            from_scene_linear(np.full((1, 1, 3), light, np.float32), space), code, atol=2e-6
        )


@pytest.mark.parametrize("space", COLOUR_SPACES)
def test_a_space_to_itself_is_the_very_same_array(space: str) -> None:
    assert convert(LIGHT, space, space) is LIGHT
    assert convert(LIGHT, space.upper(), space) is LIGHT


def test_aliases_of_one_space_are_one_space() -> None:
    assert convert(LIGHT, "lin_ap1", "ACES - ACEScg") is LIGHT
    assert convert(LIGHT, "linear", "lin_rec709_scene") is LIGHT


def test_other_types_become_float32() -> None:
    halves = LIGHT.astype(np.float16)
    np.testing.assert_array_equal(convert(halves, "acescg", "acescg"), halves.astype(np.float32))
    levels = np.array([[[0, 51, 255]]], np.uint8)
    np.testing.assert_allclose(convert(levels, "linear", "linear"), [[[0, 0.2, 1]]], atol=1e-7)


@pytest.mark.parametrize("source", LINEAR)
@pytest.mark.parametrize("target", LINEAR)
def test_between_linear_spaces_by_their_matrices(source: str, target: str) -> None:
    """Against one product of matrices in double precision."""
    one, other = (matrix_to_rec709(KNOWN_SPACES[name].chromaticities) for name in (source, target))
    expected = LIGHT.astype(np.float64) @ (np.linalg.inv(other) @ one).T
    scale = np.abs(LIGHT).max(axis=2, keepdims=True)
    assert (np.abs(convert(LIGHT, source, target) - expected) / scale).max() < 2e-6


def test_pixels_far_out_of_range_come_through() -> None:
    far = np.array([[[1000, 1000, 1000], [-0.5, -0.5, -0.5], [65504, 0.001, -3]]], np.float32)
    for space in COLOUR_SPACES:
        if space != "cineon":
            back = to_scene_linear(from_scene_linear(far, space), space)
            np.testing.assert_allclose(back, far, rtol=1e-4, atol=0.02)
    np.testing.assert_allclose(to_scene_linear(far[:, :2], "acescg"), far[:, :2], rtol=1e-6)


def test_cineon_has_kodaks_anchors() -> None:
    codes = np.array([95, 445, 470, 685, 1023], np.float32) / 1023
    light = to_scene_linear(np.repeat(codes[None, :, None], 3, 2), "Cineon")[0, :, 0]
    # A grey card is code 445 at LAD: 0.16 to 0.18 of white, by how black is taken.
    np.testing.assert_allclose(light, [0, 0.1503, 0.1837, 1, 13.53], atol=0.01)


def test_a_colour_of_adobe_rgb() -> None:
    """Its green, 0.21 0.71, by the primaries alone; the curve by its published power of 2 51/256."""
    green = np.array([[[0, 0.5, 0]]], np.float32)
    expected = matrix_to_rec709(KNOWN_SPACES["adobe_rgb"].chromaticities)[:, 1] * 0.5 ** (2 + 51 / 256)
    np.testing.assert_allclose(to_scene_linear(green, "Adobe RGB (1998)")[0, 0], expected, rtol=1e-5)
    assert expected[0] < 0 < expected[1]


@pytest.mark.parametrize("levels", [np.uint8, np.uint16])
@pytest.mark.parametrize("space", COLOUR_SPACES)
def test_integers_are_converted_as_their_share_of_white(levels: type, space: str) -> None:
    pixels = RANDOM.integers(0, np.iinfo(levels).max + 1, (70, 9, 3)).astype(levels)
    shares = pixels.astype(np.float32) / np.float32(np.iinfo(levels).max)
    np.testing.assert_allclose(to_scene_linear(pixels, space), to_scene_linear(shares, space), atol=2e-6)


@pytest.mark.parametrize("space", LINEAR)
def test_chromaticities_name_their_space(space: str) -> None:
    exact = np.array(KNOWN_SPACES[space].chromaticities)
    assert linear_space_with(tuple(exact)) == space
    assert linear_space_with(tuple(exact.round(3))) == space
    assert linear_space_with(tuple(exact + 0.005)) is None
    assert not same_chromaticities(exact, exact[:6])


@pytest.mark.parametrize("space", LINEAR)
def test_a_written_header_says_the_space_to_other_readers(tmp_path: Path, space: str) -> None:
    """Through OpenImageIO's writer to OpenEXR's own reader, and back to ours."""
    from semantic_matte.plates import read_plate

    spec = oiio.ImageSpec(9, 70, 3, "float")
    for name, value in header_attributes(space).items():
        if isinstance(value, tuple):
            spec.attribute(name, f"float[{len(value)}]", value)
        else:
            spec.attribute(name, value)
    output = oiio.ImageOutput.create(str(tmp_path / "p.exr"))
    assert output.open(str(tmp_path / "p.exr"), spec)
    assert output.write_image(LIGHT)
    output.close()
    header = OpenEXR.File(str(tmp_path / "p.exr")).header()
    np.testing.assert_allclose(header["chromaticities"], KNOWN_SPACES[space].chromaticities, atol=1e-6)
    assert header["colorInteropID"] == KNOWN_SPACES[space].interop
    plate = read_plate(tmp_path / "p.exr", keep_own=True)
    assert plate.own[1] == space
    np.testing.assert_array_equal(plate.own[0], LIGHT)
    assert len(plate.notices) == 1
    assert "negative" in plate.notices[0]


def test_headers_of_other_spaces_have_a_name_alone() -> None:
    assert header_attributes("srgb") == {"oiio:ColorSpace": "srgb"}
    with pytest.raises(UnknownNameError):
        header_attributes("no such space")


def test_every_alias_leads_to_one_space() -> None:
    aliases = [alias for space in KNOWN_SPACES.values() for alias in space.aliases.split()]
    assert len(aliases) == len(set(aliases))
    assert all(space_name(alias) in KNOWN_SPACES for alias in aliases)


@pytest.mark.parametrize("call", [to_scene_linear, from_scene_linear, lambda p, s: convert(p, s, s)])
@pytest.mark.parametrize("pixels", [np.zeros((2, 2), np.float32), np.zeros((2, 2, 4), np.float32)])
def test_wrong_arrays_are_refused(call, pixels: np.ndarray) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueShapeError, match="expected shape"):
        call(pixels, "acescg")
