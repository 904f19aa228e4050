"""What tests of capture share."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import bpy
import compat
import numpy as np
import OpenEXR
from bl_ext.user_default.semantic_matte import capture

_numbers = itertools.count()


def captured(scene: Any, node: Any, folder: Path, frames: tuple[int, ...] = (1,), offset: int = 0) -> Any:
    """A capture of these frames, all done."""
    one = capture.Capture(scene, node.id_data, node, frames, folder, offset)
    while not one.step():
        pass
    return one


def channels_of(path: Path) -> np.ndarray:
    """(H, W, 4) of an EXR's red, green, blue and alpha, read without Blender."""
    with OpenEXR.File(str(path), separate_channels=True) as file:
        found = file.channels()
        return np.stack([found[name].pixels.copy() for name in "RGBA"], axis=-1)


def shown(tree: Any) -> Any:
    """The input of a tree that its scene shows."""
    output = next(one for one in tree.nodes if one.bl_idname in ("CompositorNodeComposite", "NodeGroupOutput"))
    return output.inputs[0]


def flowing(scene: Any, folder: Path) -> np.ndarray:
    """(H, W, 4) of what the artist's own render of a scene writes at its frame."""
    path = folder / f"artist.{next(_numbers)}.exr"
    compat.render(scene, str(path))
    return channels_of(path)


def everything() -> dict[str, list[tuple[Any, ...]]]:
    """Each data block of the file: its name, its users, whether it is kept without users."""
    return {
        name: sorted((one.name, one.users, one.use_fake_user) for one in getattr(bpy.data, name))
        for name in (one.identifier for one in bpy.data.bl_rna.properties)
        if name != "all_ids" and isinstance(getattr(bpy.data, name), bpy.types.bpy_prop_collection)
    }
