"""Questions to the worker that are waited for: status, stop. Each takes a connection of its own, so that its
answer is not mixed with what comes of jobs."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import Any, Callable, Dict, Optional

from semantic_matte_client import wire
from semantic_matte_client.errors import AuthenticationError, VersionError, WorkerLostError
from semantic_matte_client.protocol import ANSWERS, REQUESTS
from semantic_matte_client.reaching import (
    Link,
    NoWorkerError,
    Reaching,
    SilentWorkerError,
    listener,
    silence,
)
from semantic_matte_client.runtime import WorkerFiles
from semantic_matte_client.starting import Starting

# For a worker that was told to end at once; and for it to tidy up after it hung up.
STOP_SECONDS = 10.0
TIDY_SECONDS = 2.0
_NAP = 0.002

Start = Optional[Callable[[], Starting]]


def ask(files: WorkerFiles, name: str, question: str, start: Start, seconds: float) -> Dict[str, Any]:
    """The worker's answer to a message without fields, of the message's own type.

    start: as for `Reaching`. Raises NoWorkerError, SilentWorkerError, WorkerLostError, and why none started.
    """
    until = time.monotonic() + seconds
    link = _reached(files, name, start, seconds)
    try:
        wire.send(link.connection, {"type": question}, REQUESTS)
        while link.connection.poll(max(0.0, until - time.monotonic())):
            message = wire.receive(link.connection, ANSWERS)
            if message["type"] == question:
                return message
    except (EOFError, OSError) as reason:
        raise WorkerLostError(f"The worker ended while it was asked ({reason}).") from None
    finally:
        link.connection.close()
    raise SilentWorkerError(silence(link.pid))


def stop(files: WorkerFiles, name: str, when: str) -> bool:
    """Tell the worker to end, now or idle, and if now wait until it has; False where none runs.

    One that does not answer is killed, and one of another version told by SIGTERM, if now. Raises
    SilentWorkerError, VersionError or AuthenticationError where that can't be done.
    """
    link: Optional[Link] = None
    try:
        link = _reached(files, name, None, STOP_SECONDS)
        wire.send(link.connection, {"type": "stop", "when": when}, REQUESTS)
        if when == "now":
            if not _hears_the_end(link, STOP_SECONDS):
                raise SilentWorkerError(silence(link.pid))
            _await_removal(files.info, TIDY_SECONDS)
        elif not link.connection.poll(STOP_SECONDS):
            raise SilentWorkerError(silence(link.pid))
    except NoWorkerError:
        return False
    except SilentWorkerError:
        if when == "idle" or not _signal(listener(files), "SIGKILL"):
            raise
    except (VersionError, AuthenticationError):
        # After an update the old one must go as well; a signal says so whatever it speaks.
        if when == "idle" or not _signal(listener(files), "SIGTERM"):
            raise
        _await_removal(files.info, STOP_SECONDS)
    except (OSError, EOFError):
        # It was ending already.
        return True
    finally:
        if link is not None:
            link.connection.close()
    return True


def _reached(files: WorkerFiles, name: str, start: Start, seconds: float) -> Link:
    reaching = Reaching(files, name, start)
    until = time.monotonic() + seconds
    try:
        while True:
            link = reaching.poll()
            if link is not None:
                return link
            if time.monotonic() > until:
                raise SilentWorkerError(silence(0))
            time.sleep(_NAP)
    finally:
        reaching.close()


def _hears_the_end(link: Link, seconds: float) -> bool:
    """Whether the worker hangs up within a time, as it does when it ends."""
    until = time.monotonic() + seconds
    with contextlib.suppress(EOFError, OSError):
        while link.connection.poll(max(0.0, until - time.monotonic())):
            wire.receive(link.connection, ANSWERS)
        return False
    return True


def _await_removal(path: Path, seconds: float) -> None:
    """Wait until an ended worker has tidied up after itself, at most so long."""
    until = time.monotonic() + seconds
    while path.exists() and time.monotonic() < until:
        time.sleep(_NAP)


def _signal(process: int, name: str) -> bool:
    """Whether a signal could be sent. process: as the kernel tells who listens; 0 if it doesn't."""
    number = getattr(signal, name, None)
    if process <= 1 or number is None or os.name != "posix":
        return False
    try:
        os.kill(process, number)
    except OSError:
        return False
    return True
