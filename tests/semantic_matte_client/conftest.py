"""A place of its own for each test that meets a worker: nothing of it may be left behind."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import pytest

from semantic_matte_client.client import Client

ROOT = Path(__file__).parent.parent.parent
CORE = ROOT / "core"
PHOTO = ROOT / "tests" / "data" / "photos" / "astronaut.png"
# What a worker that has ended leaves: its lock, which is never removed, and its log.
LEFT_BY_WORKERS = {"gpu.lock", "cpu.lock", "logs"}


@dataclass(frozen=True)
class Place:
    """A runtime folder, short enough for a socket's path, and plates beside it: a small one, and one that takes
    some seconds."""

    runtime: Path
    plate: Path
    large: Path
    out: Path

    def client(self, **options: object) -> Client:
        """A client of this Python's engine, meeting workers here."""
        return Client(**{"python": sys.executable, "runtime": self.runtime, "device": "cpu", **options})  # type: ignore[arg-type]

    def processes(self) -> dict[int, str]:
        """Every process that was started for this place, but this one: number and command line."""
        mark = f"SEMANTIC_MATTE_RUNTIME={self.runtime}".encode()
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if mark not in (folder / "environ").read_bytes().split(b"\0"):
                    continue
                found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
        found.pop(os.getpid(), None)
        return found

    def worker(self) -> int:
        """Process number of the worker; fails if there isn't just one."""
        found = self.processes()
        # A child that has not begun its own program yet looks like its parent.
        (number,) = [
            number
            for number, line in found.items()
            if "semantic_matte.worker --slot" in line and parent_of(number) not in found
        ]
        return number

    def engine(self) -> int:
        """Process number of the engine process; fails if there isn't just one."""
        (number,) = [number for number, line in self.processes().items() if "engine_process" in line]
        return number

    def settle(self, seconds: float = 5.0) -> dict[int, str]:
        """Wait until no process is left, and return those that still are."""
        wait_until(lambda: not self.processes(), seconds)
        return self.processes()


def wait_until(condition: Callable[[], object], seconds: float = 20.0) -> bool:
    """Whether it came true within a time."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.005)
    return True


@pytest.fixture
def waiting() -> Callable[..., bool]:
    return wait_until


def parent_of(process: int) -> int:
    """Process number of its parent; 0 if it has ended."""
    try:
        return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def make_place() -> Place:
    folder = Path(tempfile.mkdtemp(prefix="sm-"))
    runtime = folder / "run"
    runtime.mkdir(mode=0o700)
    picture = cv2.resize(cv2.imread(str(PHOTO)), (96, 96), interpolation=cv2.INTER_AREA)
    plate = folder / "plate.png"
    assert cv2.imwrite(str(plate), picture)
    large = folder / "large.png"
    shutil.copyfile(PHOTO, large)
    return Place(runtime, plate, large, folder / "mattes")


def leave(place: Place) -> None:
    """End what runs there, and fail if anything is left of it."""
    try:
        for device in ("cpu", "auto"):
            with place.client(device=device) as client:
                client.stop()
        alive = place.settle()
        for number in alive:
            os.kill(number, signal.SIGKILL)
        assert alive == {}
        assert {path.name for path in place.runtime.iterdir()} <= LEFT_BY_WORKERS
    finally:
        shutil.rmtree(place.runtime.parent, ignore_errors=True)


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """No worker runs there yet."""
    found = make_place()
    monkeypatch.setenv("SEMANTIC_MATTE_RUNTIME", str(found.runtime))
    monkeypatch.setenv("SEMANTIC_MATTE_PYTHON", sys.executable)
    yield found
    leave(found)


@pytest.fixture(scope="module")
def warm() -> Iterator[Place]:
    """One for all tests of a module, its worker warm after the first."""
    found = make_place()
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("SEMANTIC_MATTE_RUNTIME", str(found.runtime))
        patched.setenv("SEMANTIC_MATTE_PYTHON", sys.executable)
        yield found
        leave(found)
