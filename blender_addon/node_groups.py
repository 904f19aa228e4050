"""The node: a native group that is made, filled with results and kept in order here.

Nothing of the add-on is needed to open or render a file that has it. The group's tree holds an Image node for
the layers and one for the Cryptomatte, a reroute for each layer, and nodes between these and its outputs.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING

import bpy

from semantic_matte_client.nodes import instance_table

from . import group_nodes, group_sockets, matte_images
from .group_nodes import image_nodes, sources
from .group_rows import are_updates_held, rows_of, updates_held, write_rows
from .node_finding import (
    all_nodes,
    find_node,
    hint_input,
    is_semantic_matte,
    node_by_identity,
    nodes_in,
    plate_input,
    settings_of,
)

if TYPE_CHECKING:
    from semantic_matte_client.nodes.result_records import Results

# All that other parts need of the node is named here, wherever it is written.
__all__ = [
    "add_node",
    "all_nodes",
    "apply_results",
    "find_node",
    "hint_input",
    "image_nodes",
    "is_semantic_matte",
    "node_by_identity",
    "nodes_in",
    "own_group",
    "plate_input",
    "rebuild",
    "retitle",
    "rows_of",
    "settings_of",
    "shown_results",
    "sources",
    "updates_held",
]

NAME = "Semantic Matte"
# How the group is made; another number where a later version makes it otherwise.
LAYOUT = 1


def add_node(tree: bpy.types.NodeTree, location: Sequence[float] = (0.0, 0.0)) -> bpy.types.Node:
    """A new node with a group of its own. Before anything is computed Image passes the plate, All is 0."""
    node = tree.nodes.new("CompositorNodeGroup")
    node.node_tree = _new_group()
    node.name = NAME
    node.location = location
    node.width = 200.0
    return node


def own_group(node: bpy.types.Node) -> bool:
    """Give the node a group and an identity that no other node has; returns whether that was needed.

    Results of other nodes stay as they are, and so do all links.
    """
    group = node.node_tree
    shared = len(group_sockets.nodes_of(group)) > 1
    identities = [
        other.semantic_matte.identity
        for other in group_sockets.all_trees()
        if other != group and other.semantic_matte.layout > 0
    ]
    if not shared and group.semantic_matte.identity not in identities:
        return False
    if shared:
        group = group.copy()
        node.node_tree = group
    group.semantic_matte.identity = uuid.uuid4().hex
    return True


def retitle(group: bpy.types.NodeTree, key: str, title: str) -> None:
    """Rename an instance and its socket; where another one has the title already, it gets a number."""
    if are_updates_held() or group.library is not None:
        return
    write_rows(group, instance_table.with_title(rows_of(group), key, title, group_sockets.TITLES))
    group_sockets.name_sockets(group)


def rebuild(group: bpy.types.NodeTree) -> None:
    """Make sockets and nodes what the settings say. Sockets that stay are never touched, links survive."""
    if are_updates_held() or group.library is not None or group.semantic_matte.layout == 0:
        return
    feeds = instance_table.feeds(rows_of(group))
    group_sockets.renew_sockets(group, feeds)
    group_nodes.renew_nodes(group, feeds)


def apply_results(group: bpy.types.NodeTree, results: Results) -> None:
    """Show a new result: its images, and its slots as instances with sockets.

    Instances that it has again keep title, switches and links; those that it lacks stay where they are linked
    and give 0. Raises RuntimeError with a sentence, and changes nothing, where its files can't be read.
    """
    first = results.frames[0]
    mattes = matte_images.new_image(results.mattes_file(first), results.hold)
    try:
        cryptomatte = matte_images.new_image(results.cryptomatte_file(first), results.hold)
    except RuntimeError:
        matte_images.drop(mattes)
        raise
    group_nodes.show_images(group, mattes, cryptomatte, results)
    settings = group.semantic_matte
    linked = group_sockets.linked_outputs(group)
    keys = {row.key for row in rows_of(group) if row.socket in linked}
    rows = instance_table.renewed(rows_of(group), results.slots, keys, group_sockets.TITLES)
    write_rows(group, rows)
    _note_results(settings, results)
    rebuild(group)


def shown_results(group: bpy.types.NodeTree) -> Results | None:
    """The result that the group shows, None before the first; its folder follows a file that is moved."""
    from semantic_matte_client.nodes.frame_spans import frames_of
    from semantic_matte_client.nodes.result_records import Results, SlotFound

    settings = group.semantic_matte
    node, _cryptomatte = image_nodes(group)
    if not settings.results_stem or node is None or node.image is None:
        return None
    width, height = settings.results_size.split("x")
    return Results(
        folder=matte_images.image_folder(node.image),
        stem=settings.results_stem,
        frames=frames_of(settings.results_frames),
        offset=settings.results_offset,
        hold=settings.results_hold,
        slots=tuple(
            SlotFound(row.slot, row.label, row.score, row.frames) for row in rows_of(group) if row.present
        ),
        size=(int(width), int(height)),
        words=settings.results_words,
    )


def _new_group() -> bpy.types.NodeTree:
    """A group with the node's own sockets and nothing computed."""
    group = bpy.data.node_groups.new(NAME, "CompositorNodeTree")
    settings = group.semantic_matte
    with updates_held():
        settings.layout = LAYOUT
        settings.identity = uuid.uuid4().hex
        group_sockets.ensure_own(group)
        group_sockets.items(group, "INPUT")[settings.socket_plate].default_value = (0.0, 0.0, 0.0, 1.0)
    rebuild(group)
    return group


def _note_results(settings: bpy.types.PropertyGroup, results: Results) -> None:
    """Keep what the images themselves don't say."""
    from semantic_matte_client.nodes.frame_spans import text_of

    settings.results_folder = matte_images.stored_path(results.folder)
    settings.results_stem = results.stem
    settings.results_frames = text_of(results.frames)
    settings.results_offset = results.offset
    settings.results_hold = results.hold
    settings.results_size = f"{results.size[0]}x{results.size[1]}"
    settings.results_words = results.words
