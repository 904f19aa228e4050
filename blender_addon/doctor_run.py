"""The client's doctor while Blender stays alive: its own checks at once, the engine's in a polled process.

No bpy. The client's `doctor()` does the same and waits for it, up to minutes where the engine loads slowly.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import tempfile
import time
from importlib import import_module
from typing import IO, NamedTuple

from .client_package import client

STATUSES = ("ok", "warning", "error")
_SECONDS = 180.0


class Line(NamedTuple):
    """One finding. status: ok, warning or error. found: what is there, or what to do."""

    what: str
    status: str
    found: str


class DoctorRun:
    """An examination that runs: call `poll` until it returns True, then read `lines`; `close` in any case."""

    def __init__(self, host: str, python: str | None = None) -> None:
        """host: what this program calls itself. python: the engine's Python; None: it is found."""
        self.lines: list[Line] = [Line("host", "ok", f"{host}, Python {platform.python_version()}")]
        self._process: subprocess.Popen[bytes] | None = None
        self._output: IO[bytes] | None = None
        self._until = time.monotonic() + _SECONDS
        try:
            package = client()
        except ImportError as reason:
            self.lines.append(Line("client", "error", str(reason)))
            return
        self.lines.append(Line("client", "ok", f"{package.__version__} ('{package.__file__}')"))
        self._start(package.__name__, python)

    def poll(self) -> bool:
        """Whether it has ended; never waits."""
        process = self._process
        if process is None:
            return True
        if process.poll() is None and time.monotonic() < self._until:
            return False
        late = process.poll() is None
        if late:
            process.kill()
            process.wait()
        assert self._output is not None
        self._output.seek(0)
        said = self._output.read().decode("utf-8", "replace")
        ended = f"was not done within {_SECONDS:g} seconds" if late else f"ended with code {process.returncode}"
        found = _findings(said)
        self.lines += _versions(found) + found or [
            Line("engine", "error", f"The engine's Python {ended}{_last(said)}")
        ]
        self.close()
        return True

    def close(self) -> None:
        """End what still runs and remove its output."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        if self._output is not None:
            self._output.close()
        self._process = self._output = None

    def _start(self, package: str, python: str | None) -> None:
        """Start the engine's part; a line says why where it can't be."""
        launch = import_module(f"{package}.launch")
        try:
            engine = launch.find_engine(python)
        except client().ClientError as reason:
            self.lines.append(Line("engine's Python", "error", str(reason)))
            return
        self.lines.append(Line("engine's Python", "ok", f"'{engine.python}', named by {engine.found}"))
        try:
            # A file can't fill up as a pipe does that nobody reads meanwhile.
            self._output = tempfile.TemporaryFile()  # noqa: SIM115 - `close` does
            self._process = subprocess.Popen(  # noqa: S603 - the user's own Python
                engine.command(launch.PACKAGE, "doctor", "--json"),
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=subprocess.STDOUT,
                env=launch.clean_environment(),
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0) if sys.platform == "win32" else 0,
            )
        except OSError as reason:
            self.close()
            self.lines.append(
                Line("engine", "error", f"'{engine.python}' can't be run: {reason.strerror or reason}")
            )


def worst(lines: list[Line]) -> str:
    """The worst status of all: ok, warning or error."""
    return max((line.status for line in lines), key=STATUSES.index, default="ok")


def text_of(lines: list[Line]) -> str:
    """The lines as a text to copy: status, what, found."""
    return "\n".join(f"{line.status:<8}{line.what}: {line.found}" for line in lines) + "\n"


def _findings(said: str) -> list[Line]:
    """The rows of `doctor --json`, before which warnings of libraries may stand; none if there are none."""
    start = said.find("[\n") if "[\n" in said else said.find("[{")
    try:
        rows, _ = json.JSONDecoder().raw_decode(said[max(0, start) :])
        found = [Line(str(row["what"]), str(row["status"]), str(row["found"])) for row in rows]
    except (ValueError, TypeError, KeyError, RecursionError):
        return []
    return [line if line.status in STATUSES else line._replace(status="error") for line in found]


def _versions(found: list[Line]) -> list[Line]:
    """A warning if client and engine differ: they may speak different protocols."""
    ours = client().__version__
    theirs = next((line.found for line in found if line.what == "semantic-matte"), ours)
    if theirs.split()[:1] == [ours]:
        return []
    words = f"the add-on is {ours}, the engine {theirs}: install both of the same version"
    return [Line("versions", "warning", words)]


def _last(said: str) -> str:
    """The end of what it said, to be put behind a sentence."""
    words = " ".join(line.strip() for line in said.splitlines()[-3:]).strip()
    return f": {words}" if words else " and said nothing."
