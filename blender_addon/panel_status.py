"""What a node has: frames, objects, whether they are of what is set now. Nothing here looks at a file."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

import bpy

from semantic_matte_client.nodes.fingerprints import difference
from semantic_matte_client.nodes.frame_spans import FrameSpanError, frames_of

from .control_rows import settings_from
from .wrapped_text import draw_wrapped, signs_across

# A job's own: whether frames are a shot follows from how many there are.
_OF_THE_JOB = "track"


def draw_status(
    layout: bpy.types.UILayout,
    context: bpy.types.Context,
    node: bpy.types.Node,
    settings: bpy.types.PropertyGroup,
) -> None:
    """What the node has, and whether the frame that is looked at is one of them."""
    signs = signs_across(context)
    if not settings.results_folder:
        draw_wrapped(layout, "No matte yet: Image passes the plate on.", signs, icon="INFO")
        return
    column = layout.column(align=True)
    count = sum(row.present for row in settings.instances)
    objects = f"{count} object{'s' * (count != 1)}"
    frame = context.scene.frame_current
    if settings.results_hold:
        column.label(text=f"{objects}, held", icon="CHECKMARK")
    elif frame in _frames(settings.results_frames):
        column.label(text=f"{objects}, frames {settings.results_frames}", icon="CHECKMARK")
    else:
        sentence = f"Frame {frame} has no matte; frames {settings.results_frames} have."
        draw_wrapped(column, sentence, signs, icon="ERROR", alert=True)
    changed = settings_difference(settings)
    if changed:
        draw_wrapped(column, f"Out of date: {changed}. Compute again.", signs, icon="ERROR", alert=True)
    if settings.results_words:
        draw_wrapped(column, settings.results_words, signs)
    if node.mute:
        column.label(text="The node is muted", icon="INFO")


def settings_difference(settings: bpy.types.PropertyGroup) -> str:
    """What was set differently since the newest result, as a part of a sentence; "" where nothing was.

    Changes of the picture itself are seen by Check Frames and by renders, which may read files.
    """
    before = _settings_then(settings.results_fingerprint)
    if not before:
        return ""
    now = settings_from(settings)
    # Only what the description holds is what pixels follow from.
    now = {name: now[name] for name in before if name in now}
    if _OF_THE_JOB in now:
        now[_OF_THE_JOB] = before[_OF_THE_JOB]
    return difference({"settings": before}, {"settings": now})


@lru_cache(maxsize=64)
def _frames(text: str) -> frozenset[int]:
    """A text of frames as numbers; none where a broken file holds another text."""
    try:
        return frozenset(frames_of(text))
    except FrameSpanError:
        return frozenset()


@lru_cache(maxsize=64)
def _settings_then(fingerprint: str) -> dict[str, Any]:
    """The settings in a result's description; {} where it has none."""
    try:
        found = json.loads(fingerprint)["settings"]
    except (ValueError, KeyError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}
