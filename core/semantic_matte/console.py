"""How the shell shows work: a bar with stages and time left, or JSON lines."""

from __future__ import annotations

import json
import sys
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from semantic_matte.ports import ProgressEvent


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
