"""Nodes over files, scenes and copies: what is shared, what is not, and what happens to pixels."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy
import compat
import matte_files
import numpy as np
import pytest
from bl_ext.user_default.semantic_matte import group_sockets, node_groups
from node_tools import Alphas, difference, outputs, row, shown, shown_mattes, target

import conftest

PERSON, DOG = SLOTS = "sm_person_01", "sm_dog_01"

Render = Callable[[Any], dict[str, Any]]


@pytest.fixture
def alphas(node: Any, tmp_path: Path) -> Alphas:
    """What the node's layers hold, as Blender reads them."""
    return shown_mattes(node, tmp_path / "result", SLOTS)


def the_node() -> tuple[Any, Any]:
    """The scene and the node of the file that is open."""
    scene = bpy.context.scene
    (node,) = node_groups.nodes_in(conftest.compositor_of(scene))
    return scene, node


def save(path: Path) -> Path:
    """Save the file that is open."""
    path.parent.mkdir(parents=True, exist_ok=True)
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    return path


def duplicated(tree: Any, node: Any) -> Any:
    """A node as Duplicate Linked makes it: another one of the same group."""
    other = tree.nodes.new(node.bl_idname)
    other.node_tree = node.node_tree
    return other


def test_a_saved_file_comes_back_as_it_was(
    scene: Any, node: Any, alphas: Alphas, render: Render, tmp_path: Path
) -> None:
    """Also opened from a folder that was moved with the results beside it, and from an older save."""
    settings = node_groups.settings_of(node)
    settings.find, settings.passes, settings.confidence = "person, dog", 2, 0.5
    settings.overlaps, settings.extent, settings.frame_range = "independent", "RANGE", "1-10x3"
    row(node, DOG).title = "Rex ✓"
    row(node, PERSON).enabled = False
    target(scene, node, "Rex ✓")
    shutil.move(tmp_path / "result", tmp_path / "job" / "result")
    results = matte_files.results(tmp_path / "job" / "result", SLOTS)
    save(tmp_path / "job" / "shot.blend")
    node_groups.apply_results(node.node_tree, results)
    assert node_groups.image_nodes(node.node_tree)[0].image.filepath.startswith("//result")
    before = (node_groups.rows_of(node.node_tree), outputs(node), settings.identity)
    save(tmp_path / "job" / "shot.blend")
    shutil.move(tmp_path / "job", tmp_path / "elsewhere ü")
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "elsewhere ü" / "shot.blend"))
    scene, node = the_node()
    settings = node_groups.settings_of(node)
    assert (node_groups.rows_of(node.node_tree), outputs(node), settings.identity) == before
    assert (settings.find, settings.passes, settings.confidence) == ("person, dog", 2, 0.5)
    assert (settings.overlaps, settings.extent, settings.frame_range) == ("independent", "RANGE", "1-10x3")
    shown_now = node_groups.shown_results(node.node_tree)
    assert shown_now.folder == str(tmp_path / "elsewhere ü" / "result")
    assert Path(shown_now.mattes_file(1)).is_file()
    np.testing.assert_array_equal(render(scene)["R"], alphas[DOG])
    assert not shown(render, scene, node, "person_01").any()


def test_paths_follow_a_file_that_is_saved_elsewhere(
    scene: Any, node: Any, render: Render, tmp_path: Path
) -> None:
    save(tmp_path / "one" / "shot.blend")
    results, layers = matte_files.made(tmp_path / "one" / "result", SLOTS)
    node_groups.apply_results(node.node_tree, results)
    save(tmp_path / "two" / "shot.blend")
    assert node_groups.shown_results(node.node_tree) == results
    found = shown(render, scene, node, "dog_01")
    np.testing.assert_array_equal(found, layers[DOG].astype(np.float32))


def test_links_survive_files_that_are_gone_when_it_is_opened(
    scene: Any, node: Any, alphas: Alphas, render: Render, tmp_path: Path
) -> None:
    """Changed and saved meanwhile; once the files are back it all goes on."""
    for name in ("dog_01", "person_01", "Cryptomatte"):
        target(scene, node, name, f"Taker {name}")
    file = save(tmp_path / "shot.blend")
    (tmp_path / "result").rename(tmp_path / "gone")
    bpy.ops.wm.open_mainfile(filepath=str(file))
    scene, node = the_node()
    # By default a render without its mattes is stopped.
    scene.semantic_matte_on_stale = "WARN"
    render(scene)
    row(node, DOG).enabled = False
    row(node, DOG).enabled = True
    row(node, DOG).title = "Rex"
    save(file)
    (tmp_path / "gone").rename(tmp_path / "result")
    bpy.ops.wm.open_mainfile(filepath=str(file))
    scene, node = the_node()
    assert [node.outputs[name].is_linked for name in ("Rex", "person_01", "Cryptomatte")] == [True] * 3
    np.testing.assert_array_equal(shown(render, scene, node, "Rex"), alphas[DOG])
    np.testing.assert_array_equal(shown(render, scene, node, "person_01"), alphas[PERSON])


def test_duplicate_linked_and_then_a_group_of_its_own(
    scene: Any, tree: Any, node: Any, alphas: Alphas, render: Render, tmp_path: Path
) -> None:
    other = duplicated(tree, node)
    tree.links.new(tree.nodes["Plate"].outputs["Image"], other.inputs["Image"])
    target(scene, other, "dog_01", "Taker")
    assert node_groups.own_group(other)
    assert not node_groups.own_group(other)
    assert not node_groups.own_group(node)
    assert node_groups.settings_of(node).identity != node_groups.settings_of(other).identity
    assert other.inputs["Image"].is_linked
    assert other.outputs["dog_01"].links[0].to_node.name == "Taker"
    np.testing.assert_array_equal(shown(render, scene, other, "dog_01"), alphas[DOG])
    results, others = matte_files.made(tmp_path / "other", SLOTS, seed=8)
    node_groups.apply_results(other.node_tree, results)
    row(other, PERSON).enabled = False
    np.testing.assert_array_equal(shown(render, scene, other, "dog_01"), others[DOG].astype(np.float32))
    np.testing.assert_array_equal(shown(render, scene, node, "dog_01"), alphas[DOG])
    np.testing.assert_array_equal(shown(render, scene, node, "person_01"), alphas[PERSON])


def test_a_copied_group_is_told_from_its_original(node: Any, tree: Any, alphas: Alphas) -> None:
    """As the button beside a group's name makes it, or Duplicate with Node Trees in the preferences."""
    other = duplicated(tree, node)
    other.node_tree = node.node_tree.copy()
    assert node_groups.settings_of(other).identity == node_groups.settings_of(node).identity
    assert node_groups.own_group(other)
    assert node_groups.settings_of(other).identity != node_groups.settings_of(node).identity
    assert not node_groups.own_group(node)


def test_links_of_both_nodes_count_for_a_group_that_they_share(
    scene: Any, tree: Any, node: Any, alphas: Alphas, tmp_path: Path
) -> None:
    target(scene, duplicated(tree, node), "dog_01", "Taker")
    results, _layers = matte_files.made(tmp_path / "next", [PERSON])
    node_groups.apply_results(node.node_tree, results)
    assert "dog_01" in outputs(node)


def test_a_scene_that_is_copied(scene: Any, node: Any, alphas: Alphas, render: Render, tmp_path: Path) -> None:
    """Up to 4.5 the copy has a tree of its own whose node shares the group; since 5.0 it shares the tree."""
    other_scene = scene.copy()
    other = node_groups.nodes_in(conftest.compositor_of(other_scene))[0]
    assert [one.name for one, _tree, _node in node_groups.all_nodes()] == [scene.name, other_scene.name]
    assert other.node_tree == node.node_tree
    assert (other == node) == compat.HAS_COMPOSITING_GROUPS
    assert node_groups.own_group(other) != compat.HAS_COMPOSITING_GROUPS
    results, others = matte_files.made(tmp_path / "other", SLOTS, seed=8)
    node_groups.apply_results(other.node_tree, results)
    expected = others[DOG].astype(np.float32) if other == node else alphas[DOG]
    np.testing.assert_array_equal(shown(render, scene, node, "dog_01"), expected)


def test_inside_another_group_it_renders_and_is_not_found_in_the_scene(
    scene: Any, tree: Any, node: Any, alphas: Alphas, render: Render
) -> None:
    outer = bpy.data.node_groups.new("Outer", "CompositorNodeTree")
    outer.interface.new_socket("Dog", in_out="OUTPUT", socket_type="NodeSocketFloat")
    inner = outer.nodes.new("CompositorNodeGroup")
    inner.node_tree = node.node_tree
    outer.links.new(inner.outputs["dog_01"], outer.nodes.new("NodeGroupOutput").inputs["Dog"])
    tree.nodes.remove(node)
    holder = tree.nodes.new("CompositorNodeGroup")
    holder.node_tree = outer
    assert not node_groups.all_nodes()
    assert node_groups.is_semantic_matte(inner)
    assert not node_groups.is_semantic_matte(holder)
    np.testing.assert_array_equal(shown(render, scene, holder, "Dog"), alphas[DOG])
    with pytest.raises(RuntimeError, match=r"no Semantic Matte node.*inside another group: 'Outer'"):
        bpy.ops.semantic_matte.show(show="MATTE")


@pytest.mark.parametrize("link", [False, True])
def test_append_and_link_to_another_file(
    scene: Any, node: Any, render: Render, tmp_path: Path, link: bool
) -> None:
    """Of the group, as the asset browser and File > Append do it. The other file lies in another folder."""
    file = save(tmp_path / "library" / "library.blend")
    results, layers = matte_files.made(tmp_path / "library" / "result", SLOTS)
    node_groups.apply_results(node.node_tree, results)
    row(node, PERSON).enabled = False
    name = node.node_tree.name
    save(file)
    bpy.ops.wm.read_homefile(use_empty=True)
    save(tmp_path / "shots" / "shot.blend")
    with bpy.data.libraries.load(str(file), link=link, relative=True) as (there, wanted):
        assert name in there.node_groups
        wanted.node_groups = [name]
    scene = bpy.context.scene
    compat.prepare_scene(scene, *conftest.SIZE)
    scene.render.image_settings.color_mode = "RGBA"
    tree, _picture = compat.empty_compositor(scene)
    node = tree.nodes.new("CompositorNodeGroup")
    node.node_tree = wanted.node_groups[0]
    assert node_groups.is_semantic_matte(node)
    assert (node.node_tree.library is not None) == link
    np.testing.assert_array_equal(shown(render, scene, node, "dog_01"), layers[DOG].astype(np.float32))
    assert not shown(render, scene, node, "person_01").any()
    found = node_groups.shown_results(node.node_tree)
    assert Path(found.folder).resolve() == (tmp_path / "library" / "result").resolve()
    if link:
        with pytest.raises(RuntimeError, match=r"belongs to another file: make its node group local"):
            bpy.ops.semantic_matte.enable(key=PERSON)
        node.node_tree = node.node_tree.make_local()
    bpy.ops.semantic_matte.enable(key=PERSON)
    found = shown(render, scene, node, "person_01")
    np.testing.assert_array_equal(found, layers[PERSON].astype(np.float32))
    # A result of its own takes the place of images that belong to the library.
    results, others = matte_files.made(tmp_path / "shots" / "result", SLOTS, seed=2)
    node_groups.apply_results(node.node_tree, results)
    np.testing.assert_array_equal(shown(render, scene, node, "dog_01"), others[DOG].astype(np.float32))


def test_a_removed_node_leaves_nothing_but_what_blender_purges(
    scene: Any, tree: Any, node: Any, alphas: Alphas
) -> None:
    tree.nodes.remove(node)
    assert not node_groups.all_nodes()
    bpy.data.orphans_purge(do_recursive=True)
    assert not [group for group in bpy.data.node_groups if group.semantic_matte.layout]
    assert [image.name for image in bpy.data.images if image.source != "VIEWER"] == ["plate.exr"]


def test_the_render_is_the_same_after_saving_and_opening(
    scene: Any, node: Any, alphas: Alphas, render: Render, tmp_path: Path
) -> None:
    node_groups.settings_of(node).show = "OVERLAY"
    before = render(scene)
    file = save(tmp_path / "shot.blend")
    bpy.ops.wm.open_mainfile(filepath=str(file))
    scene, node = the_node()
    assert difference(render(scene), before) == 0.0
    assert len(group_sockets.items(node.node_tree, "OUTPUT")) == 5
