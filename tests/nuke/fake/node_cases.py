"""Nodes of ours with results to show, for tests of what is done to them; inside a running fake host."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

from semantic_matte_client.nodes.result_records import SlotFound


def ours(name: str) -> Any:
    """A module of the plugin, as this host has it."""
    return importlib.import_module(f"semantic_matte_nuke.{name}")


def results(
    *names: str, folder: str = "/shots/cache/job", frames: Sequence[int] = (1001, 1002), **changes: Any
) -> Any:
    """A result with an instance for each name: person_01 is the slot sm_person_01."""
    slots = tuple(SlotFound(f"sm_{name}", name.rpartition("_")[0], 0.9, "1001-1002") for name in names)
    values = {
        "folder": folder,
        "views": ("main",),
        "stem": "plate",
        "frames": tuple(frames),
        "offset": 0,
        "hold": False,
        "size": (96, 96),
        "words": "2 frames, by starter",
        "slots": slots,
        **changes,
    }
    return ours("stored_values").ShownResults(**values)


def node_with(*names: str, **changes: Any) -> Any:
    """A new node that shows a result with these instances; without names it has none yet."""
    node = ours("node_making").create()
    if names:
        ours("node_results").apply_results(node, results(*names, **changes), "Mattes")
    return node


def titles(node: Any) -> list[str]:
    """The titles of a node's instances."""
    return [row.title for row in ours("node_results").rows(node)]


def layers(node: Any) -> list[str]:
    """The layers that its Copies add to the stream, in order."""
    found = []
    for inner in sorted(node.nodes(), key=lambda one: (len(one.name()), one.name())):
        if inner.name().startswith("SM_Copy_"):
            found += [inner[f"to{index}"].value() for index in range(4)]
    return [name.partition(".")[0] for name in found if name != "none"]


def inside(node: Any) -> dict[str, tuple[str, list[str]]]:
    """Class and inputs' names of every inner node."""
    return {
        one.name(): (
            one.Class(),
            [source.name() if source else "" for source in map(one.input, range(one.inputs()))],
        )
        for one in node.nodes()
    }
