"""Nodes of other versions: older ones are brought up to date with one sentence, newer ones are left alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from node_cases import inside, layers, node_with, ours, titles


@pytest.fixture(params=[(14, 0), (17, 1)], ids=["14.0", "17.1"])
def host(request: pytest.FixtureRequest, make_host: Callable[..., Any]) -> Any:
    """The oldest, whose knobChanged needs an open panel, and the newest, which reports every change."""
    return make_host(request.param, True)


def said(host: Any) -> str:
    return "\n".join(host.printed)


def test_an_older_node_gets_what_it_lacks_and_keeps_what_was_set(host: Any) -> None:
    node = node_with("person_01", "dog_01")
    ours("instance_actions").rename(node, "dog_01", "Rex")
    node["find"].setValue("dog, cat:largest")
    node["steadiness"].setValue(0.25)
    node["passes"].setExpression("frame / 2")
    node["show"].setValue("overlay")
    expected, names = inside(node), list(node.knobs())
    for name in ("hold", "input_space", "farm_check", "merge_into"):
        node.removeKnob(node[name])
    node["semantic_matte_version"].setValue("0.0.9")
    host.nuke.delete(node.node("SM_Overlay"))
    steps = host.nuke.Undo().undoSize()
    ours("upgrading").upgrade(node)
    assert list(node.knobs()) == names
    assert inside(node) == expected
    assert titles(node) == ["person_01", "Rex"]
    assert layers(node) == ["sm_person_01", "sm_rex"]
    assert node["find"].value() == "dog, cat:largest"
    assert node["steadiness"].value() == 0.25
    assert node["passes"].hasExpression()
    assert node["show"].value() == "overlay"
    assert node["semantic_matte_version"].value() == ours("node_knobs").VERSION
    assert said(host).count("was made by version 0.0.9") == 1
    assert host.nuke.Undo().undoSize() - steps <= 1


def test_a_node_of_this_version_is_left_alone(host: Any) -> None:
    node = node_with("person_01")
    before, steps = host.script_text(), host.nuke.Undo().undoSize()
    ours("upgrading").upgrade(node)
    assert host.script_text() == before
    assert host.nuke.Undo().undoSize() == steps
    assert host.printed == []


def test_a_newer_node_is_left_alone_and_told(host: Any) -> None:
    node = node_with("person_01")
    node["semantic_matte"].setValue("2")
    node["semantic_matte_version"].setValue("9.1.0")
    node.removeKnob(node["hold"])
    before = host.script_text()
    ours("upgrading").upgrade(node)
    assert host.script_text() == before
    assert "newer version (9.1.0)" in said(host)


def test_an_older_node_with_damaged_values_keeps_its_inside(host: Any) -> None:
    node = node_with("person_01")
    node.removeKnob(node["hold"])
    node["semantic_matte_results"].setValue("not JSON")
    expected = inside(node)
    ours("upgrading").upgrade(node)
    assert inside(node) == expected
    assert node.knob("hold") is not None
    assert "damaged" in node["status"].value()


def test_opening_an_older_script_upgrades_its_nodes(host: Any, tmp_path: Any) -> None:
    ours("callbacks").register()
    node = node_with("person_01")
    node.removeKnob(node["hold"])
    host.save(tmp_path / "old.nk")
    host.open(tmp_path / "old.nk")
    node = ours("node_finding").all_nodes()[0]
    assert node["hold"].value() == "auto"
    assert "was made by version" in said(host)
