"""How the shell shows work: a bar with stages and time left, or JSON lines; and an end within a second."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
import threading
import time
from types import FrameType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from semantic_matte.outputs.atomic import discard_unfinished
from semantic_matte.ports import ProgressEvent

# Exit code of a run that Ctrl-C ended.
INTERRUPTED = 128 + int(signal.SIGINT)
# How long an interrupted run may tidy up before it is ended hard. The user was promised a second.
GRACE_SECONDS = 0.7


class BarProgress:
    """A progress bar on a terminal; only the notices where standard error is none."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task("starting", total=None)
        self._notices: set[str] = set()

    def __enter__(self) -> BarProgress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def advance(self, event: ProgressEvent) -> None:
        """Show a stage. A stage that doesn't know its length leaves the bar as it is."""
        if event.total == 0:
            return
        text = event.stage
        if event.pass_number:
            text += f" pass {event.pass_number}"
        if event.instance:
            text += f": {event.instance}"
        self._bar.update(self._task, description=text, completed=event.done, total=event.total)

    def notice(self, message: str) -> None:
        """Print a sentence once, above the bar."""
        if message not in self._notices:
            self._notices.add(message)
            self._console.print(message, style="yellow", highlight=False, markup=False, soft_wrap=True)


class JsonProgress:
    """JSON lines on standard output, one event a line."""

    def __enter__(self) -> JsonProgress:
        return self

    def __exit__(self, *_: object) -> None:
        sys.stdout.flush()

    def advance(self, event: ProgressEvent) -> None:
        """Write a progress event."""
        if event.total:
            write_json_line(
                {
                    "event": "progress",
                    "stage": event.stage,
                    "done": event.done,
                    "total": event.total,
                    "instance": event.instance,
                    "pass": event.pass_number,
                }
            )

    def notice(self, message: str) -> None:
        """Write a notice event."""
        write_json_line({"event": "notice", "message": message})


def write_json_line(record: dict[str, Any]) -> None:
    """One JSON object on one line of standard output, flushed."""
    sys.stdout.write(json.dumps(record) + "\n")
    sys.stdout.flush()


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
