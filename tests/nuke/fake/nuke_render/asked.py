"""A node as the renderer asks it: knobs at a frame and view, inputs, and what a whole script says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .picture import Picture, RenderError, full_name


@dataclass(frozen=True)
class Asked:
    """One node at one frame and view; ``ask`` renders another node in the same course."""

    node: Any
    frame: int
    view: str
    ask: Callable[[Any, int, str], Picture]
    with_pixels: bool = True

    def value(self, name: str, default: Any = None) -> Any:
        """A knob's value at the frame; the default where the class of node lacks it."""
        knob = self.node.knob(name)
        if knob is None:
            return default
        try:
            at_frame = getattr(knob, "valueAt", None)
        except AttributeError:
            at_frame = None
        found = knob.value() if at_frame is None else at_frame(self.frame)
        return default if found is None else found

    def text(self, name: str, default: str = "") -> str:
        """A knob's value as text."""
        return str(self.value(name, default))

    def number(self, name: str, default: float = 0.0) -> float:
        """A knob's one number."""
        found = self.value(name, default)
        return float(found[0] if isinstance(found, (list, tuple)) else found)

    def numbers(self, name: str, count: int, default: float = 0.0) -> list[float]:
        """A knob's numbers; a single one stands for all."""
        found = self.value(name, default)
        if isinstance(found, (list, tuple)):
            return [float(value) for value in found][:count] + [default] * (count - len(found))
        return [float(found)] * count

    def input(self, number: int) -> Picture:
        """What flows in; black in the script's format where nothing is connected."""
        source = self.node.input(number)
        return self.black() if source is None else self.ask(source, self.frame, self.view)

    def black(self) -> Picture:
        """No channels, in the script's format."""
        found = self.node.rootNode()["format"].value()
        box = (0, 0, found.width(), found.height())
        return Picture({}, (0, 0, 0, 0), box, found.pixelAspect())

    def at(self, frame: int) -> Asked:
        """The same node at another frame."""
        return replace(self, frame=frame)

    def refuse(self, what: str) -> RenderError:
        """An error that says which node."""
        return RenderError(f"{self.node.fullName()}: {what}")

    def named(self, picture: Picture, extra: dict[str, Any]) -> Callable[[str], Any]:
        """The names that an expression of this node may use: channels, places, temporary names, other knobs."""
        rows, columns = picture.shape
        x, y = picture.data_window[:2]
        width = picture.display_window[2] - picture.display_window[0]
        height = picture.display_window[3] - picture.display_window[1]
        across = np.broadcast_to(np.arange(x, x + columns, dtype=np.float32), (rows, columns))
        up = np.broadcast_to(np.arange(y + rows - 1, y - 1, -1, dtype=np.float32)[:, None], (rows, columns))
        known: dict[str, Any] = {
            "x": across, "y": up, "width": float(width), "height": float(height), "frame": float(self.frame),
            "t": float(self.frame), "pi": float(np.pi), "pixel_aspect": picture.pixel_aspect, **extra,
            "cx": (across + 0.5 - width / 2) / (width / 2 or 1),
            "cy": (up + 0.5 - height / 2) / (width / 2 or 1),
        }  # fmt: skip

        def value(name: str) -> Any:
            if name in known:
                return known[name]
            if full_name(name) in picture.channels or full_name(name) != name:
                return picture.channel(name)
            found = self._knob_at(name)
            if found is None:
                raise self.refuse(f"nothing is named {name!r}.")
            return float(found)

        return value

    def _knob_at(self, path: str) -> Any:
        """The value of parent.knob, this.knob or Node.knob; None where there is none."""
        node, (*owners, name) = self.node, path.split(".")
        for owner in owners:
            if owner == "parent":
                node = node.parent()
            elif owner == "root":
                node = node.rootNode()
            elif owner != "this":
                node = node.parent().node(owner)
            if node is None:
                return None
        knob = node.knob(name)
        if knob is None:
            return None
        return knob.getValueAt(self.frame) if hasattr(knob, "getValueAt") else knob.getValue()


def format_box(found: Any) -> tuple[tuple[int, int, int, int], float]:
    """A format knob's value as a box and its pixel aspect."""
    return (0, 0, found.width(), found.height()), found.pixelAspect()
