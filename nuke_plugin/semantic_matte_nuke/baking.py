"""Bake to Plain Nodes: what a node shows, as plain nodes in the artist's own graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import nuke

from . import group_plan, host, node_building, node_knobs, node_results
from .group_plan import ON_ERROR, SHOW, SHOWS, SOURCE, GroupPlan, PlannedNode

_MARGIN = 80


class BakeError(Exception):
    """A node can't be baked; the text is a sentence that says what to do."""


def bake(node: nuke.Group) -> list[nuke.Node]:
    """Put plain nodes in the place of a node of ours; returns them, the one that gives the picture last.

    One step of undo, which brings the node back. What was shown is what they render; nothing of the plugin
    stays in them. Raises BakeError, and changes nothing, where that can't be.
    """
    refusal = _refusal(node)
    if refusal:
        raise BakeError(refusal)
    rows, shown = node_results.rows(node), node_results.shown_results(node)
    if shown is None:
        raise BakeError(f"'{node.name()}' shows no mattes yet: generate first.")
    one = node_knobs.chosen(node, rows) if node["output_alpha"].value() == "one" else ""
    channels = node_building.file_channels(node, rows)
    plan = group_plan.planned(rows, shown, one, channels)
    switch = next(planned for planned in plan.nodes if planned.name == SHOW)
    output = switch.inputs[SHOWS.index(str(node["show"].value()))]
    plain = {
        "on_error": ON_ERROR[str(node["missing_frames"].value())],
        **group_plan.wide_range(shown, host.root_frames()),
    }
    needed = group_plan.needed_for(plan, output)
    plan = GroupPlan(tuple(_without_expressions(planned, plain) for planned in needed), plan.layers)
    title = node.name()
    with host.undo_group(f"Bake {title}"), node.parent():
        made = _made(node, plan)
        for follower, index in _followers(node):
            follower.setInput(index, made[output])
        nuke.delete(node)
        _frame(list(made.values()), title)
    return [one for name, one in made.items() if name != output] + [made[output]]


def _refusal(node: nuke.Group) -> str:
    """Why the node can't be baked; "" if it can."""
    if node["disable"].value():
        return f"'{node.name()}' is disabled: enable it first, as plain nodes have no one switch for all."
    linked = node.dependent(nuke.EXPRESSIONS)
    # Inner nodes follow the node's own knobs.
    others = [one.fullName() for one in linked if not one.fullName().startswith(f"{node.fullName()}.")]
    if others:
        return f"Expressions of {', '.join(others)} follow knobs of '{node.name()}': remove these first."
    return ""


def _without_expressions(planned: PlannedNode, plain: Mapping[str, Any]) -> PlannedNode:
    """The planned node with what its expressions give now, as they follow knobs of the node."""
    values = {**planned.values, **{name: plain[name] for name in planned.expressions}}
    return replace(planned, values=values, expressions={})


def _made(node: nuke.Group, plan: GroupPlan) -> dict[str, nuke.Node]:
    """The plan's nodes in the group that is open, linked, by their planned names, where the node is."""
    title = node.name()
    dot = nuke.nodes.Dot()
    dot.setName(f"{title}_Source")
    dot.setInput(0, node.input(0))
    lowest = max((planned.position[1] for planned in plan.nodes), default=0)
    top = node.ypos() - lowest
    dot.setXYpos(node.xpos() + 34, top - _MARGIN)
    made: dict[str, nuke.Node] = {SOURCE: dot}
    node_building.add_layers(plan.layers)
    for planned in plan.nodes:
        one = node_building.new_node(planned, f"{title}_{planned.name[len(group_plan.PREFIX) :]}")
        one.setXYpos(node.xpos() + planned.position[0], top + planned.position[1])
        made[planned.name] = one
    node_building.connect(made, plan)
    return made


def _followers(node: nuke.Group) -> list[tuple[nuke.Node, int]]:
    """Which input of which nodes the node leads to."""
    return [
        (one, index)
        for one in node.dependent(nuke.INPUTS | nuke.HIDDEN_INPUTS)
        for index in range(one.inputs())
        if one.input(index) == node
    ]


def _frame(nodes: list[nuke.Node], title: str) -> None:
    """A backdrop behind the nodes, which says what they were."""
    left, right = min(one.xpos() for one in nodes), max(one.xpos() for one in nodes)
    top, bottom = min(one.ypos() for one in nodes), max(one.ypos() for one in nodes)
    backdrop = nuke.nodes.BackdropNode()
    backdrop.setName(f"{title}_Baked")
    backdrop["label"].setValue(title)
    backdrop.setXYpos(left - _MARGIN, top - _MARGIN)
    backdrop["bdwidth"].setValue(right - left + 3 * _MARGIN)
    backdrop["bdheight"].setValue(bottom - top + 2 * _MARGIN)
