"""Controls of the engine as Blender has them, in properties and panels: see the client's rows. No bpy."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from typing import Any

from semantic_matte_client.nodes import control_rows as shared

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
class ControlRow(shared.ControlRow):
    """One control, with what Blender shows of it."""

    @property
    def shown(self) -> bool:
        """Whether the panel has it."""
        return self.name not in HIDDEN

    @property
    def description(self) -> str:
        """The tooltip as Blender wants it: with its unit, and without the last full stop, which it adds."""
        text = self.tooltip.rstrip(". ")
        return f"{text} ({self.unit})" if self.unit else text


@cache
def control_rows() -> tuple[ControlRow, ...]:
    """Every control, in the order of controls.json."""
    return tuple(
        ControlRow(**{field.name: getattr(row, field.name) for field in fields(row)})
        for row in shared.control_rows()
    )


def grouped_rows() -> dict[str, tuple[shared.ControlRow, ...]]:
    """The controls that the panel shows, by their group, in order."""
    return shared.grouped_rows(HIDDEN)


def settings_from(values: object) -> dict[str, Any]:
    """The settings of a job with the device. values: a mapping, or an object with one attribute a control."""
    return shared.settings_from(values, ALWAYS)
