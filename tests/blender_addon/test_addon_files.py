"""The rules of the add-on's house: which files talk to Blender, who imports whom, what the manifest says."""

from __future__ import annotations

import ast
import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from semantic_matte import __version__
from semantic_matte.installing.host_folders import MANIFEST, NAME, OLDEST_BLENDER

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parent.parent.parent
ADDON = ROOT / "blender_addon"
FILES = sorted(path for path in ADDON.rglob("*.py") if "shipped" not in path.parts)
# Blender's own modules. A file that imports one talks to Blender, and then it does not compute.
OF_BLENDER = {
    "bpy",
    "bpy_extras",
    "bl_ui",
    "bl_operators",
    "addon_utils",
    "nodeitems_utils",
    "gpu",
    "mathutils",
}
# Blender brings numpy along.
OTHERS = {"numpy"}
CLIENT = "semantic_matte_client"
# Of these it is modules that are imported by name.
WHOLE = {CLIENT, f"{CLIENT}.nodes"}
SHARED = {f"{CLIENT}.nodes.{path.stem}" for path in (ROOT / "core" / CLIENT / "nodes").glob("[a-z]*.py")}
# 4.2 to 5.0 have Python 3.11.
SYNTAX = (3, 11)


def imports(tree: ast.AST) -> Iterator[tuple[str, bool]]:
    """(first part of what is imported, whether it is relative), of every import statement."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name.partition(".")[0], False) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0], node.level > 0


def of_the_client(tree: ast.AST) -> set[str]:
    """The modules of the client that are imported by a statement."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            package = node.module or ""
            found |= {f"{package}.{alias.name}" for alias in node.names} if package in WHOLE else {package}
    return {name for name in found if name.partition(".")[0] == CLIENT}


def at_the_top(tree: ast.Module) -> set[str]:
    """What is imported as soon as the file is."""
    found: set[str] = set()
    for node in tree.body:
        if isinstance(node, (ast.Import, ast.ImportFrom, ast.If, ast.Try)):
            typing_only = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
            found |= set() if typing_only else {name for name, relative in imports(node) if not relative}
    return found


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path), feature_version=SYNTAX)


def talks_to_blender(path: Path) -> bool:
    return any(name in OF_BLENDER and not relative for name, relative in imports(parsed(path)))


BPY_FREE = [path for path in FILES if not talks_to_blender(path)]
# Those that must compute without Blender, whatever else does.
MUST_BE_FREE = {
    "client_package",
    "control_rows",
    "preset_files",
    "registering",
    "thumbnail_pixels",
}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_only_blender_numpy_and_the_standard_library_are_imported(path: Path) -> None:
    allowed = {*sys.stdlib_module_names, *OF_BLENDER, *OTHERS, "__future__"}
    found = {name for name, relative in imports(parsed(path)) if not relative}
    if of_the_client(parsed(path)) <= SHARED:
        # What computes and is shared with other hosts. The rest of the client comes through client_package
        # alone, and the engine not at all.
        allowed.add(CLIENT)
    assert found <= allowed, f"{path.name} imports {sorted(found - allowed)}"


# In the order in which they are imported: none of them finds the client before it was put in place.
BEFORE_THE_CLIENT = ("__init__", "registering", "client_package")


@pytest.mark.parametrize("name", BEFORE_THE_CLIENT)
def test_nothing_of_the_client_is_imported_before_it_is_in_place(name: str) -> None:
    tree = parsed(ADDON / f"{name}.py")
    assert of_the_client(tree) == set()
    # And none of the add-on's files that do.
    relative = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level]
    assert {alias.name for node in relative for alias in node.names} <= {*BEFORE_THE_CLIENT}


def test_the_clients_place_is_the_first_part() -> None:
    registering = importlib.import_module("blender_addon.registering")
    assert registering.PARTS[0] == "client_package"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_talks_to_blender_or_computes(path: Path) -> None:
    tree = parsed(path)
    # With numpy at the top of any file, enabling would take as long as numpy does.
    assert "numpy" not in at_the_top(tree)
    if talks_to_blender(path):
        assert path.stem not in MUST_BE_FREE


@pytest.mark.parametrize("path", BPY_FREE, ids=lambda path: path.stem)
def test_what_computes_is_imported_without_blender(path: Path) -> None:
    if path.stem == "__init__":
        pytest.skip("the entry file imports the parts when it registers them")
    importlib.import_module(
        "blender_addon." + path.relative_to(ADDON).with_suffix("").as_posix().replace("/", ".")
    )
    assert "bpy" not in sys.modules


def test_what_must_compute_without_blender_is_there() -> None:
    assert {path.stem for path in BPY_FREE} >= MUST_BE_FREE


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    yield from (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


# What Blender calls by name: its meaning stands in Blender's manual.
CALLED_BY_BLENDER = {"draw", "draw_header", "draw_item", "poll", "execute", "invoke", "modal", "cancel"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_files_and_functions_are_documented(path: Path) -> None:
    tree = parsed(path)
    assert ast.get_docstring(tree), f"{path.name} has no docstring"
    public = [one for one in functions(tree) if not one.name.startswith("_")]
    bare = [one.name for one in public if not ast.get_docstring(one) and one.name not in CALLED_BY_BLENDER]
    assert bare == []


def test_the_entry_file_only_registers() -> None:
    text = (ADDON / "__init__.py").read_text(encoding="utf-8")
    names = [one.name for one in ast.walk(parsed(ADDON / "__init__.py")) if isinstance(one, ast.FunctionDef)]
    assert names == ["register", "unregister"]
    assert len(text.splitlines()) < 40


def test_every_part_that_registers_is_named_once() -> None:
    (parts,) = (
        ast.literal_eval(node.value)
        for node in parsed(ADDON / "registering.py").body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "PARTS"
    )
    registering = {
        path.stem
        for path in FILES
        if path.stem != "__init__"
        and {"register", "unregister"}
        & {one.name for one in parsed(path).body if isinstance(one, ast.FunctionDef)}
    }
    assert sorted(parts) == sorted(registering)


def test_the_manifest_agrees_with_the_engine() -> None:
    manifest = tomllib.loads((ADDON / MANIFEST).read_text(encoding="utf-8"))
    assert manifest["id"] == NAME
    assert manifest["version"] == __version__
    assert manifest["blender_version_min"] == ".".join(map(str, (*OLDEST_BLENDER, 0)))
    assert "wheels" not in manifest
    # It writes files and asks nothing of the network, which Blender would have to be asked for first.
    assert list(manifest["permissions"]) == ["files"]
    assert all(len(reason) <= 64 for reason in manifest["permissions"].values())


def test_no_group_that_blender_cannot_open_without_the_addon() -> None:
    """A CompositorNodeCustomGroup crashes a Blender that has no add-on."""
    found = [path.name for path in FILES if re.search(r"CustomGroup\b", path.read_text(encoding="utf-8"))]
    assert found == []
