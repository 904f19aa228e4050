"""Neighbours' alphas sum to at most 1, and nothing else moves."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semantic_matte.overlaps import STRIP_ROWS, make_consistent
from semantic_matte.types import Box, FloatArray, Instance, Matte


def matte_of(crop: FloatArray, x: int, y: int, frame: tuple[int, int], label: str = "person") -> Matte:
    window = Box(x, y, x + crop.shape[1], y + crop.shape[0])
    instance = Instance(np.ones(crop.shape, np.bool_), window, frame, label, 0.9)
    return Matte(instance, crop, window, np.full(crop.shape, 0.25, np.float32), passes=2)


def some_mattes(seed: int, count: int, frame: tuple[int, int]) -> list[Matte]:
    """Soft random alphas with many exact zeros and ones."""
    random = np.random.default_rng(seed)
    mattes = []
    for _ in range(count):
        height, width = (int(random.integers(1, side + 1)) for side in frame)
        y, x = int(random.integers(frame[0] - height + 1)), int(random.integers(frame[1] - width + 1))
        crop = np.clip(random.normal(0.3, 0.6, (height, width)), 0, 1).astype(np.float32)
        mattes.append(matte_of(crop, x, y, frame))
    return mattes


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), count=st.integers(0, 6), height=st.sampled_from([1, 7, 40, 300]))
def test_sums_stay_within_one_and_lone_claims_keep_their_bits(seed: int, count: int, height: int) -> None:
    frame = (height, 30)
    before = some_mattes(seed, count, frame)
    kept = [matte.crop.copy() for matte in before]
    after = make_consistent(before)
    if not before:
        assert after == []
        return
    stack = np.stack([matte.alpha for matte in before])
    result = np.stack([matte.alpha for matte in after])
    assert result.sum(axis=0).max() <= 1 + 1e-6
    total = stack.sum(axis=0, dtype=np.float64)
    lone = (stack > 0) & (np.count_nonzero(stack, axis=0) == 1)
    fits = np.broadcast_to(total <= 1 - 1e-6, stack.shape)
    assert (result[lone] == stack[lone]).all()
    assert (result[fits] == stack[fits]).all()
    # Shares keep their proportion.
    np.testing.assert_allclose(result, stack / np.maximum(total, 1), atol=1e-6)
    for matte, was, new in zip(before, kept, after, strict=True):
        np.testing.assert_array_equal(matte.crop, was)
        assert (new.instance, new.window, new.passes) == (matte.instance, matte.window, matte.passes)
        assert new.spread_crop is matte.spread_crop


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), count=st.integers(2, 6))
def test_the_order_of_mattes_does_not_matter(seed: int, count: int) -> None:
    mattes = some_mattes(seed, count, (40, 50))
    order = np.random.default_rng(seed).permutation(count)
    straight = make_consistent(mattes)
    shuffled = make_consistent([mattes[index] for index in order])
    for place, index in enumerate(order):
        if count == 2:
            np.testing.assert_array_equal(shuffled[place].crop, straight[index].crop)
        else:
            np.testing.assert_allclose(shuffled[place].crop, straight[index].crop, atol=1e-6)


@pytest.mark.parametrize("y", [0, STRIP_ROWS - 10, STRIP_ROWS + 5])
def test_mattes_apart_come_back_as_they_are(y: int) -> None:
    frame = (700, 300)
    ones = np.ones((40, 50), np.float32)
    mattes = [matte_of(ones, 0, y, frame), matte_of(ones, 50, y, frame), matte_of(ones, 0, y + 40, frame)]
    for new, old in zip(make_consistent(mattes), mattes, strict=True):
        assert new is old


def test_overlaps_that_fit_come_back_as_they_are() -> None:
    frame = (40, 40)
    mattes = [matte_of(np.full((40, 40), share, np.float32), 0, 0, frame) for share in (0.5, 0.25, 0.25)]
    assert all(new is old for new, old in zip(make_consistent(mattes), mattes, strict=True))


@pytest.mark.parametrize(
    ("alphas", "expected"),
    [
        ((1.0, 1.0), (0.5, 0.5)),
        ((1.0, 0.5), (2 / 3, 1 / 3)),
        ((1.0, 0.0), (1.0, 0.0)),
        ((0.6, 0.4), (0.6, 0.4)),
        ((1.0, 1.0, 1.0, 1.0), (0.25, 0.25, 0.25, 0.25)),
    ],
)
def test_a_shared_pixel(alphas: tuple[float, ...], expected: tuple[float, ...]) -> None:
    mattes = [matte_of(np.full((1, 1), alpha, np.float32), 0, 0, (1, 1)) for alpha in alphas]
    shares = [float(matte.crop[0, 0]) for matte in make_consistent(mattes)]
    assert shares == pytest.approx(expected, abs=1e-6)


def test_two_hundred_mattes_are_quick(toys: Any) -> None:
    random = np.random.default_rng(0)
    crop = toys.disc(160, 160, 80, 80, 60, 30)
    mattes = [
        matte_of(crop, int(random.integers(1760)), int(random.integers(920)), (1080, 1920)) for _ in range(200)
    ]
    start = time.perf_counter()
    after = make_consistent(mattes)
    seconds = time.perf_counter() - start
    total = np.zeros((1080, 1920), np.float64)
    for matte in after:
        total[matte.window.slices] += matte.crop
    assert total.max() <= 1 + 1e-6
    assert seconds < 5
