"""Tcl inside texts, such as [value knob], run by a real Tcl; frame numbers and views in files."""

from __future__ import annotations

import os
import re
import tkinter
from typing import Any, Optional

from . import runtime
from .frames import OutputContext

_BRACKETS = re.compile(r"\[")
_HASHES = re.compile(r"#+")
_FRAME = re.compile(r"%(0?)(\d*)d")


class _Interpreter:
    """A Tcl of its own for each host, with the commands that Nuke adds."""

    def __init__(self, host: Any) -> None:
        self.host, self.knob, self.frame = host, None, None
        self.tcl = tkinter.Tcl()
        for name in ("exec", "socket", "open", "exit", "load"):
            self.tcl.eval(f"catch {{rename {name} {{}}}}")
        commands = {
            "value": self.value,
            "knob": self.set_knob,
            "numvalue": self.number,
            "expression": self.expression,
            "frame": self.current_frame,
            "getenv": lambda name, default="": os.environ.get(name, default),
            "python": self.python,
        }
        for name, command in commands.items():
            self.tcl.createcommand(name, command)

    def found(self, path: str) -> Any:
        from .expressions import knob_at

        seen_from = self.knob
        if seen_from is None:
            seen_from = self.host.context_core().knobs["name"]
        knob = knob_at(path, seen_from)
        if knob is None:
            raise RuntimeError(f"{path}: no such knob")
        return knob

    def value(self, path: str, *rest: str) -> str:
        value = self.found(path).value()
        return str(value).lower() if isinstance(value, bool) else f"{value}"

    def number(self, path: str, *rest: str) -> str:
        return str(self.found(path).getValue())

    def set_knob(self, path: str, *value: str) -> str:
        knob = self.found(path)
        if value:
            knob.fromScript(value[0])
            return ""
        return str(knob.toScript())

    def expression(self, text: str) -> str:
        from .expressions import evaluate

        return f"{evaluate(text, self.knob or self.host.context_core().knobs['name'], self.frame):g}"

    def current_frame(self, *new: str) -> str:
        if new:
            self.host.set_frame(int(float(new[0])))
        return f"{(self.host.frame if self.frame is None else self.frame):g}"

    def python(self, *code: str) -> str:
        return str(eval(code[-1], self.host.main_names))


def interpreter() -> _Interpreter:
    """The running host's."""
    host = runtime.running()
    if host.tcl is None:
        host.tcl = _Interpreter(host)
    return host.tcl


def substituted(text: str, knob: Any, context: Any) -> str:
    """A text with what stands in brackets replaced; nothing else of it is touched."""
    if "[" not in text:
        return text.replace("\\[", "[")
    running = interpreter()
    before = (running.knob, running.frame)
    running.knob = knob
    running.frame = context.frame() if isinstance(context, OutputContext) else None
    try:
        running.tcl.setvar("the_text", text)
        return str(running.tcl.eval("subst -novariables $the_text"))
    except tkinter.TclError as error:
        raise RuntimeError(f"{knob._name}: {error}") from error
    finally:
        running.knob, running.frame = before


def file_name(text: str, knob: Any, context: Any) -> str:
    """A file as it is at a frame and a view: Tcl, %V and %v, ####, %04d."""
    host = runtime.running()
    frame: Optional[float] = host.frame
    view = host.view
    if isinstance(context, OutputContext):
        frame, view = context.frame(), context._view_name()
    elif isinstance(context, (int, float)):
        frame = context
    return with_frame(with_view(substituted(text, knob, context), view), int(frame or 0))


def with_view(text: str, view: str) -> str:
    return text.replace("%V", view).replace("%v", view[:1])


def with_frame(text: str, frame: int) -> str:
    text = _FRAME.sub(lambda found: _padded(frame, int(found[2] or 1)), text)
    return _HASHES.sub(lambda found: _padded(frame, len(found[0])), text)


def _padded(frame: int, width: int) -> str:
    """As C's %0*d: the sign counts."""
    return f"{frame:0{width}d}"
