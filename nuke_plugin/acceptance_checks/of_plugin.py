"""The plugin itself in this Nuke: the node, a result without the engine, and a whole run with it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import nuke

from . import plain_exr
from .checking import SkippedError, check, near, same
from .of_scripts import opened_again
from .pixels import COLOURS, alpha_of, plate, read_node, seen, values

# Kinds of knobs whose values a script keeps as text.
KEPT = (
    "String_Knob",
    "File_Knob",
    "Enumeration_Knob",
    "Boolean_Knob",
    "Int_Knob",
    "Double_Knob",
)


def plugin() -> Any:
    """The plugin's package. Raises SkippedError where it is not beside the kit."""
    try:
        import semantic_matte_nuke
    except ImportError as reason:
        raise SkippedError(f"the plugin can't be imported: {reason}") from reason
    return semantic_matte_nuke


@check(
    "The node is made, with two inputs, all its knobs, and no label.",
    "plugin",
)
def the_node_is_made(folder: Path) -> object:
    """From the console, as from the menu."""
    node = plugin().create(read_node(plate(folder)))
    names = ("generate_frame", "find", "show", "missing_frames", "semantic_matte_identity", "bake")
    lacking = [name for name in names if node.knob(name) is None]
    return same((node.Class(), node.maxInputs(), node["label"].value(), lacking), ("Group", 2, "", []))


@check("A node without results gives its source as it is.", "plugin")
def without_results_the_source_passes(folder: Path) -> object:
    """Nothing is changed before something was generated."""
    node = plugin().create(read_node(plate(folder)))
    return near(values(seen(node, folder), "R"), COLOURS)


@check("A node that is saved and read again has the same knobs, inside and identity.", "plugin")
def the_node_survives_its_script(folder: Path) -> object:
    """Every value and every inner node."""
    node = plugin().create(read_node(plate(folder)))
    node.setName("Kit")
    before = shape_of(node)
    opened_again(folder)
    again: Any = nuke.toNode("Kit")
    same(shape_of(again), before)
    return sorted(before)


def shape_of(node: Any) -> dict[str, object]:
    """What a node of ours is, as plain values."""
    user = {
        name: knob.toScript()
        for name, knob in node.knobs().items()
        if knob.Class() in KEPT and name not in ("xpos", "ypos", "selected", "name")
    }
    inner = sorted((one.name(), one.Class(), one.inputs()) for one in node.nodes())
    return {"knobs": user, "inside": inner}


def tiny_photo(folder: Path) -> Path:
    """A bright disc on a dark ground, 64 pixels wide: enough for the engine to work on with a hint."""
    size, middle = 64, 31.5
    discs = [
        [1.0 if (x - middle) ** 2 + (y - middle) ** 2 < 400 else 0.02 for x in range(size)] for y in range(size)
    ]
    channels = {"R": discs, "G": [[0.5 * value for value in row] for row in discs], "B": discs}
    plain_exr.write(folder / "photo.1001.exr", plain_exr.picture(channels))
    plain_exr.write(folder / "hint.1001.exr", plain_exr.picture({**channels, "A": discs}))
    return folder / "photo.1001.exr"


@check("A whole run: plate, hint, engine, layers; the pixels are those of the engine's file.", "engine")
def a_whole_run_gives_the_engines_pixels(folder: Path) -> object:
    """Takes a minute where the engine was never started."""
    sm = plugin()
    runtime = folder / "run"
    runtime.mkdir(mode=0o700)
    before = os.environ.get("SEMANTIC_MATTE_RUNTIME")
    os.environ["SEMANTIC_MATTE_RUNTIME"] = str(runtime)
    try:
        return whole_run(sm, folder)
    finally:
        import semantic_matte_client

        semantic_matte_client.stop()
        if before is None:
            del os.environ["SEMANTIC_MATTE_RUNTIME"]
        else:
            os.environ["SEMANTIC_MATTE_RUNTIME"] = before


def whole_run(sm: Any, folder: Path) -> object:
    """Generate one frame of a node and compare it with what the engine wrote."""
    photo = read_node(tiny_photo(folder))
    node = sm.create(photo, read_node(folder / "hint.1001.exr"))
    node["cache_folder"].setValue(str(folder / "cache").replace("\\", "/"))
    node["passes"].setValue(1)
    nuke.frame(1001)
    try:
        sm.generate(node, "1001", wait=True)
    except Exception as reason:
        if type(reason).__name__ == "EngineNotFoundError" or "No Python with the engine" in str(reason):
            raise SkippedError(f"there is no engine here: {reason}") from reason
        raise
    (file,) = (folder / "cache").rglob("*.mattes.*exr")
    written = plain_exr.read(file)
    (channel,) = written.channels
    picture = seen(node, folder)
    (instance,) = sm.instances(node)
    near(values(picture, "R"), values(seen(photo, folder), "R"), 0.0)
    near(values(picture, "A"), values(written, channel), 0.0)
    near(alpha_of(picture, instance.layer), values(written, channel), 0.0)
    return {"layer": instance.layer, "file": file.name, "pixels": len(values(written, channel))}
