"""A whole Nuke that runs: what tests hold in their hands."""

from __future__ import annotations

import contextlib
import importlib.util
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Optional

from . import module, runtime
from .artist import Artist
from .callbacks import Callbacks
from .changes import Changes
from .dialogs import Dialogs
from .execution import Execution
from .files import Files
from .graph import Graph
from .knob_base import Knob
from .layers import Layers
from .main_thread import MainThread
from .menus import Menus
from .node_cores import QUIET, NodeCore
from .values import BUILT_IN_FORMATS, Format, format_from
from .versions import profile_of

# Taken out of sys.modules at the end, so that the next host loads them anew.
_OURS = ("semantic_matte_nuke", "init", "menu", "nuke", "nukescripts", "acceptance_checks")


class FakeNuke(Artist):
    """One Nuke of a version, with a window or in a terminal. `with FakeNuke() as host:` starts and ends it."""

    def __init__(
        self,
        version: tuple[int, int] = (15, 1),
        gui: bool = True,
        arguments: Sequence[str] = (),
        lacks: Sequence[str] = (),
    ) -> None:
        """`lacks`: names of the nuke module that this one has not, besides those of its version."""
        self.lacks = frozenset(lacks)
        self.profile, self.gui = profile_of(tuple(version)), gui
        self.main_thread = threading.get_ident()
        self.raw_arguments: list[str] = ["Nuke", *([] if gui else ["-t"]), *arguments]
        self.changes, self.layers, self.dialogs = Changes(), Layers(), Dialogs(gui)
        self.callbacks, self.queue, self.graph = Callbacks(self), MainThread(self), Graph(self)
        self.files, self.execution, self.menus = Files(self), Execution(self), Menus()
        self.formats: list[Format] = []
        for width, height, aspect, name in BUILT_IN_FORMATS:
            self._named_format(width, height, aspect, name)
        self.printed: list[str] = []
        self.opened: list[str] = []
        self.progress_tasks: list[Any] = []
        self.plugin_paths: list[str] = []
        self.callback_errors: list[str] = []
        self.thread_errors: list[str] = []
        self.load_errors: list[str] = []
        self.loading, self.expression_depth, self.tcl = 0, 0, None
        self.pasting = self.dropped_inputs = self.ended = self.modified = False
        self.views: list[str] = ["main"]
        self.view, self.this_knob = "main", None
        self._these: list[NodeCore] = []
        self.main_names: dict[str, Any] = {}
        self._paths_before: list[str] = []
        self.new_root()
        self.contexts: list[NodeCore] = [self.root_core]
        self.modified = False

    # Life

    def __enter__(self) -> FakeNuke:
        runtime.enter(self)
        self._paths_before = list(sys.path)
        _forget_modules()
        made = module.make_modules(self)
        sys.modules.update(made)
        self.nuke, self.nukescripts = made["nuke"], made["nukescripts"]
        self.main_names.update({"nuke": self.nuke, "nukescripts": self.nukescripts, "__name__": "__main__"})
        return self

    def __exit__(self, *error: Any) -> None:
        self.ended = True
        sys.path[:] = self._paths_before
        _forget_modules()
        runtime.leave(self)

    def new_root(self) -> None:
        """An empty script."""
        self.root_core = NodeCore(self, "Root", None)
        self.root_core.knobs["format"]._state = "1920 1080 0 0 1920 1080 1 HD_1080"
        self.root_core.knobs["format"]._default = self.root_core.knobs["format"]._state
        self.root_core.knobs["proxy_format"]._default = "1024 778 0 0 1024 778 1 1K_Super_35(full-ap)"
        self.root_core.knobs["proxy_format"]._state = self.root_core.knobs["proxy_format"]._default
        self.views, self.view = ["main"], "main"

    def start(self, plugin_folder: Any) -> None:
        """As Nuke starts with this folder on its plugin path: init.py, and with a window menu.py."""
        self.nuke.pluginAddPath(str(plugin_folder))
        if self.gui:
            for folder in list(self.plugin_paths):
                self._run_file(Path(folder) / "menu.py", "menu")

    def _run_file(self, path: Path, name: str) -> None:
        if not path.is_file():
            return
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        loaded = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(loaded)

    def add_plugin_path(self, args: Any, addToSysPath: bool = True) -> None:
        """nuke.pluginAddPath: onto the path and sys.path; its init.py runs."""
        for folder in [args] if isinstance(args, str) else list(args):
            if not isinstance(folder, str):
                raise TypeError("pluginAddPath: expected a path")
            full = str(Path(folder).absolute())
            if full in self.plugin_paths:
                continue
            self.plugin_paths.insert(0, full)
            if addToSysPath and full not in sys.path:
                sys.path.insert(0, full)
            self._run_file(Path(full) / "init.py", "init")

    # Context

    @contextlib.contextmanager
    def context(self, core: NodeCore, knob: Optional[Knob] = None) -> Iterator[None]:
        """thisNode, thisKnob, thisGroup while a script of a node runs; a Group's runs inside of it."""
        before = self.this_knob
        self._these.append(core)
        self.this_knob = knob
        depth = len(self.contexts)
        self.contexts.append(core if core.is_group else core.parent or self.root_core)
        try:
            yield
        finally:
            del self.contexts[depth:]
            self._these.pop()
            self.this_knob = before

    def context_core(self) -> NodeCore:
        """The group that names are looked up in and nodes are made in."""
        return self.contexts[-1]

    def this_core(self) -> NodeCore:
        return self._these[-1] if self._these else self.root_core

    def this_node(self) -> Any:
        core = self.this_core()
        if core.deleted and core.parent is not None and core not in core.parent.children:
            raise ValueError("A PythonObject is not attached to a node")
        return core.handle()

    def this_parent(self) -> Any:
        core = self.this_core()
        return None if core.parent is None else core.parent.handle()

    def core_named(self, path: str, inside: NodeCore) -> Optional[NodeCore]:
        """The node of a name in a group, or of a path from the root."""
        if path in ("root", "Root"):
            return self.root_core
        parts = path.split(".")
        if parts[0] == "root":
            inside, parts = self.root_core, parts[1:]
        for start in (inside, self.root_core):
            core: Optional[NodeCore] = start
            for part in parts:
                core = core.child(part) if core is not None else None
            if core is not None and (start is inside or len(parts) > 1):
                return core
        return None

    # What changes

    def touched(self) -> None:
        """Something that a script holds has changed."""
        if not self.loading and not self.changes.replaying:
            self.modified = True

    def knob_was_changed(self, knob: Knob, old: Any, new: Any) -> None:
        core = knob._core
        if self.loading:
            return
        self._follow(core, knob, new)
        new = knob._state
        if knob._name not in QUIET:
            self.changes.record(
                lambda: self._put_back(knob, old), lambda: self._put_back(knob, new), f"Set {knob._name}"
            )
            self.touched()
        self.callbacks.knob_changed(knob)

    def _put_back(self, knob: Knob, state: Any) -> None:
        knob._state = state
        self.modified = True
        if knob._core is self.root_core and knob._name == "views":
            self.views_from_root()

    def _follow(self, core: NodeCore, knob: Knob, new: Any) -> None:
        """What hangs on a knob: unique names, a file type's own knobs, the script's frame and views."""
        if knob._name == "name" and core.parent is not None:
            knob._state = core.parent.free_name(str(new), core)
        elif knob._name == "file_type":
            core.file_type_changed(str(new))
        elif core.parent is None and knob._name == "views":
            self.views_from_root()

    # Time, views, formats

    @property
    def frame(self) -> int:
        return int(self.root_core.knobs["frame"]._state.values[0])

    def set_frame(self, frame: Any) -> None:
        if isinstance(frame, bool) or not isinstance(frame, (int, float)):
            raise TypeError(f"frame: expected a number, got {type(frame).__name__}")
        self.root_core.knobs["frame"].setValue(int(frame))

    def _set_time(self, frame: int, view: str) -> None:
        knob = self.root_core.knobs["frame"]
        knob._state = type(knob._state)((frame,))
        self.view = view

    def set_views(self, names: Sequence[str]) -> None:
        """The script's views from now on."""
        text = "\n".join(f"{{{name} #ffffff}}" if " " in name else f"{name} #ffffff" for name in names)
        self.root_core.knobs["views"].setValue("" if list(names) == ["main"] else text)
        self.views = list(names)
        self.view = names[0]

    def views_from_root(self) -> None:
        text = self.root_core.text("views")
        names = [line.rpartition(" ")[0].strip("{}") or line for line in text.splitlines() if line.strip()]
        self.views = names or ["main"]
        self.view = self.views[0]

    def root_format(self) -> Format:
        return format_from(self.root_core.text("format"))

    def add_format(self, s: str) -> Format:
        if not isinstance(s, str):
            raise TypeError("addFormat: expected a string")
        made = format_from(s)
        self.formats.append(made)
        return made

    def _named_format(self, width: int, height: int, aspect: float, name: str) -> None:
        made = Format(width, height, pixelAspect=aspect)
        made.setName(name)
        self.formats.append(made)

    def asked_upstream(self) -> None:
        """channels() or metadata() were asked for: in a paste that breaks connections."""
        if self.pasting:
            self.dropped_inputs = True

    def place_below(self, core: NodeCore) -> tuple[int, int]:
        source = next((one for one in core.inputs if one is not None), None)
        if source is None:
            return 0, 0
        return source.handle().xpos(), source.handle().ypos() + 60

    def pump(self, until: Optional[Callable[[], Any]] = None, seconds: float = 60.0) -> bool:
        """Let the main thread's loop run until something is true."""
        return self.queue.pump(until, seconds)


def _forget_modules() -> None:
    for name in list(sys.modules):
        if name.split(".")[0] in _OURS:
            del sys.modules[name]
