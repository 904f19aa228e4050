"""Failure matrix, what is wrong before the engine is asked: the call, the graph, the disk, the capture."""

from __future__ import annotations

import os
from typing import Any

import pytest
from matrix_scene import Row, Scene


def nothing_connected(scene: Scene) -> str:
    scene.node.setInput(0, None)
    return unchanged(scene)


def unchanged(scene: Scene, button: str = "generate_frame") -> str:
    """Generate, and see that the script is as it was just before: for rows that arrange something first."""
    scene.nuke.root().setModified(False)
    before = scene.state()
    said = scene.generate(button)
    scene.nothing_is_left()
    scene.is_as(before)
    return said


def arranged(button: str = "generate_frame", **knobs: Any) -> Any:
    """A row in which some knobs of the node are set before."""

    def provoke(scene: Scene) -> str:
        scene.set(**knobs)
        return unchanged(scene, button)

    return provoke


def script_runs_backwards(scene: Scene) -> str:
    scene.nuke.root()["first_frame"].setValue(1100)
    return unchanged(scene, "generate_range")


def dangling_group(scene: Scene) -> str:
    group = scene.nuke.nodes.Group()
    with group:
        source = scene.nuke.nodes.Input()
        scene.nuke.nodes.Output().setInput(0, source)
    scene.node.setInput(0, group)
    return unchanged(scene)


def a_dot_of_nothing(scene: Scene) -> str:
    scene.node.setInput(0, scene.nuke.nodes.Dot())
    return unchanged(scene)


def no_source_inside(scene: Scene) -> str:
    scene.nuke.delete(scene.nuke.toNode("SemanticMatte1.SM_Source"))
    return unchanged(scene)


def no_plate_at_the_frame(scene: Scene) -> str:
    (scene.folder / "plates" / "plate.1002.exr").unlink()
    return unchanged(scene)


def nuke_fails(scene: Scene) -> str:
    scene.host.execution.fail_at[scene.host.execution.done] = "Read1: the licence server is gone"
    return unchanged(scene)


def cancelled_in_capture(scene: Scene) -> str:
    scene.host.cancel_render(after=1)
    return unchanged(scene, "generate_range")


def proxy_and_failure(scene: Scene) -> str:
    scene.nuke.root()["proxy"].setValue(True)
    scene.host.execution.fail_at[scene.host.execution.done] = "Read1: broken"
    return unchanged(scene)


def cache_is_a_file(scene: Scene) -> str:
    (scene.folder / "taken").write_text("no folder", encoding="utf-8")
    scene.set(cache_folder=(scene.folder / "taken").as_posix())
    return unchanged(scene)


def unknown_colours(scene: Scene) -> str:
    scene.host.set_colour("OCIO", "custom", "", "/not/there/config.ocio")
    return unchanged(scene)


def same_node_twice(scene: Scene) -> str:
    first = scene.click()
    scene.click()
    second = scene.told[-1]
    first.cancel()
    scene.until_ended(first)
    return str(second)


def cancel_of_nothing(scene: Scene) -> str:
    scene.click("cancel")
    return str(scene.told[-1])


def merge_of_nothing(scene: Scene) -> str:
    scene.click("merge_instances")
    return str(scene.told[-1])


ROWS = [
    Row(
        "nothing is connected", nothing_connected, "Nothing flows into the Source .* connect a picture", "else"
    ),
    Row("a group with nothing connected", dangling_group, "an input of a group .* connect a picture", "else"),
    Row("a dot with nothing connected", a_dot_of_nothing, "nothing is connected to it: connect", "else"),
    Row("the script's range is empty", script_runs_backwards, "runs backwards, from 1100 to 1003", "else"),
    Row("a range that is none", arranged("generate_range", frame_range="10-x"), "10-x", "else"),
    Row("a range that runs backwards", arranged("generate_range", frame_range="20-10"), "20-10", "else"),
    Row(
        "too many frames", arranged("generate_range", frame_range="1-99999"), "more than one shot takes", "else"
    ),
    Row("an unknown view", arranged(views="left"), "no view 'left'.*main", "else"),
    Row("no source inside the node", no_source_inside, "inside of .* was changed.*make a new", "else"),
    Row("no plate at the frame", no_plate_at_the_frame, "frame 1002.*plate.1002.exr", "else"),
    Row("nuke fails at a frame", nuke_fails, "could not render frame 1002.*licence server is gone", "else"),
    Row("nuke fails in proxy mode", proxy_and_failure, "could not render frame 1002.*broken", "else"),
    Row("cancel while capturing", cancelled_in_capture, "Cancelled: the node shows what it showed", "else"),
    Row("the cache folder is a file", cache_is_a_file, "taken", "else"),
    Row(
        "a sign in the cache folder",
        arranged(cache_folder="/elsewhere/a#b"),
        "'#' in its name.*choose another",
        "else",
    ),
    Row("an expression that fails", arranged(cache_folder="[not_a_command]"), "can't be evaluated", "else"),
    Row("colours that can't be told", unknown_colours, "[Nn]ame|input space", "else"),
    Row("the same node twice", same_node_twice, "being computed already"),
    Row("cancel where nothing runs", cancel_of_nothing, "Nothing is being generated"),
    Row("merge with itself", merge_of_nothing, "."),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name.replace(" ", "_"))
def test_row(scene: Scene, row: Row) -> None:
    scene.check(row)


def test_a_read_only_cache(scene: Scene, small_disk: Any) -> None:
    folder = scene.folder / "locked"

    def provoke(scene: Scene) -> str:
        scene.set(cache_folder=folder.as_posix())
        return unchanged(scene)

    with small_disk(folder, "ro"):
        scene.check(Row("read-only cache", provoke, "can't be written.*[Cc]ache [Ff]older", "else"))


def test_a_full_disk_while_capturing(scene: Scene, small_disk: Any) -> None:
    folder = scene.folder / "full"

    def provoke(scene: Scene) -> str:
        scene.set(cache_folder=folder.as_posix())
        return unchanged(scene)

    with small_disk(folder, "size=64k"):
        scene.check(Row("disk full", provoke, "space|full", "else"))


def test_a_script_beside_which_nothing_can_be_written(
    scene: Scene, small_disk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Results go into the user's own folder, and that is told."""
    monkeypatch.setenv("HOME", str(scene.folder / "home"))
    locked = scene.folder / "locked"
    with small_disk(locked, "size=4m"):
        scene.host.save(locked / "shot.nk")
        os.system(f"mount -o remount,ro {locked}")
        said = scene.generate()
        assert said.startswith("done"), said
        assert "nothing can be written beside the script" in said
        assert str(scene.folder / "home") in scene.node["semantic_matte_results"].value()
    scene.nothing_is_left()


def test_a_client_that_is_missing(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the plugin's folder was copied by hand without it."""
    import sys

    for name in [one for one in sys.modules if one.split(".")[0] == "semantic_matte_client"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "semantic_matte_client", None)
    for name in [one for one in sys.modules if one.split(".")[0] == "semantic_matte_nuke"]:
        monkeypatch.delitem(sys.modules, name)
    before = len(scene.host.messages)
    scene.host.click(scene.node, "generate_frame")
    (told,) = scene.host.messages[before:]
    assert "semantic-matte install nuke" in told
    assert "renders without it" in told


def test_rows_are_told_apart() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS)
