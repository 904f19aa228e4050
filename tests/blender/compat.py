"""The compositor's Python interface in Blender 4.2 to 5.2, where versions differ. Runs inside Blender."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy

# Since 5.0 a scene takes its compositor from a node group, whose output is a group output.
HAS_COMPOSITING_GROUPS = bpy.app.version >= (5, 0, 0)


def empty_compositor(scene: bpy.types.Scene) -> tuple[bpy.types.NodeTree, bpy.types.NodeSocket]:
    """A tree with nothing but the scene's output, and the socket that takes its picture."""
    if not HAS_COMPOSITING_GROUPS:
        scene.use_nodes = True
        tree = scene.node_tree
        tree.nodes.clear()
        output = tree.nodes.new("CompositorNodeComposite")
        return tree, output.inputs["Image"]
    tree = scene.compositing_node_group
    if tree is None:
        tree = bpy.data.node_groups.new("Compositor", "CompositorNodeTree")
        tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
        scene.compositing_node_group = tree
    tree.nodes.clear()
    return tree, tree.nodes.new("NodeGroupOutput").inputs["Image"]


def prepare_scene(scene: bpy.types.Scene, width: int, height: int) -> None:
    """Nothing to render, a frame of this size, and 32-bit EXR as the picture's format."""
    for item in list(scene.objects):
        bpy.data.objects.remove(item)
    render = scene.render
    render.resolution_x, render.resolution_y, render.resolution_percentage = width, height, 100
    prepare_output(scene, "RGB")


def prepare_output(scene: bpy.types.Scene, channels: str) -> None:
    """32-bit EXR of these channels as the picture's format, composed on the CPU."""
    # 5.2 starts with the GPU, which a machine without a display has not; 4.2 calls it an experiment.
    with contextlib.suppress(AttributeError, TypeError):
        scene.render.compositor_device = "CPU"
    # Where there are media types, the file format follows from them.
    with contextlib.suppress(AttributeError):
        scene.render.image_settings.media_type = "IMAGE"
    scene.render.image_settings.file_format = "OPEN_EXR"
    scene.render.image_settings.color_depth = "32"
    scene.render.image_settings.color_mode = channels


def image_node(tree: bpy.types.NodeTree, path: str) -> bpy.types.Node:
    """An Image node of a file; a multilayer EXR has one output a layer."""
    node = tree.nodes.new("CompositorNodeImage")
    node.image = bpy.data.images.load(path)
    return node


def cryptomatte_node(tree: bpy.types.NodeTree, path: str, layer_name: str, matte_id: str) -> bpy.types.Node:
    """A Cryptomatte node that reads a file and picks objects; an empty `layer_name` is left unset."""
    node = tree.nodes.new("CompositorNodeCryptomatteV2")
    node.source = "IMAGE"
    node.image = bpy.data.images.load(path)
    if layer_name:
        node.layer_name = layer_name
    node.matte_id = matte_id
    return node


def render(scene: bpy.types.Scene, path: str) -> None:
    """Render the scene, which is its compositor's picture, into a file of this name."""
    scene.render.filepath = path
    bpy.ops.render.render(write_still=True)
    if not Path(path).is_file():
        raise FileNotFoundError(path)


def end(code: int) -> None:
    """End the process at once: 4.5 hangs when it ends by itself."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def do_job(work: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """A script of ours in a Blender: read the job that the first argument names, write its answer, end."""
    try:
        job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
        Path(job["answer"]).write_text(json.dumps(work(job)), encoding="utf-8")
    except BaseException:
        traceback.print_exc()
        end(1)
    end(0)
