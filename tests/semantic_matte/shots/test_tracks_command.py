"""`semantic-matte tracks`: edits written whole, taken back to the byte, and refused with a sentence."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from semantic_matte.cli_tracks import tracks_app
from semantic_matte.shot_types import Sighting, Track
from semantic_matte.shots.edits import tracks_record
from semantic_matte.shots.tracks_model import MasksRecord, canonical, track_records
from semantic_matte.types import Instance


def track(identity: int, x: int) -> Track:
    mask = np.zeros((40, 80), np.bool_)
    mask[4:12, x : x + 8] = True
    one = Sighting.of(Instance.from_mask(mask, "dog", 0.8))
    return Track(identity, "dog", dict.fromkeys(range(1, 7), one), f"sm_dog_{identity + 1:02d}")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    record = MasksRecord.model_validate(
        {
            "schema": 1,
            "shot": "plate",
            "size": (80, 40),
            "cuts": (4,),
            "key": None,
            "settings_hash": "a" * 64,
            "tracker": "overlap",
            "notices": (),
            "plates": {str(number): "0" * 64 for number in range(1, 7)},
            "unreadable": {},
            "models": (),
            "device": "cpu",
            "views": (),
            "tracks": track_records([track(0, 0), track(1, 20), track(2, 40)]),
        }
    )
    (tmp_path / "plate.masks.json").write_text(canonical(record), encoding="utf-8")
    (tmp_path / "plate.tracks.json").write_text(canonical(tracks_record(record)), encoding="utf-8")
    return tmp_path / "plate.tracks.json"


def run(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(tracks_app, [str(word) for word in words])
    return done.exit_code, done.output


def slots(file: Path) -> list[str]:
    return [one["slot"] for one in json.loads(file.read_text(encoding="utf-8"))["tracks"]]


def test_show_lists_the_objects_and_changes_nothing(file: Path) -> None:
    before = file.read_bytes()
    code, said = run("show", file)
    assert code == 0
    assert all(word in said for word in ("sm_dog_01", "sm_dog_03", "1-6", "New scenes begin at: 4"))
    assert file.read_bytes() == before


def test_json_is_one_line_of_the_record(file: Path) -> None:
    code, said = run("show", file, "--json")
    assert code == 0
    record = json.loads(said)
    assert record["event"] == "result"
    assert [one["slot"] for one in record["tracks"]] == ["sm_dog_01", "sm_dog_02", "sm_dog_03"]


def test_every_edit_and_all_of_them_taken_back(file: Path) -> None:
    texts = [file.read_bytes()]
    commands: list[tuple[object, ...]] = [
        ("rename", file, "sm_dog_01", "Hero dog"),
        ("split", file, "sm_hero_dog", 3, "--to", "double"),
        ("reassign", file, "sm_dog_02", "2-4", "sm_dog_03"),
        ("merge", file, "sm_dog_02", "sm_dog_03"),
        ("drop", file, "sm_double"),
    ]
    for command in commands:
        code, said = run(*command)
        assert code == 0, said
        texts.append(file.read_bytes())
    assert slots(file) == ["sm_hero_dog", "sm_dog_02"]
    for before in reversed(texts[:-1]):
        assert run("undo", file)[0] == 0
        assert file.read_bytes() == before
    code, said = run("undo", file)
    assert code == 2
    assert "no edit" in said


def test_several_are_merged_or_none(file: Path) -> None:
    before = file.read_bytes()
    code, said = run("merge", file, "sm_dog_01", "sm_dog_02", "sm_dgo_03")
    assert code == 2
    assert "sm_dog_03" in said
    assert file.read_bytes() == before
    assert run("merge", file, "sm_dog_01", "sm_dog_02", "sm_dog_03")[0] == 0
    assert slots(file) == ["sm_dog_01"]


def test_files_that_can_not_be_used(file: Path) -> None:
    code, said = run("show", file.with_name("plate.json"))
    assert code == 2
    assert "NAME.tracks.json" in said
    code, said = run("show", file.with_name("other.tracks.json"))
    assert code == 1
    assert "semantic-matte track" in said
    file.with_name("plate.masks.json").unlink()
    code, said = run("rename", file, "sm_dog_01", "a")
    assert code == 1
    assert "plate.masks.json" in said
    file.write_text("{", encoding="utf-8")
    code, said = run("show", file)
    assert code == 1
    assert file.read_text(encoding="utf-8") == "{"


def test_nothing_is_left_beside_the_file(file: Path) -> None:
    run("rename", file, "sm_dog_01", "hero")
    assert sorted(path.name for path in file.parent.iterdir()) == ["plate.masks.json", "plate.tracks.json"]
