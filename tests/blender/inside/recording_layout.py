"""Stands for Blender's UILayout, which exists only while a window is drawn. Notes what is drawn, and is strict.

Names and values are held against Blender's own description, `bpy.types.UILayout.bl_rna`: a function, argument,
icon, property, operator or menu that this Blender has not, raises. So does a value of a wrong kind.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import bpy

_RNA = bpy.types.UILayout.bl_rna
_KINDS: dict[str, tuple[type, ...]] = {
    "BOOLEAN": (bool, int),
    "INT": (int,),
    "FLOAT": (int, float),
    "STRING": (str,),
    "ENUM": (str,),
}


class LayoutError(AssertionError):
    """Something was drawn that Blender can't draw."""


@dataclass
class Call:
    """One thing that was drawn. properties: those of an operator's button, as they were set."""

    name: str
    arguments: dict[str, Any]
    properties: dict[str, Any] = field(default_factory=dict)
    alert: bool = False


class RecordingLayout:
    """A layout whose `calls` hold all that was drawn in it and in those made from it."""

    def __init__(self, calls: list[Call] | None = None, alert: bool = False) -> None:
        object.__setattr__(self, "calls", [] if calls is None else calls)
        # What is red makes all in it red.
        object.__setattr__(self, "_values", {"alert": alert})

    def __getattr__(self, name: str) -> Any:
        function = _RNA.functions.get(name)
        if function is not None:
            return lambda *given, **named: self._drawn(function, given, named)
        if name in _RNA.properties:
            return self._values.get(name, _RNA.properties[name].default)
        raise LayoutError(f"UILayout of {bpy.app.version_string} has no '{name}'")

    def __setattr__(self, name: str, value: Any) -> None:
        known = _RNA.properties.get(name)
        if known is None or known.is_readonly:
            raise LayoutError(f"UILayout of {bpy.app.version_string} has no '{name}' to set")
        _check(f"UILayout.{name}", known, value)
        self._values[name] = value

    def texts(self) -> list[str]:
        """All words that are seen: of labels, buttons and progress."""
        return [call.arguments["text"] for call in self.calls if call.arguments.get("text")]

    def red_text(self) -> str:
        """The words of red labels, as one text."""
        return " ".join(
            call.arguments.get("text", "") for call in self.calls if call.alert and call.name == "label"
        )

    def of(self, name: str, **arguments: Any) -> list[Call]:
        """Calls of a function with these arguments among its own."""
        return [
            call
            for call in self.calls
            if call.name == name and all(call.arguments.get(key) == value for key, value in arguments.items())
        ]

    def operators(self) -> list[str]:
        """The operators that have a button, in order."""
        return [call.arguments["operator"] for call in self.calls if call.name == "operator"]

    def _drawn(self, function: Any, given: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """Check and note one call; returns what Blender returns in kind."""
        arguments = _bound(function, given, named)
        call = Call(function.identifier, arguments, alert=self._values["alert"])
        self.calls.append(call)
        _check_meaning(function.identifier, arguments)
        if function.identifier == "template_list":
            self._draw_rows(arguments)
        if function.identifier == "operator":
            return OperatorProperties(call)
        returned = [one for one in function.parameters if one.is_output]
        if any(getattr(one.fixed_type, "identifier", "") == "UILayout" for one in returned):
            return RecordingLayout(self.calls, self._values["alert"])
        return None

    def _draw_rows(self, arguments: dict[str, Any]) -> None:
        """Every row of a list, as if all of them were in sight."""
        data, name = arguments["dataptr"], arguments["propname"]
        drawer = getattr(bpy.types, arguments["listtype_name"])
        for item in getattr(data, name):
            drawer.draw_item(
                SimpleNamespace(layout=self, layout_type="DEFAULT"),
                bpy.context,
                RecordingLayout(self.calls, self._values["alert"]),
                data,
                item,
                0,
                arguments["active_dataptr"],
                arguments["active_propname"],
            )


class OperatorProperties:
    """What `layout.operator` returns: takes values of the operator's own properties."""

    def __init__(self, call: Call) -> None:
        object.__setattr__(self, "_call", call)

    def __setattr__(self, name: str, value: Any) -> None:
        operator = self._call.arguments["operator"]
        known = _operator(operator).properties.get(name)
        if known is None:
            raise LayoutError(f"the operator '{operator}' has no property '{name}'")
        _check(f"{operator}.{name}", known, value)
        self._call.properties[name] = value


def draw(drawer: type, context: Any) -> RecordingLayout:
    """What a panel or menu class draws now."""
    layout = RecordingLayout()
    drawer.draw(SimpleNamespace(layout=layout, bl_label=drawer.bl_label), context)
    return layout


def _bound(function: Any, given: tuple[Any, ...], named: dict[str, Any]) -> dict[str, Any]:
    """The arguments by their names, checked."""
    taken = [one for one in function.parameters if not one.is_output]
    if len(given) > len(taken):
        raise LayoutError(f"{function.identifier}() takes {len(taken)} arguments, got {len(given)}")
    arguments = dict(zip((one.identifier for one in taken), given, strict=False))
    for name, value in named.items():
        if name in arguments or name not in [one.identifier for one in taken]:
            raise LayoutError(f"{function.identifier}() takes no argument '{name}', or has it already")
        arguments[name] = value
    for one in taken:
        if one.identifier in arguments:
            _check(f"{function.identifier}({one.identifier})", one, arguments[one.identifier])
        elif one.is_required:
            raise LayoutError(f"{function.identifier}() needs '{one.identifier}'")
    return arguments


def _check(what: str, known: Any, value: Any) -> None:
    """Raise unless a value is of the kind, and of the choices, that Blender describes."""
    kinds = _KINDS.get(known.type)
    if kinds is not None and not isinstance(value, kinds):
        raise LayoutError(f"{what}: expected {known.type}, got {value!r}")
    if known.type == "ENUM" and len(known.enum_items) and value not in known.enum_items:
        raise LayoutError(f"{what}: {bpy.app.version_string} has no {value!r}")
    if known.type == "STRING":
        value.encode("utf-8")


def _check_meaning(name: str, arguments: dict[str, Any]) -> None:
    """Raise for what Blender would draw in red, or leave out with a warning on the console."""
    if name in ("prop", "prop_menu_enum", "props_enum", "prop_enum"):
        _check_property(arguments["data"], arguments["property"])
        if (
            arguments.get("expand")
            and arguments["data"].bl_rna.properties[arguments["property"]].type != "ENUM"
        ):
            raise LayoutError(f"only choices can be expanded: {arguments['property']}")
    elif name == "operator":
        _operator(arguments["operator"])
    elif name == "menu":
        _check_type(arguments["menu"], bpy.types.Menu)
    elif name == "popover":
        _check_type(arguments["panel"], bpy.types.Panel)
    elif name == "template_list":
        _check_type(arguments["listtype_name"], bpy.types.UIList)
        _check_property(arguments["dataptr"], arguments["propname"])
        _check_property(arguments["active_dataptr"], arguments["active_propname"])


def _check_property(data: Any, name: str) -> None:
    if name not in data.bl_rna.properties:
        raise LayoutError(f"{data.bl_rna.identifier} has no property '{name}'")
    if not data.bl_rna.properties[name].name:
        raise LayoutError(f"{data.bl_rna.identifier}.{name} has no words to show")


def _check_type(name: str, base: type) -> None:
    found = getattr(bpy.types, name, None)
    if found is None or not issubclass(found, base):
        raise LayoutError(f"no {base.__name__} '{name}' is registered")


def _operator(name: str) -> Any:
    """Blender's description of a registered operator."""
    module, _, function = name.partition(".")
    try:
        return getattr(getattr(bpy.ops, module), function).get_rna_type()
    except (KeyError, AttributeError):
        raise LayoutError(f"no operator '{name}' is registered") from None


def everything(layouts: Iterator[RecordingLayout]) -> list[Call]:
    """The calls of several layouts."""
    return [call for layout in layouts for call in layout.calls]
