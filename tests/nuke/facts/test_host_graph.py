"""The fake host's graph against what nuke.md and FACTS.md say of Nuke's."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def nuke(make_host: Any) -> Any:
    return make_host((15, 1), True, plugin=None).nuke


def group_with(nuke: Any, inputs: int = 2) -> Any:
    group = nuke.nodes.Group()
    with group:
        sources = [nuke.nodes.Input() for _ in range(inputs)]
        nuke.nodes.Output(inputs=sources[:1])
    return group


def test_names_are_unique_inside_each_group(nuke: Any) -> None:
    first, second = nuke.nodes.Dot(), nuke.nodes.Dot()
    group = group_with(nuke)
    with group:
        inner = nuke.nodes.Dot()
    assert [first.name(), second.name(), inner.name()] == ["Dot1", "Dot2", "Dot1"]
    second["name"].setValue("Dot1")
    assert second.name() == "Dot2"
    assert first.name() == "Dot1"
    second.setName("Plate")
    assert nuke.nodes.Dot(name="Plate").name() == "Plate1"
    with pytest.raises(ValueError, match="no name for a node"):
        second.setName("two words")


def test_paths_lead_into_groups(nuke: Any) -> None:
    group = group_with(nuke)
    with group:
        inner = group_with(nuke)
        with inner:
            dot = nuke.nodes.Dot(name="Deep")
        assert nuke.toNode("Deep") is None
        assert nuke.toNode("Group1") == inner
    assert dot.fullName() == "Group1.Group1.Deep"
    assert nuke.toNode("Group1.Group1.Deep") == dot
    assert nuke.toNode("root.Group1.Group1.Deep") == dot
    assert group.node("Group1.Deep") == dot
    assert dot.parent() == inner
    assert group.parent() == nuke.root()
    assert nuke.root().fullName() == "root"
    assert nuke.toNode("Deep") is None


def test_current_group_is_where_nodes_are_made_and_listed(nuke: Any) -> None:
    group = group_with(nuke, 1)
    assert nuke.thisGroup() == nuke.root()
    with group:
        assert nuke.thisGroup() == group
        assert {node.Class() for node in nuke.allNodes()} == {"Input", "Output"}
        assert [node.Class() for node in nuke.allNodes("Input")] == ["Input"]
    assert nuke.allNodes() == [group]
    assert len(nuke.allNodes(recurseGroups=True)) == 3
    assert nuke.allNodes(group=group) == group.nodes()
    group.begin()
    assert nuke.thisGroup() == group
    group.end()
    assert nuke.thisGroup() == nuke.root()


def test_a_group_has_as_many_inputs_as_input_nodes(nuke: Any) -> None:
    group = group_with(nuke, 2)
    dot = nuke.nodes.Dot()
    assert group.maxInputs() == 2
    assert group.setInput(1, dot)
    assert group.inputs() == 2
    assert (group.input(0), group.input(1)) == (None, dot)
    assert not group.setInput(2, dot)
    with group:
        numbers = [node["number"].value() for node in nuke.allNodes("Input")]
    assert numbers == [0, 1]


def test_deleting_an_input_node_takes_its_link_along(nuke: Any) -> None:
    group = group_with(nuke, 2)
    first, second = nuke.nodes.Dot(), nuke.nodes.NoOp()
    group.setInput(0, first)
    group.setInput(1, second)
    nuke.delete(group.node("Input1"))
    assert group.maxInputs() == 1
    assert (group.inputs(), group.input(0)) == (1, second)


def test_what_cannot_be_connected_is_refused(nuke: Any) -> None:
    first, second = nuke.nodes.Dot(), nuke.nodes.Dot()
    group = group_with(nuke)
    with group:
        inner = nuke.nodes.Dot()
    assert second.setInput(0, first)
    assert not first.setInput(0, second)
    assert not first.setInput(0, first)
    assert not first.setInput(0, inner)
    assert not first.canSetInput(1, group)
    assert not nuke.nodes.Read().setInput(0, first)
    assert second.setInput(0, None)
    assert second.input(0) is None
    with pytest.raises(TypeError):
        second.setInput("0", first)
    with pytest.raises(TypeError):
        second.setInput(0, "Dot1")


def test_dependencies_and_dependents(nuke: Any) -> None:
    source, other = nuke.nodes.Dot(), nuke.nodes.NoOp()
    switch = nuke.nodes.Switch(inputs=[source])
    switch["which"].setExpression("NoOp1.disable")
    assert switch.dependencies(nuke.INPUTS) == [source]
    assert switch.dependencies(nuke.EXPRESSIONS) == [other]
    assert set(switch.dependencies()) == {source, other}
    assert other.dependent(nuke.EXPRESSIONS) == [switch]
    switch["hide_input"].setValue(True)
    assert switch.dependencies(nuke.INPUTS) == []
    assert switch.dependencies(nuke.HIDDEN_INPUTS) == [source]


def test_create_node_goes_after_the_selected_one_and_before_what_hung_on_it(nuke: Any) -> None:
    source = nuke.nodes.Dot()
    below = nuke.nodes.NoOp(inputs=[source])
    source.setSelected(True)
    made = nuke.createNode("Grade")
    assert made.input(0) == source
    assert below.input(0) == made
    assert nuke.selectedNodes() == [made]
    assert made.shown()
    assert not nuke.createNode("Grade", inpanel=False).shown()
    assert nuke.nodes.Grade().input(0) is None


def test_deleting_reconnects_what_hung_on_the_node(nuke: Any) -> None:
    source = nuke.nodes.Dot()
    middle = nuke.nodes.NoOp(inputs=[source])
    below = nuke.nodes.NoOp(inputs=[middle])
    nuke.delete(middle)
    assert below.input(0) == source


@pytest.mark.parametrize(
    "use",
    [
        lambda node: node.name(),
        lambda node: node["name"],
        lambda node: node.input(0),
        lambda node: node.setInput(0, None),
        lambda node: node.knob("name"),
        lambda node: node.parent(),
        lambda node: node.nodes(),
    ],
)
def test_a_deleted_node_raises_at_any_use(nuke: Any, use: Any) -> None:
    group = group_with(nuke)
    label, inner = group["label"], group.nodes()[0]
    nuke.delete(group)
    with pytest.raises(ValueError, match="not attached to a node"):
        use(group)
    with pytest.raises(ValueError, match="not attached to a node"):
        label.value()
    with pytest.raises(ValueError, match="not attached to a node"):
        inner.name()
    with pytest.raises(ValueError, match="not attached to a node"):
        nuke.delete(group)


def test_a_deleted_node_cannot_be_connected(nuke: Any) -> None:
    gone, node = nuke.nodes.Dot(), nuke.nodes.NoOp()
    nuke.delete(gone)
    with pytest.raises(ValueError, match="not attached to a node"):
        node.setInput(0, gone)


def test_unknown_names_are_refused_as_nuke_does(nuke: Any) -> None:
    node = nuke.nodes.Dot()
    with pytest.raises(NameError):
        node["no_such_knob"]
    assert node.knob("no_such_knob") is None
    with pytest.raises(AttributeError):
        node.fullname()
    with pytest.raises(AttributeError):
        node.something = 1
    with pytest.raises(AttributeError):
        node["label"].something = 1
    with pytest.raises(AttributeError):
        nuke.allnodes()
    with pytest.raises(AttributeError):
        nuke.nodes.NoSuchClass()
    with pytest.raises(RuntimeError, match="Unknown command"):
        nuke.createNode("NoSuchClass")
    with pytest.raises(NameError):
        nuke.nodes.Dot(no_such_knob=1)
    assert nuke.toNode("NoSuchNode") is None


def test_selection(nuke: Any) -> None:
    nodes = [nuke.nodes.Dot() for _ in range(3)]
    with pytest.raises(ValueError, match="no node selected"):
        nuke.selectedNode()
    nodes[1].setSelected(True)
    assert nuke.selectedNode() == nodes[1]
    nodes[2].selectOnly()
    assert nuke.selectedNodes() == [nodes[2]]
    assert nuke.selectedNodes("Grade") == []


def test_views_formats_frame_and_script(make_host: Any) -> None:
    host = make_host((15, 1), True, plugin=None)
    nuke = host.nuke
    assert nuke.views() == ["main"]
    host.set_views(["left", "right"])
    assert nuke.views() == ["left", "right"]
    assert nuke.root()["views"].value() == "left #ffffff\nright #ffffff"
    nuke.addFormat("2048 1556 2 anamorphic")
    nuke.root()["format"].setValue("anamorphic")
    assert nuke.root()["format"].value().pixelAspect() == 2
    with pytest.raises(ValueError, match="no format"):
        nuke.root()["format"].setValue("no such format")
    nuke.frame(1010)
    assert nuke.frame() == 1010
    assert nuke.root()["frame"].value() == 1010
    with pytest.raises(TypeError):
        nuke.frame("1010")
    with pytest.raises(RuntimeError, match="no script name"):
        nuke.scriptName()
    context = nuke.OutputContext()
    assert [context.viewname(n) for n in range(context.viewcount())] == ["default", "left", "right"]


def test_layers(nuke: Any) -> None:
    assert "sm_person_01" not in nuke.layers()
    nuke.Layer("sm_person_01", ["sm_person_01.alpha"])
    assert "sm_person_01.alpha" in nuke.channels()
    assert nuke.layers().count("sm_person_01") == 1
    for wrong in ("two words", "1st", "é", ""):
        with pytest.raises(ValueError, match="no name"):
            nuke.Layer(wrong, [])
    with pytest.raises(TypeError):
        nuke.Layer(5, [])
