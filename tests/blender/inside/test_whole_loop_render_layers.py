"""The whole loop over a 3D scene: what Cycles renders is captured, hinted by a mask, solved and given back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
import numpy as np
import OpenEXR
import pytest
from bl_ext.user_default.semantic_matte import node_groups

WIDTH, HEIGHT = 96, 72


@pytest.fixture
def rendered(scene: Any, tree: Any) -> bpy.types.Node:
    """A node that gets a red ball before a wall, rendered by Cycles, and as its hint what is near."""
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.seed, scene.cycles.device = 1, 3, "CPU"
    scene.cycles.use_denoising = False
    scene.render.resolution_x, scene.render.resolution_y = WIDTH, HEIGHT
    bpy.context.view_layer.use_pass_z = True
    wall(scene), ball(scene)
    scene.camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    scene.camera.location = (0, 0, 8)
    scene.collection.objects.link(scene.camera)
    lamp = bpy.data.objects.new("Lamp", bpy.data.lights.new("Lamp", "SUN"))
    lamp.data.energy = 3
    scene.collection.objects.link(lamp)
    layers = tree.nodes.new("CompositorNodeRLayers")
    depth = next(output for output in layers.outputs if output.name in ("Depth", "Z"))
    near = compat_math(tree, "LESS_THAN", 7.5)
    tree.links.new(depth, near.inputs[0])
    node = node_groups.add_node(tree)
    tree.links.new(layers.outputs["Image"], node.inputs["Image"])
    tree.links.new(near.outputs[0], node.inputs["Hint"])
    settings = node_groups.settings_of(node)
    settings.passes, settings.samples, settings.device = 1, 1, "cpu"
    return node


def compat_math(tree: Any, operation: str, value: float) -> bpy.types.Node:
    """A Math node, which is a shader's since 5.0."""
    try:
        node = tree.nodes.new("CompositorNodeMath")
    except RuntimeError:
        node = tree.nodes.new("ShaderNodeMath")
    node.operation = operation
    node.inputs[1].default_value = value
    return node


def wall(scene: Any) -> None:
    """Fills the frame."""
    mesh = bpy.data.meshes.new("Wall")
    mesh.from_pydata([(-9, -9, 0), (9, -9, 0), (9, 9, 0), (-9, 9, 0)], [], [(0, 1, 2, 3)])
    scene.collection.objects.link(bpy.data.objects.new("Wall", mesh))


def ball(scene: Any) -> None:
    """A red icosphere over the wall's middle."""
    import bmesh

    mesh = bpy.data.meshes.new("Ball")
    made = bmesh.new()
    bmesh.ops.create_icosphere(made, subdivisions=3, radius=1)
    made.to_mesh(mesh)
    made.free()
    material = bpy.data.materials.new("Red")
    material.use_nodes = True
    material.node_tree.nodes["Principled BSDF"].inputs["Base Color"].default_value = (0.8, 0.02, 0.02, 1)
    mesh.materials.append(material)
    thing = bpy.data.objects.new("Ball", mesh)
    thing.location = (0, 0, 1)
    scene.collection.objects.link(thing)


def show(tree: Any, socket: Any) -> None:
    """Make a socket the scene's picture."""
    kinds = ("CompositorNodeComposite", "NodeGroupOutput")
    output = next(node for node in tree.nodes if node.bl_idname in kinds)
    tree.links.new(socket, output.inputs["Image"])


def test_render_layers_and_a_hint(worker: Any, rendered: Any, scene: Any, tree: Any, render: Any) -> None:
    assert bpy.ops.semantic_matte.compute(node=rendered.name, extent="FRAME") == {"FINISHED"}
    results = node_groups.shown_results(rendered.node_tree)
    with OpenEXR.File(str(Path(results.mattes_file(scene.frame_current))), separate_channels=True) as file:
        mattes = {name[:-2]: channel.pixels.astype(np.float32) for name, channel in file.channels().items()}
    rows = node_groups.settings_of(rendered).instances
    assert [row.slot for row in rows] == list(mattes)
    assert len(mattes) == 1
    show(tree, rendered.outputs[rows[0].title])
    alpha = render(scene)["R"]
    np.testing.assert_array_equal(alpha, mattes[rows[0].slot])
    show(tree, rendered.inputs["Hint"].links[0].from_socket)
    hint = render(scene)["R"] > 0.5
    assert np.count_nonzero(hint) > 300
    assert alpha[hint].mean() > 0.9
    assert alpha[~hint].mean() < 0.05
    show(tree, rendered.outputs["Image"])
    picture = render(scene)
    show(tree, rendered.inputs["Image"].links[0].from_socket)
    plate = render(scene)
    for channel in "RGB":
        np.testing.assert_array_equal(picture[channel], plate[channel])
    np.testing.assert_array_equal(picture["A"], alpha)
    middle = plate["R"][HEIGHT // 2, WIDTH // 2], plate["G"][HEIGHT // 2, WIDTH // 2]
    assert middle[0] > 5 * middle[1]
