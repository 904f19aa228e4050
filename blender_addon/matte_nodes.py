"""The plain nodes between images of mattes and a node's outputs: sums, alphas, the overlay.

The same nodes are built inside a group and, when it is baked, in the artist's own tree.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import bpy

from semantic_matte_client.nodes.instance_table import Feeds, overlay_colour

from . import compat

# Names of the nodes that a rebuild removes and makes anew begin with this.
BUILT = "sm.built."
_COLUMN, _ROW = 220.0, 170.0
# How much of an instance's colour the overlay lays over the plate.
OVERLAY_STRENGTH = 0.5


@dataclass(frozen=True)
class Sources:
    """Where the nodes begin. plate: the picture. slots: slot -> its alpha. origin: of the first node."""

    plate: bpy.types.NodeSocket
    slots: Mapping[str, bpy.types.NodeSocket]
    cryptomatte: bpy.types.NodeSocket | None
    origin: tuple[float, float]


@dataclass(frozen=True)
class Built:
    """Where they end. sums: key of `Feeds.sums` -> its alpha. cryptomatte: None where there is no result."""

    image: bpy.types.NodeSocket
    all: bpy.types.NodeSocket
    sums: Mapping[str, bpy.types.NodeSocket]
    cryptomatte: bpy.types.NodeSocket | None
    nodes: tuple[bpy.types.Node, ...]


def build(
    tree: bpy.types.NodeTree, sources: Sources, feeds: Feeds, show: str, has_results: bool, keys: Sequence[str]
) -> Built:
    """Make the nodes of a node's outputs in `tree`.

    show: as the settings have it. has_results: without them Image gives the plate as it comes. keys: of all
    instances in the table's order, from which the overlay's colours follow.
    """
    maker = _Maker(tree, sources.origin)
    sums = {
        key: maker.added([sources.slots[slot] for slot in slots if slot in sources.slots])
        for key, slots in feeds.sums.items()
    }
    every = maker.added([sums[key] for key in feeds.shown])
    image = sources.plate
    if has_results and show == "MATTE":
        image = every
    elif has_results and show == "OVERLAY":
        layers = [(sums[key], overlay_colour(keys.index(key))) for key in feeds.shown]
        image = maker.overlaid(maker.in_frame(sources.plate, every), layers)
    elif has_results and show == "PLATE":
        image = maker.with_alpha(maker.in_frame(sources.plate, every), every, replace=True)
    elif has_results:
        image = maker.cut_out(sources.plate, every)
    return Built(image, every, sums, sources.cryptomatte, tuple(maker.nodes))


class _Maker:
    """Makes nodes in a tree and sets them in columns, as one reads them."""

    def __init__(self, tree: bpy.types.NodeTree, origin: tuple[float, float]) -> None:
        self.nodes: list[bpy.types.Node] = []
        self._tree = tree
        self._origin = origin
        self._heights = [0] * 3
        self._zero: bpy.types.NodeSocket | None = None

    def added(self, sockets: Sequence[bpy.types.NodeSocket]) -> bpy.types.NodeSocket:
        """The sum of alphas, at most 1; a single one is passed on as it is, and none give 0."""
        if not sockets:
            return self._nothing()
        total = sockets[0]
        for number, socket in enumerate(sockets[1:], start=2):
            # Clamped once: a sum of halves is exact in 32 bits, in any order.
            node = self._placed(compat.new_math(self._tree, "ADD", number == len(sockets)), 0)
            self._link(total, node.inputs[0])
            self._link(socket, node.inputs[1])
            total = node.outputs[0]
        return total

    def in_frame(self, plate: bpy.types.NodeSocket, alpha: bpy.types.NodeSocket) -> bpy.types.NodeSocket:
        """The plate's colours, bit for bit, on the pixels of the alpha; the plate's own alpha is lost.

        A plate that is turned, scaled or moved keeps pixels of its own, and Blender brings to these what it
        meets: the mattes would be resampled, twice. So it is brought to the frame first, by a mix with a first
        colour, whose pixels count, that takes all of the second.
        """
        node, sockets = compat.new_colour_mix(self._tree)
        self._placed(node, 1)
        sockets["factor"].default_value = 1.0
        self._link(alpha, sockets["first"])
        self._link(plate, sockets["second"])
        return sockets["result"]

    def cut_out(self, plate: bpy.types.NodeSocket, alpha: bpy.types.NodeSocket) -> bpy.types.NodeSocket:
        """The plate and its own alpha, multiplied by another alpha."""
        cut = self.with_alpha(self.in_frame(plate, alpha), alpha, replace=False)
        parts = self._placed(compat.new_separate_colour(self._tree), 1)
        self._link(plate, parts.inputs[0])
        both = self._placed(compat.new_math(self._tree, "MULTIPLY", False), 1)
        # In this order: the pixels of the first count.
        self._link(alpha, both.inputs[0])
        self._link(parts.outputs["Alpha"], both.inputs[1])
        return self.with_alpha(cut, both.outputs[0], replace=True)

    def with_alpha(
        self, plate: bpy.types.NodeSocket, alpha: bpy.types.NodeSocket, replace: bool
    ) -> bpy.types.NodeSocket:
        """The plate with another alpha, or multiplied by it."""
        node = self._placed(compat.new_set_alpha(self._tree, replace), 2)
        self._link(plate, node.inputs["Image"])
        self._link(alpha, node.inputs["Alpha"])
        return node.outputs["Image"]

    def overlaid(
        self,
        plate: bpy.types.NodeSocket,
        layers: Iterable[tuple[bpy.types.NodeSocket, tuple[float, float, float]]],
    ) -> bpy.types.NodeSocket:
        """The plate with a colour mixed in where each alpha is."""
        picture = plate
        for alpha, colour in layers:
            strength = self._placed(compat.new_math(self._tree, "MULTIPLY", False), 1)
            self._link(alpha, strength.inputs[0])
            strength.inputs[1].default_value = OVERLAY_STRENGTH
            node, sockets = compat.new_colour_mix(self._tree)
            self._placed(node, 2)
            self._link(strength.outputs[0], sockets["factor"])
            self._link(picture, sockets["first"])
            sockets["second"].default_value = (*colour, 1.0)
            picture = sockets["result"]
        return picture

    def _nothing(self) -> bpy.types.NodeSocket:
        """A constant 0, made once."""
        if self._zero is None:
            self._zero = self._placed(compat.new_value(self._tree, 0.0), 0).outputs[0]
        return self._zero

    def _placed(self, node: bpy.types.Node, column: int) -> bpy.types.Node:
        """The node, named as ours and set below the last one of its column."""
        node.name = f"{BUILT}{len(self.nodes):03d}"
        node.select = False
        node.location = (
            self._origin[0] + column * _COLUMN,
            self._origin[1] - self._heights[column] * _ROW,
        )
        self._heights[column] += 1
        self.nodes.append(node)
        return node

    def _link(self, source: bpy.types.NodeSocket, target: bpy.types.NodeSocket) -> None:
        self._tree.links.new(source, target)
