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
held = {{name: module for name, module in sys.modules.items() if name.startswith("semantic_matte_client")}}
package.forget()
package.forget()
answer["left"] = sorted(name for name in sys.modules if name.startswith("semantic_matte_client"))
answer["path"] = sys.path == place
if not answer["error"] and not answer["left"]:
    package.client()
    answer["again"] = all(sys.modules.get(name) is module for name, module in held.items())
    package.forget()
print(json.dumps(answer))
"""


ENABLE = """
import json, sys
sys.path.insert(0, sys.argv[1])
{prepare}
import addon.registering as registering
registering.PARTS = ("client_package", "user")
answer = {{"error": ""}}
for attempt in range({times}):
    try:
        registering.register_all()
        answer["user"] = sys.modules["addon.user"].TEXT
        registering.unregister_all()
    except Exception as error:
        answer["error"] = f"{{type(error).__name__}}: {{error}}"
answer["left"] = sorted(name for name in sys.modules if name.startswith("semantic_matte_client"))
print(json.dumps(answer))
"""
# A part that imports as the add-on's files do.
USER = """
from semantic_matte_client.nodes.frame_spans import text_of

TEXT = text_of([1, 2, 3])


def register():
    pass


def unregister():
    pass
"""


@pytest.fixture
def addon(tmp_path: Path) -> Path:
    """The add-on with what finds the client alone, as a package; `tmp_path` is on its Python's path."""
    folder = tmp_path / "addon"
    folder.mkdir()
    (folder / "__init__.py").touch()
    for name in ("client_package.py", "registering.py", "blender_manifest.toml"):
        shutil.copy(ROOT / "blender_addon" / name, folder)
    (folder / "user.py").write_text(USER, encoding="utf-8")
    return folder


def ask(addon: Path, prepare: str = "") -> dict[str, Any]:
    """What comes of asking for the client."""
    answer = run(ASK.format(prepare=prepare), addon)
    assert answer["path"]
    return answer


def enable(addon: Path, prepare: str = "", times: int = 1) -> dict[str, Any]:
    """What comes of enabling and disabling an add-on whose second part imports what hosts share."""
    return run(ENABLE.format(prepare=prepare, times=times), addon)


def run(script: str, addon: Path) -> dict[str, Any]:
    """The answer of a script in a Python without site-packages."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", script, str(addon.parent)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
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
    # Files of the add-on that stay loaded hold on to these modules: they are the same when it is enabled again.
    assert answer["again"]


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


@pytest.mark.parametrize("times", [1, 2])
def test_the_addons_files_find_what_hosts_share_in_the_zips_own_client(addon: Path, times: int) -> None:
    place_client(addon)
    # Another version's beside it on sys.path changes nothing.
    place_client(addon.parent, "0.0.1")
    assert enable(addon, times=times) == {"error": "", "user": "1-3", "left": []}


def test_the_addons_files_find_it_in_an_installed_client_which_stays(addon: Path) -> None:
    place_client(addon.parent)
    answer = enable(addon, times=2)
    assert (answer["error"], answer["user"]) == ("", "1-3")
    assert "semantic_matte_client.nodes.frame_spans" in answer["left"]


def test_enabling_without_a_client_is_a_sentence(addon: Path) -> None:
    answer = enable(addon, times=2)
    assert answer["error"].startswith("ClientPackageError: The package 'semantic_matte_client' is not there")
    assert answer["error"].endswith("restart Blender.")
    assert answer["left"] == []


@pytest.mark.parametrize("prepare", ["", "import semantic_matte_client.nodes.frame_spans"])
def test_enabling_with_a_client_of_another_version_is_a_sentence(addon: Path, prepare: str) -> None:
    place_client(addon.parent, "0.0.1")
    if prepare:
        place_client(addon)
    answer = enable(addon, prepare)
    assert "ClientPackageError: The add-on is of version" in answer["error"]
    assert "is of version 0.0.1" in answer["error"]
    assert "user" not in answer


@pytest.mark.parametrize("own", [True, False])
def test_a_client_that_was_copied_in_part_is_a_sentence(addon: Path, own: bool) -> None:
    shutil.rmtree(place_client(addon if own else addon.parent) / "nodes")
    answer = enable(addon, times=2)
    assert "ClientPackageError: The package '" in answer["error"]
    assert "is not complete" in answer["error"]
    assert "install the add-on's zip again" in answer["error"]
    assert (answer["left"] == []) == own
