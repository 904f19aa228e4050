"""What goes wrong while a node is computed: a sentence, the old result stays, nothing is left behind."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import addon_utils
import bpy
import computing
import matte_files
import pytest
from addon_place import MODULE
from bl_ext.user_default.semantic_matte import node_groups, preferences, running
from bl_ext.user_default.semantic_matte.computation import Computation

OLD_SLOT = "sm_dog_01"


@dataclass
class World:
    """A saved file with a node that shows an old result. undo: what ends a fault, in reverse order."""

    scene: Any
    tree: Any
    node: Any
    worker: Any
    folder: Path
    monkeypatch: pytest.MonkeyPatch
    undo: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)


@pytest.fixture
def world(
    scene: Any, tree: Any, node: Any, photo: Path, tmp_path: Path, worker: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    """Its folder and its node have names with blanks and letters of other languages."""
    folder = tmp_path / "Größe 東京 #1 ####"
    folder.mkdir()
    node.name = "Mätte – 影"
    computing.show_photo(scene, tree, node, photo, folder)
    results, _ = matte_files.made(folder / "old", [OLD_SLOT], hold=True)
    node_groups.apply_results(node.node_tree, results)
    made = World(scene, tree, node, worker, folder, monkeypatch)
    with made.undo:
        yield made


# Faults that are there before: what is done, and words of the sentence.


def nothing_connected(world: World) -> None:
    """The input Image is not linked."""
    for link in list(world.node.inputs["Image"].links):
        world.tree.links.remove(link)


def no_picture(world: World) -> None:
    """The Image node before it has no picture."""
    world.tree.nodes["Plate"].image = None


def no_file(world: World) -> None:
    """The picture's file is gone."""
    world.tree.nodes["Plate"].image.filepath = str(world.folder / "gone.png")


def missing_frames(world: World) -> None:
    """A sequence lacks a file."""
    image = world.tree.nodes["Plate"].image
    for number in (1, 3):
        shutil.copy(bpy.path.abspath(image.filepath), world.folder / f"seq.{number:04d}.png")
    image.filepath = str(world.folder / "seq.0001.png")
    image.source = "SEQUENCE"
    plate = world.tree.nodes["Plate"]
    plate.frame_start, plate.frame_duration, plate.frame_offset = 1, 3, 0
    settings = node_groups.settings_of(world.node)
    settings.extent, settings.frame_range = "RANGE", "1-3"


def missing_pass(world: World) -> None:
    """A render pass that is linked is turned off."""
    layers = world.tree.nodes.new("CompositorNodeRLayers")
    world.scene.view_layers[0].use_pass_mist = True
    world.tree.links.new(layers.outputs["Mist"], world.node.inputs["Image"])
    world.scene.view_layers[0].use_pass_mist = False


def bad_range(world: World) -> None:
    """The range can't be read."""
    settings = node_groups.settings_of(world.node)
    settings.hold, settings.extent, settings.frame_range = "OFF", "RANGE", "10-1"


def other_runtime(world: World) -> None:
    """No worker runs yet where this process looks."""
    folder = Path(tempfile.mkdtemp(prefix="sm-"))
    world.undo.callback(shutil.rmtree, folder)
    world.monkeypatch.setenv("SEMANTIC_MATTE_RUNTIME", str(folder))


def wrong_engine(world: World) -> None:
    """The engine's Python is named, and is not there."""
    other_runtime(world)
    world.monkeypatch.setenv("SEMANTIC_MATTE_PYTHON", str(world.folder / "python"))


def no_engine(world: World) -> None:
    """Nobody named an engine, and none is found."""
    other_runtime(world)
    world.monkeypatch.delenv("SEMANTIC_MATTE_PYTHON")
    world.monkeypatch.setenv("SEMANTIC_MATTE_CONFIG", str(world.folder))
    world.monkeypatch.setenv("PATH", str(world.folder))


def engine_without_engine(world: World) -> None:
    """The preferences name a Python that has no engine: Blender's own."""
    other_runtime(world)
    choose(world, python=sys.executable)


def choose(world: World, **values: Any) -> None:
    """Set preferences for as long as the test runs."""
    chosen = bpy.context.preferences.addons[MODULE].preferences
    for name, value in values.items():
        world.undo.callback(setattr, chosen, name, getattr(chosen, name))
        setattr(chosen, name, value)


def read_only_cache(world: World) -> None:
    """The cache folder that the preferences name can't be written to."""
    choose(world, cache="FOLDER", cache_folder="/proc/semantic matte")


def no_cache_named(world: World) -> None:
    """The preferences ask for a folder and name none."""
    choose(world, cache="FOLDER", cache_folder="")


def disk_of(world: World, size: str) -> None:
    """The cache is on a disk of this size. Skips where none can be made."""
    place = world.folder / "disk"
    place.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place], check=False)
    if made.returncode != 0:
        pytest.skip("no disk can be mounted here")
    world.undo.callback(subprocess.run, ["umount", place], check=True)
    choose(world, cache="FOLDER", cache_folder=str(place))


def disk_full_at_once(world: World) -> None:
    """No plate fits on the disk."""
    disk_of(world, "32k")


def another_version(world: World) -> None:
    """The worker speaks another protocol than this client."""
    from importlib import import_module

    world.worker.matte  # noqa: B018 - the package is loaded
    reaching = import_module("semantic_matte_client.reaching")
    world.monkeypatch.setattr(reaching, "PROTOCOL", 99)


BEFORE: dict[Callable[[World], None], tuple[str, ...]] = {
    nothing_connected: ("Nothing flows into", "connect a picture"),
    no_picture: ("has no picture", "choose an image"),
    no_file: ("gone.png", "missing"),
    missing_frames: ("seq.0002.png", "frame 2"),
    missing_pass: ("Mist", "turn it on"),
    bad_range: ("runs backwards", "1-10"),
    wrong_engine: ("is not there", "SEMANTIC_MATTE_PYTHON"),
    no_engine: ("No Python with the engine was found", "SEMANTIC_MATTE_PYTHON"),
    engine_without_engine: ("a Python without the engine",),
    read_only_cache: ("/proc/semantic matte", "another cache folder"),
    no_cache_named: ("name none", "Preferences"),
    disk_full_at_once: ("The disk", "is full"),
    another_version: ("version",),
}


@pytest.mark.parametrize(("fault", "words"), BEFORE.items(), ids=lambda one: getattr(one, "__name__", ""))
def test_a_fault_is_told_and_changes_nothing(
    world: World, fault: Callable[[World], None], words: tuple[str, ...]
) -> None:
    fault(world)
    before = computing.shown(world.node)
    with pytest.raises(RuntimeError) as raised:
        bpy.ops.semantic_matte.compute(node=world.node.name)
    sentence = str(raised.value).removeprefix("Error: ").strip()
    for word in words:
        assert word in sentence
    check_sentence(sentence)
    assert node_groups.settings_of(world.node).last_error == sentence
    check_afterwards(world, before)


# Faults in the middle: at which point, what is done, the state at the end, and words of its sentence.


def at(state: str) -> Callable[[Computation], bool]:
    """When the computation is in a state."""
    return lambda work: work.state == state


def at_work(work: Computation) -> bool:
    """When the engine works on the job."""
    return "matting" in work.sentence or "finding" in work.sentence


def kill_worker(world: World) -> None:
    """The worker and its engine are killed."""
    os.kill(world.worker.status("cpu")["pid"], signal.SIGKILL)


def remove_node(world: World) -> None:
    """The artist deletes the node."""
    world.tree.nodes.remove(world.node)


def remove_group(world: World) -> None:
    """The node's group is removed from the file."""
    bpy.data.node_groups.remove(world.node.node_tree)


def remove_scene(world: World) -> None:
    """The artist deletes the scene."""
    other = bpy.data.scenes.new("Other")
    bpy.context.window.scene = other
    bpy.data.scenes.remove(world.scene)
    if computing.compat.HAS_COMPOSITING_GROUPS:
        bpy.data.node_groups.remove(world.tree)


def fill_disk(world: World) -> None:
    """The plates fit on the disk, the results don't any more."""
    place = world.folder / "disk"
    (place / "other").write_bytes(b"0" * shutil.disk_usage(place).free)


def remove_results(world: World) -> None:
    """Somebody clears the cache."""
    for place in computing.cache_below(world.folder):
        shutil.rmtree(place)


def unlink_input(world: World) -> None:
    """The artist takes the picture away."""
    nothing_connected(world)


def open_another_file(world: World) -> None:
    """The artist opens another file."""
    bpy.ops.wm.read_homefile(use_empty=True)


def disable_addon(world: World) -> None:
    """The add-on is disabled."""
    addon_utils.disable(MODULE)
    world.undo.callback(addon_utils.enable, MODULE, default_set=True)


def undo_everything(world: World) -> None:
    """The artist undoes up to before the node was there."""
    bpy.ops.ed.undo()


MIDDLE = [
    (at("capturing"), unlink_input, "failed", "Nothing flows into"),
    (at("capturing"), remove_node, "failed", "node was deleted"),
    (at("capturing"), remove_scene, "failed", "deleted"),
    (at("capturing"), open_another_file, "cancelled", "Another file"),
    (at("computing"), fill_disk, "failed", "the disk is full"),
    (at_work, kill_worker, "failed", "worker ended"),
    (at_work, remove_node, "failed", "node was deleted"),
    (at_work, remove_group, "failed", "node was deleted"),
    (at_work, remove_scene, "failed", "deleted"),
    (at_work, open_another_file, "cancelled", "Another file"),
    (at_work, disable_addon, "cancelled", "add-on was disabled"),
    (at("applying"), remove_results, "failed", "ompute again"),
    (at("applying"), remove_node, "failed", "node was deleted"),
    (at("applying"), disable_addon, "cancelled", "add-on was disabled"),
]


@pytest.mark.parametrize(
    ("reached", "fault", "state", "words"),
    MIDDLE,
    ids=[
        f"{getattr(reached, '__name__', 'at')}-{fault.__name__}-{words}" for reached, fault, _, words in MIDDLE
    ],
)
def test_a_fault_in_the_middle_ends_it_with_a_sentence(
    world: World, reached: Callable[[Computation], bool], fault: Callable[[World], None], state: str, words: str
) -> None:
    computing.pan(world.scene, world.tree, world.node, range(1, 3))
    node_groups.settings_of(world.node).passes = 2
    before = computing.shown(world.node)
    keeps = fault in (kill_worker, unlink_input, remove_results, disable_addon, fill_disk)
    if fault is fill_disk:
        disk_of(world, "2m")
    work = computing.computation(world.node, extent="SCENE")
    running.start(work)
    computing.step_until(work, reached)
    fault(world)
    computing.step_to_end(work)
    running.forget(work)
    assert work.state == state, work.sentence
    assert words in work.sentence
    check_sentence(work.sentence)
    assert work.error == (work.sentence if state == "failed" else "")
    if reached is at_work:
        # The worker was not left to do it all for nothing.
        assert work.fraction < 0.97
    world.undo.close()
    assert addon_is_registered()
    if keeps:
        assert computing.shown(world.node) == before
    check_afterwards(world, None)


def test_a_compute_while_a_render_runs_is_refused(world: World, render: Callable[[Any], Any]) -> None:
    told = []

    def in_between(*_: Any) -> None:
        """As a script might."""
        try:
            bpy.ops.semantic_matte.compute(node=world.node.name)
        except RuntimeError as reason:
            told.append(str(reason))

    world.scene.semantic_matte_on_stale = "WARN"
    bpy.app.handlers.render_post.append(in_between)
    world.undo.callback(bpy.app.handlers.render_post.remove, in_between)
    render(world.scene)
    assert len(told) == 1
    assert "A render is running" in told[0]
    assert bpy.ops.semantic_matte.compute(node=world.node.name) == {"FINISHED"}


def test_a_node_inside_another_group_is_told_what_to_do(world: World) -> None:
    name = world.node.name
    outer = bpy.data.node_groups.new("Look", "CompositorNodeTree")
    inner = outer.nodes.new("CompositorNodeGroup")
    inner.node_tree, inner.name = world.node.node_tree, name
    world.tree.nodes.remove(world.node)
    with pytest.raises(RuntimeError, match="inside the group 'Look'"):
        bpy.ops.semantic_matte.compute(node=name)


def test_a_node_of_another_file_is_told_what_to_do(world: World) -> None:
    library = world.folder / "library.blend"
    group = world.node.node_tree.name
    bpy.ops.wm.save_as_mainfile(filepath=str(library), copy=True)
    with bpy.data.libraries.load(str(library), link=True) as (_, wanted):
        wanted.node_groups = [group]
    world.node.node_tree = wanted.node_groups[0]
    assert world.node.node_tree.library is not None
    with pytest.raises(RuntimeError, match=r"is linked from library\.blend"):
        bpy.ops.semantic_matte.compute(node=world.node.name)
    computing.file_saves(world.folder)


def test_a_cache_that_cannot_lie_beside_the_file_is_the_users_and_it_is_said(world: World) -> None:
    beside = world.folder / f"{computing.NAME}.semantic_matte"
    beside.write_text("a file where the folder should be")
    assert bpy.ops.semantic_matte.compute(node=world.node.name) == {"FINISHED"}
    settings = node_groups.settings_of(world.node)
    assert "nothing can be written beside the file" in settings.last_notices
    assert not settings.results_folder.startswith("//")
    assert Path(node_groups.shown_results(world.node.node_tree).folder).is_dir()


def test_an_unsaved_file_is_computed_and_it_is_said_where(
    scene: Any, tree: Any, node: Any, photo: Path, worker: Any
) -> None:
    plate = tree.nodes["Plate"]
    plate.image = bpy.data.images.load(str(photo))
    for name, value in computing.FAST.items():
        setattr(node_groups.settings_of(node), name, value)
    assert bpy.ops.semantic_matte.compute() == {"FINISHED"}
    settings = node_groups.settings_of(node)
    assert "never saved" in settings.last_notices
    assert settings.results_folder in settings.last_notices or "results" in settings.last_notices


def test_a_plate_without_the_object_gives_a_node_that_says_so(world: World) -> None:
    node_groups.settings_of(world.node).find = "elephant"
    assert bpy.ops.semantic_matte.compute(node=world.node.name) == {"FINISHED"}
    settings = node_groups.settings_of(world.node)
    assert "Nothing found" in settings.last_notices
    assert [row for row in settings.instances if row.present] == []
    assert node_groups.shown_results(world.node.node_tree) is not None
    computing.file_saves(world.folder)


def test_a_node_that_is_computed_already_is_refused(world: World) -> None:
    work = computing.computation(world.node)
    running.start(work)
    with pytest.raises(RuntimeError, match="is being computed already"):
        bpy.ops.semantic_matte.compute(node=world.node.name)
    assert bpy.ops.semantic_matte.cancel(node=world.node.name) == {"FINISHED"}
    computing.step_to_end(work)
    running.forget(work)
    assert work.state == "cancelled"


def check_sentence(sentence: str) -> None:
    """Fit to be shown: one line, whole, without the add-on's own names of things."""
    assert "\n" not in sentence
    assert sentence[0].isupper() or sentence[0] in "'/"
    assert sentence[-1] in ".?)'"
    for inner in ("Traceback", "capture_", "bug", "Error:"):
        assert inner not in sentence


def check_afterwards(world: World, before: Any) -> None:
    """The node shows what it did, nothing is left, nothing runs, and the file still saves."""
    if before is not None:
        assert computing.shown(world.node) == before
    assert running.all_running() == []
    assert computing.left_behind(world.folder) == []
    computing.file_saves(world.folder)


def addon_is_registered() -> bool:
    """Whether the add-on is there, for the tests that come after."""
    return hasattr(bpy.types.CompositorNodeTree, "semantic_matte") and preferences.chosen() is not None
