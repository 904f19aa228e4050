"""Pictures, films and nodes that tests of capture put before ours."""

from __future__ import annotations

import bpy
import compat
import numpy as np
import OpenEXR

NEW = bpy.app.version >= (5, 0, 0)


def moving(tree, node):
    """A Translate node before ours, moved by keyframes."""
    translate = tree.nodes.new("CompositorNodeTranslate")
    socket = next(one for one in translate.inputs if one.identifier == "X")
    for frame, value in ((-20, -20.0), (20, 20.0)):
        socket.default_value = value
        socket.keyframe_insert("default_value", frame=frame)
    tree.links.new(tree.nodes["Plate"].outputs["Image"], translate.inputs[0])
    tree.links.new(translate.outputs[0], node.inputs["Image"])
    return translate


def chained(kind, **values):
    """How a node of this kind is put behind a socket, with values of its inputs, or properties."""

    def put(tree, socket):
        node = tree.nodes.new(kind)
        for name, value in values.items():
            if name in node.inputs:
                node.inputs[name].default_value = value
            elif hasattr(node, name):
                setattr(node, name, value)
        tree.links.new(socket, next(one for one in node.inputs if one.type == "RGBA"))
        return node.outputs[0]

    return put


BLUR = 1.0 if bpy.app.version < (4, 5) else (3.0, 2.0)
CHAIN = {
    "translate": chained("CompositorNodeTranslate", X=7.0, Y=-5.0),
    "rotate": chained("CompositorNodeRotate", Degr=0.3, Angle=0.3),
    "scale": chained("CompositorNodeScale", X=0.7, Y=1.3),
    "crop": chained(
        "CompositorNodeCrop", use_crop_size=True, min_x=5, max_x=40, min_y=30, max_y=3, Width=35, Height=27
    ),
    "blur": chained(
        "CompositorNodeBlur", size_x=3, size_y=2, Size=1.0 if bpy.app.version < (4, 5) else (3.0, 2.0)
    ),
    "exposure": chained("CompositorNodeExposure", Exposure=1.5),
    "flip": chained("CompositorNodeFlip"),
}


def exposed(tree, socket):
    """An Exposure node behind a socket."""
    return CHAIN["exposure"](tree, socket)


def random_colours(height, width, seed=1):
    """(height, width, 4) float32 in [0, 1), alpha 1."""
    colours = np.random.default_rng(seed).random((height, width, 4), np.float32)
    colours[..., 3] = 1
    return colours


def write_exr(path, colours):
    """A 32-bit RGBA EXR."""
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    OpenEXR.File(header, {"RGBA": colours}).write(str(path))


def compat_file_output(writer, folder, tree, socket):
    """Have a File Output write a socket into a folder."""
    if NEW:
        writer.directory, writer.file_name = str(folder), "x"
        writer.file_output_items.new("RGBA", "Image")
    else:
        writer.base_path = str(folder)
    tree.links.new(socket, writer.inputs[0])


def write_film(scene, tree, folder):
    """A film of four frames of 64x48 pixels, each another picture, rendered by a scene of its own."""
    own = bpy.data.scenes.new("Film")
    compat.prepare_scene(own, 64, 48)
    own_tree, picture = compat.empty_compositor(own)
    plate = compat.image_node(own_tree, tree.nodes["Plate"].image.filepath)
    moved = CHAIN["translate"](own_tree, plate.outputs["Image"])
    own_tree.links.new(moved, picture)
    own.frame_start, own.frame_end = 1, 4
    horizontal = next(one for one in moved.node.inputs if one.identifier == "X")
    for frame in (1, 4):
        horizontal.default_value = frame * 8.0
        horizontal.keyframe_insert("default_value", frame=frame)
    settings = own.render.image_settings
    if hasattr(settings, "media_type"):
        settings.media_type = "VIDEO"
    settings.file_format = "FFMPEG"
    own.render.ffmpeg.format = "MPEG4"
    own.render.filepath = str(folder / "film")
    bpy.ops.render.render(animation=True, scene=own.name)
    bpy.data.scenes.remove(own)
    return next(folder.glob("film*"))
