"""What differs between the versions of Nuke."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Profile:
    """One version: its numbers, its Python, and the names that it lacks."""

    major: int
    minor: int
    release: int
    python: tuple[int, int]
    qt: str
    lacks: frozenset[str] = field(default_factory=frozenset)
    # 17.1's classes come from pybind11 and refuse what they do not know.
    task_takes_title_alone: bool = False
    # 17.1's page of addKnobChanged: changes are told also while the panel is closed.
    knob_changed_always: bool = False


PROFILES = {
    (14, 0): Profile(14, 0, 5, (3, 9), "PySide2"),
    (15, 0): Profile(15, 0, 4, (3, 10), "PySide2"),
    (15, 1): Profile(15, 1, 3, (3, 10), "PySide2"),
    (16, 0): Profile(16, 0, 2, (3, 11), "PySide6"),
    (17, 1): Profile(17, 1, 1, (3, 11), "PySide6", task_takes_title_alone=True, knob_changed_always=True),
}


def profile_of(version: tuple[int, int]) -> Profile:
    """The profile of a version."""
    if version not in PROFILES:
        raise ValueError(f"No profile of Nuke {version}; there are {sorted(PROFILES)}.")
    return PROFILES[version]
