"""What a group's tree holds: images, a reroute for each layer, and the nodes between these and the outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from semantic_matte_client.nodes.instance_table import Feeds

from . import compat, group_sockets, matte_images, matte_nodes
from .group_rows import rows_of

if TYPE_CHECKING:
    from semantic_matte_client.nodes.result_records import Results

_MATTES, _CRYPTOMATTE, _INPUT, _OUTPUT, _SLOT = "sm.mattes", "sm.cryptomatte", "sm.in", "sm.out", "sm.slot."


def image_nodes(group: bpy.types.NodeTree) -> tuple[bpy.types.Node | None, bpy.types.Node | None]:
    """The Image nodes of the mattes and of the Cryptomatte; None before the first result."""
    return group.nodes.get(_MATTES), group.nodes.get(_CRYPTOMATTE)


def sources(group: bpy.types.NodeTree) -> tuple[bpy.types.NodeSocket, dict[str, bpy.types.NodeSocket]]:
    """Where the group's own nodes begin: its plate, and the alpha of each slot."""
    plate = group_sockets.socket_of(group.nodes[_INPUT].outputs, group.semantic_matte.socket_plate)
    slots = {
        node.name.removeprefix(_SLOT): node.outputs[0] for node in group.nodes if node.name.startswith(_SLOT)
    }
    return plate, slots


def show_images(
    group: bpy.types.NodeTree, mattes: bpy.types.Image, cryptomatte: bpy.types.Image, results: Results
) -> None:
    """Put new images into the group; a reroute for each layer keeps its link where a file is gone."""
    old = [node.image for node in image_nodes(group) if node is not None]
    for node in [node for node in group.nodes if node.name.startswith((_MATTES, _CRYPTOMATTE, _SLOT))]:
        group.nodes.remove(node)
    for row, (name, image) in enumerate(((_MATTES, mattes), (_CRYPTOMATTE, cryptomatte))):
        node = group.nodes.new("CompositorNodeImage")
        node.name, node.label = name, name.removeprefix("sm.").capitalize()
        node.image = image
        node.location = -600.0, -300.0 * row
        matte_images.set_frames(node, results)
    slots = {slot.slot for slot in results.slots}
    for row, socket in enumerate(socket for socket in group.nodes[_MATTES].outputs if socket.name in slots):
        reroute = group.nodes.new("NodeReroute")
        reroute.name, reroute.label = f"{_SLOT}{socket.name}", socket.name
        reroute.location = -300.0, -40.0 * row
        group.links.new(socket, reroute.inputs[0])
    for image in old:
        matte_images.drop(image)
    # Named last: while the old ones were there theirs were taken.
    mattes.name, cryptomatte.name = f"{group.name} mattes", f"{group.name} Cryptomatte"


def renew_nodes(group: bpy.types.NodeTree, feeds: Feeds) -> None:
    """Make the nodes between the images and the outputs anew."""
    settings = group.semantic_matte
    for node in _built_nodes(group):
        group.nodes.remove(node)
    ends = _ensure_ends(group)
    plate, slots = sources(group)
    _mattes, cryptomatte = image_nodes(group)
    built = matte_nodes.build(
        group,
        matte_nodes.Sources(plate, slots, cryptomatte.outputs[0] if cryptomatte else None, (-100.0, 0.0)),
        feeds,
        settings.show,
        bool(settings.results_stem),
        [row.key for row in rows_of(group)],
    )
    for identifier, source in fed_by(group, feeds, built).items():
        target = group_sockets.socket_of(ends.inputs, identifier)
        if source is not None and target is not None:
            group.links.new(source, target)


def fed_by(
    group: bpy.types.NodeTree, feeds: Feeds, built: matte_nodes.Built
) -> dict[str, bpy.types.NodeSocket | None]:
    """What feeds each of the group's outputs, by its identifier, of nodes that were built; None for nothing."""
    settings = group.semantic_matte
    return {
        settings.socket_image: built.image,
        settings.socket_all: built.all,
        settings.socket_cryptomatte: built.cryptomatte,
        **{row.socket: built.sums[feeds.targets[row.key]] for row in rows_of(group) if row.socket},
    }


def _built_nodes(group: bpy.types.NodeTree) -> list[bpy.types.Node]:
    """The nodes that were built, and those that a later Blender put behind them; an artist's own are not."""
    built = {node for node in group.nodes if node.name.startswith(matte_nodes.BUILT)}
    converted = {
        end
        for link in group.links
        for end, other in ((link.from_node, link.to_node), (link.to_node, link.from_node))
        if other in built and end.bl_idname in compat.ADDED_BY_CONVERSION
    }
    return list(built | converted)


def _ensure_ends(group: bpy.types.NodeTree) -> bpy.types.Node:
    """The group's input and output nodes, made where they are missing; returns that of the outputs."""
    for name, kind, x in ((_INPUT, "NodeGroupInput", -600.0), (_OUTPUT, "NodeGroupOutput", 700.0)):
        if group.nodes.get(name) is None:
            node = group.nodes.new(kind)
            node.name = name
            node.location = x, 200.0
    return group.nodes[_OUTPUT]
