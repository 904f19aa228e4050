"""What the add-on adds to the engine's work for one HD frame: capture before it, reload after it.

The plate is a camera's: half floats with noise, in a 32-bit file as the compositor hands it on. The results are
three soft ellipses and a Cryptomatte. Blender reads a layer when it first renders it: that is the last row, the
artist's render with the new results less the same render of the plate alone.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

import frame

SIZE = (1920, 1080)
SLOTS = ("sm_person_01", "sm_person_02", "sm_dog_01")
FRAMES = 5


def overhead() -> frame.Rows:
    """Capture of several frames, of which the medians count; description; results shown for the first time."""
    import bpy

    frame.enable()
    sys.path.insert(0, str(Path(__file__).parent.parent.parent / "blender" / "inside"))
    import compat
    from bl_ext.user_default.semantic_matte import capture, node_groups, upstream

    from semantic_matte_client.nodes import fingerprints

    bpy.ops.wm.read_homefile(use_empty=True)
    scene = bpy.context.scene
    compat.prepare_scene(scene, *SIZE)
    tree, picture = compat.empty_compositor(scene)
    watch = frame.Stopwatch()
    with tempfile.TemporaryDirectory(prefix="sm-") as scratch:
        folder = Path(scratch)
        plate = compat.image_node(tree, str(write_plate(folder / "plate.exr")))
        node = node_groups.add_node(tree)
        tree.links.new(plate.outputs["Image"], node.inputs["Image"])
        tree.links.new(node.outputs["Image"], picture)
        rendered(scene, folder)
        alone = rendered(scene, folder)
        with watch.timed("description of what flows in"):
            fingerprints.digest(upstream.describe(scene, tree, node, (1,)))
        one = capture.Capture(scene, tree, node, range(1, FRAMES + 1), folder / "capture")
        steps = [stepped(one) for _ in range(FRAMES)]
        drawn = statistics.median(unwritten(scene, tree, node) for _ in range(FRAMES))
        for part in steps[0]:
            seconds = statistics.median(step[part] for step in steps)
            if part != "render and write":
                add(watch, f"capture: {part}", seconds)
                continue
            add(watch, "capture: render", drawn)
            add(watch, "capture: EXR", seconds - drawn)
        start = time.perf_counter()
        one.close()
        add(watch, "plate's removal", (time.perf_counter() - start) / FRAMES)
        results = made_results(folder / "results")
        with watch.timed("results shown in the node"):
            node_groups.apply_results(node.node_tree, results)
        add(watch, "layers read at the first render", max(0.0, rendered(scene, folder) - alone))
    add(watch, "all", sum(float(str(row["ms"])) for row in watch.rows) / 1000)
    return watch.rows


def stepped(one: object) -> dict[str, float]:
    """Seconds of one step by part."""
    before = dict(one.seconds)
    one.step()
    return {part: seconds - before.get(part, 0.0) for part, seconds in one.seconds.items()}


def unwritten(scene: object, tree: object, node: object) -> float:
    """Seconds of a capture's render that writes nothing."""
    import bpy
    from bl_ext.user_default.semantic_matte import capture_scene, upstream_nodes

    source = upstream_nodes.source_of(node.inputs["Image"])
    with capture_scene.copy_of(scene, tree, [source]) as copy:
        capture_scene.set_up(copy, 1)
        copy.show(source.node.name, source.identifier)
        start = time.perf_counter()
        bpy.ops.render.render(scene=copy.scene.name)
        return time.perf_counter() - start


def add(watch: frame.Stopwatch, what: str, seconds: float) -> None:
    """One more row."""
    watch.rows.append({"what": what, "ms": seconds * 1000})


def rendered(scene: object, folder: Path) -> float:
    """Seconds of the artist's own render."""
    import compat

    start = time.perf_counter()
    compat.render(scene, str(folder / "rendered.exr"))
    return time.perf_counter() - start


def write_plate(path: Path) -> Path:
    """A picture with soft shapes and a camera's noise, of half floats, above 1 in places."""
    import numpy as np
    import OpenEXR

    down, across = np.mgrid[0 : SIZE[1], 0 : SIZE[0]].astype(np.float32)
    random = np.random.default_rng(0)
    waves = [np.sin(across / (90 + 20 * one) + one) * np.cos(down / (70 + 10 * one)) for one in range(3)]
    colours = np.stack([0.5 + 0.6 * wave for wave in waves] + [np.ones_like(across)], axis=-1)
    colours[..., :3] += random.normal(0, 0.01, (*colours.shape[:2], 3))
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    OpenEXR.File(header, {"RGBA": colours.astype(np.float16)}).write(str(path))
    return path


def made_results(folder: Path) -> object:
    """Results of three ellipses, as the engine writes them."""
    import matte_files as made
    import numpy as np

    down, across = np.mgrid[0 : SIZE[1], 0 : SIZE[0]].astype(np.float32)
    layers = {}
    for place, slot in enumerate(SLOTS):
        distance = np.hypot((across - 500 - 450 * place) / 200, (down - 540) / 350)
        layers[slot] = (np.clip((1 - distance) * 20, 0, 1)).astype(np.float16)
    made.write_frame(folder, 1, layers)
    return made.results(folder, list(SLOTS), size=SIZE)


frame.measure(overhead)
