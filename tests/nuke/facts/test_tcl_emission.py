"""Quoting and the stack in the second emission, for any text and any graph."""

from __future__ import annotations

import tkinter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fake_nuke import quoting
from nuke_tcl import Entry, Script, ScriptNode, emit, load, quoted
from nuke_tcl.emission import user_knob_line
from nuke_tcl.user_knobs import read_user_knob

TCL = tkinter.Tcl()
TEXTS = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0\r"), max_size=40)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", '""'),
        ("plain", "plain"),
        ("#FF0000", "#FF0000"),
        ("x>0?1:0", "x>0?1:0"),
        ("<b>bold</b>", "<b>bold</b>"),
        ("微软雅黑", "微软雅黑"),
        ("plate.%04d.exr", "plate.%04d.exr"),
        ("two words", '"two words"'),
        ("[value which]", '"\\[value which]"'),
        ("{a}", '"\\{a\\}"'),
        ("$HOME", '"\\$HOME"'),
        ('say "so"', '"say \\"so\\""'),
        ("back\\slash", '"back\\\\slash"'),
        ("a\nb\tc", '"a\\nb\\tc"'),
        ("a;b", '"a;b"'),
    ],
)
def test_words_are_written_as_nuke_does(text, word):
    assert quoted(text) == word


@settings(max_examples=500, deadline=None)
@given(TEXTS)
def test_any_text_comes_back(text):
    assert TCL.splitlist(quoted(text)) == (text,)
    node = ScriptNode("NoOp", [Entry("name", "A"), Entry("label", text)])
    again = load(emit(Script([node])))
    assert again.errors == []
    assert again.nodes[0].text_of("label") == text


@settings(max_examples=200, deadline=None)
@given(TEXTS, TEXTS, st.lists(TEXTS, min_size=1, max_size=4))
def test_added_knobs_come_back(label, tooltip, items):
    listed = " ".join(quoted(one) for one in items)
    line = f"4 shown l {quoted(label)} t {quoted(tooltip)} +INVISIBLE M {{{listed}}}"
    knob = read_user_knob(line)
    assert (knob.label, knob.tooltip, knob.items) == (label, tooltip, tuple(items))
    assert read_user_knob(user_knob_line(knob)) == knob
    again = load(emit(Script([ScriptNode("NoOp", [Entry("name", "A"), Entry("addUserKnob", line, "braced")])])))
    assert again.errors == []
    assert again.nodes[0].user_knobs == [knob]


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_fake_host_quotes_the_same(text):
    assert quoting.quoted(text) == quoted(text)


@st.composite
def graphs(draw) -> Script:
    """Nodes that each take any of the earlier ones, or nothing."""
    nodes: list = []
    for number in range(draw(st.integers(1, 12))):
        choices = st.sampled_from([None, *nodes]) if nodes else st.none()
        inputs = draw(st.lists(choices, max_size=4))
        group = draw(st.booleans())
        node = ScriptNode("Group" if group else "NoOp", [Entry("name", f"N{number}")], inputs, is_group=group)
        if group:
            node.children = [ScriptNode("Input", [Entry("name", f"I{number}")])]
            node.children.append(ScriptNode("Output", [Entry("name", f"O{number}")], [node.children[0]]))
        nodes.append(node)
    return Script(nodes)


@settings(max_examples=200, deadline=None)
@given(graphs())
def test_any_graph_comes_back(script):
    again = load(emit(script))
    assert again.errors == []
    assert [node.name for node in again.all_nodes()] == [node.name for node in script.all_nodes()]
    for node, same in zip(script.all_nodes(), again.all_nodes(), strict=True):
        wanted = [None if one is None else one.name for one in node.inputs]
        assert [None if one is None else one.name for one in same.inputs] == wanted
