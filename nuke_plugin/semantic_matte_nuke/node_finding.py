"""Nodes of ours in the script, what they are told apart by, and the nodes inside them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import nuke

MARKER = "semantic_matte"
IDENTITY = "semantic_matte_identity"


class NodeError(Exception):
    """There is no such node; the text is a sentence that says which there are."""


def is_ours(node: Any) -> bool:
    """Whether it is a Semantic Matte node, of whatever version."""
    return node is not None and node.Class() == "Group" and node.knob(MARKER) is not None


def all_nodes() -> list[nuke.Group]:
    """Every node of ours in the script, in groups too, in the script's order."""
    return list(_in_group(nuke.root()))


def identity(node: nuke.Node) -> str:
    """What a node keeps whatever it is called: 32 hexadecimal digits; "" where it was damaged."""
    knob = node.knob(IDENTITY)
    return "" if knob is None else str(knob.value())


def by_identity(wanted: str) -> nuke.Group | None:
    """The node of this identity, None if it is not there any more."""
    if not wanted:
        return None
    return next((node for node in all_nodes() if identity(node) == wanted), None)


def inner(group: nuke.Group, name: str) -> nuke.Node | None:
    """The node of this name right inside a group."""
    return group.node(name)


def resolve(node_or_name: Any) -> nuke.Group:
    """The node of ours that is meant: itself, or the one of this name or full name. Raises NodeError."""
    if not isinstance(node_or_name, str):
        if not hasattr(node_or_name, "Class"):
            raise NodeError(f"Expected a Semantic Matte node or its name, got {node_or_name!r}.{_there()}")
        if not is_ours(node_or_name):
            raise NodeError(f"'{node_or_name.name()}' is no Semantic Matte node.{_there()}")
        found: nuke.Group = node_or_name
        return found
    ours = all_nodes()
    name = node_or_name.strip()
    for node in ours:
        if node.fullName() == name:
            return node
    named = [node for node in ours if node.name() == name]
    if len(named) > 1:
        raise NodeError(
            f"{len(named)} Semantic Matte nodes are called '{name}': use one of their full names, "
            f"{', '.join(node.fullName() for node in named)}."
        )
    if named:
        return named[0]
    raise NodeError(f"There is no Semantic Matte node '{name}'.{_there()}")


def _there() -> str:
    """Which nodes there are, as the sentence that follows an error."""
    names = [node.fullName() for node in all_nodes()]
    if not names:
        return " The script has none: make one with Semantic Matte in the Nodes menu."
    return f" The script has {', '.join(names)}."


def _in_group(group: nuke.Group) -> Iterator[nuke.Group]:
    """Nodes of ours below a group; nothing of ours lies inside one of them."""
    for node in group.nodes():
        if is_ours(node):
            # A Group by its class.
            yield cast(nuke.Group, node)
        elif isinstance(node, nuke.Group):
            yield from _in_group(node)
