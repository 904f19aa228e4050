"""What is chosen once for all files: the engine's Python, where results lie, the worker, defaults."""

from __future__ import annotations

from importlib import import_module
from typing import NamedTuple

import bpy
from bpy.props import EnumProperty, StringProperty

from .client_package import client
from .wrapped_text import draw_wrapped

DEVICES = (
    ("auto", "Automatic", "A GPU if one works, else the CPU; it says what it took"),
    ("cpu", "CPU", "The processor"),
    ("cuda", "CUDA", "An NVIDIA GPU"),
    ("mps", "Metal", "The GPU of a Mac"),
)
ON_STALE = (
    ("STOP", "Stop the Render", "Rendering ends with a message where a matte is missing or out of date"),
    ("WARN", "Warn", "Rendering goes on with what is there, and says what is missing or out of date"),
)
CACHES = (
    ("BESIDE", "Beside the File", "In a folder beside the .blend file, by relative paths, so that both move "
     "together; files that were never saved use the user's folder"),
    ("USER", "User's Folder", "In Blender's folder for this user"),
    ("FOLDER", "A Folder", "In the folder that is named below"),
)  # fmt: skip


class Choices(NamedTuple):
    """The preferences as plain values. python: None where the engine is to be found by itself."""

    python: str | None = None
    cache: str = "BESIDE"
    cache_folder: str = ""
    device: str = "auto"
    on_stale: str = "STOP"


# What `look_for_engine` found; None while nobody looked, as drawing must not.
_engine_words: tuple[bool, str] | None = None


def chosen() -> Choices:
    """What is set; defaults where the add-on was registered without having been enabled in Blender."""
    addon = bpy.context.preferences.addons.get(__package__)
    if addon is None or addon.preferences is None:
        return Choices()
    found = addon.preferences
    python = bpy.path.abspath(found.python).strip() or None
    return Choices(python, found.cache, found.cache_folder, found.device, found.on_stale)


def apply_defaults(scene: bpy.types.Scene, settings: bpy.types.PropertyGroup) -> None:
    """Give a new node what is chosen here: its device, and where it is the file's first what a render does.

    scene: the node's. settings: those of its group.
    """
    choices = chosen()
    settings.device = choices.device
    others = (
        group
        for group in bpy.data.node_groups
        if group.bl_idname == "CompositorNodeTree" and group != settings.id_data
    )
    if not any(group.semantic_matte.layout for group in others):
        scene.semantic_matte_on_stale = choices.on_stale


def look_for_engine() -> tuple[bool, str]:
    """Find the engine's Python as a job would. Returns whether it is there, and a sentence; both are kept."""
    global _engine_words
    try:
        found = import_module(f"{client().__name__}.launch").find_engine(chosen().python)
        _engine_words = True, f"'{found.python}', named by {found.found}"
    except (ImportError, error_class()) as reason:
        _engine_words = False, str(reason)
    return _engine_words


def error_class() -> type[Exception]:
    """The client's class of errors, or one that is never raised where there is no client."""
    try:
        return client().ClientError
    except ImportError:
        return ImportError


def _look_soon() -> None:
    """A timer's function: look once, then draw the preferences again."""
    look_for_engine()
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "PREFERENCES":
                area.tag_redraw()


def _python_changed(_preferences: bpy.types.AddonPreferences, _context: bpy.types.Context) -> None:
    """Another path was typed: say what comes of it."""
    look_for_engine()


class SEMANTIC_MATTE_AP_preferences(bpy.types.AddonPreferences):
    """Preferences of the add-on, in Edit > Preferences > Add-ons."""

    bl_idname = __package__

    python: StringProperty(
        name="Engine's Python",
        description="The Python that Semantic Matte's engine is installed in. Empty: it is found by itself, by "
        "$SEMANTIC_MATTE_PYTHON, by what 'semantic-matte install blender' wrote, or on PATH",
        subtype="FILE_PATH",
        update=_python_changed,
    )
    cache: EnumProperty(
        name="Results",
        description="Where mattes are written. Nodes keep what they have when this changes",
        items=CACHES,
        default="BESIDE",
    )
    cache_folder: StringProperty(
        name="Folder",
        description="Where mattes are written; // is the .blend file's folder",
        subtype="DIR_PATH",
    )
    device: EnumProperty(
        name="Device", description="Where networks of new nodes run", items=DEVICES, default="auto"
    )
    on_stale: EnumProperty(
        name="Missing Mattes",
        description="What a render does where a matte is missing or out of date. Each file has its own choice; "
        "this is that of files that get their first node",
        items=ON_STALE,
        default="STOP",
    )

    def draw(self, _context: bpy.types.Context) -> None:
        """Blender's own hook: what is chosen, what was found, the worker."""
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        _draw_engine(layout, self)
        column = layout.column()
        column.prop(self, "cache")
        if self.cache == "FOLDER":
            column.prop(self, "cache_folder")
        column.separator()
        column.prop(self, "device")
        column.prop(self, "on_stale")


def _draw_engine(layout: bpy.types.UILayout, preferences: SEMANTIC_MATTE_AP_preferences) -> None:
    """The engine's Python, what it is, and the worker's buttons."""
    column = layout.column()
    column.prop(preferences, "python")
    if _engine_words is None:
        if not bpy.app.background and not bpy.app.timers.is_registered(_look_soon):
            bpy.app.timers.register(_look_soon, first_interval=0.1)
        column.label(text="Looking for the engine...")
    else:
        there, words = _engine_words
        draw_wrapped(column, words, 90, icon="CHECKMARK" if there else "ERROR", alert=not there)
    row = column.row(align=True)
    row.operator("semantic_matte.find_engine", icon="VIEWZOOM")
    row.operator("semantic_matte.troubleshoot", icon="HELP")
    row = column.row(align=True)
    row.operator("semantic_matte.worker_status", icon="INFO")
    row.operator("semantic_matte.worker_stop", icon="CANCEL")
    column.separator()


def register() -> None:
    """Make the preferences known."""
    bpy.utils.register_class(SEMANTIC_MATTE_AP_preferences)


def unregister() -> None:
    """Take them back; what was chosen stays in the user's preferences as Blender keeps it."""
    global _engine_words
    if bpy.app.timers.is_registered(_look_soon):
        bpy.app.timers.unregister(_look_soon)
    _engine_words = None
    bpy.utils.unregister_class(SEMANTIC_MATTE_AP_preferences)
