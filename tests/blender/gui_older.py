"""What Blender 3.4 lacks of what the add-on asks of 4.2, put on top of it for a test in its window.

Debian's 3.4 is the only Blender with windows that is to be had as a package. It has no sockets' `interface`, no
progress bar and no extensions. Nothing here is used in a Blender that the add-on supports.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy


class _Item:
    """A socket of a group as 4.0's interface gives it."""

    item_type = "SOCKET"

    def __init__(self, sockets: Any, socket: Any, in_out: str, position: int) -> None:
        object.__setattr__(self, "_own", (sockets, socket))
        object.__setattr__(self, "in_out", in_out)
        object.__setattr__(self, "position", position)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._own[1], name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._own[1], name, value)


class _Interface:
    """`NodeTree.interface` over `NodeTree.inputs` and `NodeTree.outputs`."""

    def __init__(self, tree: Any) -> None:
        self._sides = {"OUTPUT": tree.outputs, "INPUT": tree.inputs}

    @property
    def items_tree(self) -> list[_Item]:
        """Outputs, then inputs, as in 4.0."""
        return list(self._items())

    def new_socket(
        self, name: str, description: str = "", in_out: str = "INPUT", socket_type: str = ""
    ) -> _Item:
        """The last one of its side."""
        sockets = self._sides[in_out]
        item = _Item(sockets, sockets.new(socket_type, name), in_out, len(sockets) - 1)
        item.description = description
        return item

    def move(self, item: _Item, position: int) -> None:
        """To a position within its side."""
        sockets, socket = item._own
        sockets.move(list(sockets).index(socket), position)

    def remove(self, item: _Item) -> None:
        """Take it away."""
        sockets, socket = item._own
        sockets.remove(socket)

    def _items(self) -> Iterator[_Item]:
        for in_out, sockets in self._sides.items():
            yield from (_Item(sockets, socket, in_out, place) for place, socket in enumerate(sockets))


def _progress(self: Any, text: str = "", **_look: Any) -> None:
    self.label(text=text)


def lay_on() -> None:
    """Have this Blender answer as the add-on expects."""
    if bpy.app.version >= (4, 2, 0):
        return
    bpy.types.NodeTree.interface = property(_Interface)
    bpy.types.ID.session_uid = property(lambda self: self.as_pointer())
    bpy.types.UILayout.progress = _progress
    bpy.utils.register_preset_path = bpy.utils.unregister_preset_path = lambda _path: True


def enable(folder: Path) -> None:
    """Register the add-on from its folder, as a package of the folder's name: 3.4 has no extensions."""
    sys.path.insert(0, str(folder.parent))
    __import__(folder.name)
    sys.modules[folder.name].register()
