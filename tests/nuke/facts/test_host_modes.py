"""With a window and without, and the versions of Nuke."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fake_nuke import PROFILES, FakeNuke

FAKE = Path(__file__).parent.parent / "fake"


def plugin(folder: Path) -> Path:
    """A folder whose init.py and menu.py leave a trace."""
    folder.mkdir(exist_ok=True)
    (folder / "init.py").write_text("import nuke\nnuke.tprint('init')\n")
    add = "nuke.menu('Nodes').addMenu('Ours').addCommand('Make', \"nuke.createNode('Dot')\")"
    (folder / "menu.py").write_text(f"import nuke\nnuke.tprint('menu')\n{add}\n")
    return folder


def test_a_window_runs_both_files_and_has_menus(make_host: Any, tmp_path: Path) -> None:
    host = make_host((15, 1), True, plugin=plugin(tmp_path / "ours"))
    assert host.printed == ["init", "menu"]
    assert "Nodes/Ours/Make" in host.menu_items()
    host.press_menu("Nodes/Ours/Make")
    assert [node.Class() for node in host.nuke.allNodes()] == ["Dot"]
    assert host.nuke.toolbar("Nodes").findItem("Ours/Make").name() == "Make"
    assert str(tmp_path / "ours") in host.nuke.pluginPath()
    assert str(tmp_path / "ours") in sys.path


def test_a_command_of_the_same_name_takes_the_others_place(make_host: Any) -> None:
    host = make_host((15, 1), True, plugin=None)
    for _ in range(2):
        host.nuke.menu("Nuke").addCommand("Ours/Do", "pass")
    assert host.menu_items().count("Nuke/Ours/Do") == 1
    host.nuke.menu("Nuke").removeItem("Ours")
    assert "Nuke/Ours/Do" not in host.menu_items()
    with pytest.raises(TypeError):
        host.nuke.menu("Nuke").addCommand("Other", 5)


def test_a_terminal_runs_init_alone_and_has_no_dialogs(make_host: Any, tmp_path: Path, capsys: Any) -> None:
    host = make_host((15, 1), False, plugin=plugin(tmp_path / "ours"))
    assert host.printed == ["init"]
    assert not host.nuke.GUI
    assert host.nuke.env["gui"] is False
    host.nuke.message("to nobody")
    assert host.messages == []
    for call in (
        lambda: host.nuke.ask("?"),
        lambda: host.nuke.getFilename("where"),
        lambda: host.nuke.menu("Nodes"),
        lambda: host.nuke.toolbar("Nodes"),
    ):
        with pytest.raises(RuntimeError, match="terminal"):
            call()
    assert "init" in capsys.readouterr().out


def test_dialogs_are_shown_and_answered(make_host: Any) -> None:
    host = make_host((15, 1), True, plugin=None)
    host.answers.extend([True, "/a/b", None])
    host.nuke.message("Done.")
    assert host.nuke.ask("Sure?") is True
    assert host.nuke.getFilename("Where?") == "/a/b"
    assert host.nuke.getInput("What?") is None
    assert host.messages == ["Done.", "Sure?", "Where?", "What?"]
    with pytest.raises(AssertionError, match="waits for ever"):
        host.nuke.ask("Again?")
    with pytest.raises(TypeError):
        host.nuke.message(5)


@pytest.mark.parametrize("version", sorted(PROFILES), ids=str)
def test_each_version_says_what_it_is(make_host: Any, version: Any) -> None:
    nuke = make_host(version, True, plugin=None).nuke
    assert version == (nuke.NUKE_VERSION_MAJOR, nuke.NUKE_VERSION_MINOR)
    assert nuke.NUKE_VERSION_STRING.startswith(f"{version[0]}.{version[1]}v")
    assert nuke.env["NukeVersionMajor"] == version[0]


def test_what_a_version_lacks_is_not_there(make_host: Any) -> None:
    nuke = make_host((15, 1), True, plugin=None, lacks=["ProgressTask", "tprint"]).nuke
    for name in ("ProgressTask", "tprint"):
        with pytest.raises(AttributeError):
            getattr(nuke, name)
    assert make_host((15, 1), True, plugin=None).nuke.ProgressTask


def test_there_is_no_other_version() -> None:
    with pytest.raises(ValueError, match="No profile"):
        FakeNuke(version=(12, 0))


def test_nothing_of_it_is_left_afterwards(tmp_path: Path) -> None:
    before = list(sys.path)
    with FakeNuke() as host:
        host.start(plugin(tmp_path / "ours"))
        assert "nuke" in sys.modules
    assert sys.path == before
    assert {"nuke", "nukescripts", "init", "menu"}.isdisjoint(sys.modules)
    with pytest.raises(RuntimeError, match="No Nuke is running"):
        host.nuke.OutputContext()


def test_a_process_in_a_terminal(tmp_path: Path) -> None:
    plugin(tmp_path / "ours")
    script = tmp_path / "script.py"
    script.write_text("import sys, nuke\nprint(sys.argv[1:], nuke.rawArgs[3:], nuke.GUI)\nsys.exit(7)\n")
    done = subprocess.run(
        [sys.executable, "-m", "fake_nuke", "-V", "16.0", "-t", str(script), "shot.nk", "1-10"],
        env={**os.environ, "PYTHONPATH": str(FAKE), "NUKE_PATH": str(tmp_path / "ours")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 7, done.stderr
    assert done.stdout.splitlines() == ["init", "['shot.nk'] ['shot.nk', '1-10'] False"]
