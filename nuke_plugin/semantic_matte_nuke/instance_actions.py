"""What an artist does to instances: switch, rename, solo, merge, separate, reset. Each is one step of undo.

An instance is meant by its key, its title, its layer or its slot. Raises InstanceError with a sentence, and
changes nothing, where that can't be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import nuke
from semantic_matte_client.nodes import instance_table
from semantic_matte_client.nodes.instance_table import Row

from . import instance_knobs, node_results


class InstanceError(Exception):
    """An instance can't be changed; the text is a sentence that says what to do."""


def find_row(rows: Sequence[Row], name: str) -> Row:
    """The instance that is meant. Raises InstanceError with those there are."""
    for kind in ("key", "title", "socket", "slot"):
        for row in rows:
            if getattr(row, kind) == name:
                return row
    there = ", ".join(f"'{row.title}'" for row in rows)
    raise InstanceError(f"The node has no instance '{name}': it has {there or 'none, generate first'}.")


def enable(node: nuke.Group, name: str, enabled: bool = True) -> None:
    """Have an instance take part in the output alpha and give its layer, or not."""
    _change(node, name, "Enable" if enabled else "Disable", enabled=bool(enabled))


def solo(node: nuke.Group, name: str, on: bool = True) -> None:
    """Show soloed instances alone in output alpha and overlay; layers stay as they are."""
    _change(node, name, "Solo" if on else "End Solo of", solo=bool(on))


def rename(node: nuke.Group, name: str, title: str) -> None:
    """Give an instance a title, and its layer the name of it; where another has the title it gets a number."""
    rows = node_results.rows(node)
    row = find_row(rows, name)
    renamed = instance_table.with_title(rows, row.key, title, instance_knobs.TITLES)
    changed = [
        # A row without a layer gets one by its title.
        replace(one, socket="") if one.key == row.key and one.title != row.title else one
        for one in renamed
    ]
    node_results.set_rows(node, changed, f"Rename {row.title}")


def merge(node: nuke.Group, name: str, into: str) -> None:
    """Make an instance a part of another one, whose layer then gives both."""
    rows = node_results.rows(node)
    row, target = find_row(rows, name), find_row(rows, into)
    refusal = instance_table.merge_refusal(rows, row.key, target.key)
    if refusal:
        raise InstanceError(refusal)
    _change(node, row.key, "Merge", into=target.key)


def separate(node: nuke.Group, name: str) -> None:
    """Make an instance that was merged one of its own again."""
    row = find_row(node_results.rows(node), name)
    if not row.into:
        raise InstanceError(f"'{row.title}' is not merged into another instance.")
    _change(node, row.key, "Separate", into="")


def reset(node: nuke.Group) -> None:
    """Give all instances their own names, enabled and separate; those that the newest result lacks go."""
    rows = [
        replace(row, title=instance_table.default_title(row.slot), enabled=True, solo=False, into="", socket="")
        for row in node_results.rows(node)
        if row.present
    ]
    node_results.set_rows(node, rows, "Reset Instances")


def _change(node: nuke.Group, name: str, what: str, **fields: Any) -> None:
    """Set fields of one row."""
    rows = node_results.rows(node)
    row = find_row(rows, name)
    changed = [replace(one, **fields) if one.key == row.key else one for one in rows]
    if changed != list(rows):
        node_results.set_rows(node, changed, f"{what} {row.title}")
