"""Callbacks: those that plugins register by class, and the scripts that nodes carry themselves."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any, Optional

from . import runtime
from .knob_base import Knob
from .node_cores import NodeCore

Entry = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any], Any]
# Event: the class of node that a callback without one is for.
EVENTS: dict[str, str] = {
    "OnUserCreate": "*",
    "OnCreate": "*",
    "OnScriptLoad": "Root",
    "OnScriptSave": "Root",
    "OnScriptClose": "Root",
    "OnDestroy": "*",
    "KnobChanged": "*",
    "UpdateUI": "*",
    "Autolabel": "*",
    "BeforeRender": "Write",
    "BeforeFrameRender": "Write",
    "AfterFrameRender": "Write",
    "AfterRender": "Write",
    "RenderProgress": "Write",
    "FilenameFilter": "*",
    "ValidateFilename": "*",
}


class Callbacks:
    """What is registered, and how it is called."""

    def __init__(self, host: Any) -> None:
        self.host = host
        self.lists: dict[str, dict[str, list[Entry]]] = {event: {} for event in EVENTS}
        self.in_knob_changed: set[int] = set()
        self.order: list[tuple[str, str]] = []

    # Registration, as nuke/callbacks.py has it

    def add(self, event: str, call: Any, args: Any, kwargs: Any, node_class: str, node: Any = None) -> None:
        if not callable(call):
            raise ValueError("call must be a callable")
        if not isinstance(args, tuple):
            args = (args,)
        if not isinstance(kwargs, dict):
            raise ValueError("kwargs must be a dictionary")
        entries = self.lists[event].setdefault(node_class, [])
        entry = (call, args, kwargs, node)
        if entry in entries:
            entries.remove(entry)
        entries.append(entry)

    def remove(self, event: str, call: Any, args: Any, kwargs: Any, node_class: str, node: Any = None) -> None:
        if not isinstance(args, tuple):
            args = (args,)
        entries = self.lists[event].get(node_class, [])
        entry = (call, args, kwargs, node)
        if entry in entries:
            entries.remove(entry)

    def _entries(self, event: str, core: NodeCore) -> list[Entry]:
        found = [*self.lists[event].get(core.class_name, ()), *self.lists[event].get("*", ())]
        return [entry for entry in found if entry[3] is None or entry[3] == core.handle()]

    # Calling

    def call(self, event: str, core: NodeCore, knob: Optional[Knob] = None) -> None:
        """All of an event; what they raise goes to the caller."""
        self.order.append((event, core.full_name()))
        with self.host.context(core, knob):
            for call, args, kwargs, _ in self._entries(event, core):
                call(*args, **kwargs)

    def guarded(self, event: str, core: NodeCore, knob: Optional[Knob] = None) -> None:
        """The same where Nuke prints what is raised and goes on."""
        try:
            self.call(event, core, knob)
        except Exception:
            self.failed(event, core)

    def failed(self, event: str, core: NodeCore) -> None:
        text = traceback.format_exc()
        self.host.callback_errors.append(f"{event} of {core.full_name()}: {text}")
        self.host.printed.append(text)

    def stored(self, name: str, core: NodeCore, knob: Optional[Knob] = None) -> None:
        """The script that the node itself carries in a knob."""
        held = core.knobs.get(name)
        code = str(held._state) if held is not None else ""
        if not code.strip():
            return
        try:
            with self.host.context(core, knob):
                exec(compile(code, f"<{name} of {core.full_name()}>", "exec"), self.host.main_names)
        except Exception:
            self.failed(name, core)

    # Events

    def created(self, core: NodeCore, by_user: bool = False) -> None:
        if by_user:
            self.guarded("OnUserCreate", core)
        self.stored("onCreate", core)
        self.guarded("OnCreate", core)

    def destroyed(self, core: NodeCore) -> None:
        for inner in [*reversed(list(core.everything())), core]:
            self.stored("onDestroy", inner)
            self.guarded("OnDestroy", inner)

    def knob_changed(self, knob: Knob) -> None:
        """While the panel is open, from 17.1 on always; not from within another of the same node."""
        core = knob._core
        if (
            not (core.shown or core.parent is None or self.host.profile.knob_changed_always)
            or id(core) in self.in_knob_changed
            or self.host.loading
        ):
            return
        self.in_knob_changed.add(id(core))
        try:
            self.stored("knobChanged", core, knob)
            self.guarded("KnobChanged", core, knob)
        finally:
            self.in_knob_changed.discard(id(core))

    def pseudo_knob(self, core: NodeCore, name: str) -> None:
        """showPanel and inputChange come as knobs that no node has."""
        if core.shown and not self.host.changes.replaying:
            knob = Knob(name)
            knob._core = core
            self.knob_changed(knob)

    def autolabel(self, core: NodeCore) -> Optional[str]:
        """The last one registered that gives a text, those of its class first; None for Nuke's own."""
        with self.host.context(core):
            for node_class in (core.class_name, "*"):
                for call, args, kwargs, _ in reversed(self.lists["Autolabel"].get(node_class, [])):
                    text = call(*args, **kwargs)
                    if text is not None:
                        return str(text)
        return None

    def filtered(self, path: str) -> str:
        for call, args, kwargs, _ in self.lists["FilenameFilter"].get("*", []):
            path = call(path, *args, **kwargs) or path
        return path


def functions() -> dict[str, Callable[..., Any]]:
    """nuke.addOnCreate, nuke.removeOnCreate and so on."""
    found: dict[str, Callable[..., Any]] = {}
    for event, default in EVENTS.items():
        found[f"add{event}"] = _adder(event, default, "add")
        name = "removeFilenameValidate" if event == "ValidateFilename" else f"remove{event}"
        found[name] = _adder(event, default, "remove")
    return found


def _adder(event: str, default: str, what: str) -> Callable[..., Any]:
    def change(
        call: Any, args: Any = (), kwargs: Any = None, nodeClass: str = default, node: Any = None
    ) -> None:
        runtime.check_thread(f"{what}{event}")
        change_list = getattr(runtime.running().callbacks, what)
        change_list(event, call, args, {} if kwargs is None else kwargs, nodeClass, node)

    change.__name__ = f"{what}{event}"
    return change
