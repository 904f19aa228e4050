"""Mattes from a shell: the command line, its lines, its exit codes, and what it leaves of a script."""

from __future__ import annotations

import json
import os
import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from course_cases import QUICK, captures_below, ours, shot
from fake_nuke import FakeNuke

Plate = Callable[..., str]
Make = Callable[..., FakeNuke]
ROOT = Path(__file__).parent.parent.parent
PLUGIN = ROOT / "nuke_plugin"


@pytest.fixture
def work(warm_place: Any) -> Path:
    """A folder beside a worker that stays warm over this file's tests."""
    found: Path = warm_place.work
    return found


@pytest.fixture
def script(make_host: Make, work: Path, plate: Plate) -> Path:
    """A saved script with one node, as an artist left it."""
    return shot(make_host(), work, plate, (1001, 1002)).folder / "shot.nk"


def run(*arguments: object) -> int:
    return int(ours("terminal_run").main([str(one) for one in arguments]))


def test_it_makes_the_mattes_and_saves_only_where_asked(
    make_host: Make, script: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = script.read_bytes()
    make_host((15, 1), False)
    assert run(script, "SemanticMatte1", "1001-1002") == 0
    assert script.read_bytes() == before
    lines = capsys.readouterr().out.splitlines()
    told = [int(line.split()[1].rstrip("%")) for line in lines if line.startswith("progress ")]
    assert told == sorted(told)
    assert told[0] == 0
    assert any(line.startswith("SemanticMatte1: 1 instances, 2 frames, by") for line in lines)
    # The artist's own Nuke finds it: nothing is computed again.
    host = make_host()
    host.open(script)
    computation = ours("computation").start(host.nuke.toNode("SemanticMatte1"), "1001-1002")
    assert computation.state == "done"
    assert captures_below(script.parent) == []


@pytest.mark.parametrize("option", ["--save", "--save-as"])
def test_it_saves_the_script_with_what_the_node_shows(make_host: Make, script: Path, option: str) -> None:
    make_host((15, 1), False)
    target = script if option == "--save" else script.with_name("saved.nk")
    assert run(script, "SemanticMatte1", "1001", option, *([target] if option == "--save-as" else [])) == 0
    host = make_host()
    host.open(target)
    shown = ours("node_results").shown_results(host.nuke.toNode("SemanticMatte1"))
    assert shown.frames == (1001,)


def test_json_is_lines_of_json_alone(make_host: Make, script: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_host((15, 1), False)
    assert run(script, "SemanticMatte1", "1001", "--json") == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {row["type"] for row in rows} == {"progress", "done"}
    assert rows[-1]["slots"] == ["sm_person_01"]
    assert Path(rows[-1]["folder"]).is_dir()
    assert all(0 <= row["fraction"] <= 1 for row in rows[:-1])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "required"),
        (["{script}"], "required"),
        (["{script}", "SemanticMatte1", "--wrong"], "--wrong"),
        (["{folder}/none.nk", "SemanticMatte1"], "There is no script"),
        (["{script}", "Nobody", "1001"], "There is no Semantic Matte node 'Nobody'"),
        (["{script}", "SemanticMatte1", "10-"], "no frame and no range"),
        (["{script}", "SemanticMatte1", "1001", "--views", "middle"], "no view 'middle'"),
        (["{script}", "SemanticMatte1", "1001", "--save", "--save-as", "x.nk"], "not both"),
    ],
)
def test_bad_usage_is_one_sentence_and_exit_code_2(
    make_host: Make,
    script: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    sentence: str,
) -> None:
    make_host((15, 1), False)
    assert run(*(one.format(script=script, folder=script.parent) for one in arguments)) == 2
    said = capsys.readouterr().err.strip()
    assert sentence in said
    assert len(said.splitlines()) == 1


def test_a_failure_is_one_sentence_and_exit_code_1(
    make_host: Make, script: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (script.parent / "plates" / "plate.1002.exr").unlink()
    make_host((15, 1), False)
    assert run(script, "SemanticMatte1", "1001-1002", "--json") == 1
    told = capsys.readouterr()
    assert "frame 1002" in told.err
    assert len(told.err.strip().splitlines()) == 1
    assert json.loads(told.out.splitlines()[-1])["exit_code"] == 1
    assert captures_below(script.parent) == []


def test_ctrl_c_is_130_and_leaves_nothing(
    make_host: Make, script: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_host((15, 1), False)
    shown = ours("host").Progress.set

    def interrupted(self: Any, fraction: float, sentence: str) -> None:
        shown(self, fraction, sentence)
        if fraction > 0.1:
            raise KeyboardInterrupt

    monkeypatch.setattr(ours("host").Progress, "set", interrupted)
    assert run(script, "SemanticMatte1", "1001") == 130
    assert "Interrupted" in capsys.readouterr().err
    assert captures_below(script.parent) == []
    assert ours("running").all_running() == []


def test_a_star_is_every_node_and_one_that_fails_keeps_none_back(
    make_host: Make, work: Path, plate: Plate, capsys: pytest.CaptureFixture[str]
) -> None:
    host = make_host()
    found = shot(host, work, plate)
    broken = ours("node_making").create(host.nuke.nodes.Read(file="/not/there.%04d.exr", first=1001, last=1001))
    for name, value in QUICK.items():
        broken[name].setValue(value)
    broken.setName("Broken")
    host.save(found.folder / "shot.nk")
    make_host((15, 1), False)
    assert run(found.folder / "shot.nk", "*", "1001", "--save") == 1
    said = capsys.readouterr().err
    assert "Broken" in said
    assert "1 of 2 nodes have no new mattes" in said
    host = make_host()
    host.open(found.folder / "shot.nk")
    shown = {node.name(): ours("node_results").shown_results(node) for node in ours("node_finding").all_nodes()}
    assert shown["Broken"] is None
    assert shown["SemanticMatte1"].frames == (1001,)


def test_views_are_named_on_the_line(make_host: Make, work: Path, plate: Plate) -> None:
    host = make_host()
    found = shot(host, work, plate)
    host.set_views(["left", "right"])
    host.save(found.folder / "shot.nk")
    make_host((15, 1), False)
    assert run(found.folder / "shot.nk", "SemanticMatte1", "1001", "--views", "right") == 0
    assert [path.name for path in found.cache.glob("*/*/*") if path.is_dir()] == ["right"]


@pytest.mark.parametrize(
    ("raw", "argv", "wanted"),
    [
        # As Nuke gives them: the range is in rawArgs alone.
        (("generate.py", "a.nk", "N", "1001-1050"), ["generate.py", "a.nk", "N"], ["a.nk", "N", "1001-1050"]),
        (("/x/generate.py", "a.nk", "*"), ["/x/generate.py", "a.nk", "*"], ["a.nk", "*"]),
        (("other.py",), ["other.py", "a.nk"], ["a.nk"]),
    ],
)
def test_arguments_are_what_stands_behind_the_scripts_name(
    make_host: Make,
    monkeypatch: pytest.MonkeyPatch,
    raw: tuple[str, ...],
    argv: list[str],
    wanted: list[str],
) -> None:
    make_host((15, 1), False, PLUGIN, *raw)
    monkeypatch.setattr(sys, "argv", argv)
    assert ours("terminal_run").own_arguments() == wanted


def test_a_negative_range_is_no_option(make_host: Make) -> None:
    make_host((15, 1), False)
    parsed = ours("terminal_run")._parsed(["a.nk", "N", "-5--1", "--json"])
    assert (parsed.range.strip(), parsed.json) == ("-5--1", True)


@pytest.mark.parametrize("place", ["clone", "installed"])
def test_the_file_finds_its_parts_where_no_plugin_is_installed(
    make_host: Make, script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    entry = PLUGIN / "generate.py"
    if place == "installed":
        installed = tmp_path / "semantic_matte"
        shutil.copytree(PLUGIN, installed, ignore=shutil.ignore_patterns("__pycache__", "docs"))
        shutil.copytree(ROOT / "core" / "semantic_matte_client", installed / "semantic_matte_client")
        entry = installed / "generate.py"
    make_host((15, 1), False, None, str(entry), str(script), "SemanticMatte1", "1001")
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(entry), run_name="__main__")
    assert end.value.code == 0
    assert Path(sys.modules["semantic_matte_nuke"].__file__ or "").parent.parent == entry.parent


def test_help_says_how_it_is_called(make_host: Make, capsys: pytest.CaptureFixture[str]) -> None:
    make_host((15, 1), False)
    with pytest.raises(SystemExit) as end:
        run("--help")
    assert end.value.code == 0
    assert "nuke -t generate.py" in capsys.readouterr().out


def test_the_entry_alone_needs_nothing_but_the_standard_library() -> None:
    code = f"import runpy; runpy.run_path({str(PLUGIN / 'generate.py')!r}, run_name='looked_at')"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-I", "-S", "-c", code]
    assert subprocess.run(command, env=environment, check=False).returncode == 0
