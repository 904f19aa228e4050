"""Ctrl-C and SIGTERM end the process within a second, with nothing half written.

Standard library alone: it is at work before any library is imported.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
import time
from types import FrameType

from semantic_matte.outputs.atomic import discard_unfinished

# Exit code of a run that Ctrl-C ended.
INTERRUPTED = 128 + int(signal.SIGINT)
# How long an interrupted run may tidy up before it is ended hard. The user was promised a second.
GRACE_SECONDS = 0.7


def end_within_a_second() -> None:
    """Make Ctrl-C and SIGTERM end the process within a second, with nothing half written.

    The first signal raises KeyboardInterrupt in the main thread, which tidies up by itself. A library may be
    deep in native code and not hear it: a thread is woken by the signal too, waits a little, removes
    unfinished files and ends the process.
    """
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGTERM, _interrupt)

    def watch() -> None:
        """Wait for a signal, and end the process if it hasn't ended by itself after GRACE_SECONDS."""
        number = reader.recv(1)[0]
        time.sleep(GRACE_SECONDS)
        discard_unfinished()
        os._exit(128 + number)

    # Both ends are kept alive by the thread.
    threading.Thread(target=watch, daemon=True, name=f"interrupt-{writer.fileno()}").start()
    _kept.append(writer)


_kept: list[socket.socket] = []
_signal_seen: list[int] = []


def _interrupt(number: int, _: FrameType | None) -> None:
    _signal_seen.append(number)
    raise KeyboardInterrupt


def interrupted_exit_code() -> int:
    """130 after Ctrl-C, 143 after SIGTERM."""
    return 128 + _signal_seen[-1] if _signal_seen else INTERRUPTED


def end_interrupted() -> None:
    """End the process at once with `interrupted_exit_code`.

    Not by SystemExit: where the interrupt came while a library ran Python code of its own (PyRun_String, as in
    imports of torch), Python remembers it and in the end kills itself by SIGINT, whatever the exit code.
    """
    discard_unfinished()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    os._exit(interrupted_exit_code())
