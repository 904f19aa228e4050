"""What tests of what leads to a node share: nodes put before it."""

from __future__ import annotations

import bpy

from conftest import write_plate


def image(tree):
    return tree.nodes["Plate"].image


def blurred(tree, node):
    """A node Blur between the plate and ours."""
    blur = tree.nodes.new("CompositorNodeBlur")
    blur.name = "Blur"
    tree.links.new(tree.nodes["Plate"].outputs["Image"], blur.inputs["Image"])
    tree.links.new(blur.outputs[0], node.inputs["Image"])
    return blur


def grouped(tree, node):
    """A group "Inner" between the plate and ours; returns the Blur node in it."""
    group = bpy.data.node_groups.new("Inner", "CompositorNodeTree")
    group.interface.new_socket("Image", in_out="INPUT", socket_type="NodeSocketColor")
    group.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    start, blur, end = (
        group.nodes.new(one) for one in ("NodeGroupInput", "CompositorNodeBlur", "NodeGroupOutput")
    )
    group.links.new(start.outputs[0], blur.inputs["Image"])
    group.links.new(blur.outputs[0], end.inputs[0])
    outer = tree.nodes.new("CompositorNodeGroup")
    outer.node_tree = group
    tree.links.new(tree.nodes["Plate"].outputs["Image"], outer.inputs[0])
    tree.links.new(outer.outputs[0], node.inputs["Image"])
    return blur


def set_size(blur, value):
    socket = blur.inputs["Size"]
    socket.default_value = value / 10 if socket.type == "VALUE" else (value, value)


def keyed(blur, name):
    """Two keyframes of a node's input."""
    for frame, value in ((1, 1), (30, 5)):
        set_size(blur, value)
        blur.inputs[name].keyframe_insert("default_value", frame=frame)


def driven(blur):
    socket = blur.inputs["Size"]
    index = () if socket.type == "VALUE" else (0,)
    curve = socket.driver_add("default_value", *index)
    curve.driver.expression = "frame / 10"


def sequence(tree, folder, **values):
    """The node Plate shows six files from shot.0010.exr on."""
    for number in range(10, 16):
        write_plate(folder / f"shot.{number:04d}.exr", seed=number)
    plate = tree.nodes["Plate"]
    plate.image = bpy.data.images.load(str(folder / "shot.0010.exr"))
    plate.image.source = "SEQUENCE"
    plate.frame_start, plate.frame_duration, plate.frame_offset = 1, 6, 9
    for name, value in values.items():
        setattr(plate, name, value)


def render_layers(scene, tree, node):
    """Render Layers of the scene flow into ours."""
    layers = tree.nodes.new("CompositorNodeRLayers")
    layers.scene = scene
    tree.links.new(layers.outputs["Image"], node.inputs["Image"])
    return layers


def add_camera(scene):
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    scene.collection.objects.link(camera)
    scene.camera = camera
