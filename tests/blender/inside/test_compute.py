"""A node is computed by the real worker: a frame, a shot, a hint; progress, cancels, resumption, undo."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy
import computing
import numpy as np
import pytest
from bl_ext.user_default.semantic_matte import node_groups, operators_compute, running

ReadExr = Callable[[Any], dict[str, Any]]


@pytest.fixture
def astronaut(scene: Any, tree: Any, node: Any, photo: Path, tmp_path: Path, worker: Any) -> Any:
    """A node in a saved file, into which a photo of one person flows."""
    return computing.show_photo(scene, tree, node, photo, tmp_path)


def layer(read_exr: ReadExr, node: Any, frame: int) -> np.ndarray:
    """The alpha of the only instance in the engine's file of a frame."""
    results = node_groups.shown_results(node.node_tree)
    (row,) = node_groups.settings_of(node).instances
    return read_exr(results.mattes_file(frame))[f"{row.slot}.A"].astype(np.float32)


def test_a_still_is_computed_once_and_held(
    astronaut: Any, scene: Any, render: Callable[[Any], Any], read_exr: ReadExr
) -> None:
    data = {name: len(getattr(bpy.data, name)) for name in ("scenes", "node_groups", "objects")}
    assert bpy.ops.semantic_matte.compute(node=astronaut.name) == {"FINISHED"}
    settings = node_groups.settings_of(astronaut)
    assert [row.label for row in settings.instances] == ["person"]
    assert settings.results_hold
    assert settings.results_folder.startswith("//")
    assert settings.last_error == ""
    assert "matting" in settings.results_words
    assert json.loads(settings.results_fingerprint)["settings"]["find"] == ["person:largest"]
    written = layer(read_exr, astronaut, 7)
    assert 0.1 < written.mean() < 0.9
    scene.frame_set(7)
    np.testing.assert_array_equal(render(scene)["A"], written)
    assert computing.left_behind(computing.cache()) == []
    assert running.all_running() == []
    assert data == {name: len(getattr(bpy.data, name)) for name in data}


def test_a_range_is_a_shot_and_is_resumed(
    astronaut: Any, scene: Any, tree: Any, render: Callable[[Any], Any], read_exr: ReadExr
) -> None:
    computing.pan(scene, tree, astronaut, range(-2, 2))
    # Of Image only what the moved picture covers has an alpha.
    tree.links.new(astronaut.outputs["All"], computing.picture(tree))
    scene.frame_set(1)
    assert bpy.ops.semantic_matte.compute(extent="RANGE", frame_range="-2-0") == {"FINISHED"}
    settings = node_groups.settings_of(astronaut)
    results = node_groups.shown_results(astronaut.node_tree)
    assert results.frames == (-2, -1, 0)
    assert results.offset == 1000
    assert [row.frames for row in settings.instances] == ["-2-0"]
    # The artist's own settings and frame are not touched.
    assert (settings.extent, scene.frame_current) == ("FRAME", 1)
    alphas = {}
    for frame in results.frames:
        scene.frame_set(frame)
        alphas[frame] = layer(read_exr, astronaut, frame)
        np.testing.assert_array_equal(render(scene)["R"], alphas[frame])
    assert np.abs(alphas[-2] - alphas[0]).max() > 0.5

    # One frame's files are lost: only these are made again.
    made = {frame: Path(results.mattes_file(frame)).stat().st_mtime_ns for frame in results.frames}
    Path(results.mattes_file(-1)).unlink()
    work = computing.step_to_end(computing.computation(astronaut, extent="RANGE", frame_range="-2-0"))
    assert work.state == "done", work.error
    again = node_groups.shown_results(astronaut.node_tree)
    assert again.folder == results.folder
    changed = {frame for frame in made if Path(again.mattes_file(frame)).stat().st_mtime_ns != made[frame]}
    assert changed == {-1}
    np.testing.assert_array_equal(layer(read_exr, astronaut, -1), alphas[-1])


def test_the_scenes_range_with_a_held_matte_is_one_frame(astronaut: Any, scene: Any, tree: Any) -> None:
    computing.pan(scene, tree, astronaut, range(1, 5))
    settings = node_groups.settings_of(astronaut)
    settings.extent, settings.hold = "SCENE", "ON"
    scene.frame_set(3)
    work = computing.step_to_end(computing.computation(astronaut))
    assert work.state == "done", work.error
    assert work.results.frames == (3,)
    assert work.results.hold


def test_progress_only_grows_and_says_what_is_done(astronaut: Any, scene: Any, tree: Any) -> None:
    computing.pan(scene, tree, astronaut, range(10, 12))
    work = computing.computation(astronaut, extent="SCENE")
    seen, longest = [], 0.0
    while True:
        begun = time.perf_counter()
        ended = work.step()
        if work.state == "computing":
            longest = max(longest, time.perf_counter() - begun)
        seen.append((work.state, work.fraction, work.sentence))
        if ended:
            break
        time.sleep(0.002)
    assert work.state == "done", work.error
    states = list(dict.fromkeys(state for state, _, _ in seen))
    assert states == ["capturing", "computing", "applying", "done"]
    fractions = [fraction for _, fraction, _ in seen]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    sentences = {sentence for _, _, sentence in seen}
    assert "Capturing frame 11 (2 of 2)" in sentences
    assert any("frame 10" in sentence and "Capturing" not in sentence for sentence in sentences)
    assert not any("plate." in sentence for sentence in sentences)
    assert longest < 0.5


def test_a_hint_is_captured_with_the_plate(astronaut: Any, tree: Any, read_exr: ReadExr) -> None:
    mask = tree.nodes.new("CompositorNodeBoxMask")
    tree.links.new(mask.outputs["Mask"], astronaut.inputs["Hint"])
    assert bpy.ops.semantic_matte.compute() == {"FINISHED"}
    assert [row.label for row in node_groups.settings_of(astronaut).instances] == ["object"]
    assert layer(read_exr, astronaut, 1).max() > 0.5
    assert computing.left_behind(computing.cache()) == []


def test_other_settings_never_overwrite_what_the_node_shows(astronaut: Any) -> None:
    assert bpy.ops.semantic_matte.compute() == {"FINISHED"}
    first = node_groups.shown_results(astronaut.node_tree).folder
    before = {path.name: path.read_bytes() for path in Path(first).glob("*.exr")}
    node_groups.settings_of(astronaut).dilation_outer = 0.2
    assert bpy.ops.semantic_matte.compute() == {"FINISHED"}
    assert node_groups.shown_results(astronaut.node_tree).folder != first
    assert before == {path.name: path.read_bytes() for path in Path(first).glob("*.exr")}


def test_two_nodes_that_share_a_group_part_before_a_compute(astronaut: Any, tree: Any) -> None:
    other = tree.nodes.new("CompositorNodeGroup")
    other.node_tree = astronaut.node_tree
    tree.links.new(tree.nodes["Plate"].outputs["Image"], other.inputs["Image"])
    assert bpy.ops.semantic_matte.compute(node=other.name) == {"FINISHED"}
    assert other.node_tree != astronaut.node_tree
    assert "shared its group" in node_groups.settings_of(other).last_notices
    assert len(node_groups.settings_of(astronaut).instances) == 0


def test_one_undo_step_takes_it_back(astronaut: Any, scene: Any) -> None:
    name = astronaut.name
    bpy.ops.ed.undo_push(message="before")
    assert bpy.ops.semantic_matte.compute() == {"FINISHED"}
    bpy.ops.ed.undo()
    assert len(node_groups.settings_of(computing.compositor(bpy.context.scene).nodes[name]).instances) == 0
    bpy.ops.ed.redo()
    node = computing.compositor(bpy.context.scene).nodes[name]
    assert [row.label for row in node_groups.settings_of(node).instances] == ["person"]


class Event:
    """What a window tells, strictly: nothing else can be asked of it."""

    __slots__ = ("mouse_x", "mouse_y", "type", "value")

    def __init__(self, kind: str, value: str = "NOTHING") -> None:
        self.type, self.value, self.mouse_x, self.mouse_y = kind, value, 10, 10


def test_the_modal_operator_steps_at_timers_and_leaves_the_rest_to_the_artist(astronaut: Any) -> None:
    work = computing.computation(astronaut)
    running.start(work)
    for event in (Event("MOUSEMOVE"), Event("A", "PRESS"), Event("ESC", "RELEASE")):
        assert operators_compute.respond(work, event, True) == {"PASS_THROUGH"}
    assert operators_compute.respond(work, Event("ESC", "PRESS"), False) == {"PASS_THROUGH"}
    assert work.fraction == 0.0
    answers = set()
    while not work.ended:
        answers |= operators_compute.respond(work, Event("TIMER"), True)
        time.sleep(0.005)
    assert answers == {"PASS_THROUGH", "FINISHED"}
    assert work.state == "done"
    assert running.all_running() == []


def test_escape_over_the_compositor_cancels(astronaut: Any) -> None:
    work = computing.computation(astronaut)
    tidied = []
    running.start(work, lambda: tidied.append(True))
    computing.step_until(work, lambda one: one.state == "computing")
    assert operators_compute.respond(work, Event("ESC", "PRESS"), True) == {"RUNNING_MODAL"}
    answer: set[str] = set()
    while not answer & {"FINISHED", "CANCELLED"}:
        answer = operators_compute.respond(work, Event("TIMER"), True)
        time.sleep(0.005)
    assert answer == {"CANCELLED"}
    assert (work.state, work.error, tidied) == ("cancelled", "", [True])


def stage(name: str) -> Callable[[Any], bool]:
    """When to cancel: in a state, or at a stage of the worker's."""
    if name == "matting":
        return lambda work: "matting" in work.sentence
    return lambda work: work.state == name


@pytest.mark.parametrize("where", ["capturing", "computing", "matting", "applying"])
def test_a_cancel_leaves_what_the_node_shows(
    astronaut: Any, scene: Any, tree: Any, tmp_path: Path, where: str
) -> None:
    computing.pan(scene, tree, astronaut, range(1, 4))
    # As many passes as make the shot last while it is cancelled.
    node_groups.settings_of(astronaut).passes = 3
    before = computing.shown(astronaut)
    work = computing.computation(astronaut, extent="SCENE")
    computing.step_until(work, stage(where))
    if where == "capturing":
        assert not work.step()
    begun = time.monotonic()
    work.cancel()
    computing.step_to_end(work)
    assert time.monotonic() - begun < 2.0
    assert (work.state, work.error) == ("cancelled", "")
    assert computing.shown(astronaut) == before
    assert computing.left_behind(computing.cache()) == []
    if where == "capturing":
        # What was made for it alone is gone too.
        assert not computing.cache().exists()
    computing.file_saves(tmp_path)


def test_a_cancel_while_the_worker_does_another_job(astronaut: Any, worker: Any, tmp_path: Path) -> None:
    other = worker.start("matte", computing.PHOTO, tmp_path / "other", device="cpu", passes=16, samples=31)
    while other.state != "running":
        assert not other.poll()
        time.sleep(0.005)
    work = computing.computation(astronaut)
    computing.step_until(work, lambda one: one.sentence.startswith("Waiting for the worker"))
    work.cancel()
    computing.step_to_end(work)
    assert work.state == "cancelled"
    assert not other.poll()
    other.cancel()
    while not other.poll():
        time.sleep(0.01)
    assert computing.left_behind(computing.cache()) == []
