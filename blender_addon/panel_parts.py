"""What all panels of the add-on have in common: whose node they show, and that drawing never fails."""

from __future__ import annotations

import functools
import traceback
from collections.abc import Callable

import bpy

from .node_finding import is_semantic_matte
from .wrapped_text import draw_wrapped, signs_across

TREE_TYPE = "CompositorNodeTree"
CATEGORY = "Semantic Matte"

# Functions whose failure is on the console already: an editor is drawn many times a second.
_told: set[str] = set()

Draw = Callable[..., None]


def in_compositor(context: bpy.types.Context) -> bool:
    """Whether the editor that is drawn is a compositor."""
    space = context.space_data
    return space is not None and space.type == "NODE_EDITOR" and space.tree_type == TREE_TYPE


def shown_node(context: bpy.types.Context) -> bpy.types.Node | None:
    """The node that the panel is about: the active one if it is one of ours.

    Where the active node is not selected, it is the first selected one of ours.
    """
    if not in_compositor(context) or context.space_data.edit_tree is None:
        return None
    nodes = context.space_data.edit_tree.nodes
    active = nodes.active
    if active is not None and active.select:
        # Asked for every panel at every redraw: large trees are not searched while an artist works on a node.
        return active if is_semantic_matte(active) else None
    selected = (node for node in nodes if node.select and is_semantic_matte(node))
    return next(selected, active if is_semantic_matte(active) else None)


def inside_ours(context: bpy.types.Context) -> bool:
    """Whether the editor shows the inside of a group of ours."""
    tree = context.space_data.edit_tree
    return tree is not None and len(context.space_data.path) > 1 and tree.semantic_matte.layout > 0


def never_fails(draw: Draw) -> Draw:
    """A draw method that shows a sentence where something is broken, in place of a panel cut in the middle."""

    @functools.wraps(draw)
    def drawn(self: bpy.types.Panel, context: bpy.types.Context) -> None:
        """Draw, or say why not."""
        try:
            draw(self, context)
        except Exception as error:
            if draw.__qualname__ not in _told:
                _told.add(draw.__qualname__)
                traceback.print_exc()
            sentence = (
                f"This part can't be shown ({type(error).__name__}: {error}). The console has more; the node "
                "and its results are not harmed."
            )
            draw_wrapped(self.layout.box(), sentence, signs_across(context), icon="ERROR", alert=True)

    return drawn


class NodePanel:
    """A panel that is there while a node of ours is shown."""

    bl_space_type = "NODE_EDITOR"
    bl_region_type = "UI"
    bl_category = CATEGORY

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Blender's own hook."""
        return shown_node(context) is not None
