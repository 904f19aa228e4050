"""Controls of the engine as rows for properties and panels, and properties' values as the engine's settings.

Everything comes from the client's controls.json: a control that is added there gets its property, its place in
the panel and its way into a job without a line here. No bpy.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any

from .client_package import client

# What the node's images need: files of the plate's size, the first ranks of a Cryptomatte, no files that it
# doesn't read.
ALWAYS: dict[str, Any] = {"data_window": "plate", "cryptomatte": True, "png": False}
# Controls of how results lie on disk, which the node decides; a console can still set those not in ALWAYS.
HIDDEN = frozenset(
    [*ALWAYS, "spread", "contact_sheet", "foreground_method", "foreground_space", "storage", "reuse"]
)
# Words of the panel for groups of controls.json; a group that is new there is shown by its own name.
GROUP_LABELS = {"find": "Find", "edge": "Edges", "shot": "Shot", "output": "Output", "process": "Process"}


@dataclass(frozen=True)
class ControlRow:
    """One control, as controls.json has it.

    kind: names (a list, edited as a text with commas), string, choice, bool, int or float. minimum, maximum:
    None where there is none. shown: whether the panel has it.
    """

    name: str
    label: str
    group: str
    kind: str
    unit: str
    default: Any
    minimum: float | None
    maximum: float | None
    choices: tuple[str, ...]
    tooltip: str
    shown: bool

    @property
    def description(self) -> str:
        """The tooltip as Blender wants it: with its unit, and without the last full stop, which it adds."""
        text = self.tooltip.rstrip(". ")
        return f"{text} ({self.unit})" if self.unit else text

    @property
    def property_default(self) -> Any:
        """The default as a property holds it: a list as a text with commas."""
        return ", ".join(self.default) if self.kind == "names" else self.default


@cache
def control_rows() -> tuple[ControlRow, ...]:
    """Every control, in the order of controls.json. Raises what `client` raises where there is no client."""
    return tuple(
        ControlRow(
            **{**row, "choices": tuple(row["choices"])},
            shown=row["name"] not in HIDDEN,
        )
        for row in client().controls()
    )


def grouped_rows() -> dict[str, tuple[ControlRow, ...]]:
    """The controls that the panel shows, by their group, in order."""
    groups: dict[str, list[ControlRow]] = {}
    for row in control_rows():
        if row.shown:
            groups.setdefault(row.group, []).append(row)
    return {group: tuple(rows) for group, rows in groups.items()}


def settings_from(values: object) -> dict[str, Any]:
    """The settings of a job, for the client's `**settings`, with the device.

    values: a mapping, or an object with one attribute a control. Texts with commas become lists, numbers lose
    the noise of 32 bits (0.3499999940395355 is 0.35), so that the same settings have the same hash everywhere;
    what the node itself needs overrides what is there.
    """
    return {
        row.name: ALWAYS[row.name] if row.name in ALWAYS else _plain(row, _value(values, row.name))
        for row in control_rows()
    }


def _value(values: object, name: str) -> Any:
    return values[name] if isinstance(values, Mapping) else getattr(values, name)


def _plain(row: ControlRow, value: Any) -> Any:
    """A property's value as the engine takes it."""
    if row.kind == "names":
        return _control_values().split_names(value) if isinstance(value, str) else [str(one) for one in value]
    if row.kind == "bool":
        return bool(value)
    if row.kind == "int":
        return int(value)
    if row.kind == "float":
        return float(f"{value:.6g}")
    return str(value).strip() or row.default


def _control_values() -> ModuleType:
    """The client's reading of values: commas inside parentheses don't split."""
    return importlib.import_module(f"{client().__name__}.control_values")
