"""What Nuke calls: a node appears, a knob changes, a script was read, a label is drawn. None ever raises."""

from __future__ import annotations

import functools
import traceback
import uuid
from typing import Any, Callable, TypeVar

import nuke

from . import host, node_finding

_Result = TypeVar("_Result")


def _guarded(call: Callable[[], _Result]) -> Callable[[], _Result | None]:
    """The callback, whose faults are printed: what Nuke calls may not stop it."""

    @functools.wraps(call)
    def guarded() -> _Result | None:
        """Call it."""
        try:
            return call()
        except Exception:
            traceback.print_exc()
            return None

    return guarded


@_guarded
def on_create() -> None:
    """A node was made, read, pasted or brought back by undo: a copy gets an identity of its own.

    It goes on showing the same result. Nothing is asked of the graph here: that would break links of a paste.
    """
    node: Any = nuke.thisNode()
    if not node_finding.is_ours(node):
        return
    identity = node_finding.identity(node)
    if identity and _is_shared(node, identity):
        from . import node_knobs

        node_knobs.set_identity(node, uuid.uuid4().hex)


@_guarded
def on_script_load() -> None:
    """A script was read: leftovers of captures go, nodes of older versions are brought up to date."""
    from . import capture, upgrading

    capture.sweep()
    for node in node_finding.all_nodes():
        # One at a time: a fault of one leaves the others theirs.
        _guarded(functools.partial(upgrading.upgrade, node))()


@_guarded
def knob_changed() -> None:
    """A knob of ours was changed; stored in the node. Until 16 with the panel open only, since 17.1 always."""
    if host.are_own_changes():
        return
    with host.own_changes():
        node: Any = nuke.thisNode()
        _answer(node, nuke.thisKnob())


@_guarded
def autolabel() -> str | None:
    """What stands on the node in the graph: its name, what it shows, and the artist's own label.

    None for other nodes, which Nuke labels itself.
    """
    node: Any = nuke.thisNode()
    if not node_finding.is_ours(node):
        return None
    own = node["label"].evaluate() or ""
    try:
        summary = _summary(node)
    except ImportError:
        # Without the client: told where a button is pressed, not at each drawing of the graph.
        return None
    return "\n".join(part for part in (node.name(), summary, own) if part)


def _is_shared(node: nuke.Group, identity: str) -> bool:
    """Whether another node has the identity too."""
    return any(other != node and node_finding.identity(other) == identity for other in node_finding.all_nodes())


def _summary(node: nuke.Group) -> str:
    """How many mattes of which frames: `3 mattes, 1001-1050`."""
    from semantic_matte_client.nodes.frame_spans import text_of

    from . import node_results
    from .stored_values import StoredValueError

    try:
        shown = node_results.shown_results(node)
    except StoredValueError:
        return "damaged, see its panel"
    if shown is None:
        return "no mattes yet"
    count = len(shown.slots)
    mattes = "1 matte" if count == 1 else f"{count} mattes"
    return f"{mattes}, {'held' if shown.hold else text_of(shown.frames)}"


def _answer(node: nuke.Group, knob: nuke.Knob) -> None:
    """Do what follows from a change; what is wrong is told without a dialog, as nobody clicked."""
    from . import instance_knobs, knob_plan
    from .group_plan import GroupPlanError
    from .instance_actions import InstanceError
    from .node_building import OUTPUT
    from .stored_values import StoredValueError

    # While a script is read or pasted its knobs come first and its inside afterwards: 17.1 reports these too.
    if not node_finding.is_ours(node) or node.node(OUTPUT) is None:
        return
    name = knob.name()
    row = instance_knobs.ROW_KNOB.fullmatch(name)
    try:
        if name == "showPanel":
            _refresh(node)
        elif name in ("output_alpha", "instance"):
            _rebuild(node)
        elif name == "quality":
            _set_quality(node)
        elif name in knob_plan.QUALITIES["standard"]:
            _tell_quality(node)
        elif row is not None:
            _change_row(node, row[1], row[2], knob.value())
    except (StoredValueError, InstanceError, GroupPlanError) as reason:
        host.say(f"{node.fullName()}: {reason}")


def _refresh(node: nuke.Group) -> None:
    """The panel opens: its list says what is stored."""
    from . import node_knobs, node_results

    node_results.refresh_panel(node)
    node_knobs.offer_instance(node)


def _rebuild(node: nuke.Group) -> None:
    """Another output alpha was chosen."""
    from . import node_building, node_knobs

    node_knobs.offer_instance(node)
    with host.undo_group("Output Alpha"):
        node_building.rebuild(node)


def _set_quality(node: nuke.Group) -> None:
    """A quality was chosen: the engine's own controls follow; "custom" leaves them."""
    from .knob_plan import QUALITIES

    with host.undo_group("Quality"):
        for name, value in QUALITIES.get(str(node["quality"].value()), {}).items():
            node[name].setValue(value)


def _tell_quality(node: nuke.Group) -> None:
    """A control of the quality was changed: its name follows."""
    from .knob_plan import QUALITIES, quality_of

    values: dict[str, Any] = {name: node[name].value() for name in QUALITIES["standard"]}
    wanted = quality_of(values)
    if node["quality"].value() != wanted:
        node["quality"].setValue(wanted)


def _change_row(node: nuke.Group, what: str, key: str, value: Any) -> None:
    """A knob in the list of instances was changed; one of an instance that is gone is put right."""
    from . import instance_actions, node_results

    if key not in {row.key for row in node_results.rows(node)}:
        return
    if what == "on":
        instance_actions.enable(node, key, bool(value))
    elif what == "solo":
        instance_actions.solo(node, key, bool(value))
    elif what == "title":
        instance_actions.rename(node, key, str(value))
