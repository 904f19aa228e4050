"""Pictures of the instances in the panel's list: made after a compute, read when they are first looked at."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy
import bpy.utils.previews

from .thumbnail_pixels import png, thumbnail

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np

    from semantic_matte_client.nodes.result_records import Results

FOLDER = "thumbnails"
# How many are kept: each has some 64 kB, and an artist computes all day.
_MOST = 512

# What previews hold, by file; None while the add-on is disabled.
_previews: Any = None
# By file: the icon's number, 0 where there is no file. A file that is in neither was not looked for yet.
_icons: dict[str, int] = {}
_wanted: set[str] = set()


def make(results: Results, plate_path: str | Path, boxes: Mapping[str, Sequence[int]]) -> None:
    """Write a picture for each slot that `boxes` names and show it from now on.

    plate_path: the captured plate, before it is removed. boxes: by slot, x0, y0, x1, y1 in the plate's pixels,
    half-open, y down. May be called for several plates of a shot. Never raises: a picture that can't be made is
    told on stderr, and the list shows none.
    """
    try:
        _make(Path(results.folder), Path(plate_path), boxes)
    except Exception as error:
        print(f"Semantic Matte: no thumbnails were made ({error}).", file=sys.stderr)


def icon_id(results_folder: str, slot: str) -> int:
    """The picture's number for `layout.label(icon_value=...)`, 0 where there is none or it was not read yet.

    results_folder: absolute. Reads nothing: what is not known is read soon after, outside of any drawing, and
    the editors are drawn again.
    """
    path = _path(results_folder, slot)
    if path in _icons:
        return _icons[path]
    if _previews is not None:
        _wanted.add(path)
        if not bpy.app.background and not bpy.app.timers.is_registered(_read_wanted):
            bpy.app.timers.register(_read_wanted, first_interval=0.05)
    return 0


def forget(results_folder: str | Path) -> None:
    """Have the pictures of a folder (absolute) read anew when they are next looked at; gone ones go then."""
    start = _path(os.path.normpath(results_folder), "").removesuffix(".png")
    for path in [path for path in _icons if path.startswith(start)]:
        _drop(path)


def _make(results_folder: Path, plate_path: Path, boxes: Mapping[str, Sequence[int]]) -> None:
    """Write the pictures. Raises OSError, RuntimeError or ValueError."""
    if not boxes:
        return
    pixels = _pixels(plate_path)
    (results_folder / FOLDER).mkdir(parents=True, exist_ok=True)
    for slot, box in boxes.items():
        path = _path(os.path.normpath(results_folder), slot)
        Path(path).write_bytes(png(thumbnail(pixels, box)))
        _drop(path)


def _path(results_folder: str, slot: str) -> str:
    """Where a slot's picture lies. Drawing asks for it often: no more is done than putting texts together."""
    return os.path.join(results_folder, FOLDER, f"{slot}.png")  # noqa: PTH118


def _pixels(path: Path) -> np.ndarray:
    """(H, W, C) float32 of a picture file, the top row first; nothing stays in the blend file."""
    import numpy as np

    image = bpy.data.images.load(str(path), check_existing=False)
    try:
        width, height = image.size
        if not width or not height:
            raise ValueError(f"'{path}' holds no picture")
        flat = np.empty(width * height * image.channels, np.float32)
        image.pixels.foreach_get(flat)
        return flat.reshape(height, width, image.channels)[::-1]
    finally:
        bpy.data.images.remove(image)


def _read_wanted() -> None:
    """Read the pictures that were asked for while drawing; a timer's function that runs once."""
    wanted = sorted(_wanted)
    _wanted.clear()
    if len(_icons) + len(wanted) > _MOST:
        # Those that are still looked at are asked for again.
        for path in list(_icons):
            _drop(path)
    for path in wanted:
        _icons[path] = _read(path)
    if any(_icons[path] for path in wanted):
        redraw_compositors()


def _read(path: str) -> int:
    """The number of a file's icon, 0 where there is no such file."""
    if _previews is None or not Path(path).is_file():
        return 0
    if path in _previews:
        return int(_previews[path].icon_id)
    return int(_previews.load(path, path, "IMAGE").icon_id)


def _drop(path: str) -> None:
    """Forget one picture."""
    _icons.pop(path, None)
    if _previews is not None and path in _previews:
        del _previews[path]


def redraw_compositors() -> None:
    """Have every node editor drawn again."""
    for window in bpy.context.window_manager.windows if bpy.context.window_manager else ():
        for area in window.screen.areas:
            if area.type == "NODE_EDITOR":
                area.tag_redraw()


def register() -> None:
    """Make room for the pictures."""
    global _previews
    _previews = bpy.utils.previews.new()


def unregister() -> None:
    """Give all pictures back."""
    global _previews
    if bpy.app.timers.is_registered(_read_wanted):
        bpy.app.timers.unregister(_read_wanted)
    if _previews is not None:
        bpy.utils.previews.remove(_previews)
    _previews = None
    _icons.clear()
    _wanted.clear()
