"""Which file a Read shows at a frame, and which words of expressions count."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semantic_matte_nuke import described_knobs, plate_frames
from semantic_matte_nuke.plate_frames import ReadRange

SHOT = (1001, 1010)

ROWS: list[tuple[ReadRange, int, int | None]] = [
    (ReadRange(*SHOT), 1005, 1005),
    (ReadRange(*SHOT), 990, 1001),
    (ReadRange(*SHOT), 1020, 1010),
    (ReadRange(*SHOT, before="black"), 990, None),
    (ReadRange(*SHOT, after="black"), 1011, None),
    (ReadRange(*SHOT, after="loop"), 1011, 1001),
    (ReadRange(*SHOT, before="loop"), 1000, 1010),
    (ReadRange(*SHOT, after="bounce"), 1011, 1009),
    (ReadRange(*SHOT, before="bounce"), 1000, 1002),
    (ReadRange(*SHOT, mode="start at", text="1"), 1, 1001),
    (ReadRange(*SHOT, mode="start at", text="1"), 10, 1010),
    (ReadRange(*SHOT, mode="offset", text="1000"), 5, 1005),
    (ReadRange(*SHOT, text="frame+1000"), 5, 1005),
    (ReadRange(*SHOT, text="frame - 2"), 1005, 1003),
    (ReadRange(*SHOT, text="1007"), 3, 1007),
    (ReadRange(*SHOT, text="frame*2"), 1005, 1005),
]


@pytest.mark.parametrize(("span", "frame", "expected"), ROWS)
def test_the_number_of_a_file(span: ReadRange, frame: int, expected: int | None) -> None:
    assert span.number(frame) == expected


@pytest.mark.parametrize(
    ("text", "mode", "plain"),
    [
        ("", "expression", True),
        ("frame", "expression", True),
        ("", "offset", True),
        ("0", "offset", True),
        ("1", "offset", False),
        ("1001", "start at", True),
        ("1", "start at", False),
        ("frame*2", "expression", False),
        ("frame+1", "expression", False),
        ("1001", "expression", False),
    ],
)
def test_what_is_plain(text: str, mode: str, plain: bool) -> None:
    assert ReadRange(*SHOT, mode=mode, text=text).is_plain is plain


@given(
    first=st.integers(-50, 50),
    count=st.integers(1, 20),
    frame=st.integers(-200, 200),
    manner=st.sampled_from(["hold", "loop", "bounce"]),
)
def test_a_number_lies_in_the_range(first: int, count: int, frame: int, manner: str) -> None:
    last = first + count - 1
    span = ReadRange(first, last, manner, manner)
    number = span.number(frame)
    assert number is not None
    assert first <= number <= last
    if manner == "loop":
        assert number == span.number(frame + count)
    if manner == "bounce" and count > 1:
        assert number == span.number(frame + 2 * count - 2)
        following = span.number(frame + 1)
        assert following is not None
        assert abs(following - number) == 1


@pytest.mark.parametrize(
    ("frame", "first", "increment", "expected"), [(5, 3, 0, 3), (5, 1, 2, 5), (6, 1, 2, 5), (-3, 1, 4, -3)]
)
def test_a_held_frame(frame: int, first: int, increment: int, expected: int) -> None:
    assert plate_frames.held_frame(frame, first, increment) == expected


@pytest.mark.parametrize(
    ("text", "path", "view", "ordinal", "expected"),
    [
        ("/a/plate.%04d.exr", "/a/plate.1001.exr", "left", 0, "plate.1001.exr"),
        ("/a/%V/plate.####.exr", "/a/left/plate.1001.exr", "left", 0, "plate.1001.exr (left)"),
        ("/a/%04d/plate.exr", "/a/1001/plate.exr", "left", 2, "1001/plate.exr (file 2)"),
        ("C:\\a\\photo.png", "C:\\a\\photo.png", "main", 0, "photo.png"),
    ],
)
def test_what_a_file_is_called(text: str, path: str, view: str, ordinal: int, expected: str) -> None:
    assert plate_frames.title(text, path, view, ordinal) == expected


def test_names_in_expressions() -> None:
    text = "Grade1.multiply + parent.Grade1.add * MyGrade1.x + Grade10.y"
    assert described_knobs.named_knobs([text], "Grade1") == ["add", "multiply"]
    renamed = described_knobs.without_names(text, {"Grade1": "@0", "Grade10": "@1"})
    assert renamed == "@0.multiply + parent.@0.add * MyGrade1.x + @1.y"


@pytest.mark.parametrize(
    ("text", "moves"),
    [("frame/2", True), ("sin(t)", True), ("[frame]", True), ("2*3", False), ("Text1.x + 1", False)],
)
def test_what_may_move(text: str, moves: bool) -> None:
    assert described_knobs.may_move(text) is moves
