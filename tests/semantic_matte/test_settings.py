"""Every control: complete for a host, checked for an artist."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from semantic_matte.errors import SettingsError
from semantic_matte.settings import CONTROLS_FILE, Settings, controls, controls_json

ROWS = controls()
RANGED = [row for row in ROWS if row["minimum"] is not None]
KINDS: dict[str, type] = {
    "bool": bool,
    "int": int,
    "float": float,
    "string": str,
    "choice": str,
    "names": list,
}


def test_the_hosts_file_says_the_same() -> None:
    written = Path(CONTROLS_FILE).read_text(encoding="utf-8")
    assert written == controls_json(), "run: python -m semantic_matte.settings"
    assert json.loads(written)["controls"] == ROWS


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_a_control_is_complete(row: dict[str, Any]) -> None:
    assert row["label"].strip()
    assert row["group"] in {"find", "edge", "shot", "output", "process"}
    assert len(row["tooltip"]) > 15
    assert row["tooltip"].endswith(".")
    assert row["kind"] in KINDS
    assert type(row["default"]) is KINDS[row["kind"]]
    assert row["tooltip"].isascii()
    assert row["label"].isascii()
    if row["kind"] in ("int", "float"):
        assert row["minimum"] <= row["default"] <= row["maximum"]
    else:
        assert row["minimum"] is None
        assert row["maximum"] is None
    if row["kind"] == "choice":
        assert row["default"] in row["choices"]
        assert len(set(row["choices"])) == len(row["choices"]) >= 2
    else:
        assert row["choices"] == []


def test_names_and_labels_are_unique_and_groups_stay_together() -> None:
    assert len({row["name"] for row in ROWS}) == len(ROWS) == len(Settings.model_fields)
    assert len({row["label"] for row in ROWS}) == len(ROWS)
    groups = [row["group"] for row in ROWS]
    assert groups == sorted(groups, key=groups.index)


@pytest.mark.parametrize("row", RANGED, ids=lambda row: row["name"])
def test_both_ends_of_a_range_are_in_it_and_nothing_beyond(row: dict[str, Any]) -> None:
    step = 1 if row["kind"] == "int" else 1e-6
    for value in (row["minimum"], row["maximum"]):
        assert getattr(Settings(**{row["name"]: value}), row["name"]) == value
    for value in (row["minimum"] - step, row["maximum"] + step, float("nan"), float("inf"), None, "much"):
        with pytest.raises(SettingsError, match=f"^Setting '{row['name']}': .*got .*\\.$"):
            Settings(**{row["name"]: value})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"passes": 0}, "Setting 'passes': input should be greater than or equal to 1, got 0."),
        ({"passes": 2.5}, "Setting 'passes': .* got 2.5."),
        ({"coverage": "odd"}, "Setting 'coverage': input should be 'even' or 'paper', got 'odd'."),
        ({"find": "person"}, "Setting 'find': .*tuple.* got 'person'."),
        ({"find": [1]}, "Setting 'find': .*string.* got 1."),
        ({"pases": 3}, "Unknown setting 'pases'. Known: find, confidence, .*"),
        ({"seed": -1}, "Setting 'seed': .* got -1."),
        ({"device": "gpu"}, "Setting 'device': .*'auto'.* got 'gpu'."),
    ],
)
def test_a_wrong_value_is_one_sentence(values: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message) as caught:
        Settings(**values)
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_settings_are_frozen_and_come_back_from_their_values() -> None:
    settings = Settings()
    with pytest.raises(ValueError, match="frozen"):
        settings.passes = 2
    assert Settings(find=["person", "dog"]).find == ("person", "dog")
    assert Settings(**Settings(passes=7).model_dump()) == Settings(passes=7)
