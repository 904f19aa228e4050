"""Plates of known pixels, and what a node gives, as numbers: by way of files, as the plugin does it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nuke

from . import plain_exr
from .plain_exr import Picture, Rows

# Values that 8 bits, a curve or a clamp would not leave as they are; each is a half float's.
COLOURS = (0.5, -0.5, 1000.0, 0.0, 1.0, 0.25)
WIDTH, HEIGHT = 3, 2


def rows_of(*values: float) -> Rows:
    """Values of a picture of 3x2 pixels, as its rows."""
    return [list(values[:WIDTH]), list(values[WIDTH:])]


def plate(folder: Path, number: int = 1001, **changes: Any) -> Path:
    """A small plate: red as COLOURS, green half, blue 0."""
    content = Picture(
        **{
            "channels": {"R": rows_of(*COLOURS), "G": rows_of(*[0.5] * 6), "B": rows_of(*[0.0] * 6)},
            "data_window": (0, 0, WIDTH, HEIGHT),
            "display_window": (0, 0, WIDTH, HEIGHT),
            **changes,
        }
    )
    path = folder / f"plate.{number}.exr"
    plain_exr.write(path, content)
    return path


def mattes(folder: Path, name: str = "plate.mattes.1001.exr", layer: str = "sm_person_01") -> Path:
    """A file of one matte, as the engine names its layers."""
    path = folder / name
    # As the plugin does, before any knob names a channel of it.
    nuke.Layer(layer, [f"{layer}.alpha"])
    plain_exr.write(path, plain_exr.picture({f"{layer}.A": rows_of(0.0, 0.25, 0.5, 0.75, 1.0, 0.0)}))
    return path


def read_node(path: Path, first: int = 1001, last: int = 1001) -> Any:
    """A Read of raw pixels."""
    node: Any = nuke.nodes.Read()
    node["file"].setValue(str(path).replace("\\", "/"))
    node["raw"].setValue(True)
    for knob, value in (("first", first), ("last", last), ("origfirst", first), ("origlast", last)):
        node[knob].setValue(value)
    return node


def write_node(source: Any, path: Path, channels: str = "all") -> Any:
    """A Write of raw 32-bit EXR without compression."""
    node: Any = nuke.nodes.Write()
    node.setInput(0, source)
    node["channels"].setValue(channels)
    node["file"].setValue(str(path).replace("\\", "/"))
    node["file_type"].setValue("exr")
    node["raw"].setValue(True)
    node["datatype"].setValue("32 bit float")
    node["compression"].setValue("none")
    return node


def seen(source: Any, folder: Path, frame: int = 1001, views: Sequence[str] = ()) -> Picture:
    """What a node gives at a frame: channels by the names that Nuke's Write gives them."""
    number = len(list(folder.glob("seen_*")))
    path = folder / f"seen_{number}.exr"
    node = write_node(source, path)
    nuke.execute(node, frame, frame, 1, list(views or nuke.views()[:1]))
    nuke.delete(node)
    return plain_exr.read(path)


def values(picture: Picture, channel: str) -> list[float]:
    """All values of a channel over the display window, rows one after another; outside the data window 0."""
    x0, y0, x1, y1 = picture.data_window
    left, top, right, bottom = picture.display_window
    return [
        picture.at(channel, x, y) if x0 <= x < x1 and y0 <= y < y1 else 0.0
        for y in range(top, bottom)
        for x in range(left, right)
    ]


def alpha_of(picture: Picture, layer: str) -> list[float]:
    """The alpha of a layer, whichever of its names the Write gave it."""
    for ending in (".alpha", ".A", ".a"):
        if layer + ending in picture.channels:
            return values(picture, layer + ending)
    raise KeyError(f"there is no alpha of '{layer}' among {', '.join(sorted(picture.channels))}")
