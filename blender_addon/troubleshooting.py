"""Troubleshoot: the doctor's findings in a popup, found while Blender stays alive; or on the console."""

from __future__ import annotations

import bpy

from .doctor_run import STATUSES, DoctorRun, Line, text_of, worst
from .preferences import chosen
from .wrapped_text import draw_wrapped

_ICONS = {"ok": "CHECKMARK", "warning": "INFO", "error": "ERROR"}
_SIGNS = 90
_POLL_SECONDS = 0.2
# Without a window there is nothing to keep alive: the time to wait in one go.
_NAP_SECONDS = 0.05

_run: DoctorRun | None = None
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

    _timer = None

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Blender's own hook: examine while the artist goes on."""
        if _run is not None:
            self.report({"INFO"}, "It is being examined.")
            return {"CANCELLED"}
        begin()
        manager = context.window_manager
        self._timer = manager.event_timer_add(_POLL_SECONDS, window=context.window)
        manager.modal_handler_add(self)
        context.workspace.status_text_set("Semantic Matte: examining the engine...")
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Blender's own hook: look whether it is done."""
        if event.type != "TIMER" or not poll():
            return {"PASS_THROUGH"}
        self.cancel(context)
        bpy.ops.semantic_matte.findings("INVOKE_DEFAULT")
        return {"FINISHED"}

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender's own hook, as at its end: no timer, no line, no process stays."""
        if self._timer is not None:
            context.window_manager.event_timer_remove(self._timer)
            self._timer = None
        context.workspace.status_text_set(None)
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


def poll() -> bool:
    """Whether it has ended; its findings are kept then. True too where none runs."""
    if _run is None:
        return True
    if not _run.poll():
        return False
    _lines[:] = _run.lines
    return True


def end() -> None:
    """End what runs; its process too."""
    global _run
    if _run is not None:
        _run.close()
    _run = None


CLASSES = (SEMANTIC_MATTE_OT_troubleshoot, SEMANTIC_MATTE_OT_findings)
