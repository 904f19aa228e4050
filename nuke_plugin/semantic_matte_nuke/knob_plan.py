"""The node's knobs as plain values: which, where, with what labels. The controls are the engine's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from semantic_matte_client.nodes.control_rows import ControlRow, control_rows, grouped_rows

from .group_plan import MISSING_FRAMES, SHOWS

# What the node's Reads need; a job's own missing frames are told before any work.
ALWAYS: dict[str, Any] = {"data_window": "tight", "cryptomatte": True, "png": False, "missing_frames": "refuse"}
# Controls of how results lie on disk, which the node decides.
HIDDEN = frozenset(
    [*ALWAYS, "spread", "contact_sheet", "foreground_method", "foreground_space", "storage", "reuse"]
)
ON_FIRST_TAB = ("find", "confidence", "max_instances")
GROUP_LABELS = {"find": "Find", "edge": "Edges", "shot": "Shot", "output": "Output", "process": "Process"}
OPEN_GROUPS = ("find",)
# How a quality sets the engine's own controls: the same as the presets of the other hosts.
QUALITIES = {
    "fast": {"passes": 2, "samples": 1, "dilation_outer": 0.05, "dilation_inner": 0.05},
    "standard": {"passes": 4, "samples": 5, "dilation_outer": 0.05, "dilation_inner": 0.05},
    "fine hair": {"passes": 6, "samples": 9, "dilation_outer": 0.12, "dilation_inner": 0.08},
}
CUSTOM = "custom"
NO_INSTANCE = "none"
# The three lines that run where the plugin is installed, and say what to do where it isn't.
_BUTTON = """import nuke
try:
    from semantic_matte_nuke.buttons import press
except ImportError:
    nuke.message(
        "The Semantic Matte plugin is not installed here: run 'semantic-matte install nuke' in a shell and "
        "restart Nuke. The comp renders without it."
    )
else:
    press("{name}")
"""
KNOB_CHANGED = """try:
    from semantic_matte_nuke.node_callbacks import knob_changed
except ImportError:
    pass
else:
    knob_changed()
"""


@dataclass(frozen=True)
class KnobPlan:
    """One knob.

    kind: tab, group, closed_group, end, button, text, string, file, int, float, bool or choice. script: what a
    button runs. new_line: whether it begins one. hidden: kept in the script and shown to nobody.
    """

    name: str
    kind: str
    label: str = ""
    tooltip: str = ""
    default: Any = None
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    script: str = ""
    new_line: bool = True
    hidden: bool = False


def knob_plan(layout: int, version: str) -> tuple[KnobPlan, ...]:
    """All knobs but those of instances, in order: these come behind, as the last tab is theirs."""
    return (
        # A tab before all: without one Nuke puts an empty tab "User" first.
        KnobPlan("semantic_matte_tab", "tab", "Semantic Matte"),
        *_hidden_knobs(layout, version),
        *_first_tab(),
        *_controls_tab(),
        *_tools_tab(version),
        *_instances_tab(),
    )


def quality_of(values: dict[str, Any]) -> str:
    """Which quality has these values of the engine's controls; "custom" if none has."""
    for name, wanted in QUALITIES.items():
        if all(abs(float(values[one]) - float(value)) < 1e-6 for one, value in wanted.items()):
            return name
    return CUSTOM


def button(name: str, label: str, tooltip: str, new_line: bool = False) -> KnobPlan:
    """A button whose script hands on to the plugin."""
    return KnobPlan(name, "button", label, tooltip, script=_BUTTON.format(name=name), new_line=new_line)


def _hidden_knobs(layout: int, version: str) -> tuple[KnobPlan, ...]:
    """What the node keeps for the plugin alone."""
    values = (
        ("semantic_matte", str(layout)),
        ("semantic_matte_version", version),
        ("semantic_matte_identity", ""),
        ("semantic_matte_results", ""),
        ("semantic_matte_rows", ""),
    )
    return tuple(KnobPlan(name, "string", name, default=value, hidden=True) for name, value in values)


def _first_tab() -> tuple[KnobPlan, ...]:
    """Generate, what to find, what to show."""
    controls = {row.name: _control(row) for row in control_rows()}
    return (
        button("generate_frame", "Generate Frame", "Finds the objects of this frame and mattes them.", True),
        button("generate_range", "Generate Range", "Does so for all frames of the range, as one shot."),
        button("cancel", "Cancel", "Ends the run. Frames that are finished are kept for the next one."),
        KnobPlan(
            "frame_range",
            "string",
            "range",
            "Frames of Generate Range: 1001-1050, 1001-1050x2 or 1-10,20. Empty: the script's own range.",
            "",
        ),
        *(controls[name] for name in ON_FIRST_TAB),
        KnobPlan(
            "quality",
            "choice",
            "quality",
            "Sets passes, samples and edge width on the Controls tab. 'fine hair' looks further around the "
            "object, and is slower.",
            "standard",
            choices=(*QUALITIES, CUSTOM),
        ),
        *_show_knobs(),
        KnobPlan("status", "text", "status", default="Nothing generated yet."),
    )


def _show_knobs() -> tuple[KnobPlan, ...]:
    """What the node gives."""
    return (
        KnobPlan(
            "output_alpha",
            "choice",
            "output alpha",
            "What rgba.alpha becomes: the sum of all enabled instances, or one of them. Each has its own layer "
            "too.",
            "all",
            choices=("all", "one"),
        ),
        KnobPlan(
            "instance",
            "choice",
            "",
            "The instance that is the output alpha, where that is 'one'.",
            NO_INSTANCE,
            choices=(NO_INSTANCE,),
            new_line=False,
        ),
        KnobPlan(
            "show",
            "choice",
            "show",
            "result: the plate, colours untouched, with alpha and layers. overlay: each instance in a colour. "
            "alpha: in grey. source: the plate as it came in. cryptomatte: for a Cryptomatte node, to pick "
            "objects.",
            "result",
            choices=SHOWS,
        ),
        KnobPlan(
            "missing_frames",
            "choice",
            "missing frames",
            "What a frame without a matte gives: an error, so that a render fails instead of being wrong; "
            "nothing; or the nearest matte.",
            "error",
            choices=MISSING_FRAMES,
        ),
    )


def _controls_tab() -> tuple[KnobPlan, ...]:
    """The engine's other controls, by its groups, and how the plate is handed over."""
    knobs = [KnobPlan("semantic_matte_controls", "tab", "Controls")]
    for group, rows in grouped_rows([*HIDDEN, *ON_FIRST_TAB]).items():
        kind = "group" if group in OPEN_GROUPS else "closed_group"
        knobs.append(KnobPlan(f"semantic_matte_{group}", kind, GROUP_LABELS.get(group, group.capitalize())))
        knobs += map(_control, rows)
        knobs.append(KnobPlan(f"semantic_matte_{group}_end", "end"))
    return (
        *knobs,
        KnobPlan("semantic_matte_input", "group", "Plate"),
        KnobPlan(
            "use_hint",
            "bool",
            "use hint",
            "Mattes what is bright in the Hint input's first frame, instead of finding objects.",
            True,
        ),
        KnobPlan(
            "hold",
            "choice",
            "hold",
            "Whether one frame's matte stands for every frame. auto: where nothing before the node changes "
            "with time.",
            "auto",
            choices=("auto", "on", "off"),
        ),
        KnobPlan(
            "views", "string", "views", "Which views to matte, with commas. Empty: all of the script.", ""
        ),
        KnobPlan(
            "input_space",
            "string",
            "input space",
            "The colour space that flows in, by its name in the OCIO configuration. auto: the script's working "
            "space.",
            "auto",
        ),
        KnobPlan(
            "capture_depth",
            "choice",
            "capture depth",
            "Bits of the plate as it is handed to the engine: half is enough, float keeps all.",
            "half",
            choices=("half", "float"),
        ),
        KnobPlan("semantic_matte_input_end", "end"),
    )


def _tools_tab(version: str) -> tuple[KnobPlan, ...]:
    """Files, checks and help."""
    return (
        KnobPlan("semantic_matte_tools", "tab", "Tools"),
        KnobPlan("cache_folder", "file", "cache folder", "Where results lie. Empty: beside the script.", ""),
        button("open_cache", "Open", "Shows this node's files in the system's file browser.", True),
        button("clear_cache", "Clear", "Removes results that no node of the script shows. Asks first."),
        button("load_results", "Load Results", "Shows what a farm or a shell has made: its NAME.matte.json."),
        button(
            "farm_check", "Farm Check", "Says what a render farm would miss: frames, stale mattes, paths.", True
        ),
        button("bake", "Bake to Plain Nodes", "Puts Reads, Expressions and Copies in this node's place."),
        button(
            "troubleshoot", "Troubleshoot", "Examines plugin, engine and machine, and says what to do.", True
        ),
        button("copy_log", "Copy Log", "Writes what was said in this session into a file, for a report."),
        KnobPlan("version_text", "text", "version", default=version),
    )


def _instances_tab() -> tuple[KnobPlan, ...]:
    """What is above the list of instances."""
    none = (NO_INSTANCE,)
    return (
        KnobPlan("semantic_matte_instances", "tab", "Instances"),
        button("contact_sheet", "Contact Sheet", "Opens a picture of what was found.", True),
        button("reset_instances", "Reset", "Gives all instances their own names again, enabled, and separate."),
        KnobPlan(
            "merge_from", "choice", "merge", "The instance that becomes a part.", NO_INSTANCE, choices=none
        ),
        KnobPlan(
            "merge_into",
            "choice",
            "into",
            "The instance whose layer gives both.",
            NO_INSTANCE,
            choices=none,
            new_line=False,
        ),
        button("merge_instances", "Merge", "Makes the first a part of the second."),
        button("separate_instances", "Separate", "Makes the first an instance of its own again."),
        KnobPlan("semantic_matte_list", "text", "", default=""),
    )


def _control(row: ControlRow) -> KnobPlan:
    """A control's knob, under the control's own name."""
    kinds = {"names": "string", "string": "string"}
    return KnobPlan(
        row.name,
        kinds.get(row.kind, row.kind),
        row.label.lower(),
        _tooltip(row),
        row.field_default,
        row.minimum,
        row.maximum,
        row.choices,
    )


def _tooltip(row: ControlRow) -> str:
    """The point first, then unit and range."""
    extent = ""
    if row.minimum is not None and row.maximum is not None:
        # Whole numbers as such: 2147483647.
        extent = " to ".join(
            str(int(one)) if one == int(one) else f"{one:g}" for one in (row.minimum, row.maximum)
        )
    ending = " ".join(part for part in (extent, row.unit) if part)
    return f"{row.tooltip}\n{ending}." if ending else row.tooltip
