"""Frames as text, and the numbers of their files."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semantic_matte.frame_ranges import parse_frames, range_text
from semantic_matte_client.nodes import frame_spans
from semantic_matte_client.nodes.frame_spans import FrameSpanError

FRAMES = st.sets(st.integers(-3000, 30000), min_size=1, max_size=40)


@pytest.mark.parametrize(
    ("text", "frames"),
    [
        ("7", (7,)),
        ("1-4", (1, 2, 3, 4)),
        ("1001-1010x3,1060", (1001, 1004, 1007, 1010, 1060)),
        ("1-5:2", (1, 3, 5)),
        ("3, 1;2 , 2", (1, 2, 3)),
        ("1 5 9-10", (1, 5, 9, 10)),
        ("1 - 3", (1, 2, 3)),
        ("-5--3", (-5, -4, -3)),
        ("-2-1", (-2, -1, 0, 1)),
        ("1 -5", (-5, 1)),
        ("  8\t", (8,)),
        ("4-4", (4,)),
    ],
)
def test_texts(text: str, frames: tuple[int, ...]) -> None:
    assert frame_spans.frames_of(text) == frames


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty: write numbers and ranges"),
        (" \t", "is empty"),
        ("ten", "'ten' is no frame and no range"),
        ("1,,2", "a number is missing beside a comma"),
        ("1,", "a number is missing beside a comma"),
        ("5-1", "runs backwards: write 1-5"),
        ("1-5x0", "has a step of 0"),
        ("1-5x-1", "is no frame"),
        ("1.5", "'1.5' is no frame"),
        ("1-9000000", "more than 1,000,000 frames"),
        ("99999999", "is no frame"),
        ("#" * 200, r"\.\.\.' '#"),
    ],
)
def test_what_is_no_frames(text: str, words: str) -> None:
    with pytest.raises(FrameSpanError, match=words):
        frame_spans.frames_of(text)


@given(FRAMES)
def test_text_and_back(frames: set[int]) -> None:
    text = frame_spans.text_of(frames)
    assert frame_spans.frames_of(text) == tuple(sorted(frames))


@given(FRAMES)
def test_the_engine_writes_and_reads_the_same(frames: set[int]) -> None:
    assert frame_spans.text_of(frames) == range_text(frames)
    assert parse_frames(frame_spans.text_of(frames)) == tuple(sorted(frames))


def test_no_frames_are_no_text() -> None:
    assert frame_spans.text_of([]) == ""


@given(FRAMES)
def test_offsets_make_no_number_negative(frames: set[int]) -> None:
    offset = frame_spans.offset_for(frames)
    numbers = [frame + offset for frame in frames]
    assert min(numbers) >= 0
    assert offset % 1000 == 0
    assert (offset == 0) == (min(frames) >= 0)
    assert min(numbers) < 1000 or offset == 0


def test_offsets() -> None:
    assert [frame_spans.offset_for([frame, 50]) for frame in (0, 1, -1, -1000, -1001)] == [
        0,
        0,
        1000,
        1000,
        2000,
    ]
    assert frame_spans.offset_for([]) == 0


def test_file_names() -> None:
    names = [frame_spans.file_name("plate", number) for number in (0, 7, 1001, 12345)]
    assert names == ["plate.0000.exr", "plate.0007.exr", "plate.1001.exr", "plate.12345.exr"]
    assert frame_spans.pattern("plate") == "plate.####.exr"
    with pytest.raises(ValueError, match="got -1: frames need an offset"):
        frame_spans.file_name("plate", -1)


@given(st.sets(st.integers(0, 99999), max_size=20))
def test_files_are_numbered(numbers: set[int]) -> None:
    names = [frame_spans.file_name("a+b", number) for number in numbers]
    others = [
        "a+b.1.exr",
        "a+b.00001.exr",
        "aab.0001.exr",
        "a+b.0001.png",
        "x.a+b.0001.exr",
        "a+b.0001.exr.part",
    ]
    found = frame_spans.numbered([*others, *names], "a+b")
    assert found == {number: frame_spans.file_name("a+b", number) for number in sorted(numbers)}
    assert list(found) == sorted(numbers)


def test_missing() -> None:
    assert frame_spans.missing([3, 1, 2, 9], {2, 5}) == (1, 3, 9)
    assert frame_spans.missing([], {2}) == ()
