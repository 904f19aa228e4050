"""What leads to a node: described for fingerprints, whether it can be computed, whether it moves.

Names and places of nodes, selections and looks count for nothing. What a Render Layers node shows can't be
known without rendering: of it count the scene's and the layer's name, the engine and the resolution, so that a
change of the 3D scene itself is not seen. Nor is one of a mask's shape or of what a driver reads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import bpy

from semantic_matte_client.nodes import fingerprints

from . import compat
from .animation import animated_paths, is_animated
from .node_groups import hint_input, is_semantic_matte, plate_input
from .node_values import socket_value, values_of
from .picture_sources import files_of, is_moving
from .upstream_checks import Chain, first_problem, lost_outputs
from .upstream_nodes import (
    RENDER_LAYERS,
    group_of,
    leading_to,
    scene_pointers,
    source_of,
    with_groups,
)

_LAYOUT = 1
# Nodes whose picture moves by itself, or with a clip, or with what the camera does.
_MOVING = frozenset(
    {
        RENDER_LAYERS,
        "CompositorNodeMask",
        "CompositorNodeStabilize",
        "CompositorNodePlaneTrackDeform",
        "CompositorNodeTrackPos",
        "CompositorNodeKeyingScreen",
        "CompositorNodeMovieDistortion",
    }
)


def refusal(
    scene: bpy.types.Scene, tree: bpy.types.NodeTree, node: bpy.types.Node, frames: Sequence[int] = ()
) -> str:
    """Why a node can't be computed at these frames, as a sentence that says what to do; "" if it can."""
    if tree != compat.scene_tree(scene):
        return (
            f"'{node.name}' lies inside the group '{tree.name}', where no plate can be captured: put it into "
            "the scene's own compositor, and lead its outputs into the group."
        )
    linked = next((one for one in (scene, tree, node.node_tree) if one is not None and one.library), None)
    if linked is not None:
        return (
            f"'{node.name}' is linked from {bpy.path.basename(linked.library.filepath)}, and its results can't "
            "be kept in this file: compute it there, or append it here in place of linking."
        )
    if scene.render.use_border and scene.render.use_crop_to_border:
        return (
            "The render is cropped to a region, and mattes are of the whole frame: turn Crop to Render Region "
            "off in the output properties."
        )
    lost = next(lost_outputs(node), "")
    if lost:
        return lost
    plate = plate_input(node)
    if plate is None or source_of(plate) is None:
        return f"Nothing flows into the Image input of '{node.name}': connect a picture."
    return first_problem(Chain(scene, tree, leading_to(tree, _sources(node))), tuple(frames))


def is_still(scene: bpy.types.Scene, tree: bpy.types.NodeTree, node: bpy.types.Node) -> bool:
    """Whether what flows into a node is the same at every frame, as far as can be known."""
    nodes = leading_to(tree, _sources(node))
    if is_animated(tree, {one.name for one in nodes}):
        return False
    for one in with_groups(nodes):
        group = group_of(one)
        if group is not None and is_animated(group, {inner.name for inner in group.nodes}):
            return False
        if one.bl_idname in _MOVING or "Time" in one.bl_idname or is_moving(one):
            return False
        if any(getattr(one, name) is not None for name in scene_pointers(one)):
            return False
        texture = getattr(one, "texture", None)
        if texture is not None and texture.animation_data is not None:
            return False
    return True


def describe(
    scene: bpy.types.Scene,
    tree: bpy.types.NodeTree,
    node: bpy.types.Node,
    frames: Sequence[int] = (),
    known: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """What flows into a node, in plain values for `fingerprints`: frame, nodes, links, files.

    frames: the scene frames whose files of sequences are described too. known: an earlier description: what has
    the size and time that it had there is not read again.
    """
    nodes = leading_to(tree, _sources(node))
    files = _Files(frames, (known or {}).get("files") or {})
    described = _Describer(scene, files)
    inputs = {"image": plate_input(node), "hint": hint_input(node)}
    return {
        "layout": _LAYOUT,
        "host": ["Blender", *bpy.app.version[:2]],
        "frame": _frame(scene),
        "nodes": described.nodes(tree, nodes),
        **{name: _link(socket, nodes) if socket else None for name, socket in inputs.items()},
        "files": files.rows,
    }


class _Files:
    """The files of a description: name -> what they are; of two with one name the second has a number."""

    def __init__(self, frames: Sequence[int], known: Mapping[str, Any]) -> None:
        self.frames = frames
        self.rows: dict[str, Any] = {}
        self._known = known
        self._names: dict[str, str] = {}

    def add(self, node: bpy.types.Node) -> list[str]:
        """Describe the files that a node shows; returns the names of those that it always shows."""
        always = []
        for file in files_of(node, self.frames):
            name = self._names.get(file.path)
            if name is None:
                same = sum(one.partition(" (")[0] == file.title for one in self.rows)
                name = f"{file.title} ({same + 1})" if same else file.title
                self._names[file.path] = name
                self.rows[name] = fingerprints.describe_file(file.path, self._known.get(name))
            always += [name] * (file.frame is None)
        return always


class _Describer:
    """Describes nodes of a tree and of the groups in it."""

    def __init__(self, scene: bpy.types.Scene, files: _Files) -> None:
        self._scene = scene
        self._files = files

    def nodes(self, tree: bpy.types.NodeTree, nodes: list[bpy.types.Node]) -> list[dict[str, Any]]:
        """Each node: its kind and values, what is linked to it or set, the files that it shows."""
        animated = animated_paths(tree)
        return [self._node(node, nodes, animated) for node in nodes]

    def _node(
        self, node: bpy.types.Node, nodes: list[bpy.types.Node], animated: dict[str, Any]
    ) -> dict[str, Any]:
        """One node; links name others by their places in `nodes`."""
        path = f'nodes["{bpy.utils.escape_identifier(node.name)}"]'
        inputs = [(index, one) for index, one in enumerate(node.inputs) if one.enabled]
        linked = {one.identifier: _link(one, nodes) for _, one in inputs}
        row: dict[str, Any] = {
            "kind": node.bl_idname,
            "title": node.bl_label,
            "links": {name: link for name, link in linked.items() if link is not None},
            "set": {
                one.identifier: animated.get(f"{path}.inputs[{index}].default_value", socket_value(one))
                for index, one in inputs
                if linked[one.identifier] is None
            },
            "values": values_of(node, self._scene, animated),
            "files": self._files.add(node),
        }
        group = group_of(node)
        if group is not None:
            row["title"] = "Semantic Matte" if is_semantic_matte(node) else f"group {group.name}"
            row["group"] = self._group(group)
        return row

    def _group(self, group: bpy.types.NodeTree) -> dict[str, Any]:
        """A group's nodes that lead to its outputs, and what these are."""
        ends = [one for one in group.nodes if one.bl_idname == "NodeGroupOutput"]
        end = next((one for one in ends if one.is_active_output), None)
        sockets = [one for one in end.inputs if source_of(one) is not None] if end is not None else []
        nodes = leading_to(group, [source_of(one) for one in sockets])
        return {
            "nodes": self.nodes(group, nodes),
            "outputs": {one.identifier: _link(one, nodes) for one in sockets},
        }


def _sources(node: bpy.types.Node) -> list[bpy.types.NodeSocket]:
    """The outputs that feed the node's plate and hint."""
    sources = (source_of(one) for one in (plate_input(node), hint_input(node)) if one is not None)
    return [one for one in sources if one is not None]


def _link(socket: bpy.types.NodeSocket, nodes: list[bpy.types.Node]) -> list[Any] | None:
    """What feeds an input: the place of the node in `nodes`, and its output; None where nothing does."""
    source = source_of(socket)
    if source is None:
        return None
    names = [one.name for one in nodes]
    return [names.index(source.node.name), source.identifier]


def _frame(scene: bpy.types.Scene) -> dict[str, Any]:
    """The render frame in pixels, as renders have it."""
    render = scene.render
    part = render.resolution_percentage / 100
    row: dict[str, Any] = {"size": [int(render.resolution_x * part), int(render.resolution_y * part)]}
    if render.use_border and render.use_crop_to_border:
        edges = (render.border_min_x, render.border_min_y, render.border_max_x, render.border_max_y)
        row["crop"] = [round(edge, 6) for edge in edges]
    return row
