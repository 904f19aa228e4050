"""Starting a worker that outlives the host, and waiting for its ready line without blocking.

On POSIX a small launcher stands between host and worker: the worker is then never the host's child, and leaves
no zombie in a host that lives for days. What the worker says until it is ready goes into a file that is looked
at again and again: no pipe that could fill, no thread.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional

from semantic_matte_client.errors import ClientError, EngineNotFoundError, RuntimeFolderError, WorkerStartError
from semantic_matte_client.launch import PACKAGE, EngineCommand

MODULE = "semantic_matte.worker"
# A worker says that it is ready within a second; a cold disk or a network home makes it slower.
LONGEST_START = 30.0
# How much of what it said is looked at, and how many of its last lines an error shows.
_MOST_BYTES = 1 << 16
_SHOWN_LINES = 10
_PREFIX, _SUFFIX = "start-", ".log"
# What was left by hosts that were killed while they started a worker.
_STALE_SECONDS = 3600.0

# Runs the command of its arguments as a child in a session of its own, and ends as the child ends. SIGTERM ends
# both; SIGKILL ends the launcher alone and lets the worker live. The alarm ends a launcher whose host is gone.
_LAUNCHER = """
import os, signal, sys
child = os.fork()
if child == 0:
    os.setsid()
    try:
        os.execv(sys.argv[2], sys.argv[2:])
    except OSError as reason:
        os.write(2, str(reason).encode())
    os._exit(127)
signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGKILL))
signal.alarm(int(sys.argv[1]))
status = os.waitpid(child, 0)[1]
os._exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))
"""
_NO_ENGINE = re.compile(rf"No module named '?{PACKAGE}\b")


class Starting:
    """A worker on its way: `poll` until it returns the ready line.

    Raises RuntimeFolderError if the runtime folder can't be written, EngineNotFoundError if the engine's Python
    can't be run.
    """

    def __init__(
        self,
        engine: EngineCommand,
        slot: str,
        folder: Path,
        environment: Mapping[str, str],
        seconds: float = LONGEST_START,
    ) -> None:
        self._engine = engine
        self._seconds = seconds
        self._until = time.monotonic() + seconds
        self._process: Optional[subprocess.Popen[bytes]] = None
        _remove_stale(folder)
        try:
            descriptor, name = tempfile.mkstemp(_SUFFIX, _PREFIX, folder)
        except OSError as reason:
            raise RuntimeFolderError(
                f"The runtime folder '{folder}' can't be written ({reason.strerror}), and no worker can start "
                "without it: allow it, or set SEMANTIC_MATTE_RUNTIME to a folder of your own."
            ) from None
        self._file = Path(name)
        try:
            command = engine.command(MODULE, "--slot", slot)
            self._process = _spawn(command, descriptor, folder, environment, seconds)
        except OSError as reason:
            self.close()
            raise EngineNotFoundError(
                f"The engine's Python '{engine.python}', named by {engine.found}, can't be run "
                f"({reason.strerror or reason})."
            ) from None
        finally:
            os.close(descriptor)

    def poll(self) -> Optional[Dict[str, Any]]:
        """The ready line's fields once it is there, None until then; never waits.

        Raises WorkerStartError or EngineNotFoundError with the reason and the end of what the worker said.
        """
        process = self._process
        if process is None:
            return None
        # Asked before its words are read: what an ended worker said is then whole.
        code = process.poll()
        said = self._said()
        ready = _ready_line(said)
        if ready is not None:
            self.close()
            if ready["ready"]:
                return ready
            raise WorkerStartError(f"The worker did not start: {ready.get('reason', 'it did not say why')}")
        if code is None and time.monotonic() < self._until:
            return None
        if code is None:
            problem = f"did not get ready in {self._seconds:g} seconds and was ended"
            _end(process)
        else:
            problem = f"ended with code {code}"
        self.close()
        raise self._failure(problem, code, said)

    def close(self) -> None:
        """Stop waiting: the worker, if it lives, goes on. Nothing of the start is left behind."""
        process, self._process = self._process, None
        if process is not None:
            _let_go(process)
        # On Windows a file that the worker still holds can't be removed: the next start does it.
        with contextlib.suppress(OSError):
            self._file.unlink()

    def __del__(self) -> None:
        with contextlib.suppress(Exception):
            self.close()

    def _said(self) -> str:
        try:
            with self._file.open("rb") as stream:
                stream.seek(max(0, os.fstat(stream.fileno()).st_size - _MOST_BYTES))
                return stream.read(_MOST_BYTES).decode("utf-8", "replace")
        except OSError:
            return ""

    def _failure(self, problem: str, code: Optional[int], said: str) -> ClientError:
        python, found = self._engine
        if code and _NO_ENGINE.search(said):
            return EngineNotFoundError(
                f"'{python}', named by {found}, is a Python without the engine, or with an older one: install "
                "Semantic Matte of this version there (python -m pip install semantic-matte), or name another."
            )
        lines = [line.rstrip() for line in said.splitlines() if line.strip()][-_SHOWN_LINES:]
        if not lines:
            return WorkerStartError(
                f"The worker did not start: '{python}', named by {found}, {problem} and said nothing; is it a "
                "Python, and Semantic Matte's?"
            )
        told = "\n".join(f"  {line}" for line in lines)
        return WorkerStartError(
            f"The worker did not start: '{python}', named by {found}, {problem}: {lines[-1].strip()}\n{told}"
        )


def _spawn(
    command: List[str], output: int, folder: Path, environment: Mapping[str, str], seconds: float
) -> subprocess.Popen[bytes]:
    """The process that is waited for: the launcher, or on Windows the worker itself. Raises OSError."""
    if sys.platform == "win32":
        detached = subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP
        flags = [detached | subprocess.CREATE_BREAKAWAY_FROM_JOB, detached]
        whole = command
    else:
        flags = [0]
        whole = [command[0], "-I", "-S", "-c", _LAUNCHER, str(int(seconds) + 5), *command]
    for number, flag in enumerate(flags, start=1):
        try:
            return subprocess.Popen(  # noqa: S603 - the user's own Python
                whole,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # `python -m` looks for modules in its working directory first: this one is nobody else's.
                cwd=folder,
                env=dict(environment),
                start_new_session=os.name == "posix",
                creationflags=flag,
            )
        except PermissionError:
            # A host's job object may forbid to break away from it; another kind of refusal comes again.
            if number == len(flags):
                raise
    raise AssertionError("one of the two either returned or raised")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a worker that did not get ready; through its launcher on POSIX."""
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(1)


def _let_go(process: subprocess.Popen[bytes]) -> None:
    """Leave no zombie and no warning behind, and let the worker live."""
    if os.name == "posix":
        with contextlib.suppress(OSError):
            process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(1)
    elif process.poll() is None:
        # There it is the worker itself, and meant to live on; Popen would warn of it when it is forgotten.
        process.returncode = 0


def _ready_line(said: str) -> Optional[Dict[str, Any]]:
    """The first whole line that is a JSON object with `ready`: libraries may have said something before it."""
    for line in said.splitlines(keepends=True):
        if not line.startswith("{") or not line.endswith("\n"):
            continue
        with contextlib.suppress(ValueError, RecursionError):
            found = json.loads(line)
            if isinstance(found, dict) and isinstance(found.get("ready"), bool):
                return found
    return None


def _remove_stale(folder: Path) -> None:
    """Remove what starts long ago left; a clock that jumped does no harm, since living starts need it not."""
    with contextlib.suppress(OSError):
        for path in folder.glob(f"{_PREFIX}*{_SUFFIX}"):
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > _STALE_SECONDS:
                    path.unlink()
