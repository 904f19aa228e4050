"""What stands inside a node, as plain values: native nodes, how they are set, and what is linked to what.

    Source -- SM_Source -- SM_Copy_1 .. SM_Copy_n -- SM_OutAlpha -- SM_Overlay, SM_AlphaView -- SM_Show
                             A|                        A|
    SM_Result -- SM_Merge_1 .. -- SM_Alpha -------------+

Native nodes and expressions alone: a script renders the same where the plugin is missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from semantic_matte_client.nodes.instance_table import Feeds, Row, feeds, overlay_colour
from semantic_matte_client.nodes.result_records import DIGITS

from .layer_names import channel
from .stored_values import ShownResults

SHOWS = ("result", "overlay", "alpha", "source", "cryptomatte")
MISSING_FRAMES = ("error", "black", "nearest")
# What a Read's knob on_error calls them.
ON_ERROR = {"error": "error", "black": "black", "nearest": "nearest frame"}
PREFIX = "SM_"
SOURCE, RESULT, CRYPTOMATTE, ALPHA = "SM_Source", "SM_Result", "SM_Cryptomatte", "SM_Alpha"
SHOW = "SM_Show"
# What is rebuilt: not the sockets, nor what a capture puts there for a while.
NOT_PLANNED = (SOURCE, "SM_Capture")
_TO_A_COPY = 4
# A Read's own list has "checkerboard" between black and nearest frame.
_ON_ERROR_EXPRESSION = "parent.missing_frames==2?3:parent.missing_frames"
# These stand for something else in a Read's file, wherever they are in the path.
_NOT_IN_PATHS = "#%["
_MIX = 0.5
_DOWN, _ASIDE = 60, 150


class GroupPlanError(Exception):
    """A result can't be shown; the text is a sentence that says what to do."""


@dataclass(frozen=True)
class PlannedNode:
    """One inner node. inputs: names of planned nodes, or of the Dot below the socket. Values by knob."""

    name: str
    class_name: str
    inputs: tuple[str, ...]
    values: Mapping[str, Any] = field(default_factory=dict)
    expressions: Mapping[str, str] = field(default_factory=dict)
    position: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class GroupPlan:
    """nodes: in an order in which each one's inputs come before it. layers: which must be known to Nuke."""

    nodes: tuple[PlannedNode, ...]
    layers: tuple[str, ...]


def reads(shown: ShownResults) -> tuple[PlannedNode, PlannedNode]:
    """The Reads of the layers and of the Cryptomatte. Raises GroupPlanError for a folder that no Read can name.

    first and last reach over the script and the frame that is asked for, so that a frame without a file is
    missing and not held.
    """
    if any(sign in shown.folder for sign in _NOT_IN_PATHS):
        raise GroupPlanError(
            f"Nuke takes # % [ in a file's path for frame numbers and expressions, and '{shown.folder}' has "
            "one of them: choose a cache folder without them on the Tools tab."
        )
    first, last = shown.frames[0] + shown.offset, shown.frames[-1] + shown.offset
    values: dict[str, Any] = {"raw": True, "localizationPolicy": "off"}
    expressions = {"on_error": _ON_ERROR_EXPRESSION}
    if shown.hold:
        number = f"{first:0{DIGITS}d}"
        values.update(first=first, last=first, frame_mode="expression", frame="")
    else:
        number = f"%0{DIGITS}d"
        values.update(frame_mode="expression", frame=f"frame+{shown.offset}" if shown.offset else "")
        shift = f"+{shown.offset}" if shown.offset else ""
        expressions["first"] = f"min({first},root.first_frame{shift},frame{shift})"
        expressions["last"] = f"max({last},root.last_frame{shift},frame{shift})"
    layers, cryptomatte = (
        PlannedNode(
            name,
            "Read",
            (),
            {"file": f"{shown.folder}/%V/{shown.stem}.{kind}.{number}.exr", **values},
            expressions,
            (column * _ASIDE, 0),
        )
        for name, kind, column in ((RESULT, "mattes", 2), (CRYPTOMATTE, "cryptomatte", 4))
    )
    return layers, cryptomatte


def wide_range(shown: ShownResults, script: tuple[int, int]) -> dict[str, int]:
    """A Read's first and last in plain numbers: over the result and a script of this first and last frame."""
    if shown.hold:
        return {}
    return {
        "first": min(shown.frames[0], script[0]) + shown.offset,
        "last": max(shown.frames[-1], script[1]) + shown.offset,
    }


def planned(
    rows: Sequence[Row], shown: ShownResults | None, one: str, channels: Mapping[str, str]
) -> GroupPlan:
    """The inside of a node.

    rows: each with its layer as its socket. one: key of the instance that is the output alpha, "" for all that
    are shown. channels: what SM_Result calls the alpha of each slot.
    """
    if shown is None:
        return GroupPlan(
            (_alpha_view(SOURCE, 1), _switch((SOURCE, SOURCE, "SM_AlphaView", SOURCE, SOURCE), 2)), ()
        )
    fed = feeds(rows)
    of_key = {row.key: row for row in rows}
    result, cryptomatte = reads(shown)
    nodes = [result, cryptomatte]
    # A sum stands in the slot of the instance that others are merged into.
    solid = {key: channels.get(of_key[key].slot, channel(of_key[key].slot)) for key in fed.sums}
    last = RESULT
    for key, slots in fed.sums.items():
        parts = [channels.get(slot, channel(slot)) for slot in slots]
        if parts not in ([], [solid[key]]):
            last = _add(nodes, _merge(len(nodes) - 1, last, solid[key], parts))
    asked = [solid[key] for key in _output_keys(fed, one)]
    last = _add(nodes, _expression(ALPHA, last, {"expr3": _sum(asked)}, (2 * _ASIDE, len(nodes) * _DOWN)))
    copied = [(solid[row.key], channel(row.socket)) for row in rows if fed.sums.get(row.key)]
    stream = SOURCE
    for number, start in enumerate(range(0, len(copied), _TO_A_COPY), 1):
        stream = _add(nodes, _copy(f"SM_Copy_{number}", stream, copied[start : start + _TO_A_COPY], len(nodes)))
    stream = _add(nodes, _copy("SM_OutAlpha", stream, [("rgba.alpha", "rgba.alpha")], len(nodes)))
    _add(nodes, _overlay(stream, rows, fed, len(nodes)))
    _add(nodes, _alpha_view(stream, len(nodes)))
    _add(nodes, _switch((stream, "SM_Overlay", "SM_AlphaView", SOURCE, CRYPTOMATTE), len(nodes)))
    layers = [row.slot for row in rows] + [row.socket for row in rows if fed.sums.get(row.key)]
    return GroupPlan(tuple(nodes), tuple(dict.fromkeys(layers)))


def needed_for(plan: GroupPlan, output: str) -> tuple[PlannedNode, ...]:
    """The planned nodes that one of them follows from, itself among them, in the plan's order."""
    of_name = {node.name: node for node in plan.nodes}
    wanted: set[str] = set()
    waiting = [output]
    while waiting:
        name = waiting.pop()
        if name in of_name and name not in wanted:
            wanted.add(name)
            waiting += of_name[name].inputs
    return tuple(node for node in plan.nodes if node.name in wanted)


def _output_keys(fed: Feeds, one: str) -> tuple[str, ...]:
    """Keys of the sums that the output alpha is made of."""
    if not one:
        return fed.shown
    target = fed.targets.get(one, "")
    return (target,) if fed.sums.get(target) else ()


def _merge(number: int, stream: str, into: str, parts: Sequence[str]) -> PlannedNode:
    """Sums some channels of a stream into one of them."""
    values = {"channel0": into, "expr0": _sum(parts)}
    return _expression(f"SM_Merge_{number}", stream, values, (2 * _ASIDE, number * _DOWN))


def _overlay(stream: str, rows: Sequence[Row], fed: Feeds, row: int) -> PlannedNode:
    """Every shown instance in a colour of its own over the plate."""
    place = {one.key: index for index, one in enumerate(rows)}
    shown = [(channel(rows[place[key]].socket), overlay_colour(place[key])) for key in fed.shown]
    values = {"temp_name0": "covered", "temp_expr0": _sum([name for name, _ in shown])}
    for index, sign in enumerate("rgb"):
        tint = "+".join(f"{colour[index]:.4g}*{name}" for name, colour in shown) or "0"
        values[f"expr{index}"] = f"{sign}*(1-{_MIX}*covered)+{_MIX}*({tint})"
    return _expression("SM_Overlay", stream, values, (-_ASIDE, row * _DOWN))


def _alpha_view(stream: str, row: int) -> PlannedNode:
    """The alpha in grey."""
    return _expression("SM_AlphaView", stream, {f"expr{index}": "a" for index in range(3)}, (0, row * _DOWN))


def _switch(inputs: tuple[str, ...], row: int) -> PlannedNode:
    """What the node gives, in the order of SHOWS."""
    return PlannedNode(SHOW, "Switch", inputs, {}, {"which": "parent.show"}, (0, row * _DOWN + _DOWN))


def _copy(name: str, stream: str, pairs: Sequence[tuple[str, str]], row: int) -> PlannedNode:
    """Copies up to four channels from the mattes' stream."""
    values = {}
    for index in range(_TO_A_COPY):
        pair = pairs[index] if index < len(pairs) else ("none", "none")
        values[f"from{index}"], values[f"to{index}"] = pair
    return PlannedNode(name, "Copy", (stream, ALPHA), values, {}, (0, row * _DOWN))


def _expression(name: str, stream: str, values: Mapping[str, str], position: tuple[int, int]) -> PlannedNode:
    """An Expression whose other fields are empty: these channels pass."""
    empty = {"temp_name0": "", "temp_expr0": "", **{f"expr{index}": "" for index in range(4)}}
    return PlannedNode(name, "Expression", (stream,), {**empty, "channel0": "rgba.red", **values}, {}, position)


def _sum(channels: Sequence[str]) -> str:
    """The expression of a sum, 0 to 1."""
    return f"clamp({'+'.join(channels)})" if channels else "0"


def _add(nodes: list[PlannedNode], node: PlannedNode) -> str:
    """Put it behind the others; returns its name."""
    nodes.append(node)
    return node.name
