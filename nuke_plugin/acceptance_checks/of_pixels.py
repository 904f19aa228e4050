"""Pixels through the nodes that a Semantic Matte node is made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nuke

from .checking import check, near, same
from .pixels import COLOURS, HEIGHT, alpha_of, mattes, plate, read_node, seen, values, write_node


@check("Raw half-float values from -0.5 to 1000 come through Read and Write as they were.")
def colours_are_not_changed(folder: Path) -> object:
    """The capture hands on what flows in."""
    picture = seen(read_node(plate(folder)), folder)
    return near(values(picture, "R"), COLOURS)


@check("node.sample reads the pixel whose y grows upwards, at its centre.")
def y_goes_up(folder: Path) -> object:
    """The file's top row is Nuke's highest."""
    read = read_node(plate(folder))
    nuke.frame(1001)
    found = [read.sample("red", x + 0.5, HEIGHT - 1 + 0.5) for x in range(3)]
    return near(found, COLOURS[:3], 1e-3)


@check("A Copy puts a layer's alpha into another layer, and leaves B's own channels as they are.")
def a_copy_adds_layers(folder: Path) -> object:
    """This is how an instance comes into the stream."""
    nuke.Layer("sm_anna", ["sm_anna.alpha"])
    source, matte = read_node(plate(folder)), read_node(mattes(folder))
    (channel,) = [name for name in matte.channels() if name.startswith("sm_person_01.")]
    copy: Any = nuke.nodes.Copy()
    copy.setInput(0, source)
    copy.setInput(1, matte)
    copy["from0"].setValue(channel)
    copy["to0"].setValue("sm_anna.alpha")
    picture = seen(copy, folder)
    near(values(picture, "R"), COLOURS)
    return near(alpha_of(picture, "sm_anna"), [0.0, 0.25, 0.5, 0.75, 1.0, 0.0])


@check("An Expression reads channels of any layer by their names, and clamp(x) is 0 to 1.")
def expressions_read_layers(folder: Path) -> object:
    """Sums of instances."""
    matte = read_node(mattes(folder))
    (channel,) = [name for name in matte.channels() if name.startswith("sm_person_01.")]
    node: Any = nuke.nodes.Expression()
    node.setInput(0, matte)
    node["expr3"].setValue(f"clamp({channel}+{channel})")
    picture = seen(node, folder)
    return near(values(picture, "A"), [0.0, 0.5, 1.0, 1.0, 1.0, 0.0])


@check("An Expression can be set to write one channel of a layer.")
def expressions_write_layers(folder: Path) -> object:
    """Merged instances."""
    matte = read_node(mattes(folder))
    (channel,) = [name for name in matte.channels() if name.startswith("sm_person_01.")]
    node: Any = nuke.nodes.Expression()
    node.setInput(0, matte)
    node["channel0"].setValue(channel)
    node["expr0"].setValue("1")
    return near(alpha_of(seen(node, folder), "sm_person_01"), [1.0] * 6)


@check("A temporary name of an Expression can be used in its other fields.", facts=("expression_names",))
def expressions_have_names(folder: Path) -> object:
    """The overlay."""
    node: Any = nuke.nodes.Expression()
    node.setInput(0, read_node(plate(folder)))
    node["temp_name0"].setValue("covered")
    node["temp_expr0"].setValue("clamp(r)")
    node["expr0"].setValue("covered")
    picture = seen(node, folder)
    return near(values(picture, "R"), [min(max(value, 0.0), 1.0) for value in COLOURS])


@check("A Switch gives its input number 'which', untouched.")
def a_switch_gives_its_input(folder: Path) -> object:
    """Show: source is the plate itself."""
    read = read_node(plate(folder))
    other: Any = nuke.nodes.Expression()
    other.setInput(0, read)
    other["expr0"].setValue("0")
    switch: Any = nuke.nodes.Switch()
    switch.setInput(0, other)
    switch.setInput(1, read)
    switch["which"].setValue(1)
    return near(values(seen(switch, folder), "R"), COLOURS)


@check(
    "A Write of EXR has the knobs raw, datatype, compression and channels once its type is set.",
    facts=("file_type_brings_knobs",),
)
def a_write_has_its_knobs(folder: Path) -> object:
    """The capture sets them."""
    write = write_node(read_node(plate(folder)), folder / "out.exr")
    names = ("raw", "datatype", "compression", "channels", "metadata")
    return same([name for name in names if write.knob(name) is None], [])


@check("With proxy mode on, a Write renders smaller; with it off, at full size.", facts=("proxy_scales_all",))
def proxy_mode_makes_smaller(folder: Path) -> object:
    """The capture switches it off, and on again."""
    root: Any = nuke.root()
    root["proxy_type"].setValue("scale")
    root["proxy_scale"].setValue(0.5)
    rows = [[0.5] * 8 for _ in range(4)]
    windows: dict[str, Any] = {"data_window": (0, 0, 8, 4), "display_window": (0, 0, 8, 4)}
    read = read_node(plate(folder, 1001, channels={"R": rows, "G": rows, "B": rows}, **windows))
    root.setProxy(True)
    small = seen(read, folder).display_window
    root.setProxy(False)
    return same((small, seen(read, folder).display_window), ((0, 0, 4, 2), (0, 0, 8, 4)))
