"""`semantic-matte worker start | stop | status | logs`: the process that serves hosts, seen from a shell."""

from __future__ import annotations

from collections import deque
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from semantic_matte.cli_options import Device, Json
from semantic_matte.console import BarProgress, JsonProgress, run_work, write_json_line

if TYPE_CHECKING:
    from semantic_matte_client.client import Client

worker_app = typer.Typer(
    no_args_is_help=True,
    help="The process that keeps models warm and serves Nuke, Blender, consoles and shells.",
)

NOT_RUNNING = "No worker is running."
Lines = Annotated[int, typer.Option("--lines", "-n", min=1, max=100_000, help="How many lines to show.")]
WhenIdle = Annotated[bool, typer.Option("--when-idle", help="Finish running and waiting jobs first.")]


@worker_app.command()
def start(device: Device = None, as_json: Json = False) -> None:
    """Start the worker, unless it runs already. Hosts do this by themselves."""

    def work(_progress: BarProgress | JsonProgress) -> list[str]:
        """Start it and tell how it is."""
        with _client(device) as client:
            before = client.status()
            found = before or client.start()
        return _tell({"event": "worker", "started": before is None, **_plain(found)}, _rows(found), as_json)

    run_work(work, as_json)


@worker_app.command()
def stop(device: Device = None, when_idle: WhenIdle = False, as_json: Json = False) -> None:
    """End the worker. Running jobs are cancelled; finished files stay."""

    def work(_progress: BarProgress | JsonProgress) -> list[str]:
        """Ask it to end and wait for that."""
        with _client(device) as client:
            stopped = client.stop("idle" if when_idle else "now")
        sentence = "The worker is ended." if stopped else NOT_RUNNING
        return _tell({"event": "worker", "stopped": stopped}, [sentence], as_json)

    run_work(work, as_json)


@worker_app.command()
def status(device: Device = None, as_json: Json = False) -> None:
    """Tell whether the worker runs, on what, and which jobs it has. Exit code 1 if it doesn't run."""

    running = True

    def work(_progress: BarProgress | JsonProgress) -> list[str]:
        """Ask, and never start one."""
        nonlocal running
        with _client(device) as client:
            found = client.status()
        running = found is not None
        if found is None:
            return _tell({"event": "worker", "running": False}, [NOT_RUNNING], as_json)
        return _tell({"event": "worker", "running": True, **_plain(found)}, _rows(found), as_json)

    run_work(work, as_json)
    if not running:
        raise typer.Exit(1)


@worker_app.command()
def logs(lines: Lines = 50, device: Device = None) -> None:
    """Print the end of the worker's log, and where it lies."""

    def work(_progress: BarProgress | JsonProgress) -> list[str]:
        """Read the log, if there is one."""
        from semantic_matte.worker.shell import log_file

        log = log_file(device or "auto")
        if not log.is_file():
            return [f"There is no log yet at {log}."]
        with log.open(encoding="utf-8", errors="replace") as stream:
            return [*(line.rstrip("\n") for line in deque(stream, lines)), str(log)]

    run_work(work, False)


def _client(device: str | None) -> AbstractContextManager[Client]:
    """A client of the worker that serves a device, of this very Python."""
    from semantic_matte.worker.shell import shell_client

    return shell_client(device or "auto")


def _plain(found: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if name != "type"}


def _rows(found: dict[str, Any]) -> list[str]:
    """A status for people."""
    minutes, seconds = divmod(round(found["seconds"]), 60)
    engine = {"none": "not loaded", "starting": "loading", "idle": "loaded, idle", "busy": "busy"}
    lines = [
        f"Worker {found['pid']} of Semantic Matte {found['version']}, for {minutes} min {seconds} s",
        f"  serves    {found['slot']}, {found['clients']} clients, {found['finished']} jobs finished",
        f"  engine    {engine[found['engine']]}",
        f"  device    {found['device'] or 'not chosen before the first job'}",
        f"  Python    {found['python']}",
        f"  log       {found['log']}",
    ]
    jobs = (f"{job['task']} of {job['client']}: {job['state']}, {job['fraction']:.0%}" for job in found["jobs"])
    return [*lines, *(f"  job       {job}" for job in jobs)]


def _tell(record: dict[str, Any], lines: list[str], as_json: bool) -> list[str]:
    """The lines to print, or none after the record was written."""
    if not as_json:
        return lines
    write_json_line(record)
    return []
