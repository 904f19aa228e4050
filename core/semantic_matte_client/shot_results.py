"""What `track` and `collect` return: shots with their objects, without pictures."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Dict, Iterable, Iterator, Mapping, Optional, Tuple


@dataclass(frozen=True)
class Shot:
    """One shot: its name, its frames as a text ("1001-1050"), its slots with the frames that show each, and the
    files that stand for all of it."""

    name: str
    frames: str
    slots: Mapping[str, str] = field(default_factory=dict)
    files: Tuple[str, ...] = ()

    @property
    def tracks(self) -> Optional[str]:
        """The file of its tracks, which may be edited; None where none is told of."""
        return next((path for path in self.files if path.endswith(".tracks.json")), None)

    @classmethod
    def of(cls, message: Mapping[str, Any]) -> Shot:
        """From a worker's message `shot` (see `protocol.ANSWERS`)."""
        slots = {row["slot"]: row["frames"] for row in message["slots"]}
        return cls(message["shot"], message["frames"], slots, tuple(message["files"]))


@dataclass(frozen=True, repr=False)
class ShotsResult:
    """The shots of a call, in their order, also by len(), [number] and iteration.

    notices: what the engine had to say. seconds: how long it took.
    """

    shots: Tuple[Shot, ...]
    seconds: float = 0.0
    notices: Tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.shots)

    def __iter__(self) -> Iterator[Shot]:
        return iter(self.shots)

    def __getitem__(self, number: int) -> Shot:
        return self.shots[number]

    @property
    def files(self) -> Tuple[str, ...]:
        """The files of all shots."""
        return tuple(path for shot in self.shots for path in shot.files)

    def as_dict(self) -> Dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    def __repr__(self) -> str:
        lines = []
        for shot in self.shots:
            width = max((len(slot) for slot in shot.slots), default=0)
            lines.append(f"{shot.name}: {shot.frames}")
            lines += [f"  {slot.ljust(width)}  {frames}" for slot, frames in shot.slots.items()]
            lines += [f"  {path}" for path in shot.files]
        return "\n".join([f"ShotsResult: {self.seconds:.1f} s", *lines])


def shots_result(messages: Iterable[Mapping[str, Any]], seconds: float, notices: Iterable[str]) -> ShotsResult:
    """A job's result out of its `shot` messages."""
    return ShotsResult(tuple(Shot.of(message) for message in messages), seconds, tuple(notices))
