"""Which of several objects is meant, and what `find` and its neighbours refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import semantic_matte as sm
from semantic_matte.errors import SettingsError, UnknownNameError
from semantic_matte.segmenters.choice import Wanted
from semantic_matte.segmenters.coco import COCO_NAMES, SUPERCATEGORIES
from semantic_matte.settings import split_terms
from semantic_matte.types import Box, Instance

FRAME = (60, 100)


def rectangle(x0: int, y0: int, x1: int, y1: int, label: str = "dog", score: float = 0.5) -> Instance:
    crop = np.ones((y1 - y0, x1 - x0), dtype=np.bool_)
    return Instance(crop, Box(x0, y0, x1, y1), FRAME, label, score)


# Surest first. The third is the largest and the nearest to the centre (50, 30).
LEFT = rectangle(2, 40, 12, 50, score=0.9)
TOP_RIGHT = rectangle(80, 0, 95, 10, score=0.8)
MIDDLE = rectangle(40, 15, 70, 40, score=0.7)
CAT = rectangle(0, 0, 5, 5, "cat", 0.6)
CAR = rectangle(10, 52, 60, 60, "car", 0.5)
ALL = [LEFT, TOP_RIGHT, MIDDLE, CAT, CAR]


def chosen(*find: str) -> list[Instance]:
    return Wanted.of(sm.Settings(find=find), COCO_NAMES).select(ALL)


@pytest.mark.parametrize(
    ("find", "meant"),
    [
        ((), ALL),
        (("dog",), [LEFT, TOP_RIGHT, MIDDLE]),
        (("animal",), [LEFT, TOP_RIGHT, MIDDLE, CAT]),
        (("animals", "vehicle"), ALL),
        (("dog:largest",), [MIDDLE]),
        (("dog:smallest",), [LEFT]),
        (("dog:centre",), [MIDDLE]),
        (("dog:center",), [MIDDLE]),
        (("dog:left",), [LEFT]),
        (("animal:left",), [CAT]),
        (("dog:right",), [TOP_RIGHT]),
        (("dog:top",), [TOP_RIGHT]),
        (("dog:bottom",), [LEFT]),
        (("dog:1",), [LEFT]),
        (("dog:3",), [MIDDLE]),
        (("dog:4",), []),
        ((":largest",), [MIDDLE]),
        (("dogs:2", "cat"), [TOP_RIGHT, CAT]),
        # The order is that of the finds, and none comes twice.
        (("cat", "dog:left", ":1"), [LEFT, CAT]),
        (("dog:at(40,15)",), [MIDDLE]),
        (("dog:at(39.9,15)",), []),
        (("dog:at(69.5, 39.5)",), [MIDDLE]),
        (("dog:at(70,20)",), []),
        (("dog:at(-5,20)",), []),
        ((":in(0,0,50,60)",), [LEFT, CAT, CAR]),
        ((":in(0,0,50,60):right",), [CAR]),
        ((":right:in(0,0,50,60)",), []),
    ],
)
def test_who_is_meant(find: tuple[str, ...], meant: list[Instance]) -> None:
    assert [id(one) for one in chosen(*find)] == [id(one) for one in meant]


def test_a_hole_in_a_mask_is_not_the_object() -> None:
    crop = np.ones((10, 10), dtype=np.bool_)
    crop[4:6, 4:6] = False
    ring = Instance(crop, Box(10, 10, 20, 20), FRAME, "donut", 0.9)
    wanted = Wanted.of(sm.Settings(find=[":at(14,14)"]), COCO_NAMES)
    assert wanted.select([ring]) == []


@pytest.mark.parametrize(
    "term",
    [
        "dog:biggest",
        "dog:0",
        "dog:-1",
        "dog:1.5",
        "dog:²",
        "dog:",
        "dog:at(1)",
        "dog:at(1,x)",
        "dog:at(1,nan)",
        "dog:in(1,2,3)",
        "dog:in(5,0,5,9)",
        "dog:in(0,0,inf,9)",
        "dog:at 1,2",
    ],
)
def test_what_is_no_selector_is_refused(term: str) -> None:
    with pytest.raises(SettingsError, match="is no selector") as raised:
        chosen(term)
    assert f"'{term}'" in str(raised.value)
    assert "Known: largest" in str(raised.value)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a,b", ["a", "b"]),
        ("car:in(0,0,9,9),dog", ["car:in(0,0,9,9)", "dog"]),
        (" red umbrella , ", ["red umbrella", ""]),
        ("a),b", ["a)", "b"]),
        ("", [""]),
    ],
)
def test_terms(text: str, parts: list[str]) -> None:
    assert split_terms(text, ",") == parts


@given(st.lists(st.text(alphabet="ab:(,) ", max_size=8), min_size=1))
def test_no_term_breaks_the_reading(texts: list[str]) -> None:
    for text in texts:
        assert "".join(split_terms(text, ":")).replace(" ", "") == text.replace(":", "").replace(" ", "") or (
            "(" in text
        )


def thresholds(**values: Any) -> Wanted:
    return Wanted.of(sm.Settings(confidence=0.4, **values), COCO_NAMES)


def test_thresholds_by_name() -> None:
    wanted = thresholds(label_confidence=["person=0.6", "vehicle = 0.2"])
    assert wanted.threshold("person") == 0.6
    assert wanted.threshold("truck") == 0.2
    assert wanted.threshold("dog") == 0.4
    assert wanted.least_confidence == 0.2


def test_what_is_not_wanted_has_no_threshold_that_could_be_reached() -> None:
    wanted = thresholds(find=["dog", "vehicle:left"], merge=["dog+frisbee"])
    reached = {name for name in COCO_NAMES if wanted.threshold(name) <= 1}
    assert reached == {"dog", "frisbee", *SUPERCATEGORIES["vehicle"]}
    assert wanted.selects
    assert not thresholds(find=["dog"]).selects


@pytest.mark.parametrize(
    "row", ["person", "person=", "=0.5", "person=2", "person=-1", "person=x", "person=nan"]
)
def test_a_threshold_that_is_none_is_refused(row: str) -> None:
    with pytest.raises(SettingsError, match="expected NAME=NUMBER"):
        thresholds(label_confidence=[row])


def test_a_threshold_of_an_unknown_name_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'person'"):
        thresholds(label_confidence=["persn=0.5"])


def test_any_words_where_a_segmenter_takes_any() -> None:
    wanted = Wanted.of(sm.Settings(find=["red umbrella:left", "dog", "dog:2"], merge=["dog+lead"]), ())
    assert wanted.names == ("red umbrella", "dog", "lead")
    assert wanted.threshold("red umbrella") == wanted.threshold("lead") == 0.35
    assert wanted.threshold("cat") > 1


def test_supercategories_are_cocos() -> None:
    members = [name for group in SUPERCATEGORIES.values() for name in group]
    assert sorted(["person", *members]) == sorted(COCO_NAMES)
    # As in instances_val2017.json.
    assert SUPERCATEGORIES["accessory"] == ("backpack", "umbrella", "handbag", "tie", "suitcase")
    ends = {
        "vehicle": "boat",
        "animal": "giraffe",
        "food": "cake",
        "furniture": "toilet",
        "indoor": "toothbrush",
    }
    assert {name: SUPERCATEGORIES[name][-1] for name in ends} == ends
