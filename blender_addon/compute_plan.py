"""What a computation is going to do: which frames, by which settings, from what; settled before it begins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import bpy

from semantic_matte_client.nodes.control_rows import settings_of_pixels
from semantic_matte_client.nodes.frame_spans import FrameSpanError, frames_of, offset_for

from . import compat, control_rows, node_groups, running, upstream

EXTENTS = ("FRAME", "SCENE", "RANGE")
# A shot of more frames is a slip of the finger, and a job takes no more plates.
MOST_FRAMES = 10_000

_UNTRACKED = (
    "Frames that are not tracked lack each other's layers, which this Blender shows as white: tick Track "
    "objects, or use Blender 4.5 or later."
)


class PlanError(Exception):
    """It can't be computed as asked; the message is a sentence for the artist."""


@dataclass(frozen=True)
class Plan:
    """frames: of the scene, ascending. offset: a file's number less its scene frame. hold: the one frame stands
    for all. settings: for the client. description: of all that the result follows from, in plain values."""

    frames: tuple[int, ...]
    offset: int
    hold: bool
    settings: dict[str, Any]
    description: dict[str, Any]

    @property
    def is_still(self) -> bool:
        """Whether it is one plate alone, and no shot."""
        return len(self.frames) == 1


def made_plan(
    scene: bpy.types.Scene,
    tree: bpy.types.NodeTree,
    node: bpy.types.Node,
    extent: str = "",
    frame_range: str = "",
) -> Plan:
    """The plan of a node's computation. extent, frame_range: in place of the node's own, "" for these.

    Raises PlanError.
    """
    if bpy.app.is_job_running("RENDER") or running.rendering:
        raise PlanError("A render is running: compute when it has ended, as both need Blender's renderer.")
    settings = node_groups.settings_of(node)
    frames, hold = _frames(scene, tree, node, extent or settings.extent, frame_range or settings.frame_range)
    refusal = upstream.refusal(scene, tree, node, frames)
    if refusal:
        raise PlanError(refusal)
    values = control_rows.settings_from(settings)
    if len(frames) == 1:
        values["track"] = False
    elif compat.NEEDS_EVERY_LAYER and not values["track"]:
        raise PlanError(_UNTRACKED)
    return Plan(frames, offset_for(frames), hold, values, described(scene, tree, node, values, frames))


def described(
    scene: bpy.types.Scene,
    tree: bpy.types.NodeTree,
    node: bpy.types.Node,
    settings: dict[str, Any],
    frames: tuple[int, ...],
    known: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """What a result follows from, in plain values; compared by `fingerprints.difference`.

    settings: those of `control_rows.settings_from`. known: an earlier description, which saves reading files.
    """
    return {
        **upstream.describe(scene, tree, node, frames, known=known),
        "settings": settings_of_pixels(settings),
    }


def plate_bytes(scene: bpy.types.Scene) -> int:
    """The most bytes that a captured plate may take: four channels of 32 bits a pixel, and its header."""
    render = scene.render
    pixels = render.resolution_x * render.resolution_y * (render.resolution_percentage / 100) ** 2
    return int(pixels * 16 * 1.02) + 65536


def _frames(
    scene: bpy.types.Scene, tree: bpy.types.NodeTree, node: bpy.types.Node, extent: str, frame_range: str
) -> tuple[tuple[int, ...], bool]:
    """The scene's frames, and whether one alone is held for all. Raises PlanError."""
    if extent == "FRAME":
        frames: tuple[int, ...] = (scene.frame_current,)
    elif extent == "SCENE":
        frames = tuple(range(scene.frame_start, scene.frame_end + 1, scene.frame_step))
    elif extent == "RANGE":
        try:
            frames = frames_of(frame_range)
        except FrameSpanError as reason:
            raise PlanError(str(reason)) from None
    else:
        raise PlanError(f"Unknown extent '{extent}': expected one of {', '.join(EXTENTS)}.")
    if len(frames) > MOST_FRAMES:
        raise PlanError(f"{len(frames):,} frames are more than one shot takes ({MOST_FRAMES:,}): give fewer.")
    hold = node_groups.settings_of(node).hold
    if hold == "ON" or (hold == "AUTO" and upstream.is_still(scene, tree, node)):
        return (scene.frame_current if scene.frame_current in frames else frames[0],), True
    return frames, False
