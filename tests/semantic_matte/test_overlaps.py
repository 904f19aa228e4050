"""Neighbours' alphas sum to at most 1, shared or from front to back, and nothing else moves."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semantic_matte.errors import UsageError
from semantic_matte.overlaps import STRIP_ROWS, front_to_back, make_consistent, settle, visible
from semantic_matte.types import Box, FloatArray, Instance, Matte


def matte_of(
    crop: FloatArray, x: int, y: int, frame: tuple[int, int], label: str = "person", slot: str = ""
) -> Matte:
    window = Box(x, y, x + crop.shape[1], y + crop.shape[0])
    instance = Instance(np.ones(crop.shape, np.bool_), window, frame, label, 0.9, slot)
    return Matte(instance, crop, window, np.full(crop.shape, 0.25, np.float32), passes=2)


def some_mattes(seed: int, count: int, frame: tuple[int, int]) -> list[Matte]:
    """Soft random alphas with many exact zeros and ones."""
    random = np.random.default_rng(seed)
    mattes = []
    for _ in range(count):
        height, width = (int(random.integers(1, side + 1)) for side in frame)
        y, x = int(random.integers(frame[0] - height + 1)), int(random.integers(frame[1] - width + 1))
        crop = np.clip(random.normal(0.3, 0.6, (height, width)), 0, 1).astype(np.float32)
        mattes.append(matte_of(crop, x, y, frame, "person", f"sm_person_{len(mattes) + 1:02d}"))
    return mattes


def layered_by_definition(stack: FloatArray, ranked: list[int]) -> FloatArray:
    """(n, H, W) pixel by pixel in float64: each gets what those in front leave, and no more than it has."""
    result = np.zeros(stack.shape)
    for row, column in np.ndindex(stack.shape[1:]):
        left = 1.0
        for index in ranked:
            result[index, row, column] = min(float(stack[index, row, column]), max(left, 0.0))
            left -= result[index, row, column]
    return result


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


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), count=st.integers(0, 6), height=st.sampled_from([1, 7, 40, 300]))
def test_front_to_back_gives_each_what_those_in_front_leave(seed: int, count: int, height: int) -> None:
    before = some_mattes(seed, count, (height, 30))
    kept = [matte.crop.copy() for matte in before]
    ranked = [int(index) for index in np.random.default_rng(seed).permutation(count)]
    after, notices = settle(before, "front_to_back", [before[index].slot for index in ranked])
    assert notices == []
    if not before:
        assert after == []
        return
    stack = np.stack([matte.alpha for matte in before])
    result = np.stack([matte.alpha for matte in after])
    assert result.sum(axis=0, dtype=np.float64).max() <= 1 + 1e-6
    np.testing.assert_allclose(result, layered_by_definition(stack, ranked), atol=1e-6)
    # The foremost is left alone, and so is what one alone claims, and what fits into what is left.
    assert after[ranked[0]] is before[ranked[0]]
    lone = (stack > 0) & (np.count_nonzero(stack, axis=0) == 1)
    fits = np.broadcast_to(stack.sum(axis=0, dtype=np.float64) <= 1 - 1e-6, stack.shape)
    assert (result[lone] == stack[lone]).all()
    assert (result[fits] == stack[fits]).all()
    assert (result <= stack).all()
    for matte, was, new in zip(before, kept, after, strict=True):
        np.testing.assert_array_equal(matte.crop, was)
        assert (new.instance, new.window, new.passes) == (matte.instance, matte.window, matte.passes)
        assert new.spread_crop is matte.spread_crop


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), count=st.integers(1, 6))
def test_the_order_says_who_is_in_front_and_not_the_place_in_the_list(seed: int, count: int) -> None:
    mattes = some_mattes(seed, count, (40, 50))
    order = [matte.slot for matte in mattes]
    shuffled = [mattes[index] for index in np.random.default_rng(seed).permutation(count)]
    straight = {matte.slot: matte.crop for matte in settle(mattes, "front_to_back", order)[0]}
    for matte in settle(shuffled, "front_to_back", order)[0]:
        np.testing.assert_array_equal(matte.crop, straight[matte.slot])


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), count=st.integers(0, 5))
def test_the_other_ways_are_as_they_were(seed: int, count: int) -> None:
    mattes = some_mattes(seed, count, (40, 50))
    alone, notices = settle(mattes, "independent", ())
    assert notices == []
    assert all(new is old for new, old in zip(alone, mattes, strict=True))
    for new, old in zip(settle(mattes, "consistent", ())[0], make_consistent(mattes), strict=True):
        np.testing.assert_array_equal(new.crop, old.crop)


def frame_of(*names: str) -> list[Matte]:
    """Mattes of one pixel, solid: each name is a label, or a label and a slot after a slash."""
    parts = [name.partition("/") for name in names]
    solid = np.ones((1, 1), np.float32)
    return [matte_of(solid, 0, 0, (1, 1), label, slot) for label, _, slot in parts]


@pytest.mark.parametrize(
    ("found", "order", "ranked"),
    [
        # As found where nothing is listed; what is listed lies before what is not.
        (("dog", "cat", "car"), (), [0, 1, 2]),
        (("dog", "cat", "car"), ("car",), [2, 0, 1]),
        # Of one label as found.
        (("dog", "cat", "dog", "cat"), ("cat", "dog"), [1, 3, 0, 2]),
        # A slot says more than a label, wherever it is listed.
        (("dog/sm_dog_01", "dog/sm_dog_02", "cat/sm_cat_01"), ("sm_dog_02", "cat", "dog"), [1, 2, 0]),
        (("dog/sm_dog_01", "dog/sm_dog_02", "cat/sm_cat_01"), ("dog", "sm_dog_01"), [1, 0, 2]),
        # In any case, with any space around.
        (("Dog", "Café"), (" CAFÉ ",), [1, 0]),
        # A matte without a slot is nobody called "".
        (("dog", "cat"), ("sm_dog_01",), [0, 1]),
    ],
)
def test_who_is_in_front(found: tuple[str, ...], order: tuple[str, ...], ranked: list[int]) -> None:
    mattes = frame_of(*found)
    assert front_to_back(mattes, order)[0] == ranked
    assert front_to_back([matte.instance for matte in mattes], order)[0] == ranked
    after, _ = settle(mattes, "front_to_back", order)
    assert [float(matte.crop[0, 0]) for matte in after] == [
        float(index == ranked[0]) for index in range(len(found))
    ]


def test_a_name_that_nothing_has_is_told_with_what_is_there() -> None:
    mattes = frame_of("dog/sm_dog_01", "cat")
    _, notices = settle(mattes, "front_to_back", ("horse", "dog"))
    assert notices == ["'horse' of 'order' is not among what was found here: sm_dog_01, cat."]
    assert settle([], "front_to_back", ("horse",))[1] == [
        "'horse' of 'order' is not among what was found here: nothing."
    ]


@pytest.mark.parametrize("how", ["consistent", "independent", "front_to_back"])
def test_a_name_twice_is_refused_before_anything_else(how: Any) -> None:
    with pytest.raises(UsageError, match=r"'order' has 'dog' twice: expected each name once"):
        settle([], how, ("dog", "cat", "Dog "))
    with pytest.raises(UsageError, match="'order' has 'sm_dog_01' twice"):
        visible([], how, ("sm_dog_01", "sm_dog_01"))


@pytest.mark.parametrize("how", ["consistent", "independent"])
def test_an_order_that_is_not_used_is_told(how: Any) -> None:
    _, notices = settle(frame_of("dog"), how, ("cat",))
    assert notices == [f"'order' is not used: overlaps are {how}, not front_to_back."]


def masked(mask: list[str], label: str) -> Instance:
    return Instance.from_mask(np.array([[sign != "." for sign in row] for row in mask]), label, 0.9)


def test_a_mask_goes_under_no_mask_in_front() -> None:
    table = masked(["......", ".####.", ".####.", ".####."], "table")
    cup = masked(["..##..", "..##..", "......", "......"], "cup")
    hidden = masked(["......", "..##..", "......", "......"], "coaster")
    order = ("cup", "table")
    seen = visible([table, cup, hidden], "front_to_back", order)
    assert seen[0].mask.astype(int).tolist() == [
        [0, 0, 0, 0, 0, 0],
        [0, 1, 0, 0, 1, 0],
        [0, 1, 1, 1, 1, 0],
        [0, 1, 1, 1, 1, 0],
    ]
    # Its size is still its own; who is in front and who would vanish stay as they are.
    assert (seen[0].box, seen[0].label, seen[0].score) == (table.box, "table", 0.9)
    assert seen[1] is cup
    assert seen[2] is hidden
    for how in ("consistent", "independent"):
        assert all(one is was for one, was in zip(visible([table, cup], how, order), [table, cup], strict=True))
