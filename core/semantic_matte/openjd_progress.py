"""Progress and failures as hosts of an OpenJD farm read them from a task's output, beside the JSON lines.

A line `openjd_progress: 42` moves the task's bar, `openjd_status: ...` says what it is at, `openjd_fail: ...`
why it failed ("How Jobs Are Run", Open Job Description 2023-09). A job's template asks for it by the variable
SEMANTIC_MATTE_PROGRESS=openjd of the environment.
"""

from __future__ import annotations

import os
import sys

from semantic_matte.ports import ProgressEvent

VARIABLE, VALUE = "SEMANTIC_MATTE_PROGRESS", "openjd"


def is_wanted() -> bool:
    """Whether this process is a task of an OpenJD session."""
    return os.environ.get(VARIABLE) == VALUE


class OpenJDProgress:
    """Progress events as OpenJD's lines on standard output, in whole percents and without repetitions."""

    def __init__(self) -> None:
        self._percent = -1
        self._status = ""

    def advance(self, event: ProgressEvent) -> None:
        """Tell the stage, and how far it is. A stage that doesn't know its length tells nothing."""
        if not event.total:
            return
        status = _one_line(f"{event.stage} {event.instance}")
        if status != self._status:
            self._status = status
            _write(f"openjd_status: {status}")
        percent = min(100, max(0, 100 * event.done // event.total))
        if percent != self._percent:
            self._percent = percent
            _write(f"openjd_progress: {percent}")


def write_failure(message: str) -> None:
    """Say why a task failed."""
    _write(f"openjd_fail: {_one_line(message)}")


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _write(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
