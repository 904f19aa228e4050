"""Runs the checks, each in an empty script and a folder of its own, and writes what came of them."""

from __future__ import annotations

import json
import platform
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nuke

from . import (  # noqa: F401 - being imported is what lists their checks
    of_callbacks,
    of_finer_points,
    of_graph,
    of_knobs,
    of_pixels,
    of_plugin,
    of_reads,
    of_scripts,
    of_threads,
)
from .checking import Check, Row, all_checks, carried_out

USAGE = "Usage: nuke -t acceptance.py OUT.json [CHECK...], where OUT.json is a file to be written."


def main(arguments: Sequence[str], place: Path) -> int:
    """Run the kit with a command line's arguments; returns the exit code."""
    # Some versions hand on the script's own name, or numbers that they take for frames.
    given = [one for one in arguments if Path(one).name != "acceptance.py"]
    names = {one.name for one in all_checks()}
    unknown = sorted(set(given[1:]) - names)
    if not given or not given[0].endswith(".json") or unknown:
        if unknown:
            print(f"There is no check '{unknown[0]}'. There are {', '.join(sorted(names))}.", file=sys.stderr)
        print(USAGE, file=sys.stderr)
        return 2
    if str(place) not in nuke.pluginPath():
        # The plugin beside the kit is the one that is tried.
        nuke.pluginAddPath(str(place))
    rows = run_checks([one for one in all_checks() if not given[1:] or one.name in given[1:]])
    write(Path(given[0]), rows)
    return told(rows, given[0])


def run_in_window(out: str) -> int:
    """The same from the Script Editor of a Nuke with a window; refuses where a script is open."""
    if nuke.allNodes() or nuke.modified():
        nuke.tprint("Save and close the script first: the acceptance kit clears it.")
        return 2
    rows = run_checks(all_checks())
    write(Path(out), rows)
    return told(rows, out)


def run_checks(checks: Sequence[Check]) -> list[Row]:
    """Run them, each in an empty script; at the end nothing of them is left."""
    top = Path(tempfile.mkdtemp(prefix="sm-"))
    rows = []
    try:
        for number, one in enumerate(checks):
            why_not = unmet(one)
            if why_not:
                rows.append(Row(one.name, one.expected, f"skipped: {why_not}", None, 0.0))
                continue
            folder = top / str(number)
            folder.mkdir()
            nuke.scriptClear()
            rows.append(carried_out(one, folder))
            nuke.scriptClear()
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        shutil.rmtree(top, ignore_errors=True)
    return rows


def unmet(one: Check) -> str:
    """Why a check can't be run in this Nuke, "" if it can."""
    if one.needs == "window" and not nuke.GUI:
        return "needs a window"
    if one.needs == "terminal" and nuke.GUI:
        return "needs a Nuke without a window"
    return ""


def write(out: Path, rows: Sequence[Row]) -> None:
    """Write all rows as one JSON file, whole or not at all."""
    report: dict[str, Any] = {
        "kit": 1,
        "nuke": nuke.NUKE_VERSION_STRING,
        "window": bool(nuke.GUI),
        "python": platform.python_version(),
        "system": platform.platform(),
        "failed": [row.name for row in rows if row.ok is False],
        "skipped": [row.name for row in rows if row.ok is None],
        "checks": [row.as_json() for row in rows],
    }
    half = out.with_name(out.name + ".part")
    half.write_text(json.dumps(report, indent=1, ensure_ascii=False), encoding="utf-8")
    half.replace(out)


def told(rows: Sequence[Row], out: str) -> int:
    """Say on the console how it went; returns the exit code."""
    for row in rows:
        word = {True: "ok", False: "DIFFERS", None: "skipped"}[row.ok]
        nuke.tprint(f"{word:8} {row.name}: {row.seen.splitlines()[0] if row.seen else ''}")
    failed = [row for row in rows if row.ok is False]
    nuke.tprint(f"{len(rows) - len(failed)} of {len(rows)} as expected or skipped; see {out}.")
    return 1 if failed else 0
