"""The hidden knobs' texts: what is written is read again, and what is damaged is told."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semantic_matte_client.nodes.instance_table import Row
from semantic_matte_client.nodes.result_records import SlotFound
from semantic_matte_nuke import stored_values
from semantic_matte_nuke.stored_values import ShownResults, StoredValueError

SHOWN = ShownResults(
    folder="/shots/a b/cache",
    views=("left", "right"),
    stem="plate",
    frames=(1001, 1002, 1005),
    offset=0,
    hold=False,
    size=(1920, 1080),
    words="3 frames, by starter",
    slots=(SlotFound("sm_person_01", "person", 0.5, "1001-1002"),),
)
any_text = st.text(max_size=40)
layer = st.from_regex(r"sm_[a-z0-9_]{1,20}", fullmatch=True)


@st.composite
def shown_results(draw: st.DrawFn) -> ShownResults:
    slots = draw(st.lists(st.builds(SlotFound, layer, any_text, st.floats(0, 1), any_text), max_size=4))
    return ShownResults(
        folder=draw(st.text(min_size=1, max_size=60)),
        views=tuple(draw(st.lists(st.text(min_size=1, max_size=10), min_size=1, max_size=3))),
        stem=draw(st.text(min_size=1, max_size=10)),
        frames=tuple(sorted(draw(st.sets(st.integers(-2000, 9000), min_size=1, max_size=20)))),
        offset=draw(st.integers(0, 5000)),
        hold=draw(st.booleans()),
        size=(draw(st.integers(1, 9000)), draw(st.integers(1, 9000))),
        words=draw(any_text),
        slots=tuple(slots),
    )


@settings(max_examples=500)
@given(shown_results())
def test_a_result_is_read_as_it_was_written(shown: ShownResults) -> None:
    text = shown.as_json()
    assert text.isascii()
    assert "\n" not in text
    assert stored_values.from_json(text) == shown


@settings(max_examples=500)
@given(st.lists(st.builds(Row, layer, layer, *[any_text] * 2, st.floats(0, 1), any_text), max_size=5))
def test_rows_are_read_as_they_were_written(rows: list[Row]) -> None:
    unique = list({row.slot: row for row in {row.key: row for row in rows}.values()}.values())
    text = stored_values.rows_json(unique)
    assert text.isascii()
    assert stored_values.rows_from(text) == tuple(unique)


def test_nothing_stored_is_no_result() -> None:
    assert stored_values.from_json("") is None
    assert stored_values.rows_from(" ") == ()


def test_a_view_has_its_own_folder() -> None:
    results = SHOWN.of_view("right")
    assert results.mattes_file(1002).replace("\\", "/") == "/shots/a b/cache/right/plate.mattes.1002.exr"
    with pytest.raises(ValueError, match="left, right"):
        SHOWN.of_view("main")


DAMAGED = [
    "{",
    "[]",
    "null",
    '"text"',
    "[" * 100_000,
    *(
        json.dumps({k: v for k, v in json.loads(SHOWN.as_json()).items() if k != name})
        for name in ("folder", "views", "stem", "frames", "offset", "hold", "size", "words", "slots")
    ),
    *(
        json.dumps({**json.loads(SHOWN.as_json()), name: value})
        for name, value in (
            ("folder", 3),
            ("folder", ""),
            ("views", []),
            ("views", [1]),
            ("frames", ""),
            ("frames", "1-"),
            ("offset", True),
            ("offset", 1.5),
            ("hold", 1),
            ("size", [1]),
            ("size", 7),
            ("slots", [{}]),
            ("slots", [{"slot": "sm_a;exec", "label": "", "score": 1, "frames": ""}]),
        )
    ),
]


@pytest.mark.parametrize("text", DAMAGED, ids=range(len(DAMAGED)))
def test_a_damaged_result_is_told_in_a_sentence(text: str) -> None:
    with pytest.raises(StoredValueError, match=r"damaged .* Generate again"):
        stored_values.from_json(text)


def row(**changes: Any) -> str:
    return json.dumps([{**json.loads(stored_values.rows_json([Row("sm_a", "sm_a")]))[0], **changes}])


@pytest.mark.parametrize(
    "text",
    [
        "[",
        "{}",
        "[3]",
        row(key="A B"),
        row(slot="sm_a.alpha"),
        row(enabled=1),
        row(title=None),
        row(score="1"),
        json.dumps(json.loads(row()) * 2),
    ],
)
def test_damaged_rows_are_told_in_a_sentence(text: str) -> None:
    with pytest.raises(StoredValueError, match=r"instances is damaged .* Generate again"):
        stored_values.rows_from(text)


def test_a_field_of_another_version_is_left_out() -> None:
    assert stored_values.rows_from(row(colour="red")) == (Row("sm_a", "sm_a"),)
