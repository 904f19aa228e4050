"""Rendering: nuke.execute and its callbacks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

from .node_cores import NodeCore


class Execution:
    """What runs now, and when the artist will cancel."""

    def __init__(self, host: Any) -> None:
        self.host = host
        self.frame: Optional[int] = None
        self.view = ""
        self.cancel_at: Optional[int] = None
        self.done = 0
        self.fail_at: Any = {}
        # (full name, frame, view) of each picture that was written.
        self.written: list[tuple[str, int, str]] = []

    def execute(self, core: NodeCore, frames: Sequence[int], views: Sequence[str], go_on: bool = False) -> None:
        """Render a Write's frames in the views."""
        if self.frame is not None:
            raise RuntimeError("I'm already executing something else")
        if core.class_name != "Write" and not core.is_group:
            raise RuntimeError(f"{core.full_name()}: cannot be executed")
        unknown = [view for view in views if view not in self.host.views]
        if unknown:
            raise RuntimeError(f"unknown view {unknown[0]}")
        if core.is_group:
            raise RuntimeError(f"{core.full_name()}: not a Write node")
        if core.knobs["disable"].value():
            raise RuntimeError("Write is disabled")
        before = self.host.frame, self.host.view
        self.frame = frames[0] if frames else 0
        try:
            self._call("BeforeRender", "beforeRender", core)
            for frame in frames:
                for view in views:
                    self._one(core, frame, view)
            self._call("AfterRender", "afterRender", core)
        finally:
            self.frame, self.view = None, ""
            self.host._set_time(*before)

    def _one(self, core: NodeCore, frame: int, view: str) -> None:
        self.frame, self.view = frame, view
        self.host._set_time(frame, view)
        self._call("BeforeFrameRender", "beforeFrameRender", core)
        if self.cancel_at is not None and self.done >= self.cancel_at:
            self.cancel_at = None
            raise RuntimeError("Cancelled")
        if self.done in self.fail_at:
            raise RuntimeError(self.fail_at.pop(self.done))
        if not core.knobs["file"].value():
            raise RuntimeError(f"{core.full_name()}: no filename")
        path = core.knobs["file"].evaluate()
        if core.knobs["create_directories"].value():
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        elif not Path(path).parent.is_dir():
            raise RuntimeError(
                f"{core.full_name()}: Cannot open file {path} for writing: No such file or directory"
            )
        write_picture(core, frame, view)
        self.done += 1
        self.written.append((core.full_name(), frame, view))
        self._call("AfterFrameRender", "afterFrameRender", core)

    def _call(self, event: str, knob: str, core: NodeCore) -> None:
        """What a callback raises aborts the render."""
        code = core.text(knob)
        try:
            if code.strip():
                with self.host.context(core):
                    exec(compile(code, f"<{knob}>", "exec"), self.host.main_names)
            self.host.callbacks.call(event, core)
        except Exception as error:
            raise RuntimeError(str(error)) from error


def write_picture(core: NodeCore, frame: int, view: str) -> None:
    """Have the renderer write a frame of a Write."""
    import nuke_render

    nuke_render.write(core.handle(), frame, view)


def wanted_frames(first: Any, last: Any, increment: Any) -> list[int]:
    for value in (first, last, increment):
        if not isinstance(value, int):
            raise TypeError(f"execute: expected whole numbers, got {type(value).__name__}")
    return list(range(first, last + 1, increment or 1))
