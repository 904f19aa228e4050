"""What tests of computations share: a saved file with a photo before the node, a way to stop in between."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy
import compat
from bl_ext.user_default.semantic_matte import node_groups
from bl_ext.user_default.semantic_matte.computation import Computation

# One object, as quickly as can be.
FAST = {"passes": 1, "samples": 1, "device": "cpu", "find": "person:largest", "shortest_track": 1}
NAME = "shot one"
PHOTO = Path(__file__).parent.parent.parent / "data" / "photos" / "astronaut.png"
SECONDS = 60.0


def show_photo(scene: Any, tree: Any, node: Any, photo: Path, folder: Path) -> Any:
    """Have the photo flow into the node, with fast settings, in a file saved in a folder. Returns the node."""
    plate = tree.nodes["Plate"]
    plate.image = bpy.data.images.load(str(photo))
    scene.render.resolution_x, scene.render.resolution_y = plate.image.size
    for name, value in FAST.items():
        setattr(node_groups.settings_of(node), name, value)
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / f"{NAME}.blend"))
    return node


def pan(scene: Any, tree: Any, node: Any, frames: range, pixels: int = 3) -> None:
    """Move what flows into the node, by so many pixels a frame."""
    move = tree.nodes.new("CompositorNodeTranslate")
    tree.links.new(tree.nodes["Plate"].outputs["Image"], move.inputs["Image"])
    tree.links.new(move.outputs["Image"], node.inputs["Image"])
    for frame in frames:
        move.inputs["X"].default_value = pixels * (frame - frames[0])
        move.inputs["X"].keyframe_insert("default_value", frame=frame)
    scene.frame_start, scene.frame_end = frames[0], frames[-1]


def computation(node: Any, scene: Any = None, extent: str = "", frame_range: str = "") -> Computation:
    """A computation of a node that nobody steps yet."""
    scene = scene or bpy.context.scene
    tree = compositor(scene)
    return Computation(bpy.context, scene, tree, node, extent, frame_range)


def compositor(scene: Any) -> Any:
    """The scene's tree."""
    return scene.compositing_node_group if compat.HAS_COMPOSITING_GROUPS else scene.node_tree


def picture(tree: Any) -> Any:
    """The socket that the scene shows."""
    kinds = ("CompositorNodeComposite", "NodeGroupOutput")
    return next(one for one in tree.nodes if one.bl_idname in kinds).inputs["Image"]


def step_until(work: Computation, reached: Callable[[Computation], bool]) -> None:
    """Step until a condition holds; fails where the computation ends or takes too long before."""
    until = time.monotonic() + SECONDS
    while not reached(work):
        assert not work.step(), f"{work.state}: {work.error}"
        assert time.monotonic() < until, f"{work.state}: {work.sentence}"
        time.sleep(0.002)


def step_to_end(work: Computation) -> Computation:
    """Step until it has ended."""
    until = time.monotonic() + SECONDS
    while not work.step():
        assert time.monotonic() < until, f"{work.state}: {work.sentence}"
        time.sleep(0.002)
    return work


def cache() -> Path:
    """The cache folder beside the saved file."""
    return Path(bpy.data.filepath).with_name(f"{NAME}.semantic_matte")


def left_behind(folder: Path) -> list[Path]:
    """Captured files, and folders for them, anywhere below a folder."""
    return sorted([*folder.rglob("capture_*"), *folder.rglob("plate.[0-9]*.exr")])


def shown(node: Any) -> dict[str, Any]:
    """What a node shows, to be compared with later."""
    settings = node_groups.settings_of(node)
    images = [one.image.filepath if one else "" for one in node_groups.image_nodes(node.node_tree)]
    rows = [(row.key, row.slot, row.title, row.present) for row in settings.instances]
    return {"images": images, "rows": rows, "outputs": [(one.name, one.identifier) for one in node.outputs]}


def file_saves(folder: Path) -> None:
    """The file can be saved, and nothing of a capture is in it."""
    assert bpy.ops.wm.save_as_mainfile(filepath=str(folder / "after.blend"), copy=True) == {"FINISHED"}
    assert [one.name for one in bpy.data.scenes if "capture" in one.name] == []


def cache_below(folder: Path) -> list[Path]:
    """The folders of jobs' results in a folder."""
    return sorted({one.parent for one in folder.rglob("*.mattes.*.exr") if one.parent.name != "old"})
