"""The rules of the house: style, types, who may import whom, and what a clone and a wheel hold."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parent.parent.parent
CORE = ROOT / "core"
CLIENT = CORE / "semantic_matte_client"

# Written so that this file does not match itself. Users' folders, and files in the system's temporary folder.
MACHINE_PATH = re.compile(rb"(?<![\w.:/-])/(?:work|root|home|Users)/[\w.]|(?<![\w.:/-])/tmp/[\w.]")
LONGEST_WITHOUT_DOCSTRING = 3


def run(*command: str) -> None:
    """From the repository's top, as a developer types it; what it complains of is the failure's text."""
    done = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(CORE)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def modules_loaded(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\nsys.path.insert(0, {str(CORE)!r})\n{code}\nprint(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return {name.partition(".")[0] for name in done.stdout.split()}


def test_ruff_has_no_complaint() -> None:
    run("-m", "ruff", "check")


def test_every_file_is_formatted() -> None:
    run("-m", "ruff", "format", "--check")


@pytest.mark.slow
def test_mypy_has_no_complaint() -> None:
    run("-m", "mypy")


@pytest.mark.slow
def test_imports_go_one_way_only() -> None:
    run("-c", "from importlinter.cli import lint_imports_command; lint_imports_command()")


@pytest.mark.parametrize(
    "code", ["import semantic_matte", "import semantic_matte.cli", "import semantic_matte_client"]
)
def test_a_fresh_import_is_light(code: str) -> None:
    heavy = {"torch", "torchvision", "cv2", "OpenImageIO", "numba", "pymatting", "transformers"}
    assert not modules_loaded(code) & heavy


@pytest.mark.parametrize("code", ["import semantic_matte", "import semantic_matte.__main__"])
def test_the_package_itself_needs_only_the_standard_library(code: str) -> None:
    with_it = modules_loaded(code)
    assert with_it - modules_loaded("") <= {"semantic_matte", *sys.stdlib_module_names}


CLIENT_MODULES = sorted(
    ".".join(path.relative_to(CORE).with_suffix("").parts).removesuffix(".__init__")
    for path in CLIENT.rglob("*.py")
    if path.stem != "__main__"
)
IMPORT_THE_CLIENT = f"""
import importlib, sys
sys.path.insert(0, {str(CORE)!r})
for name in {CLIENT_MODULES!r}:
    importlib.import_module(name)
print(*sys.modules)
"""


def import_the_client(python: str) -> set[str]:
    """In an interpreter that has no site-packages. Returns what it loaded."""
    # -B: another Python's bytecode has no place in the clone.
    command = [python, "-I", "-S", "-B", "-c", IMPORT_THE_CLIENT]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {name.partition(".")[0] for name in done.stdout.split()}


def test_the_client_needs_only_the_standard_library() -> None:
    loaded = import_the_client(sys.executable)
    # multiprocessing gives the main module a second name.
    assert loaded <= {"semantic_matte_client", "__main__", "__mp_main__", *sys.stdlib_module_names}


@pytest.mark.parametrize("path", sorted(CLIENT.rglob("*.py")), ids=lambda path: path.name)
def test_the_client_keeps_to_the_syntax_of_old_hosts(path: Path) -> None:
    ast.parse(path.read_text(encoding="utf-8"), str(path), feature_version=(3, 9))


def find_python(version: str) -> str | None:
    """A Python of this version, on PATH or installed by pyenv, that really starts."""
    by_pyenv = sorted(Path("~/.pyenv/versions").expanduser().glob(f"{version}.*/bin/python"))
    for candidate in (shutil.which(f"python{version}"), *map(str, by_pyenv)):
        if candidate is None:
            continue
        code = "import sys; print('%d.%d' % sys.version_info[:2])"
        done = subprocess.run([candidate, "-c", code], capture_output=True, text=True, check=False)
        if done.stdout.strip() == version:
            return candidate
    return None


@pytest.mark.parametrize("version", ["3.9", "3.10", "3.12", "3.13"])
def test_the_client_imports_in_other_pythons(version: str) -> None:
    python = find_python(version)
    if python is None:
        pytest.skip(f"there is no python{version} on PATH nor among pyenv's")
    import_the_client(python)


def files_of_the_project() -> list[Path]:
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("this is no git clone, or git is missing")
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    names = [ROOT / os.fsdecode(name) for name in listing.stdout.split(b"\0") if name]
    return [path for path in names if path.is_file()]


def test_no_file_names_a_place_on_somebodys_machine() -> None:
    found = {
        str(path.relative_to(ROOT)): match[0]
        for path in files_of_the_project()
        if (match := MACHINE_PATH.search(path.read_bytes()))
    }
    assert found == {}


def public_functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Of a module, and of its public classes; a function inside a function is nobody's interface."""
    for node in tree.body:
        public = not getattr(node, "name", "_").startswith("_")
        inside = node.body if isinstance(node, ast.ClassDef) and public else [node]
        for one in inside:
            if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef)) and not one.name.startswith("_"):
                yield one


@pytest.mark.parametrize("path", sorted(CORE.rglob("*.py")), ids=lambda path: str(path.relative_to(CORE)))
def test_what_is_public_is_documented(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), f"{path.name} has no docstring"
    bare = []
    for function in public_functions(tree):
        lines = (function.body[-1].end_lineno or 0) - function.body[0].lineno + 1
        if lines > LONGEST_WITHOUT_DOCSTRING and not ast.get_docstring(function):
            bare.append(function.name)
    assert bare == []


def test_the_wheel_takes_every_model_along() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    taken = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    manifest = yaml.safe_load((ROOT / "weights" / "manifest.yaml").read_text(encoding="utf-8"))
    files = {row["file"] for row in manifest["models"].values()}
    for name in sorted(files | {"manifest.yaml", "NOTICE"}):
        assert taken.get(f"weights/{name}") == f"semantic_matte/embedded/weights/{name}"
    on_disk = {path.name for path in (ROOT / "weights").glob("*.safetensors")}
    assert on_disk == files, "a model lies in weights/ that the manifest does not name"


def test_what_the_wheel_takes_along_is_there() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    taken = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    wanted = [*taken, project["project"]["readme"], *project["project"]["license-files"]]
    assert [name for name in wanted if not (ROOT / name).exists()] == []
