"""A compositor's editor with nothing on a screen: a background Blender has windows and areas all the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import bpy


@contextmanager
def node_editor(tree: Any) -> Iterator[Any]:
    """The context as a panel of the compositor's sidebar has it, with this tree in the editor."""
    window = bpy.context.window_manager.windows[0]
    area = window.screen.areas[0]
    area.ui_type = "CompositorNodeTree"
    region = next(one for one in area.regions if one.type == "UI")
    with bpy.context.temp_override(window=window, area=area, region=region):
        bpy.context.space_data.node_tree = tree
        assert bpy.context.space_data.edit_tree == tree
        yield bpy.context
