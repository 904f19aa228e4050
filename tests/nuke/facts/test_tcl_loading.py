"""The reader of scripts: Nuke's stack of nodes, quoting and added knobs, on a script in Nuke's own form."""

from __future__ import annotations

from pathlib import Path

import pytest

from nuke_tcl import Entry, Script, emit, load

COMP = Path(__file__).parents[1] / "data" / "comp.nk"


@pytest.fixture(scope="module")
def comp() -> Script:
    return load(COMP.read_text(encoding="utf-8"))


def named(script: Script, name: str):
    return next(node for node in script.all_nodes() if node.name == name)


def names(inputs) -> list:
    return [None if node is None else node.name for node in inputs]


def test_script_has_no_errors_and_says_who_wrote_it(comp):
    assert comp.errors == []
    assert comp.version == "15.1 v3"
    assert comp.layers == [("sm_person_01", ("sm_person_01.alpha",))]
    assert comp.root.text_of("first_frame") == "1001"
    assert comp.root.text_of("project_directory") == "[python {nuke.script_directory()}]"
    assert comp.root.text_of("views") == "left #ff0000\nright #00ff00"


def test_inputs_come_from_the_stack(comp):
    assert names(named(comp, "Read1").inputs) == []
    assert names(named(comp, "Blur1").inputs) == ["Read1"]
    # The top of the stack is input 0, and the mask is the last one.
    assert names(named(comp, "Merge1").inputs) == ["Read1", None, "Read1"]
    assert named(comp, "Merge1").masks == 1
    assert names(named(comp, "Group1").inputs) == ["Read1", None]
    assert names(named(comp, "Dot1").inputs) == ["Group1"]


def test_group_has_a_stack_of_its_own(comp):
    group = named(comp, "Group1")
    assert names(group.children) == ["Source", "Hint", "Switch1", "Output1"]
    assert names(group.child("Switch1").inputs) == ["Source", "Hint"]
    assert names(group.child("Output1").inputs) == ["Switch1"]
    assert "Source" not in names(comp.nodes)


def test_texts_are_unquoted_once(comp):
    assert named(comp, "Blur1").text_of("label") == "[value size]"
    assert Entry("size", '{"parent.Blur2.size * 2"}', "braced") in named(comp, "Blur1").entries
    assert named(comp, "Dot1").text_of("label") == "déjà vu; #1"
    assert named(comp, "Group1").text_of("hidden") == '{"a": [1, 2]}'
    assert named(comp, "Group1").text_of("knobChanged") == (
        "\nn = nuke.thisNode()\nif n[\"a\"].value() == '$x':\n\tpass"
    )


def test_added_knobs(comp):
    knobs = {knob.name: knob for knob in named(comp, "Group1").user_knobs}
    assert (knobs["User"].kind, knobs["User"].label) == (20, "All about it")
    assert knobs["show"].items == ("result", "the plate", "")
    assert knobs["show"].tooltip == "What is seen.\nSecond line."
    assert knobs["size"].range == ("0", "100")
    assert knobs["size"].label is None
    assert (knobs["more"].nesting, knobs["endGroup"].nesting) == (1, -1)
    assert (knobs["go"].text, knobs["go"].flags) == ('print("[1]")', ("-STARTLINE",))
    assert knobs["hidden"].flags == ("+INVISIBLE",)
    assert knobs["which"].text == "Switch1.which"


def test_clone_shares_its_class_and_name():
    script = load("Blur {\n inputs 0\n name A\n}\nset C1 [stack 0]\nclone $C1 {\n xpos 5\n}\n")
    assert script.errors == []
    assert script.nodes[1].clone_of is script.nodes[0]
    assert (script.nodes[1].class_name, script.nodes[1].name) == ("Blur", "A")
    assert names(script.nodes[1].inputs) == ["A"]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("Blur {\n name A\n", "brace"),
        ("push $nothing\n", "nothing"),
        ("push 12\n", "no node"),
        ("end_group\n", "without a group"),
        ("Group {\n name A\n}\n", "end_group"),
        ("Blur {\n name\n}\n", "no value"),
        ("Blur {\n addUserKnob {seven name}\n}\n", "needs a number"),
        ("Blur [pwd]\n", "pwd"),
        ("exec ls\n", ""),
        ("open /etc/passwd\n", ""),
        ("Blur {} {} {}\n", "no node"),
    ],
)
def test_what_is_no_script_is_told(text, word):
    errors = load(text).errors
    if text.startswith(("exec", "open")):
        # No such command is left: it reads as a class of node with odd knobs.
        assert errors
    else:
        assert word in " ".join(errors)


def test_script_reaches_nothing_outside(tmp_path):
    target = tmp_path / "made"
    load(f'Blur {{\n name A\n}}\nset file [open "{target}" w]\n')
    load(f"NoOp [exec touch {target}]\n")
    load(f"NoOp [file mkdir {target}]\n")
    assert not target.exists()


def test_emitted_again_the_same(comp):
    text = emit(comp)
    again = load(text)
    assert again.errors == []
    assert emit(again) == text
    assert [node.entries for node in again.all_nodes()] == [node.entries for node in comp.all_nodes()]
    assert [names(node.inputs) for node in again.all_nodes()] == [
        names(node.inputs) for node in comp.all_nodes()
    ]


def test_lines_are_nukes_own(comp):
    """Every line in Nuke's own form stands in the second emission, but for names of the stack."""
    ours = {line for line in emit(comp).splitlines() if not line.startswith(("push", "set"))}
    theirs = [
        line
        for line in COMP.read_text(encoding="utf-8").splitlines()
        if not line.startswith(("push", "set", "#!"))
    ]
    assert [line for line in theirs if line not in ours] == []
