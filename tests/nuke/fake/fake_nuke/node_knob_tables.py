"""Which knobs and inputs each class of node has, read from node_knobs.txt."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

# kind, name, default, items; the last two only where there are any.
Row = tuple[Any, ...]

OF_CLASS: dict[str, tuple[Row, ...]] = {}
OF_FILE_TYPE: dict[tuple[str, str], tuple[Row, ...]] = {}
# (fewest, most) of those that don't have one.
INPUTS: dict[str, tuple[int, int]] = {}
NO_OUTPUT = {"Output", "StickyNote", "BackdropNode", "Viewer", "CatFileCreator"}


def _row(line: str) -> Row:
    kind, name, *rest = (part.strip() for part in line.split("|"))
    row: list[Any] = [f"{kind}_Knob", name]
    if rest:
        row.append(ast.literal_eval(rest[0]))
    if len(rest) > 1:
        row.append(tuple(item.replace("\\c", ",") for item in rest[1].split(", ")) if rest[1] else ())
    return tuple(row)


def _read() -> dict[str, tuple[Row, ...]]:
    """Sections of the file that are no class of node."""
    others: dict[str, tuple[Row, ...]] = {}
    text = (Path(__file__).parent / "node_knobs.txt").read_text(encoding="utf-8")
    for block in text.split("\n[")[1:]:
        title, _, body = block.partition("]\n")
        rows = tuple(_row(line) for line in body.splitlines() if line.strip())
        name, *rest = title.split()
        if title in ("every node", "Root"):
            others[title] = rows
        elif rest[:1] == ["file_type"]:
            OF_FILE_TYPE[name, rest[1]] = rows
        else:
            OF_CLASS[name] = rows
            if rest[:1] == ["inputs"]:
                INPUTS[name] = int(rest[1]), int(rest[2])
    return others


_others = _read()
OF_ALL, OF_ROOT = _others["every node"], _others["Root"]
