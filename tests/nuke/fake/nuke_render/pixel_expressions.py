"""Nuke's expressions over whole channels: clamp(a + b), r > 0.5 ? g : 0. Nothing is handed to Python."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Union

import numpy as np

from .picture import RenderError

Value = Union[float, np.ndarray]
_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)|(?P<name>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)"
    r"|(?P<sign><=|>=|==|!=|&&|\|\||[-+*/%^<>!?:(),]))"
)
# Looser first; each level binds tighter than the one before.
_LEVELS = (("||",), ("&&",), ("==", "!="), ("<", ">", "<=", ">="), ("+", "-"), ("*", "/", "%"))


def _divided(one: Value, other: Value) -> Value:
    """A quotient as C's floats have it: infinities instead of an error."""
    with np.errstate(all="ignore"):
        return np.divide(one, other)


def _truth(value: Value) -> Value:
    """1 where it isn't 0."""
    return np.asarray(value != 0).astype(np.float32)


_PAIRS: dict[str, Callable[[Value, Value], Value]] = {
    "||": lambda one, other: np.maximum(_truth(one), _truth(other)),
    "&&": lambda one, other: _truth(one) * _truth(other),
    "==": lambda one, other: np.equal(one, other).astype(np.float32),
    "!=": lambda one, other: np.not_equal(one, other).astype(np.float32),
    "<": lambda one, other: np.less(one, other).astype(np.float32),
    ">": lambda one, other: np.greater(one, other).astype(np.float32),
    "<=": lambda one, other: np.less_equal(one, other).astype(np.float32),
    ">=": lambda one, other: np.greater_equal(one, other).astype(np.float32),
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": _divided,
    "%": np.fmod,
}
_CALLS: dict[str, Callable[..., Value]] = {
    "clamp": lambda value, low=0.0, high=1.0: np.minimum(np.maximum(value, low), high),
    "min": lambda *values: _folded(np.minimum, values),
    "max": lambda *values: _folded(np.maximum, values),
    "abs": np.abs,
    "int": np.trunc,
    "trunc": np.trunc,
    "floor": np.floor,
    "ceil": np.ceil,
    "rint": np.rint,
    "sqrt": np.sqrt,
    "exp": np.exp,
    "log": np.log,
    "sin": np.sin,
    "cos": np.cos,
    "pow": np.power,
    "fmod": np.fmod,
    "lerp": lambda one, other, amount: one + (other - one) * amount,
    "mix": lambda one, other, amount: one + (other - one) * amount,
    "step": lambda edge, value: np.greater_equal(value, edge).astype(np.float32),
    "isnan": lambda value: np.isnan(value).astype(np.float32),
    "isinf": lambda value: np.isinf(value).astype(np.float32),
}


def _folded(pair: Callable[[Value, Value], Value], values: tuple) -> Value:
    """Two by two from the left."""
    if not values:
        raise TypeError("no values")
    made = values[0]
    for value in values[1:]:
        made = pair(made, value)
    return made


def evaluated(text: str, named: Callable[[str], Value]) -> Value:
    """The value of an expression; ``named`` gives channels and numbers by name or raises RenderError."""
    return _Reading(text, named).whole()


class _Reading:
    """One pass over the text."""

    def __init__(self, text: str, named: Callable[[str], Value]) -> None:
        self.text, self.named, self.tokens, self.place = text, named, _tokens(text), 0

    def whole(self) -> Value:
        """The value; nothing may be left over."""
        with np.errstate(all="ignore"):
            value = self.choice()
        if self.place < len(self.tokens):
            raise RenderError(f"Syntax error in {self.text!r} at {self.tokens[self.place]!r}.")
        return value

    def take(self, *signs: str) -> str:
        """The next token if it is one of these, else nothing."""
        if self.place < len(self.tokens) and self.tokens[self.place] in signs:
            self.place += 1
            return self.tokens[self.place - 1]
        return ""

    def need(self, sign: str) -> None:
        """The next token must be this."""
        if not self.take(sign):
            raise RenderError(f"{sign!r} is missing in {self.text!r}.")

    def choice(self) -> Value:
        """condition ? one : other."""
        condition = self.level(0)
        if not self.take("?"):
            return condition
        good = self.choice()
        self.need(":")
        return np.where(np.asarray(condition) != 0, good, self.choice())

    def level(self, number: int) -> Value:
        """Signs of one strength, from the left."""
        if number == len(_LEVELS):
            return self.signed()
        value = self.level(number + 1)
        sign = self.take(*_LEVELS[number])
        while sign:
            value = _PAIRS[sign](value, self.level(number + 1))
            sign = self.take(*_LEVELS[number])
        return value

    def signed(self) -> Value:
        """A sign before a value, and powers."""
        sign = self.take("-", "+", "!")
        if sign:
            value = self.signed()
            return -value if sign == "-" else value if sign == "+" else 1 - _truth(value)
        value = self.atom()
        return np.power(value, self.signed()) if self.take("^") else value

    def atom(self) -> Value:
        """A number, a name, a call or brackets."""
        if self.take("("):
            value = self.choice()
            self.need(")")
            return value
        if self.place == len(self.tokens):
            raise RenderError(f"{self.text!r} ends too early.")
        token = self.tokens[self.place]
        self.place += 1
        if token[0].isdigit() or token[0] == ".":
            return float(token)
        if not (token[0].isalpha() or token[0] == "_"):
            raise RenderError(f"Syntax error in {self.text!r} at {token!r}.")
        return self.called(token) if self.take("(") else self.named(token)

    def called(self, name: str) -> Value:
        """A function of its arguments."""
        if name not in _CALLS:
            raise RenderError(f"{self.text!r} calls {name!r}, which this renderer doesn't know.")
        arguments: list[Value] = []
        if not self.take(")"):
            arguments.append(self.choice())
            while self.take(","):
                arguments.append(self.choice())
            self.need(")")
        try:
            return _CALLS[name](*arguments)
        except TypeError as error:
            raise RenderError(f"{name} got {len(arguments)} values in {self.text!r}.") from error


def _tokens(text: str) -> list[str]:
    """Numbers, names and signs in order."""
    found, place, end = [], 0, len(text.rstrip())
    while place < end:
        match = _TOKEN.match(text, place)
        if match is None:
            raise RenderError(f"Syntax error in {text!r} at {text[place:]!r}.")
        found.append(match[match.lastgroup])  # type: ignore[index]
        place = match.end()
    return found
