"""What the networks that find objects see: one picture of 8 bits, the same bits from any file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import semantic_matte as sm
from semantic_matte.colour import (
    ACESCG,
    SCENE_LINEAR,
    SRGB,
    decode_srgb,
    encode_srgb,
    from_scene_linear,
    to_display,
    to_scene_linear,
)
from semantic_matte.segmenters.picture import BRIGHTEST, has_levels, rounded_light, shown, shown_bytes
from semantic_matte.types import Box, FloatArray

RANDOM = np.random.default_rng(31)
LEVELS = np.arange(256, dtype=np.uint8)


def as_file(light: FloatArray, space: str, kind: type[np.floating]) -> FloatArray:
    """Light as it comes back from an EXR of this space and type of number."""
    return to_scene_linear(from_scene_linear(light, space).astype(kind), space)


@pytest.mark.parametrize("kind", [np.float32, np.float16])
@pytest.mark.parametrize("space", [SCENE_LINEAR, ACESCG])
@pytest.mark.parametrize("name", ["astronaut", "coffee", "chelsea"])
def test_a_photo_is_the_same_bits_from_any_file(
    photos: Path, name: str, space: str, kind: type[np.floating]
) -> None:
    plate = sm.read_plate(photos / f"{name}.png")
    other = sm.Plate(as_file(plate.pixels, space, kind))
    # A change there is, or there is nothing to show.
    if kind is np.float16:
        assert (other.pixels != plate.pixels).any()
    height, width = plate.size
    for window, size in [
        (plate.box, (width // 2, height // 3)),
        (Box(-20, 30, 200, 140), (64, 64)),
        (Box(50, 60, 90, 100), (128, 128)),
    ]:
        np.testing.assert_array_equal(shown(plate, window, size), shown(other, window, size))
    np.testing.assert_array_equal(shown_bytes(plate), shown_bytes(other))


def test_every_level_stays_what_it_is() -> None:
    """Also where the roll-off near white puts a level half-way between two bytes."""
    greys = to_scene_linear(np.repeat(LEVELS[:, None, None], 3, axis=2), SRGB)
    np.testing.assert_array_equal(rounded_light(greys), greys)
    for share in (1 - 1e-3, 1 + 1e-3):
        nearly = greys * np.float32(share)
        np.testing.assert_array_equal(rounded_light(nearly), greys)
        np.testing.assert_array_equal(shown_bytes(sm.Plate(nearly)), shown_bytes(sm.Plate(greys)))


def test_light_goes_to_the_nearest_level() -> None:
    light = (RANDOM.random((80, 90, 3)) ** 3).astype(np.float32)
    rounded = rounded_light(light)
    steps = encode_srgb(rounded) * 255
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-3)
    assert np.abs(steps - encode_srgb(light) * 255).max() < 0.55
    # Up to twice white the steps go on, and beyond light is as it was.
    bright = np.linspace(1, 1.99, 300, dtype=np.float32).reshape(10, 10, 3)
    steps = encode_srgb(rounded_light(bright)) * 255
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-3)
    assert np.abs(steps - encode_srgb(bright) * 255).max() < 0.6
    for brighter in (BRIGHTEST, 7.3, 1000.0, float(np.finfo(np.float32).max)):
        part = np.full((3, 4, 3), brighter, np.float32)
        np.testing.assert_array_equal(rounded_light(part), part)


@pytest.mark.parametrize("value", [-0.0, -1e-9, -0.5, float(np.finfo(np.float32).min)])
def test_negative_light_is_black(value: float) -> None:
    assert (rounded_light(np.full((2, 2, 3), value, np.float32)) == 0).all()


def test_the_plate_is_left_alone_and_shown_in_range() -> None:
    wild = np.full((70, 40, 3), np.finfo(np.float32).max, np.float32)
    wild[::2, ::3], wild[1::2, ::5] = np.finfo(np.float32).min, 0.18
    before = wild.copy()
    seen = shown(sm.Plate(wild), Box.of_frame(70, 40), (20, 35))
    np.testing.assert_array_equal(wild, before)
    assert np.isfinite(seen).all()
    assert seen.min() >= 0
    assert seen.max() <= 1


@pytest.mark.parametrize("name", ["astronaut", "coffee", "chelsea"])
def test_light_without_levels_is_seen_as_it_is(photos: Path, name: str) -> None:
    """Rounding it would turn the least change into a whole level, and masks would move more, not less."""
    light = sm.read_plate(photos / f"{name}.png").pixels
    grain = (RANDOM.random(light.shape) * 0.02 + 0.82).astype(np.float32)
    plate = sm.Plate(light * grain)
    assert has_levels(sm.Plate(light))
    assert not has_levels(plate)
    height, width = plate.size
    seen = shown(plate, plate.box, (width, height))
    np.testing.assert_array_equal(seen, to_display(plate.pixels))
    np.testing.assert_array_equal(shown_bytes(plate), (to_display(plate.pixels) * 255 + 0.5).astype(np.uint8))


def test_black_and_highlights_say_nothing_of_levels() -> None:
    pixels = np.full((200, 300, 3), -0.2, np.float32)
    pixels[:80] = 17.3
    assert not has_levels(sm.Plate(pixels))
    pixels[150:, 100:] = decode_srgb(RANDOM.integers(1, 256, (50, 200, 3)).astype(np.float32) / 255)
    assert has_levels(sm.Plate(pixels))
    pixels[150:, 100:] = decode_srgb(RANDOM.random((50, 200, 3)).astype(np.float32))
    assert not has_levels(sm.Plate(pixels))
