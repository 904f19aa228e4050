"""Knobs of text: strings, files, scripts of buttons, labels."""

from __future__ import annotations

from typing import Any, Optional

from . import runtime
from .knob_base import Knob
from .quoting import word


@runtime.guarded
class String_Knob(Knob):
    _id = 1
    _default = ""

    def __init__(self, name: str, label: Optional[str] = None, value: str = "") -> None:
        super().__init__(name, label)
        self._expect_text(type(self).__name__, value)
        self._state = value

    def setValue(self, val: str, view: Any = None) -> bool:
        self._expect_text(f"setValue of {self._name}", val)
        if "\0" in val:
            raise ValueError("embedded null character")
        return self._put(val)

    def setText(self, text: str) -> None:
        self.setValue(text)

    def value(self, *context: Any) -> str:
        return str(self._state)

    def getValue(self, *context: Any) -> str:
        return self.value()

    def getText(self, *context: Any) -> str:
        return self.value()

    def _script(self) -> tuple[str, bool]:
        return str(self._state), False


@runtime.guarded
class EvalString_Knob(String_Knob):
    def evaluate(self, context: Any = None) -> Optional[str]:
        from .tcl_expressions import substituted

        return substituted(self._state, self, context)

    def hasExpression(self, index: int = -1) -> bool:
        return "[" in self._state


@runtime.guarded
class Multiline_Eval_String_Knob(EvalString_Knob):
    _id = 43


@runtime.guarded
class PythonKnob(String_Knob):
    pass


@runtime.guarded
class File_Knob(EvalString_Knob):
    _id = 2

    def evaluate(self, context: Any = None) -> Optional[str]:
        from .tcl_expressions import file_name

        return file_name(self._state, self, context) if self._state else None

    def getEvaluatedValue(self, context: Any = None) -> Optional[str]:
        return self.evaluate(context)

    def fromUserText(self, text: str) -> None:
        from .reads import from_user_text

        self._expect_text("fromUserText", text)
        from_user_text(self, text)


@runtime.guarded
class Font_Knob(Knob):
    _default = ""

    def value(self, *context: Any) -> str:
        return str(self._state)

    def setValue(self, val: str, *rest: Any) -> bool:
        self._expect_text(f"setValue of {self._name}", val)
        return self._put(val)


@runtime.guarded
class Password_Knob(Font_Knob):
    def getText(self) -> str:
        return str(self._state)


@runtime.guarded
class FreeType_Knob(Knob):
    _default = ""

    def value(self, *context: Any) -> str:
        return str(self._state)

    def setValue(self, val: str, *rest: Any) -> bool:
        self._expect_text(f"setValue of {self._name}", val)
        return self._put(val)


@runtime.guarded
class Script_Knob(String_Knob):
    _id = 32
    _flags_last = True

    def command(self) -> str:
        return str(self._state)

    def setCommand(self, cmd: str) -> None:
        self.setValue(cmd)

    def _is_default(self) -> bool:
        # The command is in the definition.
        return True

    def _definition_end(self) -> list[str]:
        return ["T", word(self._state)] if self._state else []


@runtime.guarded
class PyScript_Knob(Script_Knob):
    _id = 22

    def execute(self) -> None:
        self._core.host.run_button(self)


@runtime.guarded
class PyCustom_Knob(Script_Knob):
    _id = 52

    def getObject(self) -> Any:
        return None


@runtime.guarded
class PythonCustomKnob(Script_Knob):
    _id = 51

    def getObject(self) -> Any:
        return None


@runtime.guarded
class Text_Knob(Knob):
    """A line of text in the panel; without one, a rule."""

    _id = 26
    _default = ""

    def __init__(self, name: str, label: Optional[str] = None, value: str = "") -> None:
        super().__init__(name, label)
        self._expect_text("Text_Knob", value)
        self._state = value

    def setValue(self, val: str) -> bool:
        self._expect_text(f"setValue of {self._name}", val)
        return self._put(val)

    def value(self) -> str:
        return str(self._state)

    def _flag_words(self) -> list[str]:
        found = super()._flag_words()
        # One without a label says it in any case.
        if self._label == "" and "-STARTLINE" not in found:
            found.insert(0, "+STARTLINE")
        return found

    def _is_default(self) -> bool:
        return True

    def _definition_end(self) -> list[str]:
        return ["T", word(self._state)] if self._state else []


@runtime.guarded
class Help_Knob(Knob):
    pass


@runtime.guarded
class Obsolete_Knob(Knob):
    pass


@runtime.guarded
class Tab_Knob(Knob):
    """A tab, or where a group of knobs begins and ends."""

    _id = 20

    def __init__(self, name: str, label: Optional[str] = None, type: int = 0) -> None:
        super().__init__(name, label)
        self._expect_whole("Tab_Knob", type)
        self._nesting = type
        if type == -1:
            self._flags = self._first_flags

    def value(self) -> bool:
        return self._state is None

    def setValue(self, val: Any) -> bool:
        self._state = None if val else False
        return True

    def _read(self, text: str, braced: bool) -> None:
        # A group that was closed has the line `name 0`.
        self._state = False if text == "0" else None

    def _script(self) -> tuple[str, bool]:
        return "0", False

    def _is_default(self) -> bool:
        return self._state is None

    def _definition_end(self) -> list[str]:
        return ["n", str(self._nesting)] if self._nesting else []


@runtime.guarded
class BeginTabGroup_Knob(Tab_Knob):
    def __init__(self, name: str, label: Optional[str] = None) -> None:
        super().__init__(name, label, -2)


@runtime.guarded
class EndTabGroup_Knob(Tab_Knob):
    def __init__(self, name: str, label: Optional[str] = None) -> None:
        super().__init__(name, label, -3)
