"""How the shell shows work, by a bar with stages and time left or by JSON lines, and how it ends."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable, Iterable
from typing import Any

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from semantic_matte import openjd_progress
from semantic_matte.errors import SemanticMatteError
from semantic_matte.interrupts import interrupted_exit_code
from semantic_matte.ports import ProgressEvent

NOTHING_HALF_WRITTEN = "Ended before it was done; nothing is half written."


class BarProgress:
    """A progress bar on a terminal; only the notices where standard error is none."""

    def __init__(self, of_bytes: bool = False) -> None:
        """of_bytes: what is counted is bytes, of which the amount and the speed are shown too."""
        self._console = Console(stderr=True)
        amounts: list[ProgressColumn] = [DownloadColumn(), TransferSpeedColumn()] if of_bytes else []
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            *amounts,
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task("starting", total=None)
        self._shot: TaskID | None = None
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
        if event.stage == "frames":
            self._advance_shot(event)
            return
        text = event.stage
        if event.pass_number:
            text += f" pass {event.pass_number}"
        if event.instance:
            text += f": {event.instance}"
        self._bar.update(self._task, description=text, completed=event.done, total=event.total)

    def _advance_shot(self, event: ProgressEvent) -> None:
        """Show how far the whole shot is, in a bar of its own."""
        text = f"frame {event.done} of {event.total}"
        if event.rate:
            text += f", {event.rate:.1f} a minute"
        if self._shot is None:
            self._shot = self._bar.add_task(text, total=event.total)
        self._bar.update(self._shot, description=text, completed=event.done, total=event.total)

    def notice(self, message: str) -> None:
        """Print a sentence once, above the bar."""
        if message not in self._notices:
            self._notices.add(message)
            self._console.print(message, style="yellow", highlight=False, markup=False, soft_wrap=True)


class JsonProgress:
    """JSON lines on standard output, one event a line; in a task of an OpenJD farm its lines too."""

    def __init__(self) -> None:
        self._farm = openjd_progress.OpenJDProgress() if openjd_progress.is_wanted() else None

    def __enter__(self) -> JsonProgress:
        return self

    def __exit__(self, *_: object) -> None:
        sys.stdout.flush()

    def advance(self, event: ProgressEvent) -> None:
        """Write a progress event."""
        if self._farm:
            self._farm.advance(event)
        if event.total:
            write_json_line(
                {
                    "event": "progress",
                    "stage": event.stage,
                    "done": event.done,
                    "total": event.total,
                    "instance": event.instance,
                    "pass": event.pass_number,
                    **({"frames_a_minute": event.rate} if event.stage == "frames" else {}),
                }
            )

    def notice(self, message: str) -> None:
        """Write a notice event."""
        write_json_line({"event": "notice", "message": message})


def write_json_line(record: dict[str, Any]) -> None:
    """One JSON object on one line of standard output, flushed."""
    sys.stdout.write(json.dumps(record) + "\n")
    sys.stdout.flush()


def run_work(
    work: Callable[[BarProgress | JsonProgress], Iterable[str] | None],
    as_json: bool,
    *,
    of_bytes: bool = False,
    interrupted: str = NOTHING_HALF_WRITTEN,
) -> None:
    """Do the work with a progress display, and turn every end into a sentence and an exit code.

    What the work returns are lines for standard output; they are printed when the bar is out of their way.
    of_bytes: see `BarProgress`. interrupted: what is said after Ctrl-C. Raises typer.Exit unless all went well.
    """
    try:
        with JsonProgress() if as_json else BarProgress(of_bytes) as progress:
            lines = work(progress)
        for line in lines or ():
            typer.echo(line)
    except SemanticMatteError as error:
        _fail(str(error), error.exit_code, as_json)
    except KeyboardInterrupt:
        _fail(interrupted, interrupted_exit_code(), as_json)
    except BrokenPipeError:
        # Whoever read the output has gone (`| head`): typer ends quietly.
        raise
    except MemoryError:
        _fail("Out of memory: try fewer objects at once or a smaller plate.", 1, as_json)
    except Exception as error:
        traceback.print_exc()
        _fail(f"This is a bug, please report it: {type(error).__name__}: {error}", 1, as_json)


def _fail(message: str, code: int, as_json: bool) -> None:
    """Say why it ended, where the user or a farm looks for it, and end with this exit code."""
    if as_json:
        write_json_line({"event": "error", "message": message, "exit_code": code})
        if openjd_progress.is_wanted():
            openjd_progress.write_failure(message)
    else:
        Console(stderr=True).print(message, style="red", highlight=False, markup=False, soft_wrap=True)
    raise typer.Exit(code)
