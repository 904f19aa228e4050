"""The fake host's knobs: what they hold, what they refuse, what they follow."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


@pytest.fixture
def nuke(make_host: Any) -> Any:
    return make_host((15, 1), True, plugin=None).nuke


MAKERS = {
    "Int_Knob": (3, "3", ["a", 1.5, None]),
    "Double_Knob": (2.5, "2.5", ["a", None]),
    "Boolean_Knob": (True, "true", ["yes", None]),
    "String_Knob": ("a b", "a b", [1, None, b"x"]),
    "File_Knob": ("/a.exr", "/a.exr", [1, None]),
    "Multiline_Eval_String_Knob": ("a", "a", [1, None]),
    "PyScript_Knob": ("pass", "pass", [1, None]),
    "Text_Knob": ("a", "a", [1]),
    "ChannelMask_Knob": ("rgba", "rgba", [1, None]),
    "Channel_Knob": ("rgba.red", "rgba.red", [1, None]),
    "XY_Knob": ([1.5, 2], "1.5 2", ["a", [1], [1, 2, 3]]),
}


@pytest.mark.parametrize("kind", MAKERS)
def test_each_kind_takes_its_own_type_and_refuses_others(nuke: Any, kind: str) -> None:
    good, text, wrong = MAKERS[kind]
    knob = getattr(nuke, kind)("thing", "Thing")
    nuke.nodes.NoOp().addKnob(knob)
    knob.setValue(good)
    assert knob.value() == good
    assert knob.toScript() == text
    for value in wrong:
        with pytest.raises(TypeError):
            knob.setValue(value)
    assert knob.value() == good
    assert (knob.name(), knob.label(), knob.Class()) == ("thing", "Thing", kind)


def test_enumerations(nuke: Any) -> None:
    knob = nuke.Enumeration_Knob("show", "Show", ["result", "two words", "alpha"])
    nuke.nodes.NoOp().addKnob(knob)
    assert knob.value() == "result"
    knob.setValue(1)
    assert (knob.value(), knob.getValue()) == ("two words", 1.0)
    for wrong, error in (("nothing", ValueError), (3, ValueError), (None, TypeError), (True, TypeError)):
        with pytest.raises(error):
            knob.setValue(wrong)
    knob.setValues(["alpha", "two words"])
    assert knob.value() == "two words"
    knob.setValues(["other"])
    assert knob.value() == "other"
    with pytest.raises(TypeError):
        knob.setValues("letters")
    with pytest.raises(TypeError):
        nuke.Enumeration_Knob("x", "X", [1, 2])


def test_names_and_labels_are_strings(nuke: Any) -> None:
    for arguments in ((1,), ("a", 2), (None,)):
        with pytest.raises(TypeError):
            nuke.Int_Knob(*arguments)


def test_channels_must_have_a_layer(nuke: Any) -> None:
    copy = nuke.nodes.Copy()
    with pytest.raises(ValueError, match="no channel"):
        copy["from0"].setValue("sm_person_01.alpha")
    nuke.Layer("sm_person_01", ["sm_person_01.alpha"])
    copy["from0"].setValue("sm_person_01.alpha")
    assert copy["from0"].value() == "sm_person_01.alpha"
    assert nuke.nodes.Copy(from0="alpha")["from0"].value() == "rgba.alpha"
    with pytest.raises(ValueError, match="no layer"):
        nuke.nodes.Remove()["channels"].setValue("nothing")


def test_added_knobs(nuke: Any) -> None:
    node = nuke.nodes.NoOp()
    knob = nuke.Int_Knob("count", "Count")
    node.addKnob(knob)
    assert node["count"] is knob
    assert node["User"].Class() == "Tab_Knob"
    assert knob.node() == node
    with pytest.raises(ValueError, match="already"):
        node.addKnob(nuke.Int_Knob("label"))
    with pytest.raises(ValueError, match="belongs to a node"):
        nuke.nodes.NoOp().addKnob(knob)
    with pytest.raises(TypeError):
        node.addKnob("count")
    node.removeKnob(knob)
    assert node.knob("count") is None
    with pytest.raises(ValueError, match="no added knob"):
        node.removeKnob(node["label"])


def test_flags(nuke: Any) -> None:
    knob = nuke.String_Knob("hidden")
    knob.setFlag(nuke.INVISIBLE)
    assert knob.getFlag(nuke.INVISIBLE)
    assert not knob.visible()
    knob.clearFlag(nuke.INVISIBLE)
    assert knob.visible()
    knob.setEnabled(False)
    assert not knob.enabled()
    with pytest.raises(TypeError):
        knob.setFlag("INVISIBLE")


def test_expressions_follow_other_knobs(nuke: Any) -> None:
    group = nuke.nodes.Group()
    group.addKnob(nuke.Enumeration_Knob("show", "Show", ["a", "b", "c"]))
    with group:
        switch, read = nuke.nodes.Switch(), nuke.nodes.Read()
    switch["which"].setExpression("parent.show")
    read["on_error"].setExpression("parent.show==2?3:parent.show")
    read["first"].setExpression("min(1001, root.first_frame)")
    group["show"].setValue("c")
    assert switch["which"].value() == 2
    assert read["on_error"].value() == "nearest frame"
    assert read["first"].value() == 1
    nuke.root()["first_frame"].setValue(2000)
    assert read["first"].value() == 1001
    assert switch["which"].hasExpression()
    assert switch["which"].toScript() == "{parent.show}"
    switch["which"].setValue(0)
    assert not switch["which"].hasExpression()
    read["last"].setExpression("no_such_knob + 1")
    with pytest.raises(RuntimeError, match="no_such_knob"):
        read["last"].value()


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("-2 ** 2", -4),
        ("1 > 2 ? 3 : 4 < 5 ? 6 : 7", 6),
        ("clamp(1.5) + clamp(5, 0, 3)", 4),
        ("!0 && 1 || 0", 1),
        ("min(4, frame) + max(1, 2)", 6),
        ("frame + 1000", 1010),
        ("7 % 4", 3),
        ("int(2.9) + floor(-0.5)", 1),
    ],
)
def test_expressions_reckon(make_host: Any, text: str, number: float) -> None:
    host = make_host((15, 1), True, plugin=None)
    host.nuke.frame(10)
    knob = host.nuke.nodes.Switch()["which"]
    knob.setExpression(text)
    assert knob.value() == number


def test_an_expression_that_hangs_on_itself_is_an_error(nuke: Any) -> None:
    knob = nuke.nodes.Switch()["which"]
    knob.setExpression("this.which + 1")
    with pytest.raises(RuntimeError, match="hangs on itself"):
        knob.value()


def test_keys(nuke: Any) -> None:
    knob = nuke.nodes.Switch()["which"]
    knob.setAnimated()
    knob.setValueAt(0.0, 1)
    knob.setValueAt(10.0, 11)
    assert knob.isAnimated()
    assert knob.valueAt(6) == 5
    assert knob.valueAt(100) == 10
    assert knob.toScript() == "{curve x1 0 x11 10}"


def test_files_are_evaluated(make_host: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    host = make_host((15, 1), True, plugin=None)
    nuke = host.nuke
    host.set_views(["left", "right"])
    nuke.frame(7)
    monkeypatch.setenv("SHOW", "/show")
    read = nuke.nodes.Read(file="[getenv SHOW]/%V/%v.####.%05d.exr")
    assert read["file"].value() == "[getenv SHOW]/%V/%v.####.%05d.exr"
    assert read["file"].evaluate() == "/show/left/l.0007.00007.exr"
    context = nuke.OutputContext()
    context.setFrame(1001)
    context.setView(2)
    assert read["file"].getEvaluatedValue(context) == "/show/right/r.1001.01001.exr"
    label = nuke.nodes.NoOp(label="[value name] is [expression 1+1]")["label"]
    assert label.evaluate() == "NoOp1 is 2"


def test_file_type_brings_its_knobs(nuke: Any) -> None:
    write = nuke.nodes.Write()
    with pytest.raises(NameError):
        write["datatype"]
    write["file_type"].setValue("exr")
    write["datatype"].setValue("32 bit float")
    write["file_type"].setValue("png")
    with pytest.raises(ValueError, match="no item"):
        write["datatype"].setValue("32 bit float")
    assert write.knob("compression") is None


def test_links(nuke: Any) -> None:
    grade, node = nuke.nodes.Grade(), nuke.nodes.NoOp()
    link = nuke.Link_Knob("mix", "Mix")
    node.addKnob(link)
    link.makeLink("Grade1", "mix")
    link.setValue(0.25)
    assert grade["mix"].value() == 0.25
    assert link.getLinkedKnob() is grade["mix"]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(codec="utf-8", exclude_characters="\0\r")))
def test_any_text_is_held_as_it_is(nuke: Any, text: str) -> None:
    node = nuke.nodes.NoOp()
    knob = nuke.String_Knob("text")
    node.addKnob(knob)
    knob.setValue(text)
    assert knob.value() == text
    assert knob.toScript() == text
