"""Entries in Blender's own menus: Add, which Shift A and its search show, and a node's context menu."""

from __future__ import annotations

import bpy

from .panel_parts import in_compositor, shown_node


def draw_add(self: bpy.types.Menu, context: bpy.types.Context) -> None:
    """At the end of the compositor's Add menu; searching there finds it by name."""
    if in_compositor(context):
        self.layout.separator()
        self.layout.operator("semantic_matte.add", text="Semantic Matte", icon="IMAGE_ALPHA")


def draw_node_context(self: bpy.types.Menu, context: bpy.types.Context) -> None:
    """At the end of the context menu of a node of ours."""
    node = shown_node(context) if in_compositor(context) else None
    if node is None:
        return
    self.layout.separator()
    self.layout.operator("semantic_matte.compute", icon="IMAGE_ALPHA").node = node.name
    self.layout.operator("semantic_matte.open_folder", icon="FILE_FOLDER").node = node.name
    self.layout.operator("semantic_matte.bake", icon="NODETREE").node = node.name


def register() -> None:
    """Put the entries into the menus."""
    bpy.types.NODE_MT_add.append(draw_add)
    bpy.types.NODE_MT_context_menu.append(draw_node_context)


def unregister() -> None:
    """Take them out again."""
    bpy.types.NODE_MT_add.remove(draw_add)
    bpy.types.NODE_MT_context_menu.remove(draw_node_context)
