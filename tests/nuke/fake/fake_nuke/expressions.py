"""Nuke's expressions of numbers, as knobs hold them: parent.show, frame+1000, a > 1 ? 2 : 3, clamp(x)."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, Optional

from . import runtime

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z_0-9]*(?:\.[A-Za-z_][A-Za-z_0-9]*)*)"
    r"|(?P<sign>\*\*|<=|>=|==|!=|&&|\|\||[-+*/%<>!?:(),]))"
)
_DEPTH = 30


class ExpressionError(RuntimeError):
    """An expression that Nuke would show as an error."""


_FUNCTIONS: dict[str, Callable[..., float]] = {
    "abs": abs,
    "min": min,
    "max": max,
    "int": lambda value: float(math.trunc(value)),
    "trunc": lambda value: float(math.trunc(value)),
    "floor": lambda value: float(math.floor(value)),
    "ceil": lambda value: float(math.ceil(value)),
    "rint": lambda value: float(round(value)),
    "sqrt": math.sqrt,
    "pow": lambda base, power: float(base**power),
    "exp": math.exp,
    "log": math.log,
    "sin": math.sin,
    "cos": math.cos,
    "fmod": math.fmod,
    "clamp": lambda value, low=0.0, high=1.0: min(max(value, low), high),
    "step": lambda edge, value: float(value >= edge),
    "lerp": lambda a, b, t: a + (b - a) * t,
}
_CONSTANTS = {"pi": math.pi, "true": 1.0, "false": 0.0}


def evaluate(text: str, knob: Any, frame: Optional[float] = None, view: Optional[str] = None) -> float:
    """The number that an expression of a knob gives at a frame."""
    host = runtime.running()
    host.expression_depth += 1
    try:
        if host.expression_depth > _DEPTH:
            raise ExpressionError(f"{knob._name}: the expression {text!r} hangs on itself")
        return _Reading(text, knob, host.frame if frame is None else frame, view).whole()
    finally:
        host.expression_depth -= 1


def names_in(text: str) -> list[str]:
    """Every name that an expression speaks of."""
    plain = re.sub(r"\[\s*(?:value|knob|numvalue|ex)\s+([^\]\s]+)\s*\]", r" \1 ", text)
    return [found["name"] for found in _TOKEN.finditer(plain) if found["name"]]


class _Reading:
    """One pass over an expression, by precedence."""

    def __init__(self, text: str, knob: Any, frame: float, view: Optional[str]) -> None:
        if "[" in text:
            from .tcl_expressions import substituted

            text = substituted(text, knob, None)
        self.text, self.knob, self.frame, self.view = text, knob, frame, view
        self.tokens: list[str] = []
        place = 0
        while place < len(text.rstrip()):
            found = _TOKEN.match(text, place)
            if not found:
                raise ExpressionError(f"{knob._name}: syntax error in {text!r} at {text[place:]!r}")
            self.tokens.append(found[0].strip())
            place = found.end()
        self.place = 0

    def whole(self) -> float:
        value = self.choice()
        if self.place != len(self.tokens):
            raise ExpressionError(f"{self.knob._name}: syntax error in {self.text!r}")
        return float(value)

    def peek(self) -> str:
        return self.tokens[self.place] if self.place < len(self.tokens) else ""

    def take(self, *signs: str) -> str:
        if self.peek() in signs and self.peek():
            self.place += 1
            return self.tokens[self.place - 1]
        return ""

    def need(self, sign: str) -> None:
        if not self.take(sign):
            raise ExpressionError(f"{self.knob._name}: {sign!r} is missing in {self.text!r}")

    def choice(self) -> float:
        value = self.either()
        if not self.take("?"):
            return value
        good = self.choice()
        self.need(":")
        bad = self.choice()
        return good if value else bad

    def either(self) -> float:
        value = self.both()
        while self.take("||"):
            other = self.both()
            value = float(bool(value) or bool(other))
        return value

    def both(self) -> float:
        value = self.compared()
        while self.take("&&"):
            other = self.compared()
            value = float(bool(value) and bool(other))
        return value

    def compared(self) -> float:
        value = self.added()
        sign = self.take("<=", ">=", "==", "!=", "<", ">")
        while sign:
            other = self.added()
            value = float(
                {
                    "<=": value <= other,
                    ">=": value >= other,
                    "==": value == other,
                    "!=": value != other,
                    "<": value < other,
                    ">": value > other,
                }[sign]
            )
            sign = self.take("<=", ">=", "==", "!=", "<", ">")
        return value

    def added(self) -> float:
        value = self.multiplied()
        sign = self.take("+", "-")
        while sign:
            other = self.multiplied()
            value = value + other if sign == "+" else value - other
            sign = self.take("+", "-")
        return value

    def multiplied(self) -> float:
        value = self.signed()
        sign = self.take("*", "/", "%")
        while sign:
            other = self.signed()
            if sign == "*":
                value *= other
            elif other == 0:
                value = math.inf if sign == "/" else 0.0
            else:
                value = value / other if sign == "/" else math.fmod(value, other)
            sign = self.take("*", "/", "%")
        return value

    def signed(self) -> float:
        sign = self.take("-", "+", "!")
        if sign:
            value = self.signed()
            return -value if sign == "-" else value if sign == "+" else float(not value)
        value = self.atom()
        if self.take("**"):
            value = value ** self.signed()
        return value

    def atom(self) -> float:
        if self.take("("):
            value = self.choice()
            self.need(")")
            return value
        token = self.peek()
        self.place += 1
        if not token:
            raise ExpressionError(f"{self.knob._name}: {self.text!r} ends too early")
        if token[0].isdigit() or token[0] == ".":
            return float(token)
        if self.take("("):
            return self.called(token)
        return self.named(token)

    def called(self, name: str) -> float:
        arguments = []
        if not self.take(")"):
            arguments.append(self.choice())
            while self.take(","):
                arguments.append(self.choice())
            self.need(")")
        if name not in _FUNCTIONS:
            # knob(5) is the knob at another frame.
            return self.number_of(name, arguments[0] if arguments else self.frame)
        return float(_FUNCTIONS[name](*arguments))

    def named(self, name: str) -> float:
        if name in ("frame", "t", "x"):
            return float(self.frame)
        if name in _CONSTANTS:
            return _CONSTANTS[name]
        return self.number_of(name, self.frame)

    def number_of(self, name: str, frame: float) -> float:
        path, index = name, 0
        knob = knob_at(path, self.knob)
        if knob is None and "." in name:
            path, _, component = name.rpartition(".")
            index = {"x": 0, "y": 1, "r": 0, "g": 1, "b": 2, "a": 3, "w": 0, "h": 1}.get(component, 0)
            knob = knob_at(path, self.knob)
        if knob is None:
            raise ExpressionError(f"{self.knob._name}: nothing is named {name!r} in {self.text!r}")
        if knob.Class() == "Link_Knob":
            knob = knob.getLinkedKnob()
        if not hasattr(knob, "_number"):
            try:
                return float(knob.value())
            except (TypeError, ValueError):
                return 0.0
        return float(knob._number(index, frame, self.view))


def core_at(path: str, knob: Any) -> Any:
    """The node that a path means, seen from a knob: this, parent, root, input, or a name; or None."""
    core = knob._core
    for place, part in enumerate(path.split(".") if path else []):
        if core is None:
            return None
        if part in ("this", "node"):
            continue
        if part == "parent":
            core = core.parent
        elif part == "root":
            core = core.host.root_core
        elif part == "input":
            core = core.inputs[0] if core.inputs else None
        elif re.match(r"^input\d+$", part):
            number = int(part[5:])
            core = core.inputs[number] if number < len(core.inputs) else None
        else:
            inside = core if place and core.is_group else core.parent or core
            # A Group's own knobs see the nodes inside of it, too.
            core = inside.child(part) or (core.child(part) if core.is_group and not place else None)
    return core


def knob_at(path: str, knob: Any) -> Any:
    """The knob that a path means, seen from another one; None if there is none."""
    owner, _, name = path.rpartition(".")
    core = core_at(owner, knob)
    return None if core is None else core.knobs.get(name)
