"""Where the add-on finds the client, in a Python of its own: what is imported there stays out of the tests."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent
CLIENT = ROOT / "core" / "semantic_matte_client"

ASK = """
import json, sys
sys.path.insert(0, sys.argv[1])
place, before = list(sys.path), set(sys.modules)
{prepare}
import addon.client_package as package
answer = {{"error": ""}}
try:
    found = package.client()
    answer["file"] = found.__file__
    answer["same"] = package.client() is found
    answer["controls"] = len(found.controls())
    answer["plain"] = __import__("semantic_matte_client") is found
except package.ClientPackageError as error:
    answer["error"] = str(error)
    answer["import_error"] = isinstance(error, ImportError)
package.forget()
package.forget()
answer["left"] = sorted(name for name in sys.modules if name.startswith("semantic_matte_client"))
answer["path"] = sys.path == place
print(json.dumps(answer))
"""


@pytest.fixture
def addon(tmp_path: Path) -> Path:
    """The add-on's folder with that file alone, as a package; `tmp_path` is on its Python's path."""
    folder = tmp_path / "addon"
    folder.mkdir()
    (folder / "__init__.py").touch()
    for name in ("client_package.py", "blender_manifest.toml"):
        shutil.copy(ROOT / "blender_addon" / name, folder)
    return folder


def ask(addon: Path, prepare: str = "") -> dict[str, Any]:
    """What comes of it in a Python without site-packages."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", ASK.format(prepare=prepare), str(addon.parent)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    assert answer["path"]
    return answer


def place_client(folder: Path, version: str | None = None) -> Path:
    """A copy of the client, which says that it is of another version."""
    place = folder / CLIENT.name
    shutil.copytree(CLIENT, place, ignore=shutil.ignore_patterns("__pycache__"))
    if version:
        (place / "version.py").write_text(f'VERSION = "{version}"\n', encoding="utf-8")
    return place


def test_the_zips_own_client_has_its_plain_name_and_goes(addon: Path) -> None:
    place = place_client(addon)
    answer = ask(addon)
    assert answer["error"] == ""
    assert answer["file"] == str(place / "__init__.py")
    assert answer["same"]
    assert answer["plain"]
    assert answer["controls"] > 10
    assert answer["left"] == []


def test_an_installed_client_is_taken_and_left_there(addon: Path) -> None:
    place = place_client(addon.parent)
    answer = ask(addon)
    assert answer["error"] == ""
    assert answer["file"] == str(place / "__init__.py")
    assert "semantic_matte_client" in answer["left"]


def test_the_zips_own_client_wins_unless_another_one_is_loaded(addon: Path) -> None:
    own, installed = place_client(addon), place_client(addon.parent)
    assert ask(addon)["file"] == str(own / "__init__.py")
    answer = ask(addon, "import semantic_matte_client.results")
    assert answer["file"] == str(installed / "__init__.py")
    assert "semantic_matte_client.results" in answer["left"]


@pytest.mark.parametrize("prepare", ["", "import semantic_matte_client"])
def test_a_client_of_another_version_is_refused(addon: Path, prepare: str) -> None:
    place = place_client(addon.parent, "0.0.1")
    if prepare:
        place_client(addon)
    said = ask(addon, prepare)["error"]
    assert f"'{place / '__init__.py'}' is of version 0.0.1" in said
    assert "semantic-matte install blender" in said
    assert "restart Blender" in said


def test_no_client_is_a_sentence(addon: Path) -> None:
    answer = ask(addon)
    assert answer["import_error"]
    assert "install the add-on's zip again" in answer["error"]
    assert answer["left"] == []


@pytest.mark.parametrize("broken", ["def", "raise RuntimeError('no')", "import nothing_of_this_name"])
def test_a_broken_client_leaves_nothing(addon: Path, broken: str) -> None:
    (place_client(addon) / "calls.py").write_text(broken, encoding="utf-8")
    answer = ask(addon)
    assert "can't be imported" in answer["error"]
    assert answer["left"] == []
