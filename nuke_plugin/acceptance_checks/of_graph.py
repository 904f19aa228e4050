"""Nodes, names, groups, undo: what the plugin builds on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nuke

from .checking import check, raised, same


@check("A second node of the same name gets another one.", facts=("names_uncollide",))
def names_are_unique(folder: Path) -> object:
    """setName keeps names apart."""
    one, other = nuke.nodes.Dot(), nuke.nodes.Dot()
    one.setName("Same")
    other.setName("Same")
    return same((one.name(), other.name() != "Same"), ("Same", True))


@check(
    "nuke.toNode finds a node inside a group by Group.Node, and fullName says just that.",
    facts=("to_node_takes_paths",),
)
def nodes_in_groups_have_paths(folder: Path) -> object:
    """Names with dots."""
    group = nuke.nodes.Group()
    with group:
        inner = nuke.nodes.Dot()
    path = f"{group.name()}.{inner.name()}"
    found = nuke.toNode(path)
    return same((inner.fullName(), found is not None and found == inner), (path, True))


@check("What is made under 'with group' lies in the group, and afterwards the root is the place again.")
def with_group_is_a_place(folder: Path) -> object:
    """The context of a group."""
    group = nuke.nodes.Group()
    with group:
        nuke.nodes.Dot()
    nuke.nodes.NoOp()
    inside = sorted(node.Class() for node in group.nodes())
    return same((inside, len(nuke.allNodes("NoOp"))), (["Dot"], 1))


@check(
    "A node that was deleted raises ValueError when it is asked anything.",
    facts=("deleted_node_is_value_error",),
)
def deleted_nodes_raise(folder: Path) -> object:
    """The plugin finds a node by its identity again, and never keeps it."""
    node = nuke.nodes.Dot()
    nuke.delete(node)
    return raised(ValueError, node.name)


@check("node['nothing'] raises NameError, and node.knob('nothing') is None.")
def unknown_knobs_are_told(folder: Path) -> object:
    """Two ways to ask for a knob."""
    node = nuke.nodes.Dot()
    return same(node.knob("nothing"), None), raised(NameError, lambda: node["nothing"])


@check(
    "Inputs of a Group are ordered by the knob 'number' of its Input nodes.",
    facts=("group_inputs_are_input_nodes",),
)
def inputs_are_ordered_by_number(folder: Path) -> object:
    """Source is 0 and Hint is 1, whichever was made first."""
    group = nuke.nodes.Group()
    with group:
        for number, name in ((1, "Hint"), (0, "Source")):
            node: Any = nuke.nodes.Input()
            node.setName(name)
            node["number"].setValue(number)
        output = nuke.nodes.Output()
        output.setInput(0, nuke.toNode("Source"))
    source = nuke.nodes.Constant()
    group.setInput(0, source)
    with group:
        fed = nuke.toNode("Source")
    return same((group.maxInputs(), fed is not None and output.input(0) == fed), (2, True))


@check(
    "A whole undo group is taken back by one undo, in a Nuke with a window.",
    needs="window",
    facts=("undo_group_is_one_step",),
)
def an_undo_group_is_one_step(folder: Path) -> object:
    """One named step for one applied result."""
    undo = nuke.Undo()
    undo.begin("Three dots")
    for _ in range(3):
        nuke.nodes.Dot()
    undo.end()
    made = len(nuke.allNodes("Dot"))
    nuke.undo()
    return same((made, len(nuke.allNodes("Dot"))), (3, 0))


@check(
    "What is done under Undo.disable() makes no step of undo, in a Nuke with a window.",
    needs="window",
    facts=("disabled_makes_no_step",),
)
def disabled_undo_makes_no_step(folder: Path) -> object:
    """The Write of a capture is made so."""
    nuke.nodes.NoOp()
    undo = nuke.Undo()
    undo.disable()
    nuke.delete(nuke.nodes.Dot())
    undo.enable()
    nuke.undo()
    return same(len(nuke.allNodes("NoOp")), 0)


@check(
    "Undo.cancel() takes back what was done since begin().", needs="window", facts=("undo_cancel_takes_back",)
)
def cancelled_undo_takes_all_back(folder: Path) -> object:
    """What fails half-way leaves nothing."""
    undo = nuke.Undo()
    undo.begin("Half")
    nuke.nodes.Dot()
    undo.cancel()
    return same(len(nuke.allNodes("Dot")), 0)


@check("A knob takes a channel once nuke.Layer has made its layer.", facts=("layer_of_python_knows_channels",))
def layers_are_made_before_knobs(folder: Path) -> object:
    """Copies name the layers of instances."""
    nuke.Layer("sm_kit_01", ["sm_kit_01.alpha"])
    node = nuke.nodes.Copy()
    node["to0"].setValue("sm_kit_01.alpha")
    return same((node["to0"].value(), "sm_kit_01" in nuke.layers()), ("sm_kit_01.alpha", True))


@check("A Copy has from0..from3 and to0..to3, and no from4.")
def a_copy_has_four_channels(folder: Path) -> object:
    """Four instances a Copy."""
    node = nuke.nodes.Copy()
    there = [name for name in (f"{way}{n}" for way in ("from", "to") for n in range(5)) if node.knob(name)]
    return same(sorted(there), sorted(f"{way}{n}" for way in ("from", "to") for n in range(4)))


@check(
    "An unsaved script has no name in its knob, and nuke.root().name() is 'Root'.", facts=("root_name_is_path",)
)
def an_unsaved_script_has_no_name(folder: Path) -> object:
    """So the plugin knows that there is no folder beside it."""
    return same((nuke.root().name(), nuke.root()["name"].value()), ("Root", ""))


@check("root().setModified(False) puts the flag of unsaved changes back.")
def the_modified_flag_can_be_put_back(folder: Path) -> object:
    """A status line is no change that would have to be saved."""
    nuke.nodes.Dot()
    root: Any = nuke.root()
    root.setModified(False)
    before = root.modified()
    root.setModified(True)
    return same((bool(before), bool(root.modified())), (False, True))
