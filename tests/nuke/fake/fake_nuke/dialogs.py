"""Dialogs: what was shown, and what a test's artist answers."""

from __future__ import annotations

from collections import deque
from typing import Any

from . import runtime


class Dialogs:
    """Of one host. A question that nobody has an answer for is a fault of the test."""

    def __init__(self, gui: bool) -> None:
        self.gui = gui
        self.shown: list[str] = []
        self.answers: deque[Any] = deque()
        self.printed: list[str] = []

    def message(self, prompt: str) -> None:
        """In terminal mode it is printed."""
        if not isinstance(prompt, str):
            raise TypeError(f"message: expected a string, got {type(prompt).__name__}")
        if self.gui:
            self.shown.append(prompt)
        else:
            runtime.running().printed.append(prompt)

    def _answer(self, what: str, prompt: str) -> Any:
        if not self.gui:
            raise RuntimeError(f"{what}: not available in terminal mode")
        if not isinstance(prompt, str):
            raise TypeError(f"{what}: expected a string, got {type(prompt).__name__}")
        self.shown.append(prompt)
        if not self.answers:
            raise AssertionError(f"{what}({prompt!r}) waits for ever: put an answer into host.answers")
        return self.answers.popleft()

    def ask(self, prompt: str) -> bool:
        return bool(self._answer("ask", prompt))

    def file_name(
        self,
        message: str,
        pattern: Any = None,
        default: Any = None,
        favorites: Any = None,
        type: Any = None,
        multiple: bool = False,
    ) -> Any:
        return self._answer("getFilename", message)

    def text(self, prompt: str, default: str = "") -> Any:
        return self._answer("getInput", prompt)
