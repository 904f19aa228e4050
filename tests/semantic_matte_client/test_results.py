"""What calls return: equal, unchangeable, and readable in a console."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from semantic_matte_client.results import (
    DoctorReport,
    Finding,
    Frame,
    MatteResult,
    RefineResult,
    SegmentResult,
    shot_result,
)


def instance(slot: str, label: str, score: float, box: tuple[int, ...] = (0, 0, 40, 30)) -> dict[str, Any]:
    return {"slot": slot, "label": label, "score": score, "box": list(box), "passes": 2}


def frame(number: int, *instances: dict[str, Any], reused: bool = False) -> dict[str, Any]:
    files = [f"out/p.mattes.{number:04}.exr", f"out/p.matte.{number:04}.json", "out/p.contact.png"]
    plate = {"plate": f"p.{number:04}.exr", "files": files, "instances": list(instances)}
    return {"type": "frame", "job": "0" * 32, "key": None, "reused": reused, **plate}


PERSON, DOG = instance("sm_person_01", "person", 0.5), instance("sm_dog_01", "dog", 0.875, (5, 5, 125, 9))


def matte(*frames: dict[str, Any]) -> MatteResult:
    result = shot_result("matte", frames, 2.06, ["note"])
    assert isinstance(result, MatteResult)
    return result


def test_one_plate_prints_as_a_table_with_its_files() -> None:
    assert repr(matte(frame(1, PERSON, DOG))).splitlines() == [
        "MatteResult: 1 frame, 2 objects, 3 files, 2.1 s",
        "  sm_person_01  person  0.50  40x30",
        "  sm_dog_01     dog     0.88  120x4",
        "  out/p.mattes.0001.exr",
        "  out/p.matte.0001.json",
        "  out/p.contact.png",
    ]


def test_a_long_shot_prints_shortened_and_holds_all() -> None:
    better = {**PERSON, "score": 0.75}
    result = matte(*(frame(number, better if number == 3 else PERSON) for number in range(50)), frame(50, DOG))
    lines = repr(result).splitlines()
    assert lines[0] == "MatteResult: 51 frames, 2 objects, 103 files, 2.1 s"
    assert lines[1] == "  sm_person_01  person  0.75  in 50"
    assert lines[2] == "  sm_dog_01     dog     0.88  in 1"
    assert lines[-1] == "  ... and 92 more files"
    assert len(lines) == 3 + 12
    assert len(result.files) == 103


def test_a_shot_is_a_sequence_of_frames() -> None:
    result = matte(frame(1, PERSON), frame(2), frame(3, DOG, PERSON))
    assert len(result) == len(list(result)) == 3
    assert result[2].plate == result[-1].plate == "p.0003.exr"
    assert result.slots == ("sm_person_01", "sm_dog_01")
    assert result.names == ("person", "dog")
    assert result.files.count("out/p.contact.png") == 1
    assert result[1].instances == ()
    assert result[0].instances[0].box == (0, 0, 40, 30)


def test_nothing_found_and_nothing_written_print_too() -> None:
    assert repr(shot_result("segment", [], 0, [])) == "SegmentResult: 0 frames, 0 objects, 0.0 s"
    assert repr(matte(frame(1, reused=True))).startswith(
        "MatteResult: 1 frame, 0 objects, 3 files, 1 of the frames from an earlier run, 2.1 s"
    )


def test_results_are_equal_by_what_they_hold_and_cant_be_changed() -> None:
    assert matte(frame(1, PERSON)) == matte(frame(1, PERSON))
    assert matte(frame(1, PERSON)) != matte(frame(1, DOG))
    assert SegmentResult(()) != MatteResult(())
    assert len({matte(frame(1, PERSON)), matte(frame(1, PERSON))}) == 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        matte(frame(1)).seconds = 3.0  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        matte(frame(1))[0].plate = "other"  # type: ignore[misc]


def test_they_become_json() -> None:
    result = matte(frame(1, PERSON))
    back = json.loads(json.dumps(result.as_dict()))
    assert back["frames"][0]["instances"][0] == {**PERSON, "box": [0, 0, 40, 30]}
    assert back["notices"] == ["note"]
    assert back["seconds"] == 2.06


def test_refine_names_its_one_file() -> None:
    message = {**frame(1), "files": ["out/alpha.exr"]}
    result = shot_result("refine", [message], 1.0, [])
    assert result == RefineResult("p.0001.exr", "out/alpha.exr", 1.0)
    assert repr(result) == "RefineResult: 1.0 s\n  out/alpha.exr"
    assert json.loads(json.dumps(result.as_dict()))["file"] == "out/alpha.exr"
    for wrong in ([], [message, message], [{**message, "files": []}]):
        with pytest.raises(ValueError, match="one plate with one file"):
            shot_result("refine", wrong, 1.0, [])


def test_a_frame_without_passes_has_none() -> None:
    row = {name: value for name, value in PERSON.items() if name != "passes"}
    assert Frame.of(frame(1, row)).instances[0].passes == 0


def test_the_doctors_report_prints_aligned_and_tells_whether_all_is_well() -> None:
    report = DoctorReport((Finding("Python", "ok", "3.11"), Finding("a longer name", "warning", "do this")))
    assert repr(report).splitlines() == ["ok       Python         3.11", "warning  a longer name  do this"]
    assert report.ok
    assert len(report) == 2
    assert [finding.what for finding in report] == ["Python", "a longer name"]
    bad = DoctorReport((*report.findings, Finding("x", "error", "y")))
    assert not bad.ok
    assert json.loads(json.dumps(bad.as_dict()))["ok"] is False
