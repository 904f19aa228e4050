"""Runs each file of tests/blender/inside with pytest inside each real Blender, in a process of its own.

    SEMANTIC_MATTE_BLENDERS=... python -m pytest tests/blender/test_inside.py -k "test_node and 4.2"

SEMANTIC_MATTE_INSIDE passes words on to the pytest inside: "-x -k rename".
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from semantic_matte_client.client import Client

HERE = Path(__file__).parent
FILES = sorted((HERE / "inside").glob("test_*.py"))
SECONDS = 420
ARGUMENTS = "SEMANTIC_MATTE_INSIDE"


class Blender(Protocol):
    """See conftest."""

    python: str
    folder: Path


@pytest.fixture(scope="module")
def runtime() -> Iterator[Path]:
    """Where the one worker of all these tests is met, short enough for a socket's path; ended afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="sm-"))
    yield folder
    for device in ("auto", "cpu"):
        with Client(device=device, runtime=folder) as client:
            client.stop()
    shutil.rmtree(folder)


def command(python: str, file: Path, folder: Path) -> list[str]:
    """Isolated: Blender's Python must see neither the project nor the settings of the outer tests."""
    options = ["--confcutdir", str(file.parent), "--rootdir", str(HERE), "--import-mode=importlib"]
    options += ["-c", os.devnull, "-p", "no:cacheprovider", "-o", f"pythonpath={file.parent} {HERE}"]
    options += ["--basetemp", str(folder / "tmp"), "--junitxml", str(folder / "inside.xml")]
    options += ["-ra", "--tb=short", *shlex.split(os.environ.get(ARGUMENTS, ""))]
    return [python, "-I", "-B", "-m", "pytest", *options, str(file)]


@pytest.mark.slow
@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_inside(blender: Blender, file: Path, runtime: Path) -> None:
    bent = ("PYTHON", "OCIO", "BLENDER")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(bent)}
    environment |= {
        "SEMANTIC_MATTE_PYTHON": sys.executable,
        "SEMANTIC_MATTE_RUNTIME": str(runtime),
        "SEMANTIC_MATTE_CONFIG": str(blender.folder / "config"),
        "SEMANTIC_MATTE_SCRATCH": str(blender.folder),
    }
    done = subprocess.run(
        command(blender.python, file, blender.folder),
        cwd=blender.folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{blender.python} ended with {done.returncode}:\n{done.stdout}"
    suites = ElementTree.parse(blender.folder / "inside.xml").getroot().iter("testsuite")
    counts = dict.fromkeys(("tests", "failures", "errors", "skipped"), 0)
    for suite in suites:
        for name in counts:
            counts[name] += int(suite.get(name, 0))
    print(done.stdout.splitlines()[-1])
    assert counts["failures"] == counts["errors"] == 0, done.stdout
    assert counts["tests"] > counts["skipped"], f"no test ran:\n{done.stdout}"
