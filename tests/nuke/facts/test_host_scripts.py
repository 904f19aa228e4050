"""What the fake host saves, opens, copies and pastes; read by Tcl, and written a second way by nuke_tcl."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import nuke_tcl

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=40)


@pytest.fixture
def host(make_host: Any) -> Any:
    return make_host((15, 1), True, plugin=None)


def small_script(host: Any) -> None:
    """A bit of everything that a script can hold."""
    nuke = host.nuke
    nuke.Layer("sm_person_01", ["sm_person_01.alpha"])
    read = nuke.nodes.Read(file="/plates/a.%04d.exr", first=1001, last=1010)
    read["on_error"].setExpression("frame > 5 ? 1 : 0")
    group = nuke.nodes.Group(inputs=[], name="Ours")
    group.addKnob(nuke.Tab_Knob("tab", "A tab"))
    group.addKnob(nuke.Tab_Knob("more", "More", nuke.TABBEGINCLOSEDGROUP))
    group.addKnob(nuke.Enumeration_Knob("show", "Show what", ["a", "two words", 'quote " it']))
    group.addKnob(nuke.Tab_Knob("end", "", nuke.TABENDGROUP))
    group.addKnob(nuke.PyScript_Knob("go", "Go", "print('{')\nnuke.tprint(\"$x [y]\")\n"))
    group.addKnob(nuke.Text_Knob("line", ""))
    group.addKnob(nuke.Text_Knob("says", "Says", "some words"))
    number = nuke.Double_Knob("width", "Width")
    number.setRange(0, 10)
    group.addKnob(number)
    number.setValue(2.5)
    for kind in (nuke.Boolean_Knob, nuke.Int_Knob, nuke.File_Knob, nuke.XY_Knob, nuke.String_Knob):
        group.addKnob(kind(kind.__name__))
    group["Boolean_Knob"].setValue(True)
    group["XY_Knob"].setValue([1.5, -2])
    group["String_Knob"].setFlag(nuke.INVISIBLE)
    group["String_Knob"].setTooltip("what it is for")
    group["String_Knob"].setValue('{"a": [1, "$x"]}\nend')
    with group:
        source, hint = nuke.nodes.Input(name="Source"), nuke.nodes.Input(name="Hint")
        copy = nuke.nodes.Copy(inputs=[source, hint], from0="sm_person_01.alpha", to0="sm_person_01.alpha")
        switch = nuke.nodes.Switch(inputs=[source, copy, hint])
        switch["which"].setExpression("parent.show")
        nuke.nodes.Output(inputs=[switch])
    group.setInput(0, read)
    group.setInput(1, read)
    nuke.nodes.Write(inputs=[group], file="/out/a.####.exr", file_type="exr", datatype="32 bit float")
    curve = nuke.nodes.Dissolve(inputs=[group, read])
    curve["which"].setAnimated()
    curve["which"].setValueAt(0.0, 1001)
    curve["which"].setValueAt(1.0, 1010)


def facts_of(host: Any) -> list[Any]:
    """The live graph as plain values."""
    return [
        (
            node.fullName(),
            node.Class(),
            [None if node.input(i) is None else node.input(i).fullName() for i in range(node.inputs())],
            [
                (name, knob.Class(), knob.toScript(), knob.getFlag(0xFFFFFFF), knob.label(), knob.tooltip())
                for name, knob in node.knobs().items()
            ],
        )
        for node in host.nuke.allNodes(group=host.nuke.root(), recurseGroups=True)
    ]


def test_tcl_reads_it_without_an_error_and_both_emissions_agree(host: Any) -> None:
    small_script(host)
    text = host.script_text()
    script = nuke_tcl.load(text)
    assert script.errors == []
    assert nuke_tcl.emit(script) == text


def test_saved_and_opened_again_it_is_the_same(host: Any, tmp_path: Any) -> None:
    small_script(host)
    before = facts_of(host)
    host.save(tmp_path / "shot.nk")
    text = host.script_text()
    assert (tmp_path / "shot.nk").read_text(encoding="utf-8") == text
    assert not host.nuke.modified()
    host.open(tmp_path / "shot.nk")
    assert sorted(facts_of(host)) == sorted(before)
    assert host.script_text() == text
    assert host.nuke.scriptName() == (tmp_path / "shot.nk").as_posix()
    assert host.nuke.Undo.undoSize() == 0
    assert not host.nuke.modified()


def test_another_nuke_opens_it(host: Any, make_host: Any, tmp_path: Any) -> None:
    small_script(host)
    host.save(tmp_path / "shot.nk")
    before = sorted(facts_of(host))
    terminal = make_host((16, 0), False, plugin=None)
    terminal.open(tmp_path / "shot.nk")
    assert sorted(facts_of(terminal)) == before
    assert terminal.nuke.layers().count("sm_person_01") == 1


def test_only_what_is_not_as_made_is_written(host: Any) -> None:
    host.nuke.nodes.Grade(name="Plain")
    assert "Grade {\n inputs 0\n name Plain\n}" in host.script_text()


def test_groups_of_knobs_stay_closed(host: Any) -> None:
    nuke = host.nuke
    node = nuke.nodes.NoOp()
    node.addKnob(nuke.Tab_Knob("made_closed", "Closed", nuke.TABBEGINCLOSEDGROUP))
    node.addKnob(nuke.Tab_Knob("", "", nuke.TABENDGROUP))
    node.addKnob(nuke.Tab_Knob("open", "Open", nuke.TABBEGINGROUP))
    node["open"].setValue(False)
    text = host.script_text()
    assert "addUserKnob {20 made_closed l Closed n 2}" in text
    assert "addUserKnob {20 open l Open n 1}\n open 0\n" in text
    (pasted,) = host.paste(host.copy([node]))
    assert not pasted["open"].value()


def test_a_paste_makes_other_names_and_keeps_links(host: Any) -> None:
    small_script(host)
    nodes = host.nuke.allNodes()
    text = host.copy(nodes)
    pasted = host.paste(text)
    assert len(pasted) == len(nodes)
    assert {node.name() for node in pasted}.isdisjoint({node.name() for node in nodes})
    ours = next(node for node in pasted if node.Class() == "Group")
    assert ours.name() == "Ours1"
    assert ours.input(0) in pasted
    assert host.nuke.selectedNodes() == sorted(pasted, key=host.nuke.allNodes().index)
    assert host.changes.done[-1].name == "Paste"
    host.undo()
    assert len(host.nuke.allNodes()) == len(nodes)


def test_copy_and_paste_by_the_clipboard_and_by_a_file(host: Any, tmp_path: Any) -> None:
    nuke = host.nuke
    nuke.nodes.Grade(mix=0.25).selectOnly()
    nuke.nodeCopy("%clipboard%")
    assert nuke.nodePaste("%clipboard%")["mix"].value() == 0.25
    nuke.nodeCopy((tmp_path / "copy.nk").as_posix())
    assert nuke.nodePaste((tmp_path / "copy.nk").as_posix()).name() == "Grade3"
    nuke.selectAll()
    assert nuke.nodeDelete()
    assert nuke.allNodes() == []


def test_knobs_of_a_node_as_text(host: Any) -> None:
    node = host.nuke.nodes.Grade(label="a b")
    node.addKnob(host.nuke.Int_Knob("count"))
    assert node.writeKnobs(host.nuke.WRITE_USER_KNOB_DEFS).splitlines() == [
        "name Grade1",
        'label "a b"',
        "addUserKnob {20 User}",
        "addUserKnob {3 count}",
    ]
    node.readKnobs('label "c d" mix 0.5 count 7')
    assert (node["label"].value(), node["mix"].value(), node["count"].value()) == ("c d", 0.5, 7)
    with pytest.raises(RuntimeError, match="no such knob"):
        node.readKnobs("nothing 1")
    made = host.nuke.createNode("Grade", "mix 0.75 label made")
    assert (made["mix"].value(), made["label"].value()) == (0.75, "made")


def test_saving_under_another_name(host: Any, make_host: Any, tmp_path: Any) -> None:
    path = (tmp_path / "shot.nk").as_posix()
    host.nuke.scriptSaveAs(path)
    assert host.nuke.scriptName() == path
    host.nuke.nodes.Dot()
    assert host.nuke.scriptSave()
    host.nuke.scriptOpen(path)
    assert [node.name() for node in host.nuke.allNodes()] == ["Dot1"]
    terminal = make_host((15, 1), False, plugin=None)
    with pytest.raises(RuntimeError, match="exists already"):
        terminal.nuke.scriptSaveAs(path)
    terminal.nuke.scriptSaveAs(path, 1)
    with pytest.raises(TypeError):
        terminal.nuke.scriptOpen(5)


def test_a_paste_hooks_onto_what_is_selected(host: Any) -> None:
    grade = host.nuke.nodes.Grade()
    text = host.copy([grade])
    source = host.nuke.nodes.Constant()
    source.selectOnly()
    (pasted,) = host.paste(text)
    assert pasted.input(0) == source


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("NoSuchClass {\n inputs 0\n}\n", "Unknown command"),
        ("Dot {\n inputs 0\n no_such_knob 1\n}\n", "no such knob"),
        ("Copy {\n inputs 0\n from0 nothing.alpha\n}\n", "no channel"),
        ("Dot {\n inputs 0\n label {\n}\n", "brace"),
    ],
)
def test_a_script_that_nuke_would_complain_of_is_refused(host: Any, text: str, sentence: str) -> None:
    with pytest.raises(RuntimeError, match=sentence):
        host.nuke.scriptReadText(text)


def test_an_open_script_ends_with_its_nodes(host: Any) -> None:
    node = host.nuke.nodes.Dot()
    host.clear()
    with pytest.raises(ValueError, match="not attached"):
        node.name()
    assert host.nuke.allNodes() == []
    with pytest.raises(RuntimeError, match="No such file"):
        host.open("/no/such/script.nk")


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=TEXTS, label=TEXTS, tip=TEXTS, item=TEXTS, code=TEXTS)
def test_any_text_survives_save_and_load(
    host: Any, tmp_path: Any, value: str, label: str, tip: str, item: str, code: str
) -> None:
    nuke = host.nuke
    host.clear()
    node = nuke.nodes.NoOp(label=value)
    knobs = [nuke.String_Knob("text", label), nuke.Enumeration_Knob("items", label, [item, "other"])]
    for knob in (*knobs, nuke.PyScript_Knob("go", label, code)):
        knob.setTooltip(tip)
        node.addKnob(knob)
    node["text"].setValue(value)
    host.save(tmp_path / "shot.nk")
    before = facts_of(host)
    text = host.script_text()
    script = nuke_tcl.load(text)
    assert script.errors == []
    assert nuke_tcl.emit(script) == text
    host.open(tmp_path / "shot.nk")
    assert facts_of(host) == before
    node = nuke.toNode("NoOp1")
    assert (node["label"].value(), node["text"].value(), node["go"].command()) == (value, value, code)
    assert (node["text"].label(), node["text"].tooltip()) == (label, tip)
    assert node["items"].values() == [item, "other"]
