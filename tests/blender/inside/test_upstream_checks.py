"""What keeps a node from being computed, and whether what flows into it moves, in a real Blender."""

from __future__ import annotations

import bpy
import pytest
from bl_ext.user_default.semantic_matte import node_groups, upstream
from upstream_parts import add_camera, blurred, driven, grouped, keyed, render_layers, sequence

NEW = bpy.app.version >= (5, 0, 0)


@pytest.mark.parametrize("kind", ["image", "chain", "group", "held"])
def test_still(kind, scene, tree, node, tmp_path):
    if kind == "chain":
        blurred(tree, node)
        keyed(tree.nodes.new("CompositorNodeBlur"), "Size")
    elif kind == "group":
        grouped(tree, node)
    elif kind == "held":
        sequence(tree, tmp_path, frame_duration=1)
    assert upstream.is_still(scene, tree, node)


@pytest.mark.parametrize(
    "kind", ["sequence", "clip", "layers", "keys", "driver", "strip", "in a group", "clock", "hint", "mask"]
)
def test_moving(kind, scene, tree, node, tmp_path):
    if kind == "sequence":
        sequence(tree, tmp_path)
    elif kind == "layers":
        render_layers(scene, tree, node)
    elif kind == "in a group":
        keyed(grouped(tree, node), "Size")
    elif kind in ("keys", "driver", "strip"):
        blurred(tree, node)
        driven(tree.nodes["Blur"]) if kind == "driver" else keyed(tree.nodes["Blur"], "Size")
        if kind == "strip":
            track = tree.animation_data.nla_tracks.new()
            track.strips.new("strip", 1, tree.animation_data.action)
            tree.animation_data.action = None
    elif kind == "clip":
        sequence(tree, tmp_path)
        clip = tree.nodes.new("CompositorNodeMovieClip")
        clip.clip = bpy.data.movieclips.load(str(tmp_path / "shot.0010.exr"))
        tree.links.new(clip.outputs["Image"], node.inputs["Image"])
    elif kind == "mask":
        mask = tree.nodes.new("CompositorNodeMask")
        mask.mask = bpy.data.masks.new("Mask")
        tree.links.new(mask.outputs[0], node.inputs["Hint"])
    else:
        time = tree.nodes.new("CompositorNodeTime" if kind == "hint" else "CompositorNodeSceneTime")
        tree.links.new(time.outputs[0], node.inputs["Hint" if kind == "hint" else "Image"])
    assert not upstream.is_still(scene, tree, node)


def test_nothing_is_refused_that_can_be_computed(scene, tree, node, tmp_path):
    assert upstream.refusal(scene, tree, node, (1, 2)) == ""
    sequence(tree, tmp_path, frame_start=3, frame_offset=9)
    assert upstream.refusal(scene, tree, node, (3, 8, 50)) == ""
    blurred(tree, node)
    assert upstream.refusal(scene, tree, node, (3, 8, 50)) == ""
    grouped(tree, node)
    assert upstream.refusal(scene, tree, node, (3,)) == ""
    # Before its first frame a sequence shows the file before its first.
    assert "no shot.0009.exr, which it shows at frame -1 (missing at -1,1,2)" in upstream.refusal(
        scene, tree, node, (-1, 1, 2, 3)
    )
    tree.nodes["Plate"].use_cyclic = True
    assert upstream.refusal(scene, tree, node, (-1, 1, 2, 3)) == ""


def test_refusals_name_what_is_missing(scene, tree, node, plate_file, tmp_path):
    def refused(frames=()):
        return upstream.refusal(scene, tree, node, frames)

    plate = tree.nodes["Plate"]
    tree.links.remove(node.inputs["Image"].links[0])
    assert refused() == "Nothing flows into the Image input of 'Semantic Matte': connect a picture."
    link = tree.links.new(plate.outputs["Image"], node.inputs["Image"])
    link.is_muted = True
    assert "Nothing flows into" in refused()
    link.is_muted = False
    plate_file.rename(plate_file.with_name("moved.exr"))
    assert f"plate.exr of the node 'Plate' is missing: it was looked for as '{plate_file}'" in refused()
    plate.mute = True
    assert refused() == ""
    plate.mute = False
    plate.image = None
    assert refused() == "The node 'Plate' has no picture: choose an image."
    scene.render.use_border = scene.render.use_crop_to_border = True
    assert "turn Crop to Render Region off" in refused()
    scene.render.use_border = False
    sequence(tree, tmp_path, frame_start=3, frame_offset=9)
    (tmp_path / "shot.0011.exr").unlink()
    (tmp_path / "shot.0012.exr").unlink()
    assert refused((3, 6)) == ""
    assert "'Plate' has no shot.0011.exr, which it shows at frame 4 (missing at 4,5)" in refused((3, 4, 5, 6))


def test_refusals_of_render_layers(scene, tree, node):
    layers = render_layers(scene, tree, node)
    assert "has no camera to render it for the node 'Render Layers'" in upstream.refusal(scene, tree, node)
    add_camera(scene)
    assert upstream.refusal(scene, tree, node) == ""
    layer = scene.view_layers[0]
    layer.use_pass_mist = True
    blur = tree.nodes.new("CompositorNodeBlur")
    tree.links.new(layers.outputs["Mist"], blur.inputs["Image"])
    tree.links.new(blur.outputs[0], node.inputs["Image"])
    assert upstream.refusal(scene, tree, node) == ""
    layer.use_pass_mist = False
    bpy.context.view_layer.update()
    assert "The pass 'Mist' of the node 'Render Layers' is not rendered: turn it on" in upstream.refusal(
        scene, tree, node
    )
    layer.use_pass_mist = True
    bpy.context.view_layer.update()
    tree.links.new(layers.outputs["Mist"], node.inputs["Image"])
    layer.use_pass_mist = False
    bpy.context.view_layer.update()
    assert "The pass 'Mist' of the node 'Render Layers'" in upstream.refusal(scene, tree, node)
    scene.view_layers.new("Second")
    layers.layer = "Second"
    tree.links.new(layers.outputs["Image"], node.inputs["Image"])
    scene.view_layers["Second"].use = False
    assert "The view layer 'Second' of scene 'Scene' is not rendered" in upstream.refusal(scene, tree, node)


@pytest.mark.skipif(not NEW, reason="compositors are groups since 5.0")
def test_the_group_input_of_a_scenes_compositor(scene, tree, node):
    tree.interface.new_socket("Image", in_out="INPUT", socket_type="NodeSocketColor")
    start = tree.nodes.new("NodeGroupInput")
    tree.links.new(start.outputs[0], node.inputs["Image"])
    assert "The Group Input of 'Compositor' gives nothing" in upstream.refusal(scene, tree, node)


def test_a_node_within_a_group(scene, tree):
    group = bpy.data.node_groups.new("Inner", "CompositorNodeTree")
    inner = node_groups.add_node(group)
    words = upstream.refusal(scene, group, inner)
    assert words.startswith("'Semantic Matte' lies inside the group 'Inner'")


def test_a_node_from_another_file(scene, tree, node, tmp_path):
    path = tmp_path / "library.blend"
    scene.name = "From library"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    bpy.ops.wm.read_homefile(use_empty=True)
    with bpy.data.libraries.load(str(path), link=True) as (_, here):
        here.scenes = ["From library"]
    linked = here.scenes[0]
    linked_tree = upstream.compat.scene_tree(linked)
    found = upstream.refusal(linked, linked_tree, node_groups.nodes_in(linked_tree)[0])
    assert "is linked from library.blend" in found
