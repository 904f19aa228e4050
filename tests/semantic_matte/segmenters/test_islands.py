"""Specks and pinholes, against scipy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from semantic_matte.segmenters.islands import main_islands, without_small_holes


def drawn(*rows: str) -> np.ndarray:
    return np.array([[sign == "#" for sign in row] for row in rows])


def test_small_parts_go_and_large_ones_stay() -> None:
    mask = drawn("####...#", "####....", "......##", "......##")
    kept = main_islands(mask, 0.5)
    assert np.array_equal(kept, drawn("####....", "####....", "......##", "......##"))
    assert np.array_equal(main_islands(mask, 0.1), mask)


def test_small_holes_are_filled_and_openings_are_not() -> None:
    mask = drawn("########", "#.##..##", "####..##", "###.####", "########", "########", "########", "#######.")
    # 57 pixels: a hole of 1, one of 4 that has another of 1 at its corner, and an opening.
    assert without_small_holes(mask, 0.02).sum() == mask.sum() + 2
    filled = without_small_holes(mask, 0.1)
    assert filled.sum() == 63
    assert not filled[-1, -1]


@pytest.mark.parametrize("value", [False, True])
def test_nothing_and_everything(value: bool) -> None:
    mask = np.full((3, 4), value)
    assert np.array_equal(main_islands(mask, 0.5), mask)
    assert np.array_equal(without_small_holes(mask, 0.5), mask)


@given(arrays(np.bool_, (9, 11)), st.sampled_from([0.0, 0.3, 1.0]))
def test_as_scipy_has_it(mask: np.ndarray, share: float) -> None:
    names, count = ndimage.label(mask, np.ones((3, 3)))
    areas = ndimage.sum_labels(mask, names, range(1, count + 1)) if count else np.zeros(0)
    kept = np.isin(names, 1 + np.flatnonzero(areas >= share * areas.max(initial=0)))
    assert np.array_equal(main_islands(mask, share), kept)
    assert np.array_equal(without_small_holes(mask, 1e9), ndimage.binary_fill_holes(mask))
