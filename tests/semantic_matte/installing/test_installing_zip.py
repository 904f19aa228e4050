"""`semantic-matte install blender --zip`: what is in the file, and when it is not written."""

from __future__ import annotations

import json
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from semantic_matte import __version__
from semantic_matte.cli_install import install
from semantic_matte.errors import UsageError
from semantic_matte.installing import plan_zip
from semantic_matte.installing.host_folders import HOSTS
from semantic_matte.worker.client_places import client_folder

Tree = Callable[[Path], "dict[str, bytes | str | None]"]

app = typer.Typer()
app.command()(install)

ADDON = HOSTS["blender"].adapter_folder()
CLIENT = "semantic_matte_client/"


def contents(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as packed:
        assert packed.testzip() is None
        return {name: packed.read(name) for name in packed.namelist()}


@pytest.fixture
def packed(home: Path) -> Path:
    """A zip in a folder with a space and an umlaut."""
    plan_zip("blender", home / "extension.zip").carry_out()
    return home / "extension.zip"


def test_the_addon_and_the_client_are_in_it_to_the_byte(packed: Path) -> None:
    found = contents(packed)
    for folder, prefix in ((ADDON, ""), (client_folder(), CLIENT)):
        for path in folder.rglob("*.py"):
            assert found[prefix + path.relative_to(folder).as_posix()] == path.read_bytes()
    # What nodes share, in a folder of its own.
    assert {f"{CLIENT}nodes/__init__.py", f"{CLIENT}nodes/frame_spans.py"} <= set(found)
    assert found["blender_manifest.toml"] == (ADDON / "blender_manifest.toml").read_bytes()
    assert found[f"{CLIENT}controls.json"] == (client_folder() / "controls.json").read_bytes()
    engine = json.loads(found[f"{CLIENT}engine.json"])
    assert engine == {"python": sys.executable, "version": __version__, "installed": []}


def test_nothing_heavy_is_in_it(packed: Path) -> None:
    assert packed.stat().st_size < 500_000
    kinds = {Path(name).suffix for name in contents(packed)}
    assert kinds <= {".py", ".json", ".toml", ".md"}
    assert not [name for name in contents(packed) if name.startswith("docs/") or "__pycache__" in name]


def test_the_same_files_are_the_same_bytes(packed: Path, home: Path) -> None:
    plan_zip("blender", home / "second.ZIP").carry_out()
    assert (home / "second.ZIP").read_bytes() == packed.read_bytes()


def test_a_folder_gets_a_zip_by_its_own_name(home: Path) -> None:
    plan = plan_zip("blender", home)
    plan.carry_out()
    assert [path.name for path in home.iterdir()] == [f"semantic_matte-{__version__}.zip"]
    assert str(home) in plan.lines[0]
    assert "Install from Disk" in plan.lines[-1]


def test_an_earlier_zip_is_replaced_and_nothing_else_is(packed: Path, home: Path, tree: Tree) -> None:
    with zipfile.ZipFile(packed, "a") as stream:
        stream.writestr("more.py", "")
    plan_zip("blender", packed).carry_out()
    assert "more.py" not in contents(packed)
    with zipfile.ZipFile(home / "others.zip", "w") as stream:
        stream.writestr("blender_manifest.toml", 'id = "another"\n')
    (home / "text.zip").write_text("no zip", encoding="utf-8")
    before = tree(home)
    for name in ("others.zip", "text.zip"):
        with pytest.raises(UsageError, match="is no Semantic Matte for Blender"):
            plan_zip("blender", home / name)
    assert tree(home) == before


WRONG = [
    (["nuke", "--zip", "x.zip"], "--zip is for Blender"),
    (["blender", "--zip", "x.tar"], "ends with .zip was expected"),
    (["blender", "--zip", "x.zip", "--link"], "leave out --to, --link and --uninstall"),
    (["blender", "--zip", "x.zip", "--uninstall"], "leave out --to, --link and --uninstall"),
    (["blender", "--zip", "x.zip", "--to", "y"], "leave out --to, --link and --uninstall"),
]


@pytest.mark.parametrize(("arguments", "said"), WRONG)
def test_wrong_calls(home: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str) -> None:
    monkeypatch.chdir(home)
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 2
    assert said in " ".join(done.stderr.split())
    assert list(home.iterdir()) == []


def test_a_dry_run_touches_nothing(home: Path) -> None:
    done = CliRunner().invoke(app, ["blender", "--zip", str(home / "x.zip"), "--dry-run"])
    assert done.exit_code == 0
    assert "client inside" in done.stdout
    assert list(home.iterdir()) == []


def test_a_folder_that_is_not_there_is_made(home: Path) -> None:
    plan_zip("blender", home / "new" / "x.zip").carry_out()
    assert contents(home / "new" / "x.zip")
