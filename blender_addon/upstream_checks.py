"""What keeps a chain of nodes from being captured: files, passes, layers and cameras that are not there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import bpy

from semantic_matte_client.nodes.frame_spans import text_of

from .picture_sources import files_of, source_of_node
from .upstream_nodes import RENDER_LAYERS, with_groups

# Nodes that show nothing without a picture, and what it is called.
_NEED = {"CompositorNodeImage": ("image", "an image"), "CompositorNodeMovieClip": ("clip", "a movie clip")}


@dataclass(frozen=True)
class Chain:
    """The scene that is rendered, its compositor, and the nodes in it that lead to ours."""

    scene: bpy.types.Scene
    tree: bpy.types.NodeTree
    nodes: list[bpy.types.Node]


def first_problem(chain: Chain, frames: tuple[int, ...]) -> str:
    """The first thing that is missing, as a sentence that says what to do; "" if nothing is.

    frames: the scene frames that are wanted; without any, files of sequences are not looked for.
    """
    return next(_problems(chain, frames), "")


def _problems(chain: Chain, frames: tuple[int, ...]) -> Iterator[str]:
    """Each problem of each node, nearest first; muted nodes show nothing of their own."""
    if any(node.bl_idname == "NodeGroupInput" for node in chain.nodes):
        yield (
            f"The Group Input of '{chain.tree.name}' gives nothing in a render of the scene: connect Render "
            "Layers, an image or a movie clip."
        )
    for node in with_groups(chain.nodes):
        if node.mute:
            continue
        yield from lost_outputs(node)
        yield from _circle(node)
        yield from _picture(node, frames)
        if node.bl_idname == RENDER_LAYERS:
            yield from _layers(node, chain.scene)


def lost_outputs(node: bpy.types.Node) -> Iterator[str]:
    """Links from outputs that are no more, as of passes that were turned off."""
    for source in (link.from_socket for socket in node.inputs for link in socket.links if not link.is_muted):
        if source.enabled:
            continue
        what = f"'{source.name}' of the node '{source.node.name}'"
        if source.node.bl_idname == RENDER_LAYERS:
            yield (
                f"The pass {what} is not rendered: turn it on in the view layer's properties (Passes), or use "
                "another."
            )
        else:
            yield f"The output {what} is not there any more: its picture has no such layer. Use another."


def _circle(node: bpy.types.Node) -> Iterator[str]:
    """Links that lead back to their own node."""
    if any(not link.is_valid for socket in node.inputs for link in socket.links):
        yield f"A link to the node '{node.name}' is not valid (red in the editor): remove it."


def _picture(node: bpy.types.Node, frames: tuple[int, ...]) -> Iterator[str]:
    """Pictures that are not chosen, and files that are not there."""
    if node.bl_idname in _NEED and source_of_node(node) is None:
        yield f"The node '{node.name}' has no picture: choose {_NEED[node.bl_idname][1]}."
    gone = [file for file in files_of(node, frames) if not Path(file.path).is_file()]
    always = next((file for file in gone if file.frame is None), None)
    if always is not None and "<" not in always.title:
        yield (
            f"The file {always.title} of the node '{node.name}' is missing: it was looked for as "
            f"'{always.path}'. Find it with File > External Data > Find Missing Files."
        )
    lacking = [file for file in gone if file.frame is not None]
    if lacking:
        at = text_of(file.frame for file in lacking)
        yield (
            f"The sequence of the node '{node.name}' has no {lacking[0].title}, which it shows at frame "
            f"{lacking[0].frame} (missing at {at}): correct its frames, or choose others."
        )


def _layers(node: bpy.types.Node, scene: bpy.types.Scene) -> Iterator[str]:
    """Scenes and view layers that are not rendered."""
    shown = node.scene
    if shown is None:
        yield f"The node '{node.name}' has no scene: choose one."
        return
    layer = shown.view_layers.get(node.layer)
    if layer is None:
        yield f"The node '{node.name}' shows a view layer that scene '{shown.name}' has not: choose another."
    elif not layer.use:
        yield (
            f"The view layer '{layer.name}' of scene '{shown.name}' is not rendered: turn Use for Rendering on "
            "in its properties."
        )
    if shown.camera is None and not any(marker.camera for marker in shown.timeline_markers):
        yield f"Scene '{shown.name}' has no camera to render it for the node '{node.name}': add one."
