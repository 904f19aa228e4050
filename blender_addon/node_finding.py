"""Nodes of ours in trees and scenes, and their inputs."""

from __future__ import annotations

import bpy

from . import compat, group_sockets


def is_semantic_matte(node: bpy.types.Node | None) -> bool:
    """Whether it is a group node that shows a tree of ours."""
    return (
        node is not None
        and node.bl_idname == "CompositorNodeGroup"
        and node.node_tree is not None
        and node.node_tree.semantic_matte.layout > 0
    )


def nodes_in(tree: bpy.types.NodeTree) -> list[bpy.types.Node]:
    """The nodes of ours that stand in this tree itself, not in its groups."""
    return [node for node in tree.nodes if is_semantic_matte(node)]


def all_nodes() -> list[tuple[bpy.types.Scene, bpy.types.NodeTree, bpy.types.Node]]:
    """Every node of ours in a scene's tree. Since 5.0 one that scenes share comes once for each of them."""
    pairs = [(scene, compat.scene_tree(scene)) for scene in bpy.data.scenes]
    return [(scene, tree, node) for scene, tree in pairs if tree is not None for node in nodes_in(tree)]


def node_by_identity(
    identity: str,
) -> tuple[bpy.types.Scene, bpy.types.NodeTree, bpy.types.Node] | None:
    """The node whose group has this identity, if it is still there."""
    return next((row for row in all_nodes() if settings_of(row[2]).identity == identity), None)


def find_node(
    context: bpy.types.Context, name: str = ""
) -> tuple[bpy.types.Scene, bpy.types.NodeTree, bpy.types.Node]:
    """The node of the context's scene that is called `name`; without a name the active or the only one.

    Raises LookupError with a sentence that says which there are.
    """
    scene = context.scene
    tree = compat.scene_tree(scene)
    ours = nodes_in(tree) if tree is not None else []
    if not ours:
        raise LookupError(f"Scene '{scene.name}' has no Semantic Matte node{_where_else(scene, tree)}")
    there = ", ".join(repr(node.name) for node in ours)
    if name:
        named = [node for node in ours if node.name == name]
        if not named:
            raise LookupError(f"Scene '{scene.name}' has no Semantic Matte node '{name}': there is {there}.")
        return scene, tree, named[0]
    if is_semantic_matte(tree.nodes.active):
        return scene, tree, tree.nodes.active
    if len(ours) > 1:
        raise LookupError(f"Scene '{scene.name}' has {len(ours)} Semantic Matte nodes: choose of {there}.")
    return scene, tree, ours[0]


def settings_of(node: bpy.types.Node) -> bpy.types.PropertyGroup:
    """The settings of a node of ours: those of its group."""
    return node.node_tree.semantic_matte


def plate_input(node: bpy.types.Node) -> bpy.types.NodeSocket | None:
    """The node's input of the plate, whatever it is called now."""
    return group_sockets.socket_of(node.inputs, settings_of(node).socket_plate)


def hint_input(node: bpy.types.Node) -> bpy.types.NodeSocket | None:
    """The node's input of the hint."""
    return group_sockets.socket_of(node.inputs, settings_of(node).socket_hint)


def _where_else(scene: bpy.types.Scene, tree: bpy.types.NodeTree | None) -> str:
    """The end of the sentence that a scene has no node: where there are some, and what to do."""
    inside = [
        other.name for other in group_sockets.all_trees() if other not in (tree, None) and nodes_in(other)
    ]
    scenes = [one.name for one, _tree, _node in all_nodes() if one != scene]
    if scenes:
        return f"; scene '{scenes[0]}' has one."
    if inside:
        return (
            f" of its own, but there is one inside another group: '{inside[0]}'. Put a node into the scene's "
            "own tree, in front of that group."
        )
    return ": add one with Add > Semantic Matte in the compositor."
