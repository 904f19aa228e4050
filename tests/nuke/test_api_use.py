"""The plugin's use of Nuke's interface, against stubs that are made from Nuke itself.

Every name after `nuke.` or `nukescripts.`, and every attribute that neither Python nor we have, must be in
types-nuke or in a short list with the page that documents it. Whatever a version lacks must be asked for first.
The fake host is held to the same: it may not have what Nuke has not.
"""

from __future__ import annotations

import ast
import builtins
import datetime
import importlib
import inspect
import json
import os
import re
import subprocess
import sys
import threading
import types
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any, TypeGuard

import pytest
import yaml

ROOT = Path(__file__).parent.parent.parent
PLUGIN = ROOT / "nuke_plugin"
FILES = sorted(PLUGIN.rglob("*.py"))
STUBS = "types-nuke"
BEYOND = Path(__file__).parent / "api_beyond_stubs.yaml"
# The stubs that nuke/__init__.pyi takes its names from.
TAKEN_FROM = ("__init__", "_nuke", "utils", "callbacks", "_nuke_color", "executeInMain", "overrides", "scripts")
HOSTS = ("nuke", "nukescripts")
OLDEST = (14, 0)
# Where it is found out what a version has.
ASKING = ("getattr", "hasattr")
ASKS_FIRST = "host.py"
# Values of Python's that the plugin handles: their attributes are nobody's slip.
PYTHONS = (
    *(str, bytes, list, dict, set, tuple, int, float, Path, types.ModuleType, OSError, datetime.datetime),
    *(re.Pattern, re.Match, os.stat_result, threading.Thread, subprocess.Popen, subprocess.CompletedProcess),
)


@dataclass
class Surface:
    """What Nuke has: names of its modules, and members of each of its classes, inherited ones too."""

    modules: dict[str, set[str]] = field(default_factory=lambda: {name: set() for name in HOSTS})
    classes: dict[str, set[str]] = field(default_factory=dict)
    since: dict[str, tuple[int, int]] = field(default_factory=dict)

    def members(self) -> set[str]:
        """Every attribute that anything of Nuke's has."""
        return set().union(*self.classes.values())


@lru_cache(maxsize=1)
def from_stubs() -> Surface:
    """What the stubs hold. Skips where there are none."""
    try:
        files = metadata.files(STUBS) or []
    except metadata.PackageNotFoundError:
        pytest.skip(f"{STUBS} is not installed: pip install '.[test]'")
    surface, bases = Surface(), {}
    # What nuke/__init__.pyi takes from each.
    for stub in (
        "__init__",
        "_nuke",
        "utils",
        "callbacks",
        "_nuke_color",
        "executeInMain",
        "overrides",
        "scripts",
    ):
        (path,) = (file.locate() for file in files if file.name == f"{stub}.pyi")
        for node in ast.parse(Path(path).read_text(encoding="utf-8")).body:
            surface.modules["nuke"] |= set(bound(node))
            if isinstance(node, ast.ClassDef):
                surface.classes[node.name] = {name for one in node.body for name in bound(one)}
                bases[node.name] = [ast.unparse(base) for base in node.bases]
    surface.modules["nuke"] |= {"callbacks", "localization", "colorspaces"}
    surface.modules["nuke"] -= {"Any", "Callable", "Dict", "List", "Optional", "Tuple", "Union", "overload"}
    for name in surface.classes:
        waiting = list(bases[name])
        while waiting:
            base = waiting.pop()
            surface.classes[name] |= surface.classes.get(base, set())
            waiting += bases.get(base, [])
    return surface


def bound(node: ast.stmt) -> Iterator[str]:
    """Names that a statement of a stub binds."""
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        yield node.name
    elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        yield node.target.id
    elif isinstance(node, ast.Assign):
        yield from (target.id for target in node.targets if isinstance(target, ast.Name))


def beyond() -> list[dict[str, str]]:
    """The rows of the list of what the stubs lack."""
    found: list[dict[str, str]] = yaml.safe_load(BEYOND.read_text(encoding="utf-8"))["names"]
    return found


def surface() -> Surface:
    """The stubs and the list together."""
    of_stubs = from_stubs()
    whole = Surface(
        {name: set(names) for name, names in of_stubs.modules.items()},
        {name: set(names) for name, names in of_stubs.classes.items()},
    )
    for row in beyond():
        owner, _, name = row["name"].partition(".")
        (whole.modules if owner in HOSTS else whole.classes).setdefault(owner, set()).add(name)
        whole.since[row["name"]] = version_of(row["since"])
    return whole


def version_of(text: object) -> tuple[int, int]:
    major, _, minor = str(text).partition(".")
    return int(major), int(minor)


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def host_names(tree: ast.AST) -> Iterator[tuple[str, str, int]]:
    """(module, name, line) of all that is asked of Nuke's modules: an attribute, or getattr and hasattr."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in HOSTS:
            yield node.value.id, node.attr, node.lineno
        elif isinstance(node, ast.ImportFrom) and node.module in HOSTS and node.level == 0:
            yield from ((node.module, alias.name, node.lineno) for alias in node.names)
        elif (
            isinstance(node, ast.Call)
            and ast.unparse(node.func) in ("getattr", "hasattr")
            and len(node.args) > 1
        ):
            owner, name = node.args[:2]
            if isinstance(owner, ast.Name) and owner.id in HOSTS and isinstance(name, ast.Constant):
                yield owner.id, str(name.value), node.lineno


def unknown_names(tree: ast.AST, known: Surface) -> list[str]:
    """What is asked of Nuke's modules, and of their classes by name, and is not there."""
    found = [
        f"line {line}: {module}.{name}"
        for module, name, line in host_names(tree)
        if name not in known.modules[module]
    ]
    for node in ast.walk(tree):
        # nuke.Undo.begin, nuke.Node.fullName: a member of a class that is named.
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute):
            owner = node.value
            if isinstance(owner.value, ast.Name) and owner.value.id == "nuke" and owner.attr in known.classes:
                members = known.classes[owner.attr]
                if node.attr not in members and owner.attr != "Nodes":
                    found.append(f"line {node.lineno}: nuke.{owner.attr}.{node.attr}")
    return found


def our_names() -> set[str]:
    """Attributes that the plugin and the client define themselves."""
    names: set[str] = set()
    for path in [*FILES, *(ROOT / "core" / "semantic_matte_client").rglob("*.py")]:
        for node in ast.walk(parsed(path)):
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                names.add(node.name)
            elif isinstance(node, ast.AnnAssign):
                names.add(ast.unparse(node.target).rpartition(".")[2])
            elif isinstance(node, ast.Assign):
                for target in node.targets:
                    parts = target.elts if isinstance(target, ast.Tuple) else [target]
                    names |= {ast.unparse(part).rpartition(".")[2] for part in parts}
            elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("add_argument"):
                names |= {str(one.value).lstrip("-").replace("-", "_") for one in node.args if is_text(one)}
    return names | {path.stem for path in FILES}


def is_text(node: ast.AST) -> TypeGuard[ast.Constant]:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def pythons_names(tree: ast.AST) -> set[str]:
    """Attributes of Python's own values, and of the standard modules that a file imports."""
    names = {name for kind in PYTHONS for name in dir(kind)} | {*dir(builtins), *dir(os.path)}
    names |= {"strerror", "errno", "filename"}
    for node in ast.walk(tree):
        modules = []
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            modules = [node.module or ""]
        for module in modules:
            if module.partition(".")[0] in sys.stdlib_module_names:
                loaded = importlib.import_module(module)
                names |= set(dir(loaded))
                for value in vars(loaded).values():
                    names |= set(dir(value)) if inspect.isclass(value) else set()
    return names


def unknown_attributes(tree: ast.AST, known: Surface, ours: set[str]) -> list[str]:
    """Attributes that nothing has: not Nuke, nor Python, nor we."""
    good = known.members() | ours | pythons_names(tree) | set().union(*known.modules.values())
    return [
        f"line {node.lineno}: {ast.unparse(node)}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr not in good
        # The classes of nodes are attributes of nuke.nodes.
        and ast.unparse(node.value) != "nuke.nodes"
    ]


def name_of(path: Path) -> str:
    return path.relative_to(PLUGIN).as_posix()


each_file = pytest.mark.parametrize("path", FILES, ids=name_of)


@each_file
def test_nothing_is_asked_of_nuke_that_it_has_not(path: Path) -> None:
    assert unknown_names(parsed(path), surface()) == []


@each_file
def test_no_attribute_is_misspelt(path: Path) -> None:
    assert unknown_attributes(parsed(path), surface(), our_names()) == []


@each_file
def test_what_the_oldest_nuke_lacks_is_asked_for_first(path: Path) -> None:
    later = {name for name, since in surface().since.items() if since > OLDEST}
    used = {f"{module}.{name}" for module, name, _ in host_names(parsed(path))}
    assert path.name == ASKS_FIRST or not used & later


@pytest.mark.parametrize(
    "code",
    [
        "nuke.allnodes()",
        "nuke.executeInMainThred(call)",
        "nukescripts.startt('x')",
        "getattr(nuke, 'scriptNames')",
        "from nuke import Grup",
        "nuke.Undo.beginn()",
        "nuke.Node.fullname(node)",
    ],
)
def test_a_misspelt_name_is_found(code: str) -> None:
    assert len(unknown_names(ast.parse(code), surface())) == 1


@pytest.mark.parametrize(
    "code", ["node.setInputt(0, other)", "node['x'].setVale(1)", "group.nodess()", "root.setModifed(True)"]
)
def test_a_misspelt_attribute_is_found(code: str) -> None:
    assert len(unknown_attributes(ast.parse(code), surface(), our_names())) == 1


def test_right_ones_are_not_complained_of() -> None:
    code = "node = nuke.nodes.Dot(inputs=[a]); node['x'].setValue(1); nuke.Undo.begin(); nuke.root().modified()"
    assert unknown_names(ast.parse(code), surface()) == []
    assert unknown_attributes(ast.parse(code), surface(), our_names()) == []


def test_the_list_says_where_each_name_is_documented() -> None:
    names = [row["name"] for row in beyond()]
    assert names == sorted(set(names))
    for row in beyond():
        assert set(row) == {"name", "since", "source"}, row
        assert re.match(r"https://|nuke\.md", row["source"]), row
        assert version_of(row["since"]) <= (17, 1)


def test_the_list_holds_nothing_that_the_stubs_hold() -> None:
    of_stubs = from_stubs()
    for row in beyond():
        owner, _, name = row["name"].partition(".")
        held = of_stubs.modules.get(owner) if owner in HOSTS else of_stubs.classes.get(owner)
        assert name not in (held or set()), row["name"]


# The fake host: it may lack much of Nuke, and may have nothing more.

VERSIONS = [(14, 0), (15, 0), (15, 1), (16, 0), (17, 1)]


def public(owner: Any) -> set[str]:
    # What each exception of Python's has is nobody's claim.
    return {name for name in dir(owner) if not name.startswith("_")} - set(dir(BaseException))


def fake_classes(host: Any) -> dict[str, type]:
    """The fake's classes by the name that they have in Nuke."""
    names = public(host.nuke) & set(surface().classes)
    return {name: getattr(host.nuke, name) for name in names if inspect.isclass(getattr(host.nuke, name))}


@pytest.mark.parametrize("version", VERSIONS, ids=str)
def test_the_fake_has_no_name_that_nuke_has_not(make_host: Any, version: tuple[int, int]) -> None:
    known = surface()
    host = make_host(version, True)
    for module in HOSTS:
        more = public(sys.modules[module]) - known.modules[module]
        assert more == set(), f"{module}: {json.dumps(sorted(more))}"
    too_early = {
        name
        for name, since in known.since.items()
        if since > version and name.partition(".")[2] in public(host.nuke) and name.startswith("nuke.")
    }
    assert too_early == set()


@pytest.mark.parametrize("version", VERSIONS, ids=str)
def test_the_fakes_classes_have_no_member_that_nukes_have_not(make_host: Any, version: tuple[int, int]) -> None:
    known = surface()
    more = {
        f"{name}.{member}"
        for name, kind in fake_classes(make_host(version, True)).items()
        for member in public(kind) - known.classes[name]
    }
    assert more == set(), json.dumps(sorted(more), indent=1)


def test_a_fakes_node_and_knob_have_no_attribute_that_nukes_have_not(make_host: Any) -> None:
    known = surface()
    host = make_host((15, 1), True)
    node = host.nuke.nodes.Group()
    assert public(node) <= known.classes["Group"]
    for knob in node.knobs().values():
        assert public(knob) <= known.classes[type(knob).__name__]
    with pytest.raises(AttributeError):
        _ = node.fullname
    with pytest.raises(AttributeError):
        _ = host.nuke.allnodes


@each_file
def test_the_oldest_fake_has_what_the_plugin_uses(make_host: Any, path: Path) -> None:
    """So every call of the plugin can be met by a test; what only later versions have is asked for first."""
    make_host(OLDEST, True)
    lacking = {
        f"{module}.{name}"
        for module, name, _ in host_names(parsed(path))
        if not hasattr(sys.modules[module], name)
    }
    assert path.name == ASKS_FIRST or lacking == set()
