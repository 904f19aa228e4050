"""Makes a Semantic Matte node, as Nuke makes its own: behind what is selected, with its panel open."""

from __future__ import annotations

import uuid

import nuke

from . import host, node_building, node_knobs
from .node_finding import IDENTITY, NodeError

NAME = "SemanticMatte1"
# The green of Nuke's keyers, greyer.
COLOUR = 0x4D8063FF


def create(source: nuke.Node | None = None, hint: nuke.Node | None = None) -> nuke.Group:
    """A new node in the group that is open; one step of undo.

    source, hint: what to link. Without a source it goes behind the selected node as Nuke's own nodes do,
    between it and what it leads to, and its panel opens. Raises NodeError for what is no node.
    """
    for one in (source, hint):
        if one is not None and not hasattr(one, "Class"):
            raise NodeError(f"Expected a node as the source or hint, got {one!r}: use nuke.toNode to find it.")
    selected = _selected() if source is None else None
    with host.undo_group("Create Semantic Matte"), host.own_changes():
        node = nuke.nodes.Group()
        node.setName(NAME)
        node["tile_color"].setValue(COLOUR)
        node_knobs.add_knobs(node)
        node[IDENTITY].setValue(uuid.uuid4().hex)
        node_building.build_sockets(node)
        node_building.rebuild(node)
        if selected is not None:
            _put_behind(node, selected)
        elif source is not None:
            node.setInput(0, source)
            node.setXYpos(source.xpos(), source.ypos() + 100)
        elif host.is_gui():
            node.setXYpos(*map(int, nuke.center()))
        if hint is not None:
            node.setInput(1, hint)
        node.setTab(0)
        if source is None:
            node.selectOnly()
    if source is None and host.is_gui():
        node.showControlPanel()
    return node


def _selected() -> nuke.Node | None:
    """The selected node that a new one goes behind; None where none is, or only a backdrop or note."""
    if not nuke.selectedNodes():
        return None
    node = nuke.selectedNode()
    return node if node.maxOutputs() > 0 else None


def _put_behind(node: nuke.Group, selected: nuke.Node) -> None:
    """Link it between a node and all that this led to."""
    followers = [
        (one, index)
        for one in selected.dependent(nuke.INPUTS | nuke.HIDDEN_INPUTS)
        for index in range(one.inputs())
        if one.input(index) == selected
    ]
    node.setInput(0, selected)
    for follower, index in followers:
        follower.setInput(index, node)
    node.setXYpos(selected.xpos(), selected.ypos() + 100)
