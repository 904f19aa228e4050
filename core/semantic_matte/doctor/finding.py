"""One line of what the doctor says, and the guard that turns a check that breaks into such a line."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Finding:
    """status: ok, warning or error. found: what is there, or what to do."""

    what: str
    status: str
    found: str

    def as_dict(self) -> dict[str, str]:
        """Plain values for JSON."""
        return asdict(self)


def guarded(what: str, check: Callable[[], Finding | Iterable[Finding]]) -> list[Finding]:
    """What a check finds. One that breaks is an error of its own, and keeps no other from being made."""
    try:
        found = check()
        return [found] if isinstance(found, Finding) else list(found)
    except Exception as error:
        said = str(error).strip().splitlines()
        told = f"{type(error).__name__}: {said[0]}" if said else type(error).__name__
        return [Finding(what, "error", f"this could not be checked ({told}): please report it")]


def gigabytes(count: float) -> str:
    """An amount of bytes for people, in decimal gigabytes."""
    return f"{count / 1e9:.1f} GB"
