"""Knobs of the kinds that the node has: what they keep, refuse, and give back."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import nuke

from .checking import DiffersError, SkippedError, check, raised, same

# What an artist may type into a name: signs that mean something in Tcl, and letters of other alphabets.
AWKWARD = 'Anna\'s "left" [hand] {1} $5 \\ 50% # ; Jürgen 花'


@check("A Group has no knob of its own under any name that the node's knobs have.", needs="plugin")
def no_knob_of_ours_is_taken(folder: Path) -> object:
    """A user knob of the same name would hide Nuke's."""
    from semantic_matte_nuke import knob_plan  # only where the plugin is asked for

    own = set(nuke.nodes.Group().knobs())
    ours = {plan.name for plan in knob_plan.knob_plan(1, "0")}
    return same(sorted(own & ours), [])


@check("A String_Knob's value() is its text as it is, with brackets, and nothing of it is run as Tcl.")
def text_is_not_evaluated(folder: Path) -> object:
    """Names and JSON lie in String_Knobs."""
    node = nuke.nodes.NoOp()
    node.addKnob(nuke.String_Knob("text", "text"))
    node["text"].setValue(AWKWARD)
    return same(node["text"].value(), AWKWARD)


@check("A File_Knob's value() is its text, and evaluate() is what its Tcl gives.")
def paths_are_evaluated(folder: Path) -> object:
    """An artist may write [file dirname [value root.name]] into the cache folder."""
    node: Any = nuke.nodes.NoOp()
    node.addKnob(nuke.File_Knob("place", "place"))
    node["place"].setValue("/shots/[expr 1+1]")
    return same((node["place"].value(), node["place"].evaluate()), ("/shots/[expr 1+1]", "/shots/2"))


@check("An Enumeration takes new entries by setValues, and its value is the entry's text.")
def entries_can_be_replaced(folder: Path) -> object:
    """The pulldown of instances."""
    node: Any = nuke.nodes.NoOp()
    knob = nuke.Enumeration_Knob("instance", "instance", ["none"])
    node.addKnob(knob)
    node["instance"].setValues(["person 1", "dog 1"])
    node["instance"].setValue(1)
    return same((node["instance"].values(), node["instance"].value()), (["person 1", "dog 1"], "dog 1"))


@check("An Enumeration's getValue() is the number of the entry.")
def entries_have_numbers(folder: Path) -> object:
    """Expressions see this number: parent.show chooses the Switch's input."""
    node: Any = nuke.nodes.NoOp()
    node.addKnob(nuke.Enumeration_Knob("show", "show", ["a", "b", "c"]))
    node["show"].setValue("c")
    return same(int(node["show"].getValue()), 2)


@check("A knob refuses a value of another kind with TypeError.", facts=("wrong_type_is_type_error",))
def knobs_refuse_other_kinds(folder: Path) -> object:
    """A slip would be told, not stored."""
    node = nuke.nodes.NoOp()
    node.addKnob(nuke.Int_Knob("number", "number"))
    return raised(TypeError, lambda: node["number"].setValue({"a": 1}))


@check("Flags keep a knob out of sight, and getFlag says so.")
def knobs_can_be_invisible(folder: Path) -> object:
    """The plugin's own values are shown to nobody."""
    node = nuke.nodes.NoOp()
    node.addKnob(nuke.String_Knob("kept", "kept"))
    node["kept"].setFlag(nuke.INVISIBLE)
    return same((bool(node["kept"].getFlag(nuke.INVISIBLE)), bool(node["kept"].visible())), (True, False))


@check(
    "The expression parent.show on an inner Switch follows the Group's pulldown.",
    facts=(
        "switch_follows_enumeration",
        "expressions_of_parent",
    ),
)
def an_inner_switch_follows_the_group(folder: Path) -> object:
    """What the node shows needs no Python."""
    group: Any = nuke.nodes.Group()
    group.addKnob(nuke.Enumeration_Knob("show", "show", ["a", "b", "c"]))
    with group:
        switch: Any = nuke.nodes.Switch()
    switch["which"].setExpression("parent.show")
    group["show"].setValue(2)
    return same(int(switch["which"].value()), 2)


@check(
    "The expression on a Read's on_error follows a Group's pulldown, and 3 is 'nearest frame'.",
    facts=("read_on_error_expression",),
)
def on_error_follows_the_group(folder: Path) -> object:
    """Missing frames: error, black or nearest."""
    group: Any = nuke.nodes.Group()
    group.addKnob(nuke.Enumeration_Knob("missing_frames", "missing", ["error", "black", "nearest"]))
    with group:
        read: Any = nuke.nodes.Read()
    read["on_error"].setExpression("parent.missing_frames==2?3:parent.missing_frames")
    found = []
    for number in range(3):
        group["missing_frames"].setValue(number)
        found.append(read["on_error"].value())
    return same(found, ["error", "black", "nearest frame"])


@check("A Read's first and last take expressions of the root's range.")
def a_reads_range_takes_expressions(folder: Path) -> object:
    """Frames without a file are missing and not held."""
    nuke.root()["first_frame"].setValue(990)
    nuke.root()["last_frame"].setValue(1200)
    read: Any = nuke.nodes.Read()
    read["first"].setExpression("min(1001,root.first_frame)")
    read["last"].setExpression("max(1050,root.last_frame)")
    return same((int(read["first"].value()), int(read["last"].value())), (990, 1200))


@check("knobChanged fires for a node whose panel is closed from 17.1 on only.")
def knob_changed_needs_an_open_panel(folder: Path) -> object:
    """The plugin may not count on it from scripts."""
    node: Any = nuke.nodes.NoOp()
    node.addKnob(nuke.String_Knob("heard", "heard"))
    node["knobChanged"].setValue("nuke.thisNode()['heard'].setValue('yes')")
    node.hideControlPanel()
    node["disable"].setValue(True)
    later = (int(nuke.NUKE_VERSION_MAJOR), int(nuke.NUKE_VERSION_MINOR)) >= (17, 1)
    return same(node["heard"].value(), "yes" if later else "")


@check("A panel's closed groups and buttons are made by the knobs that the plugin uses.")
def panels_have_groups_and_buttons(folder: Path) -> object:
    """Tab, closed group, its end, and a button that begins no line."""
    node = nuke.nodes.NoOp()
    node.addKnob(nuke.Tab_Knob("kit", "Kit"))
    node.addKnob(nuke.Tab_Knob("more", "More", nuke.TABBEGINCLOSEDGROUP))
    node.addKnob(nuke.PyScript_Knob("press", "Press", "pass"))
    node.addKnob(nuke.Tab_Knob("more_end", "", nuke.TABENDGROUP))
    classes = [knob.Class() for knob in node.allKnobs()[-4:]]
    return same(("PyScript_Knob" in classes, all(node.knob(name) for name in ("more", "press"))), (True, True))


@check("A knob that is removed is gone, and another one of its name can be added.")
def knobs_can_be_removed(folder: Path) -> object:
    """The list of instances is renewed so."""
    node = nuke.nodes.NoOp()
    node.addKnob(nuke.String_Knob("row", "row"))
    node.removeKnob(node["row"])
    gone = node.knob("row") is None
    node.addKnob(nuke.Boolean_Knob("row", "row"))
    return same((gone, node["row"].Class()), (True, "Boolean_Knob"))


@check("The root has the knobs of colour management that the plugin reads.")
def the_root_tells_its_colours(folder: Path) -> object:
    """By these the engine learns what the plate's numbers mean."""
    names = ("colorManagement", "OCIO_config", "customOCIOConfigPath", "workingSpaceLUT")
    return same([name for name in names if nuke.root().knob(name) is None], [])


@check(
    "The working space has a value, whose first part before a TAB is its name.",
    facts=("working_space_values_may_have_tabs",),
)
def the_working_space_has_a_name(folder: Path) -> object:
    """The engine is told this name."""
    value = str(nuke.root()["workingSpaceLUT"].value())
    if not value.partition("\t")[0].strip():
        raise DiffersError(repr(value))
    return value


@check(
    "With $OCIO set the configuration in use is that one, whatever OCIO_config says.",
    facts=("ocio_variable_comes_before_the_root",),
)
def the_ocio_variable_comes_first(folder: Path) -> object:
    """Start Nuke with $OCIO set to try it; the report has what the root says then."""
    if not os.environ.get("OCIO"):
        raise SkippedError("$OCIO is not set")
    root = nuke.root()
    told = {name: str(root[name].value()) for name in ("OCIO_config", "customOCIOConfigPath")}
    if os.environ["OCIO"] not in told.values():
        raise DiffersError(f"{told} where $OCIO is {os.environ['OCIO']!r}")
    return told


@check("With OCIO as colour management the root's OCIOConfigPath is the path of a stock configuration.")
def root_says_where_a_stock_configuration_lies(folder: Path) -> object:
    """Sent to the engine with the working space."""
    root: Any = nuke.root()
    root["colorManagement"].setValue("OCIO")
    knob = root.knob("OCIOConfigPath")
    if knob is None:
        raise SkippedError("the root has no such knob here: the plugin asks for the space by name then")
    path = str(knob.getEvaluatedValue() or "")
    if nuke.GUI and path and not Path(path).is_file():
        raise DiffersError(f"'{path}' is not there")
    return path
