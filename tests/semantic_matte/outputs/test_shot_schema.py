"""The published schema of a shot's record: made from the models, and alike to an independent reader."""

from __future__ import annotations

import copy
import json
from typing import Any

import jsonschema
import pytest
from pydantic import ValidationError

from semantic_matte.outputs.shot_record_model import ShotRecord, made_shot_schema_text, shot_schema_text

SHA = "0" * 64
RECORD: dict[str, Any] = {
    "schema": 1,
    "shot": "shot",
    "frames": "-2-1050x2,1060",
    "whole": "1001-1010",
    "problems": [{"frames": "1060", "state": "missing", "reason": "There is none."}],
    "cuts": [1005],
    "size": [64, 36],
    "pixel_aspect": 1.0,
    "slots": [
        {
            "slot": "sm_dog_01",
            "label": "dog",
            "found": "1001-1009",
            "carried": "1010",
            "absent": "",
            "score": 0.5,
            "area": 12.5,
            "spread": {"mean": 0.1, "worst": 0.2, "worst_frame": 1002},
            "flicker": None,
        }
    ],
    "files": [{"kind": "png", "pattern": "shot.sm_dog_01.####.png", "slot": "sm_dog_01"}],
    "cryptomatte": {"name": "SemanticMatte"},
    "contact": {"name": "shot.contact.png", "kind": "contact", "bytes": 9, "sha256": SHA},
    "settings_hash": SHA,
    "settings": {"passes": 4, "find": ["dog"]},
    "seed": 0,
    "models": [{"name": "starter", "licence": "MIT", "sha256": SHA, "origin": "here"}],
    "versions": [{"versions": {"python": "3.11"}, "frames": "1001-1010"}],
    "devices": [{"device": "cpu", "estimator_device": "cpu", "frames": "1001-1010"}],
    "notices": [{"text": "A sentence.", "frames": ""}],
}


def refused(record: object) -> tuple[bool, bool]:
    """By the schema, as another reader takes it, and by the models."""
    schema = json.loads(shot_schema_text())
    by_schema = bool(list(jsonschema.Draft202012Validator(schema).iter_errors(record)))
    try:
        ShotRecord.model_validate_json(json.dumps(record))
    except ValidationError:
        return by_schema, True
    return by_schema, False


def test_the_published_schema_is_that_of_the_models() -> None:
    assert shot_schema_text() == made_shot_schema_text()
    jsonschema.Draft202012Validator.check_schema(json.loads(shot_schema_text()))


def test_a_record_is_taken_and_written_as_it_was() -> None:
    assert refused(RECORD) == (False, False)
    again = ShotRecord.model_validate_json(json.dumps(RECORD)).plain()
    assert {**again, "models": RECORD["models"]} == RECORD


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("frames",), ""),
        (("frames",), "1001-"),
        (("frames",), "1001, 1002"),
        (("shot",), ""),
        (("schema",), 2),
        (("more",), 1),
        (("size",), [0, 36]),
        (("seed",), -1),
        (("settings_hash",), "0"),
        (("problems", 0, "state"), "gone"),
        (("problems", 0, "frames"), ""),
        (("slots", 0, "score"), 1.5),
        (("slots", 0, "spread", "worst_frame"), "1002"),
        (("files", 0, "pattern"), "../shot.exr"),
        (("contact", "name"), "../shot.contact.png"),
    ],
)
def test_what_is_no_record_is_refused_by_both(place: tuple[str | int, ...], value: object) -> None:
    record = copy.deepcopy(RECORD)
    part: Any = record
    for name in place[:-1]:
        part = part[name]
    part[place[-1]] = value
    assert refused(record) == (True, True)


def test_two_slots_of_one_name_are_refused() -> None:
    record = copy.deepcopy(RECORD)
    record["slots"] *= 2
    assert refused(record)[1]
