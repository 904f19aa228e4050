"""Presets as Blender has them: a button that lists the add-on's and the user's own, to apply, add, remove."""

from __future__ import annotations

from pathlib import Path

import bpy
from bl_operators.presets import AddPresetBase
from bl_ui.utils import PresetPanel
from bpy.props import StringProperty

from .control_rows import control_rows
from .node_finding import settings_of
from .node_lookup import node_to_use
from .preset_files import PresetError, preset_rows, read, text_of

SUBFOLDER = "semantic_matte"
MENU = "SEMANTIC_MATTE_PT_presets"
# Holds presets/semantic_matte/*.py.
SHIPPED = Path(__file__).parent / "shipped"


class SEMANTIC_MATTE_PT_presets(PresetPanel, bpy.types.Panel):
    """The list that the button opens."""

    bl_idname = MENU
    bl_label = "Semantic Matte Presets"
    bl_space_type = "NODE_EDITOR"
    preset_subdir = SUBFOLDER
    preset_extensions = {".py"}  # noqa: RUF012 - as Blender wants it
    preset_operator = "semantic_matte.preset_apply"
    preset_add_operator = "semantic_matte.preset_add"


class SEMANTIC_MATTE_OT_preset_apply(bpy.types.Operator):
    """Give the node the settings of a preset."""

    bl_idname = "semantic_matte.preset_apply"
    bl_label = "Apply Preset"
    bl_description = "Give the node the settings of this preset; what the preset does not name stays"
    bl_options = {"REGISTER", "UNDO", "INTERNAL"}  # noqa: RUF012 - as Blender wants it

    filepath: StringProperty(name="File", subtype="FILE_PATH", options={"SKIP_SAVE"})
    node: StringProperty(name="Node", description="Its name; empty: the active one", options={"SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Blender's own hook. Controls that this version has not are told and passed over."""
        try:
            settings = settings_of(node_to_use(context, self.node, to_change=True))
            text = Path(bpy.path.abspath(self.filepath)).read_text(encoding="utf-8")
            values, passed_over = read(text, control_rows())
        except (LookupError, PresetError) as reason:
            self.report({"ERROR"}, str(reason.args[0]))
            return {"CANCELLED"}
        except (OSError, UnicodeDecodeError) as reason:
            self.report({"ERROR"}, f"The preset '{self.filepath}' can't be read ({reason}): choose another.")
            return {"CANCELLED"}
        for name, value in values.items():
            setattr(settings, name, value)
        if passed_over:
            self.report({"WARNING"}, f"The rest of the preset was applied: {'; '.join(passed_over)}.")
        return {"FINISHED"}


class SEMANTIC_MATTE_OT_preset_add(AddPresetBase, bpy.types.Operator):
    """Keep the node's settings as a preset, or remove one."""

    bl_idname = "semantic_matte.preset_add"
    bl_label = "Add Semantic Matte Preset"
    bl_description = "Keep this node's settings under a name, for every file; or remove a preset of yours"
    preset_menu = MENU
    preset_subdir = SUBFOLDER

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Blender's own hook, asked first whether there is a node: an empty preset would be no use."""
        if not (self.remove_name or self.remove_active):
            try:
                node_to_use(context)
            except LookupError as reason:
                self.report({"ERROR"}, str(reason.args[0]))
                return {"CANCELLED"}
        return AddPresetBase.execute(self, context)

    def add(self, context: bpy.types.Context, filepath: str) -> None:
        """Write the file; called by `AddPresetBase` in place of its own writing."""
        settings = settings_of(node_to_use(context))
        values = {row.name: getattr(settings, row.name) for row in preset_rows(control_rows())}
        Path(filepath).write_text(text_of(values), encoding="utf-8")


_CLASSES = (SEMANTIC_MATTE_PT_presets, SEMANTIC_MATTE_OT_preset_apply, SEMANTIC_MATTE_OT_preset_add)


def register() -> None:
    """Register the list and its operators, and have Blender look for presets in the add-on too."""
    for one in _CLASSES:
        bpy.utils.register_class(one)
    bpy.utils.register_preset_path(str(SHIPPED))


def unregister() -> None:
    """Take them back; the user's own presets stay."""
    bpy.utils.unregister_preset_path(str(SHIPPED))
    for one in reversed(_CLASSES):
        bpy.utils.unregister_class(one)
