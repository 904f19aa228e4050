"""Troubleshoot: the doctor's findings in a popup, found while Blender stays alive; or on the console."""

from __future__ import annotations

import bpy

from . import status_bar
from .doctor_run import STATUSES, DoctorRun, Line, text_of, worst
from .preferences import chosen
from .wrapped_text import draw_wrapped

_ICONS = {"ok": "CHECKMARK", "warning": "INFO", "error": "ERROR"}
_SIGNS = 90
_POLL_SECONDS = 0.2
# Without a window there is nothing to keep alive: the time to wait in one go.
_NAP_SECONDS = 0.05

_run: DoctorRun | None = None
_timer: bpy.types.Timer | None = None
# What was found last, for the popup.
_lines: list[Line] = []


class SEMANTIC_MATTE_OT_troubleshoot(bpy.types.Operator):
    """Examine everything between Blender and a matte."""

    bl_idname = "semantic_matte.troubleshoot"
    bl_label = "Troubleshoot"
    bl_description = (
        "Check the engine, its models, the device, the worker and the folders, and say what to do if something "
        "is missing. It takes some seconds"
    )

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Blender's own hook: examine while the artist goes on."""
        if _run is not None:
            self.report({"INFO"}, "It is being examined.")
            return {"CANCELLED"}
        watch(context)
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, _context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Blender's own hook: look whether it is done."""
        return respond(event.type)

    def cancel(self, _context: bpy.types.Context) -> None:
        """Blender's own hook where the window is closed."""
        end()

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """Blender's own hook where there is no window: wait, then print."""
        import time

        begin()
        try:
            while not poll():
                time.sleep(_NAP_SECONDS)
        finally:
            end()
        print(text_of(_lines), end="")
        errors = [line for line in _lines if line.status == "error"]
        for line in errors:
            self.report({"ERROR"}, f"{line.what}: {line.found}")
        if not errors:
            self.report({"INFO"}, "All is well.")
        return {"CANCELLED"} if errors else {"FINISHED"}


class SEMANTIC_MATTE_OT_findings(bpy.types.Operator):
    """Show what was found last."""

    bl_idname = "semantic_matte.findings"
    bl_label = "Troubleshoot: Findings"
    bl_description = "What Troubleshoot found last"
    bl_options = {"INTERNAL"}  # noqa: RUF012 - as Blender wants it

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Blender's own hook."""
        return context.window_manager.invoke_popup(self, width=640)

    def draw(self, _context: bpy.types.Context) -> None:
        """Blender's own hook."""
        draw_findings(self.layout)

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """Blender's own hook; there is nothing to do."""
        return {"FINISHED"}


def draw_findings(layout: bpy.types.UILayout) -> None:
    """The findings line by line, and a button to copy them."""
    if not _lines:
        layout.label(text="Nothing was examined yet")
        return
    summary = {"ok": "All is well", "warning": "It works; some things are worth knowing"}
    layout.label(text=summary.get(worst(_lines), "Something is missing"), icon=_ICONS[worst(_lines)])
    # What matters first, the rest in its order.
    for line in sorted(_lines, key=lambda line: -STATUSES.index(line.status)):
        sentence = f"{line.what}: {line.found}"
        draw_wrapped(layout, sentence, _SIGNS, icon=_ICONS[line.status], alert=line.status == "error")
    layout.operator("semantic_matte.copy_message", text="Copy All", icon="COPYDOWN").text = text_of(_lines)


def begin() -> None:
    """Start an examination; one that runs is ended."""
    global _run
    end()
    _run = DoctorRun(f"Blender {bpy.app.version_string}", chosen().python)


def watch(context: bpy.types.Context) -> None:
    """Start an examination that a timer of this window looks after, and say so in the status bar."""
    global _timer
    begin()
    _timer = context.window_manager.event_timer_add(_POLL_SECONDS, window=context.window)
    status_bar.show("examining the engine...")


def respond(event_type: str) -> set[str]:
    """What Blender is told at an event of the window; at its end the findings are shown."""
    if event_type != "TIMER":
        return {"PASS_THROUGH"}
    if _run is None:
        # The add-on was disabled and enabled meanwhile.
        return {"CANCELLED"}
    if not poll():
        return {"PASS_THROUGH"}
    end()
    bpy.ops.semantic_matte.findings("INVOKE_DEFAULT")
    return {"FINISHED"}


def poll() -> bool:
    """Whether it has ended; its findings are kept then. True too where none runs."""
    if _run is None:
        return True
    if not _run.poll():
        return False
    _lines[:] = _run.lines
    return True


def end() -> None:
    """End what runs: neither a process nor a timer nor a line in the status bar stays."""
    global _run, _timer
    if _run is not None:
        _run.close()
    if _timer is not None:
        bpy.context.window_manager.event_timer_remove(_timer)
        status_bar.clear()
    _run = _timer = None


CLASSES = (SEMANTIC_MATTE_OT_troubleshoot, SEMANTIC_MATTE_OT_findings)
