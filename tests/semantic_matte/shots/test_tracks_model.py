"""The files of tracks: the same content gives the same bytes, and damage is told by its place."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import jsonschema
import numpy as np
import pytest

from semantic_matte.errors import TracksError
from semantic_matte.shot_types import Sighting, Track
from semantic_matte.shots.edits import renaming, tracks_record
from semantic_matte.shots.tracks_model import (
    MasksRecord,
    canonical,
    made_schema_text,
    read_masks,
    read_tracks,
    schema_text,
    track_records,
)
from semantic_matte.types import Instance


def sighting(x: int, source: Any = "found") -> Sighting:
    mask = np.zeros((30, 60), np.bool_)
    mask[4:14, x : x + 8] = True
    mask[6, x + 2] = False
    return Sighting.of(Instance.from_mask(mask, "dög", 0.1 + 0.2), source)


TRACKS = (
    Track(4, "dög", {n: sighting(n, "carried" if n == 3 else "found") for n in (1, 2, 3, 4)}, "sm_dog_01"),
    Track(7, "car", {n: sighting(30) for n in (2, 4)}, "sm_car_01"),
)


def masks(tracks: tuple[Track, ...] = TRACKS, **changes: Any) -> MasksRecord:
    record = {
        "schema": 1,
        "shot": "plate é",
        "size": (60, 30),
        "cuts": (3,),
        "key": None,
        "settings_hash": "a" * 64,
        "tracker": "overlap",
        "notices": ("told",),
        "plates": {str(number): "0" * 64 for number in (1, 2, 3, 4)},
        "unreadable": {},
        "models": ({"name": "starter"},),
        "device": "cpu",
        "views": (),
        "tracks": track_records(tracks),
    }
    return MasksRecord.model_validate({**record, **changes})


def changed(change: Callable[[dict[str, Any]], object]) -> str:
    plain = json.loads(canonical(tracks_record(masks())))
    change(plain)
    return json.dumps(plain)


def test_masks_come_back_as_they_were() -> None:
    text = canonical(masks())
    assert read_masks(text, "a").as_tracks() == TRACKS
    assert canonical(read_masks(text, "a")) == text


def test_tracks_come_back_as_they_were_and_keep_to_the_schema() -> None:
    record = tracks_record(masks(), [renaming(TRACKS, "sm_dog_01", "sm_hero")])
    text = canonical(record)
    assert read_tracks(text, "a") == record
    assert canonical(read_tracks(text, "a")) == text
    jsonschema.Draft202012Validator(json.loads(schema_text())).validate(json.loads(text))


def test_the_artists_file_says_what_there_is() -> None:
    dog, car = tracks_record(masks()).tracks
    assert (dog.found, dog.carried, dog.first, dog.last, dog.mean_area) == ("1,2,4", "3", 1, 4, 79.0)
    assert (car.slot, car.found, car.carried) == ("sm_car_01", "2,4", "")
    assert tracks_record(masks()).frames == "1-4"


def test_the_published_schema_is_made_from_the_models() -> None:
    assert schema_text() == made_schema_text()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no JSON at line 1"),
        ('{\n"schema": 1,\n oops}', "no JSON at line 3, column 2"),
        ("[]", "the file"),
        (changed(lambda plain: plain.update(schema=2)), "newer version"),
        (changed(lambda plain: plain.pop("shot")), "'shot'"),
        (changed(lambda plain: plain.update(mine=1)), "'mine'"),
        (changed(lambda plain: plain["edits"].append({"do": "paint", "slot": "a"})), "'edits', number 1"),
        (
            changed(lambda plain: plain["edits"].append({"do": "drop", "slot": "A B"})),
            "'edits', number 1, 'slot'",
        ),
        (
            changed(
                lambda plain: plain["edits"].append({"do": "reassign", "slot": "a", "frames": "1-x", "to": "b"})
            ),
            "frames '1-x'",
        ),
        (changed(lambda plain: plain["tracks"][0].update(slot="sm_hero")), "changed by hand beside 'edits'"),
        (changed(lambda plain: plain["tracks"].pop()), "changed by hand beside 'edits'"),
    ],
)
def test_a_hand_broken_file_is_told_by_its_place(text: str, said: str) -> None:
    with pytest.raises(TracksError) as caught:
        read_tracks(text, "shot.tracks.json")
    assert "'shot.tracks.json'" in str(caught.value)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_edits_may_be_written_by_hand() -> None:
    text = changed(lambda plain: plain["edits"].append({"do": "drop", "slot": "sm_car_01"}))
    record = read_tracks(text, "a")
    assert [one.slot for one in tracks_record(masks(), record.edits).tracks] == ["sm_dog_01"]


@pytest.mark.parametrize("cut", range(0, 900, 90))
def test_a_cut_off_masks_file_is_refused(cut: int) -> None:
    with pytest.raises(TracksError, match=r"shot\.masks\.json"):
        read_masks(canonical(masks())[:cut], "shot.masks.json")


def test_masks_outside_the_shot_are_refused() -> None:
    text = canonical(masks()).replace('"frame":2', '"frame":9')
    with pytest.raises(TracksError, match="frames of the shot"):
        read_masks(text, "a")


def test_the_order_of_plates_makes_no_difference() -> None:
    plates = {str(number): "0" * 64 for number in (4, 1, 3, 2)}
    assert canonical(masks(plates=plates)) == canonical(masks())
