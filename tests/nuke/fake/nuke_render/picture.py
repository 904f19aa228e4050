"""A picture as it flows from node to node, and the boxes that it lies in.

Boxes are Nuke's: (x, y, right, top) in pixels, y counts up from the bottom of the format.
Arrays begin with the top row.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

Box = tuple[int, int, int, int]
Channels = dict[str, np.ndarray]
RGBA = ("rgba.red", "rgba.green", "rgba.blue", "rgba.alpha")
_SHORT = {
    "red": "rgba.red", "green": "rgba.green", "blue": "rgba.blue", "alpha": "rgba.alpha",
    "r": "rgba.red", "g": "rgba.green", "b": "rgba.blue", "a": "rgba.alpha", "Z": "depth.Z",
}  # fmt: skip


class RenderError(RuntimeError):
    """What a node can't render, in a sentence as Nuke would show it."""


@dataclass(frozen=True)
class Picture:
    """Channels (H, W) float32 of one data window, and the format that they belong to."""

    channels: Channels
    data_window: Box
    display_window: Box
    pixel_aspect: float = 1.0
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the data window."""
        x, y, right, top = self.data_window
        return max(top - y, 0), max(right - x, 0)

    def channel(self, name: str) -> np.ndarray:
        """A channel; zeros where the picture lacks it, as every node of Nuke sees it."""
        found = self.channels.get(full_name(name))
        return np.zeros(self.shape, np.float32) if found is None else found

    def with_channels(self, channels: Channels) -> Picture:
        """The same picture with these channels on top of its own."""
        return replace(self, channels={**self.channels, **channels})

    def on(self, box: Box) -> Picture:
        """The same picture on another data window, black where it has no pixels."""
        if box == self.data_window:
            return self
        moved = {name: moved_to(pixels, self.data_window, box) for name, pixels in self.channels.items()}
        return replace(self, channels=moved, data_window=box)

    def over_format(self) -> Picture:
        """The pixels of the format alone, no overscan and no gap."""
        return self.on(self.display_window)


def moved_to(pixels: np.ndarray, box: Box, target: Box) -> np.ndarray:
    """Pixels of one box on another, zeros where they have none."""
    made = np.zeros((max(target[3] - target[1], 0), max(target[2] - target[0], 0)), np.float32)
    x, y, right, top = intersection(box, target)
    if right > x and top > y:
        rows = slice(target[3] - top, target[3] - y)
        columns = slice(x - target[0], right - target[0])
        made[rows, columns] = pixels[box[3] - top : box[3] - y, x - box[0] : right - box[0]]
    return made


def corner_of(picture: Picture) -> Picture:
    """The same channels of one pixel; a picture without pixels stays as it is."""
    if is_empty(picture.data_window):
        return picture
    x, top = picture.data_window[0], picture.data_window[3]
    channels = {name: pixels[:1, :1] for name, pixels in picture.channels.items()}
    return replace(picture, channels=channels, data_window=(x, top - 1, x + 1, top))


def union(one: Box, other: Box) -> Box:
    """The smallest box around both; an empty one adds nothing."""
    if is_empty(one):
        return other
    if is_empty(other):
        return one
    return (min(one[0], other[0]), min(one[1], other[1]), max(one[2], other[2]), max(one[3], other[3]))


def intersection(one: Box, other: Box) -> Box:
    """What both cover; empty boxes have their right side at their left."""
    x, y = max(one[0], other[0]), max(one[1], other[1])
    return (x, y, max(min(one[2], other[2]), x), max(min(one[3], other[3]), y))


def is_empty(box: Box) -> bool:
    """Whether a box holds no pixel."""
    return box[2] <= box[0] or box[3] <= box[1]


def full_name(name: str) -> str:
    """A channel's full name: alpha is rgba.alpha."""
    return _SHORT.get(name, name)


def wanted_channels(mask: str, known: Iterable[str]) -> list[str]:
    """The channels that a channel set names: all, none, layers, channels; a word with a minus is left out."""
    found: list[str] = []
    names = list(known)
    for word in mask.replace("{", " ").replace("}", " ").split():
        if word.startswith("-") or word in ("none", "false"):
            continue
        if word == "all":
            found += names
        elif word in ("rgb", "rgba"):
            found += RGBA[: len(word)]
        elif "." in word or word in _SHORT:
            found.append(full_name(word))
        else:
            found += [name for name in names if name.rpartition(".")[0] == word]
    return list(dict.fromkeys(found))
