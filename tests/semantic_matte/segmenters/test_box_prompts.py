"""What the mask network is told of a box, against a slow second way to work it out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semantic_matte.segmenters.box_prompts import MARGIN, coverage, crop_window, laid_over, prompts
from semantic_matte.types import Box

FRAME = (80, 120)


@pytest.mark.parametrize(
    ("corners", "window"),
    [
        ((20.0, 20.0, 70.0, 40.0), Box(10, 16, 80, 44)),
        # Not whole numbers: outwards.
        ((20.5, 20.0, 70.5, 40.0), Box(10, 16, 81, 44)),
        # The frame cuts.
        ((0.0, 0.0, 50.0, 50.0), Box(0, 0, 60, 60)),
        ((-10.0, 60.0, 40.0, 90.0), Box(0, 54, 50, 80)),
        ((100.0, 70.0, 130.0, 90.0), Box(94, 66, 120, 80)),
    ],
)
def test_windows(corners: tuple[float, float, float, float], window: Box) -> None:
    assert MARGIN == 0.2
    assert crop_window(corners, FRAME) == window


def test_a_box_outside_the_frame_has_no_window() -> None:
    assert crop_window((130.0, 10.0, 150.0, 30.0), FRAME) is None


numbers = st.floats(-20, 140, width=32)


@given(numbers, numbers, st.floats(1, 60), st.floats(1, 60), st.sampled_from([4, 7, 16]))
def test_coverage_is_what_a_finer_grid_counts(
    x: float, y: float, width: float, height: float, size: int
) -> None:
    window = Box(10, 5, 73, 61)
    covered = coverage((x, y, x + width, y + height), window, size)
    fine = 64
    across = 10 + (np.arange(size * fine) + 0.5) / (size * fine) * 63
    down = 5 + (np.arange(size * fine) + 0.5) / (size * fine) * 56
    inside = np.outer((down > y) & (down < y + height), (across > x) & (across < x + width))
    counted = inside.reshape(size, fine, size, fine).mean(axis=(1, 3))
    np.testing.assert_allclose(covered, counted, atol=2 / fine + 1e-6)


def test_a_shape_lies_over_its_box() -> None:
    shape = np.zeros((4, 4), np.float32)
    shape[0, 3] = 1.0
    # The box is the window's right half: its upper right quarter of a quarter is lit.
    laid = laid_over(shape, (40.0, 0.0, 80.0, 80.0), Box(0, 0, 80, 80), 80)
    assert laid.shape == (80, 80)
    assert laid[5, 78] > 0.5
    assert laid[:, :40].max() == 0
    centre = np.argwhere(laid == laid.max()).mean(axis=0)
    np.testing.assert_allclose(centre, [9.5, 74.5], atol=0.6)


def test_the_channels_and_their_order() -> None:
    shape = np.full((8, 8), 0.25, np.float32)
    window = Box(0, 0, 32, 32)
    neighbours = [((16.0, 0.0, 32.0, 32.0), 0.5), ((24.0, 0.0, 32.0, 32.0), 0.75)]
    made = prompts((0.0, 0.0, 16.0, 32.0), shape, neighbours, window, 32)
    assert made.shape == (3, 32, 32)
    assert made.dtype == np.float32
    assert made[:, 16, 8].tolist() == [1.0, 0.25, 0.0]
    assert made[:, 16, 20].tolist() == [0.0, 0.0, 0.5]
    # Of two neighbours the surer counts.
    assert made[:, 16, 28].tolist() == [0.0, 0.0, 0.75]
