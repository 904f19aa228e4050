"""Sections of the panel for the engine's controls, made from controls.json: new ones show up by themselves."""

from __future__ import annotations

from collections.abc import Sequence

import bpy

from semantic_matte_client.nodes.control_rows import ControlRow

from .control_rows import GROUP_LABELS, grouped_rows
from .node_finding import settings_of
from .panel_parts import NodePanel, never_fails, shown_node
from .presets import SEMANTIC_MATTE_PT_presets

# What most artists touch; the rest of a group lies in its "Advanced". Of a group that is not named all is seen.
BASIC = {
    "find": ("find", "confidence"),
    "edge": ("passes", "samples", "dilation_outer", "dilation_inner"),
    "shot": ("steadiness", "missing_frames"),
    "output": ("foreground",),
    "process": ("device",),
}
# Sections that are open when the panel is first seen.
_OPEN = ("find", "edge")


def section_classes(parent: str) -> list[type[bpy.types.Panel]]:
    """A panel class for each group of controls, and one inside it for those that few need."""
    classes = []
    for group, rows in grouped_rows().items():
        first = [row for row in rows if row.name in BASIC.get(group, (row.name,))]
        rest = [row for row in rows if row not in first]
        # A group whose usual controls are gone has nothing to hide the others behind.
        shown, hidden = (first, rest) if first else (rest, [])
        section = _section(group, GROUP_LABELS.get(group, group.capitalize()), shown, parent, group in _OPEN)
        classes.append(section)
        if hidden:
            classes.append(_section(f"{group}_advanced", "Advanced", hidden, section.bl_idname, False))
    return classes


def _section(
    name: str, label: str, rows: Sequence[ControlRow], parent: str, is_open: bool
) -> type[bpy.types.Panel]:
    """A panel class that shows these controls."""
    # A slider has its name inside, where a sidebar of the default width has room for all of it.
    sliders = {row.name: row.kind in ("int", "float") for row in rows}

    @never_fails
    def draw(self: bpy.types.Panel, context: bpy.types.Context) -> None:
        """Blender's own hook."""
        node = shown_node(context)
        settings = settings_of(node)
        column = self.layout.column()
        column.enabled = node.node_tree.library is None
        column.use_property_decorate = False
        for one, is_slider in sliders.items():
            place = column.column()
            place.use_property_split = not is_slider
            place.prop(settings, one)

    def draw_header_preset(self: bpy.types.Panel, _context: bpy.types.Context) -> None:
        """Blender's own hook: the button of presets."""
        SEMANTIC_MATTE_PT_presets.draw_panel_header(self.layout)

    members = {
        "__doc__": f"Controls: {label}",
        "__module__": __name__,
        "bl_idname": f"SEMANTIC_MATTE_PT_{name}",
        "bl_label": label,
        "bl_parent_id": parent,
        "bl_options": set() if is_open else {"DEFAULT_CLOSED"},
        "draw": draw,
    }
    if name == "edge":
        members["draw_header_preset"] = draw_header_preset
    return type(members["bl_idname"], (NodePanel, bpy.types.Panel), members)
