"""A Nuke that runs, small real plates, and a worker's place of its own for each test that meets one."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent
PLUGIN = ROOT / "nuke_plugin"
CORE = ROOT / "core"
PHOTO = ROOT / "tests" / "data" / "photos" / "astronaut.png"
VERSIONS = [(14, 0), (15, 0), (15, 1), (16, 0), (17, 1)]
# What a worker that has ended leaves: its lock, which is never removed, and its log.
LEFT_BY_WORKERS = {"gpu.lock", "cpu.lock", "logs"}

for folder in (str(Path(__file__).parent / "fake"), str(CORE), str(PLUGIN)):
    if folder not in sys.path:
        sys.path.insert(0, folder)

try:
    from fake_nuke import FakeNuke
except ModuleNotFoundError as missing:
    # Python's own Tcl reads every script. Where it is left out, test_tcl_is_here.py says so for all of them.
    if missing.name not in ("tkinter", "_tkinter"):
        raise
    collect_ignore = ["facts", "matrix"]
    collect_ignore_glob = ["test_[!t]*.py", "test_t[!c]*.py"]


def started(
    version: tuple[int, int],
    gui: bool,
    plugin: Path | None,
    arguments: Sequence[str] = (),
    lacks: Sequence[str] = (),
) -> FakeNuke:
    """A host that has begun, with the plugin where one is given; its end is the caller's."""
    host = FakeNuke(version=version, gui=gui, arguments=arguments, lacks=lacks)
    host.__enter__()
    if plugin is not None:
        host.start(plugin)
    return host


def ended(host: FakeNuke) -> None:
    """End it, and fail where a callback raised or Nuke was called off the main thread."""
    host.__exit__(None, None, None)
    assert host.callback_errors == []
    assert host.thread_errors == []


@pytest.fixture(autouse=True)
def home_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Results of unsaved scripts lie in the user's home: no test may write into a real one."""
    monkeypatch.setenv("PYENV_ROOT", os.environ.get("PYENV_ROOT") or str(Path.home() / ".pyenv"))
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path / "home"))


@pytest.fixture
def make_host() -> Iterator[Callable[..., FakeNuke]]:
    """make_host(version, gui, plugin, *arguments, lacks=...) starts a Nuke; the one before it ends."""
    alive: list[FakeNuke] = []

    def make(
        version: tuple[int, int] = (15, 1),
        gui: bool = True,
        plugin: Path | None = PLUGIN,
        *arguments: str,
        lacks: Sequence[str] = (),
    ) -> FakeNuke:
        while alive:
            ended(alive.pop())
        alive.append(started(version, gui, plugin, arguments, lacks))
        return alive[-1]

    yield make
    while alive:
        ended(alive.pop())


@pytest.fixture
def host(make_host: Callable[..., FakeNuke]) -> FakeNuke:
    """Nuke 15.1 with a window, the plugin started."""
    return make_host((15, 1), True)


@pytest.fixture
def terminal(make_host: Callable[..., FakeNuke]) -> FakeNuke:
    """`nuke -t` 15.1: init.py alone was run."""
    return make_host((15, 1), False)


@pytest.fixture(params=VERSIONS, ids=lambda version: f"{version[0]}.{version[1]}")
def each_version(request: pytest.FixtureRequest, make_host: Callable[..., FakeNuke]) -> FakeNuke:
    """Each version of Nuke with a window, the plugin started."""
    return make_host(request.param, True)


@dataclass(frozen=True)
class Place:
    """Folders of a test: a runtime short enough for a socket's path; one for scripts, plates and results."""

    runtime: Path
    work: Path

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

    def stop_worker(self) -> None:
        """Have the worker end, if one runs."""
        from semantic_matte_client.client import Client

        for device in ("cpu", "auto"):
            with Client(python=sys.executable, runtime=self.runtime, device=device) as client:
                client.stop()


def make_place() -> Place:
    folder = Path(tempfile.mkdtemp(prefix="smn-", dir="/tmp" if Path("/tmp").is_dir() else None))
    runtime, work = folder / "run", folder / "work"
    runtime.mkdir(mode=0o700)
    work.mkdir()
    return Place(runtime, work)


def leave(place: Place) -> None:
    """End what runs there, and fail if anything is left of it."""
    try:
        place.stop_worker()
        until = time.monotonic() + 20
        while place.processes() and time.monotonic() < until:
            time.sleep(0.02)
        alive = place.processes()
        for number in alive:
            os.kill(number, signal.SIGKILL)
        assert alive == {}
        assert {path.name for path in place.runtime.iterdir()} <= LEFT_BY_WORKERS
    finally:
        shutil.rmtree(place.runtime.parent, ignore_errors=True)


def set_up(place: Place, patched: pytest.MonkeyPatch) -> None:
    """The engine of this Python, met in this place."""
    patched.setenv("SEMANTIC_MATTE_RUNTIME", str(place.runtime))
    patched.setenv("SEMANTIC_MATTE_PYTHON", sys.executable)
    patched.setenv("PYTHONPATH", str(CORE))


@pytest.fixture
def worker_place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """A place where no worker runs yet; what runs there afterwards is ended."""
    place = make_place()
    set_up(place, monkeypatch)
    yield place
    leave(place)


@pytest.fixture(scope="module")
def warm_place() -> Iterator[Place]:
    """One place for all tests of a module: its worker stays warm between them."""
    place = make_place()
    with pytest.MonkeyPatch.context() as patched:
        set_up(place, patched)
        yield place
        leave(place)


def linear_photo(size: tuple[int, int]) -> Any:
    """The photo at a size (width, height) as scene-linear float32 (H, W, 3), RGB, top row first."""
    import cv2
    import numpy

    picture = cv2.resize(cv2.imread(str(PHOTO)), size, interpolation=cv2.INTER_AREA)[:, :, ::-1] / 255.0
    low = picture <= 0.04045
    return numpy.where(low, picture / 12.92, ((picture + 0.055) / 1.055) ** 2.4).astype(numpy.float32)


def write_exr(path: Path, channels: dict[str, Any], half: bool = True, **header: Any) -> Path:
    """Channels (H, W) as an EXR file."""
    import numpy
    import OpenEXR

    kind = numpy.float16 if half else numpy.float32
    top = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage, **header}
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = {name: numpy.ascontiguousarray(values, dtype=kind) for name, values in channels.items()}
    OpenEXR.File(top, pixels).write(str(path))
    return path


@pytest.fixture
def plate() -> Callable[..., str]:
    """plate(folder, size, frames) writes EXRs of the photo, each a little brighter; gives their pattern."""

    def make(folder: Path, size: Any = (96, 96), frames: Sequence[int] = (1001,), **header: Any) -> str:
        photo = linear_photo(size)
        for number, frame in enumerate(frames):
            pixels = photo * (1.0 + 0.02 * number)
            channels = {name: pixels[:, :, index] for index, name in enumerate("RGB")}
            write_exr(folder / f"plate.{frame:04d}.exr", channels, **header)
        return f"{folder.as_posix()}/plate.%04d.exr"

    return make
