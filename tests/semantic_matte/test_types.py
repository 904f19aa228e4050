"""Values are checked when they are built, and say what was wrong."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semantic_matte.errors import HintError, SemanticMatteError, TrimapError, ValueShapeError
from semantic_matte.types import Box, Hint, Instance, Matte, Plate, Trimap, require_array

GREY = np.full((4, 6, 3), 0.5, np.float32)
ONES = np.ones((2, 3), np.bool_)
ALPHA = np.full((2, 3), 0.5, np.float32)
INSTANCE = Instance(ONES, Box(1, 1, 4, 3), (4, 6), "dog", 0.5)
LEVELS = np.array([[0, 128, 255], [0, 128, 255]], np.uint8)

SPANS = st.tuples(st.integers(-50, 50), st.integers(1, 60)).map(lambda pair: (pair[0], sum(pair)))
BOXES = st.tuples(SPANS, SPANS).map(lambda spans: Box(spans[0][0], spans[1][0], spans[0][1], spans[1][1]))


def changed(array: np.ndarray, value: float) -> np.ndarray:
    """A copy with its first element set."""
    copy = array.copy()
    copy.flat[0] = value
    return copy


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda: Box(3, 0, 3, 5), ValueShapeError, r"x0 < x1 and y0 < y1, got \(3, 0, 3, 5\)"),
        (lambda: Box(0, 5, 3, 4), ValueShapeError, "x0 < x1 and y0 < y1"),
        (lambda: Plate(GREY.tolist()), ValueShapeError, "expected a numpy array, got list"),
        (lambda: Plate(GREY.astype(np.float64)), ValueShapeError, "expected dtype float32, got float64"),
        (lambda: Plate(GREY[..., 0]), ValueShapeError, r"expected shape \(any, any, 3\), got \(4, 6\)"),
        (lambda: Plate(GREY[..., :2]), ValueShapeError, r"got \(4, 6, 2\)"),
        (lambda: Plate(GREY[:0]), ValueShapeError, "at least one pixel"),
        (lambda: Plate(changed(GREY, np.nan)), ValueShapeError, "finite"),
        (lambda: Plate(changed(GREY, -np.inf)), ValueShapeError, "finite"),
        (lambda: Plate(GREY, data_window=Box(0, 0, 4, 6)), ValueShapeError, "data window .* does not fit"),
        (lambda: Plate(GREY, pixel_aspect=0), ValueShapeError, "pixel aspect"),
        (lambda: Plate(GREY, pixel_aspect=float("nan")), ValueShapeError, "pixel aspect"),
        (lambda: Instance(ALPHA, Box(0, 0, 3, 2), (4, 6), "dog", 1), ValueShapeError, "dtype bool"),
        (lambda: Instance(ONES, Box(0, 0, 2, 3), (4, 6), "dog", 1), ValueShapeError, r"got \(2, 3\)"),
        (lambda: Instance(ONES, Box(4, 0, 7, 2), (4, 6), "dog", 1), ValueShapeError, "leaves the frame of 6x4"),
        (lambda: Instance(~ONES, Box(0, 0, 3, 2), (4, 6), "dog", 1), ValueShapeError, "mask with pixels"),
        (lambda: Instance(ONES, Box(0, 0, 3, 2), (4, 6), "dog", 1.5), ValueShapeError, "score in 0..1"),
        (lambda: Instance(ONES, Box(0, 0, 3, 2), (4, 6), "dog", float("nan")), ValueShapeError, "score"),
        (lambda: Instance(ONES, Box(0, 0, 3, 2), (4, 6), "", 1), ValueShapeError, "label"),
        (lambda: Instance.from_mask(~ONES, "dog", 1), ValueShapeError, "'dog': expected a mask with pixels"),
        (lambda: Trimap(LEVELS.astype(np.int32), Box(0, 0, 3, 2), (2, 3)), ValueShapeError, "dtype uint8"),
        (lambda: Trimap(LEVELS, Box(0, 0, 2, 3), (2, 3)), ValueShapeError, "expected shape"),
        (lambda: Trimap(changed(LEVELS, 7), Box(0, 0, 3, 2), (4, 6)), TrimapError, "got 1 other pixels"),
        (lambda: Trimap.from_levels(np.minimum(LEVELS, 128)), TrimapError, "no known foreground.*white"),
        (lambda: Trimap.from_levels(np.maximum(LEVELS, 128)), TrimapError, "no known background.*black"),
        (lambda: Trimap.from_levels(LEVELS[..., None]), ValueShapeError, "expected shape"),
        (lambda: Trimap.from_levels(LEVELS[:0]), SemanticMatteError, "expected"),
        (lambda: Trimap(LEVELS, Box(5, 0, 8, 2), (4, 6)), SemanticMatteError, "frame"),
        (lambda: Matte(INSTANCE, ALPHA.astype(np.float64), Box(0, 0, 3, 2)), ValueShapeError, "dtype float32"),
        (lambda: Matte(INSTANCE, ALPHA, Box(0, 0, 2, 3)), ValueShapeError, "expected shape"),
        (lambda: Matte(INSTANCE, ALPHA * 3, Box(0, 0, 3, 2)), ValueShapeError, r"0..1, got 1.5..1.5"),
        (lambda: Matte(INSTANCE, -ALPHA, Box(0, 0, 3, 2)), ValueShapeError, "0..1"),
        (lambda: Matte(INSTANCE, changed(ALPHA, np.nan), Box(0, 0, 3, 2)), ValueShapeError, "0..1"),
        (lambda: Matte(INSTANCE, ALPHA, Box(0, 0, 3, 2), ALPHA[:1]), ValueShapeError, "spread.*shape"),
        (lambda: Matte(INSTANCE, ALPHA, Box(0, 0, 3, 2), ALPHA * 4), ValueShapeError, "spread"),
        (lambda: Matte(INSTANCE, ALPHA, Box(5, 0, 8, 2)), ValueShapeError, "frame"),
        (lambda: Hint(), HintError, "one of mask, box or points .* got 0"),
        (lambda: Hint(mask=ONES, box=Box(0, 0, 1, 1)), HintError, "got 2"),
        (lambda: Hint(mask=ALPHA), ValueShapeError, "hint: mask: expected dtype bool"),
        (lambda: Hint(points=((1.0, 1.0, False),)), HintError, "at least one point on the object"),
    ],
)
def test_a_wrong_value_says_what_was_expected(
    build: Callable[[], Any], error: type[SemanticMatteError], message: str
) -> None:
    with pytest.raises(error, match=message):
        build()


@pytest.mark.parametrize(
    "value",
    [
        Box(0, 0, 1, 1),
        Plate(GREY),
        INSTANCE,
        Trimap.from_levels(LEVELS),
        Matte(INSTANCE, ALPHA, Box(0, 0, 3, 2)),
        Hint(box=Box(0, 0, 1, 1)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_are_frozen(value: Any) -> None:
    name = dataclasses.fields(value)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(value, name, None)


@pytest.mark.parametrize(
    ("dimensions", "fits"),
    [
        ((2, 3), True),
        ((None, 3), True),
        ((None, None), True),
        ((2,), False),
        ((2, 3, None), False),
        ((3, 2), False),
    ],
)
def test_require_array_compares_sizes(dimensions: tuple[int | None, ...], fits: bool) -> None:
    if fits:
        require_array("it", ONES, np.bool_, dimensions)
    else:
        with pytest.raises(ValueShapeError, match="it: expected shape"):
            require_array("it", ONES, np.bool_, dimensions)


@given(BOXES, BOXES, st.integers(0, 20))
def test_boxes_agree_with_sets_of_pixels(one: Box, other: Box, pixels: int) -> None:
    def inside(box: Box) -> set[tuple[int, int]]:
        return {(x, y) for x in range(box.x0, box.x1) for y in range(box.y0, box.y1)}

    common = one.intersection(other)
    assert (set() if common is None else inside(common)) == inside(one) & inside(other)
    assert one.area == len(inside(one)) == one.width * one.height
    assert one.union(other).intersection(one) == one
    assert one.union(other) == other.union(one)
    assert one.padded(pixels).intersection(one) == one
    assert one.relative_to(other).shifted(other.x0, other.y0) == one
    assert one.mean_side == (one.width + one.height) / 2
    assert Box(*one.as_list()) == one


@given(seed=st.integers(0, 10_000), height=st.integers(1, 12), width=st.integers(1, 12))
def test_a_mask_comes_back_from_its_crop(seed: int, height: int, width: int) -> None:
    mask = np.random.default_rng(seed).random((height, width)) > 0.7
    box = Box.around(mask)
    if box is None:
        assert not mask.any()
        return
    instance = Instance.from_mask(mask, "dog", 0.5)
    assert instance.box == box
    np.testing.assert_array_equal(instance.mask, mask)
    assert instance.area == mask.sum()
    # Any window, also one that leaves the frame.
    window = Box(-2, 1, width + 3, height + 2)
    padded = np.pad(mask, ((0, 3), (2, 3)))[1 : height + 2]
    np.testing.assert_array_equal(instance.mask_on(window), padded)
    # The same from a window of the frame: here the frame starts at (3, 2) of a larger array.
    larger = np.pad(mask, ((2, 0), (3, 0)))
    placed = Instance.from_mask(larger, "dog", 0.5, offset=Box(3, 2, 3 + width, 2 + height))
    assert (placed.box, placed.frame_size) == (box, (height, width))
    np.testing.assert_array_equal(placed.mask, mask)


def test_a_plate_may_be_dark_bright_and_large() -> None:
    pixels = GREY.copy()
    pixels[0, 0] = (-2.0, 70000.0, np.finfo(np.float32).max)
    pixels[1] = np.finfo(np.float32).max
    plate = Plate(pixels, data_window=Box(-3, 5, 3, 9))
    assert plate.size == (4, 6)
    assert plate.box == Box(0, 0, 6, 4)
    assert plate.display_window == plate.data_window == Box(-3, 5, 3, 9)
    assert Plate(GREY).data_window == Box(0, 0, 6, 4)


def test_a_trimap_counts_anything_between_as_unknown() -> None:
    levels = np.array([[0, 1, 127, 254, 255]], np.uint8)
    trimap = Trimap.from_levels(levels)
    np.testing.assert_array_equal(trimap.levels, [[0, 128, 128, 128, 255]])
    np.testing.assert_array_equal(trimap.unknown, [[False, True, True, True, False]])
    np.testing.assert_array_equal(trimap.foreground, [[False, False, False, False, True]])
    np.testing.assert_array_equal(levels, [[0, 1, 127, 254, 255]])


def test_a_trimap_smaller_than_its_frame_has_background_around() -> None:
    levels = np.full((2, 3), 255, np.uint8)
    assert not Trimap(levels, Box(1, 1, 4, 3), (4, 6)).unknown.any()


def test_a_matte_lies_on_its_frame() -> None:
    matte = Matte(INSTANCE, ALPHA, Box(2, 1, 5, 3), ALPHA / 2)
    expected = np.zeros((4, 6), np.float32)
    expected[1:3, 2:5] = 0.5
    np.testing.assert_array_equal(matte.alpha, expected)
    np.testing.assert_array_equal(matte.spread, expected / 2)
    np.testing.assert_array_equal(Matte(INSTANCE, ALPHA, Box(2, 1, 5, 3)).spread, 0)
    assert (matte.label, matte.slot, matte.frame_size) == ("dog", "", (4, 6))
