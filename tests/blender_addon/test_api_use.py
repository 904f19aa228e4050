"""The add-on's use of Blender's interface, against stubs that are made from Blender's own documentation.

Much of what the add-on does can't be typed: a node is of a kind that is only known when it runs, and properties
are added to Blender's own types. So mypy's word counts where it can be trusted: calls with arguments that are
not there, names that no module has, and attributes that nothing in Blender and nothing of ours has.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
ADDON = ROOT / "blender_addon"
STUBS = "fake-bpy-module-latest"

# What mypy is right about whatever the stubs leave out.
TRUSTED = {"call-arg", "name-defined", "used-before-def"}
ATTRIBUTE = re.compile(r'(?:"[^"]+"|[Mm]odule) has no attribute "(\w+)"')
# Names that the stubs lack: each was seen in real Blenders, 4.2 to 5.2.
SEEN = {"system_resource"}
# Properties whose names are put together when they are made.
MADE = {f"socket_{what}" for what in ("plate", "hint", "image", "all", "cryptomatte")}


def stub_names() -> set[str]:
    """Every name that occurs in the stubs. Skips where there are none."""
    try:
        files = metadata.files(STUBS) or []
    except metadata.PackageNotFoundError:
        pytest.skip(f"{STUBS} is not installed: pip install '.[test]'")
    names: set[str] = set()
    for file in files:
        if file.suffix == ".pyi":
            names |= set(re.findall(r"\w+", file.locate().read_text(encoding="utf-8")))
    return names


def our_names() -> set[str]:
    """What the add-on adds to Blender's types, and the properties of its own."""
    names = {"semantic_matte", *MADE}
    for path in ADDON.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                names.add(node.target.id)
            # Properties that are made in a loop have their names in a table.
            elif (
                path.stem == "properties" and isinstance(node, ast.Constant) and str(node.value).isidentifier()
            ):
                names.add(node.value)
            elif isinstance(node, ast.Assign):
                added = [one.attr for one in node.targets if isinstance(one, ast.Attribute)]
                names |= {name for name in added if ast.unparse(node.targets[0]).startswith("bpy.types.")}
    return names


def complaints(folder: Path, package: str = "blender_addon", root: Path = ROOT) -> list[str]:
    """What mypy says of a package, one line each."""
    configuration = folder / "mypy.ini"
    # With the client's types at hand: what the add-on asks of it is looked at too.
    configuration.write_text(f"[mypy]\nmypy_path = {ROOT / 'core'}\n", encoding="utf-8")
    options = ["--config-file", str(configuration), "--cache-dir", str(folder / "cache"), "--no-error-summary"]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, "--python-version", "3.11", "-p", package],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.stdout.splitlines()


def slips(lines: list[str], known: set[str]) -> list[str]:
    """The complaints that can be trusted."""
    found = []
    for line in lines:
        attribute = ATTRIBUTE.search(line)
        code = line.rpartition("[")[2].rstrip("]")
        if code in TRUSTED or (code == "attr-defined" and attribute and attribute[1] not in known):
            found.append(line)
    return found


@pytest.mark.slow
def test_nothing_is_asked_of_blender_that_it_has_not(tmp_path: Path) -> None:
    known = stub_names() | our_names() | SEEN
    found = slips(complaints(tmp_path), known)
    assert found == [], "\n".join(found)


@pytest.mark.slow
def test_slips_are_found(tmp_path: Path) -> None:
    """The check itself: some that a reader would pass over."""
    known = stub_names() | our_names() | SEEN
    package = tmp_path / "slipping"
    package.mkdir()
    (package / "__init__.py").write_text(
        "import bpy\n"
        "def first(scene: bpy.types.Scene) -> None:\n"
        "    scene.frame_curent = 1\n"
        "def second() -> None:\n"
        "    bpy.data.images.load(path='x')\n"
        "def third() -> None:\n"
        "    bpy.app.timers.registre(first)\n"
        "def right(scene: bpy.types.Scene, node: bpy.types.Node) -> None:\n"
        "    scene.frame_current = node.frame_duration\n"
        "from semantic_matte_client.nodes import frame_spans\n"
        "def fourth() -> None:\n"
        "    frame_spans.text_off([1])\n"
        "    frame_spans.text_of([1], offset=2)\n",
        encoding="utf-8",
    )
    found = slips(complaints(tmp_path, "slipping", tmp_path), known)
    assert [line.split(":")[1] for line in found] == ["3", "5", "7", "12", "13"]
