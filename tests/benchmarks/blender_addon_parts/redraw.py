"""How long the panel's own Python takes at each redraw, with 64 instances in the list, all of them in sight.

Blender's own drawing of what it is told is not in it: that needs a window. The layout here takes every call and
does nothing. That names are right is tested by tests/blender/inside/test_panel.py.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import frame

INSTANCES = 64
REDRAWS = 30


class Silent:
    """Takes every call of a layout, and gives itself where a layout would give a part of itself."""

    def __getattr__(self, _name: str) -> Callable[..., Silent]:
        return self._call

    def _call(self, *_given: object, **_named: object) -> Silent:
        return self


def redraw() -> frame.Rows:
    """All panels, then each by itself; medians of many redraws."""
    import bpy

    frame.enable()
    sys.path.insert(0, str(Path(__file__).parent.parent.parent / "blender" / "inside"))
    from node_editor import node_editor

    addon = sys.modules[frame.addon_place.MODULE]
    tree = addon.compat.ensure_scene_tree(bpy.context.scene)
    with tempfile.TemporaryDirectory() as folder:
        tree.nodes.active = node = with_instances(addon, tree, Path(folder))
    with node_editor(tree) as context:
        panels = [
            one for one in addon.panel._registered if issubclass(one, bpy.types.Panel) and one.poll(context)
        ]
        rows_of = rows_in_sight(addon, node)
        rows = [timed("all", lambda: (draw_all(panels, context), rows_of()))]
        rows += [timed(one.bl_idname, lambda one=one: draw_all([one], context)) for one in panels]
        rows.append(timed(f"{INSTANCES} rows of the list", rows_of))
    assert not addon.panel_parts._told, "a panel shows a failure in place of itself"
    return rows


def with_instances(addon: Any, tree: Any, folder: Path) -> Any:
    """A node that has results and instances, as the panel sees it."""
    import matte_files

    node = addon.node_groups.add_node(tree)
    found, _ = matte_files.made(folder, [f"sm_person_{number:02d}" for number in range(INSTANCES)])
    addon.node_groups.apply_results(node.node_tree, found)
    settings = addon.node_groups.settings_of(node)
    now = addon.control_rows.settings_from(settings)
    settings.results_fingerprint = json.dumps({"settings": now, "files": ["x" * 80] * 100})
    settings.last_notices = "Two frames had values that are no numbers: they were taken as 0."
    return node


def rows_in_sight(addon: Any, node: Any) -> Callable[[], None]:
    """What draws every row of the list once, as Blender does for those in sight."""
    settings = addon.node_groups.settings_of(node)
    drawer, silent = addon.panel_instances.SEMANTIC_MATTE_UL_instances, Silent()

    def draw() -> None:
        for row in settings.instances:
            drawer.draw_item(SimpleNamespace(), None, silent, settings, row, 0, settings, "active_instance")

    return draw


def draw_all(panels: list[Any], context: Any) -> None:
    """Ask every panel whether it is there, and draw it."""
    for one in panels:
        if one.poll(context):
            one.draw(SimpleNamespace(layout=Silent()), context)


def timed(what: str, draw: Callable[[], object]) -> dict[str, object]:
    """The median of many redraws as a row."""
    watch = frame.Stopwatch()
    for _ in range(REDRAWS):
        with watch.timed(what):
            draw()
    return sorted(watch.rows, key=lambda row: row["ms"])[REDRAWS // 2]


frame.measure(redraw)
