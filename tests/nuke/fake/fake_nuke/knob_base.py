"""What all knobs share: name, label, flags, a state that can be undone, and its text in a script."""

from __future__ import annotations

from typing import Any, Optional

from . import runtime
from .constants import FLAGS, NO_STARTLINE
from .quoting import quoted, word

_ALIVE_OR_LOOSE = "A PythonObject is not attached to a node"


@runtime.guarded
class Knob:
    """A knob of no kind of its own; also the pseudo knobs showPanel and inputChange."""

    _id: Optional[int] = None
    _default: Any = None
    # Buttons have this one flag behind their script.
    _flags_last = False

    def __init__(self, name: str, label: Optional[str] = None) -> None:
        runtime.check_thread(type(self).__name__)
        if not isinstance(name, str) or not isinstance(label, (str, type(None))):
            raise TypeError(f"{type(self).__name__}(name, label): expected strings, got {name!r}, {label!r}")
        self._core: Any = None
        self._user = False
        self._name = name
        self._label, self._tooltip = label, ""
        startline = 0 if type(self).__name__ in NO_STARTLINE else FLAGS["STARTLINE"]
        self._flags, self._first_flags = startline, startline
        self._state: Any = self._default

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("_"):
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")
        object.__setattr__(self, name, value)

    def _check_alive(self) -> None:
        if self._core is not None and self._core.deleted:
            raise ValueError(_ALIVE_OR_LOOSE)

    # Changes

    def _trait(self, attribute: str, value: Any) -> None:
        """Change what isn't the value; it can be undone."""
        old = getattr(self, attribute)
        if old == value:
            return
        object.__setattr__(self, attribute, value)
        # Hiding and greying out are no step of their own.
        if self._core is not None and (attribute != "_flags" or self._core.host.changes.open):
            self._core.host.changes.record(
                lambda: object.__setattr__(self, attribute, old),
                lambda: object.__setattr__(self, attribute, value),
            )

    def _put(self, state: Any) -> bool:
        """Give it this state; whoever listens is told if it is another one."""
        old = self._state
        if self._same(old, state):
            return True
        self._state = state
        if self._core is not None:
            self._core.host.knob_was_changed(self, old, state)
        return True

    def _same(self, one: Any, other: Any) -> bool:
        return type(one) is type(other) and one == other

    # Text in a script

    def _script(self) -> tuple[str, bool]:
        """Its text, and whether it is written in braces instead of as a string."""
        return str(self._state or ""), False

    def _read(self, text: str, braced: bool) -> None:
        """Take the value from a script's text."""
        self.setValue(text)

    def _is_default(self) -> bool:
        return self._same(self._state, self._default)

    def _written(self) -> bool:
        """Whether a script has a line of its value."""
        if self._flags & FLAGS["DO_NOT_WRITE"]:
            return False
        return bool(self._flags & FLAGS["ALWAYS_SAVE"]) or not self._is_default()

    def _definition(self) -> str:
        """What addUserKnob gets in its braces."""
        parts = [str(self._id), word(self._name)]
        if self._label is not None and self._label != self._name:
            parts += ["l", word(self._label)]
        if self._tooltip:
            parts += ["t", word(self._tooltip)]
        flags = self._flag_words()
        late = [flag for flag in flags if self._flags_last and flag == "+STARTLINE"]
        parts += [*(flag for flag in flags if flag not in late), *self._definition_end(), *late]
        return " ".join(parts)

    def _definition_end(self) -> list[str]:
        return []

    def _flag_words(self) -> list[str]:
        found = []
        starts, started = self._flags & FLAGS["STARTLINE"], self._first_flags & FLAGS["STARTLINE"]
        if starts != started:
            found.append("+STARTLINE" if starts else "-STARTLINE")
        found += [f"+{name}" for name in ("DISABLED", "INVISIBLE", "READ_ONLY") if self._flags & FLAGS[name]]
        return found

    def toScript(self, quote: bool = False, context: Any = None) -> str:
        text, braced = self._script()
        if not quote:
            return text
        return f"{{{text}}}" if braced else quoted(text)

    def fromScript(self, script: str) -> bool:
        if not isinstance(script, str):
            raise TypeError("fromScript: expected a string")
        self._read(script, False)
        return True

    # Nuke's interface

    def Class(self) -> str:
        return type(self).__name__

    def name(self) -> str:
        return self._name

    def setName(self, name: str) -> None:
        self._expect_text("setName", name)
        if self._core is not None:
            self._core.rename_knob(self, name)
        self._trait("_name", name)

    def label(self) -> str:
        return self._name if self._label is None else self._label

    def setLabel(self, label: str) -> None:
        self._expect_text("setLabel", label)
        self._trait("_label", label)

    def tooltip(self) -> str:
        return self._tooltip

    def setTooltip(self, tooltip: str) -> None:
        self._expect_text("setTooltip", tooltip)
        self._trait("_tooltip", tooltip)

    def _expect_text(self, what: str, text: Any) -> None:
        if not isinstance(text, str):
            raise TypeError(f"{what}: expected a string, got {type(text).__name__}")

    def setFlag(self, flag: int) -> None:
        self._expect_whole("setFlag", flag)
        self._trait("_flags", self._flags | flag)

    def clearFlag(self, flag: int) -> None:
        self._expect_whole("clearFlag", flag)
        self._trait("_flags", self._flags & ~flag)

    def getFlag(self, flag: int) -> bool:
        self._expect_whole("getFlag", flag)
        return bool(self._flags & flag)

    def _expect_whole(self, what: str, value: Any) -> None:
        if not isinstance(value, int):
            raise TypeError(f"{what}: expected a whole number, got {type(value).__name__}")

    def enabled(self) -> bool:
        return not self._flags & FLAGS["DISABLED"]

    def setEnabled(self, enabled: bool) -> None:
        flag = FLAGS["DISABLED"]
        self._trait("_flags", self._flags & ~flag if enabled else self._flags | flag)

    def visible(self) -> bool:
        return not self._flags & FLAGS["INVISIBLE"]

    def setVisible(self, visible: bool) -> None:
        flag = FLAGS["INVISIBLE"]
        self._trait("_flags", self._flags & ~flag if visible else self._flags | flag)

    def node(self) -> Any:
        return None if self._core is None else self._core.handle()

    def fullyQualifiedName(self, channel: int = -1) -> str:
        owner = f"{self._core.full_name()}." if self._core is not None else ""
        return f"{owner}{self._name}"

    def value(self) -> Any:
        return self._state

    def getValue(self) -> Any:
        return self.value()

    def setValue(self, val: Any) -> Any:
        raise TypeError(f"a {type(self).__name__} has no value to set")

    def hasExpression(self, index: int = -1) -> bool:
        return False

    def isAnimated(self, channel: int = -1) -> bool:
        return False

    def isKey(self, channel: int = -1) -> bool:
        return False

    def clearAnimated(self, channel: int = -1) -> bool:
        return False

    def getNumKeys(self, channel: int = -1) -> int:
        return 0

    def getKeyList(self) -> list[float]:
        return []


def traits_of(knob: Knob) -> dict[str, Any]:
    """Everything but its value and its node, as a copy of the node gets it."""
    return {name: value for name, value in vars(knob).items() if name not in ("_core", "_state", "_name")}
