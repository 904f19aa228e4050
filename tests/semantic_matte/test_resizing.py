"""Averaging in linear light without floods: what is bright stays bright, and stays where it is."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semantic_matte.colour import to_display
from semantic_matte.resizing import resized_light

RANDOM = np.random.default_rng(13)
SDR = RANDOM.random((64, 96, 3)).astype(np.float32)
AREA, LINEAR = cv2.INTER_AREA, cv2.INTER_LINEAR


@pytest.mark.parametrize(("size", "method"), [((24, 16), AREA), ((41, 29), AREA), ((200, 130), LINEAR)])
def test_light_in_range_is_averaged_as_it_is(size: tuple[int, int], method: int) -> None:
    np.testing.assert_array_equal(resized_light(SDR, size, method), cv2.resize(SDR, size, interpolation=method))
    # Beside a highlight too.
    wider = np.concatenate([SDR, np.full((64, 96, 3), 7, np.float32)], axis=1)
    half = resized_light(wider, (2 * size[0], size[1]), method)[:, : size[0] - 4]
    plain = cv2.resize(wider, (2 * size[0], size[1]), interpolation=method)[:, : size[0] - 4]
    np.testing.assert_allclose(half, plain, atol=1e-6)


def test_a_lone_bright_pixel_does_not_flood_its_neighbours() -> None:
    grey = np.full((64, 64, 3), 0.18, np.float32)
    grey[29, 37] = 1000
    small = to_display(resized_light(grey, (8, 8)))
    around = to_display(np.float32(0.18))
    others = np.delete(small.reshape(-1, 3), 3 * 8 + 4, axis=0)
    np.testing.assert_allclose(others, around, atol=1e-6)
    # Its own pixel is one of 64: brighter, and no more than one pixel of 2 would make it.
    assert around < small[3, 4, 0] < to_display(np.float32(0.18 + 2 / 64))
    # In plain linear light it is white.
    assert to_display(cv2.resize(grey, (8, 8), interpolation=AREA))[3, 4, 0] > 0.99


def test_a_lone_negative_pixel_is_no_hole() -> None:
    grey = np.full((64, 64, 3), 0.18, np.float32)
    grey[29, 37] = -100
    small = resized_light(grey, (8, 8))
    assert small.min() >= 0.18 * 63 / 64 - 1e-6


@pytest.mark.parametrize("method", [AREA, LINEAR])
@given(level=st.floats(0, 1e4, width=32))
def test_an_even_light_keeps_its_brightness(method: int, level: float) -> None:
    size = (5, 4) if method == AREA else (17, 15)
    small = resized_light(np.full((9, 11, 3), level, np.float32), size, method)
    np.testing.assert_allclose(to_display(small), to_display(np.float32(level)), atol=2e-5)


def test_the_result_is_finite_for_the_largest_numbers() -> None:
    wild = np.full((16, 16, 3), np.finfo(np.float32).max, np.float32)
    wild[::2, ::3] = np.finfo(np.float32).min
    small = resized_light(wild, (5, 5))
    assert np.isfinite(small).all()
    assert small.min() >= 0


def test_the_input_is_left_alone() -> None:
    bright = SDR * 5 - 1
    before = bright.copy()
    resized_light(bright, (10, 10))
    np.testing.assert_array_equal(bright, before)
