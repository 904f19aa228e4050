"""What can be taken back: single changes, gathered into named steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Optional

from . import runtime

Action = Callable[[], None]


@dataclass
class Step:
    """What one Undo takes back."""

    name: str = ""
    actions: list[tuple[Action, Action]] = field(default_factory=list)

    def back(self) -> None:
        for undo, _ in reversed(self.actions):
            undo()

    def forth(self) -> None:
        for _, redo in self.actions:
            redo()


class Changes:
    """The undo stack. Changes outside of a group are a step each."""

    def __init__(self) -> None:
        self.done: list[Step] = []
        self.undone: list[Step] = []
        self.open: list[Step] = []
        self.disabled = 0
        self.replaying = False
        # Gathered by Nuke's own commands, which are one step each.
        self.revived: list[Any] = []

    def record(self, undo: Action, redo: Action, name: str = "Change") -> None:
        if self.disabled or self.replaying:
            return
        self.undone.clear()
        if self.open:
            self.open[-1].actions.append((undo, redo))
        else:
            self.done.append(Step(name, [(undo, redo)]))

    def begin(self, name: str = "") -> None:
        self.open.append(Step(name))

    def end(self) -> None:
        if not self.open:
            raise RuntimeError("Undo.end: no group is open")
        step = self.open.pop()
        if not step.actions:
            return
        if self.open:
            # A group inside another is part of it.
            self.open[-1].actions += step.actions
        else:
            self.done.append(step)

    def cancel(self) -> None:
        if not self.open:
            raise RuntimeError("Undo.cancel: no group is open")
        step = self.open.pop()
        self._replay(step.back)

    def undo(self) -> None:
        if self.open:
            raise RuntimeError("Undo.undo: a group is still open")
        if self.done:
            step = self.done.pop()
            self.undone.append(step)
            self._replay(step.back)

    def redo(self) -> None:
        if self.undone:
            step = self.undone.pop()
            self.done.append(step)
            self._replay(step.forth)

    def _replay(self, what: Action) -> None:
        self.replaying, self.revived = True, []
        try:
            what()
        finally:
            self.replaying = False
        # Nodes that came back are created once more, inner ones first.
        for core in self.revived:
            if not core.deleted:
                runtime.running().callbacks.created(core)

    def clear(self) -> None:
        self.done.clear()
        self.undone.clear()
        self.open.clear()


class Undo:
    """nuke.Undo: its methods work on the class and on an object alike."""

    def __init__(self, name: Optional[str] = None) -> None:
        self._title = name

    @classmethod
    def _changes(cls) -> Changes:
        runtime.check_thread("Undo")
        return runtime.running().changes

    @classmethod
    def begin(cls, name: str = "") -> None:
        cls._changes().begin(name)

    @classmethod
    def name(cls, name: str) -> None:
        if not isinstance(name, str):
            raise TypeError("Undo.name: expected a string")
        changes = cls._changes()
        if changes.open:
            changes.open[-1].name = name
        elif changes.done:
            changes.done[-1].name = name

    @classmethod
    def end(cls) -> None:
        cls._changes().end()

    @classmethod
    def cancel(cls) -> None:
        cls._changes().cancel()

    @classmethod
    def new(cls, name: str = "") -> None:
        cls.end()
        cls.begin(name)

    @classmethod
    def disable(cls) -> None:
        cls._changes().disabled += 1

    @classmethod
    def enable(cls) -> None:
        changes = cls._changes()
        if changes.disabled == 0:
            raise RuntimeError("Undo.enable: it was not disabled")
        changes.disabled -= 1

    @classmethod
    def disabled(cls) -> bool:
        return bool(cls._changes().disabled)

    @classmethod
    def undo(cls) -> None:
        cls._changes().undo()

    @classmethod
    def redo(cls) -> None:
        cls._changes().redo()

    @classmethod
    def undoSize(cls) -> int:
        return len(cls._changes().done)

    @classmethod
    def redoSize(cls) -> int:
        return len(cls._changes().undone)

    @classmethod
    def undoDescribe(cls, n: int = 0) -> str:
        done = cls._changes().done
        return done[-1 - n].name if n < len(done) else ""

    @classmethod
    def redoDescribe(cls, n: int = 0) -> str:
        undone = cls._changes().undone
        return undone[-1 - n].name if n < len(undone) else ""

    def __enter__(self) -> None:
        self.begin(self._title or "")

    def __exit__(self, *error: Any) -> None:
        self.end()
