"""Specks, merged parts and the limit, for every segmenter alike."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import semantic_matte as sm
from semantic_matte.errors import SettingsError, UnknownNameError
from semantic_matte.ports import SilentProgress
from semantic_matte.segmenters.coco import COCO_NAMES
from semantic_matte.segmenters.finishing import finish
from semantic_matte.types import Box, Instance

FRAME = (100, 200)


def rectangle(x0: int, y0: int, x1: int, y1: int, label: str, score: float = 0.5) -> Instance:
    return Instance(np.ones((y1 - y0, x1 - x0), dtype=np.bool_), Box(x0, y0, x1, y1), FRAME, label, score)


def finished(instances: list[Instance], **values: Any) -> tuple[list[Instance], list[str]]:
    progress = SilentProgress()
    return finish(instances, sm.Settings(**values), COCO_NAMES, progress), progress.notices


PERSON = rectangle(20, 10, 60, 90, "person", 0.9)
NEAR_BAG = rectangle(61, 50, 75, 70, "handbag", 0.8)
FAR_BAG = rectangle(150, 50, 170, 70, "handbag", 0.7)
TIE = rectangle(38, 20, 42, 40, "tie", 0.6)


def test_parts_join_what_they_touch() -> None:
    kept, _ = finished([PERSON, NEAR_BAG, FAR_BAG, TIE], merge=["person+handbag+tie"])
    assert [(one.label, one.score) for one in kept] == [("person", 0.9), ("handbag", 0.7)]
    assert np.array_equal(kept[0].mask, PERSON.mask | NEAR_BAG.mask | TIE.mask)
    assert kept[1] is FAR_BAG


def test_a_part_goes_to_the_one_that_it_touches_most() -> None:
    second = rectangle(70, 10, 100, 90, "person", 0.85)
    kept, _ = finished([PERSON, second, NEAR_BAG], merge=["person+handbag"])
    # The bag begins a pixel beside the first, but overlaps the second by 5 columns.
    assert np.array_equal(kept[0].mask, PERSON.mask)
    assert np.array_equal(kept[1].mask, second.mask | NEAR_BAG.mask)


def test_parts_that_were_only_looked_for_to_be_merged_are_not_given_by_themselves() -> None:
    kept, _ = finished([PERSON, NEAR_BAG, FAR_BAG], merge=["person+handbag"], find=["person"])
    assert [one.label for one in kept] == ["person"]
    assert kept[0].area == PERSON.area + NEAR_BAG.area


def test_groups_can_be_parts() -> None:
    kept, _ = finished([PERSON, NEAR_BAG, TIE], merge=["person + accessory"])
    assert [one.area for one in kept] == [PERSON.area + NEAR_BAG.area]


def test_nothing_to_join_to() -> None:
    assert finished([NEAR_BAG, TIE], merge=["person+handbag+tie"])[0] == [NEAR_BAG, TIE]


@pytest.mark.parametrize("row", ["person", "person+", "+tie", "", "+"])
def test_a_row_that_merges_nothing_is_refused(row: str) -> None:
    with pytest.raises(SettingsError, match="expected names joined by"):
        finished([PERSON], merge=[row])


def test_an_unknown_part_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="'handbag'"):
        finished([PERSON], merge=["person+hanbag"])


def test_specks_are_left_out_and_told_of() -> None:
    speck = rectangle(0, 0, 3, 3, "bird")
    just = rectangle(10, 10, 15, 14, "bird")
    # A thousandth of 20,000 pixels.
    kept, notices = finished([PERSON, speck, just], smallest=0.001)
    assert kept == [PERSON, just]
    assert notices == ["1 speck smaller than 'smallest' (0.001 of the frame's area) was left out."]
    assert finished([speck], smallest=0.0) == ([speck], [])


def test_the_limit_comes_after_the_choice() -> None:
    others = [rectangle(x, 0, x + 9, 9, "person", 0.95) for x in (100, 120, 140)]
    kept, notices = finished([*others, PERSON], find=["person:left"], max_instances=1)
    assert kept == [PERSON]
    assert notices == []
    kept, notices = finished([*others, PERSON], max_instances=3)
    assert kept == others
    assert notices == ["1 more objects were found than 'max_instances' (3) lets through; the surest were kept."]
