"""What Blender calls of the add-on: before a render the mattes are checked, before another file all work ends.

A render in the background ends with exit code 1 where a matte is missing or out of date, if the scene says
STOP. In a window a render can't be ended from here: it is said in the panel, the status bar and a popup.
"""

from __future__ import annotations

import os
import shutil
import sys
from typing import Any

import bpy
from bpy.app.handlers import persistent

from . import capture, matte_images, node_groups, render_check, running, status_bar
from .wrapped_text import lines_of

ON_STALE = (
    ("STOP", "Stop", "A render in the background ends with an error where a matte is missing or out of date"),
    ("WARN", "Warn", "A render goes on with what is there, and it is told what is missing or out of date"),
)
_REMEDY = "To render with what is there, set Missing Mattes to Warn in the panel."
_POPUP_SIGNS = 80
# How long the status bar tells of it.
_STATUS_SECONDS = 20.0

# What a timer is to tell in the window: (scene, sentences by node). Handlers may run beside its thread.
_to_tell: list[tuple[str, dict[str, str]]] = []
# What was told of the render that runs, so that 100 frames don't tell it 100 times.
_told: set[str] = set()


@persistent
def before_render(scene: bpy.types.Scene, *_: Any) -> None:
    """A render begins: where it is known to be of the whole range, all of it is checked before any frame."""
    if capture.is_capturing():
        return
    running.rendering = True
    _told.clear()
    if bpy.app.background and _asks_for_animation(sys.argv):
        _tell(scene, render_check.problems(scene, _range_of(scene)))


@persistent
def before_frame(scene: bpy.types.Scene, *_: Any) -> None:
    """A frame is rendered: its mattes are checked; where one is missing, all that are missing are named."""
    if capture.is_capturing():
        return
    found = render_check.problems(scene, (scene.frame_current,))
    if found and scene.frame_current in _range_of(scene):
        found |= render_check.problems(scene, _range_of(scene))
    _tell(scene, found)


@persistent
def after_render(*_: Any) -> None:
    """A render ended, however."""
    if not capture.is_capturing():
        running.rendering = False


@persistent
def before_loading(*_: Any) -> None:
    """Another file is opened: nothing can be shown in this one any more."""
    running.end_all("Another file was opened while mattes were computed, so the job was ended.")
    running.rendering = False


@persistent
def after_file(*_: Any) -> None:
    """A file was opened, or saved elsewhere: where images lie now is where the results do."""
    for group in bpy.data.node_groups:
        if group.bl_idname == "CompositorNodeTree" and group.semantic_matte.layout and not group.library:
            results = node_groups.shown_results(group)
            place = matte_images.stored_path(results.folder) if results else ""
            if place and group.semantic_matte.results_folder != place:
                group.semantic_matte.results_folder = place


# By the name of Blender's list: what is called.
_HANDLERS = {
    "render_init": before_render,
    "render_pre": before_frame,
    "render_complete": after_render,
    "render_cancel": after_render,
    "load_pre": before_loading,
    "load_post": after_file,
    "save_post": after_file,
}


def _tell(scene: bpy.types.Scene, found: dict[str, str]) -> None:
    """Say what is wrong, once a render; ends a background process if the scene says STOP."""
    new = {node: sentence for node, sentence in found.items() if sentence not in _told}
    _told.update(new.values())
    if not new:
        return
    stops = scene.semantic_matte_on_stale == "STOP" and bpy.app.background
    for sentence in new.values():
        print(f"Semantic Matte: {sentence}{' ' + _REMEDY if stops else ''}", file=sys.stderr, flush=True)
    if stops:
        _end_process()
    if not bpy.app.background:
        _to_tell.append((scene.name, new))
        if not bpy.app.timers.is_registered(_show):
            bpy.app.timers.register(_show, first_interval=0.0)


def _end_process() -> None:
    """End a background process with exit code 1, as a farm expects it.

    An exception in a handler is only printed. SystemExit does end Blender, but on a way that crashes 4.2 and
    never comes to an end in 4.5, so this one leaves nothing to be done.
    """
    running.end_all("The render was ended.")
    shutil.rmtree(bpy.app.tempdir, ignore_errors=True)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1)


def _show() -> None:
    """A timer's function: what a render found goes to the panel, the status bar and a popup."""
    told = list(_to_tell)
    _to_tell.clear()
    for name, found in told:
        scene = bpy.data.scenes.get(name)
        for _scene, _tree, node in (row for row in node_groups.all_nodes() if row[0] == scene):
            if node.name in found and node.node_tree.library is None:
                node_groups.settings_of(node).last_error = found[node.name]
        status_bar.show(" ".join(found.values()))
        if not bpy.app.timers.is_registered(status_bar.clear):
            bpy.app.timers.register(status_bar.clear, first_interval=_STATUS_SECONDS)
        _popup(list(found.values()))


def _popup(sentences: list[str]) -> None:
    """Show sentences in a popup of the first window."""
    windows = bpy.context.window_manager.windows
    if not windows:
        return

    def draw(menu: bpy.types.UIPopupMenu, _context: bpy.types.Context) -> None:
        """Each sentence as lines."""
        for sentence in sentences:
            for line in lines_of(sentence, _POPUP_SIGNS):
                menu.layout.label(text=line)

    with bpy.context.temp_override(window=windows[0]):
        bpy.context.window_manager.popup_menu(draw, title="Semantic Matte", icon="ERROR")


def _range_of(scene: bpy.types.Scene) -> range:
    """The frames of the scene's animation."""
    return range(scene.frame_start, scene.frame_end + 1, scene.frame_step)


def _asks_for_animation(arguments: list[str]) -> bool:
    """Whether Blender's command line has `-a`; what follows `--` is a script's own."""
    ours = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return "-a" in ours or "--render-anim" in ours


def register() -> None:
    """Have Blender call us."""
    bpy.types.Scene.semantic_matte_on_stale = bpy.props.EnumProperty(
        name="Missing Mattes",
        description="What a render does where a matte is missing or out of date",
        items=ON_STALE,
        default="STOP",
    )
    for name, handler in _HANDLERS.items():
        getattr(bpy.app.handlers, name).append(handler)


def unregister() -> None:
    """Have Blender call us no more."""
    for name, handler in _HANDLERS.items():
        handlers = getattr(bpy.app.handlers, name)
        if handler in handlers:
            handlers.remove(handler)
    for timer in (_show, status_bar.clear):
        if bpy.app.timers.is_registered(timer):
            bpy.app.timers.unregister(timer)
    _to_tell.clear()
    running.rendering = False
    del bpy.types.Scene.semantic_matte_on_stale
