"""What a check is, and the list of all."""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Callable

# What a check needs besides a Nuke in a terminal.
NEEDS = ("", "terminal", "window", "plugin", "engine")


class DiffersError(Exception):
    """Nuke does otherwise than expected; the text says what was seen."""


class SkippedError(Exception):
    """It can't be tried here; the text says why."""


@dataclass(frozen=True)
class Check:
    """One fact to be tried.

    facts: what it examines, by the names in the simulation's list of facts, its own name among them. expected:
    one sentence. run: gets an empty folder, begins in an empty script, returns what it saw, and raises
    DiffersError where that is unexpected.
    """

    name: str
    expected: str
    run: Callable[[Path], object]
    needs: str
    facts: tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """What came of a check. ok is None where it was skipped."""

    name: str
    expected: str
    seen: str
    ok: bool | None
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


_CHECKS: dict[str, Check] = {}


def check(
    expected: str, needs: str = "", facts: tuple[str, ...] = ()
) -> Callable[[Callable[[Path], object]], Callable[[Path], object]]:
    """Put a function among the checks, by its own name."""

    def listed(run: Callable[[Path], object]) -> Callable[[Path], object]:
        """Keep it."""
        if needs not in NEEDS or run.__name__ in _CHECKS:
            raise ValueError(f"The check '{run.__name__}' needs '{needs}', or there are two of that name.")
        _CHECKS[run.__name__] = Check(run.__name__, expected, run, needs, (run.__name__, *facts))
        return run

    return listed


def all_checks() -> tuple[Check, ...]:
    """Every check, in the order in which they were written."""
    return tuple(_CHECKS.values())


def same(seen: object, wanted: object) -> object:
    """What was seen. Raises DiffersError if it is not what was wanted."""
    if seen != wanted:
        raise DiffersError(f"{seen!r} and not {wanted!r}")
    return seen


def near(seen: Iterable[float], wanted: Iterable[float], distance: float = 1e-6) -> list[float]:
    """Numbers that were seen. Raises DiffersError if one is further from the wanted one than so much."""
    found, numbers = list(seen), list(wanted)
    # Python 3.9 has no zip that minds the lengths.
    if len(found) != len(numbers) or any(abs(found[i] - numbers[i]) > distance for i in range(len(found))):
        raise DiffersError(f"{found!r} and not {numbers!r}")
    return found


def raised(kind: type[BaseException], call: Callable[[], object]) -> str:
    """What a call raises, as text. Raises DiffersError if it raises nothing, or something else."""
    try:
        result = call()
    except kind as reason:
        return f"{type(reason).__name__}: {reason}"
    except Exception as reason:
        raise DiffersError(f"{type(reason).__name__}: {reason}, and no {kind.__name__}") from reason
    raise DiffersError(f"nothing was raised, {result!r} came back")


def carried_out(one: Check, folder: Path) -> Row:
    """Run a check. Whatever happens in it is a row."""
    start = time.perf_counter()
    ok: bool | None
    try:
        ok, seen = True, repr(one.run(folder))
    except SkippedError as reason:
        ok, seen = None, f"skipped: {reason}"
    except DiffersError as reason:
        ok, seen = False, str(reason)
    except Exception as reason:
        ok, seen = False, f"{type(reason).__name__}: {reason}\n{traceback.format_exc()}"
    return Row(one.name, one.expected, seen, ok, round(time.perf_counter() - start, 3))
