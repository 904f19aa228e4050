"""What Blender shows of the controls, and what its node always needs."""

from __future__ import annotations

import struct
from typing import Any

from blender_addon import control_rows
from semantic_matte_client import control_values


def defaults() -> dict[str, Any]:
    """What properties hold that nobody touched: texts for lists, numbers of 32 bits."""
    values = {row.name: row.field_default for row in control_rows.control_rows()}
    return {name: single(value) if isinstance(value, float) else value for name, value in values.items()}


def single(value: float) -> float:
    """A number as a property of Blender gives it back."""
    return float(struct.unpack("f", struct.pack("f", value))[0])


def test_every_control_has_a_row() -> None:
    assert [row.name for row in control_rows.control_rows()] == [
        row["name"] for row in control_values.read_controls()
    ]


def test_groups_have_the_controls_that_are_shown() -> None:
    groups = control_rows.grouped_rows()
    shown = [row.name for rows in groups.values() for row in rows]
    assert list(groups) == ["find", "edge", "shot", "output", "process"]
    assert set(groups) <= set(control_rows.GROUP_LABELS)
    assert [row.name for row in groups["output"]] == ["foreground"]
    assert {"find", "passes", "device", "steadiness"} <= set(shown)
    hidden = {row.name for row in control_rows.control_rows()} - set(shown)
    assert hidden == {
        "png", "spread", "contact_sheet", "cryptomatte", "foreground_method", "foreground_space",
        "data_window", "storage", "reuse",
    }  # fmt: skip


def test_untouched_properties_are_the_engines_defaults_but_for_what_the_node_needs() -> None:
    settings = control_rows.settings_from(defaults())
    engine = {row["name"]: row["default"] for row in control_values.read_controls()}
    needed = {"data_window": "plate", "cryptomatte": True, "png": False}
    assert settings == {**engine, **needed}
    assert control_values.checked_settings(settings) == settings


def test_the_node_needs_what_it_needs_whatever_is_set() -> None:
    values = {**defaults(), "data_window": "tight", "cryptomatte": False, "png": True}
    settings = control_rows.settings_from(values)
    assert (settings["data_window"], settings["cryptomatte"], settings["png"]) == ("plate", True, False)


def test_a_tooltip_says_its_unit_and_leaves_the_full_stop_to_blender() -> None:
    rows = {row.name: row for row in control_rows.control_rows()}
    assert rows["passes"].description.endswith(" (passes)")
    assert not any(row.description.endswith(".") for row in rows.values())
