"""What leads to a node, in a real Blender: its description, why it can't be computed, whether it moves."""

from __future__ import annotations

import copy
import json

import bpy
import compat
import pytest
from bl_ext.user_default.semantic_matte import node_groups, upstream
from upstream_parts import blurred, driven, grouped, image, keyed, render_layers, sequence, set_size

from conftest import write_plate
from semantic_matte_client.nodes import fingerprints

NEW = bpy.app.version >= (5, 0, 0)


@pytest.fixture
def described(scene, tree, node):
    """Describes the node, as JSON gives it back."""
    return lambda frames=(), known=None: json.loads(
        json.dumps(upstream.describe(scene, tree, node, frames, known))
    )


@pytest.fixture
def changed(described):
    """What a change does to the description: runs it, and returns the words for it."""

    def words(change, frames=()):
        before = described(frames)
        change()
        after = described(frames)
        found = fingerprints.difference(before, after)
        assert (fingerprints.digest(before) != fingerprints.digest(after)) == bool(found)
        return found

    return words


def test_files_and_nodes_are_described(described, plate_file):
    found = described()
    assert found["frame"] == {"size": [64, 48]}
    assert found["image"] == [0, "Image"]
    assert found["hint"] is None
    assert [(one["kind"], one["files"]) for one in found["nodes"]] == [("CompositorNodeImage", ["plate.exr"])]
    assert found["files"]["plate.exr"]["size"] == plate_file.stat().st_size
    assert str(plate_file.parent) not in json.dumps(found)


def test_looks_count_for_nothing(changed, scene, tree, node):
    blurred(tree, node)

    def rearrange():
        plate, blur = tree.nodes["Plate"], tree.nodes["Blur"]
        plate.name, plate.label, plate.location = "Renamed", "Label", (500, 500)
        blur.select, blur.hide, blur.width = not blur.select, True, 300
        plate.image.name = "another name"
        blur.use_custom_color, blur.color = True, (1, 0, 0)
        tree.nodes.active = blur
        scene.name = "Renamed scene"
        frame = tree.nodes.new("NodeFrame")
        blur.parent = frame
        tree.nodes.new("CompositorNodeBlur")
        scene.frame_set(40)
        node.name = "Renamed too"

    assert changed(rearrange) == ""


def test_saving_and_loading_changes_nothing(described, scene, tree, node, tmp_path):
    blurred(tree, node)
    tree.nodes["Blur"].inputs[0].default_value = (0.1, 0.2, 0.3, 1)
    keyed(tree.nodes["Blur"], "Size")
    before = described((1,))
    for path in (tmp_path / "one.blend", tmp_path / "deeper" / "two.blend"):
        path.parent.mkdir(exist_ok=True)
        bpy.ops.wm.save_as_mainfile(filepath=str(path))
        bpy.ops.wm.open_mainfile(filepath=str(path))
        loaded = bpy.context.scene
        loaded_tree = upstream.compat.scene_tree(loaded)
        loaded.frame_set(30)
        after = upstream.describe(loaded, loaded_tree, node_groups.nodes_in(loaded_tree)[0], (1,))
        assert json.loads(json.dumps(after)) == before


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda scene, tree, node: setattr(scene.render, "resolution_x", 32),
            "resolution changed from 64x48 to 32x48",
        ),
        (lambda scene, tree, node: setattr(scene.render, "resolution_percentage", 50), "resolution changed"),
        (lambda scene, tree, node: set_size(tree.nodes["Blur"], 7), "the node Blur changed"),
        (lambda scene, tree, node: setattr(tree.nodes["Blur"], "mute", True), "the node Blur changed"),
        (lambda scene, tree, node: keyed(tree.nodes["Blur"], "Size"), "the node Blur changed"),
        (lambda scene, tree, node: driven(tree.nodes["Blur"]), "the node Blur changed"),
        (
            lambda scene, tree, node: setattr(image(tree).colorspace_settings, "name", "sRGB"),
            "the node Image changed",
        ),
        (lambda scene, tree, node: setattr(image(tree), "alpha_mode", "NONE"), "the node Image changed"),
        (lambda scene, tree, node: image(tree).pack(), "the node Image changed"),
        (
            lambda scene, tree, node: tree.links.new(tree.nodes["Plate"].outputs[0], node.inputs["Image"]),
            "other nodes lead to it",
        ),
        (
            lambda scene, tree, node: tree.links.new(tree.nodes["Plate"].outputs["Alpha"], node.inputs["Hint"]),
            "something else flows into Hint",
        ),
        (
            lambda scene, tree, node: tree.links.new(
                tree.nodes["Plate"].outputs["Alpha"], tree.nodes["Blur"].inputs[0]
            ),
            "other links lead to the node Blur",
        ),
    ],
)
def test_what_makes_other_pixels_is_told(change, words, changed, scene, tree, node):
    blurred(tree, node)
    assert words in changed(lambda: change(scene, tree, node))


def test_curves_and_ramps(changed, tree, node):
    curve = tree.nodes.new("CompositorNodeCurveRGB")
    tree.links.new(tree.nodes["Plate"].outputs[0], curve.inputs["Image"])
    ramp = tree.nodes.new("ShaderNodeValToRGB" if NEW else "CompositorNodeValToRGB")
    tree.links.new(curve.outputs[0], ramp.inputs[0])
    tree.links.new(ramp.outputs["Color" if NEW else "Image"], node.inputs["Image"])

    def bend():
        curve.mapping.curves[3].points[0].location = (0.0, 0.25)

    assert changed(bend) == f"the node {curve.bl_label} changed"

    def recolour():
        ramp.color_ramp.elements[0].position = 0.5

    assert changed(recolour) == f"the node {ramp.bl_label} changed"


def test_a_constant_colour(changed, tree, node):
    colour = tree.nodes.new("CompositorNodeRGB")
    tree.links.new(colour.outputs[0], node.inputs["Image"])
    assert "changed" in changed(lambda: setattr(colour.outputs[0], "default_value", (1, 0, 0, 1)))


def test_what_is_within_a_group(changed, tree, node):
    inner = grouped(tree, node)
    assert changed(lambda: set_size(inner, 5)) == "the node group Inner changed"
    assert changed(lambda: inner.id_data.nodes.new("CompositorNodeBlur")) == ""


def test_contents_of_files(changed, plate_file):
    assert changed(lambda: write_plate(plate_file, seed=2)) == "plate.exr changed on disk"
    assert changed(plate_file.touch) == ""
    contents = plate_file.read_bytes()
    assert changed(plate_file.unlink) == "plate.exr is gone from disk"
    plate_file.write_bytes(contents)


def test_files_of_a_sequence_at_the_frames_asked_for(changed, described, tree, tmp_path):
    sequence(tree, tmp_path, frame_start=3, frame_offset=9)
    assert sorted(described((3, 4))["files"]) == ["shot.0010.exr", "shot.0011.exr"]
    assert described()["files"] == {}
    second = tmp_path / "shot.0011.exr"
    assert changed(lambda: write_plate(second, seed=99), (3, 4)) == "shot.0011.exr changed on disk"
    before = described((3, 4))
    write_plate(second, seed=100)
    # A check at one frame tells nothing of another's.
    assert fingerprints.difference(before, described((3,), before)) == ""
    assert fingerprints.difference(before, described((4,), before)) == "shot.0011.exr changed on disk"


def test_a_property_that_is_animated_is_told_by_its_keys(changed, scene, tree, tmp_path):
    sequence(tree, tmp_path)
    plate = tree.nodes["Plate"]

    def key():
        for frame, offset in ((1, 9), (30, 40)):
            plate.frame_offset = offset
            plate.keyframe_insert("frame_offset", frame=frame)

    assert changed(key) == "the node Image changed"
    scene.frame_set(1)
    assert changed(lambda: scene.frame_set(20)) == ""
    assert plate.frame_offset > 9


def test_two_files_of_one_name(described, scene, tree, node, tmp_path):
    (tmp_path / "other").mkdir()
    second = compat.image_node(tree, str(write_plate(tmp_path / "other" / "plate.exr", seed=3)))
    tree.links.new(second.outputs["Alpha"], node.inputs["Hint"])
    found = described()
    assert sorted(found["files"]) == ["plate.exr", "plate.exr (2)"]
    digests = {row["digest"] for row in found["files"].values()}
    assert len(digests) == 2


def test_a_painted_picture(changed, tree):
    picture = bpy.data.images.new("Painted", 8, 8, float_buffer=True)
    tree.nodes["Plate"].image = picture
    assert changed(lambda: picture.pixels.foreach_set([0.5] * 256)) == "the node Image changed"


def test_render_layers_are_described_by_what_can_be_known(changed, scene, tree, node):
    layers = render_layers(scene, tree, node)
    scene.render.engine = "CYCLES"
    assert (
        changed(lambda: setattr(scene.render, "engine", "BLENDER_WORKBENCH"))
        == "the node Render Layers changed"
    )
    scene.view_layers.new("Second")
    assert changed(lambda: setattr(layers, "layer", "Second")) == "the node Render Layers changed"


def test_nothing_that_a_description_does_is_left(described, scene, tree, node):
    grouped(tree, node)
    before = copy.deepcopy([(one.name, one.users) for one in (*bpy.data.images, *bpy.data.node_groups)])
    described((1, 2))
    assert [(one.name, one.users) for one in (*bpy.data.images, *bpy.data.node_groups)] == before
