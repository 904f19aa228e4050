"""The rules of the plugin's house: who talks to Nuke, what may be imported, and which Python it is for."""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PLUGIN = ROOT / "nuke_plugin"
PACKAGE = PLUGIN / "semantic_matte_nuke"
CLIENT = ROOT / "core" / "semantic_matte_client"
FILES = sorted(PLUGIN.rglob("*.py"))
OF_CLIENT = sorted(CLIENT.rglob("*.py"))
ENTRIES = ("init.py", "menu.py", "generate.py", "acceptance.py")

# Nuke's own modules. A file that imports one talks to Nuke, and then it does not compute.
OF_NUKE = {"nuke", "nukescripts"}
# Ours: the client, the package itself, and the parts of the acceptance kit.
OURS = {"semantic_matte_client", "semantic_matte_nuke", "acceptance_checks"}
# Nuke 14 has Python 3.9.
SYNTAX = (3, 9)
# Modules that came to the standard library later than that.
TOO_NEW = {"tomllib"}
# Arguments that Python 3.9 does not know.
NEW_ARGUMENTS = {
    "zip": {"strict"},
    "dataclass": {"slots", "kw_only", "match_args"},
    "field": {"kw_only"},
    "bisect_left": {"key"},
    "bisect_right": {"key"},
    "insort": {"key"},
    "glob": {"root_dir"},
}
# Names that Python 3.9 does not have.
NEW_NAMES = {"pairwise", "StrEnum", "hardlink_to", "batched", "bit_count", "file_digest", "UTC"}
# What computes must do so without Nuke, whatever else does.
MUST_BE_FREE = {
    "layer_names",
    "group_plan",
    "knob_plan",
    "stored_values",
    "working_space",
    "job_thread",
    "source_record",
    "farm_commands",
    "session_log",
    "finished_results",
    "computation_words",
    "view_jobs",
}
# Who may have a thread of its own: the job's, and the examination that would otherwise keep the artist waiting.
# The acceptance kit tries what threads may do.
MAY_START_THREADS = {"job_thread", "troubleshooting", "of_threads", "of_finer_points"}
STARTS_THREADS = re.compile(
    r"\bThread\b|\bTimer\b|\bThreadPool|\bProcessPool|start_new_thread|multiprocessing|asyncio"
)
# A dialog is shown by one function, which knows when it may.
DIALOGS = {"message", "ask", "askWithCancel", "alert", "critical"}
# Near 300 lines and near 40: what is far beyond is told.
LONGEST_FILE, LONGEST_FUNCTION = 340, 50


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path), feature_version=SYNTAX)


def imports(tree: ast.AST) -> Iterator[str]:
    """First part of what is imported from outside the package, of every import statement."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield (node.module or "").partition(".")[0]


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef]:
    yield from (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def talks_to_nuke(path: Path) -> bool:
    return bool(OF_NUKE & set(imports(parsed(path))))


def name_of(path: Path) -> str:
    return path.relative_to(PLUGIN if path.is_relative_to(PLUGIN) else CLIENT).as_posix()


each_file = pytest.mark.parametrize("path", FILES, ids=name_of)
each_file_of_both = pytest.mark.parametrize("path", [*FILES, *OF_CLIENT], ids=name_of)


def when_run(node: ast.AST) -> Iterator[ast.AST]:
    """Every node below one but what only a type checker reads: annotations are never evaluated."""
    yield node
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns"):
            continue
        for below in value if isinstance(value, list) else [value]:
            typing_only = isinstance(below, ast.If) and "TYPE_CHECKING" in ast.unparse(below.test)
            if isinstance(below, ast.AST) and not typing_only:
                yield from when_run(below)


def import_by(python: str, modules: list[str]) -> None:
    """Import modules in a process of a Python that has nothing but its standard library, and no Nuke."""
    code = (
        f"import sys; sys.path[:0] = {[str(PLUGIN), str(CLIENT.parent)]!r}\n"
        f"import {', '.join(['semantic_matte_nuke', *modules])}\n"
        "assert not {'nuke', 'nukescripts'} & set(sys.modules)"
    )
    command = [python, "-I", "-S", "-B", "-W", "error", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def find_python(version: str) -> str | None:
    """The house's own search."""
    path = ROOT / "tests" / "semantic_matte" / "test_house.py"
    spec = importlib.util.spec_from_file_location("house", path)
    assert spec is not None
    assert spec.loader is not None
    house = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(house)
    found: str | None = house.find_python(version)
    return found


# Looked for before a test is given a home of its own.
PYTHONS = {version: find_python(version) for version in ("3.9", "3.10", "3.11")}


def too_new_for(tree: ast.Module) -> list[str]:
    """What Python 3.9 would refuse only when it runs."""
    found = []
    for node in when_run(tree):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func).rpartition(".")[2]
            given = {keyword.arg for keyword in node.keywords if keyword.arg}
            found += [f"{called}({name}=)" for name in given & NEW_ARGUMENTS.get(called, set())]
            if called in ("isinstance", "issubclass") and any(
                isinstance(one, ast.BinOp) for one in ast.walk(node.args[1])
            ):
                found.append(f"{called} of a union")
        elif isinstance(node, ast.Attribute) and node.attr in NEW_NAMES:
            found.append(node.attr)
        elif isinstance(node, ast.ImportFrom):
            found += [alias.name for alias in node.names if alias.name in NEW_NAMES]
            found += [node.module] if node.module in TOO_NEW else []
        elif isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name in TOO_NEW]
        # A union at run time: an alias of a type.
        elif isinstance(node, ast.Assign) and is_union(node.value):
            found.append(ast.unparse(node))
    return found


def is_union(node: ast.expr) -> bool:
    """Whether it is `X | Y` of types: of names that begin with a capital, of built-in types, or of None."""
    if not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr)):
        return False
    sides = [ast.unparse(side) for side in (node.left, node.right)]
    return any(re.fullmatch(r"(?:\w+\.)*[A-Z][a-z]\w*|str|int|float|bytes|bool|None", side) for side in sides)


@each_file_of_both
def test_python_3_9_reads_it(path: Path) -> None:
    tree = parsed(path)
    assert too_new_for(tree) == []
    notes = [getattr(node, name, None) for node in ast.walk(tree) for name in ("annotation", "returns")]
    unions = [
        note for note in notes if note is not None and any(isinstance(one, ast.BitOr) for one in ast.walk(note))
    ]
    assert not unions or "from __future__ import annotations" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "code",
    [
        "zip(a, b, strict=True)",
        "@dataclass(frozen=True, slots=True)\nclass A: pass",
        "isinstance(a, int | str)",
        "Path = str | None",
        "from itertools import pairwise",
        "import tomllib",
    ],
)
def test_what_is_too_new_is_found(code: str) -> None:
    assert too_new_for(ast.parse(code))


def test_syntax_that_is_too_new_is_refused() -> None:
    with pytest.raises(SyntaxError):
        ast.parse("match a:\n    case 1: pass", feature_version=SYNTAX)


@each_file
def test_only_nuke_the_client_and_the_standard_library_are_imported(path: Path) -> None:
    found = set(imports(parsed(path)))
    allowed = {*sys.stdlib_module_names, *OF_NUKE, *OURS, "__future__"}
    # Neither Qt, nor numpy, nor the engine.
    assert found <= allowed, f"{path.name} imports {sorted(found - allowed)}"


@each_file
def test_a_file_talks_to_nuke_or_computes(path: Path) -> None:
    if talks_to_nuke(path):
        assert path.stem not in MUST_BE_FREE


def test_what_must_compute_without_nuke_is_there() -> None:
    assert {path.stem for path in PACKAGE.glob("*.py")} >= MUST_BE_FREE


@pytest.mark.parametrize(
    "path", [path for path in FILES if path.parent == PACKAGE and not talks_to_nuke(path)], ids=name_of
)
def test_what_computes_is_imported_without_nuke(path: Path) -> None:
    module = "semantic_matte_nuke" if path.stem == "__init__" else f"semantic_matte_nuke.{path.stem}"
    import_by(sys.executable, [module])


@pytest.mark.parametrize("version", PYTHONS)
def test_each_python_that_a_nuke_has_imports_what_computes(version: str) -> None:
    python = PYTHONS[version]
    if python is None:
        pytest.skip(f"there is no python{version} on PATH nor among pyenv's")
    free = [path for path in FILES if path.parent == PACKAGE and not talks_to_nuke(path)]
    import_by(python, [f"semantic_matte_nuke.{path.stem}" for path in free if path.stem != "__init__"])


@pytest.mark.parametrize("name", ENTRIES)
def test_entry_files_only_hand_on(name: str) -> None:
    path = PLUGIN / name
    assert len(path.read_text(encoding="utf-8").splitlines()) < 40
    assert len(list(functions(parsed(path)))) <= 2


@each_file
def test_files_and_functions_are_documented(path: Path) -> None:
    tree = parsed(path)
    assert ast.get_docstring(tree), f"{path.name} has no docstring"
    kinds = (ast.FunctionDef, ast.ClassDef)
    bare = [one.name for one in ast.walk(tree) if isinstance(one, kinds) and not ast.get_docstring(one)]
    # What Python calls by name: its meaning stands in Python's manual.
    assert [name for name in bare if not name.startswith("__")] == []


@each_file
def test_files_and_functions_are_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE
    long = {
        one.name: one.end_lineno - one.lineno + 1
        for one in functions(parsed(path))
        if one.end_lineno and one.end_lineno - one.lineno + 1 > LONGEST_FUNCTION
    }
    assert long == {}


@each_file
def test_threads_are_started_in_two_places_only(path: Path) -> None:
    tree = parsed(path)
    found = {
        ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Attribute, ast.Name)) and STARTS_THREADS.search(ast.unparse(node))
    }
    found |= {name for name in imports(tree) if STARTS_THREADS.search(name)}
    if path.stem not in MAY_START_THREADS:
        assert found == set()


@each_file
def test_dialogs_are_shown_by_one_file(path: Path) -> None:
    shown = {
        node.attr
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "nuke" and node.attr in DIALOGS
    }
    if path != PACKAGE / "host.py":
        assert shown == set()


# The acceptance kit examines just that.
@pytest.mark.parametrize(
    "path", [path for path in FILES if path.parent.name != "acceptance_checks"], ids=name_of
)
def test_nothing_waits_for_the_main_thread(path: Path) -> None:
    """executeInMainThreadWithResult swallows exceptions, and hangs where the main thread itself calls it."""
    names = {node.attr for node in ast.walk(parsed(path)) if isinstance(node, ast.Attribute)}
    assert "executeInMainThreadWithResult" not in names


@each_file_of_both
def test_nothing_is_swallowed(path: Path) -> None:
    """No bare except, and none of everything that just passes."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"line {node.lineno}: a bare except"
            everything = ast.unparse(node.type) in ("Exception", "BaseException")
            only_pass = all(isinstance(one, (ast.Pass, ast.Continue)) for one in node.body)
            assert not (everything and only_pass), f"line {node.lineno}: everything is swallowed"


def test_no_mock_anywhere() -> None:
    """The fake host behaves; a mock would say yes to every misspelt call."""
    word = re.compile(r"\bunittest\b|\bMagic" + r"Mock\b|\bmock" + r"er\b")
    found = [
        path.name
        for path in sorted(Path(__file__).parent.rglob("*.py"))
        if path != Path(__file__) and word.search(path.read_text(encoding="utf-8"))
    ]
    assert found == []


@pytest.mark.slow
def test_mypy_is_strict_on_what_lies_beside_the_package() -> None:
    """The package itself is checked with all the rest, by the house's own test."""
    found = [str(PLUGIN / name) for name in ENTRIES]
    found += [str(path) for path in sorted((PLUGIN / "acceptance_checks").glob("*.py"))]
    for group in ([path for path in found if not path.endswith("acceptance.py")], found[3:]):
        done = subprocess.run(
            [sys.executable, "-m", "mypy", *group], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
