"""Which tracks become slots, and that their names hang on nothing but what they show."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from semantic_matte.outputs.names import slot_names
from semantic_matte.segmenters.choice import Wanted
from semantic_matte.settings import Settings
from semantic_matte.shot_types import Sighting, Track
from semantic_matte.shots.naming import Select, named
from semantic_matte.types import Instance

FRAMES = tuple(range(1, 11))


def sighting(x: int, size: int, label: str, score: float) -> Sighting:
    mask = np.zeros((40, 80), np.bool_)
    mask[5 : 5 + size, x : x + size] = True
    return Sighting.of(Instance.from_mask(mask, label, score))


def track(
    identity: int, label: str, x: int, *, size: int = 10, score: float = 0.8, frames: Sequence[int] = FRAMES
) -> Track:
    return Track(identity, label, {number: sighting(x, size, label, score) for number in frames})


def chosen(tracks: Sequence[Track], **controls: Any) -> list[tuple[str, int]]:
    """Slots and identities, by `find` as segmenters know it."""
    settings = Settings(**controls)
    selects: list[Select] = [wish.select for wish in Wanted.of(settings, ["person", "dog", "car"]).wishes]
    kept = named(tracks, FRAMES, settings, select=selects or list, names=slot_names)
    return [(one.slot, one.identity) for one in kept]


def test_the_surest_and_longest_comes_first() -> None:
    tracks = [
        track(0, "dog", 0, score=0.9, frames=FRAMES[:4]),
        track(1, "dog", 20, score=0.6),
        track(2, "car", 40, score=0.7),
    ]
    assert chosen(tracks) == [("sm_car_01", 2), ("sm_dog_01", 1), ("sm_dog_02", 0)]


def test_names_do_not_hang_on_the_order_of_work() -> None:
    tracks = [track(index, "dog", 5 * index, score=0.5 + 0.01 * (index % 3)) for index in range(9)]
    wanted = {
        one.sightings[1].box.x0: one.slot
        for one in named(tracks, FRAMES, Settings(), select=list, names=slot_names)
    }
    for seed in range(5):
        mixed = random.Random(seed).sample(tracks, len(tracks))
        mixed = [replace(one, identity=index) for index, one in enumerate(mixed)]
        kept = named(mixed, FRAMES, Settings(), select=list, names=slot_names)
        assert {one.sightings[1].box.x0: one.slot for one in kept} == wanted


def test_short_tracks_are_left_out_but_not_in_short_shots() -> None:
    tracks = [track(0, "dog", 0, frames=(1, 2)), track(1, "dog", 20, frames=(1, 2, 3))]
    assert chosen(tracks) == [("sm_dog_01", 1)]
    short = named(tracks[:1], FRAMES[:2], Settings(), select=list, names=slot_names)
    assert [one.slot for one in short] == ["sm_dog_01"]


def test_carried_frames_do_not_make_a_track_long() -> None:
    one = track(0, "dog", 0, frames=(1, 2, 3))
    sightings = {**one.sightings, 2: replace(one.sightings[2], source="carried")}
    assert chosen([replace(one, sightings=sightings)]) == []


def test_the_limit_keeps_the_best_and_is_told() -> None:
    told: list[str] = []
    tracks = [track(0, "dog", 0, score=0.5), track(1, "dog", 20, score=0.9)]
    kept = named(tracks, FRAMES, Settings(max_instances=1), select=list, names=slot_names, notice=told.append)
    assert [one.identity for one in kept] == [1]
    assert "1 more" in told[0]
    assert "max_instances" in told[0]


@pytest.mark.parametrize(
    ("find", "identities"),
    [
        (("person",), {0, 1}),
        (("person:largest",), {1}),
        (("person:left",), {0}),
        (("dog:largest", "person:left"), {2, 0}),
        (("person:2",), {1}),
        ((":at(45,8)",), {2}),
        ((":in(0,0,30,40)",), {0, 1}),
        (("car",), set()),
    ],
)
def test_selectors_mean_tracks(find: tuple[str, ...], identities: set[int]) -> None:
    tracks = [track(0, "person", 0), track(1, "person", 15, size=12, score=0.7), track(2, "dog", 40)]
    assert {identity for _, identity in chosen(tracks, find=find)} == identities


def test_a_selector_of_one_takes_the_track_with_the_most_votes() -> None:
    growing = Track(0, "dog", {number: sighting(0, 6 + number, "dog", 0.8) for number in FRAMES})
    steady = track(1, "dog", 40, size=10)
    assert [identity for _, identity in chosen([growing, steady], find=("dog:largest",))] == [0]


def test_a_point_means_what_ever_passes_it() -> None:
    passing = Track(0, "dog", {number: sighting(6 * number, 5, "dog", 0.8) for number in FRAMES})
    assert len(chosen([passing, track(1, "dog", 70, size=5)], find=("dog:at(31,7)",))) == 1


def test_hints_are_all_kept() -> None:
    tracks = [track(index, "hero", index, frames=(1,)) for index in range(3)]
    kept = named(
        tracks, FRAMES, Settings(max_instances=1, find=("car",)), select=list, names=slot_names, hinted=True
    )
    assert len(kept) == 3


def test_a_wavering_label_is_asked_by_its_majority() -> None:
    wavering = track(0, "dog", 0)
    sightings = {n: replace(s, label="cat") if n % 3 == 0 else s for n, s in wavering.sightings.items()}
    assert len(chosen([replace(wavering, sightings=sightings)], find=("dog:largest",))) == 1


@pytest.mark.parametrize(("inside", "kept"), [(4, 0), (5, 1)])
def test_a_region_means_what_is_in_it_for_half_of_its_frames(inside: int, kept: int) -> None:
    moving = Track(0, "dog", {n: sighting(0 if n <= inside else 60, 8, "dog", 0.8) for n in FRAMES})
    assert len(chosen([moving], find=("dog:in(0,0,30,40)",))) == kept
