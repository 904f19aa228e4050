"""Records as the engine's own models write them are read for the node; damaged ones say what to do."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from semantic_matte.outputs.shot_record_model import ShotRecord
from semantic_matte.outputs.sidecar_model import SidecarRecord
from semantic_matte_client.nodes import result_records
from semantic_matte_client.nodes.result_records import ResultsError, SlotFound

HASH = "0" * 64
MODELS = [{"name": name, "licence": "MIT", "sha256": HASH, "origin": ""} for name in ("finder", "matting")]


def checked(model: Any, **row: Any) -> dict[str, Any]:
    """The record as it is written, after the engine's own model took it."""
    record: dict[str, Any] = model.model_validate_json(json.dumps(row)).plain()
    return record


def slot_row(slot: str, box: Sequence[int] | None) -> dict[str, Any]:
    """A slot of a frame's record; without a box it is absent."""
    return {
        **{"slot": slot, "source": "found" if box else "absent", "label": slot.split("_")[1]},
        **{"score": 0.75 if box else 0, "box": box, "area": 9 if box else 0, "alpha_area": 9.5},
        **{
            "passes": 1 if box else 0,
            "spread_mean": None,
            "flicker": None,
            "alpha": f"{slot}.A",
            "spread": None,
        },
        **{"foreground": None, "png": None, "cryptomatte": None},
    }


def write_frame(
    folder: Path, number: int, slots: dict[str, Sequence[int] | None], track: bool | None = None
) -> Path:
    """A frame's files, its record checked by the engine's own model."""
    plate = {
        **{"name": "plate", "size": [64, 48], "data_window": [0, 0, 64, 48], "display_window": [0, 0, 64, 48]},
        **{"pixel_aspect": 1.0, "frame": number, "timecode": "", "view": "", "colour_space": "linear"},
        "read_as": None,
    }
    record = checked(
        SidecarRecord,
        **{"schema": 1, "key": None, "settings_hash": HASH, "plate": plate, "files": []},
        **{"slots": [slot_row(slot, box) for slot, box in slots.items()]},
        **{
            "foreground": None,
            "cryptomatte": None,
            "settings": {} if track is None else {"track": track},
            "models": MODELS,
            "versions": {},
            "seed": 0,
        },
        **{"device": "cpu", "estimator_device": "cuda:0", "notices": []},
    )
    path = folder / f"plate.matte.{number:04d}.json"
    path.write_text(json.dumps(record), encoding="utf-8")
    (folder / f"plate.mattes.{number:04d}.exr").write_bytes(b"layers")
    return path


def write_shot(folder: Path, frames: str, slots: dict[str, tuple[str, str, str]]) -> Path:
    """A shot's record. slots: found, carried, absent."""
    record = checked(
        ShotRecord,
        **{"schema": 1, "shot": "plate", "frames": frames, "whole": frames, "problems": [], "cuts": []},
        **{"size": [64, 48], "pixel_aspect": 1.0},
        slots=[
            {
                **{"slot": slot, "label": slot.split("_")[1], "found": found, "carried": carried},
                **{"absent": absent, "score": 0.5, "area": 3.0, "spread": None, "flicker": None},
            }
            for slot, (found, carried, absent) in slots.items()
        ],
        **{"files": [], "cryptomatte": None, "contact": None, "settings_hash": HASH, "settings": {}, "seed": 0},
        **{"models": MODELS, "versions": [], "notices": []},
        devices=[{"device": "cpu", "estimator_device": "cpu", "frames": frames}],
    )
    path = folder / "plate.matte.json"
    path.write_text(json.dumps(record), encoding="utf-8")
    return path


def test_a_frame(tmp_path: Path) -> None:
    write_frame(tmp_path, 7, {"sm_person_01": (1, 2, 30, 40), "sm_dog_01": None})
    results = result_records.read_results(tmp_path, "plate", (7,))
    assert results.slots == (
        SlotFound("sm_person_01", "person", 0.75, "7"),
        SlotFound("sm_dog_01", "dog", 0.0, ""),
    )
    assert (results.size, results.frames, results.hold) == ((64, 48), (7,), False)
    assert Path(results.mattes_file(7)) == tmp_path / "plate.mattes.0007.exr"
    assert Path(results.cryptomatte_file(12345)) == tmp_path / "plate.cryptomatte.12345.exr"
    assert results.words.startswith("1 frame, by finder, matting, on cpu and cuda:0, 20")
    assert result_records.boxes_of(results, 7) == {"sm_person_01": (1, 2, 30, 40)}


def test_a_held_frame_is_every_frames_file(tmp_path: Path) -> None:
    write_frame(tmp_path, 1005, {"sm_person_01": (1, 2, 30, 40)})
    results = result_records.read_results(tmp_path, "plate", (5,), offset=1000, hold=True)
    assert results.mattes_file(99) == results.mattes_file(5) == str(tmp_path / "plate.mattes.1005.exr")
    assert results.words.startswith("1 frame, held, by")
    assert result_records.missing_files(results, range(1, 90)) == ()


def test_a_shot_is_told_in_the_scenes_frames(tmp_path: Path) -> None:
    for number in range(998, 1003):
        write_frame(tmp_path, number, {"sm_person_01": (1, 2, 30, 40)})
    write_shot(
        tmp_path,
        "998-1002",
        {"sm_person_01": ("998-999,1001-1002", "1000", ""), "sm_dog_01": ("1001", "", "998-1000,1002")},
    )
    results = result_records.read_results(tmp_path, "plate", range(-2, 3), offset=1000)
    assert [(one.slot, one.frames) for one in results.slots] == [("sm_person_01", "-2-2"), ("sm_dog_01", "1")]
    assert result_records.best_frames(results) == {-2: ("sm_person_01",), 1: ("sm_dog_01",)}
    assert results.words.startswith("5 frames, by")
    Path(results.mattes_file(0)).unlink()
    assert result_records.missing_files(results) == (0,)
    # 3 was never part of it.
    assert result_records.missing_files(results, (-1, 0, 3)) == (0, 3)


def test_frames_that_were_not_tracked_are_brought_together(tmp_path: Path) -> None:
    write_frame(tmp_path, 1, {"sm_dog_01": (0, 0, 2, 2)}, track=False)
    write_frame(tmp_path, 2, {"sm_dog_01": (1, 0, 3, 2), "sm_cat_01": (4, 4, 6, 6)}, track=False)
    write_frame(tmp_path, 3, {}, track=False)
    results = result_records.read_results(tmp_path, "plate", (1, 2, 3))
    assert results.slots == (
        SlotFound("sm_dog_01", "dog", 0.75, "1,2"),
        SlotFound("sm_cat_01", "cat", 0.75, "2"),
    )
    assert results.words.startswith("3 frames, by")
    # A tracked one whose record is gone is not taken for that.
    write_frame(tmp_path, 1, {}, track=True)
    with pytest.raises(ResultsError, match="can't be read"):
        result_records.read_results(tmp_path, "plate", (1, 2, 3))


def test_a_missing_file_is_named_by_its_frame(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        write_frame(tmp_path, number, {})
    (tmp_path / "plate.mattes.0002.exr").unlink()
    with pytest.raises(ResultsError, match=r"frame 2 are not in .*Compute again"):
        result_records.read_results(tmp_path, "plate", (1, 2, 3))


@pytest.mark.parametrize(
    ("contents", "words"),
    [
        ("", "damaged"),
        ("{", "damaged"),
        ("[" * 100_000, "damaged"),
        ("\ud800".encode("utf-8", "surrogatepass"), "damaged"),
        ("[]", "no record"),
        ('{"schema": 2}', "another version"),
        ("{}", "another version"),
        ('{"schema": 1}', "list of objects as 'slots'"),
        ('{"schema": 1, "slots": [1]}', "list of objects"),
        ('{"schema": 1, "slots": []}', "plate's size"),
        ('{"schema": 1, "slots": [], "plate": {"size": [1, "2"]}}', "plate's size"),
        ('{"schema": 1, "slots": [{"slot": 3}]}', "text as 'slot'"),
        ('{"schema": 1, "slots": [{"slot": "a", "label": "b", "score": "high"}]}', "number as 'score'"),
    ],
)
def test_a_damaged_record_says_so(tmp_path: Path, contents: str | bytes, words: str) -> None:
    path = write_frame(tmp_path, 1, {})
    path.write_bytes(contents if isinstance(contents, bytes) else contents.encode())
    with pytest.raises(ResultsError, match=words) as raised:
        result_records.read_results(tmp_path, "plate", (1,))
    assert str(path) in str(raised.value)
    assert "ompute again" in str(raised.value)


def test_a_shots_record_that_is_gone_or_has_no_ranges(tmp_path: Path) -> None:
    for number in (1, 2):
        write_frame(tmp_path, number, {})
    with pytest.raises(ResultsError, match="can't be read"):
        result_records.read_results(tmp_path, "plate", (1, 2))
    record = write_shot(tmp_path, "1-2", {"sm_person_01": ("1-2", "", "")})
    record.write_text(record.read_text().replace('"found": "1-2"', '"found": "one"'))
    with pytest.raises(ResultsError, match=r"damaged .*one"):
        result_records.read_results(tmp_path, "plate", (1, 2))


def test_a_call_without_frames_is_a_slip(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one frame"):
        result_records.read_results(tmp_path, "plate", ())
    with pytest.raises(ValueError, match="one alone to hold"):
        result_records.read_results(tmp_path, "plate", (1, 2), hold=True)
