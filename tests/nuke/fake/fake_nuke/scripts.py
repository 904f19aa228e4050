"""Scripts and copies read back into the graph: Tcl reads the text, this makes the nodes."""

from __future__ import annotations

from typing import Any, Optional

from .knob_base import Knob
from .knob_numbers import Array_Knob
from .node_cores import KNOB_CLASSES, NodeCore
from .node_knob_tables import OF_CLASS

KINDS: dict[int, str] = {
    1: "String_Knob",
    2: "File_Knob",
    3: "Int_Knob",
    4: "Enumeration_Knob",
    6: "Boolean_Knob",
    7: "Double_Knob",
    8: "ColorChip_Knob",
    10: "ChannelMask_Knob",
    11: "Channel_Knob",
    12: "XY_Knob",
    13: "XYZ_Knob",
    14: "Array_Knob",
    15: "BBox_Knob",
    17: "Format_Knob",
    18: "Color_Knob",
    19: "AColor_Knob",
    20: "Tab_Knob",
    22: "PyScript_Knob",
    26: "Text_Knob",
    28: "Pulldown_Knob",
    30: "UV_Knob",
    32: "Script_Knob",
    41: "Link_Knob",
    43: "Multiline_Eval_String_Knob",
    52: "PyCustom_Knob",
    68: "CascadingEnumeration_Knob",
}
_WITH_ITEMS = {4, 28, 68}


class ScriptError(RuntimeError):
    """A script that Nuke would open with errors."""


def read_text(host: Any, text: str, into: NodeCore, whole: bool) -> list[NodeCore]:
    """Make what a script says inside a group; of a whole one its root is taken too. onCreate is not run."""
    from nuke_tcl import load

    script = load(text)
    if script.errors:
        raise ScriptError("; ".join(script.errors))
    for name, channels in script.layers:
        host.layers.add(name, channels)
    if whole and script.root is not None:
        _take_entries(host.root_core, script.root)
        host.views_from_root()
    made: dict[int, NodeCore] = {}
    cores = [_make(host, node, into, made) for node in script.nodes]
    for node, core in zip(script.nodes, cores):  # noqa: B905 - Python 3.9 has no strict.
        _connect(node, core, made)
    return cores


def _make(host: Any, node: Any, parent: NodeCore, made: dict[int, NodeCore]) -> NodeCore:
    if node.class_name not in OF_CLASS:
        raise ScriptError(f"{node.class_name}: Unknown command")
    if node.clone_of is not None:
        raise ScriptError("clones are not simulated")
    core = NodeCore(host, node.class_name, None)
    core.parent = parent
    made[id(node)] = core
    _take_entries(core, node)
    wanted = node.name or f"{node.class_name}1"
    core.knobs["name"]._state = parent.free_name(wanted)
    for child in node.children:
        _make(host, child, core, made)
    for child in node.children:
        _connect(child, made[id(child)], made)
    core.add_to(parent)
    return core


def _connect(node: Any, core: NodeCore, made: dict[int, NodeCore]) -> None:
    inputs: list[Optional[NodeCore]] = [made.get(id(one)) if one is not None else None for one in node.inputs]
    while inputs and inputs[-1] is None:
        inputs.pop()
    core.inputs = inputs


def _take_entries(core: NodeCore, node: Any) -> None:
    """Added knobs and values in the order of the script."""
    definitions = iter(node.user_knobs)
    for entry in node.entries:
        if entry.name == "addUserKnob":
            _add_user_knob(core, next(definitions))
        elif entry.name in core.knobs:
            read_value(core, core.knobs[entry.name], entry)
        elif entry.name != "inputs":
            core.host.load_errors.append(f"{core.class_name}: no such knob: {entry.name}")


def read_value(core: NodeCore, knob: Knob, entry: Any) -> None:
    """A knob's value from its line, without telling anybody."""
    host = core.host
    host.loading += 1
    try:
        # `{{expr}}` is the text `{expr}`; a string in braces is the text itself.
        knob._read(entry.text, entry.form == "braced")
    except (ValueError, TypeError) as error:
        host.load_errors.append(f"{core.class_name} {core.name}: {knob._name}: {error}")
    finally:
        host.loading -= 1
    if knob._name == "file_type":
        core.file_type_changed(str(knob._state))


def _add_user_knob(core: NodeCore, spec: Any) -> None:
    kind = KINDS.get(spec.kind)
    if kind is None:
        raise ScriptError(f"addUserKnob: unknown kind {spec.kind}")
    maker = KNOB_CLASSES[kind]
    if spec.kind in _WITH_ITEMS:
        items: Any = list(spec.items)
        if spec.kind == 28:
            items = list(spec.items[0::2])
        knob = maker(spec.name, spec.label, items)
        if spec.kind == 28:
            knob._commands = tuple(spec.items[1::2])
    elif spec.kind == 20:
        knob = maker(spec.name, spec.label, spec.nesting)
    else:
        knob = maker(spec.name, spec.label)
    if spec.text:
        knob._state = spec.text
    if spec.range is not None and isinstance(knob, Array_Knob):
        knob._range = (float(spec.range[0]), float(spec.range[1]))
    knob._tooltip = spec.tooltip
    _take_flags(knob, spec.flags)
    knob._core, knob._user = core, True
    core.knobs[knob._name] = knob


def _take_flags(knob: Knob, flags: Any) -> None:
    from .constants import FLAGS

    for word in flags:
        flag = FLAGS.get(word[1:], FLAGS["INVISIBLE"] if word[1:] == "HIDDEN" else 0)
        knob._flags = knob._flags | flag if word[0] == "+" else knob._flags & ~flag


def read_knobs(core: NodeCore, text: str) -> None:
    """Node.readKnobs: lines of knobs."""
    from nuke_tcl import load

    script = load("NoOp {\n inputs 0\n" + text + "\n}\n")
    if script.errors:
        raise ScriptError("; ".join(script.errors))
    for entry in script.nodes[0].entries:
        if entry.name in core.knobs:
            core.knobs[entry.name]._read(entry.text, entry.form == "braced")
        elif entry.name == "addUserKnob":
            continue
        else:
            raise ScriptError(f"no such knob: {entry.name}")
