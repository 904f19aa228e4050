"""How every benchmark reports: a table to read and a JSON file to compare."""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table


def add_json_option(parser: argparse.ArgumentParser) -> None:
    """The option that all benchmarks share."""
    parser.add_argument("--json", type=Path, metavar="PATH", help="also write the figures here")


def print_table(title: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """A table with a column for each key of the first row."""
    table = Table(title=title)
    for column in rows[0] if rows else []:
        table.add_column(column, justify="left" if isinstance(rows[0][column], str) else "right")
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    # A pipe or a log file has no width: the table then takes what it needs.
    console = Console()
    (console if console.is_terminal else Console(width=200)).print(table)


def write_json(path: Path | None, figures: Mapping[str, Any]) -> None:
    """The figures and the machine that they were taken on; nothing without a path."""
    if path is None:
        return
    machine = {
        "system": platform.platform(),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"machine": machine, **figures}, indent=2)
    path.write_text(text + "\n", encoding="utf-8")


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4f}" if abs(value) < 1 else f"{value:.3f}"
    return str(value)
