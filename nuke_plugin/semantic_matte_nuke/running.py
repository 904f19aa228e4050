"""The computations that run now, by their nodes' identities, and their ends for reasons from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Dict, List, Optional

if TYPE_CHECKING:
    from .computation import Computation

_GONE = (
    "The node was deleted while its mattes were computed, so the job was ended; frames that were done are kept."
)
_CLOSED = (
    "The script was closed while mattes of '{title}' were computed, so the job was ended; frames that "
    "were done are kept."
)

_running: Dict[str, Computation] = {}
# Counts the scripts of this session: what was begun in one is not applied to the next.
_scripts = 0


def current(identity: str) -> Optional[Computation]:
    """The computation of a node that runs now."""
    return _running.get(identity)


def all_running() -> List[Computation]:
    """Every computation that runs now, in the order of their start."""
    return list(_running.values())


def script_number() -> int:
    """Which script of the session this is: another number is another script."""
    return _scripts


def note(computation: Computation) -> None:
    """Note that a computation runs."""
    _running[computation.identity] = computation


def forget(computation: Computation) -> None:
    """Note that a computation has ended. Does nothing for one that is not noted."""
    if _running.get(computation.identity) is computation:
        del _running[computation.identity]


def cancel(identity: str) -> bool:
    """Ask for the end of a node's computation; whether one ran. What the node shows stays."""
    computation = _running.get(identity)
    if computation is None:
        return False
    computation.cancel()
    return True


def end_all(sentence: str) -> None:
    """End every computation for a reason: jobs are cancelled, nothing of them is applied."""
    for computation in all_running():
        computation.end(sentence)


def node_destroyed(identity: str) -> None:
    """A node of ours is being deleted: nobody is there to show what its job would bring."""
    computation = _running.get(identity)
    if computation is not None:
        computation.end(_GONE)


def script_closed() -> None:
    """The script goes, or another one comes in its place."""
    global _scripts
    _scripts += 1
    for computation in all_running():
        computation.end(_CLOSED.format(title=computation.title))
