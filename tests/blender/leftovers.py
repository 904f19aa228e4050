"""What Blender and Python know of the add-on, to see that nothing stays behind. Runs inside Blender."""

from __future__ import annotations

import sys
from typing import Any

import bpy

ADDON = "bl_ext.user_default.semantic_matte"
CLIENT = "semantic_matte_client"

# What a Blender that never had the add-on answers.
NOTHING: dict[str, Any] = {
    name: []
    for name in ("handlers", "timers", "classes", "pointers", "keys", "operators", "menus", "client", "path")
}


def everything_of_ours() -> dict[str, list[str]]:
    """All but the add-on's own loaded files: those go when it is removed."""
    return {
        "handlers": _handlers(),
        "timers": _timers(),
        "classes": [name for name in dir(bpy.types) if _is_ours(getattr(bpy.types, name, None))],
        "pointers": _pointers(),
        "keys": _keys(),
        "operators": list(dir(bpy.ops.semantic_matte)),
        "menus": _menus(),
        "client": [name for name in sys.modules if name.partition(".")[0] == CLIENT],
        "path": [path for path in sys.path if "semantic_matte" in path],
    }


def loaded_files() -> list[str]:
    """The add-on's modules."""
    return sorted(name for name in sys.modules if name == ADDON or name.startswith(f"{ADDON}."))


def _is_ours(thing: Any) -> bool:
    return str(getattr(thing, "__module__", "")).startswith(ADDON)


def _handlers() -> list[str]:
    lists = {name: getattr(bpy.app.handlers, name) for name in dir(bpy.app.handlers)}
    return [
        f"{name}: {handler.__name__}"
        for name, handlers in lists.items()
        if isinstance(handlers, list)
        for handler in handlers
        if _is_ours(handler)
    ]


def _timers() -> list[str]:
    """Functions at the top of our files that a timer would call; Blender lists none itself."""
    functions = [
        thing
        for name in loaded_files()
        for thing in vars(sys.modules[name]).values()
        if callable(thing) and not isinstance(thing, type) and _is_ours(thing)
    ]
    return [thing.__name__ for thing in functions if bpy.app.timers.is_registered(thing)]


def _pointers() -> list[str]:
    """Properties that were added to Blender's own types."""
    owners = [getattr(bpy.types, name, None) for name in dir(bpy.types)]
    return [
        f"{owner.__name__}.{name}"
        for owner in owners
        if hasattr(owner, "bl_rna") and not _is_ours(owner)
        for name in owner.bl_rna.properties.keys()  # noqa: SIM118 - no dict
        if "semantic_matte" in name
    ]


def _keys() -> list[str]:
    return [
        item.idname
        for configuration in bpy.context.window_manager.keyconfigs
        for keymap in configuration.keymaps
        for item in keymap.keymap_items
        if "semantic_matte" in item.idname
    ]


def _menus() -> list[str]:
    """What was appended to Blender's own menus, panels and headers."""
    owners = [getattr(bpy.types, name, None) for name in dir(bpy.types)]
    drawing = {owner.__name__: getattr(owner, "draw", None) for owner in owners if isinstance(owner, type)}
    return [
        name
        for name, draw in drawing.items()
        for function in getattr(draw, "_draw_funcs", ())
        if _is_ours(function)
    ]
