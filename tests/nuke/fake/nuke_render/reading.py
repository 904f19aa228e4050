"""What a Read gives: which file at which frame, and what where there is none."""

from __future__ import annotations

import numpy as np

from .asked import Asked
from .files import is_sequence, nearest_file, path_at, read_picture
from .picture import RGBA, Picture, RenderError
from .pixel_expressions import evaluated

_LINEAR = ("default", "linear", "scene_linear", "raw", "")


def read(asked: Asked) -> Picture:
    """The picture of a Read at a frame and view."""
    pattern = asked.text("file")
    if "[" in pattern:
        pattern = str(asked.node["file"].evaluate() or "")
    if not pattern:
        return asked.black()
    raw = bool(asked.value("raw", False))
    if not raw and asked.text("colorspace") not in _LINEAR and pattern.lower().endswith(".exr"):
        raise asked.refuse(f"this renderer knows no colour space {asked.text('colorspace')!r}: set raw.")
    frame, is_black = _file_frame(asked)
    if is_black:
        return _black(asked, pattern, frame)
    path = path_at(pattern, frame, asked.view)
    try:
        return _whole(asked, read_picture(path, raw, asked.with_pixels))
    except RenderError as error:
        return _instead(asked, pattern, frame, raw, error)


def _whole(asked: Asked, picture: Picture) -> Picture:
    """The file's picture; auto_alpha adds a solid alpha where the file has none."""
    if asked.value("auto_alpha", False) and "rgba.alpha" not in picture.channels:
        return picture.with_channels({"rgba.alpha": np.ones(picture.shape, np.float32)})
    return picture


def _instead(asked: Asked, pattern: str, frame: int, raw: bool, error: RenderError) -> Picture:
    """What on_error asks for in place of a frame that can't be read."""
    choice = asked.text("on_error", "error")
    if choice in ("1", "black"):
        return _black(asked, pattern, frame)
    if choice in ("3", "nearest frame", "nearest"):
        limits = (int(asked.number("first")), int(asked.number("last")))
        try:
            near = nearest_file(pattern, frame, asked.view, limits)
            return _whole(asked, read_picture(path_at(pattern, near, asked.view), raw, asked.with_pixels))
        except RenderError as none:
            raise asked.refuse(str(none)) from none
    if choice in ("2", "checkerboard"):
        raise asked.refuse("this renderer shows no checkerboard for a missing frame.") from error
    raise asked.refuse(str(error)) from error


def _black(asked: Asked, pattern: str, frame: int) -> Picture:
    """Black, with the channels and the format of the nearest file that is there."""
    limits = (int(asked.number("first")), int(asked.number("last")))
    try:
        near = nearest_file(pattern, frame, asked.view, limits)
        like = read_picture(path_at(pattern, near, asked.view), True, with_pixels=False)
    except RenderError:
        return (
            asked.black()
            .with_channels({name: np.zeros((0, 0), np.float32) for name in RGBA})
            .on(asked.black().display_window)
        )
    return Picture(
        {name: np.zeros(like.shape, np.float32) for name in like.channels},
        like.data_window, like.display_window, like.pixel_aspect, {},
    )  # fmt: skip


def _file_frame(asked: Asked) -> tuple[int, bool]:
    """The number in the file's name, and whether it's outside the range where that is black."""
    mode, text = asked.text("frame_mode", "expression"), asked.text("frame")
    first, last = int(asked.number("first", 1)), int(asked.number("last", 1))
    frame = asked.frame
    if text.strip():
        if mode in ("0", "expression"):
            frame = int(np.floor(float(evaluated(text, asked.named(asked.black(), {})))))
        elif mode in ("1", "start at"):
            frame = asked.frame - int(float(text)) + first
        else:
            raise asked.refuse(f"this renderer knows no frame_mode {mode!r}: use expression or start at.")
    if not is_sequence(asked.text("file")):
        return frame, False
    for outside, limit, beyond in (("before", first, frame < first), ("after", last, frame > last)):
        if beyond:
            return _beyond(asked.text(outside, "hold"), frame, first, last, limit)
    return frame, False


def _beyond(way: str, frame: int, first: int, last: int, limit: int) -> tuple[int, bool]:
    """The frame for one outside the range: held, looped, bounced or black."""
    count = max(last - first + 1, 1)
    if way in ("1", "loop"):
        return first + (frame - first) % count, False
    if way in ("2", "bounce"):
        place = (frame - first) % max(2 * (count - 1), 1)
        return first + (place if place < count else 2 * (count - 1) - place), False
    return limit, way in ("3", "black")
