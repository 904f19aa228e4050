"""Capture in a real Blender: the pixels of a node's inputs, in files, whatever leads to them."""

from __future__ import annotations

import math
from pathlib import Path

import bpy
import compat
import numpy as np
import pytest
from bl_ext.user_default.semantic_matte import capture, node_groups
from capture_nodes import CHAIN, compat_file_output, exposed, moving, random_colours, write_exr, write_film
from capture_parts import captured, channels_of, flowing, shown

NEW = bpy.app.version >= (5, 0, 0)


def test_the_plate_and_the_hint_of_the_first_frame(scene, tree, node, plate_file, read_exr, tmp_path):
    tree.links.new(tree.nodes["Plate"].outputs["Alpha"], node.inputs["Hint"])
    folder = tmp_path / "a {blend_name} #c ü %04d"
    one = captured(scene, node, folder, (1, 2))
    assert [path.name for path in one.plates] == ["plate.0001.exr", "plate.0002.exr"]
    for path in one.plates:
        np.testing.assert_array_equal(channels_of(path), channels_of(plate_file))
    assert channels_of(one.plates[0]).dtype == np.float32
    assert one.hint == folder / "hint.0001.exr"
    assert (channels_of(one.hint) == 1).all()
    assert (one.done, one.total, one.colour_space) == (2, 2, "scene_linear_rec709")
    assert not capture.is_capturing()
    one.close()
    assert not folder.exists()
    one.close()


def test_an_image_of_another_size_lies_in_the_middle(scene, tree, node, tmp_path):
    write_exr(tmp_path / "small.exr", random_colours(20, 30))
    tree.nodes["Plate"].image = bpy.data.images.load(str(tmp_path / "small.exr"))
    assert_exact(scene, tree, node, tmp_path)
    found = channels_of(tmp_path / "capture" / "plate.0001.exr")
    assert 20 * 30 <= (found[..., 3] > 0).sum() <= 21 * 31


def test_a_sequence_with_its_own_offsets(scene, tree, node, tmp_path):
    for number in range(9, 16):
        write_exr(tmp_path / f"shot.{number:04d}.exr", random_colours(48, 64, seed=number))
    plate = tree.nodes["Plate"]
    plate.image = bpy.data.images.load(str(tmp_path / "shot.0010.exr"))
    plate.image.source = "SEQUENCE"
    plate.frame_start, plate.frame_duration, plate.frame_offset = 3, 6, 9
    # Before its first frame a sequence shows the file before its first, after its last one it stands still.
    shown_at = {-5: 9, 1: 9, 2: 9, 3: 10, 4: 11, 6: 13, 8: 15, 50: 15}
    frames = tuple(shown_at)
    one = captured(scene, node, tmp_path / "capture", frames, 1000)
    for path, frame in zip(one.plates, frames, strict=True):
        np.testing.assert_array_equal(
            channels_of(path),
            channels_of(tmp_path / f"shot.{shown_at[frame]:04d}.exr"),
            err_msg=f"frame {frame}",
        )


def test_negative_frames_steps_and_offsets(scene, tree, node, tmp_path):
    translate = moving(tree, node)
    frames = (-11, -4, 0, 7)
    one = captured(scene, node, tmp_path / "capture", frames, 1000)
    names = ["plate.0989.exr", "plate.0996.exr", "plate.1000.exr", "plate.1007.exr"]
    assert [path.name for path in one.plates] == names
    tree.links.new(translate.outputs["Image"], shown(tree))
    for path, frame in zip(one.plates, frames, strict=True):
        scene.frame_set(frame)
        np.testing.assert_array_equal(channels_of(path), flowing(scene, tmp_path), err_msg=f"frame {frame}")
    assert len({channels_of(path).tobytes() for path in one.plates}) == len(frames)


def test_a_frame_is_captured_whole_where_the_artist_stands_between_two(scene, tree, node, tmp_path):
    translate = moving(tree, node)
    scene.frame_set(3, subframe=0.5)
    one = captured(scene, node, tmp_path / "capture", (3,))
    assert (scene.frame_current, scene.frame_subframe) == (3, 0.5)
    scene.frame_set(3)
    tree.links.new(translate.outputs["Image"], shown(tree))
    np.testing.assert_array_equal(channels_of(one.plates[0]), flowing(scene, tmp_path))


@pytest.mark.parametrize("kind", ["translate", "rotate", "scale", "crop", "blur", "exposure", "flip", "chain"])
def test_a_chain_of_nodes(kind, scene, tree, node, tmp_path):
    socket = tree.nodes["Plate"].outputs["Image"]
    for one in ("translate", "rotate", "scale", "crop", "exposure") if kind == "chain" else (kind,):
        socket = CHAIN[one](tree, socket)
    tree.links.new(socket, node.inputs["Image"])
    assert_exact(scene, tree, node, tmp_path)


def test_groups_reroutes_and_muted_nodes(scene, tree, node, tmp_path):
    group = bpy.data.node_groups.new("Inner", "CompositorNodeTree")
    group.interface.new_socket("Image", in_out="INPUT", socket_type="NodeSocketColor")
    group.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    start, end = group.nodes.new("NodeGroupInput"), group.nodes.new("NodeGroupOutput")
    group.links.new(exposed(group, start.outputs[0]), end.inputs[0])
    # A File Output within a group writes too where the artist renders: never where we capture.
    writer = group.nodes.new("CompositorNodeOutputFile")
    compat_file_output(writer, tmp_path / "written", group, start.outputs[0])
    outer = tree.nodes.new("CompositorNodeGroup")
    outer.node_tree = group
    tree.links.new(tree.nodes["Plate"].outputs["Image"], outer.inputs[0])
    muted = tree.nodes.new("CompositorNodeBlur")
    muted.mute = True
    tree.links.new(outer.outputs[0], muted.inputs[0])
    route = tree.nodes.new("NodeReroute")
    tree.links.new(muted.outputs[0], route.inputs[0])
    tree.links.new(route.outputs[0], node.inputs["Image"])
    one = captured(scene, node, tmp_path / "capture")
    assert not (tmp_path / "written").exists()
    assert [one.name for one in bpy.data.node_groups if one.name.startswith("Inner")] == ["Inner"]
    assert writer.name in group.nodes
    group.nodes.remove(writer)
    tree.links.new(route.outputs[0], shown(tree))
    np.testing.assert_array_equal(channels_of(one.plates[0]), flowing(scene, tmp_path))
    assert channels_of(one.plates[0])[..., :3].max() > 1


def test_high_dynamic_range(scene, tree, node, tmp_path):
    colours = random_colours(48, 64)
    colours[0, :5, :3] = [[1000] * 3, [-0.5] * 3, [math.inf] * 3, [-math.inf] * 3, [math.nan] * 3]
    colours[1, 0, :3] = 65504 * 2
    write_exr(tmp_path / "hdr.exr", colours)
    tree.nodes["Plate"].image = bpy.data.images.load(str(tmp_path / "hdr.exr"))
    one = captured(scene, node, tmp_path / "capture")
    found = channels_of(one.plates[0])
    tree.links.new(tree.nodes["Plate"].outputs["Image"], shown(tree))
    np.testing.assert_array_equal(found, flowing(scene, tmp_path))
    # What isn't a number is handed on as it is: the engine replaces it, and says so.
    np.testing.assert_array_equal(found[0, :2], colours[0, :2])
    np.testing.assert_array_equal(found[1:], colours[1:])


def test_colours_stay_multiplied_by_the_alpha_below_one(scene, tree, node, tmp_path):
    colours = random_colours(48, 64)
    colours[..., 3] = np.linspace(0, 1, 64, dtype=np.float32)
    write_exr(tmp_path / "clear.exr", colours)
    tree.nodes["Plate"].image = bpy.data.images.load(str(tmp_path / "clear.exr"))
    one = captured(scene, node, tmp_path / "capture")
    np.testing.assert_array_equal(channels_of(one.plates[0]), colours)
    tree.links.new(tree.nodes["Plate"].outputs["Image"], shown(tree))
    np.testing.assert_array_equal(flowing(scene, tmp_path), colours)


def test_half_the_resolution(scene, tree, node, tmp_path):
    scene.render.resolution_percentage = 50
    assert_exact(scene, tree, node, tmp_path)
    assert channels_of(tmp_path / "capture" / "plate.0001.exr").shape == (24, 32, 4)


def test_the_whole_frame_where_a_region_is_rendered(scene, tree, node, plate_file, tmp_path):
    render = scene.render
    render.use_border = True
    render.border_min_x, render.border_max_x, render.border_min_y, render.border_max_y = 0.25, 0.75, 0.25, 0.5
    one = captured(scene, node, tmp_path / "capture")
    np.testing.assert_array_equal(channels_of(one.plates[0]), channels_of(plate_file))
    assert render.use_border


def test_scene_linear_whatever_the_view_is(scene, tree, node, plate_file, tmp_path):
    view, settings = scene.view_settings, scene.render.image_settings
    view.exposure, view.gamma = 2.0, 1.7
    settings.color_management = "OVERRIDE"
    settings.linear_colorspace_settings.name = "ACEScg"
    scene.render.use_stamp = True
    scene.render.use_sequencer = True
    editor = scene.sequence_editor_create()
    strips = editor.strips if hasattr(editor, "strips") else editor.sequences
    length = {"length": 9} if NEW else {"frame_end": 9}
    strips.new_effect(name="Colour", type="COLOR", channel=1, frame_start=1, **length)
    scene.render.film_transparent = True
    one = captured(scene, node, tmp_path / "capture")
    np.testing.assert_array_equal(channels_of(one.plates[0]), channels_of(plate_file))
    assert settings.color_management == "OVERRIDE"


def test_equal_plates_are_equal_files(scene, tree, node, tmp_path):
    for name in ("use_stamp_date", "use_stamp_time", "use_stamp_render_time", "use_stamp_memory"):
        setattr(scene.render, name, True)
    one, again = (captured(scene, node, tmp_path / name) for name in "ab")
    assert one.plates[0].read_bytes() == again.plates[0].read_bytes()


def test_one_colour_fills_the_frame(scene, tree, node, tmp_path):
    colour = tree.nodes.new("CompositorNodeRGB")
    colour.outputs[0].default_value = (0.25, 2.0, 0.5, 1.0)
    tree.links.new(colour.outputs[0], node.inputs["Image"])
    assert_exact(scene, tree, node, tmp_path)
    found = channels_of(tmp_path / "capture" / "plate.0001.exr")
    assert (found == np.float32([0.25, 2.0, 0.5, 1.0])).all()


@pytest.mark.skipif(not NEW, reason="working spaces came with 5.0")
def test_another_working_space_is_named(scene, tree, node, tmp_path):
    bpy.ops.wm.set_working_color_space(working_space="ACEScg", convert_colors=False)
    one = captured(scene, node, tmp_path / "capture")
    assert one.colour_space == "ACEScg"
    tree.links.new(tree.nodes["Plate"].outputs["Image"], shown(tree))
    np.testing.assert_array_equal(channels_of(one.plates[0]), flowing(scene, tmp_path))


def test_a_film(scene, tree, node, tmp_path):
    film = write_film(scene, tree, tmp_path)
    tree.nodes["Plate"].image = bpy.data.images.load(str(film))
    tree.nodes["Plate"].frame_duration = 3
    tree.links.new(tree.nodes["Plate"].outputs["Image"], node.inputs["Image"])
    assert tree.nodes["Plate"].image.source == "MOVIE"
    assert_exact(scene, tree, node, tmp_path, frames=(1, 3), different=True)


def test_a_movie_clip(scene, tree, node, tmp_path):
    film = write_film(scene, tree, tmp_path)
    clip = tree.nodes.new("CompositorNodeMovieClip")
    clip.clip = bpy.data.movieclips.load(str(film))
    tree.links.new(clip.outputs["Image"], node.inputs["Image"])
    assert_exact(scene, tree, node, tmp_path, frames=(1, 3), different=True)


def test_nothing_flows_in(scene, tree, node, tmp_path):
    tree.links.remove(node.inputs["Image"].links[0])
    with pytest.raises(capture.CaptureError, match=r"Nothing flows into the Image input of 'Semantic Matte'"):
        captured(scene, node, tmp_path / "capture")


def test_node_and_scene_that_are_gone(scene, tree, node, tmp_path):
    one = capture.Capture(scene, tree, node, (1, 2), tmp_path / "capture")
    other = bpy.data.scenes.new("Other")
    compat.prepare_scene(other, 64, 48)
    other_tree, _ = compat.empty_compositor(other)
    other_node = node_groups.add_node(other_tree)
    orphan = capture.Capture(other, other_tree, other_node, (1,), tmp_path / "capture")
    one.step()
    tree.nodes.remove(node)
    with pytest.raises(capture.CaptureError, match="The node was deleted"):
        one.step()
    bpy.data.scenes.remove(other)
    with pytest.raises(capture.CaptureError, match="The scene was deleted"):
        orphan.step()
    one.close()
    assert not (tmp_path / "capture").exists()


def test_a_folder_that_cannot_be_made(scene, tree, node, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(capture.CaptureError, match=r"can't be written to '.*file/x': .*Choose another cache"):
        capture.Capture(scene, tree, node, (1,), tmp_path / "file" / "x")


def test_a_folder_that_goes_away(scene, tree, node, tmp_path):
    one = capture.Capture(scene, tree, node, (1,), tmp_path / "capture")
    (tmp_path / "capture").rmdir()
    (tmp_path / "capture").write_text("x")
    scenes = len(bpy.data.scenes)
    with pytest.raises(capture.CaptureError):
        one.step()
    assert len(bpy.data.scenes) == scenes
    assert not capture.is_capturing()


def test_what_a_failed_step_wrote_goes_too(scene, tree, node, tmp_path):
    layers = tree.nodes.new("CompositorNodeRLayers")
    layers.scene = scene
    tree.links.new(layers.outputs["Alpha"], node.inputs["Hint"])
    one = capture.Capture(scene, tree, node, (1,), tmp_path / "capture")
    with pytest.raises(capture.CaptureError, match="no camera"):
        one.step()
    (tmp_path / "capture" / "plate.0001.exr").write_text("half of it")
    one.close()
    assert not (tmp_path / "capture").exists()


def test_several_views_are_told(scene, tree, node, plate_file, tmp_path):
    scene.render.use_multiview = True
    one = captured(scene, node, tmp_path / "capture")
    assert len(one.notices) == 1
    assert "several views" in one.notices[0]
    np.testing.assert_array_equal(channels_of(one.plates[0]), channels_of(plate_file))
    scene.render.use_multiview = False
    assert capture.Capture(scene, tree, node, (1,), tmp_path / "capture").notices == []


def test_space_of_the_configuration(monkeypatch, tmp_path):
    (tmp_path / "config.ocio").write_text("roles:\n  # scene_linear: no\n  scene_linear: ACES - ACEScg\n")
    monkeypatch.setenv("OCIO", str(tmp_path / "config.ocio"))
    assert capture.colour_space() == "ACES - ACEScg"
    monkeypatch.delenv("OCIO")
    assert capture.colour_space() == "scene_linear_rec709"


def assert_exact(scene, tree, node, folder: Path, frames=(1,), different=False):
    """The captured plates are what the scene renders where it shows the same socket."""
    one = captured(scene, node, folder / "capture", frames)
    tree.links.new(node.inputs["Image"].links[0].from_socket, shown(tree))
    pictures = []
    for path, frame in zip(one.plates, frames, strict=True):
        scene.frame_set(frame)
        pictures.append(flowing(scene, folder))
        np.testing.assert_array_equal(channels_of(path), pictures[-1], err_msg=f"frame {frame}")
    assert pictures[0][..., :3].max() > 0
    if different:
        assert np.abs(pictures[0] - pictures[-1]).max() > 0.01
