"""The images of a node's results: sequences or stills, read without any change of their values."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

if TYPE_CHECKING:
    from semantic_matte_client.nodes.result_records import Results


def new_image(path: str | Path, hold: bool) -> bpy.types.Image:
    """A new image of a result's file, or of the sequence that it is one frame of if it is not held.

    Raises RuntimeError with a sentence where the file can't be read. Always a new one: what another node or an
    undo step holds keeps its own, and nothing of an older file is left in memory.
    """
    try:
        image = bpy.data.images.load(str(path), check_existing=False)
    except RuntimeError:
        raise RuntimeError(f"'{path}' can't be read: compute again, or bring the file back.") from None
    image.filepath = stored_path(path)
    image.source = "FILE" if hold else "SEQUENCE"
    # Alphas and ids of objects are numbers, not colours.
    image.colorspace_settings.is_data = True
    return image


def stored_path(path: str | Path) -> str:
    """The path as the file keeps it: relative where it lies in the folder of the saved Blender file."""
    if bpy.data.filepath and Path(path).is_relative_to(Path(bpy.data.filepath).parent):
        return bpy.path.relpath(str(path))
    return str(path)


def image_folder(image: bpy.types.Image) -> str:
    """The folder that an image's files lie in, absolute; of an image from another file, beside that file."""
    path = bpy.path.abspath(image.filepath, library=image.library)
    # A file that was saved elsewhere has its images at //../there.
    return os.path.normpath(Path(path).parent)


def is_there(image: bpy.types.Image | None) -> bool:
    """Whether the image's file is on disk; of a sequence, the one it is named by."""
    return image is not None and Path(bpy.path.abspath(image.filepath, library=image.library)).is_file()


def set_frames(node: bpy.types.Node, results: Results) -> None:
    """Have an Image node show at each of the scene's frames the file of that frame."""
    if results.hold:
        return
    first, last = min(results.frames), max(results.frames)
    node.frame_duration = last - first + 1
    node.frame_start = first
    # At `frame_start` it reads the file with the number `frame_offset + 1`.
    node.frame_offset = first + results.offset - 1
    node.use_cyclic = False
    node.use_auto_refresh = True


def copy_frames(source: bpy.types.Node, target: bpy.types.Node) -> None:
    """Have another node that reads the same image show the same file at each frame."""
    if source.image is not None and source.image.source == "SEQUENCE":
        for name in ("frame_duration", "frame_start", "frame_offset", "use_cyclic", "use_auto_refresh"):
            setattr(target, name, getattr(source, name))


def drop(image: bpy.types.Image | None) -> None:
    """Remove an image that nothing uses any more."""
    if image is not None and image.users == 0 and image.library is None:
        bpy.data.images.remove(image)
