"""A new node: where it goes, what it looks like, and what its inside is, in every version of Nuke."""

from __future__ import annotations

import re
from typing import Any

import pytest

from node_cases import inside, node_with, ours

EMPTY = {
    "Source": ("Input", []),
    "Hint": ("Input", []),
    "SM_Source": ("Dot", ["Source"]),
    "SM_AlphaView": ("Expression", ["SM_Source"]),
    "SM_Show": ("Switch", ["SM_Source", "SM_Source", "SM_AlphaView", "SM_Source", "SM_Source"]),
    "Output": ("Output", ["SM_Show"]),
}


def test_a_new_node_passes_its_source_in_every_version(each_version: Any) -> None:
    node = node_with()
    assert inside(node) == EMPTY
    assert node.Class() == "Group"
    assert node["label"].value() == ""
    assert re.fullmatch(r"[0-9a-f]{32}", node["semantic_matte_identity"].value())
    assert node.maxInputs() == 2
    assert [node.node(name)["number"].value() for name in ("Source", "Hint")] == [0, 1]


def test_it_goes_behind_what_is_selected_and_opens_its_panel(host: Any) -> None:
    nuke = host.nuke
    plate = nuke.nodes.Constant()
    grade = nuke.nodes.Grade(inputs=[plate])
    merge = nuke.nodes.Merge2(inputs=[grade, plate])
    plate.setSelected(True)
    node = node_with()
    assert node.input(0) == plate
    assert grade.input(0) == node
    assert [merge.input(0), merge.input(1)] == [grade, node]
    assert node.shown()
    assert node.isSelected()
    assert not plate.isSelected()


def test_a_selected_backdrop_is_no_source(host: Any) -> None:
    host.nuke.nodes.BackdropNode().setSelected(True)
    node = node_with()
    assert node.input(0) is None
    assert node.shown()


def test_a_source_of_the_console_is_linked_and_nothing_else(host: Any) -> None:
    nuke = host.nuke
    plate, mask, other = nuke.nodes.Constant(), nuke.nodes.Constant(), nuke.nodes.Grade()
    grade = nuke.nodes.Grade(inputs=[plate])
    other.setSelected(True)
    node = ours("node_making").create(plate, mask)
    assert [node.input(0), node.input(1)] == [plate, mask]
    assert grade.input(0) == plate
    assert not node.shown()
    assert [one.name() for one in nuke.selectedNodes()] == [other.name()]


def test_what_is_no_node_is_refused(host: Any) -> None:
    before = host.script_text()
    with pytest.raises(ours("node_finding").NodeError, match="Expected a node"):
        ours("node_making").create("Read1")
    assert host.script_text() == before


def test_making_it_is_one_step_of_undo(host: Any) -> None:
    nuke = host.nuke
    plate = nuke.nodes.Constant()
    grade = nuke.nodes.Grade(inputs=[plate])
    plate.setSelected(True)
    steps = nuke.Undo().undoSize()
    node_with()
    assert nuke.Undo().undoSize() == steps + 1
    assert nuke.Undo().undoDescribe(0) == "Create Semantic Matte"
    host.undo()
    assert nuke.allNodes("Group") == []
    assert grade.input(0) == plate


def test_nodes_have_names_and_identities_of_their_own(host: Any) -> None:
    nodes = [node_with() for _ in range(3)]
    assert [node.name() for node in nodes] == ["SemanticMatte1", "SemanticMatte2", "SemanticMatte3"]
    assert len({node["semantic_matte_identity"].value() for node in nodes}) == 3


def test_it_is_made_inside_the_group_that_is_open(host: Any) -> None:
    nuke = host.nuke
    group = nuke.nodes.Group()
    with group:
        node = ours("node_making").create()
    assert node.fullName() == "Group1.SemanticMatte1"
    finding = ours("node_finding")
    assert finding.all_nodes() == [node]
    assert finding.resolve("SemanticMatte1") == finding.resolve("Group1.SemanticMatte1") == node
    assert finding.by_identity(finding.identity(node)) == node


def test_a_name_that_is_nobodys_is_told_with_those_there_are(host: Any) -> None:
    finding = ours("node_finding")
    with pytest.raises(finding.NodeError, match="The script has none"):
        finding.resolve("Blur1")
    node_with()
    group = host.nuke.nodes.Group()
    with pytest.raises(finding.NodeError, match="The script has SemanticMatte1"):
        finding.resolve("Blur1")
    with pytest.raises(finding.NodeError, match="'Group1' is no Semantic Matte node"):
        finding.resolve(group)
    with group:
        ours("node_making").create()
    assert finding.resolve("SemanticMatte1").fullName() == "SemanticMatte1"


def test_settings_are_what_the_engine_takes(host: Any) -> None:
    from semantic_matte_client.control_values import checked_settings

    node, knobs = node_with(), ours("node_knobs")
    settings = knobs.settings_of(node)
    assert checked_settings(settings)
    assert settings["missing_frames"] == "refuse"
    assert settings["data_window"] == "tight"
    node["find"].setValue("person:at(3,4), dog")
    node["passes"].setValue(2)
    node["confidence"].setValue(0.35)
    settings = knobs.settings_of(node)
    assert settings["find"] == ["person:at(3,4)", "dog"]
    assert (settings["passes"], settings["confidence"]) == (2, 0.35)


def test_views_hint_and_range_are_read(host: Any) -> None:
    node, knobs = node_with(), ours("node_knobs")
    assert knobs.chosen_views(node) == ("main",)
    node["views"].setValue(" right , left,right")
    assert knobs.chosen_views(node) == ("right", "left")
    assert not knobs.uses_hint(node)
    node.setInput(1, host.nuke.nodes.Constant())
    assert knobs.uses_hint(node)
    node["use_hint"].setValue(False)
    assert not knobs.uses_hint(node)
    assert knobs.frame_range_of(node) == ""


def test_the_status_changes_neither_undo_nor_the_script(host: Any, tmp_path: Any) -> None:
    node = node_with()
    host.save(tmp_path / "a.nk")
    steps = host.nuke.Undo().undoSize()
    ours("node_knobs").set_status(node, "Frame 3 of 7")
    assert node["status"].value() == "Frame 3 of 7"
    assert host.nuke.Undo().undoSize() == steps
    assert not host.nuke.root().modified()
