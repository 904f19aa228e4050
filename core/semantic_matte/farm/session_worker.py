"""The worker of a farm host's session: it begins with the session, ends with it, and is nobody else's.

A session gets a runtime folder of its own. Two sessions on one host do not meet; an artist's worker on a
workstation that also renders is left alone; a worker that died, with an action's process group or otherwise, is
started again by the next task that needs one. The folder lies in the system's place for temporaries, whose path
is short: the session's own folder may be too deep for a socket (see `semantic_matte_client.runtime`).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from semantic_matte.errors import OutputError, SemanticMatteError
from semantic_matte.worker.shell import log_file, shell_client

RUNTIME_VARIABLE = "SEMANTIC_MATTE_RUNTIME"
PREFIX = "sm-farm-"
# Says that a folder is ours to remove.
_MARK = ".semantic-matte-farm"
# Lines of the worker's log that a session's log shows at its end.
SHOWN_LINES = 200


def start_session_worker(device: str) -> Path:
    """Make a runtime folder, start the worker for a device in it, and return the folder.

    This process's environment names it from then on. Raises OutputError, WorkerError; the folder is then gone.
    """
    folder = _new_folder()
    os.environ[RUNTIME_VARIABLE] = str(folder)
    try:
        with shell_client(device) as client:
            client.start()
    except BaseException:
        del os.environ[RUNTIME_VARIABLE]
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


def stop_session_worker(device: str) -> Iterator[str]:
    """End the session's worker and remove its folder; yields what happened and the end of its log, by lines.

    Never raises: a session's end must not fail a job whose work is done.
    """
    folder = _session_folder()
    if folder is None:
        yield "This session has no worker of its own; nothing is to be ended."
        return
    try:
        with shell_client(device) as client:
            stopped = client.stop()
        yield "The session's worker is ended." if stopped else "The session's worker had ended by itself."
    except SemanticMatteError as error:
        yield f"The session's worker could not be ended: {error}"
    with contextlib.suppress(OSError, SemanticMatteError), log_file(device).open(errors="replace") as log:
        yield from (f"  {line.rstrip()}" for line in deque(log, SHOWN_LINES))
    shutil.rmtree(folder, ignore_errors=True)


def _new_folder() -> Path:
    """A folder of mode 0700 with a short path. Raises OutputError."""
    # A farm's TMPDIR is often the session's folder, deep in another.
    base = "/tmp" if os.name == "posix" and os.access("/tmp", os.W_OK | os.X_OK) else None  # noqa: S108
    try:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))
        (folder / _MARK).touch()
    except OSError as reason:
        raise OutputError(
            f"A folder for the session's worker can't be made in '{base or tempfile.gettempdir()}' "
            f"({reason.strerror}): make room, or permit it."
        ) from None
    return folder


def _session_folder() -> Path | None:
    """The runtime folder that the environment names, if it is one that `start_session_worker` made."""
    named = os.environ.get(RUNTIME_VARIABLE, "")
    folder = Path(named)
    ours = bool(named) and folder.name.startswith(PREFIX) and (folder / _MARK).is_file()
    # A link to one is not removed: `rmtree` refuses links.
    return folder if ours else None
