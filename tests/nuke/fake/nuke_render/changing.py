"""Nodes that change one picture: Expression, Grade, Shuffle2, Remove, Crop, Reformat and their like."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from .asked import Asked, format_box
from .picture import RGBA, Channels, Picture, corner_of, intersection, moved_to, wanted_channels
from .pixel_expressions import evaluated


def expression(asked: Asked) -> Picture:
    """Every set of channels by its own expression of the channels that came in."""
    picture = asked.input(0)
    # Where only names and boxes are asked for, one pixel is enough to find a bad expression.
    seen = picture if asked.with_pixels else corner_of(picture)
    extra: dict[str, Any] = {}
    named = asked.named(seen, extra)
    for number in range(4):
        name, text = asked.text(f"temp_name{number}").strip(), asked.text(f"temp_expr{number}").strip()
        if name and text:
            extra[name] = evaluated(text, named)
            named = asked.named(seen, extra)
    made: Channels = {}
    for number in range(4):
        text = asked.text(f"expr{number}").strip()
        if not text:
            continue
        value = np.broadcast_to(np.asarray(evaluated(text, named), np.float32), seen.shape)
        value = value if asked.with_pixels else np.broadcast_to(np.float32(0), picture.shape)
        for channel in wanted_channels(asked.text(f"channel{number}"), picture.channels):
            made[channel] = value
    return picture.with_channels(made)


def grade(asked: Asked) -> Picture:
    """Grade's line and gamma on its channels."""
    picture = asked.input(0)
    if asked.value("reverse", False):
        raise asked.refuse("this renderer knows no reversed Grade.")
    rows = {name: asked.numbers(name, 4, default) for name, default in _GRADE.items()}
    made: Channels = {}
    for channel in wanted_channels(asked.text("channels", "rgb"), picture.channels):
        place = RGBA.index(channel) if channel in RGBA else 0
        at = {name: np.float32(values[place]) for name, values in rows.items()}
        slope = at["multiply"] * (at["white"] - at["black"]) / (at["whitepoint"] - at["blackpoint"])
        value = picture.channel(channel) * slope + at["add"] + at["black"] - slope * at["blackpoint"]
        if at["gamma"] != 1:
            value = np.where(value > 0, np.power(np.maximum(value, 0), 1 / at["gamma"]), value)
        if asked.value("black_clamp", True):
            value = np.maximum(value, 0)
        if asked.value("white_clamp", False):
            value = np.minimum(value, 1)
        made[channel] = value.astype(np.float32)
    return picture.with_channels(made)


_GRADE = {
    "blackpoint": 0.0,
    "whitepoint": 1.0,
    "black": 0.0,
    "white": 1.0,
    "multiply": 1.0,
    "add": 0.0,
    "gamma": 1.0,
}


def premultiplied(asked: Asked) -> Picture:
    """Premult and Unpremult: colours times, or by, the alpha; a colour stays where alpha is 0."""
    picture = asked.input(0)
    alpha = picture.channel(asked.text("alpha", "rgba.alpha"))
    names = [
        name
        for name in wanted_channels(asked.text("channels", "rgb"), picture.channels)
        if name in picture.channels
    ]
    if asked.node.Class() == "Premult":
        return picture.with_channels({name: picture.channel(name) * alpha for name in names})
    safe = np.where(alpha == 0, 1, alpha)
    return picture.with_channels({name: (picture.channel(name) / safe).astype(np.float32) for name in names})


def invert(asked: Asked) -> Picture:
    """1 minus each channel."""
    picture = asked.input(0)
    names = wanted_channels(asked.text("channels", "all"), picture.channels)
    return picture.with_channels({name: 1 - picture.channel(name) for name in names})


def shuffle(asked: Asked) -> Picture:
    """Shuffle2: "number, then from-channel input place to-channel output place" for each line of its panel."""
    picture = asked.input(0)
    words = asked.text("mappings").split()
    if not words:
        return picture
    made: Channels = {}
    for place in range(1, len(words) - 5, 6):
        source, number, _, target = words[place : place + 4]
        if source in ("black", "white"):
            made[target] = np.full(picture.shape, float(source == "white"), np.float32)
        elif number in ("0", "-1") or asked.node.input(1) is None:
            made[target] = picture.channel(source)
        else:
            made[target] = asked.input(1).on(picture.data_window).channel(source)
    return picture.with_channels(made)


def remove(asked: Asked) -> Picture:
    """Channels away, or all others."""
    picture = asked.input(0)
    named = [
        name for knob in ("channels", "channels2", "channels3", "channels4")
        for name in wanted_channels(asked.text(knob, "none"), picture.channels)
    ]  # fmt: skip
    keeps = asked.text("operation", "remove") in ("keep", "1")
    return replace(
        picture,
        channels={name: pixels for name, pixels in picture.channels.items() if (name in named) == keeps},
    )


def add_channels(asked: Asked) -> Picture:
    """Channels that aren't there yet, in one colour."""
    picture, colour = asked.input(0), asked.numbers("color", 4)
    names = [
        name for knob in ("channels", "channels2", "channels3", "channels4")
        for name in wanted_channels(asked.text(knob, "none"), picture.channels)
    ]  # fmt: skip
    return picture.with_channels(
        {name: np.full(picture.shape, colour[RGBA.index(name) if name in RGBA else 0], np.float32)
         for name in names if name not in picture.channels}
    )  # fmt: skip


def crop(asked: Asked) -> Picture:
    """The box of the knob becomes the data window, and the format too where it says so."""
    picture = asked.input(0)
    box = tuple(round(value) for value in asked.numbers("box", 4))
    if asked.value("intersect", False):
        box = intersection(box, picture.data_window)  # type: ignore[arg-type]
    made = picture.on(box)  # type: ignore[arg-type]
    if not asked.value("reformat", False):
        return made
    x, y, right, top = box
    return replace(made, data_window=(0, 0, right - x, top - y), display_window=(0, 0, right - x, top - y))


def reformat(asked: Asked) -> Picture:
    """Into another format by nearest pixels: the width, height, fit, fill or all of it."""
    picture = asked.input(0)
    width, height = (picture.display_window[place + 2] - picture.display_window[place] for place in (0, 1))
    kind = asked.text("type", "to format")
    if kind == "scale":
        scales = asked.numbers("scale", 2, 1.0)
        target, aspect = (0, 0, round(width * scales[0]), round(height * scales[1])), picture.pixel_aspect
        return resized(picture, target, aspect, scales[0], scales[1], center=False)
    if kind == "to box":
        target = (0, 0, int(asked.number("box_width", width)), int(asked.number("box_height", height)))
        aspect = asked.number("box_pixel_aspect", 1.0)
    else:
        target, aspect = format_box(asked.value("format"))
    # Squeezed pixels are as wide as their aspect says.
    across, up = target[2] / width, target[3] / height
    squeeze = picture.pixel_aspect / aspect
    way = asked.text("resize", "width")
    by_width, by_height = (across, across / squeeze), (up * squeeze, up)
    ways = {
        "none": (1.0, 1.0), "distort": (across, up), "width": by_width, "height": by_height,
        "fit": min(by_width, by_height), "fill": max(by_width, by_height),
    }  # fmt: skip
    if way not in ways:
        raise asked.refuse(f"this renderer knows no resize {way!r}.")
    return resized(picture, target, aspect, *ways[way], center=bool(asked.value("center", True)))


def resized(picture: Picture, target: Any, aspect: float, across: float, up: float, center: bool) -> Picture:
    """Scaled by nearest pixels around the corner or the middle, what is outside kept as overscan."""
    x, y, right, top = picture.data_window
    width, height = (picture.display_window[place + 2] * scale for place, scale in ((0, across), (1, up)))
    left, low = ((target[2] - width) / 2, (target[3] - height) / 2) if center else (0.0, 0.0)
    box = (round(x * across + left), round(y * up + low), round(right * across + left), round(top * up + low))
    columns = (
        np.floor((np.arange(box[0], box[2]) + 0.5 - left) / across).astype(int).clip(x, max(right - 1, x)) - x
    )
    rows = (
        top
        - 1
        - np.floor((np.arange(box[3] - 1, box[1] - 1, -1) + 0.5 - low) / up)
        .astype(int)
        .clip(y, max(top - 1, y))
    )
    made = {name: pixels[np.ix_(rows, columns)] for name, pixels in picture.channels.items()}
    return Picture(made, box, target, aspect, picture.metadata)


def constant(asked: Asked) -> Picture:
    """One colour over the format."""
    box, aspect = format_box(asked.value("format"))
    colour = asked.numbers("color", 4)
    names = wanted_channels(asked.text("channels", "rgb"), RGBA)
    made = {
        name: np.full((box[3], box[2]), colour[RGBA.index(name) if name in RGBA else 0], np.float32)
        for name in names
    }
    return Picture(made, box, box, aspect)


def checker_board(asked: Asked) -> Picture:
    """Squares of two greys with a solid alpha."""
    box, aspect = format_box(asked.value("format"))
    size = asked.numbers("boxsize", 2, 64.0)
    across, up = np.meshgrid(np.arange(box[2]) // size[0], np.arange(box[3])[::-1] // size[1])
    grey = np.where((across + up) % 2 == 0, 0.1, 0.5).astype(np.float32)
    return Picture({**dict.fromkeys(RGBA[:3], grey), "rgba.alpha": np.ones_like(grey)}, box, box, aspect)


def copy_box(asked: Asked) -> Picture:
    """The data window of input 1 for the picture of input 0."""
    picture, box = asked.input(0), asked.input(1).data_window
    made = {name: moved_to(pixels, picture.data_window, box) for name, pixels in picture.channels.items()}
    return replace(picture, channels=made, data_window=box)
