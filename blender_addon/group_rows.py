"""The instances of a group as plain rows, and back; and settings that are changed together."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import fields

import bpy

from semantic_matte_client.nodes.instance_table import Row

_ROW_FIELDS = tuple(field.name for field in fields(Row))
_held = 0


@contextlib.contextmanager
def updates_held() -> Iterator[None]:
    """Change several settings without rebuilding the group at each; rebuild it once afterwards."""
    global _held
    _held += 1
    try:
        yield
    finally:
        _held -= 1


def are_updates_held() -> bool:
    """Whether settings are being changed that are to be acted on later, all at once."""
    return _held > 0


def rows_of(group: bpy.types.NodeTree) -> tuple[Row, ...]:
    """The group's instances as plain rows."""
    return tuple(
        Row(**{name: getattr(row, name) for name in _ROW_FIELDS}) for row in group.semantic_matte.instances
    )


def write_rows(group: bpy.types.NodeTree, rows: Sequence[Row]) -> None:
    """Make the group's instances these rows."""
    settings = group.semantic_matte
    active = settings.active_instance
    with updates_held():
        while len(settings.instances) > len(rows):
            settings.instances.remove(len(settings.instances) - 1)
        while len(settings.instances) < len(rows):
            settings.instances.add()
        for item, row in zip(settings.instances, rows, strict=True):
            # The collection is also asked by key.
            item.name = row.key
            for name in _ROW_FIELDS:
                if getattr(item, name) != getattr(row, name):
                    setattr(item, name, getattr(row, name))
        settings.active_instance = max(0, min(active, len(rows) - 1))
