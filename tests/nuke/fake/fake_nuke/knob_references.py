"""Knobs that name something of the script: channels, layers, formats, views, other knobs."""

from __future__ import annotations

from typing import Any, Optional, Union

from . import runtime
from .knob_base import Knob
from .quoting import word
from .values import Format, format_from


@runtime.guarded
class Channel_Knob(Knob):
    """A channel by its full name; none has no channel."""

    _id = 11
    _default = "none"

    def setValue(self, val: str, *rest: Any) -> bool:
        self._expect_text(f"setValue of {self._name}", val)
        layers = runtime.running().layers
        if val in ("none", "black", "white", "0", "1", ""):
            return self._put(val or "none")
        if not layers.has_channel(val):
            raise ValueError(f"setValue: there is no channel '{val}': make its layer first")
        return self._put(layers.full(val))

    def value(self, *rest: Any) -> str:
        return str(self._state)

    def inputKnob(self) -> bool:
        return True


@runtime.guarded
class ChannelMask_Knob(Channel_Knob):
    """A layer, all or none."""

    _id = 10
    _default = "all"

    def setValue(self, val: str, *rest: Any) -> bool:
        self._expect_text(f"setValue of {self._name}", val)
        known = runtime.running().layers
        for one in val.replace("{", " ").replace("}", " ").split():
            if one in ("all", "none", "-", "true", "false") or one.startswith("-"):
                continue
            if one not in known.names() and not known.has_channel(one):
                raise ValueError(f"setValue: there is no layer '{one}': make it first")
        return self._put(val)

    def _script(self) -> tuple[str, bool]:
        # Several words stand in braces.
        return str(self._state), " " in str(self._state)


@runtime.guarded
class Format_Knob(Knob):
    """A format; the state is its text, empty for the root's."""

    _id = 17
    _default = ""

    def _format(self) -> Format:
        host = runtime.running()
        if not self._state:
            return host.root_format()
        return format_from(self._state)

    def value(self, *rest: Any) -> Format:
        return self._format()

    def actualValue(self, *rest: Any) -> Format:
        return self._format()

    def name(self) -> str:
        return self._name

    def setValue(self, val: Union[str, Format], *rest: Any) -> bool:
        if isinstance(val, Format):
            return self._put(val._text())
        self._expect_text(f"setValue of {self._name}", val)
        named = [one for one in runtime.running().formats if one.name() == val]
        if named:
            return self._put(named[0]._text())
        try:
            return self._put(format_from(val)._text())
        except ValueError:
            raise ValueError(f"setValue: there is no format '{val}'") from None

    def notDefault(self) -> bool:
        return not self._is_default()


@runtime.guarded
class Link_Knob(Knob):
    """Shows another knob: Node.knob in the same group."""

    _id = 41
    _default = ""

    def __init__(self, name: str, label: Optional[str] = None, link: str = "") -> None:
        super().__init__(name, label)
        self._state = link

    def setLink(self, s: str) -> None:
        self._expect_text("setLink", s)
        self._put(s)

    def makeLink(self, node: str, knob: str) -> None:
        self._expect_text("makeLink", node)
        self._expect_text("makeLink", knob)
        self._put(f"{node}.{knob}")

    def getLink(self) -> str:
        return str(self._state)

    def getLinkedKnob(self) -> Optional[Knob]:
        if self._core is None or "." not in self._state:
            return None
        from .expressions import knob_at

        return knob_at(self._state, self)

    def value(self, *rest: Any) -> Any:
        linked = self.getLinkedKnob()
        return linked.value() if linked is not None else ""

    def setValue(self, val: Any, *rest: Any) -> Any:
        linked = self.getLinkedKnob()
        if linked is None:
            raise ValueError(f"{self._name} is linked to nothing")
        return linked.setValue(val)

    def _is_default(self) -> bool:
        return True

    def _definition_end(self) -> list[str]:
        return ["T", word(self._state)] if self._state else []


@runtime.guarded
class ViewView_Knob(Knob):
    _default = ""

    def value(self) -> list[str]:
        return str(self._state).split()

    def setValue(self, val: str) -> bool:
        self._expect_text("setValue", val)
        return self._put(val)


@runtime.guarded
class MultiView_Knob(Knob):
    """Which views: their names with blanks between; empty for all."""

    _default = ""

    def value(self) -> str:
        return str(self._state)

    def setValue(self, val: str) -> bool:
        self._expect_text("setValue", val)
        unknown = set(val.split()) - set(runtime.running().views)
        if unknown:
            raise ValueError(f"there is no view {sorted(unknown)}")
        return self._put(val)

    def _script(self) -> tuple[str, bool]:
        return str(self._state), True
