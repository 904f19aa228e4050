"""Which nodes lead to a socket: the walk that captures and descriptions share."""

from __future__ import annotations

from collections.abc import Iterator

import bpy

# Nodes that show or write what flows into them, and hand nothing on.
OUTPUT_KINDS = frozenset(
    {
        "CompositorNodeComposite",
        "CompositorNodeOutputFile",
        "CompositorNodeViewer",
        "CompositorNodeSplitViewer",
    }
)
RENDER_LAYERS = "CompositorNodeRLayers"


def source_of(socket: bpy.types.NodeSocket) -> bpy.types.NodeSocket | None:
    """The output that feeds an input, None where nothing does or the link is muted or part of a circle."""
    for link in socket.links:
        if link.is_valid and not link.is_muted:
            return link.from_socket
    return None


def leading_to(tree: bpy.types.NodeTree, outputs: list[bpy.types.NodeSocket]) -> list[bpy.types.Node]:
    """The nodes of a tree that these outputs of its nodes depend on, each once, nearest first.

    The two ends of a zone belong together. What is behind a group's socket is not looked into.
    """
    partners = _zone_partners(tree)
    found: dict[str, bpy.types.Node] = {}
    waiting = [socket.node for socket in outputs]
    while waiting:
        node = waiting.pop(0)
        if node.name in found:
            continue
        found[node.name] = node
        sources = (source_of(socket) for socket in node.inputs)
        waiting += [source.node for source in sources if source is not None]
        waiting += partners.get(node.name, [])
    return list(found.values())


def group_of(node: bpy.types.Node) -> bpy.types.NodeTree | None:
    """The tree of a group node, None for any other node and for an empty group."""
    return getattr(node, "node_tree", None)


def with_groups(nodes: list[bpy.types.Node]) -> Iterator[bpy.types.Node]:
    """The nodes, and those within their groups, at any depth; a group that is used twice comes once."""
    seen: set[bpy.types.NodeTree] = set()
    waiting = list(nodes)
    while waiting:
        node = waiting.pop(0)
        yield node
        group = group_of(node)
        if group is not None and group not in seen:
            seen.add(group)
            waiting += group.nodes


def scene_pointers(node: bpy.types.Node) -> list[str]:
    """The names of a node's properties that point at a scene."""
    return [
        one.identifier
        for one in node.bl_rna.properties
        if one.type == "POINTER" and one.fixed_type.identifier == "Scene" and not one.is_readonly
    ]


def _zone_partners(tree: bpy.types.NodeTree) -> dict[str, list[bpy.types.Node]]:
    """The name of a zone's output node -> its input node."""
    partners: dict[str, list[bpy.types.Node]] = {}
    for node in tree.nodes:
        other = getattr(node, "paired_output", None)
        if other is not None:
            partners.setdefault(other.name, []).append(node)
    return partners
