"""Before a render: mattes that are missing or out of date are told, and end a background's render."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy
import computing
import matte_files
import pytest
from addon_place import MODULE
from bl_ext.user_default.semantic_matte import (
    capture,
    compute_plan,
    control_rows,
    handlers,
    node_groups,
    render_check,
    running,
)

SLOT = "sm_dog_01"
SECONDS = 120

RENDER = """
import os, sys
import bpy
import addon_utils
addon_utils.enable(sys.argv[1], default_set=True)
bpy.ops.wm.open_mainfile(filepath=sys.argv[2])
scene = bpy.context.scene
scene.semantic_matte_on_stale = sys.argv[3]
scene.render.filepath = sys.argv[4]
print("BEGIN", flush=True)
bpy.ops.render.render(animation=True)
print("END", flush=True)
sys.stdout.flush()
os._exit(0)
"""


@pytest.fixture
def shown(scene: Any, tree: Any, node: Any, tmp_path: Path) -> Any:
    """A node in a saved file that shows a result of the frames 2 to 4, as if it had been computed just now."""
    scene.frame_start, scene.frame_end = 2, 4
    scene.frame_set(2)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "checked.blend"))
    folder = tmp_path / "mattes"
    for frame in (2, 3, 4):
        matte_files.write_frame(folder, frame, matte_files.alphas([SLOT], frame))
    node_groups.apply_results(node.node_tree, matte_files.results(folder, [SLOT], (2, 3, 4)))
    note_fingerprint(scene, tree, node)
    return node


def note_fingerprint(scene: Any, tree: Any, node: Any) -> None:
    """Keep what the result follows from, as a computation does."""
    settings = node_groups.settings_of(node)
    values = control_rows.settings_from(settings)
    found = compute_plan.described(scene, tree, node, values, (2, 3, 4))
    settings.results_scene, settings.results_fingerprint = scene.name, json.dumps(found)


def found(scene: Any, *frames: int) -> str:
    """What the check says of frames of a scene with one node."""
    return render_check.problems(scene, frames).get("Semantic Matte", "")


def mattes(node: Any, frame: int) -> Path:
    """The layers of a frame."""
    return Path(node_groups.shown_results(node.node_tree).mattes_file(frame))


def test_what_is_there_and_as_it_was_is_no_problem(shown: Any, scene: Any) -> None:
    assert found(scene, 2, 3, 4) == ""
    assert bpy.ops.semantic_matte.check() == {"FINISHED"}
    assert bpy.ops.semantic_matte.check(node=shown.name) == {"FINISHED"}


def test_frames_that_were_never_computed_are_named(shown: Any, scene: Any) -> None:
    sentence = found(scene, 2, 3, 4, 5, 6, 7)
    assert "has no mattes of frames 5-7" in sentence
    assert "computed for 2-4" in sentence
    assert "Scene or Range" in sentence


def test_files_that_are_gone_are_named(shown: Any, scene: Any) -> None:
    mattes(shown, 3).unlink()
    sentence = found(scene, 2, 3, 4)
    assert "has lost the mattes of frame 3" in sentence
    assert str(mattes(shown, 3).parent) in sentence
    with pytest.raises(RuntimeError, match="lost the mattes of frame 3"):
        bpy.ops.semantic_matte.check()
    assert found(scene, 2) == ""


def other_settings(scene: Any, tree: Any, node: Any, folder: Path) -> None:
    """A control that mattes follow from."""
    node_groups.settings_of(node).dilation_outer = 0.3


def other_resolution(scene: Any, tree: Any, node: Any, folder: Path) -> None:
    """The frame's size."""
    scene.render.resolution_percentage = 50


def other_nodes(scene: Any, tree: Any, node: Any, folder: Path) -> None:
    """Another node between the plate and ours."""
    blur = tree.nodes.new("CompositorNodeBlur")
    tree.links.new(tree.nodes["Plate"].outputs["Image"], blur.inputs["Image"])
    tree.links.new(blur.outputs["Image"], node.inputs["Image"])


def other_file(scene: Any, tree: Any, node: Any, folder: Path) -> None:
    """The plate's file holds another picture."""
    import conftest

    conftest.write_plate(folder / "plate.exr", seed=9)


def no_input(scene: Any, tree: Any, node: Any, folder: Path) -> None:
    """Nothing flows in any more."""
    for link in list(node.inputs["Image"].links):
        tree.links.remove(link)


STALE = {
    other_settings: "dilation_outer",
    other_resolution: "resolution",
    other_nodes: "nodes",
    other_file: "plate.exr changed on disk",
    no_input: "Nothing flows into",
}


@pytest.mark.parametrize(("change", "words"), STALE.items(), ids=lambda one: getattr(one, "__name__", ""))
def test_what_is_out_of_date_says_why(
    shown: Any, scene: Any, tree: Any, tmp_path: Path, change: Callable[..., None], words: str
) -> None:
    change(scene, tree, shown, tmp_path)
    sentence = found(scene, 3)
    assert words in sentence
    assert sentence.endswith(".")


def test_where_and_how_fast_makes_nothing_out_of_date(shown: Any, scene: Any, tree: Any) -> None:
    settings = node_groups.settings_of(shown)
    settings.device, settings.batch, settings.extent, settings.foreground = "cpu", 3, "SCENE", True
    shown.location, shown.label = (500, 20), "hero"
    tree.nodes["Plate"].location = (-900, 3)
    scene.frame_set(4)
    assert found(scene, 2, 3, 4) == ""


@pytest.mark.parametrize("how", ["muted", "unlinked", "no compositing"])
def test_a_node_that_the_render_does_not_use_is_left_out(shown: Any, scene: Any, tree: Any, how: str) -> None:
    mattes(shown, 3).unlink()
    if how == "muted":
        shown.mute = True
    elif how == "unlinked":
        for link in [link for output in shown.outputs for link in output.links]:
            tree.links.remove(link)
    else:
        scene.render.use_compositing = False
    assert found(scene, 3) == ""


def test_a_held_matte_is_of_every_frame(scene: Any, tree: Any, node: Any, tmp_path: Path) -> None:
    results, _ = matte_files.made(tmp_path / "held", [SLOT], frame=3, hold=True)
    node_groups.apply_results(node.node_tree, results)
    assert found(scene, 1, 100) == ""
    mattes(node, 1).unlink()
    assert "lost its mattes: the files" in found(scene, 1, 2, 3)


def test_a_node_that_was_never_computed_is_none_of_the_checks_business(scene: Any, node: Any) -> None:
    assert found(scene, 1) == ""


def test_another_scenes_mattes_are_told_where_they_do_not_fit(shown: Any, scene: Any, tmp_path: Path) -> None:
    other = scene.copy()
    other.name = "Other"
    assert found(other, 3) == ""
    other.render.resolution_x = 80
    assert "computed in scene 'Scene', and in scene 'Other' the resolution changed" in found(other, 3)


def test_a_warning_is_told_once_a_render_and_the_render_goes_on(
    shown: Any, scene: Any, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    mattes(shown, 3).unlink()
    mattes(shown, 4).unlink()
    scene.semantic_matte_on_stale = "WARN"
    scene.render.filepath = str(tmp_path / "out.")
    bpy.ops.render.render(animation=True)
    told = [line for line in capfd.readouterr().err.splitlines() if line.startswith("Semantic Matte:")]
    assert len(told) == 1
    assert "frames 3,4" in told[0]
    assert len(list(tmp_path.glob("out.*.exr"))) == 3
    assert running.rendering is False


def test_a_capture_is_no_render(
    shown: Any,
    scene: Any,
    tree: Any,
    photo: Path,
    tmp_path: Path,
    worker: Any,
    capfd: pytest.CaptureFixture[str],
) -> None:
    # With STOP a check of a capture would end this process.
    assert scene.semantic_matte_on_stale == "STOP"
    for frame in (2, 3, 4):
        mattes(shown, frame).unlink()
    computing.show_photo(scene, tree, shown, photo, tmp_path)
    assert bpy.ops.semantic_matte.compute() == {"FINISHED"}
    assert "lost the mattes" not in capfd.readouterr().err
    # What was computed just now is whole and up to date, also when the file is opened again.
    assert found(scene, 2, 3, 4) == ""
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=bpy.data.filepath)
    assert found(bpy.context.scene, 2, 3, 4) == ""


def test_the_render_of_a_capture_is_not_checked(
    shown: Any, scene: Any, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    mattes(shown, 2).unlink()
    # Where a scene has to be rendered in 3D for it, the handlers are called.
    monkeypatch.setattr(capture, "_running", True)
    for handler in (handlers.before_render, handlers.before_frame, handlers.after_render):
        handler(scene)
    assert capfd.readouterr().err == ""
    assert running.rendering is False


def test_the_results_folder_follows_a_file_that_is_saved_elsewhere(shown: Any, tmp_path: Path) -> None:
    name = shown.node_tree.name
    folder = tmp_path / "else where"
    folder.mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "moved.blend"))
    for _ in range(2):
        settings = bpy.data.node_groups[name].semantic_matte
        assert Path(bpy.path.abspath(settings.results_folder)).resolve() == tmp_path / "mattes"
        bpy.ops.wm.open_mainfile(filepath=str(folder / "moved.blend"))


@pytest.mark.parametrize(
    ("arguments", "on_stale", "code", "rendered"),
    [
        # Known from the beginning to be of the whole range: nothing is rendered that would be thrown away.
        (["-a"], "STOP", 1, []),
        ([], "STOP", 1, ["0002", "0003"]),
        ([], "WARN", 0, ["0002", "0003", "0004"]),
    ],
)
def test_a_render_in_the_background(
    shown: Any, tmp_path: Path, arguments: list[str], on_stale: str, code: int, rendered: list[str]
) -> None:
    mattes(shown, 4).unlink()
    bpy.ops.wm.save_mainfile()
    script = tmp_path / "render.py"
    script.write_text(RENDER, encoding="utf-8")
    done = subprocess.run(
        [
            sys.executable,
            "-I",
            str(script),
            MODULE,
            bpy.data.filepath,
            on_stale,
            str(tmp_path / "out."),
            *arguments,
        ],
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert "BEGIN" in done.stdout
    assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
    assert ("END" in done.stdout) == (code == 0)
    assert "'Semantic Matte' has lost the mattes of frame 4" in done.stderr
    assert ("set Missing Mattes to Warn" in done.stderr) == (code == 1)
    assert sorted(one.suffixes[0][1:] for one in tmp_path.glob("out.*.exr")) == rendered


def test_what_a_command_line_asks_for() -> None:
    assert handlers._asks_for_animation(["blender", "-b", "a.blend", "-a"])
    assert handlers._asks_for_animation(["blender", "-b", "a.blend", "--render-anim"])
    assert not handlers._asks_for_animation(["blender", "-b", "a.blend", "-f", "3"])
    assert not handlers._asks_for_animation(["blender", "-b", "--python", "x.py", "--", "-a"])
