"""Controls as rows for a host's fields, and fields' values as a job's settings."""

from __future__ import annotations

import struct
from types import SimpleNamespace
from typing import Any

import pytest

from semantic_matte_client import control_values
from semantic_matte_client.nodes import control_rows


def defaults() -> dict[str, Any]:
    """What fields hold that nobody touched: texts for lists, numbers of 32 bits."""
    values = {row.name: row.field_default for row in control_rows.control_rows()}
    return {name: single(value) if isinstance(value, float) else value for name, value in values.items()}


def single(value: float) -> float:
    """A number as a host that keeps 32 bits gives it back."""
    return float(struct.unpack("f", struct.pack("f", value))[0])


def test_every_control_has_a_row() -> None:
    rows = control_rows.control_rows()
    assert [row.name for row in rows] == [row["name"] for row in control_values.read_controls()]
    assert all(row.label and row.tooltip and row.kind and row.group for row in rows)


def test_groups_have_all_but_the_hidden_ones() -> None:
    rows = control_rows.control_rows()
    groups = control_rows.grouped_rows()
    assert list(groups) == ["find", "edge", "shot", "output", "process"]
    assert sorted(row.name for group in groups.values() for row in group) == sorted(row.name for row in rows)
    assert all(row.group == group for group, members in groups.items() for row in members)
    fewer = control_rows.grouped_rows({"find", *(row.name for row in groups["shot"])})
    assert "shot" not in fewer
    assert [row.name for row in fewer["find"]] == [row.name for row in groups["find"] if row.name != "find"]


def test_untouched_fields_are_the_engines_defaults() -> None:
    settings = control_rows.settings_from(defaults(), {})
    assert settings == {row["name"]: row["default"] for row in control_values.read_controls()}
    assert control_values.checked_settings(settings) == settings


def test_what_a_host_always_needs_is_taken_whatever_is_set() -> None:
    values = {**defaults(), "data_window": "plate", "cryptomatte": False}
    del values["png"]
    always = {"data_window": "tight", "cryptomatte": True, "png": False}
    settings = control_rows.settings_from(values, always)
    assert {name: settings[name] for name in always} == always


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("find", "person, dog:at(3,4) ,", ["person", "dog:at(3,4)"]),
        ("find", "", []),
        ("find", ["person"], ["person"]),
        ("confidence", single(0.35), 0.35),
        ("smallest", single(0.0001), 0.0001),
        ("passes", 2, 2),
        # A host may give a whole number as a float.
        ("passes", 4.0, 4),
        ("segmenter", " starter ", "starter"),
        # An emptied text means the default, as a field does that is cleared.
        ("estimator", "", "network"),
        ("track", 0, False),
        ("overlaps", "independent", "independent"),
    ],
)
def test_a_value_as_the_engine_takes_it(name: str, value: object, expected: object) -> None:
    found = control_rows.settings_from({**defaults(), name: value}, {})[name]
    assert found == expected
    assert type(found) is type(expected)
    assert control_values.checked_settings({name: found}) == {name: expected}


def test_values_may_be_attributes() -> None:
    values = {**defaults(), "passes": 7}
    assert control_rows.settings_from(SimpleNamespace(**values), {}) == control_rows.settings_from(values, {})


def test_what_makes_no_matte_stale_is_left_out_of_what_a_result_follows_from() -> None:
    names = {row.name for row in control_rows.control_rows()}
    assert names >= control_rows.NOT_OF_PIXELS
    settings = control_rows.settings_from(defaults(), {})
    assert set(control_rows.settings_of_pixels(settings)) == names - control_rows.NOT_OF_PIXELS
    assert {"find", "passes", "data_window"} <= set(control_rows.settings_of_pixels(settings))
