"""Groups and the script itself as Python gets them, and which handle each class of node has."""

from __future__ import annotations

from typing import Any, Optional

from . import runtime
from .nodes import Node


@runtime.guarded
class Group(Node):
    """A group, and the script itself."""

    __slots__ = ()

    def nodes(self) -> list[Node]:
        return [core.handle() for core in self._core.children]

    def node(self, s: str) -> Optional[Node]:
        if not isinstance(s, str):
            raise TypeError(f"node: expected a name, got {type(s).__name__}")
        core = self._core.host.core_named(s, self._core)
        return None if core is None else core.handle()

    def numNodes(self) -> int:
        return len(self._core.children)

    def output(self) -> Optional[Node]:
        core = self._core.output_node()
        return None if core is None else core.handle()

    def begin(self) -> Group:
        self._core.host.contexts.append(self._core)
        return self

    def end(self) -> None:
        if len(self._core.host.contexts) > 1:
            self._core.host.contexts.pop()

    def __enter__(self) -> Group:
        self._core.host.contexts.append(self._core)
        return self

    def __exit__(self, *error: Any) -> None:
        if len(self._core.host.contexts) > 1:
            self._core.host.contexts.pop()

    def selectedNodes(self) -> list[Node]:
        return [node for node in self.nodes() if node.isSelected()]

    def selectedNode(self) -> Optional[Node]:
        found = self.selectedNodes()
        return found[-1] if found else None

    def run(self, call: Any) -> Any:
        with self:
            return call()


@runtime.guarded
class Root(Group):
    """The script."""

    __slots__ = ()

    def firstFrame(self) -> int:
        return int(self["first_frame"].value())

    def lastFrame(self) -> int:
        return int(self["last_frame"].value())

    def fps(self) -> int:
        return int(self["fps"].value())

    def realFps(self) -> float:
        return float(self["fps"].value())

    def modified(self) -> bool:
        return bool(self._core.host.modified)

    def setModified(self, modified: bool) -> None:
        self._core.host.modified = bool(modified)

    def setFrame(self, frame: int) -> None:
        self._core.host.set_frame(frame)

    def proxy(self) -> bool:
        return bool(self["proxy"].value())

    def setProxy(self, proxy: bool) -> None:
        self["proxy"].setValue(bool(proxy))

    def addView(self, name: str, color: str = "") -> None:
        self._core.host.set_views([*self._core.host.views, name])

    def deleteView(self, name: str) -> None:
        self._core.host.set_views([view for view in self._core.host.views if view != name])

    def channels(self) -> list[str]:
        return list(self._core.host.layers.channels())

    def layers(self) -> list[str]:
        return list(self._core.host.layers.names())


@runtime.guarded
class BackdropNode(Node):
    __slots__ = ()

    def getNodes(self) -> list[Node]:
        return []


@runtime.guarded
class Viewer(Node):
    __slots__ = ()


_CLASSES: dict[str, Any] = {"Group": Group, "Root": Root, "BackdropNode": BackdropNode, "Viewer": Viewer}


def handle_class(class_name: str) -> Any:
    """Which kind of handle a class of node has."""
    return _CLASSES.get(class_name, Node)
