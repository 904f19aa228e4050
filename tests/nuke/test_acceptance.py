"""The acceptance kit: it runs whole in the fake of each version, and its checks can fail."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent
PLUGIN = ROOT / "nuke_plugin"
FACTS = Path(__file__).parent / "fake" / "FACTS.md"
CHECKLIST = PLUGIN / "docs" / "window_checklist.md"
VERSIONS = [(14, 0), (15, 0), (15, 1), (16, 0), (17, 1)]
# The Python that runs the fake is not the one of the Nuke that it plays.
OF_PYTHON = {"pythons_are_known"}


def kit() -> Any:
    """The kit's course, in the Nuke that runs now."""
    if str(PLUGIN) not in sys.path:
        sys.path.insert(0, str(PLUGIN))
    return importlib.import_module("acceptance_checks.course")


@pytest.mark.parametrize("version", VERSIONS, ids=str)
@pytest.mark.parametrize("gui", [True, False], ids=["window", "terminal"])
def test_every_check_that_the_fake_can_do_is_as_expected(
    make_host: Callable[..., Any],
    version: tuple[int, int],
    gui: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    host = make_host(version, gui, PLUGIN, "acceptance.py", "report.json")
    course = kit()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    rows = course.run_checks([one for one in course.all_checks() if one.needs != "engine"])
    failed = {row.name: row.seen for row in rows if row.ok is False and row.name not in OF_PYTHON}
    assert failed == {}
    assert len([row for row in rows if row.ok]) > 40
    # Nothing is left: no node, no callback, no folder.
    assert host.nuke.allNodes() == []
    assert list(tmp_path.iterdir()) == []
    host.callback_errors.clear()


def test_the_command_writes_its_report(make_host: Callable[..., Any], tmp_path: Path) -> None:
    out = tmp_path / "report.json"
    make_host((15, 1), False, None, "acceptance.py", str(out))
    code = kit().main([str(out), "names_are_unique", "deleted_nodes_raise"], PLUGIN)
    report = json.loads(out.read_text(encoding="utf-8"))
    assert code == 0
    assert [row["name"] for row in report["checks"]] == ["names_are_unique", "deleted_nodes_raise"]
    assert report["failed"] == []
    assert report["nuke"].startswith("15.1")
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize("given", [[], ["out.txt"], ["out.json", "no_such_check"]])
def test_bad_usage_is_2(make_host: Callable[..., Any], given: list[str]) -> None:
    make_host((15, 1), False, None)
    assert kit().main(given, PLUGIN) == 2
    assert not Path("out.json").exists()


def test_a_script_that_is_open_is_not_touched(make_host: Callable[..., Any], tmp_path: Path) -> None:
    host = make_host((15, 1), True)
    host.nuke.nodes.Dot()
    assert kit().run_in_window(str(tmp_path / "out.json")) == 2
    assert len(host.nuke.allNodes()) == 1


# How the fake is made to do otherwise, and which checks must see it.
def names_collide(host: Any, patched: pytest.MonkeyPatch) -> None:
    patched.setattr(type(host.root_core), "free_name", lambda core, name, *rest: name)


def knobs_are_silent(host: Any, patched: pytest.MonkeyPatch) -> None:
    patched.setattr(type(host.nuke.nodes.Dot()), "knob", lambda node, name, *rest: None)


def renders_ignore_callbacks(host: Any, patched: pytest.MonkeyPatch) -> None:
    patched.setattr(type(host.execution), "_call", lambda *given: None)


def views_are_ignored(host: Any, patched: pytest.MonkeyPatch) -> None:
    whole = type(host.execution).execute
    patched.setattr(
        type(host.execution),
        "execute",
        lambda self, core, frames, views, *rest: whole(self, core, frames, self.host.views, *rest),
    )


def a_read_shows_other_values(host: Any, patched: pytest.MonkeyPatch) -> None:
    import nuke_render

    whole = nuke_render.write

    def darker(node: Any, *rest: Any) -> Any:
        node["raw"].setValue(True)
        result = whole(node, *rest)
        path = Path(node["file"].evaluate())
        plain = importlib.import_module("acceptance_checks.plain_exr")
        seen = plain.read(path)
        changed = {
            name: [[0.5 * value for value in row] for row in rows] for name, rows in seen.channels.items()
        }
        plain.write(
            path, plain.Picture(changed, seen.data_window, seen.display_window, seen.pixel_aspect), half=False
        )
        return result

    patched.setattr(nuke_render, "write", darker)


DIFFERENT = {
    "names collide": (names_collide, {"names_are_unique"}),
    "no knob is there": (knobs_are_silent, {"a_copy_has_four_channels", "a_write_has_its_knobs"}),
    "callbacks are ignored": (
        renders_ignore_callbacks,
        {
            "before_render_can_stop_a_render",
            "before_render_knows_its_write",
            "before_frame_render_knows_its_frame",
        },
    ),
    "views are ignored": (views_are_ignored, {"execute_renders_chosen_views"}),
    "pixels are halved": (
        a_read_shows_other_values,
        {
            "colours_are_not_changed",
            "mattes_are_read_as_they_are",
            "a_copy_adds_layers",
            "expressions_read_layers",
        },
    ),
}


@pytest.mark.parametrize("what", DIFFERENT)
def test_a_nuke_that_does_otherwise_is_told(
    make_host: Callable[..., Any], what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = make_host((15, 1), False, None)
    course = kit()
    change, wanted = DIFFERENT[what]
    with monkeypatch.context() as patched:
        change(host, patched)
        rows = course.run_checks([one for one in course.all_checks() if one.name in wanted])
    assert {row.name for row in rows if row.ok is False} == wanted
    host.callback_errors.clear()


def test_every_unsure_fact_has_a_check(make_host: Callable[..., Any]) -> None:
    """FACTS.md marks with (?) what nobody could look up; each is examined by a check, or by eye."""
    unsure = set(re.findall(r"^- `(\w+)` \(\?\)", FACTS.read_text(encoding="utf-8"), re.MULTILINE))
    assert unsure
    named = set(re.findall(r"`(\w+)`", CHECKLIST.read_text(encoding="utf-8")))
    make_host((15, 1), False, None)
    named |= {fact for one in kit().all_checks() for fact in one.facts}
    assert sorted(unsure - named) == []


def test_it_is_one_command(tmp_path: Path) -> None:
    """The entry file says how it is meant, without a Nuke to run it."""
    text = (PLUGIN / "README.md").read_text(encoding="utf-8")
    assert "nuke -t ~/.nuke/semantic_matte/acceptance.py report.json" in text
    command = [sys.executable, "-c", f"import ast; ast.parse(open({str(PLUGIN / 'acceptance.py')!r}).read())"]
    assert subprocess.run(command, check=False).returncode == 0


@pytest.mark.slow
def test_the_whole_run_is_as_expected(make_host: Callable[..., Any], worker_place: Any) -> None:
    make_host((15, 1), False, PLUGIN)
    course = kit()
    rows = course.run_checks([one for one in course.all_checks() if one.needs == "engine"])
    assert [row.ok for row in rows] == [True], [row.seen for row in rows]
