"""The artist's edits: each does what it says, survives a re-run, and can be taken back to the byte."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semantic_matte.errors import UnknownNameError, UsageError
from semantic_matte.outputs.names import label_word
from semantic_matte.shot_types import Sighting, Track
from semantic_matte.shots.edits import (
    apply_edits,
    dropping,
    free_slot,
    merging,
    reassigning,
    renaming,
    slot_from_text,
    splitting,
    tracks_record,
)
from semantic_matte.shots.tracks_model import Drop, Edit, MasksRecord, Rename, canonical, track_records
from semantic_matte.types import Instance

FRAMES = range(1, 11)


def sighting(x: int, y: int = 4) -> Sighting:
    mask = np.zeros((40, 80), np.bool_)
    mask[y : y + 8, x : x + 8] = True
    return Sighting.of(Instance.from_mask(mask, "dog", 0.8))


def track(identity: int, x: int, frames: Sequence[int] = FRAMES, slot: str = "") -> Track:
    return Track(identity, "dog", {n: sighting(x + n) for n in frames}, slot or f"sm_dog_{identity + 1:02d}")


TRACKS = (track(0, 0), track(1, 20), track(2, 40), track(3, 60, range(3, 8)))


def slots(tracks: Sequence[Track]) -> dict[str, list[int]]:
    return {one.slot: one.frames for one in tracks}


def places(tracks: Sequence[Track]) -> dict[str, dict[int, int]]:
    """Where each slot is in each frame: the left edge of its box."""
    return {one.slot: {n: s.box.x0 for n, s in one.sightings.items()} for one in tracks}


def test_rename() -> None:
    edited = apply_edits(TRACKS, [renaming(TRACKS, "sm_dog_02", "sm_hero")])
    assert [one.slot for one in edited.tracks] == ["sm_dog_01", "sm_hero", "sm_dog_03", "sm_dog_04"]
    assert edited.notices == ()


def test_merge_joins_masks_of_one_frame() -> None:
    edited = apply_edits(TRACKS, [merging(TRACKS, "sm_dog_04", "sm_dog_01")])
    merged = {one.slot: one for one in edited.tracks}["sm_dog_04"]
    assert merged.frames == list(FRAMES)
    assert merged.sightings[5].instance().area == 128
    assert merged.sightings[1] == TRACKS[0].sightings[1]
    assert len(edited.tracks) == 3


def test_split_and_drop() -> None:
    split = splitting(TRACKS, "sm_dog_01", 6, None)
    edited = apply_edits(TRACKS, [split])
    assert slots(edited.tracks)["sm_dog_01"] == [1, 2, 3, 4, 5]
    assert slots(edited.tracks)["sm_dog_05"] == [6, 7, 8, 9, 10]
    without = apply_edits(TRACKS, [split, dropping(edited.tracks, "sm_dog_05")])
    assert set(slots(without.tracks)) == {"sm_dog_01", "sm_dog_02", "sm_dog_03", "sm_dog_04"}


def test_reassign_exchanges_what_both_have() -> None:
    edited = apply_edits(TRACKS, [reassigning(TRACKS, "sm_dog_01", "4-6", "sm_dog_02")])
    assert [places(edited.tracks)["sm_dog_01"][n] for n in (3, 4, 6, 7)] == [3, 24, 26, 7]
    assert [places(edited.tracks)["sm_dog_02"][n] for n in (3, 4, 6, 7)] == [23, 4, 6, 27]


def test_reassign_to_a_new_object() -> None:
    edited = apply_edits(TRACKS, [reassigning(TRACKS, "sm_dog_01", "8-99", "sm_other")])
    assert slots(edited.tracks)["sm_other"] == [8, 9, 10]
    assert slots(edited.tracks)["sm_dog_01"] == list(range(1, 8))


def test_an_edit_finds_its_object_when_names_have_shifted() -> None:
    edits: list[Edit] = [renaming(TRACKS, "sm_dog_02", "sm_hero"), dropping(TRACKS, "sm_dog_03")]
    shifted = [
        replace(one, slot=f"sm_dog_{number:02d}") for number, one in enumerate(reversed(TRACKS), start=1)
    ]
    again = apply_edits(shifted, edits)
    assert places(again.tracks)["sm_hero"] == places(TRACKS)["sm_dog_02"]
    assert all(one[1] != 41 for one in places(again.tracks).values() if 1 in one)
    assert again.notices == ()


def test_an_edit_typed_by_hand_goes_by_name() -> None:
    edit = Rename(do="rename", slot="sm_dog_03", to="sm_hero")
    assert places(apply_edits(TRACKS, [edit]).tracks)["sm_hero"] == places(TRACKS)["sm_dog_03"]


def test_an_edit_whose_object_is_gone_is_kept_and_told() -> None:
    edit = dropping(TRACKS, "sm_dog_04")
    record = tracks_record(masks(TRACKS[:3]), [edit])
    assert record.edits == (edit,)
    assert "Edit 1" in record.edit_notices[0]
    assert "'sm_dog_04'" in record.edit_notices[0]
    assert len(record.tracks) == 3


def test_an_automatic_name_makes_room_for_an_artists() -> None:
    edit = renaming(TRACKS[:3], "sm_dog_01", "sm_dog_04")
    edited = apply_edits(TRACKS, [edit])
    assert places(edited.tracks)["sm_dog_04"] == places(TRACKS)["sm_dog_01"]
    assert places(edited.tracks)["sm_dog_05"] == places(TRACKS)["sm_dog_04"]
    assert "'sm_dog_05'" in edited.notices[0]


def test_what_can_not_be_edited() -> None:
    with pytest.raises(UnknownNameError, match="sm_dgo_01"):
        renaming(TRACKS, "sm_dgo_01", "sm_hero")
    with pytest.raises(UsageError, match="already"):
        renaming(TRACKS, "sm_dog_01", "sm_dog_02")
    with pytest.raises(UsageError, match="itself"):
        merging(TRACKS, "sm_dog_01", "sm_dog_01")
    for frame in (1, 11):
        with pytest.raises(UsageError, match="expected a frame"):
            splitting(TRACKS, "sm_dog_01", frame, None)
    with pytest.raises(UsageError, match="none of the frames"):
        reassigning(TRACKS, "sm_dog_04", "1-2", "sm_new")
    with pytest.raises(UsageError, match="no frame"):
        reassigning(TRACKS, "sm_dog_04", "one", "sm_new")


@pytest.mark.parametrize(
    ("text", "slot"),
    [
        ("sm_hero", "sm_hero"),
        ("Hero dog", "sm_hero_dog"),
        ("SM_Hero", "sm_hero"),
        ("Café Nº 2", "sm_cafe_no_2"),
        ("rgba", "sm_rgba"),
        ("a" * 80, "sm_" + "a" * 25),
    ],
)
def test_names_are_made_valid(text: str, slot: str) -> None:
    assert slot_from_text(text, label_word) == slot


def test_no_name_at_all_is_refused() -> None:
    with pytest.raises(UsageError, match="at least one letter"):
        slot_from_text(" _-_ ", label_word)


def test_a_free_name_is_free() -> None:
    assert free_slot("sm_dog_01", {"sm_dog_01", "sm_dog_02"}) == "sm_dog_03"
    assert free_slot("sm_hero", set()) == "sm_hero_01"


def masks(tracks: Sequence[Track]) -> MasksRecord:
    return MasksRecord.model_validate(
        {
            "schema": 1,
            "shot": "plate",
            "size": (80, 40),
            "cuts": (),
            "key": None,
            "settings_hash": "a" * 64,
            "tracker": "overlap",
            "notices": (),
            "plates": {str(number): "0" * 64 for number in FRAMES},
            "unreadable": {},
            "models": (),
            "device": "cpu",
            "views": (),
            "tracks": track_records(tracks),
        }
    )


@st.composite
def edit_lists(draw: st.DrawFn) -> list[Edit]:
    """Edits as an artist makes them: each on what those before it gave."""
    edits: list[Edit] = []
    for _ in range(draw(st.integers(1, 5))):
        tracks = apply_edits(TRACKS, edits).tracks
        if not tracks:
            break
        one = draw(st.sampled_from(tracks))
        others = [other.slot for other in tracks if other is not one]
        kind = draw(st.sampled_from(["rename", "merge", "split", "drop", "reassign"]))
        if kind == "rename":
            edits.append(renaming(tracks, one.slot, free_slot("sm_new", {other.slot for other in tracks})))
        elif kind == "merge" and others:
            edits.append(merging(tracks, one.slot, draw(st.sampled_from(others))))
        elif kind == "split" and len(one.frames) > 1:
            edits.append(splitting(tracks, one.slot, draw(st.sampled_from(one.frames[1:])), None))
        elif kind == "drop":
            edits.append(dropping(tracks, one.slot))
        elif kind == "reassign":
            chosen = draw(st.lists(st.sampled_from(one.frames), min_size=1, unique=True))
            to = draw(st.sampled_from([*others, "sm_else"]))
            if to != one.slot:
                edits.append(reassigning(tracks, one.slot, ",".join(map(str, chosen)), to))
    return edits


@settings(max_examples=60, deadline=None)
@given(edit_lists())
def test_every_sighting_is_in_one_track_or_dropped(edits: list[Edit]) -> None:
    edited = apply_edits(TRACKS, edits)
    assert edited.notices == ()
    names = [one.slot for one in edited.tracks]
    assert len(set(names)) == len(names)
    area = {
        n: sum(one.sightings[n].instance().area for one in edited.tracks if n in one.sightings) for n in FRAMES
    }
    dropped = any(isinstance(edit, Drop) for edit in edits)
    for number in FRAMES:
        whole = 64 * sum(number in one.sightings for one in TRACKS)
        assert area[number] == whole or (dropped and area[number] < whole)


@settings(max_examples=30, deadline=None)
@given(edit_lists())
def test_taking_an_edit_back_gives_the_file_before_to_the_byte(edits: list[Edit]) -> None:
    machine = masks(TRACKS)
    before = canonical(tracks_record(machine, edits[:-1]))
    canonical(tracks_record(machine, edits))
    assert canonical(tracks_record(machine, edits[:-1])) == before


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(4)))
def test_the_order_of_edits_of_different_objects_makes_no_difference(order: list[int]) -> None:
    edits: list[Edit] = [
        renaming(TRACKS, "sm_dog_01", "sm_hero"),
        splitting(TRACKS, "sm_dog_02", 5, "sm_second"),
        dropping(TRACKS, "sm_dog_03"),
        reassigning(TRACKS, "sm_dog_04", "4", "sm_third"),
    ]
    wanted = places(apply_edits(TRACKS, edits).tracks)
    assert places(apply_edits(TRACKS, [edits[index] for index in order]).tracks) == wanted
