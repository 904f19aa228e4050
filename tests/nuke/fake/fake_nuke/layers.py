"""The layers that a script knows, and nuke.Layer that makes them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from . import runtime

BUILT_IN_LAYERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("rgb", ("rgba.red", "rgba.green", "rgba.blue")),
    ("rgba", ("rgba.red", "rgba.green", "rgba.blue", "rgba.alpha")),
    ("alpha", ("rgba.alpha",)),
    ("depth", ("depth.Z",)),
    ("motion", ("forward.u", "forward.v", "backward.u", "backward.v")),
    ("forward", ("forward.u", "forward.v")),
    ("backward", ("backward.u", "backward.v")),
    ("disparityL", ("disparityL.x",)),
    ("disparityR", ("disparityR.x",)),
    ("disparity", ("disparityL.x", "disparityR.x")),
    ("deep", ("deep.front", "deep.back")),
    ("mask", ("mask.a",)),
    ("rotopaint_mask", ("rotopaint_mask.a",)),
    ("mask_splinewarp", ("mask_splinewarp.a",)),
)
_COMPONENTS = {"red", "green", "blue", "alpha"}
# In Nuke a name of a layer or channel holds these alone.
_NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_\-]*$")


class Layer:
    """A layer of the script, made when it is not there yet; channels by their full names."""

    def __init__(self, name: str, channels: Sequence[str] = ()) -> None:
        runtime.check_thread("Layer")
        if not isinstance(name, str) or not all(isinstance(channel, str) for channel in channels):
            raise TypeError("Layer(name, [channel, ...]): expected strings")
        if not _NAME.match(name):
            raise ValueError(f"'{name}' is no name for a layer")
        full = [channel if "." in channel else f"{name}.{channel}" for channel in channels]
        for channel in full:
            if not all(_NAME.match(part) for part in channel.split(".")):
                raise ValueError(f"'{channel}' is no name for a channel")
        runtime.running().layers.add(name, full)
        self._name = name

    def name(self) -> str:
        return self._name

    def setName(self, newName: str) -> None:
        runtime.running().layers.rename(self._name, newName)
        self._name = newName

    def channels(self) -> list[str]:
        return list(runtime.running().layers.of(self._name))

    def visible(self) -> bool:
        return True


class Layers:
    """The layers that a script knows: they stay until the program ends, as Nuke's do."""

    def __init__(self) -> None:
        self._layers = {name: list(channels) for name, channels in BUILT_IN_LAYERS}
        self._built_in = set(self._layers)

    def add(self, name: str, channels: Sequence[str]) -> None:
        have = self._layers.setdefault(name, [])
        have.extend(channel for channel in channels if channel not in have)

    def rename(self, old: str, new: str) -> None:
        self._layers[new] = self._layers.pop(old)

    def of(self, name: str) -> list[str]:
        return self._layers.get(name, [])

    def names(self) -> list[str]:
        return list(self._layers)

    def channels(self) -> list[str]:
        found: list[str] = []
        for channels in self._layers.values():
            found.extend(channel for channel in channels if channel not in found)
        return found

    def own(self) -> list[tuple[str, list[str]]]:
        """Those that scripts and plugins have made."""
        return [(name, list(channels)) for name, channels in self._layers.items() if name not in self._built_in]

    def full(self, channel: str) -> str:
        """The full name of a channel that may be given by itself: alpha is rgba.alpha."""
        return f"rgba.{channel}" if channel in _COMPONENTS else channel

    def has_channel(self, channel: str) -> bool:
        return self.full(channel) in self.channels()
