"""Nothing of the artist's is changed by a capture, whatever becomes of it."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
import pytest
from bl_ext.user_default.semantic_matte import capture, capture_scene, compat, node_groups
from capture_parts import captured, channels_of, everything, flowing, shown

HANDLERS = (
    "render_init", "render_pre", "render_post", "render_write", "render_stats", "render_complete",
    "render_cancel", "frame_change_pre", "frame_change_post", "depsgraph_update_pre", "depsgraph_update_post",
)  # fmt: skip


@pytest.fixture
def rich(scene, tree, node, tmp_path):
    """A scene with objects, several view layers, a Render Layers node, outputs, keys, drivers, groups."""
    mesh = bpy.data.meshes.new("Plane")
    mesh.from_pydata([(-1, -1, 0), (1, -1, 0), (1, 1, 0), (-1, 1, 0)], [], [(0, 1, 2, 3)])
    mesh.materials.append(bpy.data.materials.new("Grey"))
    plane = bpy.data.objects.new("Plane", mesh)
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.location = (0, 0, 3)
    camera.keyframe_insert("location", frame=1)
    camera.location = (1, 0, 4)
    camera.keyframe_insert("location", frame=9)
    light = bpy.data.objects.new("Light", bpy.data.lights.new("Light", "SUN"))
    for one in (plane, camera, light):
        scene.collection.objects.link(one)
    scene.camera = camera
    scene.render.engine = "CYCLES"
    scene.cycles.samples = 1
    scene.cycles.use_denoising = False
    scene.render.film_transparent = True
    scene.view_layers.new("Second").use_pass_z = True
    scene.view_layers.new("Third")
    bpy.context.view_layer.objects.active = plane
    plane.select_set(True)
    layers = tree.nodes.new("CompositorNodeRLayers")
    layers.scene, layers.layer = scene, "Second"
    layers.name = "Layers"
    tree.nodes.new("CompositorNodeViewer")
    writer = tree.nodes.new("CompositorNodeOutputFile")
    if compat.HAS_COMPOSITING_GROUPS:
        writer.directory, writer.file_name = str(tmp_path / "written"), "x"
        writer.file_output_items.new("RGBA", "Image")
    else:
        writer.base_path = str(tmp_path / "written")
    tree.links.new(tree.nodes["Plate"].outputs["Image"], writer.inputs[0])
    for number, name in enumerate(("Before", "After")):
        blur = tree.nodes.new("CompositorNodeBlur")
        blur.name = name
        socket = blur.inputs["Size"]
        for frame in (1, 9):
            value = frame / 9
            socket.default_value = value if socket.type == "VALUE" else (value * 5, number)
            socket.keyframe_insert("default_value", frame=frame)
    before, after = tree.nodes["Before"], tree.nodes["After"]
    tree.links.new(layers.outputs["Image"], before.inputs["Image"])
    tree.links.new(before.outputs[0], node.inputs["Image"])
    tree.links.new(node.outputs["Image"], after.inputs["Image"])
    driver = tree.nodes["After"].inputs[0].driver_add("default_value", 0).driver
    driver.expression = "frame"
    tree.nodes.active = after
    after.select = True
    scene.frame_set(1)
    return scene


def state(scene, tree):
    """All that an artist could find changed, plain."""
    objects = {one.name: (one.select_get(), one.mode, tuple(one.location)) for one in scene.objects}
    action = tree.animation_data.action if tree.animation_data else None
    curves = compat.curves_of(action, getattr(tree.animation_data, "action_slot", None)) if action else []
    return {
        "context": (
            bpy.context.scene.name,
            bpy.context.view_layer.name,
            bpy.context.mode,
            bpy.context.window.scene.name,
        ),
        "frame": (scene.frame_current, scene.frame_subframe),
        "objects": objects,
        "active": bpy.context.view_layer.objects.active and bpy.context.view_layer.objects.active.name,
        "render": plain_of(scene.render) | {"settings": plain_of(scene.render.image_settings)},
        "view": plain_of(scene.view_settings),
        "layers": [(one.name, one.use) for one in scene.view_layers],
        "compositing": compat.compositing_is_on(scene),
        "nodes": [(one.name, one.bl_idname, one.select, one.mute, tuple(one.location)) for one in tree.nodes],
        "links": [(one.from_node.name, one.from_socket.identifier, one.to_node.name) for one in tree.links],
        "active node": tree.nodes.active and tree.nodes.active.name,
        "keys": [(one.data_path, one.array_index, len(one.keyframe_points)) for one in curves],
        "drivers": [one.data_path for one in tree.animation_data.drivers] if tree.animation_data else [],
        "pictures": [(one.name, one.source, one.filepath, tuple(one.size)) for one in bpy.data.images],
        "handlers": [[id(one) for one in getattr(bpy.app.handlers, name)] for name in HANDLERS],
    }


def plain_of(struct):
    """The plain properties of a part of a scene."""
    return {
        one.identifier: repr(getattr(struct, one.identifier))
        for one in struct.bl_rna.properties
        if one.type in ("BOOLEAN", "INT", "FLOAT", "STRING") and not one.is_readonly
    }


def data_blocks():
    """Everything in the file with its users; in 4.2 without these.

    4.2 counts each user in a copied scene's compositor and first collection twice, and takes it back once;
    counts are right again when the file is loaded.
    """
    if bpy.app.version >= (4, 5):
        return everything()
    return {name: [(row[0], row[2]) for row in rows] for name, rows in everything().items()}


def test_nothing_is_changed(rich, tree, node, tmp_path):
    rich.frame_set(5, subframe=0.25)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "saved.blend"))
    # 4.2 and 4.5 call a file changed from the beginning where there is no window.
    dirty = bpy.data.is_dirty
    before, blocks = state(rich, tree), data_blocks()
    one = captured(rich, node, tmp_path / "capture", (1, 9, 30))
    assert state(rich, tree) == before
    assert data_blocks() == blocks
    assert bpy.data.is_dirty is dirty
    assert not (tmp_path / "written").exists()
    assert len({channels_of(path).tobytes() for path in one.plates}) > 1
    one.close()
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == []


def test_render_layers_are_captured_as_they_are_rendered(rich, tree, node, tmp_path):
    one = captured(rich, node, tmp_path / "capture", (1, 6))
    tree.links.new(tree.nodes["Before"].outputs[0], shown(tree))
    for path, frame in zip(one.plates, (1, 6), strict=True):
        rich.frame_set(frame)
        np.testing.assert_array_equal(channels_of(path), flowing(rich, tmp_path), err_msg=f"frame {frame}")
    found = channels_of(one.plates[0])
    assert 0 < found[..., 3].mean() < 1


def test_workbench(rich, tree, node, tmp_path):
    rich.render.engine = "BLENDER_WORKBENCH"
    one = captured(rich, node, tmp_path / "capture")
    tree.links.new(tree.nodes["Before"].outputs[0], shown(tree))
    np.testing.assert_array_equal(channels_of(one.plates[0]), flowing(rich, tmp_path))
    assert channels_of(one.plates[0])[..., 3].max() > 0.9


def test_only_layers_that_are_shown_are_rendered(rich, tree, node):
    with capture_scene.copy_of(rich, tree, [tree.nodes["Before"].outputs[0]]) as copy:
        assert [(one.name, one.use) for one in copy.scene.view_layers] == [
            ("ViewLayer", False), ("Second", True), ("Third", False)
        ]  # fmt: skip
        assert copy.renders
        assert copy.tree.nodes["Layers"].scene == copy.scene
        assert copy.tree.nodes["Layers"].layer == "Second"
        assert {one.name for one in copy.tree.nodes} == {"Layers", "Before"}
    with capture_scene.copy_of(rich, tree, [tree.nodes["Plate"].outputs[0]]) as copy:
        assert not copy.renders


def test_nothing_is_rendered_where_only_a_picture_flows_in(rich, tree, node, plate_file, tmp_path):
    tree.links.new(tree.nodes["Plate"].outputs["Image"], node.inputs["Image"])
    rich.camera = None
    one = captured(rich, node, tmp_path / "capture")
    np.testing.assert_array_equal(channels_of(one.plates[0]), channels_of(plate_file))


@pytest.mark.parametrize(
    ("socket", "heard"), [("Plate", []), ("Before", ["render_init", "render_pre", "render_post"])]
)
def test_handlers_of_others(socket, heard, rich, tree, node, tmp_path):
    tree.links.new(tree.nodes[socket].outputs[0], node.inputs["Image"])
    calls = []
    added = []
    for name in HANDLERS[:7]:

        def handler(*_arguments, name=name):
            calls.append((name, capture.is_capturing()))

        getattr(bpy.app.handlers, name).append(handler)
        added.append((name, handler))
    try:
        captured(rich, node, tmp_path / "capture")
    finally:
        for name, handler in added:
            getattr(bpy.app.handlers, name).remove(handler)
    names = [name for name, _ in calls]
    assert [name for name in heard if name not in names] == []
    assert "render_write" not in names
    assert bool(names) == bool(heard)
    assert all(capturing for _, capturing in calls)


def test_strips_of_the_nla_keep_their_keys(rich, tree, node, tmp_path):
    action = tree.animation_data.action
    slot = getattr(tree.animation_data, "action_slot", None)
    strip = tree.animation_data.nla_tracks.new().strips.new("strip", 1, action)
    if slot is not None:
        strip.action_slot = slot
    tree.animation_data.action = None
    before = [one.data_path for one in compat.curves_of(action, slot)]
    actions = [one.name for one in bpy.data.actions]
    one = captured(rich, node, tmp_path / "capture", (1, 6))
    assert [one.data_path for one in compat.curves_of(action, slot)] == before
    assert len({path for path in before if "After" in path or "Before" in path}) == 2
    assert [one.name for one in bpy.data.actions] == actions
    tree.links.new(tree.nodes["Before"].outputs[0], shown(tree))
    rich.frame_set(6)
    np.testing.assert_array_equal(channels_of(one.plates[1]), flowing(rich, tmp_path))


def test_a_driver_that_reads_the_scenes_frame(rich, tree, node, tmp_path):
    tree.links.new(tree.nodes["Plate"].outputs["Image"], node.inputs["Image"])
    moved = tree.nodes.new("CompositorNodeTranslate")
    tree.links.new(tree.nodes["Plate"].outputs["Image"], moved.inputs[0])
    tree.links.new(moved.outputs[0], node.inputs["Image"])
    driver = next(one for one in moved.inputs if one.identifier == "X").driver_add("default_value").driver
    variable = driver.variables.new()
    variable.name, variable.type = "now", "SINGLE_PROP"
    variable.targets[0].id_type = "SCENE"
    variable.targets[0].id, variable.targets[0].data_path = rich, "frame_current"
    driver.expression = "now * 2"
    one = captured(rich, node, tmp_path / "capture", (4, 11))
    tree.links.new(moved.outputs[0], shown(tree))
    for path, frame in zip(one.plates, (4, 11), strict=True):
        rich.frame_set(frame)
        np.testing.assert_array_equal(channels_of(path), flowing(rich, tmp_path), err_msg=f"frame {frame}")
    assert variable.targets[0].id == rich


def test_edit_mode(rich, tree, node, tmp_path):
    bpy.ops.object.mode_set(mode="EDIT")
    try:
        before = state(rich, tree)
        captured(rich, node, tmp_path / "capture")
        assert state(rich, tree) == before
        assert bpy.context.mode == "EDIT_MESH"
    finally:
        bpy.ops.object.mode_set(mode="OBJECT")


def test_what_was_rendered_before_stays(rich, tree, node, tmp_path):
    bpy.ops.render.render()
    result = bpy.data.images["Render Result"]
    result.save_render(str(tmp_path / "before.exr"), scene=rich)
    captured(rich, node, tmp_path / "capture", (9,))
    bpy.data.images["Render Result"].save_render(str(tmp_path / "after.exr"), scene=rich)
    np.testing.assert_array_equal(channels_of(tmp_path / "before.exr"), channels_of(tmp_path / "after.exr"))


def test_two_scenes_that_share_a_tree(rich, tree, node, tmp_path):
    other = rich.copy()
    try:
        other_tree = compat.scene_tree(other)
        ours = node_groups.nodes_in(other_tree)[0]
        other.render.resolution_x = 32
        rich.frame_set(1)
        before, blocks = state(rich, tree), data_blocks()
        one = captured(other, ours, tmp_path / "capture")
        assert channels_of(one.plates[0]).shape == (48, 32, 4)
        assert state(rich, tree) == before
        assert data_blocks() == blocks
    finally:
        bpy.data.scenes.remove(other)


def test_a_render_that_fails_leaves_nothing(rich, tree, node, tmp_path):
    rich.camera = None
    rich.frame_set(1)
    before, blocks = state(rich, tree), data_blocks()
    one = capture.Capture(rich, tree, node, (1,), tmp_path / "capture")
    with pytest.raises(capture.CaptureError, match=r"could not render frame 1 .*camera"):
        one.step()
    assert state(rich, tree) == before
    assert data_blocks() == blocks
    assert not capture.is_capturing()
    one.close()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "saved.blend"))
    assert [one.name for one in bpy.data.scenes] == ["Scene"]


def test_memory_does_not_grow(scene, tree, node, tmp_path):
    def resident():
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

    scene.render.resolution_x, scene.render.resolution_y = 640, 360
    captured(scene, node, tmp_path / "capture", range(1, 5))
    before = resident()
    captured(scene, node, tmp_path / "capture", range(1, 17))
    # A render's picture alone is 3.7 MB.
    assert resident() - before < 8 * 3.7e6
