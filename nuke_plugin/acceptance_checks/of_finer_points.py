"""Finer points: what hangs on what, what is no step of undo, what boxes become."""

from __future__ import annotations

import contextlib
import threading
import time
from pathlib import Path
from typing import Any

import nuke

from .checking import DiffersError, check, raised, same
from .pixels import mattes, plate, read_node, seen


@check("After an undo of its deletion a node is there, and the old Python object is not it.", "window")
def handle_stays_dead_after_undo(folder: Path) -> object:
    """A node is found again by its identity."""
    node = nuke.nodes.Dot()
    node.setName("Back")
    nuke.delete(node)
    nuke.undo()
    return same(nuke.exists("Back"), True), raised(ValueError, node.name)


@check("setInput gives False for a loop and beyond the last input.")
def set_input_refuses_loops(folder: Path) -> object:
    """So nothing is linked that can't be."""
    one, other = nuke.nodes.Dot(), nuke.nodes.Dot()
    other.setInput(0, one)
    return same((bool(one.setInput(0, other)), bool(nuke.nodes.Read().setInput(5, one))), (False, False))


@check("nuke.createNode hooks onto the selected node; nuke.nodes.X hooks onto nothing.")
def create_node_goes_between(folder: Path) -> object:
    """The menu's node is behind what is selected."""
    source = nuke.nodes.Constant()
    for node in nuke.allNodes():
        node.setSelected(node == source)
    free = nuke.nodes.Dot()
    hooked: Any = nuke.createNode("Dot", inpanel=False)
    return same((free.input(0) is None, hooked.input(0) == source), (True, True))


@check("What hung on a deleted node hangs on its first input afterwards.")
def delete_reconnects(folder: Path) -> object:
    """Baking links by itself all the same."""
    source, middle, end = nuke.nodes.Constant(), nuke.nodes.Dot(), nuke.nodes.Dot()
    middle.setInput(0, source)
    end.setInput(0, middle)
    nuke.delete(middle)
    return same(end.input(0) == source, True)


@check("In a Group's button the group itself is the place where nodes are made.")
def button_runs_inside_group(folder: Path) -> object:
    """The plugin leaves it for what belongs beside the node."""
    group: Any = nuke.nodes.Group()
    group.addKnob(nuke.PyScript_Knob("press", "press", "nuke.nodes.Dot()"))
    group["press"].execute()
    return same([node.Class() for node in group.nodes()], ["Dot"])


@check("A pulldown keeps its value where a text is given that is none of its entries.")
def unknown_item_is_refused(folder: Path) -> object:
    """With an exception or without."""
    node: Any = nuke.nodes.NoOp()
    node.addKnob(nuke.Enumeration_Knob("show", "show", ["a", "b"]))
    try:
        node["show"].setValue("z")
        how = "without a word"
    except Exception as reason:
        how = type(reason).__name__
    same(node["show"].value(), "a")
    return how


@check("A channel knob takes no channel of a layer that is not known.")
def unknown_channel_is_refused(folder: Path) -> object:
    """Layers are made first."""
    node = nuke.nodes.Copy()
    try:
        node["to0"].setValue("sm_never_made.alpha")
        how = "without a word"
    except Exception as reason:
        how = type(reason).__name__
    if node["to0"].value() == "sm_never_made.alpha":
        raise DiffersError("it was taken")
    return how


@check("setValues keeps what is chosen where it still is an entry.")
def set_values_keeps_choice(folder: Path) -> object:
    """The plugin sets the choice again in any case."""
    node: Any = nuke.nodes.NoOp()
    node.addKnob(nuke.Enumeration_Knob("one", "one", ["a", "b"]))
    node["one"].setValue("b")
    node["one"].setValues(["x", "b"])
    return same(node["one"].value(), "b")


@check("A Read whose first and last are expressions of frame takes a frame far outside as missing, not held.")
def read_range_follows_frame(folder: Path) -> object:
    """No frame is ever held by accident."""
    read = read_node(mattes(folder).with_name("plate.mattes.%04d.exr"))
    read["first"].setExpression("min(1001,frame)")
    read["last"].setExpression("max(1001,frame)")
    return raised(RuntimeError, lambda: seen(read, folder, 1200))


@check("toScript gives the expression of a knob that has one.")
def to_script_holds_expressions(folder: Path) -> object:
    """By it the plugin sees that a node above was changed."""
    node: Any = nuke.nodes.Switch()
    node["which"].setExpression("frame/2")
    text = node["which"].toScript()
    return same("frame/2" in text, True)


@check("Knobs that are added in an undo group are taken back with it.", "window")
def added_knobs_are_undone(folder: Path) -> object:
    """Else the list of instances is renewed when the panel opens."""
    node = nuke.nodes.NoOp()
    node.setName("Kit")
    undo = nuke.Undo()
    undo.begin("knob")
    node.addKnob(nuke.String_Knob("more", "more"))
    undo.end()
    nuke.undo()
    again: Any = nuke.toNode("Kit")
    return same(again is None or again.knob("more") is None, True)


@check("Greying a knob out, selecting a node and going to another frame are no steps of undo.", "window")
def greying_out_is_no_step(folder: Path) -> object:
    """What the plugin puts back leaves no trace."""
    node: Any = nuke.nodes.NoOp()
    node.setName("Kit")
    node.addKnob(nuke.String_Knob("more", "more"))
    node["more"].setValue("set")
    node["more"].setEnabled(False)
    node.setSelected(True)
    nuke.frame(7)
    nuke.undo()
    return same(node["more"].value(), "")


@check("Selecting a node and going to another frame do not mark the script as changed.", "window")
def selection_is_no_step(folder: Path) -> object:
    """A capture changes nothing that would have to be saved."""
    node = nuke.nodes.NoOp()
    root: Any = nuke.root()
    root.setModified(False)
    node.setSelected(True)
    nuke.frame(9)
    return same(bool(root.modified()), False)


@check("INVISIBLE is 0x400, STARTLINE 0x1000, DO_NOT_WRITE 0x200, DISABLED 0x80.")
def flags_have_these_numbers(folder: Path) -> object:
    """As the stubs' constants."""
    found = (nuke.INVISIBLE, nuke.STARTLINE, nuke.DO_NOT_WRITE, nuke.DISABLED)
    return same(found, (0x400, 0x1000, 0x200, 0x80))


@check("onUserCreate comes after onCreate, and from createNode only.")
def user_create_comes_last(folder: Path) -> object:
    """The plugin uses onCreate."""
    heard: list[str] = []

    def created() -> None:
        """Hear of onCreate."""
        heard.append("create")

    def user_created() -> None:
        """Hear of onUserCreate."""
        heard.append("user")

    nuke.addOnCreate(created)
    nuke.addOnUserCreate(user_created)
    try:
        nuke.createNode("Dot", inpanel=False)
        nuke.nodes.Dot()
    finally:
        nuke.removeOnCreate(created)
        nuke.removeOnUserCreate(user_created)
    return same(heard, ["create", "user", "create"])


@check("onDestroy is called for a deleted group and for what is inside of it.")
def on_destroy_inner_first(folder: Path) -> object:
    """A job of a node in a deleted group is cancelled too."""
    heard: list[str] = []

    def hear() -> None:
        """Keep the class."""
        heard.append(nuke.thisNode().Class())

    group = nuke.nodes.Group()
    with group:
        nuke.nodes.Dot()
    nuke.addOnDestroy(hear)
    try:
        nuke.delete(group)
    finally:
        nuke.removeOnDestroy(hear)
    return same(sorted(one for one in heard if one in ("Dot", "Group")), ["Dot", "Group"])


@check("What a thread queues by executeInMainThread is not run while a script of -t runs.", "terminal")
def no_loop_in_terminal(folder: Path) -> object:
    """In a terminal the plugin does its work in turn."""
    heard: list[str] = []

    def ask() -> None:
        """Refused or queued: either way nothing runs."""
        with contextlib.suppress(Exception):
            nuke.executeInMainThread(heard.append, ("now",))

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(1.0)
    time.sleep(0.3)
    return same(heard, [])


@check("nuke.execute refuses a Group that is no Write.")
def execute_refuses_groups(folder: Path) -> object:
    """A capture renders a Write inside."""
    return raised(RuntimeError, lambda: nuke.execute(nuke.nodes.Group(), 1, 1, 1))


@check("The root's knob views has a line for each view, with its colour.")
def views_text_of_root(folder: Path) -> object:
    """Views are saved so."""
    nuke.addView("left")
    lines = str(nuke.root()["views"].toScript()).splitlines()
    return same([line.strip('"').split()[0] for line in lines if line.strip('"{} ')][-1:], ["left"])


@check(
    "A Copy's box is the union of both sides', and an Expression keeps its input's.",
    facts=("expression_boxes",),
)
def copy_boxes(folder: Path) -> object:
    """A tight matte does not cut the plate."""
    large = read_node(plate(folder))
    small = read_node(mattes(folder))
    copy: Any = nuke.nodes.Copy()
    copy.setInput(0, large)
    copy.setInput(1, small)
    node: Any = nuke.nodes.Expression()
    node.setInput(0, copy)
    return same(seen(node, folder).data_window, seen(large, folder).data_window)


@check("A Switch whose number is beyond its inputs gives the last one.")
def switch_beyond_last(folder: Path) -> object:
    """Never an error."""
    switch: Any = nuke.nodes.Switch()
    switch.setInput(0, read_node(plate(folder)))
    switch["which"].setValue(3)
    return same("R" in seen(switch, folder).channels, True)


@check("A disabled node gives its first input.")
def disabled_passes_input(folder: Path) -> object:
    """A Semantic Matte node that is switched off gives the plate."""
    read = read_node(plate(folder))
    node: Any = nuke.nodes.Expression()
    node.setInput(0, read)
    node["expr0"].setValue("0")
    node["disable"].setValue(True)
    return same(seen(node, folder).channels["R"], seen(read, folder).channels["R"])
