"""After `semantic-matte install blender` a real Blender's Python imports the client, which knows its engine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Protocol

import pytest
import typer
from typer.testing import CliRunner

from semantic_matte.cli_install import install
from semantic_matte.installing.host_folders import blender_places


class Blender(Protocol):
    """See conftest."""

    python: str
    folder: Path


SECONDS = 120

# Blender as a module starts without the user's scripts, as with --factory-startup; refresh_script_paths puts
# onto sys.path what an ordinary start does.
SCRIPT = """
import json, os, sys
import bpy
bpy.utils.refresh_script_paths()
import semantic_matte_client
from semantic_matte_client import engine_place
answer = {
    "version": bpy.app.version_string,
    "scripts": bpy.utils.user_resource("SCRIPTS"),
    "extensions": bpy.utils.user_resource("EXTENSIONS"),
    "client": semantic_matte_client.__file__,
    "controls": len(semantic_matte_client.controls()),
    "engine": engine_place.find(),
    "heavy": sorted({"torch", "pydantic"} & set(sys.modules)),
}
with open(sys.argv[1], "w", encoding="utf-8") as stream:
    json.dump(answer, stream)
sys.stdout.flush()
# Some Blenders never end by themselves.
os._exit(0)
"""

app = typer.Typer()
app.command()(install)


def ask(blender: Blender, environment: dict[str, str]) -> dict[str, Any]:
    """What the script finds in one new process of this Blender."""
    answer = blender.folder / "answer.json"
    done = subprocess.run(
        # Isolated: it must not see the project.
        [blender.python, "-I", "-B", "-c", SCRIPT, str(answer)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{blender.python} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    found: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
    return found


@pytest.fixture
def home(blender: Blender, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own, with the folder that this version makes when it is first started."""
    folder = blender.folder / "Zoë Müller"
    folder.mkdir()
    for name in ("RESOURCES", "SCRIPTS", "EXTENSIONS"):
        monkeypatch.delenv(f"BLENDER_USER_{name}", raising=False)
    for name in ("XDG_CONFIG_HOME", "SEMANTIC_MATTE_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    done = subprocess.run(
        [
            blender.python,
            "-I",
            "-c",
            "import bpy, os; print('is', *bpy.app.version[:2], flush=True); os._exit(0)",
        ],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    )
    version = next(line for line in done.stdout.splitlines() if line.startswith("is ")).split()[1:]
    (folder / ".config" / "blender" / ".".join(version)).mkdir(parents=True)
    return folder


def install_blender(*options: str) -> str:
    done = CliRunner().invoke(app, ["blender", *options])
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.mark.parametrize("link", [False, True])
def test_blenders_python_imports_the_client(blender: Blender, home: Path, link: bool) -> None:
    install_blender(*["--link"] * link)
    found = ask(blender, {})
    assert Path(found["client"]).is_relative_to(home / ".config" / "blender")
    assert found["controls"] > 10
    assert found["engine"] == sys.executable
    assert found["heavy"] == []
    install_blender("--uninstall")
    assert [path.name for path in home.rglob("*") if path.is_file() and "cache" not in path.parts] == []


@pytest.mark.parametrize(
    "names",
    [
        ("RESOURCES",),
        ("SCRIPTS",),
        ("RESOURCES", "EXTENSIONS"),
        ("RESOURCES", "SCRIPTS"),
        ("SCRIPTS", "EXTENSIONS"),
    ],
    ids="+".join,
)
def test_we_read_blenders_variables_as_it_does(
    blender: Blender, home: Path, monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...]
) -> None:
    for name in names:
        monkeypatch.setenv(f"BLENDER_USER_{name}", str(blender.folder / f"my {name.lower()} ü"))
    install_blender()
    found = ask(blender, {})
    modules = [place.folder.parent for place in blender_places(None) if not place.adapter]
    assert modules == [Path(found["scripts"]) / "modules"]
    assert Path(found["client"]).parent.parent == modules[0]
    extensions = [place.folder.parent for place in blender_places(None) if place.adapter]
    assert extensions in ([], [Path(found["extensions"]) / "user_default"])


def test_a_named_folder_is_a_versions_user_folder(blender: Blender, home: Path) -> None:
    target = blender.folder / "studio ü"
    install_blender("--to", str(target))
    found = ask(blender, {"BLENDER_USER_RESOURCES": str(target)})
    assert Path(found["client"]).is_relative_to(target)
