"""A real engine process at the other end of two pipes."""

from __future__ import annotations

import itertools
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import OpenEXR
import pytest
from PIL import Image

from semantic_matte import __version__

CORE = Path(__file__).parents[4] / "core"
ENDS = ("done", "failed", "cancelled")
# Seconds that anything may take on a busy machine before it counts as hanging.
PATIENCE = 120.0
QUICK: dict[str, Any] = {"device": "cpu", "passes": 1, "samples": 1, "contact_sheet": False}

Report = dict[str, Any]


class EngineProcess:
    """The process, its pipes and what it says."""

    def __init__(self, errors: Path, **environment: str) -> None:
        self.errors = errors
        with errors.open("wb") as sink:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "semantic_matte.worker.engine_process"],
                env={**os.environ, "PYTHONPATH": str(CORE), **environment},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=sink,
                bufsize=0,
                start_new_session=True,
            )
        self._rest = b""
        self._numbers = itertools.count(1)

    @property
    def pid(self) -> int:
        return self.process.pid

    def give(self, line: bytes) -> None:
        assert self.process.stdin
        self.process.stdin.write(line)

    def order(self, task: str, plates: list[Path] | Path, out: Path | None, **more: Any) -> str:
        """Give a job, and return its name. roots: the folders of the plates and results, unless told."""
        job = f"{next(self._numbers):032x}"
        listed = [plates] if isinstance(plates, Path) else plates
        folders = {str(path.parent) for path in (*listed, *([out] if out else []))}
        order = {
            "type": "run",
            "job": job,
            "task": task,
            "plates": [str(path) for path in listed],
            "out": str(out) if out else None,
            "settings": QUICK,
            "roots": sorted(folders),
        }
        self.give(json.dumps({**order, **more}).encode() + b"\n")
        return job

    def cancel(self, job: str) -> None:
        self.give(json.dumps({"type": "cancel", "job": job}).encode() + b"\n")

    def report(self, seconds: float = PATIENCE) -> Report | None:
        """The next report; None at the end of the process. Everything that it says has to be one."""
        assert self.process.stdout
        until = time.monotonic() + seconds
        while b"\n" not in self._rest:
            if not select.select([self.process.stdout], [], [], max(0.0, until - time.monotonic()))[0]:
                pytest.fail(f"nothing was said for {seconds} s: {self.complaints()}")
            block = os.read(self.process.stdout.fileno(), 1 << 16)
            if not block:
                assert not self._rest, "the last report is half"
                return None
            self._rest += block
        line, _, self._rest = self._rest.partition(b"\n")
        found = json.loads(line)
        assert isinstance(found, dict)
        return found

    def reports(self) -> list[Report]:
        """All of one job, to its end."""
        found = []
        while (report := self.report()) is not None:
            found.append(report)
            if report["type"] in ENDS:
                return found
        pytest.fail(f"the process ended before its job: {self.complaints()}")

    def run(self, task: str, plates: list[Path] | Path, out: Path | None, **more: Any) -> list[Report]:
        self.order(task, plates, out, **more)
        return self.reports()

    def wait_for(self, stage: str) -> None:
        """Until the job's progress is there."""
        while (report := self.report()) is not None:
            if report.get("stage") == stage:
                return
            assert report["type"] not in ENDS, f"{report} came before '{stage}': {self.complaints()}"
        pytest.fail(f"the process ended before '{stage}': {self.complaints()}")

    def complaints(self) -> str:
        return self.errors.read_text(errors="replace")

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE)

    def close(self) -> int:
        """Close its input, as the worker does to end it; the exit code."""
        assert self.process.stdin
        self.process.stdin.close()
        return self.process.wait(PATIENCE)


StartEngine = Callable[..., EngineProcess]


@pytest.fixture
def start_engine(tmp_path: Path) -> Iterator[StartEngine]:
    """Starts engine processes, each past its `ready`; all are ended with the test."""
    with _starting(tmp_path) as start:
        yield start


@contextmanager
def _starting(folder: Path) -> Iterator[StartEngine]:
    started: list[EngineProcess] = []

    def start(**environment: str) -> EngineProcess:
        engine = EngineProcess(folder / f"errors{len(started)}.txt", **environment)
        started.append(engine)
        ready = engine.report()
        assert ready is not None, engine.complaints()
        assert ready == {"type": "ready", "version": __version__, "pid": engine.pid}
        return engine

    try:
        yield start
    finally:
        for engine in started:
            engine.process.kill()
            engine.process.wait(PATIENCE)
            for pipe in (engine.process.stdin, engine.process.stdout):
                assert pipe
                pipe.close()


@pytest.fixture(scope="module")
def warm_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineProcess]:
    """One process for a file's tests that leave it unharmed: what each leaves is what the next one meets."""
    with _starting(tmp_path_factory.mktemp("engine")) as start:
        yield start()


@pytest.fixture(scope="session")
def assert_whole() -> Callable[..., None]:
    """Fails for a file that is not whole; hidden temporaries are allowed where a process was killed."""

    def check(folder: Path, killed: bool = False) -> None:
        for path in folder.rglob("*") if folder.exists() else ():
            if path.name.startswith("."):
                assert killed, f"{path.name} was left behind"
            elif path.suffix == ".exr":
                OpenEXR.File(str(path))
            elif path.suffix == ".png":
                with Image.open(path) as picture:
                    picture.load()
            else:
                json.loads(path.read_text(encoding="utf-8"))

    return check
