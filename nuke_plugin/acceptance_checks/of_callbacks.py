"""Callbacks of a render: what they see, and what they stop."""

from __future__ import annotations

from pathlib import Path

import nuke

from .checking import check, raised, same
from .pixels import plate, read_node, write_node


@check("An exception in beforeRender ends nuke.execute with RuntimeError, and no file is written.")
def before_render_can_stop_a_render(folder: Path) -> object:
    """A frame that lacks its matte fails on a farm, with the sentence."""

    def refuse() -> None:
        """What the plugin's check does."""
        raise RuntimeError("frame 1001 has no matte")

    write = write_node(read_node(plate(folder)), folder / "out.exr")
    nuke.addBeforeRender(refuse)
    try:
        said = raised(RuntimeError, lambda: nuke.execute(write, 1001, 1001, 1))
    finally:
        nuke.removeBeforeRender(refuse)
    return said, same((folder / "out.exr").exists(), False)


@check("In beforeRender thisNode() is the Write.", facts=("this_node_in_before_render",))
def before_render_knows_its_write(folder: Path) -> object:
    """What flows into it is checked, and nothing else."""
    heard: list[str] = []

    def hear() -> None:
        """Keep the node's class."""
        heard.append(nuke.thisNode().Class())

    write = write_node(read_node(plate(folder)), folder / "out.exr")
    nuke.addBeforeRender(hear)
    try:
        nuke.execute(write, 1001, 1001, 1)
    finally:
        nuke.removeBeforeRender(hear)
    return same(heard, ["Write"])


@check("In beforeFrameRender nuke.frame() is the frame that is about to be rendered.")
def before_frame_render_knows_its_frame(folder: Path) -> object:
    """So its sentence can have the number."""
    heard: list[int] = []

    def hear() -> None:
        """Keep the frame."""
        heard.append(int(nuke.frame()))

    plate(folder, 1002)
    plate(folder)
    read = read_node(folder / "plate.%04d.exr", 1001, 1002)
    write = write_node(read, folder / "out.%04d.exr")
    nuke.addBeforeFrameRender(hear)
    try:
        nuke.execute(write, 1001, 1002, 1)
    finally:
        nuke.removeBeforeFrameRender(hear)
    return same(heard, [1001, 1002])


@check("nuke.execute inside a render is refused with RuntimeError.")
def nested_execute_is_refused(folder: Path) -> object:
    """The plugin captures before a render and never in it."""
    heard: list[str] = []
    read = read_node(plate(folder))
    write, other = write_node(read, folder / "out.exr"), write_node(read, folder / "other.exr")

    def nested() -> None:
        """Try it, and only from the first."""
        if nuke.thisNode() == write:
            heard.append(raised(RuntimeError, lambda: nuke.execute(other, 1001, 1001, 1)))

    nuke.addBeforeRender(nested)
    try:
        nuke.execute(write, 1001, 1001, 1)
    finally:
        nuke.removeBeforeRender(nested)
    return same(len(heard), 1)


@check("onDestroy is told when a node is deleted, with the node as thisNode().")
def on_destroy_is_told(folder: Path) -> object:
    """A running job of the node is cancelled."""
    heard: list[str] = []

    def hear() -> None:
        """Keep the node's name."""
        heard.append(nuke.thisNode().name())

    node = nuke.nodes.NoOp()
    node.setName("Going")
    nuke.addOnDestroy(hear)
    try:
        nuke.delete(node)
    finally:
        nuke.removeOnDestroy(hear)
    return same(heard, ["Going"])


@check("nuke.execute renders the views that it is given, and no other.")
def execute_renders_chosen_views(folder: Path) -> object:
    """A capture writes view by view."""
    nuke.addView("left")
    nuke.addView("right")
    write = write_node(read_node(plate(folder)), folder / "out_%V.exr")
    nuke.execute(write, 1001, 1001, 1, ["left"])
    return same(sorted(path.name for path in folder.glob("out_*")), ["out_left.exr"])


@check(
    "With the knob create_directories off or not there, a Write makes no folder and fails.",
    facts=("write_makes_no_folders",),
)
def a_write_makes_no_folders(folder: Path) -> object:
    """The plugin makes them before."""
    write = write_node(read_node(plate(folder)), folder / "not" / "there" / "out.exr")
    return raised(RuntimeError, lambda: nuke.execute(write, 1001, 1001, 1))
