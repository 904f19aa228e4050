"""Controls of the engine as rows for a node's knobs or properties, and their values as the engine's settings.

Everything comes from controls.json: a control that is added there gets its field in every host, its place in
the panel and its way into a job without a line in the hosts.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from semantic_matte_client.control_values import read_controls, split_names

# Where, how fast, what else: a change of these makes no matte stale.
NOT_OF_PIXELS = frozenset(
    (
        *("device", "batch", "reuse", "accept_licence", "missing_frames"),
        *("contact_sheet", "storage", "spread", "png", "foreground", "foreground_method", "foreground_space"),
    )
)


@dataclass(frozen=True)
class ControlRow:
    """One control, as controls.json has it.

    kind: names (a list, edited as a text with commas), string, choice, bool, int or float. minimum, maximum:
    None where there is none.
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

    @property
    def field_default(self) -> Any:
        """The default as a host's field holds it: a list as a text with commas."""
        return ", ".join(self.default) if self.kind == "names" else self.default


@cache
def control_rows() -> tuple[ControlRow, ...]:
    """Every control, in the order of controls.json."""
    return tuple(ControlRow(**{**row, "choices": tuple(row["choices"])}) for row in read_controls())


def grouped_rows(hidden: Collection[str] = ()) -> dict[str, tuple[ControlRow, ...]]:
    """The controls by their group, in order, but those that a host hides."""
    groups: dict[str, list[ControlRow]] = {}
    for row in control_rows():
        if row.name not in hidden:
            groups.setdefault(row.group, []).append(row)
    return {group: tuple(rows) for group, rows in groups.items()}


def settings_from(values: object, always: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a job, for the client's `**settings`, with the device.

    values: a mapping, or an object with one attribute a control. always: what the host's node itself needs,
    which is taken in place of what is there. Texts with commas become lists, numbers lose the noise of 32 bits
    (0.3499999940395355 is 0.35), so that the same settings have the same hash everywhere.
    """
    return {
        row.name: always[row.name] if row.name in always else _plain(row, _value(values, row.name))
        for row in control_rows()
    }


def settings_of_pixels(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the settings whose change makes mattes stale."""
    return {name: value for name, value in settings.items() if name not in NOT_OF_PIXELS}


def _value(values: object, name: str) -> Any:
    """A field's value, from a mapping or an object."""
    return values[name] if isinstance(values, Mapping) else getattr(values, name)


def _plain(row: ControlRow, value: Any) -> Any:
    """A field's value as the engine takes it."""
    if row.kind == "names":
        return split_names(value) if isinstance(value, str) else [str(one) for one in value]
    if row.kind == "bool":
        return bool(value)
    if row.kind == "int":
        return int(value)
    if row.kind == "float":
        return float(f"{value:.6g}")
    return str(value).strip() or row.default
