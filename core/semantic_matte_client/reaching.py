"""On the way to a worker: look for it, start one if none answers, shake hands, say hello; step by step.

`poll` is called again and again and never waits for more than some milliseconds, so that a host stays alive
whatever the worker does. The one exception: once the worker has begun the handshake, its answers are waited
for, STEP_SECONDS each.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import struct
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Callable, Dict, NamedTuple, Optional, Type

from semantic_matte_client import wire
from semantic_matte_client.errors import (
    AuthenticationError,
    ClientError,
    ProtocolError,
    VersionError,
    WorkerBusyError,
    WorkerLostError,
    WorkerStartError,
)
from semantic_matte_client.protocol import ANSWERS, PROTOCOL, REQUESTS, version_sentence
from semantic_matte_client.runtime import WorkerFiles, check_private_file
from semantic_matte_client.starting import Starting
from semantic_matte_client.version import VERSION

# How long one poll may wait for an answer that is about to come; for each step of a handshake that has begun;
# and for a worker that says nothing, before it is called stuck.
WAIT_SECONDS = 0.002
STEP_SECONDS = 1.0
SILENT_SECONDS = 5.0
# After another process was found to be the worker: for its files, before one is started again.
OWNER_SECONDS = 2.0
# Workers that end while they are reached, and keys that don't fit, before that is an error.
MOST_TRIES = 10
PAUSE_SECONDS = 0.1

_MOST_BYTES = 1 << 16

NO_WORKER = "No worker is running."


class NoWorkerError(WorkerLostError):
    """None runs, and none was to be started."""


class SilentWorkerError(WorkerLostError):
    """One is there and does not answer."""


class Link(NamedTuple):
    """A worker that was reached. version: the engine's. log: where its log lies, if it told."""

    connection: Connection
    pid: int
    version: str
    slot: str
    log: str


class Reaching:
    """`poll` until it returns a Link. start: begins to start a worker; None: none is to be started."""

    def __init__(self, files: WorkerFiles, name: str, start: Optional[Callable[[], Starting]]) -> None:
        self._files = files
        self._name = name
        self._start = start
        self._step: Callable[[], Optional[Link]] = self._look
        self._starting: Optional[Starting] = None
        self._connection: Optional[Connection] = None
        self._info: Dict[str, Any] = {}
        self._key = b""
        self._not_before = 0.0
        self._owner_until = 0.0
        self._silent_since: Optional[float] = None
        self._tries = 0

    @property
    def starting(self) -> bool:
        """Whether a worker is being started."""
        return self._starting is not None

    def poll(self) -> Optional[Link]:
        """One or some steps. Raises a ClientError if there is no way to a worker."""
        while time.monotonic() >= self._not_before:
            before = self._step
            link = self._step()
            if link is not None or self._step == before:
                return link
        return None

    def close(self) -> None:
        """Give up; a worker that is being started goes on by itself."""
        if self._starting is not None:
            self._starting.close()
            self._starting = None
        self._hang_up()

    def _look(self) -> Optional[Link]:
        info, key = _read_info(self._files), _read_key(self._files)
        if not info or not key:
            return self._absent()
        self._info, self._key = info, key
        try:
            self._connection = wire.reach(info["address"], STEP_SECONDS)
        except (ConnectionRefusedError, FileNotFoundError):
            return self._absent()
        except (BlockingIOError, TimeoutError, socket.timeout):  # noqa: UP041 - two classes in 3.9
            # Somebody listens and has not even taken those who came before.
            return self._silent()
        except OSError as reason:
            raise WorkerLostError(f"The worker can't be reached at '{info['address']}' ({reason}).") from None
        self._step = self._shake
        return None

    def _absent(self) -> Optional[Link]:
        if self._start is None:
            raise NoWorkerError(NO_WORKER)
        if time.monotonic() < self._owner_until:
            self._not_before = time.monotonic() + PAUSE_SECONDS / 5
            return None
        self._try_again("ended as soon as it was started", WorkerStartError)
        self._starting = self._start()
        self._step = self._await_start
        self._not_before = 0.0
        return None

    def _await_start(self) -> Optional[Link]:
        assert self._starting is not None
        ready = self._starting.poll()
        if ready is None:
            return None
        self._starting = None
        # Where another holds the lock its files are about to come, or it is just ending.
        self._owner_until = 0.0 if ready.get("own", True) else time.monotonic() + OWNER_SECONDS
        self._step = self._look
        return None

    def _shake(self) -> Optional[Link]:
        connection = self._connection
        assert connection is not None
        try:
            if not connection.poll(WAIT_SECONDS):
                return self._silent()
            wire.shake_hands(connection, self._key, STEP_SECONDS, first=False)
            wire.limit_sending(connection, STEP_SECONDS)
            hello = {"protocol": PROTOCOL, "version": VERSION, "client": self._name, "pid": os.getpid()}
            wire.send(connection, {"type": "hello", **hello}, REQUESTS)
        except SilentWorkerError:
            raise
        except AuthenticationError:
            # A worker that was started anew has a new key: it is read again.
            return self._anew("does not hold the key that lies in its folder", AuthenticationError)
        except (WorkerLostError, OSError):
            return self._anew("ended, or fell silent, in the handshake", WorkerLostError)
        self._step = self._greet
        return None

    def _greet(self) -> Optional[Link]:
        connection = self._connection
        assert connection is not None
        try:
            if not connection.poll(WAIT_SECONDS):
                return self._silent()
            message = wire.receive(connection, ANSWERS)
        except (EOFError, OSError):
            return self._anew("ended when it was greeted", WorkerLostError)
        kind = message["type"]
        if kind == "welcome" and message["protocol"] == PROTOCOL:
            wire.limit_message_time(connection, STEP_SECONDS)
            self._connection = None
            log = str(self._info.get("log") or self._files.log)
            return Link(connection, message["pid"], message["version"], message["slot"], log)
        self._hang_up()
        if kind == "welcome":
            raise VersionError(version_sentence(message, "worker", "client"))
        if kind == "refused" and message["protocol"] == PROTOCOL:
            raise WorkerBusyError(message["message"])
        if kind == "refused":
            raise VersionError(message["message"])
        raise ProtocolError(f"The worker did not take the greeting: {message.get('message', kind)}")

    def _silent(self) -> Optional[Link]:
        """Nothing came yet. Raises SilentWorkerError once that is too long."""
        now = time.monotonic()
        if self._silent_since is None:
            self._silent_since = now
        if now - self._silent_since > SILENT_SECONDS:
            self._hang_up()
            raise SilentWorkerError(silence(self._info.get("pid", 0)))
        return None

    def _anew(self, problem: str, kind: Type[ClientError]) -> Optional[Link]:
        """Look again from the start. Raises `kind` after too many times."""
        self._hang_up()
        self._try_again(problem, kind)
        self._step = self._look
        return None

    def _try_again(self, problem: str, kind: Type[ClientError]) -> None:
        """Count a try. Raises after too many."""
        self._tries += 1
        if self._tries > MOST_TRIES:
            raise kind(
                f"The worker {problem}, {MOST_TRIES} times in a row: 'semantic-matte worker stop' ends it, and "
                f"'{self._files.log}' may say why."
            )
        # The first at once, each next one later, some seconds in all: a worker looks at its files now and then.
        self._not_before = time.monotonic() + PAUSE_SECONDS * (self._tries - 1)
        self._silent_since = None

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def silence(pid: int) -> str:
    """What is said of a worker that does not answer. pid: 0 if it isn't known."""
    who = f"The worker (process {pid})" if pid else "The worker"
    return (
        f"{who} does not answer: it is stopped or stuck, or the machine is out of breath. 'semantic-matte "
        "worker stop' ends it, and the next job starts a new one."
    )


def listener(files: WorkerFiles) -> int:
    """Process number of who listens at the worker's address, as the kernel tells; 0 where it tells nothing."""
    if not hasattr(socket, "SO_PEERCRED"):
        return 0
    with contextlib.suppress(OSError), wire.reach(str(files.socket), STEP_SECONDS) as connection:
        with socket.socket(fileno=os.dup(connection.fileno())) as same:
            told = same.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        return int(struct.unpack("3i", told)[0])
    return 0


def _read_info(files: WorkerFiles) -> Dict[str, Any]:
    """What the worker wrote about itself; empty if there is none, or it is broken (the next one mends it)."""
    try:
        found = json.loads(_private(files.info).decode("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(found, dict) or not isinstance(found.get("address"), str):
        return {}
    return found


def _read_key(files: WorkerFiles) -> bytes:
    try:
        return _private(files.key)
    except OSError:
        return b""


def _private(path: Path) -> bytes:
    """The start of a file that nobody else can write or read. Raises OSError, RuntimeFolderError."""
    check_private_file(path)
    with path.open("rb") as stream:
        return stream.read(_MOST_BYTES)
