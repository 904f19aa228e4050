"""The worker's end of its engine process: started, given orders, listened to, killed if need be.

The pipes may block, so each has a thread; what they bring is handed to the loop. The process is in a session of
its own: a terminal's Ctrl-C does not reach it, and a kill reaches whatever it started.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Protocol

from semantic_matte.worker.logs import log
from semantic_matte.worker.loop import Loop
from semantic_matte_client import protocol
from semantic_matte_client.errors import ProtocolError

ENGINE_COMMAND = (sys.executable, "-m", "semantic_matte.worker.engine_process")

# Of its last words, how many lines are kept for the log and for an error, and how long each may be.
_LAST_LINES = 20
_LONGEST_LINE = 2000
# Seconds that its pipes may take to run dry once it has ended: something it started may hold them open.
_DRY_SECONDS = 1.0

_CRASHES = {
    "SIGSEGV": "a damaged picture or a driver",
    "SIGBUS": "a damaged picture, a driver or a full disk",
    "SIGABRT": "a damaged picture, a driver or too little memory",
    "SIGILL": "a library that was built for another processor",
    "SIGFPE": "a damaged picture or a library",
    "SIGKILL": "the system, which does so when memory runs out",
    "SIGTERM": "somebody who ended it",
}


class EngineListener(Protocol):
    """What hears of an engine process; each is run by the loop."""

    def reported(self, engine: EngineHandle, report: protocol.Message, content: bytes) -> None:
        """It said something. content: the same as bytes."""

    def babbled(self, engine: EngineHandle, complaint: str) -> None:
        """It said what is no report; it is not listened to any more."""

    def fell_silent(self, engine: EngineHandle) -> None:
        """It has closed its output, as one does that is about to end."""

    def ended(self, engine: EngineHandle) -> None:
        """It has ended; all that it said was told before."""


class EngineHandle:
    """One engine process. What is public is for the loop's thread."""

    def __init__(self, command: Sequence[str], loop: Loop, listener: EngineListener) -> None:
        """Start it. Raises OSError where the system refuses."""
        self._loop, self._listener = loop, listener
        self._orders: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._last_lines: deque[str] = deque(maxlen=_LAST_LINES)
        # The command is our own, not a client's.
        self._process = subprocess.Popen(  # noqa: S603
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=engine_environment(os.environ),
            # Nobody's folder: none is kept busy, and no module is found there by accident.
            cwd=Path(sys.executable).anchor,
            start_new_session=True,
        )
        self.is_ready = False
        self.was_killed = False
        self._threads = [
            threading.Thread(target=work, name=f"engine {work.__name__.strip('_')}", daemon=True)
            for work in (self._report, self._repeat, self._order)
        ]
        for thread in self._threads:
            thread.start()
        threading.Thread(target=self._wait, name="engine end", daemon=True).start()

    @property
    def pid(self) -> int:
        """Its process number."""
        return self._process.pid

    def order(self, content: bytes) -> None:
        """Tell it to do something (a line without its end); never waits."""
        self._orders.put(content + b"\n")

    def close_input(self) -> None:
        """Have it end: it does so when its input ends."""
        self._orders.put(None)

    def kill(self) -> None:
        """End it and whatever it started, now. Only until `ended` was told."""
        self.was_killed = True
        self._kill_group()

    def forget(self) -> None:
        """Give back its descriptors, once `ended` was told."""
        self.close_input()
        self._process.wait()
        # One that is still read from can't be closed: something that it started, in another session, holds it.
        for thread, stream in zip(self._threads, (self._process.stdout, self._process.stderr), strict=False):
            if stream is not None and not thread.is_alive():
                stream.close()

    def last_line(self) -> str:
        """The last thing that it printed; empty for nothing."""
        return self._last_lines[-1] if self._last_lines else ""

    def how_it_ended(self) -> str:
        """For a sentence, once `ended` was told: exit code or signal, and what is likely."""
        code = self._process.wait()
        if code >= 0:
            said = f": {self.last_line()}" if self.last_line() else ""
            return f"exit code {code}{said}"
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        reason = _CRASHES.get(name)
        return f"{name}; most likely {reason}" if reason else name

    def _kill_group(self) -> None:
        # Not reaped before `ended`, so that its number can't be another's. A group that is gone is no error.
        with contextlib.suppress(OSError):
            if sys.platform == "win32":
                self._process.kill()
            else:
                os.killpg(self._process.pid, signal.SIGKILL)

    def _order(self) -> None:
        """Write orders until there are no more."""
        stream = _there(self._process.stdin)
        try:
            while (content := self._orders.get()) is not None:
                stream.write(content)
                stream.flush()
        except OSError:
            # It has ended, of which we hear elsewhere.
            pass
        finally:
            with contextlib.suppress(OSError):
                stream.close()

    def _report(self) -> None:
        """Hand over what it says, checked."""
        stream = _there(self._process.stdout)
        complaint = ""
        try:
            # The last one, without its end, is of an engine that died as it spoke; one too long is refused.
            while line := stream.readline(protocol.LONGEST_MESSAGE + 2):
                content = line.rstrip(b"\n")
                if content != line or len(line) > protocol.LONGEST_MESSAGE:
                    report = protocol.decode(content, protocol.REPORTS)
                    self._loop.call(self._listener.reported, self, report, content)
        except ProtocolError as error:
            complaint = str(error)
        except Exception as error:
            log.exception("engine %d: an exception that nobody expected", self.pid)
            complaint = f"{type(error).__name__}: {error}"
        if complaint:
            self._loop.call(self._listener.babbled, self, complaint)
        else:
            self._loop.call(self._listener.fell_silent, self)

    def _repeat(self) -> None:
        """Put what it prints into the log."""
        stream = _there(self._process.stderr)
        with contextlib.suppress(OSError, ValueError):
            while line := stream.readline(_LONGEST_LINE):
                text = line.decode("utf-8", "replace").rstrip()
                if text:
                    self._last_lines.append(text)
                    log.info("engine %d: %s", self.pid, text)

    def _wait(self) -> None:
        """Wait for its end, and tell of it when all that it said was heard."""
        if hasattr(os, "waitid"):
            # Left a zombie until `forget`: its number stays its own as long as we may kill it.
            os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
            self._kill_group()
        else:
            self._process.wait()
        for thread in self._threads[:2]:
            thread.join(_DRY_SECONDS)
        self._loop.call(self._listener.ended, self)


def engine_environment(worker: Mapping[str, str]) -> dict[str, str]:
    """The worker's own environment, with what torch's threads need and the place of this very package."""
    environment = dict(worker)
    # torch's threads spin while they wait: on shared cores that cost ten times the work.
    environment.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    home = str(Path(__file__).resolve().parents[2])
    found = [str(Path(place).resolve()) for place in sys.path[:1]]
    if home in found:
        # The worker was found in its working folder, which is not the engine's.
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, (home, environment.get("PYTHONPATH"))))
    return environment


def _there(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None
    return stream
