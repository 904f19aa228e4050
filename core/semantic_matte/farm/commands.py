"""The commands that a job's steps run, as far as a template has to know them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from semantic_matte.settings import Settings


@dataclass(frozen=True)
class Flags:
    """A control's option. on: `--passes`. off: `--no-png` of a switch that has it, else ""."""

    on: str
    off: str = ""


@dataclass(frozen=True)
class StepCommand:
    """A command of the engine. name: `matte`. controls: the option of each control that it takes.

    others: names of what else it takes, as its function calls them: hint, colour_space, worker.
    """

    name: str
    controls: Mapping[str, Flags]
    others: frozenset[str]


@dataclass(frozen=True)
class ShotCommands:
    """What the three steps run."""

    track: StepCommand
    matte: StepCommand
    collect: StepCommand

    @property
    def all(self) -> tuple[StepCommand, ...]:
        """In the order of their steps."""
        return self.track, self.matte, self.collect

    def flags(self, control: str) -> Flags | None:
        """A control's option, the same in every command that takes it; None if none does."""
        return next((one.controls[control] for one in self.all if control in one.controls), None)


def is_switch(control: str) -> bool:
    """Whether a control is on or off."""
    return isinstance(Settings.model_fields[control].default, bool)
