"""Menus, toolbars and their commands."""

from __future__ import annotations

from typing import Any, Optional

from . import runtime


@runtime.guarded
class MenuItem:
    """A command."""

    def __init__(self, name: str, command: Any = None, shortcut: str = "", icon: str = "") -> None:
        self._name, self._command, self._shortcut, self._icon = name, command, shortcut, icon
        self._enabled, self._shown = True, True

    def _check_alive(self) -> None:
        return None

    def name(self) -> str:
        return self._name

    def script(self) -> str:
        return self._command if isinstance(self._command, str) else ""

    def setScript(self, script: str) -> None:
        self._command = script

    def icon(self) -> str:
        return self._icon

    def setIcon(self, icon: str) -> None:
        self._icon = icon

    def shortcut(self) -> str:
        return self._shortcut

    def setShortcut(self, keySequence: str) -> None:
        self._shortcut = keySequence

    def setEnabled(self, enabled: bool, recursive: bool = False) -> None:
        self._enabled = bool(enabled)

    def setVisible(self, visible: bool) -> None:
        self._shown = bool(visible)

    def invoke(self) -> None:
        host = runtime.running()
        if callable(self._command):
            self._command()
        elif self._command:
            exec(compile(self._command, f"<menu {self._name}>", "exec"), host.main_names)


@runtime.guarded
class _Items:
    """Commands and menus; a path `A/B` makes the menus on its way."""

    _name: str
    _items: list[Any]

    def _check_alive(self) -> None:
        return None

    def name(self) -> str:
        return self._name

    def _into(self, path: str) -> tuple[Any, str]:
        menu: Any = self
        *above, last = path.split("/")
        for part in above:
            found = menu._own(part)
            if found is None:
                found = Menu(part)
                menu._items.append(found)
            menu = found
        return menu, last

    def _own(self, name: str) -> Any:
        return next((item for item in self._items if item._name == name), None)

    def addCommand(
        self,
        name: str,
        command: Any = None,
        shortcut: Optional[str] = None,
        icon: Optional[str] = None,
        tooltip: Optional[str] = None,
        index: int = -1,
        readonly: bool = False,
        node: bool = False,
        shortcutContext: int = 0,
        tags: str = "",
    ) -> MenuItem:
        if not isinstance(name, str) or not (command is None or callable(command) or isinstance(command, str)):
            raise TypeError("addCommand(name, command): expected a string, and a string or a callable")
        menu, last = self._into(name)
        item = menu._own(last)
        if item is not None:
            menu._items.remove(item)
        item = MenuItem(last, command, shortcut or "", icon or "")
        menu._put(item, index)
        return item

    def _put(self, item: Any, index: int) -> None:
        self._items.insert(len(self._items) if index < 0 else index, item)

    def addMenu(
        self,
        name: str,
        icon: Optional[str] = None,
        tooltip: Optional[str] = None,
        index: int = -1,
        enabled: bool = True,
        tags: str = "",
    ) -> Menu:
        if not isinstance(name, str):
            raise TypeError("addMenu: expected a string")
        menu, last = self._into(name)
        found = menu._own(last)
        if found is None:
            found = Menu(last, icon or "")
            menu._put(found, index)
        elif icon:
            found._icon = icon
        return found

    def addSeparator(self, index: int = -1) -> MenuItem:
        item = MenuItem("")
        self._put(item, index)
        return item

    def clearMenu(self) -> bool:
        self._items.clear()
        return True

    def findItem(self, name: str) -> Any:
        menu: Any = self
        for part in name.split("/"):
            menu = menu._own(part) if isinstance(menu, _Items) else None
        return menu

    def menu(self, name: str) -> Optional[Menu]:
        found = self.findItem(name)
        return found if isinstance(found, Menu) else None

    def items(self) -> list[Any]:
        return list(self._items)

    def removeItem(self, name: str) -> bool:
        menu, last = self._into(name)
        found = menu._own(last)
        if found is not None:
            menu._items.remove(found)
        return found is not None

    def updateMenuItems(self) -> None:
        return None


class Menu(_Items, MenuItem):
    """A menu inside another one."""

    def __init__(self, name: str, icon: str = "") -> None:
        MenuItem.__init__(self, name, None, "", icon)
        self._items = []


class MenuBar(_Items):
    """The main menu."""

    def __init__(self, name: str) -> None:
        self._name, self._items = name, []


class ToolBar(_Items):
    """A toolbar: each menu is a button."""

    def __init__(self, name: str) -> None:
        self._name, self._items = name, []


class Menus:
    """Nuke's own menus, there only with a window."""

    NAMES = ("Nuke", "Pane", "Nodes", "Properties", "Animation", "Viewer", "Node Graph", "Axis")
    BUTTONS = (
        "Image",
        "Draw",
        "Time",
        "Channel",
        "Color",
        "Filter",
        "Keyer",
        "Merge",
        "Transform",
        "3D",
        "Other",
    )
    MAIN = ("File", "Edit", "Workspace", "Viewer", "Render", "Cache", "Help")

    def __init__(self) -> None:
        self.bars: dict[str, Any] = {name: MenuBar(name) for name in self.NAMES}
        nodes = ToolBar("Nodes")
        self.toolbars = {"Nodes": nodes}
        # The Tab menu finds what lies in the toolbar.
        self.bars["Nodes"] = nodes
        for name in self.BUTTONS:
            nodes._items.append(Menu(name))
        for name in self.MAIN:
            self.bars["Nuke"]._items.append(Menu(name))

    def paths(self) -> list[str]:
        """`Nuke/Semantic Matte/Create`: every command there is."""
        found: list[str] = []

        def walk(menu: Any, path: str) -> None:
            for item in menu._items:
                below = f"{path}/{item._name}"
                if isinstance(item, Menu):
                    walk(item, below)
                elif item._name:
                    found.append(below)

        for name, bar in self.bars.items():
            walk(bar, name)
        return found
