"""Nodes that put two pictures together: Copy, Merge2, Dissolve, and those that pick one: Switch, JoinViews."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from .asked import Asked
from .picture import Box, Channels, Picture, intersection, union, wanted_channels

Pair = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], np.ndarray]
# A over B with a and b their alphas, as the node's own tooltip has the formulas.
_MERGES: dict[str, Pair] = {
    "over": lambda A, B, a, b: A + B * (1 - a),
    "under": lambda A, B, a, b: A * (1 - b) + B,
    "plus": lambda A, B, a, b: A + B,
    "minus": lambda A, B, a, b: A - B,
    "multiply": lambda A, B, a, b: A * B,
    "max": lambda A, B, a, b: np.maximum(A, B),
    "min": lambda A, B, a, b: np.minimum(A, B),
    "in": lambda A, B, a, b: A * b,
    "out": lambda A, B, a, b: A * (1 - b),
    "mask": lambda A, B, a, b: B * a,
    "stencil": lambda A, B, a, b: B * (1 - a),
    "atop": lambda A, B, a, b: A * b + B * (1 - a),
    "xor": lambda A, B, a, b: A * (1 - b) + B * (1 - a),
    "copy": lambda A, B, a, b: A,
    "difference": lambda A, B, a, b: np.abs(A - B),
    "average": lambda A, B, a, b: (A + B) / 2,
    "screen": lambda A, B, a, b: np.where((A <= 1) & (B <= 1), A + B - A * B, np.maximum(A, B)),
    "matte": lambda A, B, a, b: A * a + B * (1 - a),
}


def _together(asked: Asked, base: Picture, other: Picture) -> Box:
    """The data window that the node's bbox knob asks for."""
    way = asked.text("bbox", "union").lower()
    if way in ("intersection", "1") and asked.node.Class() == "Merge2":
        return intersection(base.data_window, other.data_window)
    if way in ("a", "a side"):
        return other.data_window
    if way in ("b", "b side"):
        return base.data_window
    return union(base.data_window, other.data_window)


def _no_mask(asked: Asked, number: int) -> None:
    """A mask that is connected is more than this renderer can do."""
    if asked.node.input(number) is not None and asked.text("maskChannelInput", "none") != "none":
        raise asked.refuse("this renderer knows no masks.")


def copy(asked: Asked) -> Picture:
    """Channels of A (input 1) put onto B (input 0); metadata, format and the rest are B's."""
    _no_mask(asked, 2)
    base, other = asked.input(0), asked.input(1)
    box = _together(asked, base, other)
    base, other = base.on(box), other.on(box)
    mix = asked.number("mix", 1.0)
    taken: Channels = {}
    for number in range(4):
        source, target = asked.text(f"from{number}", "none"), asked.text(f"to{number}", "none")
        if "none" not in (source, target):
            taken[target] = other.channel(source)
    for name in wanted_channels(asked.text("channels", "none"), other.channels):
        taken[name] = other.channel(name)
    if mix != 1:
        taken = {name: base.channel(name) * (1 - mix) + pixels * mix for name, pixels in taken.items()}
    return base.with_channels(taken)


def merge(asked: Asked) -> Picture:
    """A (input 1) onto B (input 0) by one of Merge's operations."""
    _no_mask(asked, 2)
    operation = asked.text("operation", "over")
    if operation not in _MERGES:
        raise asked.refuse(f"this renderer knows no operation {operation!r}.")
    base = asked.input(0)
    if asked.node.input(1) is None:
        return base
    other = asked.input(1)
    box = _together(asked, base, other)
    base, other = base.on(box), other.on(box)
    known = {**base.channels, **other.channels}
    mix = asked.number("mix", 1.0)
    made: Channels = {}
    for name in wanted_channels(asked.text("output", "rgba"), known):
        if name not in known:
            continue
        A, B = other.channel(name), base.channel(name)
        result = _MERGES[operation](A, B, other.channel("alpha"), base.channel("alpha")).astype(np.float32)
        made[name] = result if mix == 1 else B * (1 - mix) + result * mix
    return base.with_channels(made)


def dissolve(asked: Asked) -> Picture:
    """Between two neighbouring inputs."""
    which = max(asked.number("which"), 0.0)
    low = int(which)
    amount = np.float32(which - low)
    base = asked.input(low)
    if not amount:
        return base
    other = asked.input(low + 1)
    box = union(base.data_window, other.data_window)
    base, other = base.on(box), other.on(box)
    names = {**base.channels, **other.channels}
    return base.with_channels(
        {name: base.channel(name) * (1 - amount) + other.channel(name) * amount for name in names}
    )


def switch(asked: Asked) -> Picture:
    """The input whose number the knob gives; the last one where it gives more."""
    return asked.input(min(max(int(asked.number("which")), 0), max(asked.node.inputs() - 1, 0)))


def join_views(asked: Asked) -> Picture:
    """An input for each view, in the script's order."""
    views = list(sys.modules["nuke"].views())  # type: ignore[attr-defined]
    return asked.input(min(views.index(asked.view), max(asked.node.inputs() - 1, 0)))


def one_view(asked: Asked) -> Picture:
    """One view for all."""
    source = asked.node.input(0)
    return asked.black() if source is None else asked.ask(source, asked.frame, asked.text("view", asked.view))


def copy_metadata(asked: Asked) -> Picture:
    """The picture of input 0, with what input 1 knows of itself."""
    picture, meta = asked.input(0), asked.input(1).metadata
    way = asked.text("mergeMode", "Meta Plus Image")
    if way == "Meta Only":
        return replace(picture, metadata=dict(meta))
    first, last = (picture.metadata, meta) if way == "Meta Plus Image" else (meta, picture.metadata)
    return replace(picture, metadata={**first, **last})
