"""What moves the values of a tree: keyframes, drivers and NLA strips, by the paths of what they move."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import bpy

from . import compat


def animated_paths(tree: bpy.types.ID) -> dict[str, Any]:
    """Data path -> a plain description of what moves it; {} for a tree without animation."""
    found: dict[str, Any] = {}
    for curve in _curves(tree):
        found.setdefault(curve.data_path, []).append(
            {"index": curve.array_index, "mute": curve.mute, "driver": _driver(curve), "keys": _keys(curve)}
        )
    return found


def is_animated(tree: bpy.types.ID, names: set[str]) -> bool:
    """Whether a node of these names in the tree, or the tree itself, has a value that moves."""
    prefixes = tuple(f'nodes["{bpy.utils.escape_identifier(name)}"]' for name in names)
    return any(path.startswith(prefixes) or not path.startswith("nodes[") for path in animated_paths(tree))


def _curves(tree: bpy.types.ID) -> Iterator[bpy.types.FCurve]:
    """Every curve of a tree: of its action, of its NLA strips' actions, of its drivers."""
    animation = tree.animation_data
    if animation is None:
        return
    yield from animation.drivers
    if animation.action is not None:
        yield from compat.curves_of(animation.action, getattr(animation, "action_slot", None))
    for track in animation.nla_tracks:
        for strip in track.strips:
            if strip.action is not None:
                yield from compat.curves_of(strip.action, getattr(strip, "action_slot", None))


def _keys(curve: bpy.types.FCurve) -> list[list[Any]]:
    """Each keyframe: its place and value, its handles, how it goes on; then what modifiers there are."""
    rows: list[list[Any]] = [
        [round(float(part), 5) for part in (*key.co, *key.handle_left, *key.handle_right)] + [key.interpolation]
        for key in curve.keyframe_points
    ]
    return [*rows, [curve.extrapolation, *(modifier.type for modifier in curve.modifiers)]]


def _driver(curve: bpy.types.FCurve) -> list[Any] | None:
    """What a driver computes from; the values that it reads are not known here."""
    driver = curve.driver
    if driver is None:
        return None
    targets = [
        [
            variable.name,
            variable.type,
            [[getattr(one.id, "name", None), one.data_path] for one in variable.targets],
        ]
        for variable in driver.variables
    ]
    return [driver.type, driver.expression, targets]
