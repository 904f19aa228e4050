"""Sockets of a group's interface: found by their identifiers, never made anew while they may be linked."""

from __future__ import annotations

from collections.abc import Iterator

import bpy


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


def remove_outputs(group: bpy.types.NodeTree, kept: set[str]) -> None:
    """Remove the outputs whose identifiers are not among those kept."""
    for identifier, item in items(group, "OUTPUT").items():
        if identifier not in kept:
            group.interface.remove(item)
