"""The group around Nuke's Inference node."""

from __future__ import annotations

from pathlib import Path

import pytest

from fake_nuke import FakeNuke
from nuke_tcl import load


@pytest.fixture
def cat(tmp_path: Path) -> Path:
    """What NukeX would have made."""
    path = tmp_path / "my networks" / "semantic_matte.cat"
    path.parent.mkdir()
    path.write_bytes(b"cat")
    return path


def test_what_is_inside(host: FakeNuke, cat: Path) -> None:
    from semantic_matte_nuke import inference_group

    plate, trimap = host.nuke.nodes.Constant(), host.nuke.nodes.Constant()
    plate.setSelected(True)
    group = inference_group.create(str(cat))
    group.setInput(1, trimap)
    inside = {node.name(): node for node in group.nodes()}
    assert group.input(0).name() == plate.name()
    assert inside["Source"]["number"].value() == 0
    assert inside["Trimap"]["number"].value() == 1
    network, result = inside["SM_Inference"], inside["SM_Alpha"]
    assert network["modelFile"].value() == cat.as_posix()
    assert network.input(0).input(0).name() == "SM_Join"
    assert [result.input(number).name() for number in (0, 1)] == ["Source", "SM_Inference"]
    assert (result["from0"].value(), result["to0"].value()) == ("rgba.alpha", "rgba.alpha")
    assert inside["Output1"].input(0).name() == "SM_Alpha"
    assert [inside["SM_Join"].input(number).name() for number in (0, 1)] == ["Source", "Trimap"]


def test_it_is_saved_and_read_by_tcl(host: FakeNuke, cat: Path, tmp_path: Path) -> None:
    from semantic_matte_nuke import inference_group

    inference_group.create(str(cat))
    host.save(tmp_path / "script.nk")
    script = load((tmp_path / "script.nk").read_text(encoding="utf-8"))
    assert script.errors == []
    (group,) = (node for node in script.nodes if node.class_name == "Group")
    (network,) = (node for node in group.children if node.class_name == "Inference")
    assert network.knobs["modelFile"] == cat.as_posix()
    assert [node.class_name for node in group.children].count("Copy") == 2


def test_one_undo_takes_it_away(host: FakeNuke, cat: Path) -> None:
    from semantic_matte_nuke import inference_group

    inference_group.create(str(cat))
    host.undo()
    assert host.nuke.allNodes("Group") == []


def test_a_missing_file_is_a_sentence(host: FakeNuke) -> None:
    from semantic_matte_nuke import inference_group

    with pytest.raises(inference_group.InferenceGroupError, match="SEMANTIC_MATTE_CAT"):
        inference_group.create("/nowhere/semantic_matte.cat")
    assert host.nuke.allNodes("Group") == []
