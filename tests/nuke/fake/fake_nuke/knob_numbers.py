"""Knobs of numbers: one or several values, each with an expression or keys of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Optional

from . import runtime
from .knob_base import Knob
from .quoting import quoted
from .tcl_words import split, unquoted


@dataclass(frozen=True)
class Numbers:
    """Values, and where there are any, expressions and keys by index."""

    values: tuple[float, ...]
    expressions: tuple[tuple[int, str], ...] = ()
    keys: tuple[tuple[int, tuple[tuple[float, float], ...]], ...] = ()

    def expression(self, index: int) -> Optional[str]:
        return dict(self.expressions).get(index)

    def curve(self, index: int) -> Optional[tuple[tuple[float, float], ...]]:
        return dict(self.keys).get(index)


def number_text(value: float) -> str:
    """A number as script files have it."""
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else f"{value:.9g}"


@runtime.guarded
class Array_Knob(Knob):
    """Numbers, width of them."""

    _size = 1
    _id = 14
    _whole = False

    def __init__(self, name: str, label: Optional[str] = None, size: int = 0) -> None:
        super().__init__(name, label)
        if size:
            self._size = size
        self._default = Numbers((0,) * self._size)
        self._state = self._default
        self._range: Optional[tuple[float, float]] = None

    # Values

    def _check_number(self, value: Any) -> float:
        if isinstance(value, bool) or (isinstance(value, int) and not isinstance(value, bool)):
            return int(value)
        if isinstance(value, float) and not self._whole:
            return value
        raise TypeError(f"setValue: a {type(self).__name__} takes no {type(value).__name__} ({value!r})")

    def setValue(self, val: Any, index: int = -1, time: Any = None, view: Any = None) -> bool:
        if isinstance(val, (list, tuple)):
            if len(val) != self._size:
                raise TypeError(f"setValue: expected {self._size} values, got {len(val)}")
            new = [self._check_number(value) for value in val]
            touched = range(self._size)
        else:
            touched = range(self._size) if index < 0 else range(index, index + 1)
            if touched[-1] >= self._size:
                raise IndexError(f"setValue: {self._name} has {self._size} values, no number {index}")
            new = list(self._state.values)
            for place in touched:
                new[place] = self._check_number(val)
        return self._set_numbers(tuple(new), set(touched), time)

    def _set_numbers(self, new: tuple[float, ...], touched: Any, time: Any) -> bool:
        keys = dict(self._state.keys)
        for place in touched:
            if place in keys:
                frame = float(self._core.host.frame if time is None and self._core else time or 0)
                curve = dict(keys[place])
                curve[frame] = new[place]
                keys[place] = tuple(sorted(curve.items()))
        expressions = tuple(row for row in self._state.expressions if row[0] not in touched)
        return self._put(Numbers(new, expressions, tuple(sorted(keys.items()))))

    def setValueAt(self, val: Any, time: float, index: int = -1, view: Any = None) -> bool:
        value = self._check_number(val)
        keys = dict(self._state.keys)
        for place in range(self._size) if index < 0 else (index,):
            curve = dict(keys.get(place, ()))
            curve[float(time)] = value
            keys[place] = tuple(sorted(curve.items()))
        return self._put(replace(self._state, keys=tuple(sorted(keys.items()))))

    def _number(self, index: int, frame: Optional[float] = None, view: Optional[str] = None) -> float:
        expression = self._state.expression(index)
        if expression is not None and self._core is not None:
            from .expressions import evaluate

            result = evaluate(expression, self, frame, view)
            return int(result) if self._whole else result
        curve = self._state.curve(index)
        if curve:
            if frame is None:
                frame = self._core.host.frame if self._core is not None else 0
            return _on_curve(curve, float(frame))
        return float(self._state.values[index]) if not self._whole else self._state.values[index]

    def value(self, index: int = -1, *rest: Any) -> Any:
        if self._size == 1 or index >= 0:
            return self._number(max(index, 0))
        return [self._number(place) for place in range(self._size)]

    def getValue(self, index: int = -1, *rest: Any) -> Any:
        if self._size == 1 or index >= 0:
            return float(self._number(max(index, 0)))
        return [float(self._number(place)) for place in range(self._size)]

    def valueAt(self, frame: float, index: int = -1, view: Optional[str] = None) -> Any:
        if self._size == 1 or index >= 0:
            return self._number(max(index, 0), frame, view)
        return [self._number(place, frame, view) for place in range(self._size)]

    def getValueAt(self, frame: float, index: int = -1, view: Optional[str] = None) -> Any:
        return self.valueAt(frame, index, view)

    def array(self) -> list[float]:
        return [self._number(place) for place in range(self._size)]

    def arraySize(self) -> int:
        return self._size

    def defaultValue(self) -> float:
        return float(self._default.values[0])

    def setDefaultValue(self, values: Any) -> None:
        given = values if isinstance(values, (list, tuple)) else [values]
        numbers = tuple(self._check_number(value) for value in given)
        untouched = self._is_default()
        self._trait("_default", Numbers((numbers * self._size)[: self._size]))
        if untouched:
            self._put(self._default)

    def notDefault(self) -> bool:
        return not self._is_default()

    def setRange(self, low: float, high: float) -> None:
        self._trait("_range", (self._check_bound(low), self._check_bound(high)))

    def _check_bound(self, value: Any) -> float:
        if not isinstance(value, (int, float)):
            raise TypeError(f"setRange: expected numbers, got {type(value).__name__}")
        return value

    def min(self) -> float:
        return float(self._range[0]) if self._range else 0.0

    def max(self) -> float:
        return float(self._range[1]) if self._range else 1.0

    # Expressions and keys

    def setExpression(self, expression: str, channel: int = -1, view: Any = None) -> bool:
        self._expect_text("setExpression", expression)
        expressions = dict(self._state.expressions)
        for place in range(self._size) if channel < 0 else (channel,):
            expressions[place] = expression
        return self._put(replace(self._state, expressions=tuple(sorted(expressions.items()))))

    def hasExpression(self, index: int = -1) -> bool:
        return bool(self._state.expressions) if index < 0 else self._state.expression(index) is not None

    def isAnimated(self, channel: int = -1) -> bool:
        if channel < 0:
            return bool(self._state.keys or self._state.expressions)
        return self._state.curve(channel) is not None or self._state.expression(channel) is not None

    def setAnimated(self, channel: int = -1) -> bool:
        keys = dict(self._state.keys)
        for place in range(self._size) if channel < 0 else (channel,):
            frame = float(self._core.host.frame if self._core is not None else 0)
            keys.setdefault(place, ((frame, self._state.values[place]),))
        return self._put(replace(self._state, keys=tuple(sorted(keys.items()))))

    def clearAnimated(self, channel: int = -1) -> bool:
        values = tuple(self._number(place) for place in range(self._size))
        return self._put(Numbers(values))

    def getNumKeys(self, channel: int = -1) -> int:
        return sum(len(curve) for place, curve in self._state.keys if channel in (-1, place))

    def getKeyList(self) -> list[float]:
        return sorted({frame for _, curve in self._state.keys for frame, _ in curve})

    def isKeyAt(self, frame: float, index: int = -1, view: Any = None) -> bool:
        return float(frame) in self.getKeyList()

    # Text in a script

    def _is_default(self) -> bool:
        return bool(self._state == self._default)

    def _plain_text(self, value: float) -> str:
        return number_text(value)

    def _script(self) -> tuple[str, bool]:
        if self._state.expressions or self._state.keys:
            parts = [self._part(place) for place in range(self._size)]
            return " ".join(parts), True
        values = self._state.values
        if len(set(values)) == 1 and not self._always_all():
            return self._plain_text(values[0]), False
        return " ".join(map(self._plain_text, values)), True

    def _always_all(self) -> bool:
        return False

    def _part(self, place: int) -> str:
        expression, curve = self._state.expression(place), self._state.curve(place)
        if expression is not None:
            # One with blanks or brackets stands in quotes inside its braces.
            return "{" + quoted(expression) + "}"
        if curve:
            return "{curve " + " ".join(f"x{number_text(f)} {number_text(v)}" for f, v in curve) + "}"
        return self._plain_text(self._state.values[place])

    def _read(self, text: str, braced: bool) -> None:
        found = split(text)
        if not found:
            raise ValueError(f"{self._name}: expected numbers, got {text!r}")
        if len(found) == 1:
            found = found * self._size
        values, expressions, keys = list(self._default.values), {}, {}
        for place, (one, in_braces) in enumerate(found[: self._size]):
            if in_braces and one.startswith("curve"):
                keys[place] = _curve_of(one, self._whole)
                continue
            plain = None if in_braces else self._plain_value(one)
            if plain is None:
                expressions[place] = unquoted(one) if in_braces else one
            else:
                values[place] = plain
        self._put(Numbers(tuple(values), tuple(sorted(expressions.items())), tuple(sorted(keys.items()))))

    def _plain_value(self, text: str) -> Optional[float]:
        lowered = text.lower()
        if lowered in ("true", "yes", "on"):
            return 1
        if lowered in ("false", "no", "off"):
            return 0
        try:
            number = float(int(text, 16)) if lowered.startswith("0x") else float(text)
        except ValueError:
            return None
        return int(number) if self._whole or number.is_integer() else number

    def _definition_end(self) -> list[str]:
        if self._range is None:
            return []
        return ["R", number_text(self._range[0]), number_text(self._range[1])]


def _on_curve(curve: tuple[tuple[float, float], ...], frame: float) -> float:
    """Straight lines between keys, held outside of them."""
    before = [key for key in curve if key[0] <= frame]
    after = [key for key in curve if key[0] >= frame]
    if not before:
        return after[0][1]
    if not after or before[-1][0] == after[0][0]:
        return before[-1][1]
    (x0, y0), (x1, y1) = before[-1], after[0]
    return y0 + (y1 - y0) * (frame - x0) / (x1 - x0)


def _curve_of(text: str, whole: bool) -> tuple[tuple[float, float], ...]:
    """Keys of `curve x1 0 x10 1`; handles and kinds of interpolation are left out."""
    keys: dict[float, float] = {}
    frame: Optional[float] = None
    for part in text.split()[1:]:
        if part[0] == "x":
            frame = float(part[1:])
        elif part[0].isalpha():
            continue
        else:
            at = frame if frame is not None else 0.0
            keys[at] = float(part)
            frame = at + 1
    return tuple(sorted(keys.items()))


@runtime.guarded
class Int_Knob(Array_Knob):
    _id = 3
    _whole = True

    def value(self, *rest: Any) -> int:
        return int(self._number(0))


@runtime.guarded
class Unsigned_Knob(Int_Knob):
    def _check_number(self, value: Any) -> float:
        number = super()._check_number(value)
        if number < 0:
            raise ValueError(f"setValue: {self._name} takes no negative number")
        return number


@runtime.guarded
class Double_Knob(Array_Knob):
    _id = 7


@runtime.guarded
class Boolean_Knob(Array_Knob):
    _id = 6
    _whole = True

    def __init__(self, name: str, label: Optional[str] = None, value: bool = False) -> None:
        super().__init__(name, label)
        if value:
            self._state = Numbers((1,))

    def _check_number(self, value: Any) -> float:
        if not isinstance(value, (bool, int, float)):
            raise TypeError(f"setValue: a Boolean_Knob takes no {type(value).__name__} ({value!r})")
        return 1 if value else 0

    def value(self, *rest: Any) -> bool:
        return bool(self._number(0))

    def _plain_text(self, value: float) -> str:
        return "true" if value else "false"


@runtime.guarded
class Disable_Knob(Boolean_Knob):
    pass
