"""What flows through a node, asked of the renderer: channels, metadata, format, box, frames, errors."""

from __future__ import annotations

from typing import Any, Optional

from .node_cores import NodeCore
from .values import Format, Info


def picture(core: NodeCore, frame: Any = None, view: Any = None) -> Any:
    """What the renderer says of it, without pixels; RuntimeError with Nuke's sentence where it can't."""
    from nuke_render import describe

    return describe(core.handle(), *_moment(core, frame, view))


def _moment(core: NodeCore, frame: Any, view: Any) -> tuple[Any, str]:
    host = core.host
    return host.frame if frame is None else frame, host.view if view is None else view


def channels(core: NodeCore) -> list[str]:
    """Names of all channels; what can't be read has none."""
    try:
        return list(picture(core).channels)
    except RuntimeError:
        return []


def metadata(core: NodeCore, frame: Any = None, view: Any = None) -> dict[str, Any]:
    try:
        return dict(picture(core, frame, view).metadata or {})
    except RuntimeError:
        return {}


def format_of(core: NodeCore) -> Format:
    """Of the stream; the script's where nothing can be read."""
    if core.parent is None:
        return core.host.root_format()
    try:
        found = picture(core)
    except RuntimeError:
        return core.host.root_format()
    x, y, r, t = found.display_window
    made = Format(r - x, t - y, pixelAspect=found.pixel_aspect)
    named = [one for one in core.host.formats if one._text().startswith(made._text())]
    return named[0] if named else made


def bbox(core: NodeCore) -> Info:
    try:
        return Info(*picture(core).data_window)
    except RuntimeError:
        return Info(0, 0, 0, 0)


def error(core: NodeCore) -> str:
    """The sentence that the node shows, empty if there is none."""
    try:
        picture(core)
    except RuntimeError as reason:
        return str(reason)
    return ""


def frames(core: NodeCore) -> tuple[int, int]:
    """First and last frame that it has pictures of; the script's where nothing says so."""
    first: Optional[int] = None
    last: Optional[int] = None
    if core.class_name in ("Read", "Constant") and core.class_name == "Read":
        return int(core.knobs["first"].value()), int(core.knobs["last"].value())
    if core.class_name == "TimeOffset" and core.inputs and core.inputs[0] is not None:
        first, last = frames(core.inputs[0])
        offset = int(core.knobs["time_offset"].value())
        return first + offset, last + offset
    if core.class_name == "FrameRange":
        return int(core.knobs["first_frame"].value()), int(core.knobs["last_frame"].value())
    if core.class_name == "Input" and core.parent is not None:
        number = core.parent.input_nodes().index(core)
        sources = core.parent.inputs
        if number < len(sources) and sources[number] is not None:
            return frames(sources[number])
    if core.class_name == "Group" and core.output_node() is not None:
        return frames(core.output_node())
    if core.inputs and core.inputs[0] is not None:
        return frames(core.inputs[0])
    root = core.host.root_core.knobs
    return int(root["first_frame"].value()), int(root["last_frame"].value())


def sample(core: NodeCore, channel: str, x: float, y: float, *rest: Any) -> float:
    """A pixel; y counts up."""
    from nuke_render import render

    found = render(core.handle(), *_moment(core, rest[0] if rest else None, None))
    full = core.host.layers.full(channel)
    if full not in found.channels:
        return 0.0
    left, bottom, right, top = found.data_window
    column, row = int(x), int(y)
    if not (left <= column < right and bottom <= row < top):
        return 0.0
    return float(found.channels[full][top - 1 - row, column - left])
