"""What somebody at the machine does: presses, types, opens, saves, renders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional

from .node_cores import NodeCore


class Artist:
    """The part of a host that tests work with in an artist's place."""

    callbacks: Any
    changes: Any
    dialogs: Any
    execution: Any
    files: Any
    graph: Any
    menus: Any
    root_core: NodeCore
    main_names: dict[str, Any]
    views: list[str]
    gui: bool
    frame: int
    view: str

    @property
    def messages(self) -> list[str]:
        return self.dialogs.shown

    @property
    def answers(self) -> Any:
        return self.dialogs.answers

    def show_panel(self, core: NodeCore) -> None:
        if not self.gui or core.shown:
            return
        core.shown = True
        self.callbacks.pseudo_knob(core, "showPanel")

    def run_button(self, knob: Any) -> None:
        """A button's script; what it raises comes as Nuke's own dialog."""
        core = knob._core
        try:
            with self.context(core, knob):
                exec(compile(knob.command(), f"<{knob._name}>", "exec"), self.main_names)
        except Exception as error:
            self.callbacks.failed(f"button {knob._name}", core)
            self.dialogs.message(str(error))

    def click(self, node: Any, knob_name: str) -> None:
        """Press a button in the open panel."""
        self.show_panel(node._core)
        knob = node[knob_name]
        if not knob.enabled():
            raise AssertionError(f"{knob_name} is disabled")
        self.run_button(knob)
        if not node._core.deleted:
            self.callbacks.knob_changed(knob)

    def change(self, node: Any, knob_name: str, value: Any) -> None:
        """Set a knob in the open panel."""
        self.show_panel(node._core)
        knob = node[knob_name]
        if not knob.enabled():
            raise AssertionError(f"{knob_name} is disabled")
        knob.setValue(value)

    def menu_items(self) -> list[str]:
        return self.menus.paths()

    def press_menu(self, path: str) -> None:
        """`Nuke/Semantic Matte/Create`."""
        bar, _, rest = path.partition("/")
        self.menus.bars[bar].findItem(rest).invoke()

    def undo(self) -> None:
        self.changes.undo()

    def redo(self) -> None:
        self.changes.redo()

    def save(self, path: Any) -> None:
        self.files.save_as(str(path), 1)

    def open(self, path: Any) -> None:
        self.files.open(str(path))

    def clear(self) -> None:
        self.files.clear()

    def copy(self, nodes: Sequence[Any]) -> str:
        return self.files.copy([node._core for node in nodes])

    def paste(self, text: str) -> list[Any]:
        return [core.handle() for core in self.files.paste(text)]

    def script_text(self) -> str:
        """The script as saving would write it now."""
        from .emission import whole_script

        return whole_script(self)

    def autolabel(self, node: Any) -> Optional[str]:
        return self.callbacks.autolabel(node._core)

    def render(self, write: Any, first: int, last: int, views: Optional[Sequence[str]] = None) -> None:
        """The Render button."""
        self.graph.execute(write, first, last, 1, list(views) if views else list(self.views))

    def cancel_render(self, after: int = 0) -> None:
        """The artist will cancel the next render once so many frames are written."""
        self.execution.cancel_at = self.execution.done + after

    def evaluate(self, node: Any, frame: Optional[int] = None, view: Optional[str] = None) -> Any:
        """What the renderer makes of a node."""
        from nuke_render import render

        before = self.frame, self.view
        self._set_time(self.frame if frame is None else frame, view or self.view)
        try:
            return render(node, self.frame, self.view)
        finally:
            self._set_time(*before)

    def set_colour(
        self, management: str = "Nuke", config: str = "nuke-default", working: str = "", path: str = ""
    ) -> None:
        """The script's colour settings, whatever names its configuration has."""
        knobs = self.root_core.knobs
        for name, value in (
            ("colorManagement", management),
            ("OCIO_config", config),
            ("workingSpaceLUT", working),
        ):
            knob: Any = knobs[name]
            if value and value not in knob._names():
                knob._items = (*knob._items, value)
            if value:
                knob.setValue(value)
        knobs["customOCIOConfigPath"].setValue(path)
