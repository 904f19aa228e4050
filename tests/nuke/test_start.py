"""Nuke's start: what the entry files load and register, and that nothing broken in them stops Nuke."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fake_nuke import FakeNuke

ROOT = Path(__file__).parent.parent.parent
PLUGIN, CORE = ROOT / "nuke_plugin", ROOT / "core"
# Loaded when first needed: a start costs nobody more than the entry files.
HEAVY = ("semantic_matte_client", "torch", "numpy", "multiprocessing")
ENTRY_FILES = ("init.py", "menu.py")


@pytest.mark.parametrize("name", ENTRY_FILES)
def test_an_entry_file_is_short(name: str) -> None:
    assert len((PLUGIN / name).read_text(encoding="utf-8").splitlines()) < 40


@pytest.mark.parametrize("gui", [True, False])
def test_a_start_loads_little(gui: bool) -> None:
    """In a fresh interpreter: neither the client nor anything heavy, and no thread is made."""
    script = f"""
import sys, threading
sys.path[:0] = [{str(PLUGIN.parent / "tests" / "nuke" / "fake")!r}, {str(CORE)!r}]
from fake_nuke import FakeNuke
host = FakeNuke(version=(15, 1), gui={gui})
with host:
    before = set(sys.modules)
    threads = threading.active_count()
    host.start({str(PLUGIN)!r})
    new = set(sys.modules) - before
    assert host.printed == [], host.printed
    assert threading.active_count() == threads
    print(sorted(name for name in new if "semantic_matte" in name))
    print(sorted(name for name in new if name.partition(".")[0] in {HEAVY!r}))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    ours, heavy = done.stdout.splitlines()
    assert "semantic_matte_nuke.callbacks" in ours
    assert ("semantic_matte_nuke.menus" in ours) is gui
    assert heavy == "[]"


def test_a_terminal_has_what_renders_need_and_no_menus(terminal: FakeNuke) -> None:
    assert terminal.menu_items() == []
    assert "semantic_matte_nuke.callbacks" in sys.modules
    assert "semantic_matte_nuke.menus" not in sys.modules


def test_a_second_load_changes_nothing(host: FakeNuke) -> None:
    before = host.menu_items()
    for _ in range(2):
        for name in ENTRY_FILES:
            exec(compile((PLUGIN / name).read_text(encoding="utf-8"), name, "exec"), {})
    assert host.menu_items() == before
    node = host.nuke.createNode("Group")
    assert host.printed == []
    assert node.name() == "Group1"


def test_a_reload_registers_nothing_twice(host: FakeNuke, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib

    from semantic_matte_nuke import callbacks

    given: list[object] = []
    monkeypatch.setattr(host.nuke, "addOnCreate", lambda call, **_more: given.append(call))
    importlib.reload(callbacks).register()
    assert given == []


@pytest.mark.parametrize("broken", ["semantic_matte_nuke/__init__.py", "semantic_matte_nuke/callbacks.py"])
def test_a_broken_plugin_stops_nothing(
    tmp_path: Path, make_host: Callable[..., FakeNuke], broken: str, capsys: pytest.CaptureFixture[str]
) -> None:
    plugin = tmp_path / "semantic_matte"
    shutil.copytree(PLUGIN, plugin, ignore=shutil.ignore_patterns("__pycache__"))
    (plugin / broken).write_text("raise ValueError('broken')\n", encoding="utf-8")
    host = make_host((15, 1), True, plugin)
    said = capsys.readouterr().out + "\n".join(map(str, host.printed))
    assert "Semantic Matte can't be used (ValueError: broken)" in said
    assert "semantic-matte install nuke" in said
    assert host.nuke.nodes.Grade().Class() == "Grade"


def test_a_missing_package_stops_nothing(tmp_path: Path) -> None:
    """In an interpreter that finds nothing of ours elsewhere."""
    for name in ENTRY_FILES:
        shutil.copy(PLUGIN / name, tmp_path)
    script = f"""
import sys
sys.path.insert(0, {str(PLUGIN.parent / "tests" / "nuke" / "fake")!r})
from fake_nuke import FakeNuke
host = FakeNuke(version=(15, 1), gui=True)
with host:
    host.start({str(tmp_path)!r})
    assert host.menu_items() == []
    assert host.nuke.nodes.Grade().Class() == "Grade"
"""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "can't be used (ModuleNotFoundError" in done.stdout
    assert "has no menus (ModuleNotFoundError" in done.stdout


def test_the_icons_are_what_the_script_draws() -> None:
    spec = importlib.util.spec_from_file_location("draw_icons", PLUGIN / "icons" / "draw_icons.py")
    assert spec is not None
    assert spec.loader is not None
    drawing = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(drawing)
    for name, size in drawing.SIZES.items():
        content = (PLUGIN / "icons" / name).read_bytes()
        assert content == drawing.drawn(size)
        width, height = (int.from_bytes(content[at : at + 4], "big") for at in (16, 20))
        assert (width, height) == (size, size)
