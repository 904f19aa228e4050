"""Scripts that the fake host writes: Tcl reads them, and the second emission writes them the same."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fake_nuke.emission import whole_script
from nuke_tcl import emit, load
from nuke_tcl.emission import user_knob_line
from nuke_tcl.user_knobs import read_user_knob

TEXTS = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=30)


@pytest.fixture
def nuke_host(make_host: Any) -> Any:
    return make_host((15, 1), True, plugin=None)


def group_of(nuke: Any, source: Any) -> Any:
    """A group with a switch inside and one added knob of each common kind."""
    group = nuke.nodes.Group()
    with group:
        inputs = [nuke.nodes.Input(name=name) for name in ("Source", "Hint")]
        switch = nuke.nodes.Switch(inputs=inputs)
        nuke.nodes.Output(inputs=[switch])
    group.setInput(0, source)
    added = [
        nuke.Tab_Knob("tab", "A tab"),
        nuke.Enumeration_Knob("show", "Show", ["result", "the plate"]),
        nuke.PyScript_Knob("go", "Go", 'print("[x]")\n'),
        nuke.String_Knob("hidden", "Hidden"),
        nuke.Text_Knob("status", "Status"),
        nuke.Tab_Knob("more", "More", nuke.TABBEGINCLOSEDGROUP),
        nuke.Int_Knob("count", "Count"),
        nuke.Double_Knob("confidence", "Confidence"),
        nuke.Boolean_Knob("on", "On"),
        nuke.File_Knob("folder", "Folder"),
        nuke.Tab_Knob("end", "", nuke.TABENDGROUP),
    ]
    for knob in added:
        group.addKnob(knob)
    switch["which"].setExpression("parent.show")
    group["hidden"].setFlag(nuke.INVISIBLE)
    group["hidden"].setValue('{"slots": [1, 2]}')
    group["go"].setTooltip('First "word".\nThen [more].')
    group["confidence"].setRange(0.0, 1.0)
    group["confidence"].setValue(0.25)
    group["on"].setValue(True)
    return group


def assert_the_same(host: Any) -> Any:
    """The host's script is read without an error and written again the same."""
    text = whole_script(host)
    script = load(text)
    assert script.errors == []
    assert emit(script) == text
    return script


def test_graph_is_written_the_same_twice(nuke_host):
    nuke = nuke_host.nuke
    plate = nuke.nodes.Constant()
    group = group_of(nuke, nuke.nodes.Expression(inputs=[plate], expr0="r * 2 + [frame]"))
    nuke.nodes.Merge2(inputs=[group, None, plate])
    nuke.nodes.Copy(inputs=[plate, group])
    nuke.Layer("sm_person_01", ["sm_person_01.alpha"])
    script = assert_the_same(nuke_host)
    assert script.layers == [("sm_person_01", ("sm_person_01.alpha",))]
    assert sorted(node.name for node in script.nodes) == sorted(node.name() for node in nuke.allNodes())
    for node in script.nodes:
        live = nuke.toNode(node.name)
        names = [None if one is None else one.name for one in node.inputs]
        found = [live.input(place) for place in range(live.inputs())]
        assert names[: len(found)] == [None if one is None else one.name() for one in found]
        assert names[len(found) :] == [None] * (len(names) - len(found))


def test_added_knobs_stand_as_nuke_writes_them(nuke_host):
    group_of(nuke_host.nuke, nuke_host.nuke.nodes.Constant())
    node = next(node for node in assert_the_same(nuke_host).nodes if node.class_name == "Group")
    lines = [entry.text for entry in node.entries if entry.name == "addUserKnob"]
    assert [user_knob_line(read_user_knob(line)) for line in lines] == lines
    assert {knob.name: knob.kind for knob in node.user_knobs} == {
        "tab": 20, "show": 4, "go": 22, "hidden": 1, "status": 26, "more": 20, "count": 3, "confidence": 7,
        "on": 6, "folder": 2, "end": 20,
    }  # fmt: skip
    assert node.text_of("hidden") == '{"slots": [1, 2]}'
    assert float(node.text_of("confidence")) == 0.25
    assert node.child("Switch1").text_of("which") in ("{parent.show}", '{"parent.show"}')


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(label=TEXTS, value=TEXTS, item=TEXTS)
def test_any_text_of_a_knob_comes_through(nuke_host, label, value, item):
    nuke = nuke_host.nuke
    for node in nuke.allNodes():
        nuke.delete(node)
    group = group_of(nuke, nuke.nodes.Constant())
    group["hidden"].setValue(value)
    group["hidden"].setLabel(label)
    group["label"].setValue(value)
    group["show"].setValues(["result", item])
    node = next(node for node in assert_the_same(nuke_host).nodes if node.class_name == "Group")
    knobs = {knob.name: knob for knob in node.user_knobs}
    assert node.text_of("hidden") == value
    assert node.text_of("label") == value
    assert (knobs["hidden"].label or "") == label
    assert knobs["show"].items == ("result", item)
