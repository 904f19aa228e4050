"""Sockets of a group's interface: found by their identifiers, never made anew while they may be linked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import bpy

from semantic_matte_client.nodes.instance_table import Feeds, TitleRule, with_unique_titles

from .group_rows import rows_of, updates_held, write_rows

# Settings that keep the identifiers of the group's own sockets: name, side, kind, what it says.
OWN_SOCKETS = {
    "socket_image": ("Image", "OUTPUT", "NodeSocketColor", "The plate, as chosen in Show"),
    "socket_all": ("All", "OUTPUT", "NodeSocketFloat", "All enabled instances together"),
    "socket_cryptomatte": ("Cryptomatte", "OUTPUT", "NodeSocketColor", "The first ranks of the Cryptomatte"),
    "socket_plate": ("Image", "INPUT", "NodeSocketColor", "The plate"),
    "socket_hint": ("Hint", "INPUT", "NodeSocketFloat", "A mask of what to matte, in place of finding it"),
}
# Sockets keep 63 bytes of UTF-8 of their name, and drop the rest.
TITLES = TitleRule(63, tuple(name for name, side, *_ in OWN_SOCKETS.values() if side == "OUTPUT"))


def all_trees() -> Iterator[bpy.types.NodeTree]:
    """Every compositor tree of the file: those that scenes own (up to 4.5), and all groups."""
    for scene in bpy.data.scenes:
        # Since 5.0 a scene's tree is one of the groups.
        if scene.bl_rna.properties.get("compositing_node_group") is None and scene.node_tree is not None:
            yield scene.node_tree
    for group in bpy.data.node_groups:
        if group.bl_idname == "CompositorNodeTree":
            yield group


def nodes_of(group: bpy.types.NodeTree) -> list[bpy.types.Node]:
    """Every node of the file that shows this group, in scenes and in other groups."""
    return [
        node
        for tree in all_trees()
        for node in tree.nodes
        if node.bl_idname == "CompositorNodeGroup" and node.node_tree == group
    ]


def linked_outputs(group: bpy.types.NodeTree) -> set[str]:
    """Identifiers of the outputs from which a link leads somewhere, in any node of the group."""
    return {socket.identifier for node in nodes_of(group) for socket in node.outputs if socket.is_linked}


def items(group: bpy.types.NodeTree, in_out: str) -> dict[str, bpy.types.NodeTreeInterfaceSocket]:
    """The interface's sockets of one side by their identifiers, in order."""
    return {
        item.identifier: item
        for item in group.interface.items_tree
        if item.item_type == "SOCKET" and item.in_out == in_out
    }


def socket_of(sockets: bpy.types.bpy_prop_collection, identifier: str) -> bpy.types.NodeSocket | None:
    """The socket of a node that has this identifier."""
    return next((socket for socket in sockets if socket.identifier == identifier), None)


def new_item(
    group: bpy.types.NodeTree, name: str, in_out: str, socket_type: str, description: str = ""
) -> bpy.types.NodeTreeInterfaceSocket:
    """A new socket of the interface, the last one of its side."""
    return group.interface.new_socket(name, description=description, in_out=in_out, socket_type=socket_type)


def new_float_output(group: bpy.types.NodeTree, name: str, before: str) -> str:
    """A new output of an alpha, above the output with the identifier `before`; returns its own identifier."""
    item = new_item(group, name, "OUTPUT", "NodeSocketFloat")
    item.min_value, item.max_value = 0.0, 1.0
    target = items(group, "OUTPUT").get(before)
    if target is not None:
        group.interface.move(item, target.position)
    return item.identifier


def ensure_own(group: bpy.types.NodeTree) -> None:
    """Make those of the group's own sockets that are missing, at first all of them."""
    settings = group.semantic_matte
    with updates_held():
        for setting, (name, in_out, kind, words) in OWN_SOCKETS.items():
            if getattr(settings, setting) not in items(group, in_out):
                item = new_item(group, name, in_out, kind, words)
                # Pictures are linked: a field for one value would only mislead.
                item.hide_value = in_out == "INPUT"
                setattr(settings, setting, item.identifier)


def remove_outputs(group: bpy.types.NodeTree, kept: set[str]) -> None:
    """Remove the outputs whose identifiers are not among those kept."""
    for identifier, item in items(group, "OUTPUT").items():
        if identifier not in kept:
            group.interface.remove(item)


def renew_sockets(group: bpy.types.NodeTree, feeds: Feeds) -> None:
    """Give each instance its output, and take away those that nothing needs any more."""
    settings = group.semantic_matte
    ensure_own(group)
    there, linked = set(items(group, "OUTPUT")), linked_outputs(group)
    rows = []
    for row in rows_of(group):
        goes = row.key in feeds.without_socket and row.socket not in linked
        identifier = row.socket if row.socket in there and not goes else ""
        if not identifier and not goes:
            identifier = new_float_output(group, row.title, settings.socket_cryptomatte)
        rows.append(replace(row, socket=identifier))
    write_rows(group, with_unique_titles(rows, TITLES))
    own = {getattr(settings, setting) for setting in OWN_SOCKETS}
    remove_outputs(group, own | {row.socket for row in rows})
    name_sockets(group)


def name_sockets(group: bpy.types.NodeTree) -> None:
    """Name the outputs of instances by their titles."""
    there = items(group, "OUTPUT")
    for row in rows_of(group):
        item = there.get(row.socket)
        if item is not None and item.name != row.title:
            item.name = row.title
