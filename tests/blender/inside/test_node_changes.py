"""What an artist does to a node's instances: rename, enable, solo, merge, undo; and baking it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy
import matte_files
import numpy as np
import pytest
from bl_ext.user_default.semantic_matte import group_sockets, node_groups
from node_tools import Alphas, difference, outputs, row, shown, shown_mattes, target

import conftest

PERSON, DOG, CAR = SLOTS = "sm_person_01", "sm_dog_01", "sm_car_01"

Render = Callable[[Any], dict[str, Any]]


@pytest.fixture
def alphas(node: Any, tmp_path: Path) -> Alphas:
    """What the node's three layers hold, as Blender reads them."""
    return shown_mattes(node, tmp_path / "result", SLOTS)


def all_is(render: Render, scene: Any, node: Any, expected: np.ndarray) -> None:
    """All, and the alpha of Image, are this."""
    np.testing.assert_array_equal(shown(render, scene, node, "All"), expected)
    target(scene, node, "Image")
    np.testing.assert_array_equal(render(scene)["A"], expected)


def test_renaming_keeps_links_and_pixels(scene: Any, node: Any, alphas: Alphas, render: Render) -> None:
    before = outputs(node)
    target(scene, node, "dog_01", "Taker")
    bpy.ops.semantic_matte.rename(key=DOG, title="Rex ✓ 犬")
    assert outputs(node)["Rex ✓ 犬"] == before["dog_01"]
    assert node.outputs["Rex ✓ 犬"].links[0].to_node.name == "Taker"
    np.testing.assert_array_equal(shown(render, scene, node, "Rex ✓ 犬"), alphas[DOG])


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("person_01", "person_01.001"),
        ("All", "All.001"),
        ("", "dog_01"),
        ("x" * 70, "x" * 63),
        ("犬" * 63, "犬" * 21),
        ("é" * 63, "é" * 31),
        ("🐕‍🦺 service", "🐕‍🦺 service"),
        ('"quoted" \\ %s {brace}', '"quoted" \\ %s {brace}'),
    ],
)
def test_titles_are_apart_and_fit_into_a_socket(node: Any, alphas: Alphas, title: str, expected: str) -> None:
    row(node, DOG).title = title
    assert row(node, DOG).title == expected
    assert list(outputs(node)) == ["Image", "All", "person_01", expected, "car_01", "Cryptomatte"]


def test_a_disabled_instance_gives_0_and_keeps_its_links(
    scene: Any, node: Any, alphas: Alphas, render: Render
) -> None:
    target(scene, node, "dog_01", "Taker")
    bpy.ops.semantic_matte.enable(key="dog_01", enabled=False)
    assert not shown(render, scene, node, "dog_01").any()
    assert node.outputs["dog_01"].links[0].to_node.name == "Taker"
    all_is(render, scene, node, alphas[PERSON] + alphas[CAR])
    bpy.ops.semantic_matte.enable(key=DOG)
    np.testing.assert_array_equal(shown(render, scene, node, "dog_01"), alphas[DOG])
    all_is(render, scene, node, sum(alphas.values()))


def test_solo_changes_all_and_image_alone(scene: Any, node: Any, alphas: Alphas, render: Render) -> None:
    bpy.ops.semantic_matte.solo(key=DOG)
    all_is(render, scene, node, alphas[DOG])
    for slot, alpha in alphas.items():
        np.testing.assert_array_equal(shown(render, scene, node, slot[3:]), alpha)
    bpy.ops.semantic_matte.solo(key=CAR)
    all_is(render, scene, node, alphas[DOG] + alphas[CAR])
    bpy.ops.semantic_matte.solo(key=DOG, solo=False)
    all_is(render, scene, node, alphas[CAR])


@pytest.mark.parametrize("linked", [True, False])
def test_merging_sums_where_it_leads(
    scene: Any, node: Any, alphas: Alphas, render: Render, linked: bool
) -> None:
    if linked:
        target(scene, node, "dog_01", "Taker")
    identifiers = outputs(node)
    bpy.ops.semantic_matte.merge(key=DOG, into="person_01")
    both = alphas[PERSON] + alphas[DOG]
    np.testing.assert_array_equal(shown(render, scene, node, "person_01"), both)
    np.testing.assert_array_equal(shown(render, scene, node, "car_01"), alphas[CAR])
    all_is(render, scene, node, sum(alphas.values()))
    assert ("dog_01" in outputs(node)) == linked
    if linked:
        assert outputs(node) == identifiers
        np.testing.assert_array_equal(shown(render, scene, node, "dog_01"), both)
    bpy.ops.semantic_matte.merge(key=DOG, into="")
    assert set(outputs(node)) == set(identifiers)
    np.testing.assert_array_equal(shown(render, scene, node, "dog_01"), alphas[DOG])
    np.testing.assert_array_equal(shown(render, scene, node, "person_01"), alphas[PERSON])


def test_a_merge_is_clamped_at_1(scene: Any, node: Any, render: Render, tmp_path: Path) -> None:
    layers = {slot: np.full((48, 64), 0.75, np.float16) for slot in (PERSON, DOG)}
    matte_files.write_frame(tmp_path / "thick", 1, layers)
    node_groups.apply_results(node.node_tree, matte_files.results(tmp_path / "thick", list(layers)))
    row(node, DOG).into = PERSON
    assert (shown(render, scene, node, "person_01") == 1).all()


def test_a_merge_that_cannot_be_is_refused(node: Any, alphas: Alphas) -> None:
    with pytest.raises(RuntimeError, match="'dog_01' can't be merged into itself"):
        bpy.ops.semantic_matte.merge(key=DOG, into=DOG)
    bpy.ops.semantic_matte.merge(key=DOG, into=PERSON)
    with pytest.raises(RuntimeError, match="'dog_01' is merged into 'person_01' already"):
        bpy.ops.semantic_matte.merge(key=PERSON, into=DOG)
    with pytest.raises(RuntimeError, match="no instance 'cat': it has 'person_01', 'dog_01', 'car_01'"):
        bpy.ops.semantic_matte.enable(key="cat", enabled=False)
    assert [one.into for one in node_groups.rows_of(node.node_tree)] == ["", PERSON, ""]


def test_a_new_result_keeps_what_the_artist_set(
    scene: Any, node: Any, alphas: Alphas, render: Render, tmp_path: Path
) -> None:
    bpy.ops.semantic_matte.rename(key=PERSON, title="Anna")
    bpy.ops.semantic_matte.merge(key=DOG, into="Anna")
    bpy.ops.semantic_matte.enable(key=CAR, enabled=False)
    results, layers = matte_files.made(tmp_path / "next", [CAR, DOG, PERSON], seed=4)
    node_groups.apply_results(node.node_tree, results)
    both = layers[PERSON].astype(np.float32) + layers[DOG]
    np.testing.assert_array_equal(shown(render, scene, node, "Anna"), both)
    all_is(render, scene, node, both)
    assert not shown(render, scene, node, "car_01").any()


def test_every_change_is_one_step_of_undo(scene: Any, node: Any, alphas: Alphas, render: Render) -> None:
    """Undo replaces all data: the node is found anew after each step."""

    def now() -> Any:
        ((_scene, _tree, found),) = node_groups.all_nodes()
        return found

    target(scene, node, "dog_01", "Taker")
    bpy.ops.ed.undo_push(message="as it was")
    steps = [
        lambda: bpy.ops.semantic_matte.rename("EXEC_DEFAULT", True, key=DOG, title="Rex"),
        lambda: bpy.ops.semantic_matte.merge("EXEC_DEFAULT", True, key=CAR, into=PERSON),
        lambda: bpy.ops.semantic_matte.enable("EXEC_DEFAULT", True, key=PERSON, enabled=False),
        lambda: bpy.ops.semantic_matte.show("EXEC_DEFAULT", True, show="OVERLAY"),
    ]
    states = [(outputs(now()), node_groups.rows_of(now().node_tree))]
    for step in steps:
        assert step() == {"FINISHED"}
        states.append((outputs(now()), node_groups.rows_of(now().node_tree)))
    assert len({repr(state) for state in states}) == len(steps)
    for state in states[-2::-1]:
        bpy.ops.ed.undo()
        assert (outputs(now()), node_groups.rows_of(now().node_tree)) == state
    assert now().outputs["dog_01"].links[0].to_node.name == "Taker"
    for state in states[1:]:
        bpy.ops.ed.redo()
        assert (outputs(now()), node_groups.rows_of(now().node_tree)) == state
    for _number in range(2):
        bpy.ops.ed.undo()
    np.testing.assert_array_equal(shown(render, bpy.context.scene, now(), "Rex"), alphas[DOG])


def test_undo_of_a_result_brings_the_one_before(
    scene: Any, node: Any, alphas: Alphas, render: Render, tmp_path: Path
) -> None:
    target(scene, node, "dog_01")
    bpy.ops.ed.undo_push(message="first")
    results, layers = matte_files.made(tmp_path / "second", [DOG, CAR], seed=7)
    node_groups.apply_results(node.node_tree, results)
    bpy.ops.ed.undo_push(message="second")
    second = layers[DOG].astype(np.float32)
    for undo, expected, number in ((True, alphas[DOG], 6), (False, second, 5), (True, alphas[DOG], 6)):
        _done = bpy.ops.ed.undo() if undo else bpy.ops.ed.redo()
        ((scene_now, _tree, now),) = node_groups.all_nodes()
        np.testing.assert_array_equal(render(scene_now)["R"], expected)
        assert len(now.outputs) == number


def pictures(render: Render, scene: Any) -> list[Any]:
    """What each reroute gives that is called a taker."""
    tree = conftest.compositor_of(scene)
    end = next(one for one in tree.nodes if one.bl_idname in conftest.OUTPUTS)
    found = []
    for name in sorted(one.name for one in tree.nodes if one.name.startswith("Taker ")):
        tree.links.new(tree.nodes[name].outputs[0], end.inputs["Image"])
        found.append(render(scene))
    return found


@pytest.mark.parametrize(("show", "plate"), [("PLATE", True), ("OVERLAY", True), ("CUTOUT", False)])
def test_baked_nodes_give_the_same(
    scene: Any, tree: Any, node: Any, alphas: Alphas, render: Render, show: str, plate: bool
) -> None:
    bpy.ops.semantic_matte.merge(key=CAR, into=PERSON)
    bpy.ops.semantic_matte.enable(key=DOG, enabled=False)
    bpy.ops.semantic_matte.show(show=show)
    for name in outputs(node):
        target(scene, node, name, f"Taker {name}")
    if not plate:
        tree.links.remove(node.inputs["Image"].links[0])
        node.inputs["Image"].default_value = (0.2, 0.4, 0.6, 1.0)
    before = pictures(render, scene)
    assert len(before) == 5
    assert bpy.ops.semantic_matte.bake() == {"FINISHED"}
    after = pictures(render, scene)
    for one, other in zip(before, after, strict=True):
        assert difference(one, other) == 0.0
    assert not node_groups.all_nodes()
    assert not [group for group in bpy.data.node_groups if group.semantic_matte.layout]
    assert "CompositorNodeGroup" not in {one.bl_idname for one in tree.nodes}
    assert not [one.name for one in tree.nodes if one.name.startswith("sm.")]
    (frame,) = [one for one in tree.nodes if one.bl_idname == "NodeFrame"]
    assert frame.label == "Semantic Matte"


def test_a_baked_sequence_keeps_its_frames(
    scene: Any, tree: Any, node: Any, render: Render, tmp_path: Path
) -> None:
    layers = {frame: matte_files.alphas([DOG], seed=frame) for frame in (8, 9, 10)}
    for frame, layer in layers.items():
        matte_files.write_frame(tmp_path / "shot", frame + 100, layer)
    results = matte_files.results(tmp_path / "shot", [DOG], tuple(layers), 100)
    node_groups.apply_results(node.node_tree, results)
    target(scene, node, "dog_01")
    bpy.ops.semantic_matte.bake()
    for frame, layer in layers.items():
        scene.frame_set(frame)
        np.testing.assert_array_equal(render(scene)["R"], layer[DOG].astype(np.float32))


def test_baking_is_one_step_of_undo(scene: Any, node: Any, alphas: Alphas, render: Render) -> None:
    target(scene, node, "dog_01")
    bpy.ops.ed.undo_push(message="as it was")
    before = render(scene)
    bpy.ops.semantic_matte.bake("EXEC_DEFAULT", True)
    assert not node_groups.all_nodes()
    bpy.ops.ed.undo()
    ((again, _tree, _node),) = node_groups.all_nodes()
    assert difference(render(again), before) == 0.0


def test_a_node_without_a_result_bakes_to_its_plate(scene: Any, node: Any, render: Render) -> None:
    before = render(scene)
    bpy.ops.semantic_matte.bake()
    assert difference(render(scene), before) == 0.0


def test_baking_is_refused_where_it_would_change_the_picture(
    scene: Any, node: Any, alphas: Alphas, render: Render, tmp_path: Path
) -> None:
    node.mute = True
    with pytest.raises(RuntimeError, match="is muted: unmute it first"):
        bpy.ops.semantic_matte.bake()
    node.mute = False
    (tmp_path / "result").rename(tmp_path / "elsewhere")
    for one in node_groups.image_nodes(node.node_tree):
        one.image.reload()
    with pytest.raises(RuntimeError, match=r"are gone \('.*mattes.*'\): compute again"):
        bpy.ops.semantic_matte.bake()
    assert node_groups.all_nodes()
    assert len(group_sockets.items(node.node_tree, "OUTPUT")) == 6
