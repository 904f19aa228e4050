"""The doctor from a shell: `semantic-matte doctor`. Exit code 1 if anything is an error."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from semantic_matte.cli_options import Json
from semantic_matte.console import BarProgress, JsonProgress, run_work

if TYPE_CHECKING:
    from semantic_matte.doctor import Finding

_COLOURS = {"ok": "green", "warning": "yellow", "error": "red"}


def doctor(
    as_json: Json = False,
    bundle: Annotated[
        Optional[Path], typer.Option(metavar="FILE.zip", help="Also write a file for a bug report.")
    ] = None,
    trial: Annotated[
        bool, typer.Option("--trial/--no-trial", help="Start a worker of its own and matte a tiny plate.")
    ] = True,
) -> None:
    """Check what runs where: Python, torch, device, memory, models, colours, folders, hosts, the worker."""
    rows: list[Finding] = []

    def examine(_progress: BarProgress | JsonProgress) -> None:
        """Load what examines only now."""
        from semantic_matte import doctor as doctor_package

        rows.extend(doctor_package.examine())
        if trial:
            rows.extend(doctor_package.try_worker())

    def pack(_progress: BarProgress | JsonProgress) -> list[str]:
        """Write the file, and say what is in it unless JSON is all that is wanted."""
        from semantic_matte.doctor.bundle import write_bundle

        assert bundle is not None
        members = write_bundle(bundle, rows)
        if as_json:
            return []
        return [
            f"{bundle}: {', '.join(members)}",
            "Names of people, machines, folders and plates were taken out. Read it before you send it.",
        ]

    run_work(examine, as_json)
    if as_json:
        typer.echo(json.dumps([row.as_dict() for row in rows], indent=2))
    else:
        _print(rows)
    if bundle is not None:
        run_work(pack, as_json)
    if any(row.status == "error" for row in rows):
        raise typer.Exit(1)


def _print(rows: Sequence[Finding]) -> None:
    """A table for people."""
    table = Table(box=None, show_header=False, pad_edge=False)
    for whole in (True, True, False):
        # Nothing is cut off: paths are to be copied.
        table.add_column(no_wrap=whole, overflow="fold")
    for row in rows:
        # Brackets are the text's own: semantic-matte[onnx].
        table.add_row(f"[{_COLOURS[row.status]}]{row.status}[/]", escape(row.what), escape(row.found))
    Console().print(table, highlight=False)
