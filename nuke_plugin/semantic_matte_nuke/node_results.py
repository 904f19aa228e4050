"""What a node shows: its result and its instances, changed here and nowhere else, a step of undo each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import nuke
from semantic_matte_client.nodes import instance_table
from semantic_matte_client.nodes.instance_table import Row

from . import group_plan, host, instance_knobs, layer_names, node_building, node_knobs, stored_values
from .stored_values import ShownResults, StoredValueError


def shown_results(node: nuke.Group) -> ShownResults | None:
    """The result that the node shows, None before the first. Raises StoredValueError where it is damaged."""
    return node_knobs.stored_results(node)


def rows(node: nuke.Group) -> tuple[Row, ...]:
    """The node's instances; the socket of each is its layer in the stream. Raises StoredValueError."""
    return node_knobs.stored_rows(node)


def apply_results(node: nuke.Group, shown: ShownResults, name: str) -> None:
    """Show a new result. name: of the step of undo.

    Instances that it has again keep their titles, layers and switches. One that it lacks stays, and gives
    nothing, where the artist renamed, merged or chose it. Raises GroupPlanError, and changes nothing, where its
    folder can't be named in a Read.
    """
    # Raises before anything is touched: knobs of the list are no part of undo.
    group_plan.reads(shown)
    earlier = _rows_or_none(node)
    one = node_knobs.chosen(node, earlier) if node["output_alpha"].value() == "one" else ""
    kept = {row.key for row in earlier if _is_edited(row) or row.key == one}
    kept |= {row.into for row in earlier if row.into}
    renewed = instance_table.renewed(earlier, shown.slots, kept, instance_knobs.TITLES)
    with host.undo_group(name), host.own_changes():
        node_knobs.store(node, node_knobs.RESULTS, shown.as_json())
        _write_rows(node, renewed, one)


def set_rows(node: nuke.Group, changed: Sequence[Row], name: str) -> None:
    """Make these the node's instances. name: of the step of undo. A row whose socket is "" gets a layer."""
    one = node_knobs.chosen(node, rows(node))
    with host.undo_group(name), host.own_changes():
        _write_rows(node, changed, one)


def refresh_panel(node: nuke.Group) -> None:
    """Make the list say what is stored: after an undo it may be older."""
    with host.kept_modified_flag(), host.without_undo(), host.own_changes():
        node_knobs.sync_rows(node, rows(node))


def _write_rows(node: nuke.Group, changed: Sequence[Row], one: str) -> None:
    """Store rows, with a layer for each, and rebuild list and inside. one: key of the chosen instance."""
    titled = instance_table.with_unique_titles(changed, instance_knobs.TITLES)
    final = _with_layers(node, titled)
    node_knobs.store(node, node_knobs.ROWS, stored_values.rows_json(final))
    node_knobs.sync_rows(node, final)
    node_knobs.set_chosen(node, final, one)
    node_building.rebuild(node)


def _with_layers(node: nuke.Group, changed: Sequence[Row]) -> tuple[Row, ...]:
    """The rows, those without a layer with one that neither another row nor the plate has."""
    if all(row.socket for row in changed):
        return tuple(changed)
    taken = {row.socket for row in changed if row.socket} | set(host.views())
    source = node.input(0)
    if source is not None:
        taken |= layer_names.layers_in(node_building.channels_of(source))
    final = []
    for row in changed:
        layer = row.socket or layer_names.layer_of(row.title, row.slot, taken)
        taken.add(layer)
        final.append(replace(row, socket=layer))
    return tuple(final)


def _rows_or_none(node: nuke.Group) -> tuple[Row, ...]:
    """The rows; none where they are damaged, which is told: a new result brings its own."""
    try:
        return rows(node)
    except StoredValueError as reason:
        host.say(f"{node.fullName()}: {reason}")
        return ()


def _is_edited(row: Row) -> bool:
    """Whether an artist gave it a title or merged it."""
    return bool(row.into) or row.title != instance_table.default_title(row.slot)
