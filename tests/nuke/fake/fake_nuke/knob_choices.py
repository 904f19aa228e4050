"""Knobs of one of several: enumerations, channels, layers, formats, and links to other knobs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any, Optional, Union

from . import runtime
from .knob_base import Knob
from .knob_numbers import Unsigned_Knob
from .quoting import quoted, words
from .tcl_words import unquoted


@runtime.guarded
class Enumeration_Knob(Unsigned_Knob):
    """One of its items, by text or number. The state is the text."""

    _id = 4

    def __init__(self, name: str, label: Optional[str] = None, items: Sequence[str] = ()) -> None:
        Knob.__init__(self, name, label)
        self._items: tuple[str, ...] = ()
        self._size, self._range = 1, None
        self._items = self._checked(items)
        self._state: Any = self._items[0] if self._items else ""
        self._default = self._state

    def _checked(self, items: Sequence[str]) -> tuple[str, ...]:
        if isinstance(items, str) or not all(isinstance(item, str) for item in items):
            raise TypeError(f"{type(self).__name__}: expected a list of strings, got {items!r}")
        return tuple(items)

    def _names(self) -> list[str]:
        """What is kept of each item: `value\\tlabel` shows the label alone."""
        return [item.split("\t")[0] for item in self._items]

    def setValue(self, val: Union[str, int], *rest: Any) -> bool:
        if isinstance(val, bool) or not isinstance(val, (str, int, float)):
            raise TypeError(f"setValue: an Enumeration_Knob takes no {type(val).__name__} ({val!r})")
        if isinstance(val, str):
            if val not in self._names():
                raise ValueError(f"setValue: {self._name} has no item {val!r}, only {self._names()}")
            return self._put(val)
        if not 0 <= int(val) < len(self._items):
            raise ValueError(f"setValue: {self._name} has no item number {val}")
        return self._put(self._names()[int(val)])

    def _index(self) -> int:
        if isinstance(self._state, tuple):
            from .expressions import evaluate

            wanted = int(evaluate(self._state[1], self))
            return min(max(wanted, 0), max(len(self._items) - 1, 0))
        return self._names().index(self._state) if self._state in self._names() else 0

    def _number(self, index: int, frame: Optional[float] = None, view: Optional[str] = None) -> float:
        if isinstance(self._state, tuple):
            from .expressions import evaluate

            return float(int(evaluate(self._state[1], self, frame, view)))
        return float(self._index())

    def value(self, *rest: Any) -> Any:
        if isinstance(self._state, tuple):
            names = self._names()
            return names[self._index()] if names else ""
        return self._state

    def getValue(self, *rest: Any) -> float:
        return float(self._index())

    def valueAt(self, frame: float, *rest: Any) -> Any:
        return self.value()

    def getValueAt(self, frame: float, *rest: Any) -> Any:
        return self.getValue()

    def values(self) -> list[str]:
        return list(self._items)

    def numValues(self) -> int:
        return len(self._items)

    def enumName(self, n: int) -> str:
        return self._names()[n]

    def setValues(self, items: Sequence[str]) -> None:
        """Other items; what was chosen stays where it still is one of them, else the first is."""
        new = self._checked(items)
        self._trait("_items", new)
        names = self._names()
        self._trait("_default", names[0] if names else "")
        if not isinstance(self._state, tuple) and self._state not in names:
            self._put(names[0] if names else "")

    def setExpression(self, expression: str, channel: int = -1, view: Any = None) -> bool:
        self._expect_text("setExpression", expression)
        return self._put(("expression", expression))

    def hasExpression(self, index: int = -1) -> bool:
        return isinstance(self._state, tuple)

    def isAnimated(self, channel: int = -1) -> bool:
        return isinstance(self._state, tuple)

    def clearAnimated(self, channel: int = -1) -> bool:
        return self._put(self.value()) if isinstance(self._state, tuple) else False

    def getNumKeys(self, channel: int = -1) -> int:
        return 0

    def getKeyList(self) -> list[float]:
        return []

    def array(self) -> list[float]:
        return [self.getValue()]

    def _is_default(self) -> bool:
        return bool(self._state == self._default)

    def _script(self) -> tuple[str, bool]:
        if isinstance(self._state, tuple):
            return "{" + quoted(self._state[1]) + "}", True
        return str(self._state), False

    def _read(self, text: str, braced: bool) -> None:
        if text.startswith("{") and text.endswith("}"):
            self._put(("expression", unquoted(text[1:-1])))
        elif text in self._names() or not self._items:
            self._put(text)
        elif text.lower() in (names := [name.lower() for name in self._names()]):
            # Older scripts write some items small.
            self._put(self._names()[names.index(text.lower())])
        elif text.isdigit() and int(text) < len(self._items):
            self._put(self._names()[int(text)])
        else:
            # A script keeps what it says, and shows it in red.
            self._put(text)

    def _definition_end(self) -> list[str]:
        return ["M", "{" + words(self._items) + "}"]


@runtime.guarded
class Pulldown_Knob(Enumeration_Knob):
    """A menu of commands."""

    _id = 28

    def setValues(self, items: Union[dict[str, str], Sequence[str]]) -> None:
        if isinstance(items, dict):
            self._trait("_items", tuple(items))
            self._trait("_commands", tuple(items.values()))
            return
        super().setValues(items)

    _commands: tuple[str, ...] = ()

    def itemName(self, n: int) -> str:
        return self._items[n]

    def commands(self, n: int) -> str:
        return self._commands[n]

    def _definition_end(self) -> list[str]:
        pairs = [part for pair in zip_longest(self._items, self._commands, fillvalue="") for part in pair]
        return ["M", "{" + words(pairs) + "}"]


@runtime.guarded
class Radio_Knob(Enumeration_Knob):
    pass


@runtime.guarded
class EditableEnumeration_Knob(Enumeration_Knob):
    pass


@runtime.guarded
class CascadingEnumeration_Knob(Enumeration_Knob):
    _id = 68


@runtime.guarded
class OneView_Knob(Enumeration_Knob):
    def _names(self) -> list[str]:
        return list(runtime.running().views)

    def _is_default(self) -> bool:
        return not self._state
