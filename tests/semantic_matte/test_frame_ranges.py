"""Frame ranges: there and back for any set of frames, what others write, and slips."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semantic_matte.errors import UsageError
from semantic_matte.frame_ranges import MOST_FRAMES, gaps, parse_frames, range_text, usual_step

FRAMES = st.integers(-99_999, 99_999)
RUNS = st.builds(
    lambda start, count, step: list(range(start, start + count * step, step)),
    FRAMES,
    st.integers(1, 12),
    st.integers(1, 9),
)


SETS = st.one_of(
    st.lists(FRAMES, min_size=1, max_size=40),
    st.lists(RUNS, min_size=1, max_size=5).map(lambda runs: [number for run in runs for number in run]),
)


@given(SETS)
def test_a_text_stands_for_its_frames(frames: list[int]) -> None:
    text = range_text(frames)
    assert parse_frames(text) == tuple(sorted(set(frames)))
    # Nothing but commas parts it, and no list of the numbers would be shorter.
    assert len(text) <= len(",".join(map(str, sorted(set(frames)))))
    assert parse_frames(text.replace("x", ":")) == parse_frames(text)


@given(RUNS.filter(lambda run: len(run) > 2))
def test_even_steps_are_one_range(run: list[int]) -> None:
    assert "," not in range_text(run)


@pytest.mark.parametrize(
    ("text", "frames"),
    [
        ("1001", (1001,)),
        ("1-4", (1, 2, 3, 4)),
        ("1-10x3", (1, 4, 7, 10)),
        ("1-9x3", (1, 4, 7)),
        ("1-10:3", (1, 4, 7, 10)),
        ("10-1:-3", (1, 4, 7, 10)),
        ("10-1x-4", (2, 6, 10)),
        ("-5--1", (-5, -4, -3, -2, -1)),
        ("-2-2x2", (-2, 0, 2)),
        ("3-3", (3,)),
        ("3-3x-1", (3,)),
        ("1-3,20,30-40x5", (1, 2, 3, 20, 30, 35, 40)),
        ("1-3 20\t30-40x5", (1, 2, 3, 20, 30, 35, 40)),
        (" 5 , 1-2 ,2-3 ", (1, 2, 3, 5)),
        ("0007", (7,)),
        ("-0", (0,)),
        (f"1-{MOST_FRAMES}", tuple(range(1, MOST_FRAMES + 1))),
    ],
)
def test_what_people_and_farms_write(text: str, frames: tuple[int, ...]) -> None:
    assert parse_frames(text) == frames


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "there is none"),
        ("  ", "there is none"),
        (",", "missing beside a comma"),
        ("1,,2", "missing beside a comma"),
        ("1,", "missing beside a comma"),
        ("a", "'a' is no frame"),
        ("1-", "'1-' is no frame"),
        ("1 - 5", "'-' is no frame"),
        ("1-5x", "'1-5x' is no frame"),
        ("1x2", "'1x2' is no frame"),
        ("1.5", "'1.5' is no frame"),
        ("+1", "is no frame"),
        ("1-5%", "is no frame"),
        ("١-٣", "is no frame"),
        ("1–5", "is no frame"),
        ("1\n5", "is no frame"),
        ("1" * 10, "is no frame"),
        ("9" * 5000, "is no frame"),
        ("1-5x0", "step of 0"),
        ("1-5:-1", "never get from 1 to 5"),
        ("5-1", "never get from 5 to 1"),
        (f"1-{MOST_FRAMES + 1}", "more than 1,000,000"),
        ("1-600000,1-600000", "more than 1,000,000"),
        ("-999999999-999999999", "more than 1,000,000"),
    ],
)
def test_a_slip_is_one_sentence(text: str, said: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse_frames(text)
    message = str(raised.value)
    assert said in message
    assert message.endswith(".")
    assert "\n" not in message
    assert len(message) < 400


def test_short_texts() -> None:
    assert range_text([]) == ""
    assert range_text([1, 2]) == "1,2"
    assert range_text(range(1001, 1051, 2)) == "1001-1049x2"
    assert range_text([*range(1001, 1051, 2), 1060]) == "1001-1049x2,1060"
    assert range_text([1, 3, 4, 5, 6]) == "1,3-6"
    assert range_text([3, 1, 2, 2]) == "1-3"


@pytest.mark.parametrize(
    ("frames", "step", "left_out"),
    [
        ((5,), 1, ()),
        ((), 1, ()),
        ((1, 2, 3, 6), 1, (4, 5)),
        ((1, 3, 5, 9), 2, (7,)),
        ((1001, 1011, 1031), 10, (1021,)),
        ((1, 100), 99, ()),
        # As frequent as the other: the smaller.
        ((1, 2, 5), 1, (3, 4)),
        # A neighbour that keeps no step leaves nothing out.
        ((2, 4, 6, 7), 2, ()),
    ],
)
def test_gaps_go_by_the_usual_step(frames: tuple[int, ...], step: int, left_out: tuple[int, ...]) -> None:
    assert usual_step(frames) == step
    assert gaps(frames) == left_out


def test_a_wild_number_is_no_million_of_gaps() -> None:
    with pytest.raises(UsageError, match="--frames"):
        gaps((1, 2, 3, 900_000_000))
