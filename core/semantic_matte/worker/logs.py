"""The worker's log: one line an event, rotated, and never in the way of the work.

Lines are written by a thread of their own: a full or hanging disk costs lines, and nothing else.
"""

from __future__ import annotations

import contextlib
import logging
import logging.handlers
import os
import queue
import sys
import threading
from io import TextIOWrapper
from pathlib import Path
from types import TracebackType
from typing import Any

# Size of each file, and how many older ones are kept.
LARGEST_FILE = 1_000_000
OLDER_FILES = 2

# Lines that may wait for the disk.
_MOST_WAITING = 10_000
# Seconds that the last lines may take at the end.
_LAST_SECONDS = 1.0

log = logging.getLogger("semantic_matte.worker")


class WorkerLog:
    """Where `log` goes. path: of the file; None where it can't be written."""

    def __init__(self, path: Path) -> None:
        """Start writing to a file of mode 0600, in a folder of mode 0700 that is made if need be."""
        # What can't be written must not be told on standard error, which is the log itself.
        logging.raiseExceptions = False
        log.setLevel(logging.INFO)
        log.propagate = False
        self._file: _LogFile | None = None
        self.problem = ""
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = _LogFile(path)
        except OSError as reason:
            self.problem = f"'{path}' can't be written ({reason.strerror or reason})"
        self.path = path if self._file is not None else None
        self._waiting: queue.Queue[logging.LogRecord | None] = queue.Queue(_MOST_WAITING)
        self._thread = threading.Thread(target=self._write_all, name="log", daemon=True)
        log.handlers = [_Queueing(self._waiting) if self._file is not None else logging.NullHandler()]
        self._thread.start()

    def take_over_streams(self) -> None:
        """From now on, what anything in this process prints goes into the log's file, or nowhere."""
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        if self._file is not None:
            self._file.take_over_streams()
            return
        nothing = os.open(os.devnull, os.O_WRONLY)
        _point_streams_at(nothing)
        os.close(nothing)

    def close(self) -> None:
        """Write what waits, if the disk lets us soon."""
        with contextlib.suppress(queue.Full):
            self._waiting.put_nowait(None)
            self._thread.join(_LAST_SECONDS)

    def _write_all(self) -> None:
        while (record := self._waiting.get()) is not None:
            if self._file is not None:
                self._file.handle(record)


class _Queueing(logging.handlers.QueueHandler):
    """Hands lines over; drops them while as many wait as may."""

    def enqueue(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(queue.Full):
            self.queue.put_nowait(record)


class _LogFile(logging.handlers.RotatingFileHandler):
    """A rotating file that only its owner may read; the process's own streams follow it if they are told to."""

    def __init__(self, path: Path) -> None:
        self._has_streams = False
        super().__init__(
            path, maxBytes=LARGEST_FILE, backupCount=OLDER_FILES, encoding="utf-8", errors="replace"
        )
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))

    def take_over_streams(self) -> None:
        self._has_streams = True
        if self.stream is not None:
            _point_streams_at(self.stream.fileno())

    def _open(self) -> TextIOWrapper[Any]:
        descriptor = os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        stream = os.fdopen(descriptor, "a", encoding=self.encoding, errors=self.errors)
        if self._has_streams:
            _point_streams_at(stream.fileno())
        return stream

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Lose the line: a log that can't be written must not end the worker."""


def log_unexpected() -> None:
    """From now on, an exception that nobody expected is logged with its traceback, in whatever thread."""

    def tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        """One of the main thread."""
        log.error("an exception that nobody expected", exc_info=(kind, error, trace))

    def tell_thread(unexpected: threading.ExceptHookArgs) -> None:
        """One of another thread."""
        error = unexpected.exc_value
        if error is not None:
            name = unexpected.thread.name if unexpected.thread is not None else "a thread"
            told = (unexpected.exc_type, error, unexpected.exc_traceback)
            log.error("an exception that nobody expected in %s", name, exc_info=told)

    sys.excepthook = tell
    threading.excepthook = tell_thread


def _point_streams_at(descriptor: int) -> None:
    for stream in (1, 2):
        os.dup2(descriptor, stream)
