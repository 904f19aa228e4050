"""The settings of a Semantic Matte node: a property group on its group's tree.

One property for each control of controls.json, and what the node shows. They stay in the file where the add-on
is not installed, and travel with the group when it is copied, appended or linked.
"""

import zlib
from typing import Any

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from . import control_rows, group_sockets, node_groups

EXTENTS = (
    ("FRAME", "Frame", "The current frame alone", 0),
    ("SCENE", "Scene", "All frames of the scene's range, as a shot", 1),
    ("RANGE", "Range", "The frames that you name, as a shot", 2),
)
HOLDS = (
    ("AUTO", "Auto", "Hold the matte over all frames if nothing before the node changes with time", 0),
    ("ON", "On", "Hold the matte of one frame over all frames", 1),
    ("OFF", "Off", "The matte is of its own frames alone", 2),
)
SHOWS = (
    ("PLATE", "Plate", "The plate with all mattes together as its alpha. Its colours are not touched", 0),
    ("CUTOUT", "Cut-out", "The plate multiplied by all mattes together, to be laid over another picture", 1),
    ("OVERLAY", "Overlay", "The plate with each instance in a colour of its own, to look at", 2),
    ("MATTE", "Matte", "All mattes together in grey", 3),
)


def _rebuilt(settings: bpy.types.PropertyGroup, _context: bpy.types.Context) -> None:
    """Have the group do what its settings say; called by Blender after one of them was set."""
    node_groups.rebuild(settings.id_data)


def _retitled(row: bpy.types.PropertyGroup, _context: bpy.types.Context) -> None:
    """Keep titles apart after one was set, and rename its socket."""
    node_groups.retitle(row.id_data, row.key, row.title)


class SemanticMatteInstance(bpy.types.PropertyGroup):
    """One instance: a row of the panel's list, a socket of the node. See `instance_table.Row`."""

    key: StringProperty(options={"HIDDEN"})
    slot: StringProperty(name="Slot", description="The layer of the result's files")
    label: StringProperty(name="Label", description="What it was found to be")
    title: StringProperty(
        name="Title", description="The name of the instance and of its socket", update=_retitled
    )
    score: FloatProperty(name="Score", description="How sure the segmenter is of it", min=0.0, max=1.0)
    frames: StringProperty(name="Frames", description="The frames in which it is seen")
    enabled: BoolProperty(
        name="Enabled",
        description="Whether the instance is part of All and Image. Its socket gives 0 if it is not",
        default=True,
        update=_rebuilt,
    )
    solo: BoolProperty(
        name="Solo",
        description="Show only the soloed instances in All and Image. Sockets of instances stay as they are",
        update=_rebuilt,
    )
    into: StringProperty(
        name="Merged into",
        description="The instance that this one is a part of, whose socket gives both",
        update=_rebuilt,
    )
    present: BoolProperty(
        name="Present", description="Whether the newest result has it. Its socket gives 0 if not", default=True
    )
    socket: StringProperty(options={"HIDDEN"})


def _control_property(row: control_rows.ControlRow) -> Any:
    """A property of Blender for a control; its range and its tooltip are those of controls.json."""
    words = {"name": row.label, "description": row.description}
    default = row.field_default
    if row.kind in ("names", "string"):
        return StringProperty(default=default, **words)
    if row.kind == "bool":
        return BoolProperty(default=default, **words)
    if row.kind == "choice":
        # Files keep the number: made of the name, it stays right where choices are added or sorted anew.
        items = [
            (name, name.replace("_", " ").capitalize(), "", zlib.crc32(name.encode()) & 0x3FFFFFFF)
            for name in row.choices
        ]
        return EnumProperty(items=items, default=default, **words)
    limits = {"min": row.minimum, "max": row.maximum}
    words.update({name: value for name, value in limits.items() if value is not None})
    if row.kind == "int":
        return IntProperty(default=default, **words)
    precision = 5 if 0 < default < 0.01 else 3
    slider = {"subtype": "FACTOR"} if (row.minimum, row.maximum) == (0.0, 1.0) and default >= 0.01 else {}
    return FloatProperty(default=default, precision=precision, **slider, **words)


def _settings_properties() -> dict[str, Any]:
    """What the settings have besides the controls."""
    return {
        # 0: not a tree of ours. Else how the group is made, for later versions of the add-on.
        "layout": IntProperty(options={"HIDDEN"}),
        "identity": StringProperty(options={"HIDDEN"}),
        "extent": EnumProperty(name="Extent", description="Which frames to compute", items=EXTENTS),
        "frame_range": StringProperty(
            name="Frames", description="The frames to compute, as in 1001-1050x2,1060", default="1-50"
        ),
        "hold": EnumProperty(
            name="Hold", description="Whether the matte of one frame stays over all frames", items=HOLDS
        ),
        "show": EnumProperty(
            name="Show", description="What the output Image gives", items=SHOWS, update=_rebuilt
        ),
        "instances": CollectionProperty(type=SemanticMatteInstance),
        "active_instance": IntProperty(name="Instance", min=0),
        "results_folder": StringProperty(options={"HIDDEN"}),
        "results_stem": StringProperty(options={"HIDDEN"}),
        "results_frames": StringProperty(options={"HIDDEN"}),
        "results_offset": IntProperty(options={"HIDDEN"}),
        "results_hold": BoolProperty(options={"HIDDEN"}),
        "results_size": StringProperty(options={"HIDDEN"}),
        "results_scene": StringProperty(options={"HIDDEN"}),
        "results_fingerprint": StringProperty(options={"HIDDEN"}),
        "results_words": StringProperty(options={"HIDDEN"}),
        "last_error": StringProperty(options={"HIDDEN"}),
        "last_notices": StringProperty(options={"HIDDEN"}),
        # Identifiers of the group's own sockets: whatever an artist calls them, they are found by these.
        **{name: StringProperty(options={"HIDDEN"}) for name in group_sockets.OWN_SOCKETS},
    }


# Made when it is registered: its properties come from controls.json.
_settings_class: type[bpy.types.PropertyGroup] | None = None


def register() -> None:
    """Give every compositor tree its `semantic_matte`."""
    global _settings_class
    controls = {row.name: _control_property(row) for row in control_rows.control_rows()}
    _settings_class = type(
        "SemanticMatteSettings",
        (bpy.types.PropertyGroup,),
        {
            "__doc__": "The settings of a Semantic Matte node",
            "__annotations__": {**controls, **_settings_properties()},
        },
    )
    bpy.utils.register_class(SemanticMatteInstance)
    bpy.utils.register_class(_settings_class)
    bpy.types.CompositorNodeTree.semantic_matte = PointerProperty(type=_settings_class)


def unregister() -> None:
    """Take it back; what files hold of it stays in them."""
    del bpy.types.CompositorNodeTree.semantic_matte
    bpy.utils.unregister_class(_settings_class)
    bpy.utils.unregister_class(SemanticMatteInstance)
