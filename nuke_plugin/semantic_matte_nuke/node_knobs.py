"""Makes the node's knobs, and reads them as what the engine takes."""

from __future__ import annotations

from typing import Any

import nuke
from semantic_matte_client.nodes.control_rows import control_rows, settings_from
from semantic_matte_client.nodes.instance_table import Row
from semantic_matte_client.version import VERSION

from . import host, instance_knobs, knob_plan, stored_values
from .knob_plan import KnobPlan
from .node_finding import IDENTITY, MARKER

# How the node is made; another number where a later version makes it otherwise.
LAYOUT = 1
RESULTS, ROWS = "semantic_matte_results", "semantic_matte_rows"


def add_knobs(node: nuke.Node) -> None:
    """Give a group all knobs of ours but those of instances."""
    for plan in knob_plan.knob_plan(LAYOUT, VERSION):
        node.addKnob(new_knob(plan))
    node["knobChanged"].setValue(knob_plan.KNOB_CHANGED)
    offer_instance(node)


def new_knob(plan: KnobPlan) -> Any:
    """A knob as planned, on no node yet."""
    knob = _bare_knob(plan)
    if plan.tooltip:
        knob.setTooltip(plan.tooltip)
    if plan.kind in ("float", "int") and plan.minimum is not None and plan.maximum is not None:
        knob.setRange(plan.minimum, plan.maximum)
    if plan.kind in ("string", "file", "int", "float", "bool", "choice", "text") and plan.default is not None:
        knob.setValue(plan.default)
    if plan.hidden:
        knob.setFlag(nuke.INVISIBLE)
    if plan.kind in ("bool", "button") and plan.new_line:
        # These stand beside what is before them unless told otherwise.
        knob.setFlag(nuke.STARTLINE)
    elif not plan.new_line:
        knob.clearFlag(nuke.STARTLINE)
    return knob


def sync_rows(node: nuke.Node, rows: tuple[Row, ...]) -> None:
    """Make the list of instances and the pulldowns say what the rows are.

    Adding and removing knobs is no part of undo. Knobs of instances that stay are only set: one that is
    removed while it is being edited ends Nuke.
    """
    wanted = [plan for row in rows for plan in instance_knobs.row_knobs(row)]
    there = [name for name in node.knobs() if instance_knobs.ROW_KNOB.fullmatch(name)]
    if sorted(there) != sorted(plan.name for plan in wanted):
        with host.without_undo():
            for name in there:
                node.removeKnob(node[name])
            for plan in wanted:
                node.addKnob(new_knob(plan))
    for row in rows:
        for name, value in _row_values(row).items():
            _set(node[name], value)
    items = instance_knobs.menu_items([row.title for row in rows])
    for name in ("instance", "merge_from", "merge_into"):
        knob: Any = node[name]
        place = min(int(knob.getValue()), len(items) - 1)
        if list(knob.values()) != items:
            knob.setValues(items)
            knob.setValue(place)


def set_chosen(node: nuke.Node, rows: tuple[Row, ...], key: str) -> None:
    """Choose the instance of this key in the pulldown of the output alpha; the first where there is none."""
    keys = [row.key for row in rows]
    place = keys.index(key) if key in keys else 0
    if int(node["instance"].getValue()) != place:
        node["instance"].setValue(place)


def chosen(node: nuke.Node, rows: tuple[Row, ...], name: str = "instance") -> str:
    """The key of the instance that a pulldown says, "" where there is none."""
    place = int(node[name].getValue())
    return rows[place].key if 0 <= place < len(rows) else ""


def offer_instance(node: nuke.Node) -> None:
    """Let one instance be chosen where that means something; no change of the script's."""
    enabled = node["output_alpha"].value() == "one"
    if node["instance"].enabled() != enabled:
        with host.kept_modified_flag(), host.without_undo():
            node["instance"].setEnabled(enabled)


def settings_of(node: nuke.Node) -> dict[str, Any]:
    """The settings of a job, for the client, as the knobs say."""
    values = {}
    for row in control_rows():
        knob = None if row.name in knob_plan.HIDDEN else node.knob(row.name)
        values[row.name] = row.field_default if knob is None else knob.value()
    return settings_from(values, knob_plan.ALWAYS)


def frame_range_of(node: nuke.Node) -> str:
    """The range as the artist wrote it; "" for the script's own."""
    return str(node["frame_range"].value()).strip()


def chosen_views(node: nuke.Node) -> tuple[str, ...]:
    """The views to matte, as the artist wrote them: all of the script where nothing is written."""
    written = [part.strip() for part in str(node["views"].value()).split(",")]
    return tuple(dict.fromkeys(filter(None, written))) or host.views()


def uses_hint(node: nuke.Node) -> bool:
    """Whether a hint is linked and to be used."""
    return bool(node["use_hint"].value()) and node.input(1) is not None


def set_status(node: nuke.Node, sentence: str) -> None:
    """Say it in the panel. Makes no step of undo, and no unsaved change."""
    with host.kept_modified_flag(), host.without_undo(), host.own_changes():
        _set(node["status"], sentence)


def set_identity(node: nuke.Node, identity: str) -> None:
    """Give the node an identity. Makes no step of undo: it is not the artist's doing."""
    with host.without_undo():
        node[IDENTITY].setValue(identity)


def layout_of(node: nuke.Node) -> int:
    """The number of how the node is made; 0 where it can't be told."""
    text = str(node[MARKER].value())
    return int(text) if text.isdecimal() else 0


def stored_rows(node: nuke.Node) -> tuple[Row, ...]:
    """The node's instances. Raises StoredValueError."""
    return stored_values.rows_from(str(node[ROWS].value()))


def stored_results(node: nuke.Node) -> stored_values.ShownResults | None:
    """The result that the node shows. Raises StoredValueError."""
    return stored_values.from_json(str(node[RESULTS].value()))


def store(node: nuke.Node, name: str, text: str) -> None:
    """Keep a text in a hidden knob."""
    _set(node[name], text)


def _bare_knob(plan: KnobPlan) -> Any:
    """A knob of the kind, with its name and label."""
    kinds = {"tab": nuke.TABKNOB, "group": nuke.TABBEGINGROUP, "closed_group": nuke.TABBEGINCLOSEDGROUP}
    if plan.kind in kinds:
        return nuke.Tab_Knob(plan.name, plan.label, kinds[plan.kind])
    if plan.kind == "end":
        return nuke.Tab_Knob(plan.name, "", nuke.TABENDGROUP)
    if plan.kind == "button":
        return nuke.PyScript_Knob(plan.name, plan.label, plan.script)
    if plan.kind == "choice":
        return nuke.Enumeration_Knob(plan.name, plan.label, list(plan.choices))
    classes = {
        "text": nuke.Text_Knob,
        "string": nuke.String_Knob,
        "file": nuke.File_Knob,
        "int": nuke.Int_Knob,
        "float": nuke.Double_Knob,
        "bool": nuke.Boolean_Knob,
    }
    return classes[plan.kind](plan.name, plan.label)


def _row_values(row: Row) -> dict[str, Any]:
    """What the knobs of an instance say."""
    return {
        f"on_{row.key}": row.enabled,
        f"solo_{row.key}": row.solo,
        f"title_{row.key}": row.title,
        f"about_{row.key}": instance_knobs.about(row),
    }


def _set(knob: nuke.Knob, value: Any) -> None:
    """Set a knob that says something else: what is the same makes no undo step and no new hash."""
    if knob.value() != value:
        knob.setValue(value)
