"""The shell's way through the worker: the same jobs as in-process, their events shown by the shell's bar."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from semantic_matte.errors import WorkerError
from semantic_matte.ports import Progress, ProgressEvent
from semantic_matte.settings import Settings
from semantic_matte_client.client import Client
from semantic_matte_client.errors import ClientError
from semantic_matte_client.runtime import worker_files

# In how many steps a job's fraction moves the bar.
STEPS = 1000


@contextlib.contextmanager
def shell_client(device: str) -> Iterator[Client]:
    """A client of the worker for a device; one that it starts runs on this very Python.

    What goes wrong with it is a WorkerError with its sentence and exit code.
    """
    try:
        with Client(name="shell", python=sys.executable, device=device) as client:
            yield client
    except ClientError as error:
        raise WorkerError(str(error), error.exit_code) from error


def log_file(device: str) -> Path:
    """Where the log of the worker for a device lies, if it has written one. Raises WorkerError."""
    try:
        return worker_files(device).log
    except ClientError as error:
        raise WorkerError(str(error), error.exit_code) from error


def run_in_worker(
    task: str,
    plates: Sequence[Path],
    settings: Settings,
    progress: Progress,
    *,
    out: Path | None = None,
    hint: Path | None = None,
    trimap: Path | None = None,
    colour_space: str | None = None,
    frames: str | None = None,
    chunk: str | None = None,
) -> list[Mapping[str, Any]]:
    """Run a job in the worker, started if need be, and return its `frame` messages, or for track and collect
    its `shot` messages (see the protocol).

    task: matte, segment, refine, track or collect. Raises WorkerError with the sentence and exit code of
    whatever went wrong; KeyboardInterrupt cancels the job.
    """
    seen = _Shown(progress)
    with shell_client(settings.device) as client:
        job = client.submit(
            task,
            plates,
            out=out,
            hint=hint,
            trimap=trimap,
            colour_space=colour_space,
            frames=frames,
            chunk=chunk,
            settings=settings.model_dump(mode="json"),
        )
        job.wait(on_event=seen.show)
        return [*job.frames, *job.shots]


class _Shown:
    """A job's events on a Progress."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def show(self, event: Mapping[str, Any]) -> None:
        """Pass a message on, if it is one to be seen."""
        if event["type"] == "notice":
            self._progress.notice(event["message"])
        elif event["type"] == "progress" and event["stage"] == "frames":
            self._progress.advance(
                ProgressEvent(
                    "frames", event["frame"], event["frames"], event["plate"], rate=event["rate"] or 0.0
                )
            )
        elif event["type"] == "progress":
            done = round(event["fraction"] * STEPS)
            named = event["instance"] or event["plate"]
            self._progress.advance(ProgressEvent(event["stage"], done, STEPS, named, event["pass"]))
