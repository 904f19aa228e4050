"""Makes a node's inside what its instances and choices say. Inner nodes that stay are only set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import nuke
from semantic_matte_client.nodes.instance_table import Row

from . import group_plan, host, node_knobs
from .group_plan import NOT_PLANNED, PREFIX, SHOW, SOURCE, GroupPlan, PlannedNode
from .layer_names import channel, channel_in

INPUTS, OUTPUT = ("Source", "Hint"), "Output"


def build_sockets(group: nuke.Group) -> None:
    """The inputs and the output, which are never rebuilt; only those are made that are missing."""
    with group:
        for number, name in enumerate(INPUTS):
            if group.node(name) is None:
                node = nuke.nodes.Input()
                node.setName(name)
                node["number"].setValue(number)
                node.setXYpos(-300 * number, -200)
        if group.node(SOURCE) is None:
            dot = nuke.nodes.Dot()
            dot.setName(SOURCE)
            dot.setInput(0, group.node(INPUTS[0]))
            dot.setXYpos(34, -100)
        if group.node(OUTPUT) is None:
            nuke.nodes.Output().setName(OUTPUT)


def rebuild(group: nuke.Group) -> None:
    """Make the inside what the node's knobs say. The same knobs give the same inside.

    Raises StoredValueError where they are damaged and GroupPlanError where the result can't be shown; nothing
    is changed then. Never call it while a script is read or pasted: it asks a Read for its channels.
    """
    rows, shown = node_knobs.stored_rows(group), node_knobs.stored_results(group)
    one = node_knobs.chosen(group, rows) if group["output_alpha"].value() == "one" else ""
    plan = group_plan.planned(rows, shown, one, {})
    build_sockets(group)
    with group:
        there = _ours_in(group)
        add_layers(plan.layers)
        if shown is not None:
            # The Read first: it knows what Nuke calls the channels of its file.
            read = _made(there, group_plan.reads(shown)[0])
            plan = group_plan.planned(rows, shown, one, _channels(read, rows))
        made: dict[str, Any] = {SOURCE: group.node(SOURCE)}
        for planned in plan.nodes:
            made[planned.name] = _made(there, planned)
        connect(made, plan)
        for name in set(there) - set(made):
            nuke.delete(there[name])
        output: Any = group.node(OUTPUT)
        _link(output, 0, made[SHOW])
        output.setXYpos(0, made[SHOW].ypos() + 100)


def set_node(node: nuke.Node, values: Mapping[str, Any], expressions: Mapping[str, str]) -> None:
    """Set the knobs of a node that differ."""
    for name, value in values.items():
        knob: Any = node[name]
        if knob.hasExpression():
            knob.clearAnimated()
        if knob.value() != value:
            knob.setValue(value)
    for name, text in expressions.items():
        knob = node[name]
        # Without a context it is the text as a script has it.
        if not knob.hasExpression() or text not in knob.toScript(False, None):
            knob.setExpression(text)


def connect(made: Mapping[str, nuke.Node | None], plan: GroupPlan) -> None:
    """Link nodes as planned; `made` holds them by their planned names."""
    for planned in plan.nodes:
        node = made[planned.name]
        if node is not None:
            for index, name in enumerate(planned.inputs):
                _link(node, index, made[name])


def add_layers(names: tuple[str, ...]) -> None:
    """Make layers known to Nuke, without which no knob takes them."""
    known = set(nuke.channels())
    for name in names:
        # By its channel: somebody else's layer of this name may lack it.
        if channel(name) not in known:
            nuke.Layer(name, [channel(name)])


def new_node(planned: PlannedNode, name: str) -> nuke.Node:
    """A node as planned, by a name, in the group that is open."""
    node: nuke.Node = getattr(nuke.nodes, planned.class_name)()
    node.setName(name)
    set_node(node, planned.values, planned.expressions)
    return node


def channels_of(node: nuke.Node) -> set[str]:
    """The channels that a node gives; none, which is told, where it can't be evaluated."""
    try:
        return set(node.channels())
    except RuntimeError as reason:
        host.say(f"Nuke can't tell the channels of '{node.fullName()}' ({reason}).")
        return set()


def file_channels(group: nuke.Group, rows: tuple[Row, ...]) -> dict[str, str]:
    """What the node's Read calls the alpha of each slot."""
    read = group.node(group_plan.RESULT)
    return {} if read is None else _channels(read, rows)


def _made(there: dict[str, nuke.Node], planned: PlannedNode) -> nuke.Node:
    """The node as planned: the one that is there, set anew, or a new one."""
    node = there.get(planned.name)
    if node is not None and node.Class() == planned.class_name:
        set_node(node, planned.values, planned.expressions)
    else:
        if node is not None:
            nuke.delete(node)
        node = there[planned.name] = new_node(planned, planned.name)
    if (node.xpos(), node.ypos()) != planned.position:
        node.setXYpos(*planned.position)
    return node


def _ours_in(group: nuke.Group) -> dict[str, nuke.Node]:
    """The inner nodes that a plan has made, by name. What an artist put there is left alone."""
    return {
        node.name(): node
        for node in group.nodes()
        if node.name().startswith(PREFIX) and not node.name().startswith(NOT_PLANNED)
    }


def _channels(read: nuke.Node, rows: tuple[Row, ...]) -> dict[str, str]:
    """What a Read calls the alpha of each slot."""
    there = channels_of(read)
    return {row.slot: channel_in(row.slot, there) for row in rows}


def _link(node: nuke.Node, index: int, source: nuke.Node | None) -> None:
    """Link an input that leads elsewhere."""
    there = node.input(index)
    # Nuke may give another Python object for the same node each time.
    if (there is None) != (source is None) or (there is not None and there != source):
        node.setInput(index, source)
