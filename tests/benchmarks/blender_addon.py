"""What the add-on costs an artist in a real Blender, by parts.

    python tests/benchmarks/blender_addon.py PART... --blender PYTHON [--repeat 5]

PYTHON is one that has bpy. Each part is a script in blender_addon_parts/ that runs in processes of that Python:

enable    ticking the add-on in the preferences, in a new Blender: the first time ever, when Python compiles its
          files, and later.
redraw    the Python part of drawing the panel with 64 instances.
overhead  what is around the engine's work for an HD frame: capture and reload.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from report import add_json_option, print_table, write_json

PARTS = Path(__file__).parent / "blender_addon_parts"
SECONDS = 600
# Bars of the project, in milliseconds: of the row "all" of a part's table.
BARS = {"enable": 100.0, "redraw": 2.0, "overhead": 1500.0}

Rows = list[dict[str, Any]]


def run_part(python: str, part: str, folder: Path) -> Rows:
    """One process of one part; its bytecode lies in the folder. Returns its rows, as the part wrote them."""
    answer, resources = folder / "answer.json", folder / "resources"
    answer.unlink(missing_ok=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [
            python,
            "-E",
            "-s",
            "-X",
            f"pycache_prefix={folder / 'bytecode'}",
            str(PARTS / f"{part}.py"),
            str(answer),
        ],
        env={**environment, "BLENDER_USER_RESOURCES": str(resources), "SEMANTIC_MATTE_PYTHON": sys.executable},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    if done.returncode != 0 or not answer.is_file():
        sys.exit(f"{part}.py ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return json.loads(answer.read_text(encoding="utf-8"))


def medians(runs: list[Rows]) -> Rows:
    """The rows of several processes as one: the median of each, and the worst."""
    rows = []
    for same in zip(*runs, strict=True):
        times = [row["ms"] for row in same]
        rows.append({"what": same[0]["what"], "median ms": statistics.median(times), "worst ms": max(times)})
    return rows


def verdict(part: str, rows: Rows) -> None:
    """One line for the part's bar."""
    value = next(row["median ms"] for row in rows if row["what"] == "all")
    kept = "kept" if value < BARS[part] else "MISSED"
    print(f"Bar: {part} below {BARS[part]:g} ms; {kept} with {value:.2f}.")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    there = sorted(path.stem for path in PARTS.glob("*.py") if path.stem in BARS)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(there)}; all by default")
    parser.add_argument("--blender", required=True, metavar="PYTHON", help="a Python that has bpy")
    parser.add_argument("--repeat", type=int, default=5, help="processes of each part")
    add_json_option(parser)
    options = parser.parse_args()
    options.parts = options.parts or there
    if set(options.parts) - set(there):
        parser.error(f"parts are {', '.join(there)}")
    return options


def main() -> None:
    options = arguments()
    figures = {}
    for part in options.parts:
        with tempfile.TemporaryDirectory(prefix="sm-") as scratch:
            runs = [run_part(options.blender, part, Path(scratch)) for _ in range(options.repeat + 1)]
        # The first one compiles what the others find compiled.
        figures[f"{part}, first time"] = medians(runs[:1])
        figures[part] = medians(runs[1:])
        for title in (f"{part}, first time", part):
            print_table(title, figures[title])
        verdict(part, figures[part])
    write_json(options.json, figures)


if __name__ == "__main__":
    main()
