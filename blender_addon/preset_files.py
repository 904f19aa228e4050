"""Preset files: lines of Blender's own format, read as values and never run. No bpy.

    import bpy
    settings = bpy.context.active_node.node_tree.semantic_matte

    settings.passes = 4
    settings.find = 'person, dog'

Blender can run such a file too; here only lines of the third kind count.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping

from .control_rows import ControlRow

VARIABLE = "settings"
HEADER = f"import bpy\n\n{VARIABLE} = bpy.context.active_node.node_tree.semantic_matte\n\n"
# What belongs to a machine or to a person's consent, not to a way of working.
LEFT_OUT = frozenset(["device", "accept_licence"])

Value = bool | int | float | str


class PresetError(ValueError):
    """A file is no preset; its text is a sentence that says what to do."""


def preset_rows(rows: Iterable[ControlRow]) -> list[ControlRow]:
    """Of the controls those that a preset holds."""
    return [row for row in rows if row.shown and row.name not in LEFT_OUT]


def text_of(values: Mapping[str, Value]) -> str:
    """The file's text; floats without the noise of 32 bits."""
    plain = {
        name: float(f"{value:.6g}") if isinstance(value, float) else value for name, value in values.items()
    }
    return HEADER + "".join(f"{VARIABLE}.{name} = {value!r}\n" for name, value in plain.items())


def read(text: str, rows: Iterable[ControlRow]) -> tuple[dict[str, Value], list[str]]:
    """A file's values by control, and what was passed over, a sentence each.

    A control that is unknown, as in a preset of another version, or whose value can't be, is passed over.
    Raises PresetError for a text that is no Python or holds no control at all.
    """
    known = {row.name: row for row in preset_rows(rows)}
    values: dict[str, Value] = {}
    passed_over: list[str] = []
    for name, value in _assignments(text):
        row = known.get(name)
        if row is None:
            passed_over.append(f"'{name}' is no control of this version")
        elif not _fits(row, value):
            passed_over.append(f"'{name}' can't be {value!r}")
        else:
            values[name] = float(value) if row.kind == "float" else value
    if not values:
        raise PresetError(
            "The file holds no setting of Semantic Matte: choose another, or save a preset of this name anew."
        )
    return values, passed_over


def _assignments(text: str) -> list[tuple[str, object]]:
    """Name and value of each line `settings.NAME = literal`. Raises PresetError."""
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise PresetError(
            "The file is no preset of Blender's: choose another, or save a preset of this name anew."
        ) from None
    found = []
    for line in body:
        if not isinstance(line, ast.Assign) or len(line.targets) != 1:
            continue
        target = line.targets[0]
        if not (isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name)):
            continue
        if target.value.id != VARIABLE:
            continue
        try:
            found.append((target.attr, ast.literal_eval(line.value)))
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            found.append((target.attr, None))
    return found


def _fits(row: ControlRow, value: object) -> bool:
    """Whether a control can have this value."""
    if row.kind == "bool":
        return isinstance(value, bool)
    if row.kind in ("names", "string"):
        return isinstance(value, str)
    if row.kind == "choice":
        return value in row.choices
    number = isinstance(value, int if row.kind == "int" else (int, float)) and not isinstance(value, bool)
    if not number:
        return False
    lowest = row.minimum is None or value >= row.minimum
    return lowest and (row.maximum is None or value <= row.maximum)
