"""Which knobs pixels follow from, and what expressions name: on plain texts, for the description of a graph."""

from __future__ import annotations

import re
from typing import Iterable, List, Mapping

# Looks, places and comments; and what Nuke keeps for itself.
COSMETIC = frozenset(
    (
        *("name", "xpos", "ypos", "selected", "label", "help", "tile_color", "gl_color", "icon", "hide_input"),
        *("note_font", "note_font_size", "note_font_color", "postage_stamp", "postage_stamp_frame"),
        *("bookmark", "dope_sheet", "cached", "autolabel", "updateUI", "onCreate", "onDestroy", "knobChanged"),
        *("panel", "indicators", "window", "panelDropped", "dropped", "rootNodeUpdated", "process_mask"),
        *("cacheLocal", "localizationPolicy", "cached_frames", "display", "render_mode", "selectable", "gizmo"),
        *("lock_connections", "lockConnections", "lockConnectionsButton", "sgLock", "export_as_gizmo", "gl"),
        *("disable_group_view", "show_group_view", "mapsize", "useGPUIfAvailable", "useGPU", "version"),
    )
)
# What a Read keeps of the range and place of its file. Which files it shows is described frame by frame, so
# that a sequence that grew at its end, or moved to another folder as it was, is no other picture.
OF_READS = frozenset(
    (
        *("file", "proxy", "first", "last", "before", "after", "origfirst", "origlast", "origset", "file_type"),
        *("frame_mode", "frame", "reload", "create_directories", "on_error", "proxy_format", "proxy_size"),
    )
)
# Knobs without a value: tabs, buttons, titles, the panel's own widgets.
_VALUELESS = frozenset(
    (
        *("Tab_Knob", "BeginTabGroup_Knob", "EndTabGroup_Knob", "PyScript_Knob", "Script_Knob", "Text_Knob"),
        *("PyCustom_Knob", "PythonCustomKnob", "Obsolete_Knob", "Help_Knob", "ColorChip_Knob", "GPU_Knob"),
    )
)
# Words of an expression that change from frame to frame by themselves.
_MOVING_WORD = re.compile(r"(?<![\w.])(?:frame|t|x)(?![\w.])|\[")


def counts(name: str, kind: str) -> bool:
    """Whether a knob of this name and class can change a picture."""
    return name not in COSMETIC and kind not in _VALUELESS and not name.startswith(("gl_", "dope_sheet"))


def named_knobs(texts: Iterable[str], node: str) -> List[str]:
    """The knobs of a node that expressions name (`Grade1.multiply`), sorted; none where that can't be told."""
    form = re.compile(rf"(?<!\w){re.escape(node)}\.([A-Za-z_]\w*)")
    return sorted({match for text in texts for match in form.findall(text)})


def without_names(text: str, places: Mapping[str, str]) -> str:
    """An expression in which nodes are named by their places, as renaming a node changes no picture.

    places: the nodes that it depends on -> what stands for them.
    """
    if not places:
        return text
    names = "|".join(re.escape(name) for name in sorted(places, key=len, reverse=True))
    return re.sub(rf"(?<!\w)({names})(?=\.)", lambda match: places[match[1]], text)


def may_move(text: str) -> bool:
    """Whether an expression may have another value at another frame, as far as it says so itself."""
    return _MOVING_WORD.search(text) is not None
