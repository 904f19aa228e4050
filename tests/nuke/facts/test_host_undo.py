"""The fake host's undo: whatever is changed comes back, in steps with names."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


@pytest.fixture
def host(make_host: Any) -> Any:
    return make_host((15, 1), True, plugin=None)


def names(host: Any) -> list[str]:
    return [step.name for step in host.changes.done]


def test_a_group_is_one_step_with_its_name(host: Any) -> None:
    before = host.script_text()
    undo = host.nuke.Undo
    undo.begin()
    undo.name("Outer")
    first = host.nuke.nodes.Dot()
    undo.begin("Inner")
    host.nuke.nodes.NoOp(inputs=[first])["label"].setValue("x")
    undo.end()
    undo.end()
    after = host.script_text()
    assert names(host) == ["Outer"]
    assert (undo.undoSize(), undo.undoDescribe()) == (1, "Outer")
    host.undo()
    assert host.script_text() == before
    assert undo.redoSize() == 1
    host.redo()
    assert host.script_text() == after


def test_a_group_that_is_cancelled_leaves_nothing(host: Any) -> None:
    node = host.nuke.nodes.Dot()
    before, steps = host.script_text(), len(host.changes.done)
    host.nuke.Undo.begin("Half")
    node["label"].setValue("x")
    host.nuke.Undo.cancel()
    assert host.script_text() == before
    assert len(host.changes.done) == steps


def test_each_change_outside_of_a_group_is_a_step(host: Any) -> None:
    node = host.nuke.nodes.Dot()
    node["label"].setValue("one")
    node["label"].setValue("two")
    assert len(host.changes.done) == 3
    host.undo()
    assert node["label"].value() == "one"


def test_nothing_is_recorded_while_disabled(host: Any) -> None:
    host.nuke.Undo.disable()
    host.nuke.nodes.Dot()
    host.nuke.Undo.enable()
    assert names(host) == []
    with pytest.raises(RuntimeError, match="not disabled"):
        host.nuke.Undo.enable()


def test_selecting_and_moving_in_time_are_no_steps_and_no_changes(host: Any) -> None:
    node = host.nuke.nodes.Dot()
    host.nuke.root().setModified(False)
    steps = len(host.changes.done)
    node.setSelected(True)
    host.nuke.frame(50)
    assert len(host.changes.done) == steps
    assert not host.nuke.modified()
    node["label"].setValue("x")
    assert host.nuke.modified()


def test_a_deleted_node_comes_back_as_another_object(host: Any) -> None:
    source = host.nuke.nodes.Dot()
    node = host.nuke.nodes.NoOp(inputs=[source], label="kept")
    below = host.nuke.nodes.Grade(inputs=[node])
    host.nuke.delete(node)
    host.undo()
    again = host.nuke.toNode("NoOp1")
    assert again["label"].value() == "kept"
    assert again.input(0) == source
    assert below.input(0) == again
    with pytest.raises(ValueError, match="not attached"):
        node.name()


def test_added_knobs_flags_labels_and_items_are_taken_back(host: Any) -> None:
    node = host.nuke.nodes.NoOp()
    node.addKnob(host.nuke.Enumeration_Knob("show", "Show", ["a", "b"]))
    before = host.script_text()
    with host.nuke.Undo("Much"):
        node.addKnob(host.nuke.Int_Knob("count"))
        node["show"].setValues(["c", "d"])
        node["show"].setLabel("Other")
        node["show"].setFlag(host.nuke.INVISIBLE)
        node["label"].setValue("x")
    after = host.script_text()
    assert after != before
    host.undo()
    assert host.script_text() == before
    host.redo()
    assert host.script_text() == after


def test_undo_inside_a_group_is_refused(host: Any) -> None:
    host.nuke.Undo.begin()
    with pytest.raises(RuntimeError, match="still open"):
        host.undo()
    host.nuke.Undo.end()
    with pytest.raises(RuntimeError, match="no group is open"):
        host.nuke.Undo.end()


ACTIONS = st.lists(
    st.tuples(st.sampled_from(["make", "delete", "label", "link", "rename", "add"]), st.integers(0, 5))
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(actions=ACTIONS)
def test_any_course_is_undone_and_redone_step_by_step(host: Any, actions: list[tuple[str, int]]) -> None:
    nuke = host.nuke
    host.clear()
    texts = [host.script_text()]
    for what, number in actions:
        nodes = nuke.allNodes()
        node = nodes[number % len(nodes)] if nodes else None
        steps = len(host.changes.done)
        if what == "make" or node is None:
            nuke.nodes.NoOp()
        elif what == "delete":
            nuke.delete(node)
        elif what == "label":
            node["label"].setValue(f"{node['label'].value()}x")
        elif what == "link":
            node.setInput(0, nodes[-1])
        elif what == "rename":
            node.setName("Other")
        elif what == "add" and node.knob("own") is None:
            node.addKnob(nuke.Int_Knob("own"))
        if len(host.changes.done) > steps:
            texts.append(host.script_text())
    for text in reversed(texts[:-1]):
        host.undo()
        assert host.script_text() == text
    for text in texts[1:]:
        host.redo()
        assert host.script_text() == text


def test_greying_out_is_no_step_but_comes_back_with_its_group(host: Any) -> None:
    knob = host.nuke.nodes.NoOp()["label"]
    steps = len(host.changes.done)
    knob.setEnabled(False)
    knob.setVisible(False)
    assert len(host.changes.done) == steps
    with host.nuke.Undo("Show"):
        knob.setVisible(True)
    host.undo()
    assert not knob.visible()
