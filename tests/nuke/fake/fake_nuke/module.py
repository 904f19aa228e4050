"""The `nuke` module itself: every function that plugins call, for the host that is running."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, Optional

from . import callbacks, constants, frames, groups, layers, main_thread, menus, nodes, runtime, values
from .changes import Undo
from .knob_base import Knob
from .node_cores import KNOB_CLASSES
from .node_knob_tables import OF_CLASS

_FREE = {"ProgressTask", "executeInMainThread", "executeInMainThreadWithResult", "tprint"}


def make_modules(host: Any) -> dict[str, types.ModuleType]:
    """`nuke` and `nukescripts`, as this version has them."""
    nuke = types.ModuleType("nuke")
    names: dict[str, Any] = {**constants.FLAGS, **constants.NUMBERS, **constants.TEXTS, **KNOB_CLASSES}
    names.update(_classes())
    names.update(_version_names(host))
    functions = {**callbacks.functions(), **_graph(host), **_script(host), **_talking(host), **_window(host)}
    names.update({name: _on_main_thread(call, name) for name, call in functions.items()})
    for name in host.profile.lacks | host.lacks:
        names.pop(name, None)
    vars(nuke).update(names)
    nuke.nodes = _Nodes(host)
    scripts = types.ModuleType("nukescripts")
    scripts.start = _on_main_thread(host.opened.append, "nukescripts.start")
    return {"nuke": nuke, "nukescripts": scripts}


def _classes() -> dict[str, Any]:
    found: dict[str, Any] = {
        kind.__name__: kind
        for kind in (nodes.Node, groups.Group, groups.Root, groups.BackdropNode, groups.Viewer)
    }
    for kind in (values.Format, values.Box, values.Info, layers.Layer, values.View, frames.OutputContext):
        found[kind.__name__] = kind
    for kind in (
        frames.FrameRange,
        frames.FrameRanges,
        menus.Menu,
        menus.MenuBar,
        menus.MenuItem,
        menus.ToolBar,
    ):
        found[kind.__name__] = kind
    found.update(Undo=Undo, ProgressTask=main_thread.ProgressTask, Knob=Knob)
    return found


def _version_names(host: Any) -> dict[str, Any]:
    profile = host.profile
    text = f"{profile.major}.{profile.minor}v{profile.release}"
    return {
        "NUKE_VERSION_MAJOR": profile.major,
        "NUKE_VERSION_MINOR": profile.minor,
        "NUKE_VERSION_RELEASE": profile.release,
        "NUKE_VERSION_STRING": text,
        "GUI": host.gui,
        "INTERACTIVE": host.gui,
        "rawArgs": host.raw_arguments,
        "env": values.Environment(
            {
                "NukeVersionMajor": profile.major,
                "NukeVersionMinor": profile.minor,
                "NukeVersionRelease": profile.release,
                "NukeVersionString": text,
                "gui": host.gui,
                "interactive": host.gui,
                "studio": False,
                "hiero": False,
                "nukex": False,
                "indie": False,
                "nc": False,
                "ple": False,
                "assist": False,
                "ExecutablePath": "/usr/local/Nuke/Nuke",
                "LINUX": sys.platform.startswith("linux"),
                "MACOS": sys.platform == "darwin",
                "WIN32": sys.platform == "win32",
                "64bit": True,
                "numCPUs": 2,
                "threads": 2,
                "PluginExtension": "so",
            }
        ),
    }


def _on_main_thread(call: Callable[..., Any], name: str) -> Callable[..., Any]:
    """The function, refused off the main thread where Nuke's would be a fault."""
    if name in _FREE:
        return call

    def checked(*args: Any, **kwargs: Any) -> Any:
        runtime.check_thread(f"nuke.{name}")
        return call(*args, **kwargs)

    checked.__name__ = name
    return checked


class _Nodes:
    """nuke.nodes: a function for each class of node."""

    def __init__(self, host: Any) -> None:
        self._host = host

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name not in OF_CLASS:
            raise AttributeError(f"no node class {name}")

        def make(**knobs: Any) -> Any:
            runtime.check_thread(f"nuke.nodes.{name}")
            return self._host.graph.make(name, knobs).handle()

        return make


def _expect(kind: Any, value: Any, what: str) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"{what}: expected {kind}, got {type(value).__name__}")
    return value


def _graph(host: Any) -> dict[str, Callable[..., Any]]:
    """Nodes, selection, names."""
    graph = host.graph

    def to_node(s: str) -> Any:
        core = host.core_named(_expect(str, s, "toNode"), host.context_core())
        return None if core is None else core.handle()

    def exists(s: str) -> bool:
        return graph.exists(_expect(str, s, "exists"))

    def all_nodes(filter: Optional[str] = None, group: Any = None, recurseGroups: bool = False) -> list[Any]:
        if isinstance(filter, groups.Group):
            filter, group = None, filter
        owner = host.context_core() if group is None else group._core
        cores = list(owner.everything()) if recurseGroups else list(owner.children)
        return [core.handle() for core in cores if filter in (None, core.class_name)]

    def selected_nodes(filter: Optional[str] = None) -> list[Any]:
        return [core.handle() for core in graph.selected() if filter in (None, core.class_name)]

    def selected_node() -> Any:
        found = graph.selected()
        if not found:
            raise ValueError("no node selected")
        return found[0].handle()

    def delete(n: Any) -> None:
        _expect(nodes.Node, n, "delete")._check_alive()
        graph.delete(n._core)

    def create_node(node: str, knobs: str = "", inpanel: bool = True) -> Any:
        return graph.create(_expect(str, node, "createNode"), knobs, inpanel).handle()

    def frame(f: Any = None) -> int:
        if f is not None:
            host.set_frame(f)
        return int(host.frame)

    def channels(node: Any = None) -> list[str]:
        return list(host.layers.channels()) if node is None else node.channels()

    def layer_names(node: Any = None) -> list[str]:
        if node is None:
            return list(host.layers.names())
        return list(dict.fromkeys(channel.rpartition(".")[0] for channel in node.channels()))

    return {
        "toNode": to_node,
        "exists": exists,
        "allNodes": all_nodes,
        "selectedNodes": selected_nodes,
        "selectedNode": selected_node,
        "nodesSelected": lambda: bool(graph.selected()),
        "selectAll": lambda: [core.knobs["selected"].setValue(True) for core in host.context_core().children],
        "invertSelection": graph.invert_selection,
        "delete": delete,
        "createNode": create_node,
        "root": lambda: host.root_core.handle(),
        "thisNode": lambda: host.this_node(),
        "thisKnob": lambda: host.this_knob,
        "thisGroup": lambda: host.context_core().handle(),
        "thisParent": lambda: host.this_parent(),
        "thisClass": lambda: host.this_core().class_name,
        "thisRoot": lambda: host.root_core.handle(),
        "thisView": lambda: host.view,
        "views": lambda: list(host.views),
        "addView": lambda s: host.set_views([*host.views, _expect(str, s, "addView")]),
        "deleteView": lambda s: host.set_views([view for view in host.views if view != s]),
        "formats": lambda: list(host.formats),
        "addFormat": host.add_format,
        "frame": frame,
        "channels": channels,
        "layers": layer_names,
        "expression": lambda s: float(graph.tcl(f"expression {{{s}}}")),
        "tcl": lambda cmd, *args: graph.tcl(" ".join([cmd, *args])),
        "value": graph.value,
        "center": lambda: [0, 0],
        "zoom": lambda *args: 1.0,
        "autoplace": lambda n: n.autoplace(),
        "inputs": lambda n, i=None: n.inputs(),
        "endGroup": lambda: host.contexts.pop() if len(host.contexts) > 1 else None,
        "dependencies": lambda given, what=7: list(
            dict.fromkeys(
                one
                for node in (given if isinstance(given, list) else [given])
                for one in node.dependencies(what)
            )
        ),
        "sample": lambda node, channel, x, y, *rest: node.sample(channel, x, y),
        "filename": lambda node, i=0: node["file"].evaluate() if "file" in node.knobs() else None,
    }


def _script(host: Any) -> dict[str, Callable[..., Any]]:
    """Files, copies, undo, rendering."""
    files = host.files

    def execute(nameOrNode: Any, *args: Any, **kwargs: Any) -> None:
        host.graph.execute(nameOrNode, *args, **kwargs)

    def modified(state: Any = None) -> bool:
        if state is not None:
            host.modified = bool(state)
        return bool(host.modified)

    def raw_plugin_path() -> list[str]:
        return list(host.plugin_paths)

    def script_directory() -> str:
        return str(Path(host.root_core.text("name")).parent)

    return {
        "scriptOpen": files.open,
        "scriptSave": files.save,
        "scriptSaveAs": files.save_as,
        "scriptClear": files.clear,
        "scriptClose": files.clear,
        "scriptNew": files.clear,
        "scriptReadText": files.read_text,
        "scriptReadFile": lambda s: files.read_text(Path(s).read_text(encoding="utf-8")),
        "scriptSource": lambda s: files.read_text(Path(s).read_text(encoding="utf-8")),
        "scriptName": files.script_name,
        "script_directory": script_directory,
        "nodeCopy": files.node_copy,
        "nodePaste": files.node_paste,
        "nodeDelete": lambda s=True: host.graph.delete_selected(),
        "undo": host.changes.undo,
        "redo": host.changes.redo,
        "modified": modified,
        "execute": execute,
        "render": execute,
        "executing": lambda f=None: host.execution.frame is not None,
        "pluginAddPath": host.add_plugin_path,
        "pluginAppendPath": host.add_plugin_path,
        "pluginPath": raw_plugin_path,
        "pluginExists": lambda name: any(Path(folder, name).exists() for folder in host.plugin_paths),
        "cancel": lambda: None,
    }


def _talking(host: Any) -> dict[str, Callable[..., Any]]:
    """Dialogs, printing, threads."""

    def tprint(*args: Any, sep: str = " ", end: str = "\n", file: Any = None) -> None:
        host.printed.append(sep.join(map(str, args)))
        if not host.gui:
            print(*args, sep=sep, end=end, file=file or sys.stdout, flush=True)

    return {
        "message": host.dialogs.message,
        "alert": host.dialogs.message,
        "ask": host.dialogs.ask,
        "getFilename": host.dialogs.file_name,
        "getClipname": host.dialogs.file_name,
        "getInput": host.dialogs.text,
        "tprint": tprint,
        "debug": lambda message: host.printed.append(message),
        "warning": lambda message: host.printed.append(message),
        "error": lambda message: host.printed.append(message),
        "executeInMainThread": host.queue.later,
        "executeInMainThreadWithResult": host.queue.with_result,
    }


def _window(host: Any) -> dict[str, Callable[..., Any]]:
    """What is there only with a window."""

    def need_window(what: str) -> None:
        if not host.gui:
            raise RuntimeError(f"{what}: not available in terminal mode")

    def menu(name: str) -> Any:
        need_window("nuke.menu")
        if name not in host.menus.bars:
            raise RuntimeError(f"no menu {name}")
        return host.menus.bars[name]

    def toolbar(name: str, create: bool = True) -> Any:
        need_window("nuke.toolbar")
        if name not in host.menus.toolbars and create:
            host.menus.toolbars[name] = menus.ToolBar(name)
        return host.menus.toolbars.get(name)

    def show(n: Any, forceFloat: bool = False) -> None:
        n.showControlPanel()

    return {
        "menu": menu,
        "toolbar": toolbar,
        "show": show,
        "showDag": lambda n: need_window("nuke.showDag"),
        "openPanels": lambda: [core.full_name() for core in host.root_core.everything() if core.shown],
        "zoomToFitSelected": lambda: None,
        "addFavoriteDir": lambda *args, **kwargs: None,
        "activeViewer": lambda: None,
    }
