"""Presets: those of the add-on, and what is made of any file that lies in a presets folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from blender_addon.control_rows import control_rows, settings_from
from blender_addon.preset_files import LEFT_OUT, PresetError, preset_rows, read, text_of

from semantic_matte.settings import Settings

SHIPPED = Path(__file__).parent.parent.parent / "blender_addon" / "shipped" / "presets" / "semantic_matte"
NAMES = ["Default", "Fast", "Fine_Hair"]


def test_these_are_shipped() -> None:
    assert sorted(path.stem for path in SHIPPED.glob("*.py")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_shipped_ones_are_read_whole_and_taken_by_the_engine(name: str) -> None:
    values, passed_over = read((SHIPPED / f"{name}.py").read_text(encoding="utf-8"), control_rows())
    assert passed_over == []
    Settings(**values)


def test_each_shipped_one_replaces_the_others() -> None:
    found = [read((SHIPPED / f"{name}.py").read_text(encoding="utf-8"), control_rows())[0] for name in NAMES]
    assert len({tuple(sorted(values)) for values in found}) == 1
    assert len({tuple(sorted(values.items())) for values in found}) == len(NAMES)


def test_default_is_the_engines() -> None:
    values, _ = read((SHIPPED / "Default.py").read_text(encoding="utf-8"), control_rows())
    defaults = {row.name: row.default for row in control_rows()}
    assert values == {name: defaults[name] for name in values}


def test_what_was_written_is_read_again() -> None:
    rows = preset_rows(control_rows())
    values = {row.name: row.field_default for row in rows} | {"find": "person, 'dog'\nümlaut", "passes": 7}
    assert read(text_of(values), control_rows()) == (values, [])


def test_noise_of_32_bits_is_left_out() -> None:
    assert "settings.confidence = 0.35\n" in text_of({"confidence": 0.3499999940395355})


def test_a_presets_values_are_the_jobs() -> None:
    values, _ = read(text_of({"find": "person, dog", "passes": 2}), control_rows())
    defaults = {row.name: row.field_default for row in control_rows()}
    settings = settings_from(defaults | values)
    assert settings["find"] == ["person", "dog"]
    assert settings["passes"] == 2


def test_machines_and_consents_are_no_part_of_a_preset() -> None:
    assert not LEFT_OUT & {row.name for row in preset_rows(control_rows())}
    values, passed_over = read("settings.passes = 2\nsettings.accept_licence = 'all'\n", control_rows())
    assert values == {"passes": 2}
    assert passed_over == ["'accept_licence' is no control of this version"]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("settings.from_the_future = 3", "'from_the_future' is no control of this version"),
        ("settings.results_folder = '/'", "'results_folder' is no control of this version"),
        ("settings.samples = 0", "'samples' can't be 0"),
        ("settings.samples = 2.5", "'samples' can't be 2.5"),
        ("settings.samples = True", "'samples' can't be True"),
        ("settings.confidence = 1.01", "'confidence' can't be 1.01"),
        ("settings.confidence = 'high'", "'confidence' can't be 'high'"),
        ("settings.overlaps = 'sideways'", "'overlaps' can't be 'sideways'"),
        ("settings.foreground = 1", "'foreground' can't be 1"),
        ("settings.find = ['person']", "'find' can't be ['person']"),
        ("settings.samples = __import__('os').getpid()", "'samples' can't be None"),
    ],
)
def test_what_can_not_be_is_passed_over_and_told(line: str, why: str) -> None:
    assert read(f"settings.passes = 2\n{line}\n", control_rows()) == ({"passes": 2}, [why])


def test_nothing_is_run(tmp_path: Path) -> None:
    victim = tmp_path / "made"
    text = f"open({str(victim)!r}, 'w')\nsettings.passes = 2\nimport os\nother.samples = 3\n"
    assert read(text, control_rows()) == ({"passes": 2}, [])
    assert not victim.exists()


@pytest.mark.parametrize("text", ["", "import bpy\n", "settings.passes = \n", "\0", "(" * 10000, "\udc80 ="])
def test_a_file_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(PresetError, match="choose another"):
        read(text, control_rows())
