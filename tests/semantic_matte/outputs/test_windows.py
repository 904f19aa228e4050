"""Which part of the frame a file holds."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semantic_matte.outputs.windows import covered_box, written_window
from semantic_matte.types import Box, Plate


def plate_of(height: int, width: int, data: Box | None = None, display: Box | None = None) -> Plate:
    return Plate(np.zeros((height, width, 3), np.float32), data_window=data, display_window=display)


WHOLE = Box(0, 0, 100, 60)
PLATE = plate_of(60, 100)


@pytest.mark.parametrize(
    ("covered", "choice", "window"),
    [
        # A border of two pixels of zeros around what is covered.
        ([Box(10, 20, 30, 25)], "tight", Box(8, 18, 32, 27)),
        ([Box(10, 20, 30, 25), Box(80, 5, 90, 7)], "tight", Box(8, 3, 92, 27)),
        # None where the plate ends.
        ([Box(0, 20, 30, 60)], "tight", Box(0, 18, 32, 60)),
        # The smaller margin on both sides: left 8 of 8 and 68, above 18 of 18 and 33.
        ([Box(10, 20, 30, 25)], "centred", Box(8, 18, 92, 42)),
        ([Box(0, 20, 30, 25)], "centred", Box(0, 18, 100, 42)),
        ([Box(10, 20, 30, 25)], "plate", WHOLE),
        ([], "plate", WHOLE),
        # 100 x 55 of 100 x 60 spare less than a tenth, 100 x 54 a tenth.
        ([Box(0, 0, 100, 53)], "tight", WHOLE),
        ([Box(0, 0, 100, 52)], "tight", Box(0, 0, 100, 54)),
        ([Box(0, 0, 100, 60)], "tight", WHOLE),
        # Nothing: the middle pixel (of an even side: two) and its border.
        ([], "tight", Box(47, 27, 53, 33)),
        ([], "centred", Box(47, 27, 53, 33)),
        # What lies outside the plate counts for nothing.
        ([Box(-50, -50, 0, 0)], "tight", Box(47, 27, 53, 33)),
        ([Box(-50, 20, 11, 70)], "tight", Box(0, 18, 13, 60)),
    ],
)
def test_windows(covered: list[Box], choice: str, window: Box) -> None:
    assert written_window(PLATE, covered, choice) == window


@pytest.mark.parametrize("size", list(itertools.product((1, 2, 3, 40, 41), repeat=2)))
@pytest.mark.parametrize("choice", ["centred", "tight"])
def test_nothing_covered_gives_a_small_legal_window_in_the_middle(size: tuple[int, int], choice: str) -> None:
    window = written_window(plate_of(*size), [], choice)
    assert window.width <= 6
    assert window.height <= 6
    assert (window.x0, window.y0) == (size[1] - window.x1, size[0] - window.y1)


SIZES = st.integers(1, 60)


@st.composite
def plates_and_boxes(draw: st.DrawFn) -> tuple[Plate, list[Box]]:
    height, width = draw(SIZES), draw(SIZES)
    boxes = []
    for _ in range(draw(st.integers(0, 4))):
        x0, y0 = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
        boxes.append(Box(x0, y0, draw(st.integers(x0 + 1, width)), draw(st.integers(y0 + 1, height))))
    return plate_of(height, width, Box(-7, 5, width - 7, height + 5)), boxes


@given(plates_and_boxes())
def test_everything_covered_is_inside_and_margins_are_equal_where_centred(
    case: tuple[Plate, list[Box]],
) -> None:
    plate, boxes = case
    tight, centred = (written_window(plate, boxes, choice) for choice in ("tight", "centred"))
    assert plate.box.intersection(centred) == centred
    assert centred.intersection(tight) == tight or tight == plate.box
    for box in boxes:
        assert tight.intersection(box) == box
        assert centred.intersection(box) == box
    assert centred.x0 == plate.box.x1 - centred.x1
    assert centred.y0 == plate.box.y1 - centred.y1
    for window in (tight, centred):
        assert window == plate.box or window.area <= 0.9 * plate.box.area


@given(plates_and_boxes())
def test_the_edge_of_a_cut_window_is_empty_unless_it_is_the_plates(case: tuple[Plate, list[Box]]) -> None:
    plate, boxes = case
    covered = np.zeros(plate.size, np.bool_)
    for box in boxes:
        covered[box.slices] = True
    window = written_window(plate, boxes, "tight")
    part = covered[window.slices]
    edges = [
        (part[:2], window.y0 == 0),
        (part[-2:], window.y1 == plate.box.y1),
        (part[:, :2], window.x0 == 0),
        (part[:, -2:], window.x1 == plate.box.x1),
    ]
    for edge, is_plates in edges:
        assert is_plates or not edge.any()


@given(
    st.integers(1, 12),
    st.integers(1, 12),
    st.lists(
        st.tuples(
            st.integers(0, 11), st.integers(0, 11), st.sampled_from([1.0, -1.0, 6e-8, 2e-8, -6e-8, -2e-8])
        ),
        max_size=4,
    ),
    st.booleans(),
)
def test_covered_is_what_half_does_not_round_to_zero(
    height: int, width: int, dots: list[tuple[int, int, float]], in_colour: bool
) -> None:
    crop = np.zeros((height, width, 3) if in_colour else (height, width), np.float32)
    for x, y, value in dots:
        if x < width and y < height:
            crop[(y, x, x % 3) if in_colour else (y, x)] = value
    solid = crop.astype(np.float16) != 0
    y, x = np.nonzero(solid.any(axis=2) if in_colour else solid)
    wanted = Box(x.min() + 5, y.min() - 2, x.max() + 6, y.max() - 1) if x.size else None
    assert covered_box(crop, Box(5, -2, 5 + width, height - 2)) == wanted


def test_the_smallest_half_is_covered_and_the_largest_float_that_becomes_0_is_not() -> None:
    window = Box(0, 0, 1, 1)
    for value, becomes in ((2**-25, 0.0), (np.nextafter(np.float32(2**-25), np.float32(1)), 2**-24)):
        crop = np.full((1, 1), value, np.float32)
        assert crop.astype(np.float16)[0, 0] == becomes
        assert (covered_box(crop, window) is not None) == (becomes != 0)
