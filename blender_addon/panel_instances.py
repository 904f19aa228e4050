"""The list of instances in the panel: picture, name, how sure, on and off, solo, merge."""

from __future__ import annotations

import bpy

from . import thumbnails
from .group_nodes import image_nodes
from .matte_images import image_folder
from .node_finding import settings_of
from .panel_parts import NodePanel, never_fails, shown_node

LIST = "SEMANTIC_MATTE_UL_instances"
MERGE_MENU = "SEMANTIC_MATTE_MT_merge"


class SEMANTIC_MATTE_UL_instances(bpy.types.UIList):
    """One row an instance."""

    bl_idname = LIST

    def draw_item(
        self,
        _context: bpy.types.Context,
        layout: bpy.types.UILayout,
        settings: bpy.types.PropertyGroup,
        instance: bpy.types.PropertyGroup,
        _icon: int,
        _active_data: bpy.types.PropertyGroup,
        _active_property: str,
    ) -> None:
        """Blender's own hook, which counts the arguments; it never fails either."""
        try:
            draw_instance(layout, settings, instance)
        except Exception as error:
            layout.label(text=f"{type(error).__name__}: {error}", icon="ERROR")


class SEMANTIC_MATTE_MT_merge(bpy.types.Menu):
    """The instances that the active one can be made a part of."""

    bl_idname = MERGE_MENU
    bl_label = "Merge into"
    bl_description = "Make the active instance a part of another one, whose socket then gives both"

    @never_fails
    def draw(self, context: bpy.types.Context) -> None:
        """Blender's own hook."""
        node = shown_node(context)
        instance = active_instance(settings_of(node)) if node else None
        if instance is None:
            self.layout.label(text="No instance is active")
            return
        if instance.into:
            _merge_entry(self.layout, node, instance, "", "Nothing: by itself again")
            self.layout.separator()
        for other in settings_of(node).instances:
            if other.key not in (instance.key, instance.into) and not other.into:
                _merge_entry(self.layout, node, instance, other.key, other.title)


class SEMANTIC_MATTE_PT_instances(NodePanel, bpy.types.Panel):
    """The list, and more of the row that is active in it."""

    bl_idname = "SEMANTIC_MATTE_PT_instances"
    bl_label = "Instances"
    bl_parent_id = "SEMANTIC_MATTE_PT_main"

    @never_fails
    def draw(self, context: bpy.types.Context) -> None:
        """Blender's own hook."""
        node = shown_node(context)
        settings = settings_of(node)
        layout = self.layout
        if not settings.instances:
            layout.label(text="Compute to see what is there")
            return
        layout.enabled = node.node_tree.library is None
        shown = min(8, max(3, len(settings.instances)))
        layout.template_list(LIST, "", settings, "instances", settings, "active_instance", rows=shown)
        instance = active_instance(settings)
        if instance is not None:
            _draw_active(layout, settings, instance)


def active_instance(settings: bpy.types.PropertyGroup) -> bpy.types.PropertyGroup | None:
    """The row that is active in the list; None where the list is empty or shorter than it was."""
    if 0 <= settings.active_instance < len(settings.instances):
        return settings.instances[settings.active_instance]
    return None


def draw_instance(
    layout: bpy.types.UILayout, settings: bpy.types.PropertyGroup, instance: bpy.types.PropertyGroup
) -> None:
    """A row of the list."""
    row = layout.row(align=True)
    row.prop(instance, "enabled", text="")
    name = row.row(align=True)
    name.active = instance.enabled and instance.present
    icon = _icon_id(settings, instance)
    if icon:
        name.label(text="", icon_value=icon)
    else:
        name.label(text="", icon="IMAGE_ALPHA")
    name.prop(instance, "title", text="", emboss=False)
    facts = row.row(align=True)
    facts.alignment = "RIGHT"
    facts.active = False
    facts.label(text=_facts(settings, instance))
    row.prop(instance, "solo", text="", icon="SOLO_ON" if instance.solo else "SOLO_OFF", emboss=False)


def _icon_id(settings: bpy.types.PropertyGroup, instance: bpy.types.PropertyGroup) -> int:
    """The number of the instance's picture, 0 where there is none."""
    reader = image_nodes(settings.id_data)[0]
    if reader is None or reader.image is None:
        return 0
    # The image's path follows a file that is saved elsewhere; the settings' own does only after a compute.
    return thumbnails.icon_id(image_folder(reader.image), instance.slot)


def _facts(settings: bpy.types.PropertyGroup, instance: bpy.types.PropertyGroup) -> str:
    """A few words at a row's end."""
    if instance.into:
        other = settings.instances.get(instance.into)
        return f"in {other.title}" if other is not None else "merged"
    if not instance.present:
        return "not in this result"
    # The title begins with the label unless the artist gave another; there is no room for both.
    return f"{instance.score:.0%}"


def _draw_active(
    layout: bpy.types.UILayout, settings: bpy.types.PropertyGroup, instance: bpy.types.PropertyGroup
) -> None:
    """The active row's picture and all that is known of it."""
    row = layout.row()
    icon = _icon_id(settings, instance)
    if icon:
        row.template_icon(icon_value=icon, scale=4.0)
    column = row.column(align=True)
    column.label(text=f"{instance.label}, {instance.score:.0%} sure")
    if instance.frames:
        column.label(text=f"Frames {instance.frames}")
    column.label(text=f"Layer {instance.slot}")
    column.menu(MERGE_MENU, icon="AUTOMERGE_ON")


def _merge_entry(
    layout: bpy.types.UILayout,
    node: bpy.types.Node,
    instance: bpy.types.PropertyGroup,
    into: str,
    text: str,
) -> None:
    """A line of the merge menu."""
    entry = layout.operator("semantic_matte.merge", text=text)
    entry.node, entry.key, entry.into = node.name, instance.key, into


CLASSES = (SEMANTIC_MATTE_UL_instances, SEMANTIC_MATTE_MT_merge, SEMANTIC_MATTE_PT_instances)
