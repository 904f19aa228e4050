"""Shots to be sent, the command that sends them, and OpenJD's own runner."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import typer
import yaml
from typer.testing import CliRunner

from semantic_matte.cli_farm import farm_template

OpenJD = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def openjd() -> OpenJD:
    """Runs `openjd ...` as a process of its own and returns what came of it."""

    def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "openjd", *map(str, arguments)],
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **environment},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return run


@pytest.fixture
def send() -> Callable[..., Any]:
    """`semantic-matte farm-template ...` in this process: its exit code and what it said."""
    application = typer.Typer()
    application.command()(farm_template)

    def run(*arguments: str | Path) -> Any:
        return CliRunner().invoke(application, [str(argument) for argument in arguments])

    return run


@pytest.fixture
def made(send: Callable[..., Any]) -> Callable[..., dict[str, Any]]:
    """The same, as it goes well: what it tells with --json."""

    def run(*arguments: str | Path) -> dict[str, Any]:
        sent = send(*arguments, "--json")
        assert sent.exit_code == 0, sent.output
        return dict(json.loads(sent.stdout.splitlines()[-1]))

    return run


@pytest.fixture
def plates() -> Callable[[Path, Iterable[int]], Path]:
    """Writes the frames of a pattern as small pictures, and returns the pattern."""

    def write(pattern: Path, frames: Iterable[int]) -> Path:
        pattern.parent.mkdir(parents=True, exist_ok=True)
        for frame in frames:
            path = pattern.with_name(pattern.name.replace("####", f"{frame:04d}"))
            encoded = cv2.imencode(".png", np.full((8, 12, 3), frame % 256, np.uint8))[1]
            path.write_bytes(encoded.tobytes())
        return pattern

    return write


class Recorder:
    """A program in the engine's place that writes down what it was called with, and does nothing else."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.program, self._calls = folder / "engine of the farm", folder / "calls"
        self.program.write_text(
            f"#!{sys.executable}\n"
            "import json, os, sys\n"
            f"with open({str(self._calls)!r}, 'a') as calls:\n"
            "    named = os.environ.get('SEMANTIC_MATTE_PROGRESS')\n"
            "    calls.write(json.dumps([named, *sys.argv[1:]]) + '\\n')\n"
        )
        self.program.chmod(0o755)

    def calls(self, command: str) -> list[list[str]]:
        """The arguments of each call of a command, in order."""
        rows = [json.loads(line) for line in self._calls.read_text().splitlines()]
        return [row[2:] for row in rows if row[1] == command]

    def all(self) -> list[list[str]]:
        """Of each call: the value of the progress variable, command, arguments."""
        return [json.loads(line) for line in self._calls.read_text().splitlines()]


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    """See `Recorder`."""
    return Recorder(tmp_path / "recorder's place")


@pytest.fixture(scope="session")
def bundle_files() -> Callable[[Path], dict[str, Any]]:
    """The content of a bundle's files by their names without endings."""

    def read(folder: Path) -> dict[str, Any]:
        return {
            path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(folder.iterdir())
        }

    return read
