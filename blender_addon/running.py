"""The computations that run now, by their nodes' identities. The panel, operators and handlers look here."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .computation import Computation

# Whether the artist's own render runs now; set by the render handlers.
rendering = False
# By identity: the computation, and what is to be done once it has ended, however it did.
_running: dict[str, tuple[Computation, Callable[[], None]]] = {}


def current(identity: str) -> Computation | None:
    """The computation of a node that runs now."""
    found = _running.get(identity)
    return found[0] if found else None


def all_running() -> list[Computation]:
    """Every computation that runs now, in the order of their start."""
    return [computation for computation, _ in _running.values()]


def start(computation: Computation, tidy: Callable[[], None] = lambda: None) -> None:
    """Note that a computation runs. tidy: called once when it is forgotten; a timer's end, for example."""
    _running[computation.identity] = computation, tidy


def forget(computation: Computation) -> None:
    """Note that a computation has ended. Does nothing for one that is not noted."""
    found = _running.get(computation.identity)
    if found is not None and found[0] is computation:
        del _running[computation.identity]
        found[1]()


def end_all(sentence: str) -> None:
    """End every computation now, for a reason; jobs are cancelled and captured files are removed."""
    for computation in all_running():
        computation.end_now(sentence)
        forget(computation)


def register() -> None:
    """Nothing is to be made known: this part only has an end."""


def unregister() -> None:
    """The add-on goes: nothing of it may run on."""
    end_all("The add-on was disabled while mattes were computed: enable it and compute again.")
