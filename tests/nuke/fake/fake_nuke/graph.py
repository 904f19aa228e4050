"""What can be done with nodes: made, created as an artist does, deleted, selected, found, executed."""

from __future__ import annotations

from typing import Any, Optional

from . import nodes
from .execution import wanted_frames
from .frames import FrameRange, FrameRanges
from .node_cores import NodeCore
from .node_knob_tables import OF_CLASS


class Graph:
    """Of one host."""

    def __init__(self, host: Any) -> None:
        self.host = host

    # Making

    def make(self, class_name: str, knobs: dict[str, Any], by_user: bool = False) -> NodeCore:
        """A node in the current group, its knobs given; onCreate follows."""
        host = self.host
        if class_name not in OF_CLASS:
            raise RuntimeError(f"{class_name}: Unknown command")
        parent = host.context_core()
        core = NodeCore(host, class_name, None)
        core.parent = parent
        core.knobs["name"]._state = parent.free_name(f"{class_name}1")
        if class_name == "Input":
            # Numbers count up from the highest.
            number = len(parent.input_nodes())
            core.knobs["number"]._state = type(core.knobs["number"]._state)((number,))
        host.changes.begin(f"Create {class_name}")
        try:
            core.add_to(parent)
            for name, value in knobs.items():
                self._give(core, name, value)
            host.callbacks.created(core, by_user)
        finally:
            host.changes.end()
        return core

    def _give(self, core: NodeCore, name: str, value: Any) -> None:
        if name == "inputs":
            for index, source in enumerate(value):
                if not core.handle().setInput(index, source):
                    raise ValueError(f"{core.name}: input {index} can't be connected")
        elif name not in core.knobs:
            raise NameError(f"{core.class_name} has no knob {name}")
        elif isinstance(value, str) and not hasattr(core.knobs[name]._state, "lower"):
            core.knobs[name].fromScript(value)
        else:
            core.knobs[name].setValue(value)

    def create(self, class_name: str, knobs: str, inpanel: bool) -> NodeCore:
        """As an artist does: after what is selected, selected itself, with its panel open."""
        host = self.host
        chosen = self.selected()
        host.changes.begin(f"Create {class_name}")
        try:
            core = self.make(class_name, {}, by_user=False)
            if knobs:
                core.handle().readKnobs(knobs)
            self._hook(core, [one for one in chosen if one.has_output()])
            for one in host.context_core().children:
                one.knobs["selected"].setValue(one is core)
            core.handle().autoplace()
            host.callbacks.guarded("OnUserCreate", core)
        finally:
            host.changes.end()
        if inpanel and host.gui:
            host.show_panel(core)
        return core

    def _hook(self, core: NodeCore, chosen: list[NodeCore]) -> None:
        """After the selected nodes; between a single one and what hangs on it."""
        if not chosen or core.most_inputs() == 0:
            return
        if len(chosen) == 1:
            source = chosen[0]
            if core.has_output():
                for other in source.parent.children if source.parent else ():
                    if other is not core and other.class_name != "Viewer" and source in other.inputs:
                        other.set_inputs([core if one is source else one for one in other.inputs])
            core.connect(0, source)
            return
        for index, source in enumerate(chosen[: core.most_inputs()]):
            if core.can_connect(index, source):
                core.connect(index, source)

    def delete(self, core: NodeCore) -> None:
        if core.parent is None:
            raise ValueError("the root can't be deleted")
        self.host.changes.begin(f"Delete {core.name}")
        try:
            core.remove()
        finally:
            self.host.changes.end()

    def delete_selected(self) -> bool:
        found = self.selected()
        self.host.changes.begin("Delete")
        try:
            for core in found:
                core.remove()
        finally:
            self.host.changes.end()
        return bool(found)

    # Finding

    def selected(self) -> list[NodeCore]:
        """In the current group, the last one first."""
        return [core for core in self.host.context_core().children if core.knobs["selected"].value()]

    def invert_selection(self) -> None:
        for core in self.host.context_core().children:
            core.knobs["selected"].setValue(not core.knobs["selected"].value())

    def exists(self, path: str) -> bool:
        owner, _, name = path.rpartition(".")
        if self.host.core_named(path, self.host.context_core()) is not None:
            return True
        core = self.host.core_named(owner, self.host.context_core()) if owner else None
        return core is not None and name in core.knobs

    def value(self, knob: str, default: Optional[str] = None) -> str:
        from .tcl_expressions import interpreter

        try:
            return interpreter().value(knob)
        except RuntimeError:
            if default is None:
                raise
            return default

    def tcl(self, command: str) -> str:
        from .tcl_expressions import interpreter

        running = interpreter()
        running.knob = None
        return str(running.tcl.eval(command))

    # Rendering

    def execute(self, what: Any, *args: Any, **kwargs: Any) -> None:
        """nuke.execute(node, first, last, incr, views) or (node, ranges, views)."""
        core = (
            what._core if isinstance(what, nodes.Node) else self.host.core_named(what, self.host.context_core())
        )
        if core is None:
            raise RuntimeError(f"no node named {what}")
        if isinstance(what, nodes.Node):
            what._check_alive()
        names = ["start", "end", "incr", "views", "continueOnError"]
        if args and isinstance(args[0], (FrameRange, FrameRanges)):
            frames = list(args[0]) if isinstance(args[0], FrameRange) else args[0].toFrameList()
            names, args = ["views", "continueOnError"], args[1:]
        else:
            frames = []
        given = {**dict(zip(names, args)), **kwargs}  # noqa: B905 - Python 3.9 has no strict.
        if "start" in names:
            first = given.pop("start", self.host.frame)
            frames = wanted_frames(first, given.pop("end", first), given.pop("incr", 1))
        views = given.pop("views", None)
        go_on = given.pop("continueOnError", False)
        if given:
            raise TypeError(f"execute: unknown argument {sorted(given)}")
        self.host.execution.execute(core, frames, self._views(core, views), go_on)

    def _views(self, core: NodeCore, views: Any) -> list[str]:
        if views is not None:
            if isinstance(views, str) or not all(isinstance(view, str) for view in views):
                raise TypeError("execute: views is a list of names")
            return list(views)
        knob = core.knobs.get("views")
        return (str(knob._state).split() if knob is not None else []) or list(self.host.views)
