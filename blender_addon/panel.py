"""The panel in the compositor's sidebar: compute, progress, what went wrong, what the node shows, tools."""

from __future__ import annotations

import bpy

from . import panel_controls, panel_instances, running
from .node_finding import settings_of
from .panel_parts import CATEGORY, NodePanel, in_compositor, inside_ours, never_fails, shown_node
from .panel_status import draw_status
from .wrapped_text import draw_wrapped, signs_across

MAIN = "SEMANTIC_MATTE_PT_main"


class SEMANTIC_MATTE_PT_main(bpy.types.Panel):
    """The top of the panel: it is always there in a compositor."""

    bl_idname = MAIN
    bl_label = "Semantic Matte"
    bl_space_type = "NODE_EDITOR"
    bl_region_type = "UI"
    bl_category = CATEGORY

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Blender's own hook."""
        return in_compositor(context)

    @never_fails
    def draw(self, context: bpy.types.Context) -> None:
        """Blender's own hook."""
        node = shown_node(context)
        if node is None:
            _draw_without_node(self.layout, context)
            return
        settings = settings_of(node)
        if node.node_tree.library is not None:
            _draw_linked(self.layout, context, node)
        else:
            _draw_compute(self.layout, context, node, settings)
        draw_status(self.layout, context, node, settings)
        _draw_messages(self.layout, context, settings)
        column = self.layout.column()
        column.enabled = node.node_tree.library is None
        column.label(text="Output Image")
        # Two in a row: a sidebar of the default width cuts the words of four.
        choices = column.column(align=True)
        for pair in (("PLATE", "CUTOUT"), ("OVERLAY", "MATTE")):
            row = choices.row(align=True)
            for value in pair:
                row.prop_enum(settings, "show", value)


class SEMANTIC_MATTE_PT_tools(NodePanel, bpy.types.Panel):
    """What is needed now and then."""

    bl_idname = "SEMANTIC_MATTE_PT_tools"
    bl_label = "Tools"
    bl_parent_id = MAIN
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012 - as Blender wants it

    @never_fails
    def draw(self, context: bpy.types.Context) -> None:
        """Blender's own hook."""
        node = shown_node(context)
        column = self.layout.column(align=True)
        for name, icon in (
            ("check", "VIEWZOOM"),
            ("add_cryptomatte", "NODE"),
            ("bake", "NODETREE"),
            ("open_folder", "FILE_FOLDER"),
            ("clear_cache", "TRASH"),
        ):
            column.operator(f"semantic_matte.{name}", icon=icon).node = node.name
        column = self.layout.column(align=True)
        column.operator("semantic_matte.troubleshoot", icon="HELP")
        column.operator("semantic_matte.worker_status", icon="INFO")
        column = self.layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        column.prop(context.scene, "semantic_matte_on_stale")


def _draw_without_node(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """What to do where there is no node to show."""
    signs = signs_across(context)
    if inside_ours(context):
        draw_wrapped(layout, "This is the inside of a Semantic Matte node. It is made anew with every change: "
                     "press Tab to leave it.", signs, icon="INFO")  # fmt: skip
        return
    draw_wrapped(
        layout, "Finds every object in the picture and gives each one a soft matte with a name.", signs
    )
    layout.operator("semantic_matte.add", text="Add Semantic Matte", icon="ADD")


def _draw_linked(layout: bpy.types.UILayout, context: bpy.types.Context, node: bpy.types.Node) -> None:
    """A node of another file shows what it has and can't be changed here."""
    sentence = (
        f"This node comes from '{bpy.path.basename(node.node_tree.library.filepath)}' and can only be computed "
        "there. To have one of your own here, make its group local: the link button beside the group's name."
    )
    draw_wrapped(layout.box(), sentence, signs_across(context), icon="LINKED")


def _draw_compute(
    layout: bpy.types.UILayout,
    context: bpy.types.Context,
    node: bpy.types.Node,
    settings: bpy.types.PropertyGroup,
) -> None:
    """Which frames, and the button; or how far it is, and the other button."""
    computation = running.current(settings.identity)
    if computation is not None:
        column = layout.column()
        fraction = min(1.0, max(0.0, computation.fraction))
        column.progress(factor=fraction, type="BAR", text=f"{fraction:.0%}")
        draw_wrapped(column, computation.sentence, signs_across(context))
        column.operator("semantic_matte.cancel", icon="CANCEL").node = node.name
        return
    column = layout.column(align=True)
    column.row(align=True).prop(settings, "extent", expand=True)
    if settings.extent == "RANGE":
        column.prop(settings, "frame_range", text="")
    button = layout.column()
    button.scale_y = 1.4
    words, icon = _compute_words(context.scene, settings)
    # Drawn with the node's own extent, which the operator takes where it is given none.
    button.operator("semantic_matte.compute", text=words, icon=icon).node = node.name
    if settings.extent == "FRAME":
        row = layout.row()
        row.use_property_split = True
        row.use_property_decorate = False
        row.prop(settings, "hold")


def _compute_words(scene: bpy.types.Scene, settings: bpy.types.PropertyGroup) -> tuple[str, str]:
    """The button's text and icon."""
    if settings.extent == "FRAME":
        return f"Compute Frame {scene.frame_current}", "RENDER_STILL"
    if settings.extent == "SCENE":
        return f"Compute {scene.frame_start} to {scene.frame_end}", "RENDER_ANIMATION"
    return f"Compute {settings.frame_range.strip() or 'Range'}", "RENDER_ANIMATION"


def _draw_messages(
    layout: bpy.types.UILayout, context: bpy.types.Context, settings: bpy.types.PropertyGroup
) -> None:
    """What went wrong, in red with what to do; and what is only worth knowing."""
    signs = signs_across(context) - 4
    if settings.last_error:
        box = layout.box()
        draw_wrapped(box, settings.last_error, signs, icon="ERROR", alert=True)
        row = box.row(align=True)
        row.operator("semantic_matte.copy_message", icon="COPYDOWN").text = settings.last_error
        row.operator("semantic_matte.troubleshoot", icon="HELP")
    if settings.last_notices:
        box = layout.box()
        for notice in settings.last_notices.splitlines():
            draw_wrapped(box, notice, signs, icon="INFO")


_CLASSES = (SEMANTIC_MATTE_PT_main, *panel_instances.CLASSES)
_registered: list[type] = []


def register() -> None:
    """Register the panel and its parts; sections of controls come from controls.json."""
    for one in (*_CLASSES, *panel_controls.section_classes(MAIN), SEMANTIC_MATTE_PT_tools):
        bpy.utils.register_class(one)
        _registered.append(one)


def unregister() -> None:
    """Take all of them back."""
    while _registered:
        bpy.utils.unregister_class(_registered.pop())
