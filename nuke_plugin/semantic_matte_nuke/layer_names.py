"""What the layers are called that the node adds to the stream: by the artist's titles, as Nuke takes it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection

PREFIX = "sm_"
# Longer names are cut off in Nuke's menus.
MOST_SIGNS = 40
# Each layer of a matte has this one channel.
CHANNEL = "alpha"

_LAYER = re.compile(r"[a-z][a-z0-9_]{0,39}")


def is_layer_name(text: str) -> bool:
    """Whether it is a name as the engine gives its layers: ASCII, a letter first, at most 40 signs."""
    return _LAYER.fullmatch(text) is not None


def layer_of(title: str, slot: str, taken: Collection[str]) -> str:
    """The layer of an instance: `Anna, the hero` is sm_anna_the_hero.

    slot: the layer in the result's files, which serves where the title is the slot's own or has no sign that a
    layer can have. taken: names that are others', which get no second use: the next is sm_anna_2.
    """
    wanted = slot if title == slot[len(PREFIX) :] and slot.startswith(PREFIX) else _slug(title) or slot
    name, number = wanted, 1
    while name in taken:
        number += 1
        end = f"_{number}"
        name = wanted[: MOST_SIGNS - len(end)].rstrip("_") + end
    return name


def channel(layer: str) -> str:
    """The full name of a layer's one channel."""
    return f"{layer}.{CHANNEL}"


def channel_in(slot: str, channels: Collection[str]) -> str:
    """What Nuke calls the channel of a slot that it read from a file, by the channels that it found there."""
    for name in (channel(slot), f"{slot}.A", f"{slot}.a"):
        if name in channels:
            return name
    return channel(slot)


def layers_in(channels: Collection[str]) -> frozenset[str]:
    """The layers of full channel names."""
    return frozenset(name.partition(".")[0] for name in channels)


def _slug(title: str) -> str:
    """The title with the prefix in small ASCII letters, digits and underscores; "" where nothing is left."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode("ascii").lower()
    words = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")
    return (PREFIX + words)[:MOST_SIGNS].rstrip("_") if words else ""
