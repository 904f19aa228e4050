"""When the fake host calls what plugins and nodes have registered, and in which order."""

from __future__ import annotations

from typing import Any

import pytest

SILENT_GROUP = """Group {
 name Outer
 addUserKnob {20 User}
}
 Group {
  name Inner
 }
  Dot {
   inputs 0
   name Deepest
  }
 end_group
end_group
"""


@pytest.fixture
def host(make_host: Any) -> Any:
    return make_host((15, 1), True, plugin=None)


def listening(host: Any, name: str, **options: Any) -> list[str]:
    """Names of the nodes that an event came for."""
    found: list[str] = []
    getattr(host.nuke, f"add{name}")(lambda: found.append(host.nuke.thisNode().name()), **options)
    return found


def test_on_create_comes_for_both_ways_of_making_and_user_create_for_one(host: Any) -> None:
    created, by_user = listening(host, "OnCreate"), listening(host, "OnUserCreate")
    host.nuke.nodes.Dot()
    host.nuke.createNode("NoOp")
    assert created == ["Dot1", "NoOp1"]
    assert by_user == ["NoOp1"]


def test_those_of_the_class_come_before_those_of_all(host: Any) -> None:
    order: list[str] = []
    for word, options in (("all", {}), ("dot", {"nodeClass": "Dot"}), ("grade", {"nodeClass": "Grade"})):
        host.nuke.addOnCreate(order.append, (word,), **options)
    host.nuke.nodes.Dot()
    assert order == ["dot", "all"]


def test_the_same_callback_is_called_once_and_can_be_removed(host: Any) -> None:
    order: list[str] = []
    host.nuke.addOnCreate(order.append, "once")
    host.nuke.addOnCreate(order.append, ("once",))
    host.nuke.nodes.Dot()
    assert order == ["once"]
    host.nuke.removeOnCreate(order.append, ("once",))
    host.nuke.nodes.Dot()
    assert order == ["once"]
    with pytest.raises(ValueError, match="callable"):
        host.nuke.addOnCreate("no function")


@pytest.mark.parametrize("way", ["load", "paste", "undo"])
def test_inner_nodes_come_before_their_group(host: Any, tmp_path: Any, way: str) -> None:
    if way == "load":
        path = tmp_path / "shot.nk"
        path.write_text(SILENT_GROUP)
        created = listening(host, "OnCreate")
        host.open(path)
    elif way == "paste":
        created = listening(host, "OnCreate")
        host.paste(SILENT_GROUP)
    else:
        host.paste(SILENT_GROUP)
        host.nuke.delete(host.nuke.toNode("Outer"))
        created = listening(host, "OnCreate")
        host.undo()
    assert created == ["Deepest", "Inner", "Outer"]


def test_stored_scripts_run_with_their_node(host: Any) -> None:
    node = host.nuke.nodes.NoOp(onCreate="nuke.thisNode()['label'].setValue('made')")
    assert node["label"].value() == "made"
    node["onDestroy"].setValue("nuke.tprint('ended', nuke.thisNode().name())")
    host.nuke.delete(node)
    assert host.printed == ["ended NoOp1"]


def test_a_stored_script_that_raises_is_noted_and_stops_nothing(host: Any) -> None:
    node = host.nuke.nodes.NoOp(onCreate="raise KeyError('broken')")
    assert node.name() == "NoOp1"
    (error,) = host.callback_errors
    assert "broken" in error
    host.callback_errors.clear()


@pytest.mark.parametrize(("version", "heard"), [((15, 1), []), ((16, 0), []), ((17, 1), ["label"])])
def test_knob_changed_with_the_panel_closed_hangs_on_the_version(
    make_host: Any, version: Any, heard: Any
) -> None:
    host = make_host(version, True, plugin=None)
    node = host.nuke.nodes.NoOp()
    changed: list[str] = []
    host.nuke.addKnobChanged(lambda: changed.append(host.nuke.thisKnob().name()), nodeClass="NoOp")
    node["label"].setValue("closed")
    assert changed == heard


def test_knob_changed_comes_with_the_panel_open_and_never_within_itself(host: Any) -> None:
    node = host.nuke.nodes.NoOp()
    changed: list[str] = []

    def on_change() -> None:
        changed.append(host.nuke.thisKnob().name())
        host.nuke.thisNode()["note_font_size"].setValue(len(changed))

    host.nuke.addKnobChanged(on_change, nodeClass="NoOp")
    node.showControlPanel()
    node["label"].setValue("open")
    node["label"].setValue("open")
    node.setInput(0, host.nuke.nodes.Dot())
    assert changed == ["showPanel", "label", "inputChange"]
    node.hideControlPanel()
    node["label"].setValue("closed again")
    assert len(changed) == 3


def test_the_stored_knob_changed_comes_too(host: Any) -> None:
    node = host.nuke.nodes.NoOp(knobChanged="nuke.tprint(nuke.thisKnob().name())")
    host.change(node, "label", "x")
    assert host.printed == ["showPanel", "label"]


def test_no_panel_opens_in_a_terminal(make_host: Any) -> None:
    host = make_host((15, 1), False, plugin=None)
    node = host.nuke.createNode("NoOp")
    node.showControlPanel()
    assert not node.shown()


def test_asking_upstream_in_a_paste_breaks_connections(host: Any) -> None:
    source = host.nuke.nodes.Constant()
    text = host.copy([source, host.nuke.nodes.NoOp(inputs=[source])])
    pasted = host.paste(text)
    assert pasted[-1].input(0) is not None
    host.nuke.addOnCreate(lambda: host.nuke.thisNode().metadata(), nodeClass="NoOp")
    pasted = host.paste(text)
    assert pasted[-1].input(0) is None


def test_on_destroy_comes_for_a_node_and_those_inside(host: Any) -> None:
    host.paste(SILENT_GROUP)
    destroyed = listening(host, "OnDestroy")
    host.nuke.delete(host.nuke.toNode("Outer"))
    assert destroyed == ["Deepest", "Inner", "Outer"]


def test_script_callbacks_come_for_the_root(host: Any, tmp_path: Any) -> None:
    order: list[str] = []
    for word in ("OnScriptSave", "OnScriptLoad", "OnScriptClose"):
        getattr(host.nuke, f"add{word}")(lambda word=word: order.append((word, host.nuke.thisNode().Class())))
    host.save(tmp_path / "shot.nk")
    host.open(tmp_path / "shot.nk")
    assert order == [("OnScriptSave", "Root"), ("OnScriptClose", "Root"), ("OnScriptLoad", "Root")]


def test_autolabel_takes_the_last_one_that_gives_a_text(host: Any) -> None:
    node = host.nuke.nodes.NoOp()
    assert host.autolabel(node) is None
    host.nuke.addAutolabel(lambda: "of all")
    host.nuke.addAutolabel(lambda: f"first {host.nuke.thisNode().name()}", nodeClass="NoOp")
    host.nuke.addAutolabel(lambda: None, nodeClass="NoOp")
    assert host.autolabel(node) == "first NoOp1"


def test_a_button_runs_inside_its_group(host: Any) -> None:
    group = host.nuke.nodes.Group()
    group.addKnob(host.nuke.PyScript_Knob("go", "Go", "nuke.nodes.Dot(label=nuke.thisKnob().name())"))
    host.click(group, "go")
    (inner,) = group.nodes()
    assert inner["label"].value() == "go"


def test_a_button_that_raises_is_a_dialog_of_nukes_own(host: Any) -> None:
    node = host.nuke.nodes.NoOp()
    node.addKnob(host.nuke.PyScript_Knob("go", "Go", "raise ValueError('no good')"))
    host.click(node, "go")
    assert host.messages == ["no good"]
    assert len(host.callback_errors) == 1
    host.callback_errors.clear()
