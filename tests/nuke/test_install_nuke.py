"""`semantic-matte install nuke`, then a start of Nuke from there, under each Python that a Nuke has."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from semantic_matte.installing import plan_install, plan_uninstall

FAKE = Path(__file__).parent / "fake"
# Nuke 14 has 3.9, 15 has 3.10, 16 and 17 have 3.11; later ones will have later ones.
PYTHONS = ("3.9", "3.10", "3.11", "3.12", "3.13")

START = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from fake_nuke import FakeNuke
folder = Path(sys.argv[2])
gui = sys.argv[3] == "gui"
host = FakeNuke(version=(15, 1), gui=gui)
with host:
    host.start(folder / "semantic_matte")
    assert host.printed == [], host.printed
    assert bool(host.menu_items()) is gui
    import semantic_matte_nuke as sm
    import semantic_matte_client
    for module in (sm, semantic_matte_client):
        assert folder in Path(module.__file__).resolve().parents, module.__file__
    node = sm.create(host.nuke.nodes.Constant())
    assert [one.label for one in sm.instances(node)] == []
    host.save(folder / "script.nk")
    host.open(folder / "script.nk")
    assert host.nuke.toNode("SemanticMatte1") is not None
    assert host.callback_errors == [], host.callback_errors
print("started")
"""


def python_of(version: str) -> str:
    """The interpreter of a version: this one, or one on PATH or among pyenv's."""
    if version == ".".join(map(str, sys.version_info[:2])):
        return sys.executable
    named = shutil.which(f"python{version}")
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    installed = sorted(root.glob(f"{version}.*/bin/python"))
    if not installed and named is None:
        pytest.skip(f"no Python {version} is here")
    return str(installed[-1]) if installed else str(named)


@pytest.fixture
def nuke_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folder of Nuke, with the plugin installed."""
    # The interpreters are looked for in the real home.
    monkeypatch.setenv("PYENV_ROOT", os.environ.get("PYENV_ROOT") or str(Path.home() / ".pyenv"))
    home = tmp_path / "Zoë Müller"
    (home / ".nuke").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / ".cache"))
    monkeypatch.delenv("SEMANTIC_MATTE_CONFIG", raising=False)
    plan_install("nuke").carry_out()
    return home / ".nuke"


@pytest.mark.parametrize("mode", ["gui", "terminal"])
@pytest.mark.parametrize("version", PYTHONS)
def test_the_installed_plugin_starts(nuke_folder: Path, version: str, mode: str) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run(
        [python_of(version), "-B", "-s", "-c", START, str(FAKE), str(nuke_folder), mode],
        env={**environment, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "started"


def test_what_is_installed(nuke_folder: Path) -> None:
    installed = nuke_folder / "semantic_matte"
    there = {path.relative_to(installed).as_posix() for path in installed.rglob("*") if path.is_file()}
    assert {"init.py", "menu.py", "README.md", "icons/semantic_matte.png"} <= there
    assert {"semantic_matte_nuke/__init__.py", "semantic_matte_client/nodes/result_folders.py"} <= there
    assert not [name for name in there if name.startswith("docs/") or "__pycache__" in name]


def test_the_artist_is_told_where_the_node_is(nuke_folder: Path) -> None:
    lines = plan_install("nuke").lines
    assert any("press Tab in the node graph" in line for line in lines)
    assert not any("no node in this version" in line for line in lines)


def test_an_uninstall_leaves_nothing(nuke_folder: Path) -> None:
    plan_uninstall("nuke").carry_out()
    assert list(nuke_folder.iterdir()) == []
