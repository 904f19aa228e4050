"""The measures against numbers worked by hand, a slow second version, and their properties."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from semantic_matte import evaluation
from semantic_matte.errors import ValueShapeError
from semantic_matte.types import BoolArray, FloatArray

MATTING_ERRORS = [
    evaluation.sad,
    evaluation.mse,
    evaluation.gradient,
    evaluation.connectivity,
]


def row(*values: float) -> FloatArray:
    return np.array([values], dtype=np.float32)


# --- worked by hand ---


def test_sad_and_mse_by_hand() -> None:
    alpha, truth = row(0, 0.5, 1, 0.25), row(0, 1, 1, 0)
    # |differences| 0, .5, 0, .25: sum .75, in thousands .00075; squares .25 + .0625 over 4 pixels.
    assert evaluation.sad(alpha, truth) == pytest.approx(0.00075)
    assert evaluation.mse(alpha, truth) == pytest.approx(0.078125)
    # Only the second and third pixel unknown: sum .5; .25 over 2 pixels.
    unknown = np.array([[False, True, True, False]])
    assert evaluation.sad(alpha, truth, unknown) == pytest.approx(0.0005)
    assert evaluation.mse(alpha, truth, unknown) == pytest.approx(0.125)


def test_gradient_of_a_single_pixel_by_hand() -> None:
    truth = np.zeros((21, 21), dtype=np.float32)
    alpha = truth.copy()
    alpha[10, 10] = 0.5
    # One pixel gives back the two kernels times .5. Each has unit norm, so the squared magnitudes
    # sum to .25 + .25; in thousands .0005.
    assert evaluation.gradient(alpha, truth) == pytest.approx(0.0005, rel=1e-6)


@pytest.mark.parametrize(
    ("alpha", "truth", "expected"),
    [
        # An island of .5 beside a body that the truth lacks: level 0, so all of its .5 hangs loose.
        (row(1, 1, 0, 0.5), row(1, 1, 0, 0), 0.5),
        # The same island in both, .3 and .5 loose: .2 apart.
        (row(1, 1, 0, 0.3), row(1, 1, 0, 0.5), 0.2),
        # Loose by less than theta = .15 counts as connected.
        (row(1, 1, 0, 0.125), row(1, 1, 0, 0), 0.0),
        # Joined to the body up to .5: nothing of alpha is loose, .5 of the truth is.
        (row(1, 1, 0.5), row(1, 1, 1), 0.5),
        # A corner is no connection (4-neighbours): the body is the left column, so at (1, 2) all 1
        # of the truth is loose and alpha's .125 is below theta. With 8 neighbours .9 would be.
        (
            np.array([[1, 0, 0], [1, 0.0, 0.125], [0, 1, 0.0]], np.float32),
            np.array([[1, 0, 0], [1, 0.0, 1.0], [0, 1, 0.0]], np.float32),
            1.0,
        ),
    ],
)
def test_connectivity_by_hand(alpha: FloatArray, truth: FloatArray, expected: float) -> None:
    assert evaluation.connectivity(alpha, truth) == pytest.approx(expected / 1000, abs=1e-9)


def test_connectivity_takes_an_8_bit_level_as_the_threshold_that_it_names() -> None:
    # 153 / 255 is .6. Taken for less, its level would be .5 and the truth's 166 / 255 = .651 would
    # be loose by .151; at level .6 it is loose by .051 only, below theta.
    alpha, truth = row(1, 153 / 255), row(1, 166 / 255)
    assert evaluation.connectivity(alpha, truth) == 0


def test_matting_score_measures_where_the_trimap_is_neither_0_nor_255() -> None:
    alpha, truth = row(0.5, 0.5, 0.5, 0.5), row(0, 0, 1, 1)
    levels = np.array([[0, 1, 254, 255]], dtype=np.uint8)
    score = evaluation.matting_score(alpha, truth, levels)
    unknown = np.array([[False, True, True, False]])
    assert score.sad == pytest.approx(0.001)
    assert score.mse == pytest.approx(0.25)
    assert score.gradient == evaluation.gradient(alpha, truth, unknown)
    assert score.connectivity == evaluation.connectivity(alpha, truth, unknown)


def test_dtssd_by_hand() -> None:
    # One pixel. Changes .5, 0 against 0, 1: .5 and 1 off, mean .75, times 100.
    alphas, truths = row(0, 0.5, 0.5).reshape(3, 1, 1), row(0, 0, 1).reshape(3, 1, 1)
    assert evaluation.dtssd(alphas, truths) == pytest.approx(75)
    # Two pixels, one step, .6 and .8 off: root of (.36 + .64) / 2.
    alphas = np.array([[[0, 0]], [[0.6, 0.8]]], dtype=np.float32)
    assert evaluation.dtssd(alphas, np.zeros_like(alphas)) == pytest.approx(100 * math.sqrt(0.5))


def test_dtssd_forgives_what_is_wrong_but_steady() -> None:
    truths = np.random.default_rng(0).uniform(0, 0.5, (4, 5, 6)).astype(np.float32)
    assert evaluation.dtssd(truths + np.float32(0.25), truths) == pytest.approx(0, abs=1e-5)


def test_mask_iou_by_hand() -> None:
    first = np.array([[True, True, False, False]])
    second = np.array([[False, True, True, False]])
    empty = np.zeros((1, 4), dtype=np.bool_)
    assert evaluation.mask_iou(first, second) == pytest.approx(1 / 3)
    assert evaluation.mask_iou(first, first) == 1
    assert evaluation.mask_iou(first, empty) == 0
    assert evaluation.mask_iou(empty, empty) == 1


# --- wrong input ---


@pytest.mark.parametrize("error", MATTING_ERRORS)
@pytest.mark.parametrize(
    ("alpha", "truth", "unknown"),
    [
        (row(0, 1).astype(np.float64), row(0, 1), None),
        (row(0, 1), np.array([[0, 255]], np.uint8), None),
        (row(0, 1)[0], row(0, 1)[0], None),
        (row(0, 1), row(0, 1, 1), None),
        (row(0, 1.5), row(0, 1), None),
        (row(0, 1), row(-0.1, 1), None),
        (row(0, math.nan), row(0, 1), None),
        (np.zeros((0, 4), np.float32), np.zeros((0, 4), np.float32), None),
        (row(0, 1), row(0, 1), np.zeros((1, 2), np.uint8)),
        (row(0, 1), row(0, 1), np.zeros((2, 1), np.bool_)),
        (row(0, 1), row(0, 1), np.zeros((1, 2), np.bool_)),
    ],
)
def test_wrong_matting_input_is_refused(
    error: Callable[..., float], alpha: Any, truth: Any, unknown: Any
) -> None:
    with pytest.raises(ValueShapeError, match="expected"):
        error(alpha, truth, unknown)


def test_other_wrong_input_is_refused() -> None:
    one_frame = np.zeros((1, 2, 2), np.float32)
    with pytest.raises(ValueShapeError, match="at least 2 frames"):
        evaluation.dtssd(one_frame, one_frame)
    with pytest.raises(ValueShapeError, match="shape"):
        evaluation.dtssd(np.zeros((2, 2, 2), np.float32), np.zeros((3, 2, 2), np.float32))
    with pytest.raises(ValueShapeError, match="bool"):
        evaluation.mask_iou(row(0, 1), row(0, 1))  # type: ignore[arg-type]
    with pytest.raises(ValueShapeError, match="uint8"):
        evaluation.matting_score(row(0, 1), row(0, 1), row(0, 1))  # type: ignore[arg-type]


# --- properties ---


def alpha_pairs(count: int) -> st.SearchStrategy[FloatArray]:
    """(count, H, W) float32 on the 8-bit levels, with many pixels at 0 and 1 as in real mattes."""
    levels = st.one_of(st.sampled_from([0, 255]), st.integers(0, 255))
    sizes = st.tuples(st.just(count), st.integers(1, 9), st.integers(1, 9))
    return arrays.arrays(np.uint8, sizes, elements=levels).map(lambda bytes_: (bytes_ / 255).astype(np.float32))


@given(alpha_pairs(1))
def test_the_truth_itself_has_no_error(pair: FloatArray) -> None:
    assert [error(pair[0], pair[0]) for error in MATTING_ERRORS] == [0, 0, 0, 0]


@given(alpha_pairs(2))
def test_errors_are_symmetric_and_not_negative(pair: FloatArray) -> None:
    for error in MATTING_ERRORS:
        there, back = error(pair[0], pair[1]), error(pair[1], pair[0])
        assert there == pytest.approx(back, rel=1e-6, abs=1e-12)
        assert there >= 0


@given(alpha_pairs(2), st.floats(0, 1), st.floats(0, 1))
def test_sad_and_mse_grow_with_the_error(pair: FloatArray, first: float, second: float) -> None:
    truth, far = pair
    small, large = sorted([np.float32(first), np.float32(second)])
    nearer = np.clip(truth + small * (far - truth), 0, 1)
    farther = np.clip(truth + large * (far - truth), 0, 1)
    assert evaluation.sad(nearer, truth) <= evaluation.sad(farther, truth) + 1e-8
    assert evaluation.mse(nearer, truth) <= evaluation.mse(farther, truth) + 1e-6


# --- a second, literal version of the published code ---


def slow_gradient_error(alpha: FloatArray, truth: FloatArray, unknown: BoolArray) -> float:
    sigma, radius = 1.4, 4
    kernel = np.zeros((9, 9))
    for i in range(9):
        for j in range(9):
            u, v = i - radius, j - radius
            bell = math.exp(-(u**2) / (2 * sigma**2)) / (sigma * math.sqrt(2 * math.pi))
            slope = -v * math.exp(-(v**2) / (2 * sigma**2)) / (sigma**3 * math.sqrt(2 * math.pi))
            kernel[i, j] = bell * slope
    kernel /= math.sqrt((kernel**2).sum())

    def magnitude(picture: FloatArray, y: int, x: int) -> float:
        along_x = along_y = 0.0
        height, width = picture.shape
        for i in range(9):
            for j in range(9):
                near_y = min(max(y + radius - i, 0), height - 1)
                near_x = min(max(x + radius - j, 0), width - 1)
                along_x += kernel[i, j] * float(picture[near_y, near_x])
                along_y += kernel[j, i] * float(picture[near_y, near_x])
        return math.sqrt(along_x**2 + along_y**2)

    places = np.argwhere(unknown).tolist()
    return sum((magnitude(alpha, y, x) - magnitude(truth, y, x)) ** 2 for y, x in places) / 1000


def slow_largest_region(mask: BoolArray) -> set[tuple[int, int]]:
    left = {(int(y), int(x)) for y, x in np.argwhere(mask)}
    largest: set[tuple[int, int]] = set()
    for start in sorted(left, key=lambda place: (place[1], place[0])):
        region, border = set[tuple[int, int]](), [start] if start in left else []
        while border:
            y, x = border.pop()
            if (y, x) in left:
                left.remove((y, x))
                region.add((y, x))
                border += [(y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)]
        if len(region) > len(largest):
            largest = region
    return largest


def slow_connectivity_error(alpha: FloatArray, truth: FloatArray, unknown: BoolArray) -> float:
    steps = [np.float32(step / 10) for step in range(11)]
    level = np.full(alpha.shape, -1, dtype=np.float32)
    for i in range(1, 11):
        region = slow_largest_region((alpha >= steps[i]) & (truth >= steps[i]))
        for y, x in np.ndindex(alpha.shape):
            if level[y, x] == -1 and (y, x) not in region:
                level[y, x] = steps[i - 1]
    level[level == -1] = 1
    total = 0.0
    for y, x in np.argwhere(unknown):
        phi = []
        for picture in (alpha, truth):
            above = picture[y, x] - level[y, x]
            phi.append(1 - float(above) * bool(above >= np.float32(0.15)))
        total += float(abs(phi[0] - phi[1]))
    return total / 1000


@settings(max_examples=40, deadline=None)
@given(alpha_pairs(2), st.integers(0, 2**32 - 1))
def test_the_literal_version_agrees(pair: FloatArray, seed: int) -> None:
    alpha, truth = pair
    unknown = np.random.default_rng(seed).random(alpha.shape) < 0.7
    unknown[0, 0] = True
    assert evaluation.gradient(alpha, truth, unknown) == pytest.approx(
        slow_gradient_error(alpha, truth, unknown), abs=1e-9
    )
    assert evaluation.connectivity(alpha, truth, unknown) == pytest.approx(
        slow_connectivity_error(alpha, truth, unknown), abs=1e-9
    )
