"""The node that an operator of the panel is for."""

from __future__ import annotations

import bpy

from .node_finding import find_node
from .panel_parts import shown_node


def node_to_use(context: bpy.types.Context, name: str = "", *, to_change: bool = False) -> bpy.types.Node:
    """The node of this name in the tree that is seen, else in the scene's; without a name the one in the panel.

    to_change: refuse one that belongs to another file. Raises LookupError with a sentence.
    """
    node = _seen(context, name) or find_node(context, name)[2]
    if to_change and node.node_tree.library is not None:
        raise LookupError(
            f"'{node.name}' belongs to another file: make its node group local first, by the link button "
            "beside the group's name."
        )
    return node


def _seen(context: bpy.types.Context, name: str) -> bpy.types.Node | None:
    """The node in the editor that the operator was called from, if it was."""
    node = shown_node(context)
    return node if node is not None and name in ("", node.name) else None
