"""Real worker processes in short folders of their own; each must leave no process and no file behind."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from semantic_matte_client import protocol, wire
from semantic_matte_client.runtime import WorkerFiles, slot_files

HERE = Path(__file__).parent
CORE = HERE.parents[2] / "core"

# What may lie in a runtime folder: locks and logs stay, and tests put their results there.
KEPT = ("gpu.lock", "cpu.lock", "logs", "out")

# What a test waits for comes much sooner; this is for a machine that is busy.
PATIENCE = 20.0


def eventually(holds: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
    """Wait until something holds, and return it."""
    limit = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < limit, f"not within {seconds} s: {what}"
        time.sleep(0.005)
    return found


class Talker:
    """A client that says what a test wants said."""

    def __init__(self, connection: wire.Connection) -> None:
        self.connection = connection

    def say(self, kind: str, **fields: Any) -> None:
        wire.send(self.connection, {"type": kind, **fields}, protocol.REQUESTS)

    def hear(self, seconds: float = PATIENCE) -> protocol.Message:
        assert self.connection.poll(seconds), "nothing was said"
        return wire.receive(self.connection, protocol.ANSWERS)

    def until(self, kind: str, job: str | None = None) -> protocol.Message:
        """The next message of that kind (and job); others are dropped."""
        while True:
            message = self.hear()
            if message["type"] == kind and (job is None or message["job"] == job):
                return message

    def end_of(self, job: str) -> protocol.Message:
        while True:
            message = self.hear()
            if message["type"] in protocol.ENDS and message["job"] == job:
                return message

    def ends(self, count: int) -> list[protocol.Message]:
        found: list[protocol.Message] = []
        while len(found) < count:
            message = self.hear()
            if message["type"] in protocol.ENDS:
                found.append(message)
        return found

    def is_closed(self, seconds: float = PATIENCE) -> bool:
        """Whether the worker closes the connection; what it says before is dropped."""
        limit = time.monotonic() + seconds
        try:
            while self.connection.poll(max(0.0, limit - time.monotonic())):
                self.connection.recv_bytes()
        except (EOFError, OSError):
            return True
        return False

    def status(self) -> protocol.Message:
        self.say("status")
        return self.until("status")

    def submit(self, act: str = "quick", **options: Any) -> str:
        """Ask for a job of the stand-in engine; its number. options: settings, or fields of the message."""
        job = options.pop("job", secrets.token_hex(16))
        fields = {name: options.pop(name) for name in list(options) if name in protocol.REQUESTS["submit"]}
        given = {"task": "matte", "plates": ["plate.exr"], "roots": ["/"], "on_disconnect": "cancel", **fields}
        self.say("submit", job=job, settings={"act": act, **options}, **given)
        return job

    def running(self, act: str, **options: Any) -> str:
        """Ask for a job and wait until the engine has said something about it."""
        job = self.submit(act, **options)
        while (message := self.until("progress", job))["stage"] in ("starting", "queued"):
            pass
        assert message["stage"] == "matting"
        return job

    def close(self) -> None:
        self.connection.close()


class Place:
    """A runtime folder with its workers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {**os.environ, "SEMANTIC_MATTE_RUNTIME": str(folder), "PYTHONPATH": str(CORE)}
        self.environment.pop("SEMANTIC_MATTE_LOGS", None)
        self.processes: list[subprocess.Popen[str]] = []
        self.talkers: list[Talker] = []
        # The command of an engine process, and what a worker gets besides.
        self.engine = [sys.executable, str(HERE / "stand_in_engine.py")]

    @property
    def files(self) -> WorkerFiles:
        return slot_files("gpu", self.folder)

    @property
    def log(self) -> str:
        """What was logged, once no more comes: it is written behind the work's back."""
        before, now = None, ""
        while now != before:
            time.sleep(0.05)
            before, now = now, (self.folder / "logs" / "worker-gpu.log").read_text()
        return now

    def spawn(self, *engine: str, unload: float = 60, idle: float = 60, clock: float = 0, **given: Any) -> Any:
        """Start a worker on the stand-in engine, with these options of it, and go on."""
        command = [sys.executable, str(HERE / "stand_in_worker.py"), "gpu", str(unload), str(idle), str(clock)]
        return self.run(command + self.engine + list(engine), **given)

    def run(self, command: list[str], **given: Any) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            command,
            env={**self.environment, **given.pop("environment", {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.folder,
            **given,
        )
        self.processes.append(process)
        return process

    def start(self, *engine: str, **options: Any) -> subprocess.Popen[str]:
        """Start a worker and wait until it is ready and the one that serves."""
        process = self.spawn(*engine, **options)
        ready = self.ready_line(process)
        assert ready["ready"], ready
        assert ready["own"], ready
        assert ready["pid"] == process.pid
        return process

    @staticmethod
    def ready_line(process: subprocess.Popen[str]) -> dict[str, Any]:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, "it ended without a word"
        ready: dict[str, Any] = json.loads(line)
        return ready

    def connect(self) -> wire.Connection:
        """As a client that holds the key, without a hello."""
        return wire.connect(json.loads(self.files.info.read_bytes())["address"], self.files.key.read_bytes())

    def talker(self, name: str = "test", pid: int | None = None) -> Talker:
        talker = Talker(self.connect())
        number = os.getpid() if pid is None else pid
        talker.say("hello", protocol=protocol.PROTOCOL, version=protocol.VERSION, client=name, pid=number)
        welcome = talker.hear()
        assert welcome["type"] == "welcome", welcome
        self.talkers.append(talker)
        return talker

    def processes_left(self) -> list[int]:
        """Numbers of all living processes whose environment names this folder."""
        mark = f"SEMANTIC_MATTE_RUNTIME={self.folder}".encode()
        left = []
        for environment in Path("/proc").glob("[0-9]*/environ"):
            with contextlib.suppress(OSError):
                if mark in environment.read_bytes().split(b"\0"):
                    left.append(int(environment.parent.name))
        return left

    def names(self) -> list[str]:
        """What lies in the runtime folder besides the lock, logs and what tests put there."""
        return sorted(path.name for path in self.folder.iterdir() if path.name not in KEPT)

    def end(self) -> None:
        """End all workers softly; nothing may be left."""
        for talker in self.talkers:
            talker.close()
        for process in self.processes:
            if process.poll() is None:
                process.terminate()
        try:
            for process in self.processes:
                process.wait(PATIENCE)
            eventually(lambda: not self.processes_left(), "no process is left", 5)
            if self.folder.is_dir():
                assert self.names() == []
        finally:
            for pid in self.processes_left():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            for process in self.processes:
                process.kill()
                process.wait()
                if process.stdout is not None:
                    process.stdout.close()


@pytest.fixture
def place() -> Iterator[Place]:
    """A runtime folder in which workers are started; its path is short, as a socket's must be."""
    if os.name != "posix" or not Path("/proc/self").exists():
        pytest.skip("processes are watched through /proc")
    folder = Path(tempfile.mkdtemp(prefix="sm-"))
    (folder / "out").mkdir()
    made = Place(folder)
    try:
        yield made
        made.end()
    finally:
        for pid in made.processes_left():
            os.kill(pid, signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(name="eventually")
def eventually_fixture() -> Callable[..., Any]:
    """Waits until something holds."""
    return eventually
