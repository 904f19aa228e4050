"""Failure matrix, while a job runs: the node goes, is renamed or copied; the script closes or another opens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from matrix_scene import NAME, Row, Scene


def begun(scene: Scene, **knobs: Any) -> Any:
    """A computation that works on something new."""
    scene.set(confidence=0.33, **knobs)
    scene.nuke.root().setModified(False)
    computation = scene.click()
    assert computation is not None, scene.told
    return computation


def deleted(scene: Scene) -> str:
    computation = begun(scene)
    scene.nuke.delete(scene.node)
    said = scene.until_ended(computation)
    assert computation.state == "cancelled"
    assert scene.node is None
    return said


def deleted_and_brought_back(scene: Scene) -> str:
    """The node of the undo shows its old result, and can be generated again."""
    computation = begun(scene)
    shown = scene.state().shown
    scene.nuke.delete(scene.node)
    scene.host.undo()
    said = scene.until_ended(computation)
    assert scene.node["semantic_matte_results"].value() == shown
    assert scene.generate().startswith("done")
    return said


def renamed(scene: Scene) -> str:
    computation = begun(scene)
    scene.node.setName("Hero")
    said = scene.until_ended(computation)
    node = scene.nuke.toNode("Hero")
    assert json.loads(node["semantic_matte_results"].value())["frames"] == "1002"
    node.setName(NAME)
    return f"{computation.state}: {said}"


def cleared(scene: Scene) -> str:
    computation = begun(scene)
    scene.host.clear()
    said = scene.until_ended(computation)
    assert scene.nuke.allNodes() == []
    return f"{computation.state}: {said}"


def another_script(scene: Scene) -> str:
    """Another copy of the same script has nodes of the same identity: nothing may be applied to them."""
    other = scene.folder / "other.nk"
    other.write_text(scene.path.read_text(encoding="utf-8"), encoding="utf-8")
    computation = begun(scene)
    scene.host.open(other)
    before = scene.state()
    said = scene.until_ended(computation)
    scene.is_as(before)
    return f"{computation.state}: {said}"


def knob_changed_meanwhile(scene: Scene) -> str:
    """What is applied is what was asked for; the check before a render tells that a setting is another one."""
    computation = begun(scene)
    scene.set(dilation_outer=0.2)
    scene.until_ended(computation)
    assert computation.state == "done"
    return scene.render(1002)


def unsaved(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> str:
    text = scene.host.copy([scene.read, scene.node])
    scene.host.clear()
    scene.host.paste(text)
    monkeypatch.setenv("HOME", str(scene.folder / "home"))
    said = scene.generate()
    assert str(scene.folder / "home") in scene.node["semantic_matte_results"].value()
    return said


def two_at_once(scene: Scene) -> str:
    """Each shows its own."""
    import semantic_matte_nuke as sm

    other = sm.create(scene.read)
    for name, value in (("find", "person"), ("passes", 1), ("samples", 1), ("hold", "off")):
        other[name].setValue(value)
    one = begun(scene)
    two = scene.click(node=other)
    said = [scene.until_ended(one), scene.until_ended(two)]
    assert (one.state, two.state) == ("done", "done"), said
    folders = [json.loads(node["semantic_matte_results"].value())["folder"] for node in (scene.node, other)]
    assert folders[0] != folders[1]
    assert all(Path(folder).is_dir() for folder in folders)
    return "; ".join(said)


def pasted_copy(scene: Scene) -> str:
    """A copy goes on showing the result, and generates for itself."""
    (copy,) = scene.host.paste(scene.host.copy([scene.node]))
    copy.setInput(0, scene.read)
    assert copy["semantic_matte_identity"].value() != scene.node["semantic_matte_identity"].value()
    shown = scene.state().shown
    assert copy["semantic_matte_results"].value() == shown
    copy["confidence"].setValue(0.34)
    computation = scene.click(node=copy)
    said = scene.until_ended(computation)
    assert scene.node["semantic_matte_results"].value() == shown
    assert copy["semantic_matte_results"].value() != shown
    return f"{computation.state}: {said}"


def inside_a_group(scene: Scene) -> str:
    """A node in a group is generated as one outside."""
    group = scene.nuke.nodes.Group()
    with group:
        source = scene.nuke.nodes.Input()
        import semantic_matte_nuke as sm

        node = sm.create(source)
        scene.nuke.nodes.Output().setInput(0, node)
    group.setInput(0, scene.read)
    for name, value in (("find", "person:largest"), ("passes", 1), ("samples", 1), ("hold", "off")):
        node[name].setValue(value)
    computation = scene.click(node=node)
    assert computation is not None, scene.told
    said = scene.until_ended(computation)
    assert node["semantic_matte_results"].value()
    return f"{computation.state}: {said}"


def saved_meanwhile(scene: Scene) -> str:
    """A script that is saved while a job runs has nothing of it."""
    computation = begun(scene)
    scene.host.save(scene.path)
    text = scene.path.read_text(encoding="utf-8")
    said = scene.until_ended(computation)
    assert "SM_Capture" not in text
    return f"{computation.state}: {said}"


ROWS = [
    Row("the node is deleted", deleted, "deleted while .* frames that were done are kept", "else"),
    Row("deleted and brought back", deleted_and_brought_back, "deleted while|not in the script", "else"),
    Row("the node is renamed", renamed, "^done", "else"),
    Row("the script is cleared", cleared, "^cancelled.*script was closed", "else"),
    Row("another script is opened", another_script, "^cancelled.*script was closed", "else"),
    Row("a setting is changed meanwhile", knob_changed_meanwhile, "out of date.*Generate", "else"),
    Row("two nodes at once", two_at_once, ".", "else"),
    Row("a pasted copy", pasted_copy, "^done", "else"),
    Row("inside a group", inside_a_group, "^done", "else"),
    Row("saved meanwhile", saved_meanwhile, "^done", "else"),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name.replace(" ", "_"))
def test_row(scene: Scene, row: Row) -> None:
    scene.check(row)


def test_an_unsaved_script(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    row = Row("unsaved", lambda one: unsaved(one, monkeypatch), "^done.*never saved.*save it", "else")
    scene.check(row)
