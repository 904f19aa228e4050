"""Sentences in a panel, which Blender would cut at its edge."""

from __future__ import annotations

import functools
import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import bpy


@functools.lru_cache(maxsize=256)
def lines_of(text: str, signs: int) -> tuple[str, ...]:
    """The text in lines of at most so many signs; its own line ends stay."""
    lines: list[str] = []
    for part in text.splitlines():
        lines += textwrap.wrap(part, max(12, signs), break_on_hyphens=False) or [""]
    return tuple(lines)


def signs_across(context: bpy.types.Context) -> int:
    """About how many letters fit into a line of the region that is drawn, whatever the interface's scale."""
    region = context.region
    if region is None:
        return 40
    # A letter of Blender's font is 6 to 7 pixels wide at scale 1, and a panel leaves some 50 at its sides.
    scale = context.preferences.system.ui_scale or 1.0
    return max(20, int((region.width / scale - 50) / 6.4))


def draw_wrapped(
    layout: bpy.types.UILayout, text: str, signs: int, *, icon: str = "NONE", alert: bool = False
) -> None:
    """Draw a text in lines. icon: before the first. alert: in red."""
    column = layout.column(align=True)
    column.scale_y = 0.8
    column.alert = alert
    # An icon is as wide as some three letters.
    for number, line in enumerate(lines_of(text, signs - 3 * (icon != "NONE"))):
        column.label(text=line, icon=icon if number == 0 else ("BLANK1" if icon != "NONE" else "NONE"))
