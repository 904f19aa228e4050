"""Failure matrix, when a render asks: frames are missing, lost or out of date, the node damaged or too new."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from matrix_scene import Row, Scene


def at_frame(frame: int, **knobs: object) -> Callable[[Scene], str]:
    """Render a frame."""

    def provoke(scene: Scene) -> str:
        scene.set(**knobs)
        scene.nuke.root().setModified(False)
        before = scene.state()
        said = scene.render(frame)
        scene.is_as(before)
        wanted = scene.folder / f"out.{frame}.exr"
        assert wanted.exists() == (said == "rendered"), said
        return said if said != "rendered" else "\n".join([said, *scene.host.printed[-3:]])

    return provoke


def result_file(scene: Scene) -> Path:
    shown = json.loads(scene.node["semantic_matte_results"].value())
    (found,) = (Path(shown["folder"]) / shown["views"][0]).glob("*.mattes.*exr")
    return found


def lost_file(scene: Scene) -> str:
    result_file(scene).unlink()
    return at_frame(1001)(scene)


def stale_plate(scene: Scene) -> str:
    path = scene.folder / "plates" / "plate.1001.exr"
    path.write_bytes((scene.folder / "plates" / "plate.1003.exr").read_bytes())
    return at_frame(1001)(scene)


def stale_graph(scene: Scene) -> str:
    """A node was put between."""
    other = scene.nuke.nodes.Grade()
    other.setInput(0, scene.read)
    other["multiply"].setValue(2)
    scene.node.setInput(0, other)
    return at_frame(1001)(scene)


def moved_and_labelled(scene: Scene) -> str:
    """What changes no pixel makes nothing out of date."""
    scene.read.setXYpos(500, 500)
    scene.read["label"].setValue("the plate")
    scene.read.setName("Plate")
    return at_frame(1001)(scene)


def another_view(scene: Scene) -> str:
    scene.host.set_views(["main", "right"])
    try:
        scene.host.render(scene.write, 1001, 1001, ["right"])
    except RuntimeError as reason:
        return str(reason)
    return "rendered"


def not_below_the_write(scene: Scene) -> str:
    """A Write that shows nothing of the node is nobody's business."""
    scene.write.setInput(0, scene.read)
    result_file(scene).unlink()
    return at_frame(1001)(scene)


def switched_off(scene: Scene) -> str:
    """A disabled node gives the plate, and needs no mattes."""
    return at_frame(1003, disable=True)(scene)


def damaged_values(scene: Scene) -> str:
    """The hidden knob of the instances was mangled: it opens, says so, and the inside renders on."""
    scene.set(semantic_matte_rows="{not json")
    scene.host.save(scene.path)
    scene.host.open(scene.path)
    said = "\n".join([str(scene.node["status"].value()), *scene.host.printed[-5:]])
    assert scene.render(1001) == "rendered"
    return said


def of_a_newer_version(scene: Scene) -> str:
    """A node that a later plugin made is left alone."""
    scene.set(semantic_matte="99")
    scene.host.save(scene.path)
    text = scene.host.script_text()
    scene.host.open(scene.path)
    said = "\n".join([str(scene.node["status"].value()), *scene.host.printed[-5:]])
    assert len(scene.host.script_text()) == pytest.approx(len(text), abs=400)
    return said


ROWS = [
    Row(
        "no matte at the frame",
        at_frame(1002),
        "not rendered at frame 1002.*generated for",
        "else",
    ),
    Row(
        "black at the frame",
        at_frame(1002, missing_frames="black"),
        "^rendered.*no mattes of frame",
        "else",
    ),
    Row("the nearest", at_frame(1002, missing_frames="nearest"), "^rendered.*no mattes of frame", "else"),
    Row("the file is lost", lost_file, "at frame 1001.*has lost the mattes.*is not there", "else"),
    Row("the plate is another", stale_plate, "out of date at frame 1001.*Generate again", "else"),
    Row("a setting is another", at_frame(1001, confidence=0.9), "out of date.*Generate again", "else"),
    Row("a node was put between", stale_graph, "out of date.*Generate again", "else"),
    Row("a view without results", another_view, "view 'right'", "else"),
    Row("what changes no pixel", moved_and_labelled, "^rendered", "else"),
    Row("a write that shows nothing of it", not_below_the_write, "^rendered", "else"),
    Row("a node that is switched off", switched_off, "^rendered", "else"),
    Row("damaged values", damaged_values, "damaged|can't be read|mangled", "else"),
    Row("of a newer version", of_a_newer_version, "newer|later", "else"),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name.replace(" ", "_"))
def test_row(scene: Scene, row: Row) -> None:
    scene.check(row)


def test_names_of_all_alphabets_in_the_path(scene: Scene) -> None:
    """Spaces, quotes, letters: in the cache folder and in the script's own path."""
    folder = scene.folder / "Ort für 'alle' 花"
    folder.mkdir()
    scene.host.save(folder / "shot eins.nk")
    scene.set(confidence=0.35)
    said = scene.generate()
    assert said.startswith("done"), said
    assert str(folder) in json.loads(scene.node["semantic_matte_results"].value())["folder"]
    assert scene.render(1002) == "rendered"
    scene.host.save(folder / "shot eins.nk")
    scene.host.open(folder / "shot eins.nk")
    (scene.folder / "out.1002.exr").unlink()
    assert scene.render(1002) == "rendered"


def test_64_instances(scene: Scene) -> None:
    """A crowd is built, saved, opened and rendered."""
    import numpy
    import OpenEXR

    shown = json.loads(scene.node["semantic_matte_results"].value())
    path = result_file(scene)
    slots = []
    channels = {}
    for number in range(1, 65):
        slot = f"sm_person_{number:02d}"
        slots.append({**shown["slots"][0], "slot": slot})
        channels[f"{slot}.A"] = numpy.full((96, 96), number / 64, numpy.float16)
    OpenEXR.File({"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}, channels).write(
        str(path)
    )
    values = scene.part("stored_values").from_json(json.dumps({**shown, "slots": slots}))
    scene.part("node_results").apply_results(scene.node, values, "Semantic Matte: a crowd")
    copies = [node for node in scene.node.nodes() if node.Class() == "Copy" and node.name() != "SM_OutAlpha"]
    assert len(copies) == 16
    picture = scene.host.evaluate(scene.node, 1001)
    assert float(picture.channels["sm_person_64.alpha"].max()) == 1.0
    assert float(picture.channels["sm_person_16.alpha"].max()) == 0.25
    scene.host.save(scene.path)
    text = scene.host.script_text()
    scene.host.open(scene.path)
    assert scene.host.script_text() == text
    assert scene.render(1001) == "rendered"
