"""Measures of tracks, on tables that can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from semantic_matte.errors import ValueShapeError
from semantic_matte.evaluation_tracks import tracking_scores
from semantic_matte.shot_types import Sighting, Track
from semantic_matte.types import BoolArray, Instance

FRAMES = range(1, 11)


def bar(left: int, right: int) -> BoolArray:
    mask = np.zeros((8, 40), np.bool_)
    mask[2:6, left:right] = True
    return mask


def track(slot: str, masks: dict[int, BoolArray]) -> Track:
    sightings = {number: Sighting.of(Instance.from_mask(mask, "ball", 0.9)) for number, mask in masks.items()}
    return Track(hash(slot) % 1000, "ball", sightings, slot)


def test_a_perfect_track() -> None:
    masks = {number: bar(number, number + 10) for number in FRAMES}
    score = tracking_scores([track("a", masks)], {"main": masks})["main"]
    assert (score.slot, score.visible, score.share, score.region) == ("a", 10, 1.0, 1.0)
    assert (score.purity, score.switches) == (1.0, 0)


def test_an_object_that_changes_its_slot() -> None:
    masks = {number: bar(number, number + 10) for number in FRAMES}
    first = track("a", {number: masks[number] for number in FRAMES if number <= 7})
    second = track("b", {number: masks[number] for number in FRAMES if number > 7})
    score = tracking_scores([second, first], {"main": masks})["main"]
    assert (score.slot, score.share, score.region, score.switches) == ("a", 0.7, 0.7, 1)
    assert score.kept == 0.7


def test_a_bad_mask_is_not_followed_but_counts_in_region() -> None:
    masks = {number: bar(10, 20) for number in FRAMES}
    seen = {number: bar(10, 20) if number > 4 else bar(16, 26) for number in FRAMES}
    score = tracking_scores([track("a", seen)], {"main": masks})["main"]
    assert score.share == 0.6
    assert score.region == pytest.approx((6 + 4 * 4 / 16) / 10)
    # Badly, but it is that object's slot.
    assert score.kept == 1.0


def test_a_slot_that_hardly_touches_an_object_is_not_its_own() -> None:
    masks = {number: bar(10, 20) for number in FRAMES}
    seen = {number: bar(10, 20) if number > 4 else bar(19, 29) for number in FRAMES}
    score = tracking_scores([track("a", seen)], {"main": masks})["main"]
    assert score.kept == score.share == 0.6


def test_two_objects_that_swap_are_seen_in_purity_and_switches() -> None:
    one = {number: bar(0, 10) for number in FRAMES}
    two = {number: bar(20, 30) for number in FRAMES}
    swapped = [
        track("a", {number: (one if number <= 6 else two)[number] for number in FRAMES}),
        track("b", {number: (two if number <= 6 else one)[number] for number in FRAMES}),
    ]
    scores = tracking_scores(swapped, {"one": one, "two": two})
    assert {name: (score.slot, score.share) for name, score in scores.items()} == {
        "one": ("a", 0.6),
        "two": ("b", 0.6),
    }
    assert all(score.purity == 0.6 and score.switches == 1 for score in scores.values())


def test_frames_that_do_not_show_it_do_not_count() -> None:
    masks = {number: bar(0, 10) if number < 6 else np.zeros((8, 40), np.bool_) for number in FRAMES}
    seen = {number: bar(0, 10) for number in FRAMES}
    score = tracking_scores([track("a", seen)], {"main": masks})["main"]
    assert (score.visible, score.share) == (5, 1.0)


def test_an_interruption_is_no_switch_but_another_slot_after_it_is() -> None:
    masks = {number: bar(0, 10) for number in FRAMES}
    same = track("a", {number: bar(0, 10) for number in FRAMES if number not in (4, 5)})
    assert tracking_scores([same], {"main": masks})["main"].switches == 0
    before = track("a", {number: bar(0, 10) for number in (1, 2, 3)})
    after = track("b", {number: bar(0, 10) for number in (7, 8, 9, 10)})
    assert tracking_scores([before, after], {"main": masks})["main"].switches == 1


def test_nothing_that_overlaps() -> None:
    masks = {1: bar(0, 10)}
    for tracks in ([], [track("a", {1: bar(20, 30)})]):
        score = tracking_scores(tracks, {"main": masks})["main"]
        assert (score.slot, score.share, score.region, score.purity) == ("", 0.0, 0.0, 0.0)


def test_what_can_not_be_measured() -> None:
    with pytest.raises(ValueShapeError, match=r"'main'.*pixels in some frame"):
        tracking_scores([], {"main": {1: np.zeros((8, 40), np.bool_)}})
    with pytest.raises(ValueShapeError, match=r"\(8, 40\).*\(9, 40\)"):
        tracking_scores([track("a", {1: bar(0, 5)})], {"main": {1: np.ones((9, 40), np.bool_)}})
