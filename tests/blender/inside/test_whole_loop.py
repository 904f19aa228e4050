"""The whole loop: plates flow into nodes, the worker solves them, renders give back the engine's own files.

One file of three nodes in one tree is computed once and looked at by all tests: a photo with values far out
of range, the same photo turned, scaled, moved and cropped, and a pan of five frames. Pixels are read outside
Blender; unless a test says else, nothing may differ by a single bit. `without_addon.py` renders it in another
process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy
import compat
import numpy as np
import OpenEXR
import pytest
from bl_ext.user_default.semantic_matte import node_groups

HERE = Path(__file__).parent
PHOTO = HERE.parent.parent / "data" / "photos" / "astronaut.png"
WITHOUT_ADDON = HERE.parent / "without_addon.py"
WIDTH, HEIGHT = 200, 160
# The side of the photo's copy: larger than the frame, which shows its middle.
SIDE = 240
TOP, LEFT = (SIDE - HEIGHT) // 2, (SIDE - WIDTH) // 2
PAN = range(8, 13)
STEP = 7
SECONDS = 120


def write_photos(folder: Path) -> np.ndarray:
    """The photo in linear light, two pixels far out of range: large.exr, and plate.exr, its middle (32-bit).

    Returns the middle, (HEIGHT, WIDTH, 3) float32.
    """
    image = bpy.data.images.load(str(PHOTO))
    image.scale(SIDE, SIDE)
    encoded = np.empty(SIDE * SIDE * 4, np.float32)
    image.pixels.foreach_get(encoded)
    bpy.data.images.remove(image)
    encoded = encoded.reshape(SIDE, SIDE, 4)[::-1, :, :3].astype(np.float64)
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    # In the background and on the person.
    linear[60, 40], linear[150, 120] = 1000, -0.5
    large = np.ascontiguousarray(linear, np.float32)
    middle = np.ascontiguousarray(large[TOP : TOP + HEIGHT, LEFT : LEFT + WIDTH])
    for name, pixels in (("large", large), ("plate", middle)):
        # Writing puts the size into it.
        header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
        OpenEXR.File(header, {"RGB": pixels.copy()}).write(str(folder / f"{name}.exr"))
    return middle


def compositor(scene: bpy.types.Scene) -> bpy.types.NodeTree:
    """The scene's tree."""
    return scene.compositing_node_group if compat.HAS_COMPOSITING_GROUPS else scene.node_tree


def picture_of(tree: bpy.types.NodeTree) -> bpy.types.NodeSocket:
    """The socket that takes the scene's picture."""
    kinds = ("CompositorNodeComposite", "NodeGroupOutput")
    return next(node for node in tree.nodes if node.bl_idname in kinds).inputs["Image"]


def turned(tree: bpy.types.NodeTree, source: bpy.types.NodeSocket) -> bpy.types.NodeSocket:
    """The source turned by 8 degrees, scaled, moved by parts of a pixel, and cropped."""
    rotate = tree.nodes.new("CompositorNodeRotate")
    rotate.inputs[1].default_value = 0.14
    scale = tree.nodes.new("CompositorNodeScale")
    scale.inputs["X"].default_value = scale.inputs["Y"].default_value = 0.9
    translate = tree.nodes.new("CompositorNodeTranslate")
    translate.inputs["X"].default_value, translate.inputs["Y"].default_value = 11.25, -6.5
    crop = tree.nodes.new("CompositorNodeCrop")
    if "X" in crop.inputs:
        crop.inputs["X"].default_value, crop.inputs["Y"].default_value = 20, 10
        crop.inputs["Width"].default_value, crop.inputs["Height"].default_value = 170, 190
    else:
        crop.min_x, crop.max_x, crop.min_y, crop.max_y = 20, 190, 200, 10
    for node in (rotate, scale, translate, crop):
        tree.links.new(source, node.inputs[0])
        source = node.outputs[0]
    return source


def panned(tree: bpy.types.NodeTree, source: bpy.types.NodeSocket) -> bpy.types.NodeSocket:
    """The source moved by STEP pixels a frame over the frames of PAN."""
    translate = tree.nodes.new("CompositorNodeTranslate")
    for frame in PAN:
        translate.inputs["X"].default_value = STEP * (frame - PAN[2])
        translate.inputs["X"].keyframe_insert("default_value", frame=frame)
    tree.links.new(source, translate.inputs[0])
    return translate.outputs[0]


def add(tree: bpy.types.NodeTree, name: str, source: bpy.types.NodeSocket) -> bpy.types.Node:
    """A node of ours that looks for a person, quickly."""
    node = node_groups.add_node(tree)
    node.name = name
    tree.links.new(source, node.inputs["Image"])
    settings = node_groups.settings_of(node)
    settings.find, settings.passes, settings.samples, settings.device = "person", 1, 1, "cpu"
    return node


class Comp:
    """The computed file, and ways to look at it. photo: the pixels of plate.exr, (HEIGHT, WIDTH, 3) float32."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.blend = folder / "été" / "comp 1.blend"
        self.blend.parent.mkdir()
        self.photo = write_photos(self.blend.parent)
        self.renders = 0

    def make(self) -> None:
        """Build the file, compute every node, and save."""
        bpy.ops.wm.read_homefile(use_empty=True)
        scene = bpy.context.scene
        compat.prepare_scene(scene, WIDTH, HEIGHT)
        compat.prepare_output(scene, "RGBA")
        scene.frame_start, scene.frame_end = PAN[0], PAN[-1]
        scene.frame_set(PAN[0])
        bpy.ops.wm.save_as_mainfile(filepath=str(self.blend))
        tree, picture = compat.empty_compositor(scene)
        plate, large = (
            compat.image_node(tree, str(self.blend.parent / name)).outputs["Image"]
            for name in ("plate.exr", "large.exr")
        )
        node = add(tree, "Still", plate)
        add(tree, "Turned", turned(tree, large))
        pan = add(tree, "Pan", panned(tree, large))
        node_groups.settings_of(pan).shortest_track = 1
        tree.links.new(node.outputs["Image"], picture)
        for name in ("Still", "Turned"):
            assert bpy.ops.semantic_matte.compute(node=name, extent="FRAME") == {"FINISHED"}
        found = bpy.ops.semantic_matte.compute(node="Pan", extent="RANGE", frame_range=f"{PAN[0]}-{PAN[-1]}")
        assert found == {"FINISHED"}
        bpy.ops.wm.save_mainfile()

    def open(self) -> None:
        """Open the file as it was saved, where it was changed or another one is open."""
        if bpy.data.filepath != str(self.blend) or bpy.data.is_dirty:
            bpy.ops.wm.open_mainfile(filepath=str(self.blend))

    @property
    def tree(self) -> bpy.types.NodeTree:
        return compositor(bpy.context.scene)

    def node(self, name: str) -> bpy.types.Node:
        return self.tree.nodes[name]

    def source(self, name: str) -> bpy.types.NodeSocket:
        """What flows into the node."""
        return self.node(name).inputs["Image"].links[0].from_socket

    def titles(self, name: str) -> dict[str, str]:
        """The titles of the sockets by slot."""
        return {row.slot: row.title for row in node_groups.settings_of(self.node(name)).instances}

    def mattes(self, name: str, frame: int) -> dict[str, np.ndarray]:
        """What the engine wrote: slot -> (H, W) float32."""
        results = node_groups.shown_results(self.node(name).node_tree)
        channels = read(Path(results.mattes_file(frame)))
        return {slot[:-2]: pixels for slot, pixels in channels.items() if slot.endswith(".A")}

    def cryptomatte(self, name: str, frame: int) -> np.ndarray:
        """(H, W, 4): the first ranks that the engine wrote."""
        channels = read(Path(node_groups.shown_results(self.node(name).node_tree).cryptomatte_file(frame)))
        return np.stack([channels[f"SemanticMatte00.{channel}"] for channel in "RGBA"], axis=-1)

    def render(self, socket: bpy.types.NodeSocket, frame: int = PAN[0]) -> np.ndarray:
        """(H, W, 4) float32 of what flows out of a socket, as Blender writes it."""
        self.tree.links.new(socket, picture_of(self.tree))
        bpy.context.scene.frame_set(frame)
        self.renders += 1
        path = self.folder / f"rendered.{self.renders}.exr"
        compat.render(bpy.context.scene, str(path))
        return rgba(path)


def read(path: Path) -> dict[str, np.ndarray]:
    """Channel -> (H, W) float32 of an EXR, all its parts."""
    found: dict[str, np.ndarray] = {}
    with OpenEXR.File(str(path), separate_channels=True) as file:
        for part in file.parts:
            found |= {name: channel.pixels.astype(np.float32) for name, channel in part.channels.items()}
    return found


def rgba(path: Path) -> np.ndarray:
    """(H, W, 4) float32 of a picture."""
    channels = read(path)
    return np.stack([channels[name] for name in "RGBA"], axis=-1)


@pytest.fixture(scope="module")
def computed(worker: Any, tmp_path_factory: pytest.TempPathFactory) -> Comp:
    comp = Comp(tmp_path_factory.mktemp("loop"))
    comp.make()
    return comp


@pytest.fixture
def comp(computed: Comp) -> Iterator[Comp]:
    """The file as it was saved, open."""
    computed.open()
    yield computed
    # A test changes links and more: the next one opens the file again.
    bpy.ops.wm.open_mainfile(filepath=str(computed.blend))


def alphas(comp: Comp, name: str, frame: int) -> dict[str, np.ndarray]:
    """What the engine wrote for one frame, after a look that it is worth comparing."""
    mattes = comp.mattes(name, frame)
    assert set(mattes) == set(comp.titles(name)) != set()
    whole = np.sum(list(mattes.values()), axis=0)
    assert whole.shape == (HEIGHT, WIDTH)
    assert np.count_nonzero(whole == 1) > 3000
    assert np.count_nonzero((whole > 0.05) & (whole < 0.95)) > 100
    return mattes


@pytest.mark.parametrize(
    ("name", "frame"), [("Still", 8), ("Still", 11), ("Turned", 8), *(("Pan", at) for at in PAN)]
)
def test_sockets_give_the_engines_alpha(comp: Comp, name: str, frame: int) -> None:
    node, mattes = comp.node(name), alphas(comp, name, frame)
    for slot, title in comp.titles(name).items():
        found = comp.render(node.outputs[title], frame)
        for channel in range(3):
            np.testing.assert_array_equal(found[..., channel], mattes[slot])
    together = np.minimum(np.sum(list(mattes.values()), axis=0, dtype=np.float32), 1)
    np.testing.assert_array_equal(comp.render(node.outputs["All"], frame)[..., 0], together)
    np.testing.assert_array_equal(
        comp.render(node.outputs["Cryptomatte"], frame), comp.cryptomatte(name, frame)
    )
    picture = comp.render(node.outputs["Image"], frame)
    np.testing.assert_array_equal(picture[..., 3], together)
    np.testing.assert_array_equal(picture[..., :3], comp.render(comp.source(name), frame)[..., :3])


def test_light_out_of_range_comes_back_bit_for_bit(comp: Comp) -> None:
    assert comp.photo.max() == 1000
    assert comp.photo.min() == -0.5
    np.testing.assert_array_equal(comp.render(comp.node("Still").outputs["Image"])[..., :3], comp.photo)


def test_the_matte_moves_with_the_pan(comp: Comp) -> None:
    """Every frame has its own file: carried back by the pan's own steps, the mattes lie on each other."""
    middle = next(iter(comp.mattes("Pan", PAN[2]).values()))
    for frame in PAN:
        shift = STEP * (frame - PAN[2])
        moved = np.roll(next(iter(comp.mattes("Pan", frame).values())), -shift, axis=1)
        inside = slice(max(0, -shift), WIDTH - max(0, shift))
        assert np.abs(moved - middle)[:, inside].mean() < 0.02
        unmoved = np.roll(moved, shift, axis=1)
        assert shift == 0 or np.abs(unmoved - middle)[:, inside].mean() > 0.02


def test_frames_that_are_not_tracked_show_their_own_instances(comp: Comp) -> None:
    """In the second frame the plate has left the picture: its file has no layer of who is in the first."""
    move = comp.source("Pan").node.inputs["X"]
    move.default_value = 4 * SIDE
    move.keyframe_insert("default_value", frame=PAN[1])
    node_groups.settings_of(comp.node("Pan")).track = False
    span = {"node": "Pan", "extent": "RANGE", "frame_range": f"{PAN[0]}-{PAN[1]}"}
    if bpy.app.version < (4, 5, 0):
        # An Image node shows a layer that is not there as white.
        with pytest.raises(RuntimeError, match="tick Track objects"):
            bpy.ops.semantic_matte.compute(**span)
        return
    assert bpy.ops.semantic_matte.compute(**span) == {"FINISHED"}
    first, second = (comp.mattes("Pan", frame) for frame in PAN[:2])
    assert set(first) - set(second)
    for frame, mattes in zip(PAN[:2], (first, second), strict=True):
        for slot, title in comp.titles("Pan").items():
            shown = comp.render(comp.node("Pan").outputs[title], frame)[..., 0]
            np.testing.assert_array_equal(shown, mattes.get(slot, np.zeros((HEIGHT, WIDTH), np.float32)))


@pytest.mark.parametrize("name", ["Still", "Turned"])
def test_the_cut_out_keeps_the_plates_own_alpha(comp: Comp, name: str) -> None:
    """The turned plate is transparent where the frame is empty."""
    node = comp.node(name)
    plate, together = comp.render(comp.source(name)), comp.render(node.outputs["All"])[..., :1]
    assert (plate[..., 3].min() == 0) == (name == "Turned")
    assert bpy.ops.semantic_matte.show(node=name, show="CUTOUT") == {"FINISHED"}
    # A product is rounded.
    np.testing.assert_allclose(comp.render(node.outputs["Image"]), plate * together, rtol=2e-7)


def test_where_the_frame_is_empty_there_is_no_matte(comp: Comp) -> None:
    """The crop leaves the frame's left edge empty."""
    source = comp.render(comp.source("Turned"))
    empty = np.abs(source).sum(axis=-1) == 0
    assert np.count_nonzero(empty) > 500
    for matte in comp.mattes("Turned", PAN[0]).values():
        assert matte[empty].mean() < 0.01


def test_nodes_of_one_tree_have_results_of_their_own(comp: Comp) -> None:
    groups = [comp.node(name).node_tree for name in ("Still", "Turned", "Pan")]
    assert len({group.semantic_matte.identity for group in groups}) == 3
    folders = {Path(node_groups.shown_results(group).folder) for group in groups}
    assert len(folders) == 3
    still, moved = (next(iter(comp.mattes(name, PAN[0]).values())) for name in ("Still", "Turned"))
    assert np.abs(still - moved).mean() > 0.02


def test_results_lie_beside_the_file(comp: Comp) -> None:
    for name in ("Still", "Turned", "Pan"):
        folder = Path(node_groups.shown_results(comp.node(name).node_tree).folder)
        assert comp.blend.parent in folder.parents
    plates = [path for path in comp.blend.parent.rglob("*") if path.name.startswith(("plate.0", "plate.1"))]
    assert plates == []


def test_a_blender_without_the_add_on_renders_the_same(comp: Comp) -> None:
    steps: list[dict[str, Any]] = []
    expected: list[np.ndarray] = []

    def step(node: str, socket: str, frame: int, pixels: np.ndarray) -> None:
        out = str(comp.folder / f"without.{len(steps)}.exr")
        blend = "" if steps else str(comp.blend)
        steps.append({"blend": blend, "node": node, "socket": socket, "frame": frame, "out": out})
        expected.append(pixels)

    step("", "", PAN[0], comp.render(comp.node("Still").outputs["Image"]))
    for name, frames in (("Still", (9,)), ("Turned", (8,)), ("Pan", PAN)):
        for frame in frames:
            mattes = comp.mattes(name, frame)
            for slot, title in comp.titles(name).items():
                step(name, title, frame, np.repeat(mattes[slot][..., None], 3, axis=2))
            step(name, "Image", frame, comp.render(comp.node(name).outputs["Image"], frame))
    job = {"steps": steps, "answer": str(comp.folder / "answer.json")}
    (comp.folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
    (comp.folder / "bare").mkdir()
    done = subprocess.run(
        [sys.executable, "-I", "-B", str(WITHOUT_ADDON), str(comp.folder / "job.json")],
        env={**os.environ, "BLENDER_USER_RESOURCES": str(comp.folder / "bare")},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert json.loads((comp.folder / "answer.json").read_text(encoding="utf-8"))["traces"] == []
    for row, pixels in zip(steps, expected, strict=True):
        np.testing.assert_array_equal(rgba(Path(row["out"]))[..., : pixels.shape[-1]], pixels)
