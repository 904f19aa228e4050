"""Baked nodes: plain ones that give what was shown, linked as the node was, with nothing of the plugin."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from node_cases import node_with, ours, results


@pytest.fixture(params=[(14, 0), (17, 1)], ids=["14.0", "17.1"])
def host(request: pytest.FixtureRequest, make_host: Callable[..., Any]) -> Any:
    """The oldest, whose knobChanged needs an open panel, and the newest, which reports every change."""
    return make_host(request.param, True)


def baked(host: Any, show: str = "result", **changes: Any) -> tuple[Any, list[Any], Any]:
    """Plate and follower of a node that was baked, and the nodes that it became."""
    nuke = host.nuke
    plate = nuke.nodes.Constant()
    grade = nuke.nodes.Grade(inputs=[plate])
    plate.setSelected(True)
    node = node_with("person_01", "bag_01", "dog_01", **changes)
    ours("instance_actions").merge(node, "bag_01", "person_01")
    node["show"].setValue(show)
    return plate, ours("baking").bake(node), grade


def upstream(node: Any) -> list[Any]:
    """A node and all that flows into it, the output first."""
    found, waiting = [], [node]
    while waiting:
        one = waiting.pop(0)
        if one is not None and one not in found:
            found.append(one)
            waiting += [one.input(index) for index in range(one.inputs())]
    return found


def test_the_nodes_stand_where_the_node_was(each_version: Any) -> None:
    plate, made, grade = baked(each_version)
    assert grade.input(0) == made[-1]
    assert made[-1].name() == "SemanticMatte1_OutAlpha"
    assert plate in upstream(made[-1])
    assert ours("node_finding").all_nodes() == []
    assert {one.Class() for one in made} == {"Dot", "Read", "Expression", "Copy"}


@pytest.mark.parametrize(
    ("show", "output", "reads"),
    [
        ("result", "OutAlpha", 1),
        ("overlay", "Overlay", 1),
        ("alpha", "AlphaView", 1),
        ("cryptomatte", "Cryptomatte", 1),
        ("source", "Source", 0),
    ],
)
def test_what_was_shown_is_what_they_give(host: Any, show: str, output: str, reads: int) -> None:
    _, made, grade = baked(host, show)
    assert grade.input(0).name() == f"SemanticMatte1_{output}"
    assert sum(one.Class() == "Read" for one in made) == reads
    # Nothing that leads nowhere but the Dot of the source.
    assert {one.name() for one in made} - {one.name() for one in upstream(grade)} <= {"SemanticMatte1_Source"}


def test_they_are_set_as_the_inside_was(host: Any) -> None:
    nuke = host.nuke
    node = node_with("person_01", "dog_01")
    node["missing_frames"].setValue("nearest")
    kept = {
        name: {knob: node.node(name)[knob].value() for knob in knobs}
        for name, knobs in {
            "SM_Alpha": ("expr3",),
            "SM_Copy_1": ("from0", "to0", "from1", "to1", "from2"),
            "SM_Result": ("file", "raw", "localizationPolicy", "first", "last"),
        }.items()
    }
    made = {one.name(): one for one in ours("baking").bake(node)}
    for name, values in kept.items():
        one = made[f"SemanticMatte1_{name[3:]}"]
        assert {knob: one[knob].value() for knob in values} == values
    read = made["SemanticMatte1_Result"]
    assert read["on_error"].value() == "nearest frame"
    first, last = nuke.root().firstFrame(), nuke.root().lastFrame()
    assert (read["first"].value(), read["last"].value()) == (min(first, 1001), max(last, 1002))


def test_nothing_of_the_plugin_stays(host: Any) -> None:
    _, made, _ = baked(host)
    for one in made:
        for name, knob in one.knobs().items():
            assert not (hasattr(knob, "hasExpression") and knob.hasExpression()), f"{one.name()}.{name}"
    text = host.script_text()
    assert "semantic_matte_nuke" not in text
    assert not re.search(r"addUserKnob|parent\.", text)


def test_baking_is_one_step_and_undo_brings_the_node_back(host: Any) -> None:
    nuke = host.nuke
    plate = nuke.nodes.Constant()
    grade = nuke.nodes.Grade(inputs=[plate])
    plate.setSelected(True)
    node = node_with("person_01", "dog_01")
    identity, steps = node["semantic_matte_identity"].value(), nuke.Undo().undoSize()
    names = {one.name() for one in nuke.allNodes()}
    host.click(node, "bake")
    assert host.messages == []
    assert nuke.Undo().undoSize() == steps + 1
    host.undo()
    assert {one.name() for one in nuke.allNodes()} == names
    back = ours("node_finding").by_identity(identity)
    assert grade.input(0) == back
    assert back.input(0) == plate


def test_it_is_baked_in_the_group_that_it_stands_in(host: Any) -> None:
    group = host.nuke.nodes.Group()
    with group:
        node = ours("node_making").create()
    ours("node_results").apply_results(node, results("person_01"), "Mattes")
    made = ours("baking").bake(node)
    assert {one.fullName().partition(".")[0] for one in made} == {"Group1"}


def test_what_can_not_be_baked_stays_as_it_is(host: Any) -> None:
    nuke, baking = host.nuke, ours("baking")
    node = node_with()
    before = host.script_text()
    with pytest.raises(baking.BakeError, match="generate first"):
        baking.bake(node)
    assert host.script_text() == before
    ours("node_results").apply_results(node, results("person_01"), "Mattes")
    node["disable"].setValue(True)
    with pytest.raises(baking.BakeError, match="is disabled"):
        baking.bake(node)
    node["disable"].setValue(False)
    switch = nuke.nodes.Switch()
    switch["which"].setExpression("SemanticMatte1.show")
    with pytest.raises(baking.BakeError, match="Expressions of Switch1"):
        baking.bake(node)


def test_a_held_still_is_one_plain_read(host: Any) -> None:
    _, made, _ = baked(host, frames=(7,), hold=True)
    read = next(one for one in made if one.Class() == "Read")
    assert read["file"].value() == "/shots/cache/job/%V/plate.mattes.0007.exr"
