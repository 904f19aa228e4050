"""Renders a node by asking those it hangs on; an unknown class raises with a sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import changing, mixing
from .asked import Asked
from .files import path_at, write_bytes, write_picture
from .picture import RGBA, Picture, RenderError, wanted_channels
from .reading import read


def _passed(asked: Asked) -> Picture:
    """Input 0 as it is."""
    return asked.input(0)


def _time_offset(asked: Asked) -> Picture:
    """Input 0, later by the knob's frames."""
    return asked.at(asked.frame - int(asked.number("time_offset"))).input(0)


def _frame_hold(asked: Asked) -> Picture:
    """Input 0 at one frame, or at every n-th."""
    name = "first_frame" if asked.number("first_frame") or not asked.number("firstFrame") else "firstFrame"
    first, step = int(asked.number(name)), int(asked.number("increment"))
    return asked.at(first + (asked.frame - first) // step * step if step else first).input(0)


def _group(asked: Asked) -> Picture:
    """What stands at the group's Output."""
    output = asked.node.output()
    if output is None:
        raise asked.refuse("this group has no Output.")
    return asked.ask(output, asked.frame, asked.view)


def _input(asked: Asked) -> Picture:
    """What flows into the group at this Input's number."""
    group = asked.node.parent()
    inputs = sorted((n for n in group.nodes() if n.Class() == "Input"), key=lambda n: int(n["number"].value()))
    number = next(place for place, node in enumerate(inputs) if node.fullName() == asked.node.fullName())
    source = group.input(number)
    return asked.black() if source is None else asked.ask(source, asked.frame, asked.view)


_CLASSES: dict[str, Callable[[Asked], Picture]] = {
    "Read": read, "Constant": changing.constant, "CheckerBoard2": changing.checker_board,
    "Copy": mixing.copy, "Merge2": mixing.merge, "Switch": mixing.switch, "Dissolve": mixing.dissolve,
    "JoinViews": mixing.join_views, "OneView": mixing.one_view, "CopyMetaData": mixing.copy_metadata,
    "Expression": changing.expression, "Grade": changing.grade, "Premult": changing.premultiplied,
    "Unpremult": changing.premultiplied, "Invert": changing.invert, "Shuffle2": changing.shuffle,
    "Remove": changing.remove, "AddChannels": changing.add_channels, "Crop": changing.crop,
    "Reformat": changing.reformat, "CopyBBox": changing.copy_box,
    "TimeOffset": _time_offset, "FrameHold": _frame_hold, "Group": _group, "Input": _input,
    **dict.fromkeys(("Dot", "NoOp", "Output", "Write", "Viewer", "FrameRange", "Cryptomatte"), _passed),
}  # fmt: skip
# Never hidden by their own switch: they have none, or it means something else.
_NEVER_DISABLED = ("Input", "Output", "Viewer")


class _Course:
    """One rendering: what was rendered once isn't rendered again, and a loop is told."""

    def __init__(self, with_pixels: bool) -> None:
        self.with_pixels = with_pixels
        self.done: dict[tuple[str, int, str], Picture] = {}
        self.under_way: set = set()

    def ask(self, node: Any, frame: int, view: str) -> Picture:
        """The picture of a node at a frame and view."""
        key = (node.fullName(), frame, view)
        if key in self.done:
            return self.done[key]
        if key in self.under_way:
            raise RenderError(f"{node.fullName()}: it feeds itself.")
        self.under_way.add(key)
        try:
            self.done[key] = self._made(Asked(node, frame, view, self.ask, self.with_pixels))
        finally:
            self.under_way.discard(key)
        return self.done[key]

    def _made(self, asked: Asked) -> Picture:
        """By the class of node; a disabled one passes its input 0."""
        kind = asked.node.Class()
        if kind not in _NEVER_DISABLED and asked.value("disable", False):
            # A disabled source gives black.
            return asked.input(0) if asked.node.maxInputs() else asked.black()
        if kind not in _CLASSES:
            raise asked.refuse(f"this renderer knows no {kind}.")
        return _CLASSES[kind](asked)


def render(node: Any, frame: int, view: str = "main") -> Picture:
    """What a node shows at a frame and view; in proxy mode as small as the script says."""
    picture = _Course(True).ask(node, int(frame), view)
    root = node.rootNode()
    if not root["proxy"].value():
        return picture
    scale = float(root["proxy_scale"].value())
    box = picture.display_window
    target = (0, 0, round(box[2] * scale), round(box[3] * scale))
    return changing.resized(picture, target, picture.pixel_aspect, scale, scale, center=False)


def describe(node: Any, frame: int, view: str = "main") -> Picture:
    """The same channels, windows and metadata, with no file's pixels read: its own pixels mean nothing."""
    return _Course(False).ask(node, int(frame), view)


def write(node: Any, frame: int, view: str = "main") -> str:
    """Writes the file of a Write at a frame and view; gives its path."""
    asked = Asked(node, int(frame), view, _Course(True).ask)
    pattern = asked.text("file")
    if "[" in pattern:
        pattern = str(node["file"].evaluate() or "")
    if not pattern:
        raise asked.refuse("no file name specified")
    if node.input(0) is None:
        raise asked.refuse("nothing is connected.")
    path = path_at(pattern, int(frame), view)
    picture = render(node.input(0), frame, view)
    known = list(
        dict.fromkeys([*RGBA, *picture.channels])
        if asked.text("channels", "rgb") != "all"
        else picture.channels
    )
    names = wanted_channels(asked.text("channels", "rgb"), known)
    if not names:
        raise asked.refuse("no channels to write.")
    kind = asked.text("file_type") or path.rpartition(".")[2]
    if kind == "exr":
        write_picture(
            picture,
            names,
            path,
            asked.text("datatype", "16 bit half") != "32 bit float",
            asked.text("compression"),
        )
    elif kind in ("png", "jpeg", "jpg", "tiff", "tif"):
        write_bytes(picture, names, path, bool(asked.value("raw", False)))
    else:
        raise asked.refuse(f"this renderer writes no {kind!r}.")
    return path
