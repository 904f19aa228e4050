"""Nodes that another version has made: older ones are brought up to date, newer ones are left alone."""

from __future__ import annotations

import uuid

import nuke
from semantic_matte_client.version import VERSION

from . import host, knob_plan, node_building, node_finding, node_knobs, node_results
from .group_plan import GroupPlanError
from .instance_knobs import ROW_KNOB
from .node_finding import MARKER
from .stored_values import StoredValueError

_VERSION = "semantic_matte_version"


def upgrade(node: nuke.Group) -> None:
    """Give an older node the knobs and the inside of this version; what is set stays. Told with one sentence.

    A newer node, or one whose hidden knobs are damaged, renders what its inside has and is only told of.
    """
    name, layout = node.fullName(), node_knobs.layout_of(node)
    if layout > node_knobs.LAYOUT:
        host.say(
            f"{name} was made by a newer version ({_version(node)}) and is left as it is: it renders, and "
            f"can't be generated with version {VERSION}. Install the newer one."
        )
        return
    if layout == node_knobs.LAYOUT and not _lacks(node):
        _tell_damage(node)
        return
    before = _version(node)
    with host.undo_group("Upgrade Semantic Matte"), host.own_changes():
        _renew_knobs(node)
        try:
            node_knobs.sync_rows(node, node_results.rows(node))
            node_building.rebuild(node)
        except (StoredValueError, GroupPlanError) as reason:
            host.say(f"{name}: {reason}")
            node_knobs.set_status(node, str(reason))
    host.say(f"{name} was made by version {before} and is one of version {VERSION} now; what you set is kept.")


def _lacks(node: nuke.Group) -> bool:
    """Whether a knob of this version is missing."""
    there = node.knobs()
    return any(plan.name not in there for plan in knob_plan.knob_plan(node_knobs.LAYOUT, VERSION))


def _tell_damage(node: nuke.Group) -> None:
    """Say in the panel where hidden knobs can't be read."""
    try:
        node_results.rows(node)
        node_results.shown_results(node)
    except StoredValueError as reason:
        host.say(f"{node.fullName()}: {reason}")
        node_knobs.set_status(node, str(reason))


def _renew_knobs(node: nuke.Group) -> None:
    """Make all knobs of ours anew, in their order, with the values that they had."""
    plans = knob_plan.knob_plan(node_knobs.LAYOUT, VERSION)
    kept = {}
    for plan in plans:
        knob = node.knob(plan.name)
        if knob is not None and plan.kind in ("string", "file", "int", "float", "bool", "choice"):
            # Without a context: keys and expressions too.
            kept[plan.name] = knob.toScript(False, None)
    ours = {plan.name for plan in plans}
    for name in list(node.knobs()):
        if name in ours or ROW_KNOB.fullmatch(name):
            node.removeKnob(node[name])
    node_knobs.add_knobs(node)
    for name, text in kept.items():
        if name not in (MARKER, _VERSION):
            node[name].fromScript(text)
    if not node_finding.identity(node):
        node_knobs.set_identity(node, uuid.uuid4().hex)
    node_knobs.offer_instance(node)


def _version(node: nuke.Group) -> str:
    """The version that made it, for a sentence."""
    knob = node.knob(_VERSION)
    return str(knob.value()) if knob is not None and knob.value() else "unknown"
