"""The node in a tree: its sockets, what they give, and what becomes of links when results change."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy
import matte_files
import numpy as np
import pytest
from bl_ext.user_default.semantic_matte import group_sockets, node_groups
from node_editor import node_editor
from node_tools import difference, outputs, row, shown, target

from semantic_matte_client.nodes import instance_table

PERSON, DOG, CAR = "sm_person_01", "sm_dog_01", "sm_car_01"

Render = Callable[[Any], dict[str, Any]]


@pytest.fixture
def computed(node: Any, tmp_path: Path) -> tuple[Any, matte_files.Alphas]:
    """The node with a result of a person and a dog, and the alpha of each."""
    results, alphas = matte_files.made(tmp_path / "first", [PERSON, DOG])
    node_groups.apply_results(node.node_tree, results)
    return node, alphas


def test_the_operator_adds_a_native_group_node_to_the_scenes_tree(scene: Any, tree: Any) -> None:
    before = set(tree.nodes)
    assert bpy.ops.semantic_matte.add() == {"FINISHED"}
    (node,) = set(tree.nodes) - before
    assert (node.bl_idname, node.name) == ("CompositorNodeGroup", "Semantic Matte")
    assert tree.nodes.active == node
    assert node.select
    assert [(one.name, one.type) for one in node.inputs] == [("Image", "RGBA"), ("Hint", "VALUE")]
    assert [(one.name, one.type) for one in node.outputs] == [
        ("Image", "RGBA"),
        ("All", "VALUE"),
        ("Cryptomatte", "RGBA"),
    ]
    assert node_groups.all_nodes() == [(scene, tree, node)]
    assert len(node_groups.settings_of(node).identity) == 32
    allowed = ("NodeGroup", "NodeReroute", "CompositorNode", "ShaderNode")
    assert all(one.bl_idname.startswith(allowed) for one in node.node_tree.nodes)


def test_the_operator_makes_the_scenes_tree_where_there_is_none() -> None:
    bpy.ops.wm.read_homefile(use_empty=True)
    bpy.ops.semantic_matte.add()
    ((scene, tree, _node),) = node_groups.all_nodes()
    assert scene == bpy.context.scene
    assert {one.bl_idname for one in tree.nodes} >= {"CompositorNodeRLayers", "CompositorNodeGroup"}


def test_in_an_editor_the_operator_adds_to_the_tree_that_is_open(scene: Any, tree: Any) -> None:
    """Here a group that the artist has gone into."""
    other = bpy.data.node_groups.new("Other", "CompositorNodeTree")
    holder = tree.nodes.new("CompositorNodeGroup")
    holder.node_tree = other
    with node_editor(tree) as context:
        context.space_data.path.append(other, node=holder)
        context.space_data.cursor_location = (70.0, -30.0)
        assert bpy.ops.semantic_matte.add() == {"FINISHED"}
    (node,) = node_groups.nodes_in(other)
    assert tuple(node.location) == (70.0, -30.0)
    assert not node_groups.all_nodes()
    with pytest.raises(RuntimeError, match="there is one inside another group: 'Other'"):
        bpy.ops.semantic_matte.show(show="MATTE")


def test_before_anything_is_computed_the_plate_passes_and_all_is_0(
    scene: Any, node: Any, plate_file: Path, render: Render, read_exr: Callable[[Path], Any]
) -> None:
    plate, rendered = read_exr(plate_file), render(scene)
    assert difference(rendered, plate) == 0.0
    assert not shown(render, scene, node, "All").any()


def test_each_output_gives_its_layer(
    scene: Any, computed: tuple[Any, matte_files.Alphas], render: Render, tmp_path: Path
) -> None:
    node, alphas = computed
    assert [one.name for one in node.outputs] == ["Image", "All", "person_01", "dog_01", "Cryptomatte"]
    for slot, alpha in alphas.items():
        np.testing.assert_array_equal(shown(render, scene, node, slot[3:]), alpha.astype(np.float32))
    total = alphas[PERSON].astype(np.float32) + alphas[DOG]
    assert total.max() <= 1
    np.testing.assert_array_equal(shown(render, scene, node, "All"), total)
    target(scene, node, "Cryptomatte")
    ranks = matte_files.write_frame(tmp_path / "again", 1, alphas)
    found = np.stack([render(scene)[name] for name in "RGBA"], axis=-1)
    np.testing.assert_array_equal(found.view(np.uint32), ranks.view(np.uint32))


def test_what_image_gives(
    scene: Any,
    computed: tuple[Any, matte_files.Alphas],
    plate_file: Path,
    render: Render,
    read_exr: Callable[[Path], Any],
) -> None:
    _node, alphas = computed
    plate = read_exr(plate_file)
    total = alphas[PERSON].astype(np.float32) + alphas[DOG]
    assert difference(render(scene), {**plate, "A": total}) == 0.0
    bpy.ops.semantic_matte.show(show="CUTOUT")
    assert difference(render(scene), {name: plate[name] * total for name in "RGBA"}) == 0.0
    bpy.ops.semantic_matte.show(show="MATTE")
    assert difference(render(scene), dict.fromkeys("RGB", total)) == 0.0
    bpy.ops.semantic_matte.show(show="OVERLAY")
    colours = {name: plate[name] for name in "RGB"}
    for position, alpha in enumerate(alphas.values()):
        factor = alpha.astype(np.float32) / 2
        for name, part in zip("RGB", instance_table.overlay_colour(position), strict=True):
            colours[name] = colours[name] * (1 - factor) + np.float32(part) * factor
    rendered = render(scene)
    assert difference(rendered, colours) < 1e-6
    np.testing.assert_array_equal(rendered["A"], plate["A"])


def test_plate_touches_no_colour_of_any_value(
    scene: Any, tmp_path: Path, tree: Any, node: Any, render: Render
) -> None:
    values = np.array([1000.0, -0.5, 65504.0, 1e-30, 3e38, 0.1], np.float32)
    pixels = np.resize(values, (48, 64, 4)).copy()
    pixels[..., 3] = 1.0
    path = matte_files.write_picture(tmp_path / "bright.exr", pixels)
    tree.nodes["Plate"].image = bpy.data.images.load(str(path))
    results, _alphas = matte_files.made(tmp_path / "first", [PERSON])
    node_groups.apply_results(node.node_tree, results)
    rendered = render(scene)
    for place, name in enumerate("RGB"):
        np.testing.assert_array_equal(rendered[name], pixels[..., place])


def test_links_survive_a_result_with_other_objects(
    scene: Any, computed: tuple[Any, matte_files.Alphas], render: Render, tmp_path: Path
) -> None:
    """A person that comes again in another place of the file, a dog that is gone but linked, a new car."""
    node, _alphas = computed
    group = node.node_tree
    target(scene, node, "dog_01", "Dog taker")
    target(scene, node, "person_01", "Person taker")
    identifiers = outputs(node)
    results, alphas = matte_files.made(tmp_path / "second", [CAR, PERSON], seed=5)
    node_groups.apply_results(group, results)
    assert list(outputs(node)) == ["Image", "All", "person_01", "dog_01", "car_01", "Cryptomatte"]
    assert identifiers.items() <= outputs(node).items()
    assert node.outputs["dog_01"].links[0].to_node.name == "Dog taker"
    assert node.outputs["person_01"].links[0].to_node.name == "Person taker"
    assert [(one.key, one.present) for one in node_groups.rows_of(group)] == [
        (PERSON, True),
        (DOG, False),
        (CAR, True),
    ]
    assert not shown(render, scene, node, "dog_01").any()
    for slot, alpha in alphas.items():
        np.testing.assert_array_equal(shown(render, scene, node, slot[3:]), alpha.astype(np.float32))
    results, alphas = matte_files.made(tmp_path / "third", [DOG], seed=6)
    node_groups.apply_results(group, results)
    np.testing.assert_array_equal(shown(render, scene, node, "dog_01"), alphas[DOG].astype(np.float32))


def test_an_object_that_is_gone_and_not_linked_loses_its_socket(
    computed: tuple[Any, matte_files.Alphas], tmp_path: Path
) -> None:
    node, _alphas = computed
    results, _alphas = matte_files.made(tmp_path / "second", [DOG])
    node_groups.apply_results(node.node_tree, results)
    assert list(outputs(node)) == ["Image", "All", "dog_01", "Cryptomatte"]


def test_a_result_without_objects(
    scene: Any, computed: tuple[Any, matte_files.Alphas], render: Render, tmp_path: Path
) -> None:
    """The engine writes one layer of zeros then, `sm_none_00`, which is no object."""
    node, _alphas = computed
    results, _alphas = matte_files.made(tmp_path / "none", ["sm_none_00"])
    node_groups.apply_results(node.node_tree, matte_files.results(tmp_path / "none", []))
    assert list(outputs(node)) == ["Image", "All", "Cryptomatte"]
    assert not shown(render, scene, node, "All").any()
    assert results.slots


def test_a_result_that_cannot_be_read_changes_nothing(
    scene: Any, computed: tuple[Any, matte_files.Alphas], render: Render, tmp_path: Path
) -> None:
    node, alphas = computed
    images = set(bpy.data.images)
    results, _alphas = matte_files.made(tmp_path / "second", [CAR])
    Path(results.cryptomatte_file(1)).unlink()
    with pytest.raises(RuntimeError, match=r"cryptomatte.*can't be read: compute again"):
        node_groups.apply_results(node.node_tree, results)
    assert set(bpy.data.images) == images
    assert list(outputs(node)) == ["Image", "All", "person_01", "dog_01", "Cryptomatte"]
    np.testing.assert_array_equal(shown(render, scene, node, "dog_01"), alphas[DOG].astype(np.float32))


def test_each_result_takes_its_images_place(computed: tuple[Any, matte_files.Alphas], tmp_path: Path) -> None:
    node, _alphas = computed
    names = sorted(image.name for image in bpy.data.images)
    results, _alphas = matte_files.made(tmp_path / "second", [CAR])
    node_groups.apply_results(node.node_tree, results)
    assert sorted(image.name for image in bpy.data.images) == names
    mattes, cryptomatte = node_groups.image_nodes(node.node_tree)
    for one in (mattes, cryptomatte):
        assert one.image.colorspace_settings.is_data
        assert Path(one.image.filepath).parent == tmp_path / "second"


def test_an_image_that_the_artist_loaded_stays_the_artists(node: Any, tmp_path: Path) -> None:
    results, _alphas = matte_files.made(tmp_path / "first", [PERSON])
    mine = bpy.data.images.load(results.mattes_file(1))
    space = mine.colorspace_settings.name
    node_groups.apply_results(node.node_tree, results)
    mattes, _cryptomatte = node_groups.image_nodes(node.node_tree)
    assert mattes.image != mine
    assert (mine.colorspace_settings.name, mine.source, mine.users) == (space, "FILE", 0)


def test_rewritten_files_are_read_anew(
    scene: Any, computed: tuple[Any, matte_files.Alphas], render: Render, tmp_path: Path
) -> None:
    node, alphas = computed
    shown(render, scene, node, "dog_01")
    results, others = matte_files.made(tmp_path / "first", [PERSON, DOG], seed=9)
    assert (others[DOG] != alphas[DOG]).any()
    node_groups.apply_results(node.node_tree, results)
    np.testing.assert_array_equal(shown(render, scene, node, "dog_01"), others[DOG].astype(np.float32))


@pytest.mark.parametrize(
    ("frames", "offset"), [((5, 6, 7), 0), ((-2, -1, 0), 1000), ((1001, 1003), 0), ((9999, 10000), 0)]
)
def test_each_frame_of_a_range_has_its_file(
    scene: Any, node: Any, render: Render, tmp_path: Path, frames: tuple[int, ...], offset: int
) -> None:
    layers = {frame: matte_files.alphas([DOG], seed=abs(frame)) for frame in frames}
    for frame, layer in layers.items():
        matte_files.write_frame(tmp_path / "shot", frame + offset, layer)
    results = matte_files.results(tmp_path / "shot", [DOG], frames, offset)
    node_groups.apply_results(node.node_tree, results)
    assert node_groups.shown_results(node.node_tree) == results
    for frame in reversed(frames):
        scene.frame_set(frame)
        found = shown(render, scene, node, "dog_01")
        np.testing.assert_array_equal(found, layers[frame][DOG].astype(np.float32))


def test_a_held_result_is_the_same_in_every_frame(
    scene: Any, node: Any, render: Render, tmp_path: Path
) -> None:
    results, alphas = matte_files.made(tmp_path / "still", [DOG], frame=12, hold=True)
    node_groups.apply_results(node.node_tree, results)
    assert node_groups.shown_results(node.node_tree) == results
    for frame in (1, 12, 500):
        scene.frame_set(frame)
        found = shown(render, scene, node, "dog_01")
        np.testing.assert_array_equal(found, alphas[DOG].astype(np.float32))


def test_64_instances(scene: Any, node: Any, render: Render, tmp_path: Path) -> None:
    slots = [f"sm_thing_{number:02d}" for number in range(1, 65)]
    results, alphas = matte_files.made(tmp_path / "many", slots)
    node_groups.apply_results(node.node_tree, results)
    assert len(node.outputs) == 67
    for slot in (slots[0], slots[31], slots[63]):
        np.testing.assert_array_equal(shown(render, scene, node, slot[3:]), alphas[slot].astype(np.float32))
    total = sum(alpha.astype(np.float32) for alpha in alphas.values())
    np.testing.assert_array_equal(shown(render, scene, node, "All"), total)
    row(node, slots[5]).enabled = False
    np.testing.assert_array_equal(shown(render, scene, node, "All"), total - alphas[slots[5]])


def test_two_nodes_in_one_tree_are_apart(
    scene: Any, tree: Any, computed: tuple[Any, matte_files.Alphas], render: Render, tmp_path: Path
) -> None:
    node, alphas = computed
    bpy.ops.semantic_matte.add()
    other = next(one for one in node_groups.nodes_in(tree) if one != node)
    tree.links.new(node.outputs["Image"], other.inputs["Image"])
    results, others = matte_files.made(tmp_path / "other", [PERSON], seed=3)
    node_groups.apply_results(other.node_tree, results)
    assert node_groups.settings_of(node).identity != node_groups.settings_of(other).identity
    np.testing.assert_array_equal(shown(render, scene, other, "person_01"), others[PERSON].astype(np.float32))
    np.testing.assert_array_equal(shown(render, scene, node, "person_01"), alphas[PERSON].astype(np.float32))
    with pytest.raises(RuntimeError, match="no Semantic Matte node 'Elsewhere': there is"):
        bpy.ops.semantic_matte.show(node="Elsewhere", show="MATTE")
    bpy.ops.semantic_matte.show(node=node.name, show="MATTE")
    assert [node_groups.settings_of(one).show for one in (node, other)] == ["MATTE", "PLATE"]


def test_what_an_artist_did_inside_the_group_stays(
    scene: Any, computed: tuple[Any, matte_files.Alphas], render: Render
) -> None:
    """Sockets renamed or removed in the interface, nodes of the artist's own."""
    node, alphas = computed
    group = node.node_tree
    settings = group.semantic_matte
    own = group.nodes.new("CompositorNodeBlur")
    items = group_sockets.items(group, "OUTPUT")
    items[settings.socket_all].name = "Everything"
    group.interface.remove(items[row(node, DOG).socket])
    group.interface.remove(items[settings.socket_image])
    assert list(outputs(node)) == ["Everything", "person_01", "Cryptomatte"]
    node_groups.rebuild(group)
    assert list(outputs(node)) == ["Everything", "person_01", "dog_01", "Cryptomatte", "Image"]
    assert own.name in group.nodes
    np.testing.assert_array_equal(shown(render, scene, node, "dog_01"), alphas[DOG].astype(np.float32))
    target(scene, node, "Image")
    total = alphas[PERSON].astype(np.float32) + alphas[DOG]
    np.testing.assert_array_equal(render(scene)["A"], total)


def test_what_a_later_blender_added_goes_with_what_it_added_it_to(
    scene: Any, computed: tuple[Any, matte_files.Alphas]
) -> None:
    """5.2 puts Separate Color and Set Alpha behind the Mix of an older file; an artist's own ones stay."""
    node, _alphas = computed
    group = node.node_tree
    kinds = ("CompositorNodeSeparateColor", "CompositorNodeSetAlpha")
    built = next(one for one in group.nodes if one.bl_idname == "CompositorNodeSetAlpha")
    for kind in kinds:
        group.links.new(built.outputs[0], group.nodes.new(kind).inputs["Image"])
        group.nodes.new(kind).label = "my own"
    before = len(group.nodes)
    node_groups.rebuild(group)
    assert len(group.nodes) == before - len(kinds)
    assert sum(one.label == "my own" for one in group.nodes) == len(kinds)
