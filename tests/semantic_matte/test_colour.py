"""The fixed display curve and the named colour spaces."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semantic_matte.colour import (
    COLOUR_SPACES,
    KNEE,
    decode_srgb,
    encode_srgb,
    known_colour_space,
    to_display,
    to_scene_linear,
)
from semantic_matte.errors import UnknownNameError, UsageError, ValueShapeError

RAMP = np.linspace(-0.5, 20, 4001, dtype=np.float32)


@pytest.mark.parametrize(
    ("linear", "encoded"),
    [(0.0, 0.0), (0.0031308, 0.04045), (0.18, 0.46135613), (0.5, 0.73535698), (1.0, 1.0)],
)
def test_the_srgb_encoding_has_the_standard_values(linear: float, encoded: float) -> None:
    assert encode_srgb(np.array([linear], np.float32))[0] == pytest.approx(encoded, abs=2e-6)


def test_srgb_round_trip() -> None:
    encoded = np.linspace(0, 1, 65536, dtype=np.float32)
    assert np.abs(encode_srgb(decode_srgb(encoded)) - encoded).max() < 1e-6


def test_the_display_curve_rises_everywhere_above_black() -> None:
    display = to_display(RAMP[RAMP > 0])
    assert (np.diff(display) > 0).all()


def test_the_display_curve_is_srgb_below_the_knee_and_stays_below_one() -> None:
    dark = RAMP[(RAMP >= 0) & (encode_srgb(RAMP) < KNEE)]
    np.testing.assert_allclose(to_display(dark), encode_srgb(dark), atol=1e-6)
    bright = to_display(np.array([1, 10, 1000], np.float32))
    assert bright[0] == pytest.approx(0.975)
    assert bright[1] == pytest.approx(0.9985, abs=1e-3)
    assert bright[2] < 1


def test_negatives_are_black() -> None:
    assert (to_display(np.array([-1e6, -0.01, 0], np.float32)) == 0).all()


def test_the_display_curve_does_not_depend_on_the_picture() -> None:
    with_highlight = np.append(RAMP, np.float32(60000))
    np.testing.assert_array_equal(to_display(with_highlight)[:-1], to_display(RAMP))


@pytest.mark.parametrize("curve", [to_display, encode_srgb])
def test_numpy_and_torch_agree(curve) -> None:  # type: ignore[no-untyped-def]
    torch = pytest.importorskip("torch")
    by_torch = curve(torch.from_numpy(RAMP)).numpy()
    np.testing.assert_allclose(curve(RAMP), by_torch, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "space"),
    [
        ("Linear", "scene_linear_rec709"),
        ("lin_srgb", "scene_linear_rec709"),
        ("Linear Rec.709 (sRGB)", "scene_linear_rec709"),
        ("lin_rec709_scene", "scene_linear_rec709"),
        ("sRGB", "srgb"),
        ("srgb_rec709_scene", "srgb"),
        ("sRGB - Texture", "srgb"),
        ("Rec.709", "rec709"),
        ("ACEScg", "acescg"),
        ("ACES - ACES2065-1", "aces2065_1"),
        ("AgX", None),
        ("", None),
    ],
)
def test_aliases(name: str, space: str | None) -> None:
    assert known_colour_space(name) == space


def test_every_space_knows_its_own_name() -> None:
    assert [known_colour_space(name) for name in COLOUR_SPACES] == list(COLOUR_SPACES)


def _to_xyz(primaries: list[tuple[float, float]], white: tuple[float, float]) -> np.ndarray:
    columns = np.array([(x / y, 1, (1 - x - y) / y) for x, y in primaries]).T
    white_xyz = np.array([white[0] / white[1], 1, (1 - sum(white)) / white[1]])
    return columns * np.linalg.solve(columns, white_xyz)


BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


@pytest.mark.parametrize(
    ("space", "primaries"),
    [
        ("acescg", [(0.713, 0.293), (0.165, 0.830), (0.128, 0.044)]),
        ("aces2065_1", [(0.7347, 0.2653), (0.0, 1.0), (0.0001, -0.0770)]),
    ],
)
def test_aces_matrices_follow_from_the_published_primaries(
    space: str, primaries: list[tuple[float, float]]
) -> None:
    aces = _to_xyz(primaries, (0.32168, 0.33767))
    rec709 = _to_xyz([(0.64, 0.33), (0.3, 0.6), (0.15, 0.06)], (0.3127, 0.3290))
    gains = (BRADFORD @ rec709.sum(axis=1)) / (BRADFORD @ aces.sum(axis=1))
    matrix = np.linalg.inv(rec709) @ np.linalg.inv(BRADFORD) @ np.diag(gains) @ BRADFORD @ aces
    colours = np.random.default_rng(1).uniform(-0.1, 4, (5, 7, 3)).astype(np.float32)
    np.testing.assert_allclose(to_scene_linear(colours, space), colours @ matrix.T, atol=2e-5)


@pytest.mark.parametrize("space", ["ACEScg", "ACES2065-1", "sRGB", "Gamma 2.4 Encoded Rec.709"])
def test_our_conversions_agree_with_openimageio(space: str) -> None:
    import OpenImageIO as oiio

    colours = np.random.default_rng(2).uniform(0, 1, (6, 5, 3)).astype(np.float32)
    theirs = oiio.ImageBufAlgo.colorconvert(oiio.ImageBuf(colours), space, "lin_rec709_scene")
    assert known_colour_space(space) is not None
    np.testing.assert_allclose(to_scene_linear(colours, space), theirs.get_pixels(), atol=5e-5)


@pytest.mark.parametrize(
    ("dtype", "space"),
    [(np.uint8, "srgb"), (np.uint16, "srgb"), (np.uint8, "rec709"), (np.uint16, "linear")],
)
def test_integers_are_converted_as_their_share_of_white(dtype: type, space: str) -> None:
    top = np.iinfo(dtype).max
    levels = np.random.default_rng(3).integers(0, top + 1, (70, 9, 3)).astype(dtype)
    expected = to_scene_linear(levels.astype(np.float32) / np.float32(top), space)
    got = to_scene_linear(levels, space)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, expected, atol=1e-7)


def test_rec709_is_a_gamma_of_2_4() -> None:
    pixels = np.full((1, 1, 3), 0.5, np.float32)
    np.testing.assert_allclose(to_scene_linear(pixels, "rec709"), 0.5**2.4, rtol=1e-6)


def test_another_name_goes_through_the_configuration() -> None:
    pixels = np.full((130, 2, 3), 0.5, np.float32)
    np.testing.assert_allclose(to_scene_linear(pixels, "Gamma 2.2 Encoded Rec.709"), 0.5**2.2, rtol=1e-3)


def test_the_input_is_not_changed() -> None:
    pixels = np.full((2, 2, 3), 0.5, np.float32)
    assert not np.shares_memory(to_scene_linear(pixels, "linear"), pixels)


def test_an_unknown_colour_space_names_the_close_ones() -> None:
    with pytest.raises(UnknownNameError, match=r"Unknown colour space 'acescgg'.*'acescg'"):
        to_scene_linear(np.zeros((1, 1, 3), np.float32), "acescgg")


def test_a_broken_configuration_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OCIO", "/nowhere/config.ocio")
    with pytest.raises(UsageError, match=r"/nowhere/config\.ocio.*unset") as raised:
        to_scene_linear(np.zeros((1, 1, 3), np.float32), "Gamma 2.2 Encoded Rec.709")
    assert "\n" not in str(raised.value)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((2, 2), np.float32), np.zeros((2, 2, 4), np.float32), np.zeros((1, 1, 3), int)],
)
def test_wrong_arrays_are_refused(pixels: np.ndarray) -> None:
    with pytest.raises(ValueShapeError, match="expected"):
        to_scene_linear(pixels, "linear")


@given(st.floats(0, 65504, width=32), st.floats(0, 65504, width=32))
def test_order_of_brightness_is_kept(first: float, second: float) -> None:
    low, high = sorted((first, second))
    display = to_display(np.array([low, high], np.float32))
    assert display[0] <= display[1] < 1
