"""Bake to Plain Nodes: what a node's group holds, as plain nodes in the artist's own tree."""

from __future__ import annotations

import bpy

from semantic_matte_client.nodes import instance_table

from . import group_sockets, matte_images, matte_nodes, node_groups
from .group_nodes import fed_by
from .node_lookup import node_to_use

_LEFT = 700.0
_UNDO = {"REGISTER", "UNDO"}


class BakeError(Exception):
    """A node can't be baked; its text is a sentence that says what to do."""


def bake(tree: bpy.types.NodeTree, node: bpy.types.Node) -> bpy.types.Node:
    """Put plain nodes in the place of a node of ours, framed; returns the frame. Links and pixels stay.

    Raises BakeError with a sentence, and changes nothing, where that can't be.
    """
    refusal = _refusal(tree, node)
    if refusal:
        raise BakeError(refusal)
    group, settings = node.node_tree, node_groups.settings_of(node)
    rows = node_groups.rows_of(group)
    targets = {socket.identifier: [link.to_socket for link in socket.links] for socket in node.outputs}
    made: list[bpy.types.Node] = []
    origin = (node.location[0] - _LEFT, node.location[1])
    slots, cryptomatte = _images(tree, group, origin, made)
    feeds = instance_table.feeds(rows)
    built = matte_nodes.build(
        tree,
        matte_nodes.Sources(_plate(tree, node, made), slots, cryptomatte, (origin[0] + 300.0, origin[1])),
        feeds,
        settings.show,
        bool(settings.results_stem),
        [row.key for row in rows],
    )
    sockets = fed_by(group, feeds, built)
    for identifier, takers in targets.items():
        for taker in takers:
            if sockets.get(identifier) is not None:
                tree.links.new(sockets[identifier], taker)
    title = node.label or node.name
    tree.nodes.remove(node)
    # Not by its users: 4.2 counts too many after a capture.
    if not group_sockets.nodes_of(group) and not group.use_fake_user and group.library is None:
        bpy.data.node_groups.remove(group)
    return _framed(tree, [*made, *_needed(tree, built.nodes)], title)


def _refusal(tree: bpy.types.NodeTree, node: bpy.types.Node) -> str:
    """Why the node can't be baked; "" if it can."""
    if tree.library is not None or getattr(tree.id_data, "library", None) is not None:
        return f"'{node.name}' is in a file that is linked here: bake it in that file."
    if node.mute:
        return f"'{node.name}' is muted: unmute it first, as plain nodes have no one switch for all."
    mattes, cryptomatte = node_groups.image_nodes(node.node_tree)
    for one in (mattes, cryptomatte):
        if one is not None and not matte_images.is_there(one.image):
            where = one.image.filepath if one.image else "no image"
            return f"The mattes of '{node.name}' are gone ('{where}'): compute again, or bring the file back."
    return ""


def _images(
    tree: bpy.types.NodeTree, group: bpy.types.NodeTree, origin: tuple[float, float], made: list[bpy.types.Node]
) -> tuple[dict[str, bpy.types.NodeSocket], bpy.types.NodeSocket | None]:
    """Image nodes as the group has them: the alpha of each slot, and the Cryptomatte if there is a result."""
    mattes, cryptomatte = (
        _image_node(tree, one, (origin[0], origin[1] - 300.0 * row), made) if one else None
        for row, one in enumerate(node_groups.image_nodes(group))
    )
    _plate_socket, slots = node_groups.sources(group)
    there = {socket.name: socket for socket in mattes.outputs} if mattes else {}
    return {slot: there[slot] for slot in slots}, cryptomatte.outputs[0] if cryptomatte else None


def _image_node(
    tree: bpy.types.NodeTree, like: bpy.types.Node, location: tuple[float, float], made: list[bpy.types.Node]
) -> bpy.types.Node:
    """An Image node of the same image at the same frames."""
    node = tree.nodes.new("CompositorNodeImage")
    node.image, node.label, node.location = like.image, like.label, location
    matte_images.copy_frames(like, node)
    made.append(node)
    return node


def _plate(tree: bpy.types.NodeTree, node: bpy.types.Node, made: list[bpy.types.Node]) -> bpy.types.NodeSocket:
    """What flows into the node; where nothing is linked, the colour of its socket."""
    socket = node_groups.plate_input(node)
    if socket.is_linked:
        return socket.links[0].from_socket
    colour = tree.nodes.new("CompositorNodeRGB")
    colour.outputs[0].default_value = socket.default_value
    colour.location = node.location[0] - _LEFT, node.location[1] + 300.0
    made.append(colour)
    return colour.outputs[0]


def _needed(tree: bpy.types.NodeTree, nodes: tuple[bpy.types.Node, ...]) -> list[bpy.types.Node]:
    """The nodes that lead somewhere; others are removed, the last first."""
    needed = []
    for node in reversed(nodes):
        if any(socket.is_linked for socket in node.outputs):
            needed.append(node)
        else:
            tree.nodes.remove(node)
    return needed[::-1]


def _framed(tree: bpy.types.NodeTree, nodes: list[bpy.types.Node], title: str) -> bpy.types.Node:
    """The nodes in a frame, with names such as Blender gives."""
    frame = tree.nodes.new("NodeFrame")
    frame.label = title
    for node in nodes:
        node.parent = frame
        node.name = node.label or node.bl_label
        node.select = False
    return frame


class BakeNode(bpy.types.Operator):
    """Put plain nodes in the place of this node. They show the same mattes, and can't be computed again"""

    bl_idname = "semantic_matte.bake"
    bl_label = "Bake to Plain Nodes"
    bl_options = _UNDO

    node: bpy.props.StringProperty(name="Node", description="Its name; empty: the active one")

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Bake it; reports a sentence as an error where that can't be."""
        try:
            node = node_to_use(context, self.node)
            bake(node.id_data, node)
        except (LookupError, BakeError) as reason:
            self.report({"ERROR"}, str(reason))
            return {"CANCELLED"}
        return {"FINISHED"}


def register() -> None:
    """Make the operator known."""
    bpy.utils.register_class(BakeNode)


def unregister() -> None:
    """Take it back."""
    bpy.utils.unregister_class(BakeNode)
