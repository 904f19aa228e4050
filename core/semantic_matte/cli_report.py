"""The report from a shell: `semantic-matte report DIR [-o report.html]`.

Exit codes as of `cli`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from semantic_matte.cli_options import Json
from semantic_matte.console import BarProgress, JsonProgress, run_work, write_json_line


def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of results, as 'matte' wrote them.")],
    out: Annotated[
        Optional[Path], typer.Option("-o", "--out", help="Page to write. (default: DIR/report.html)")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write one HTML page about a folder's results: frames to look at first, contact sheets, plots,
    settings."""

    def work(progress: BarProgress | JsonProgress) -> list[str]:
        """Look through the folder and tell which frames need a look."""
        from semantic_matte.reports.writing import write_report

        written = write_report(folder, out or folder / "report.html", progress)
        if as_json:
            write_json_line({"event": "result", **written.told()})
            return []
        lines = [
            " ".join(part for part in (f"{one.where}:", one.frames, one.slot, f"{one.kind}.", one.said) if part)
            for one in written.found
        ]
        return [*lines, f"{written.place}"]

    run_work(work, as_json)
