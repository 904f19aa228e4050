"""Finding the engine's Python, and the environment that it is started with.

A host's own Python has no torch and must never load it. Nothing here imports or runs the engine.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Callable, Dict, List, Mapping, NamedTuple, Optional, Tuple

from semantic_matte_client import engine_place
from semantic_matte_client.errors import EngineNotFoundError

PYTHON_VARIABLE = "SEMANTIC_MATTE_PYTHON"
PACKAGE = "semantic_matte"
SCRIPT = "semantic-matte"

# How an engine was found, for errors and for doctor().
BY_ARGUMENT = "the argument 'python'"
BY_VARIABLE = f"${PYTHON_VARIABLE}"
BY_INSTALL = "what 'semantic-matte install' wrote"
BY_PATH = "'semantic-matte' on PATH"
BY_ITSELF = "the Python that runs this"

# What a host sets for itself and what would bend another Python: its modules, libraries, plug-ins, Qt. OCIO
# travels with each job. A virtual environment is known by its Python's place, not by a variable.
_DROPPED_PREFIXES = ("PYTHON", "BLENDER", "NUKE", "FN_", "FOUNDRY_", "DYLD_", "QT_", "QML")
_DROPPED = {"LD_LIBRARY_PATH", "LD_PRELOAD", "LD_AUDIT", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__", "OCIO"}
# A farm's or a host's own temporary folder is removed with its task, long before the worker ends. Windows has
# no other place to fall back on, so there TEMP and TMP stay.
_DROPPED_ON_POSIX = {"TMPDIR", "TEMP", "TMP"}
# Relative ones would mean another folder in the worker, whose working directory is not the host's.
_FOLDER_VARIABLES = (
    "SEMANTIC_MATTE_RUNTIME",
    "SEMANTIC_MATTE_LOGS",
    "SEMANTIC_MATTE_WEIGHTS",
    "SEMANTIC_MATTE_CONFIG",
)

_A_PYTHON = re.compile(r"(python|pypy)[0-9.]*w?(\.exe)?", re.IGNORECASE)
_NAME_ANOTHER = f"name another, or set {PYTHON_VARIABLE} to the Python that Semantic Matte is installed in"


class EngineCommand(NamedTuple):
    """python: absolute path of the engine's Python, links not resolved. found: how it was found, in words."""

    python: str
    found: str

    def command(self, module: str, *arguments: str) -> List[str]:
        """The command line that runs a module of the engine."""
        return [self.python, "-m", module, *arguments]


def find_engine(python: Optional[str | os.PathLike[str]] = None) -> EngineCommand:
    """The engine's Python, as the first of these names it: the argument, $SEMANTIC_MATTE_PYTHON, what
    `semantic-matte install` wrote, the `semantic-matte` on PATH, this very Python.

    Raises EngineNotFoundError if that one can't be used, or if there is none.
    """
    if python is not None:
        return EngineCommand(_usable(os.fspath(python), BY_ARGUMENT), BY_ARGUMENT)
    named = os.environ.get(PYTHON_VARIABLE, "").strip()
    if named:
        return EngineCommand(_usable(named, BY_VARIABLE), BY_VARIABLE)
    places: Tuple[Tuple[str, Callable[[], Optional[str]]], ...] = (
        (BY_INSTALL, engine_place.find),
        (BY_PATH, _beside_script),
        (BY_ITSELF, _this_python),
    )
    for found, find in places:
        place = find()
        if place is not None:
            return EngineCommand(_usable(place, found), found)
    raise EngineNotFoundError(
        f"No Python with the engine was found: no 'python' was named, {BY_VARIABLE} is not set, "
        f"'{engine_place.config_file()}' is not there, no '{SCRIPT}' is on PATH, and this Python "
        f"('{sys.executable}') has no package '{PACKAGE}'. Install Semantic Matte into a Python of its own "
        f"(3.10 or later) and set {PYTHON_VARIABLE} to that Python."
    )


def clean_environment(environment: Optional[Mapping[str, str]] = None) -> Dict[str, str]:
    """The environment (default: this process's) without what a host put into it for itself.

    Kept is all else: HOME, XDG folders, PATH, proxies, CUDA_VISIBLE_DEVICES, SEMANTIC_MATTE_* (its folders made
    absolute).
    """
    given = os.environ if environment is None else environment
    dropped = _DROPPED | (_DROPPED_ON_POSIX if os.name == "posix" else set())
    kept = {
        name: value
        for name, value in given.items()
        if name.upper() not in dropped and not name.upper().startswith(_DROPPED_PREFIXES)
    }
    for name in _FOLDER_VARIABLES:
        if kept.get(name):
            kept[name] = str(Path(kept[name]).absolute())
    return kept


def _usable(python: str, found: str) -> str:
    """Absolute path of a program that may be a Python. Raises EngineNotFoundError with what is wrong."""
    # A bare name is looked up as a shell does.
    bare = Path(python).name == python
    place = Path((_which(python) or python) if bare else os.path.expanduser(python)).absolute()  # noqa: PTH111
    if place.is_dir():
        problem = "is a folder, not a Python"
    elif not place.is_file():
        problem = "is not there"
    elif not os.access(place, os.X_OK):
        problem = "can't be run (it is not executable)"
    else:
        # Links are left as they are: in a virtual environment the Python is one.
        return str(place)
    raise EngineNotFoundError(f"The engine's Python '{python}', named by {found}, {problem}: {_NAME_ANOTHER}.")


def _which(name: str) -> Optional[str]:
    import shutil

    return shutil.which(name)


def _beside_script() -> Optional[str]:
    """The Python that runs the `semantic-matte` on PATH; None where there is none.

    Raises EngineNotFoundError for a script whose Python can't be told.
    """
    script = _which(SCRIPT)
    if script is None:
        return None
    named = _interpreter(script)
    if named is not None:
        return named
    # The script's own links are resolved (pipx and others link it into a common folder), its Python's are not.
    folder = Path(script).resolve().parent
    windows = os.name == "nt"
    for place in (folder, folder.parent) if windows else (folder,):
        for name in ("python.exe",) if windows else ("python3", "python"):
            if (place / name).is_file():
                return str(place / name)
    raise EngineNotFoundError(
        f"'{script}' was found on PATH, but not the Python that runs it: set {PYTHON_VARIABLE} to that Python."
    )


def _interpreter(script: str) -> Optional[str]:
    """The Python in a script's first line: pip writes its path, after `exec` where that line got too long."""
    try:
        with Path(script).open("rb") as stream:
            start = stream.read(4096)
    except OSError:
        return None
    for pattern in (rb"#!\s*(/[^\s\0]+)\s", rb"#!/bin/sh\n'''exec' \"?(/[^\"\n\0]+?)\"? \"\$0\""):
        found = re.match(pattern, start)
        if found is None:
            continue
        place = Path(os.fsdecode(found[1]))
        if _A_PYTHON.fullmatch(place.name) and place.is_file():
            return str(place)
    return None


def _this_python() -> Optional[str]:
    """This Python, if it is one (in Nuke it may be Nuke itself) and has the engine, which is not imported."""
    import importlib.util

    if not sys.executable or not _A_PYTHON.fullmatch(Path(sys.executable).name):
        return None
    try:
        found = importlib.util.find_spec(PACKAGE)
    except (ImportError, ValueError):
        return None
    return None if found is None else sys.executable
