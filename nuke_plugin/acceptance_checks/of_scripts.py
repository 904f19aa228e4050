"""Saving, loading, copying: what a script keeps, and in what form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nuke

from .checking import DiffersError, check, same
from .of_knobs import AWKWARD


def saved(folder: Path) -> str:
    """The script's text, as Nuke writes it."""
    path = folder / "kit.nk"
    nuke.scriptSaveAs(str(path).replace("\\", "/"), 1)
    return path.read_text(encoding="utf-8")


def opened_again(folder: Path) -> None:
    """Save the script, clear, and read it in."""
    saved(folder)
    nuke.scriptClear()
    nuke.scriptReadFile(str(folder / "kit.nk").replace("\\", "/"))


def found(text: str, *parts: str) -> list[str]:
    """Parts that a text must have. Raises DiffersError, with the text, where one is not in it."""
    lacking = [part for part in parts if part not in text]
    if lacking:
        raise DiffersError(f"{lacking} not in:\n{text}")
    return list(parts)


@check(
    "Text with quotes, brackets, braces, dollars and letters of all alphabets comes back as it was.",
    facts=("nk_cr_escape",),
)
def awkward_text_survives(folder: Path) -> object:
    """Names, labels and JSON."""
    node = nuke.nodes.NoOp()
    node.setName("Kit")
    node.addKnob(nuke.String_Knob("text", "text"))
    node["text"].setValue(AWKWARD + "\nsecond line\t\r.")
    opened_again(folder)
    again: Any = nuke.toNode("Kit")
    return same(again["text"].value(), AWKWARD + "\nsecond line\t\r.")


@check("An invisible knob is written with +INVISIBLE, and is invisible when it is read again.")
def invisible_is_kept(folder: Path) -> object:
    """The plugin's own values stay out of sight."""
    node = nuke.nodes.NoOp()
    node.setName("Kit")
    node.addKnob(nuke.String_Knob("kept", "kept"))
    node["kept"].setFlag(nuke.INVISIBLE)
    node["kept"].setValue("1")
    text = found(saved(folder), "+INVISIBLE")
    opened_again(folder)
    again: Any = nuke.toNode("Kit")
    return text, same((again["kept"].value(), bool(again["kept"].visible())), ("1", False))


@check("A layer that was made is written into the script as add_layer.", facts=("layers_outlive_scripts",))
def layers_are_kept(folder: Path) -> object:
    """Copies name channels of layers."""
    nuke.Layer("sm_kit_02", ["sm_kit_02.alpha"])
    node = nuke.nodes.Copy()
    node["to0"].setValue("sm_kit_02.alpha")
    return found(saved(folder), "add_layer {sm_kit_02 sm_kit_02.alpha")


@check("User knobs are written by the numbers of their kinds, with entries and tooltips.")
def user_knobs_have_numbers(folder: Path) -> object:
    """1 text, 2 file, 3 whole number, 4 pulldown, 6 switch, 7 number, 20 tab, 22 button, 26 line of text."""
    node = nuke.nodes.NoOp()
    for knob in (
        nuke.Tab_Knob("kit", "Kit"),
        nuke.String_Knob("one", "one"),
        nuke.File_Knob("two", "two"),
        nuke.Int_Knob("three", "three"),
        nuke.Enumeration_Knob("four", "four", ["a", "b"]),
        nuke.Boolean_Knob("six", "six"),
        nuke.Double_Knob("seven", "seven"),
        nuke.PyScript_Knob("push", "push", "pass"),
        nuke.Text_Knob("said", "said", "words"),
    ):
        node.addKnob(knob)
    numbers = {
        20: "kit",
        1: "one",
        2: "two",
        3: "three",
        4: "four",
        6: "six",
        7: "seven",
        22: "push",
        26: "said",
    }
    return found(saved(folder), *[f"addUserKnob {{{number} {name}" for number, name in numbers.items()])


@check("A Group and what is in it are written between 'Group {' and 'end_group', and read again so.")
def groups_are_kept(folder: Path) -> object:
    """Inputs, inner links and expressions."""
    group: Any = nuke.nodes.Group()
    group.setName("Kit")
    group.addKnob(nuke.Enumeration_Knob("show", "show", ["a", "b"]))
    with group:
        source = nuke.nodes.Input()
        switch: Any = nuke.nodes.Switch()
        switch.setName("Chosen")
        switch.setInput(0, source)
        switch.setInput(1, source)
        switch["which"].setExpression("parent.show")
        nuke.nodes.Output().setInput(0, switch)
    group["show"].setValue(1)
    text = found(saved(folder), "end_group", "which {{parent.show}}")
    opened_again(folder)
    again: Any = nuke.toNode("Kit.Chosen")
    return text, same((int(again["which"].value()), again.inputs()), (1, 2))


@check("A node of user knobs that is copied and pasted keeps their values.")
def pasted_copies_keep_values(folder: Path) -> object:
    """A pasted copy goes on reading the old result."""
    node: Any = nuke.nodes.NoOp()
    node.addKnob(nuke.String_Knob("kept", "kept"))
    node["kept"].setValue("as it was")
    for one in nuke.allNodes():
        one.setSelected(one == node)
    path = str(folder / "copy.nk").replace("\\", "/")
    nuke.nodeCopy(path)
    nuke.nodePaste(path)
    return same([one["kept"].value() for one in nuke.allNodes("NoOp")], ["as it was"] * 2)


@check("onCreate fires for nodes that are read from a script, inner nodes before their Group.")
def on_create_fires_on_load(folder: Path) -> object:
    """The plugin looks at what was loaded then, and asks no node for its channels."""
    heard: list[str] = []

    def hear() -> None:
        """Keep the class of the node."""
        heard.append(nuke.thisNode().Class())

    group = nuke.nodes.Group()
    with group:
        nuke.nodes.Dot()
    saved(folder)
    nuke.scriptClear()
    nuke.addOnCreate(hear)
    try:
        nuke.scriptReadFile(str(folder / "kit.nk").replace("\\", "/"))
    finally:
        nuke.removeOnCreate(hear)
    order = [one for one in heard if one in ("Dot", "Group")]
    return same(order, ["Dot", "Group"])


@check("A script is told apart by root['name'] once it is saved, with forward slashes.")
def a_saved_script_has_its_path(folder: Path) -> object:
    """Results lie beside it."""
    nuke.nodes.Dot()
    saved(folder)
    path = nuke.root()["name"].value()
    return same(("\\" in path, Path(path).name), (False, "kit.nk"))
