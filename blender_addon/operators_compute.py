"""Compute, cancel, check: with a window in small steps from a timer, without one until all is done."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import Any, Protocol

import bpy
from bpy.props import StringProperty

from . import compat, node_groups, render_check, running, status_bar, thumbnails, upstream
from .computation import Computation

_STEP_SECONDS = 0.1
_NAP = 0.01
_UNDO = "Semantic Matte: compute"
# A sentence of progress in a console at most so often.
_TELL_SECONDS = 2.0

_NODE = {"name": "Node", "description": "The node's name. Empty: the active one, or the only one"}


class Event(Protocol):
    """What is asked of an event of Blender."""

    type: str
    value: str
    mouse_x: int
    mouse_y: int


class SEMANTIC_MATTE_OT_compute(bpy.types.Operator):
    """Find every object in what flows into the node, and give each one a soft matte.

    In a console or a script it waits until all is done, and raises RuntimeError with a sentence if that fails.
    """

    bl_idname = "semantic_matte.compute"
    bl_label = "Compute"
    bl_description = (
        "Find every object in what flows into the node, and give each one a soft matte. "
        "Esc over the compositor cancels it"
    )
    bl_options = {"REGISTER"}  # noqa: RUF012 - as Blender wants it

    node: StringProperty(**_NODE)
    extent: StringProperty(name="Extent", description="FRAME, SCENE or RANGE. Empty: as the node says")
    frame_range: StringProperty(name="Frames", description="As in 1001-1050x2,1060. Empty: as the node says")

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """From the panel: begin, and go on from a timer."""
        if bpy.app.background or context.window is None:
            return self.execute(context)
        computation = self._begun(context)
        if computation is None:
            return {"CANCELLED"}
        manager = context.window_manager
        timer = manager.event_timer_add(_STEP_SECONDS, window=context.window)
        running.start(computation, lambda: _tidy(timer))
        self._computation = computation
        manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """An event of the window, most of which are none of ours."""
        answer = respond(self._computation, event, over_compositor(context, event))
        if answer & {"FINISHED", "CANCELLED"}:
            self._report_end(self._computation)
        return answer

    def cancel(self, _context: bpy.types.Context) -> None:
        """Blender ends the operator: its window is closed."""
        self._computation.end_now("The window was closed while mattes were computed: compute again.")
        running.forget(self._computation)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """From a console or a script: do all of it. Ctrl-C cancels."""
        computation = self._begun(context)
        if computation is None:
            return {"CANCELLED"}
        running.start(computation)
        try:
            run_to_end(computation)
        finally:
            computation.end_now("Ended from the console.")
            running.forget(computation)
        self._report_end(computation)
        if computation.state != "done":
            return {"CANCELLED"}
        _push_undo()
        return {"FINISHED"}

    def _begun(self, context: bpy.types.Context) -> Computation | None:
        """The computation of the chosen node; None, with a report, where it can't begin."""
        try:
            scene, tree, node = node_groups.find_node(context, self.node)
        except LookupError as reason:
            self.report({"ERROR"}, refusal_inside(context.scene, self.node) or str(reason))
            return None
        if running.current(node_groups.settings_of(node).identity) is not None:
            self.report({"ERROR"}, f"'{node.name}' is being computed already: wait for it, or cancel it.")
            return None
        extent = self.extent or ("RANGE" if self.frame_range else "")
        computation = Computation(context, scene, tree, node, extent, self.frame_range)
        if computation.ended:
            self._report_end(computation)
            # The red box, at once.
            thumbnails.redraw_compositors()
            return None
        return computation

    def _report_end(self, computation: Computation) -> None:
        """Say what became of it; an error becomes a RuntimeError where it was called from Python."""
        if computation.state == "failed":
            self.report({"ERROR"}, computation.error)
            return
        for notice in computation.notices:
            self.report({"INFO"}, notice)
        if computation.state == "cancelled":
            self.report({"WARNING"}, computation.sentence)
        elif computation.results is not None:
            self.report({"INFO"}, f"{computation.title}: {computation.results.words}")


class SEMANTIC_MATTE_OT_cancel(bpy.types.Operator):
    """End the computation of a node; what it shows stays, and frames that are done are kept."""

    bl_idname = "semantic_matte.cancel"
    bl_label = "Cancel"
    bl_description = "End the computation. The node shows what it showed before; frames that are done are kept"
    bl_options = {"INTERNAL"}  # noqa: RUF012 - as Blender wants it

    node: StringProperty(**_NODE)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Ask for its end, which comes within half a second."""
        try:
            _scene, _tree, node = node_groups.find_node(context, self.node)
        except LookupError as reason:
            self.report({"ERROR"}, str(reason))
            return {"CANCELLED"}
        computation = running.current(node_groups.settings_of(node).identity)
        if computation is None:
            self.report({"INFO"}, f"'{node.name}' is not being computed.")
            return {"CANCELLED"}
        computation.cancel()
        return {"FINISHED"}


class SEMANTIC_MATTE_OT_check(bpy.types.Operator):
    """Look whether mattes are missing or out of date, as every render does."""

    bl_idname = "semantic_matte.check"
    bl_label = "Check Frames"
    bl_description = (
        "Look whether mattes of the scene's frames are missing or out of date, as every render does"
    )
    bl_options = {"REGISTER"}  # noqa: RUF012 - as Blender wants it

    node: StringProperty(name="Node", description="The node's name. Empty: all of the scene")

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Report each problem. From Python, raises RuntimeError with the sentences where there is one."""
        scene = context.scene
        frames = range(scene.frame_start, scene.frame_end + 1, scene.frame_step)
        try:
            if self.node:
                found_scene, tree, node = node_groups.find_node(context, self.node)
                sentence = render_check.problem(found_scene, tree, node, frames)
                found = {node.name: sentence} if sentence else {}
            else:
                found = render_check.problems(scene, frames)
        except LookupError as reason:
            self.report({"ERROR"}, str(reason))
            return {"CANCELLED"}
        if found:
            self.report({"ERROR"}, "\n".join(found.values()))
            return {"CANCELLED"}
        self.report({"INFO"}, f"No matte is missing or out of date in frames {frames[0]} to {frames[-1]}.")
        return {"FINISHED"}


def respond(computation: Computation, event: Event, over_compositor: bool) -> set[str]:
    """What a modal operator does at an event: one step at a timer's, the end at Esc over the compositor.

    Returns what Blender is told. Everything else stays the artist's, who works on meanwhile.
    """
    if event.type == "ESC" and event.value == "PRESS" and over_compositor and not computation.ended:
        computation.cancel()
        return {"RUNNING_MODAL"}
    if event.type != "TIMER":
        return {"PASS_THROUGH"}
    ended = computation.step()
    thumbnails.redraw_compositors()
    if not ended:
        others = len(running.all_running()) > 1
        status_bar.show(f"{computation.title}: {computation.sentence}" if others else computation.sentence)
        return {"PASS_THROUGH"}
    running.forget(computation)
    if computation.state != "done":
        return {"CANCELLED"}
    _push_undo()
    return {"FINISHED"}


def over_compositor(context: bpy.types.Context, event: Event) -> bool:
    """Whether the mouse is over a compositor: Esc elsewhere is meant for something else."""
    screen = context.screen
    return screen is not None and any(
        area.ui_type == "CompositorNodeTree"
        and area.x <= event.mouse_x < area.x + area.width
        and area.y <= event.mouse_y < area.y + area.height
        for area in screen.areas
    )


def refusal_inside(scene: bpy.types.Scene, name: str) -> str:
    """The sentence for a node of this name (any, if "") that stands inside another group; "" if none does."""
    compositors = {compat.scene_tree(one) for one in bpy.data.scenes}
    for tree in bpy.data.node_groups:
        if tree.bl_idname != "CompositorNodeTree" or tree in compositors:
            continue
        for node in node_groups.nodes_in(tree):
            if name in ("", node.name):
                return upstream.refusal(scene, tree, node)
    return ""


def run_to_end(computation: Computation) -> None:
    """Step until it has ended, and tell a terminal how far it is. What interrupts it goes on to the caller."""
    tells = sys.stderr.isatty()
    told = time.monotonic()
    while not computation.step():
        if computation.state == "computing":
            time.sleep(_NAP)
        if tells and time.monotonic() - told > _TELL_SECONDS:
            print(f"Semantic Matte: {computation.fraction:.0%} {computation.sentence}", file=sys.stderr)
            told = time.monotonic()


def _push_undo() -> None:
    """One undo step for the whole computation; none where Blender keeps none."""
    with contextlib.suppress(RuntimeError):
        bpy.ops.ed.undo_push(message=_UNDO)


def _tidy(timer: Any) -> None:
    """Give the window's timer and the status bar back."""
    with contextlib.suppress(ReferenceError, ValueError):
        bpy.context.window_manager.event_timer_remove(timer)
    status_bar.clear()
    for computation in running.all_running():
        status_bar.show(computation.sentence)


_CLASSES = (SEMANTIC_MATTE_OT_compute, SEMANTIC_MATTE_OT_cancel, SEMANTIC_MATTE_OT_check)


def register() -> None:
    """Make the operators known."""
    for one in _CLASSES:
        bpy.utils.register_class(one)


def unregister() -> None:
    """Take them back."""
    for one in reversed(_CLASSES):
        bpy.utils.unregister_class(one)
