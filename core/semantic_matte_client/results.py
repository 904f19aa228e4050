"""What calls return: plain values that never change, and that print as small tables in a console."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Dict, Iterable, Iterator, List, Mapping, Sequence, Tuple

# How many rows of a long list are printed; the objects themselves always hold all.
_SHOWN = 12


@dataclass(frozen=True)
class Found:
    """One object in one plate.

    slot: its stable name, as its layer is called. box: x0, y0, x1, y1 in the plate's pixels, half-open. passes:
    how often its matte was solved; 0 where nothing was.
    """

    slot: str
    label: str
    score: float
    box: Tuple[int, int, int, int]
    passes: int = 0


@dataclass(frozen=True)
class Frame:
    """One plate: its path, the files that were written for it, the objects in it.

    reused: an earlier run had done the same, and its files were kept.
    """

    plate: str
    files: Tuple[str, ...] = ()
    instances: Tuple[Found, ...] = ()
    reused: bool = False

    @classmethod
    def of(cls, message: Mapping[str, Any]) -> Frame:
        """From a worker's message `frame` (see `protocol.ANSWERS`)."""
        instances = (
            Found(row["slot"], row["label"], row["score"], _box(row["box"]), row.get("passes") or 0)
            for row in message["instances"]
        )
        return cls(message["plate"], tuple(message["files"]), tuple(instances), message["reused"])


@dataclass(frozen=True)
class _Shot:
    """What matte and segment have in common: frames, in the order of the plates."""

    frames: Tuple[Frame, ...]
    seconds: float = 0.0
    notices: Tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.frames)

    def __iter__(self) -> Iterator[Frame]:
        return iter(self.frames)

    def __getitem__(self, number: int) -> Frame:
        return self.frames[number]

    @property
    def files(self) -> Tuple[str, ...]:
        """Every file of every frame, once, in the order of writing."""
        return _once(path for frame in self.frames for path in frame.files)

    @property
    def slots(self) -> Tuple[str, ...]:
        """The slots of all frames, each once, in the order in which they came."""
        return _once(found.slot for frame in self.frames for found in frame.instances)

    @property
    def names(self) -> Tuple[str, ...]:
        """What was found: the objects' labels, each once."""
        return _once(found.label for frame in self.frames for found in frame.instances)

    def as_dict(self) -> Dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    def __repr__(self) -> str:
        parts = [_count(len(self.frames), "frame"), _count(len(self.slots), "object")]
        reused = sum(frame.reused for frame in self.frames)
        parts += [_count(len(self.files), "file")] * bool(self.files)
        parts += [f"{reused} of the frames from an earlier run"] * bool(reused)
        lines = [f"{type(self).__name__}: {', '.join(parts)}, {self.seconds:.1f} s"]
        lines += _indented(_table(self._rows()))
        lines += _indented(_shortened(self.files, "file"))
        return "\n".join(lines)

    def _rows(self) -> List[Sequence[str]]:
        """A line for each slot: its surest score, and where there are several frames in how many it is."""
        seen: Dict[str, List[Found]] = {}
        for frame in self.frames:
            for found in frame.instances:
                seen.setdefault(found.slot, []).append(found)
        rows: List[Sequence[str]] = []
        for slot, times in seen.items():
            best = max(times, key=lambda found: found.score)
            where = "x".join(map(str, _size(best.box))) if len(self.frames) == 1 else f"in {len(times)}"
            rows.append((slot, best.label, f"{best.score:.2f}", where))
        return rows


@dataclass(frozen=True, repr=False)
class MatteResult(_Shot):
    """The mattes of one plate or of a shot.

    frames: one `Frame` a plate, also by len(), [number] and iteration. files, slots, names: of all frames
    together. notices: what the engine had to say. seconds: how long it took.
    """


@dataclass(frozen=True, repr=False)
class SegmentResult(_Shot):
    """The objects of one plate or of a shot, without mattes; as `MatteResult`.

    files: the COCO file, if one was asked for.
    """


@dataclass(frozen=True, repr=False)
class RefineResult:
    """An alpha that was solved. plate, file: paths of what it was made from and of what was written."""

    plate: str
    file: str
    seconds: float = 0.0
    notices: Tuple[str, ...] = ()

    def as_dict(self) -> Dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    def __repr__(self) -> str:
        return f"RefineResult: {self.seconds:.1f} s\n  {self.file}"


@dataclass(frozen=True)
class Finding:
    """One line of `doctor()`. status: ok, warning or error. found: what is there, or what to do."""

    what: str
    status: str
    found: str


@dataclass(frozen=True, repr=False)
class DoctorReport:
    """What `doctor()` found, line by line; `ok` is False if anything is an error."""

    findings: Tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is an error."""
        return all(finding.status != "error" for finding in self.findings)

    def __len__(self) -> int:
        return len(self.findings)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def as_dict(self) -> Dict[str, Any]:
        """Plain values for JSON."""
        return {"ok": self.ok, **asdict(self)}

    def __repr__(self) -> str:
        rows = [(finding.status, finding.what, finding.found) for finding in self.findings]
        return "\n".join(_table(rows))


def shot_result(
    task: str, messages: Iterable[Mapping[str, Any]], seconds: float, notices: Iterable[str]
) -> MatteResult | SegmentResult | RefineResult:
    """A job's result out of its `frame` messages. Raises ValueError for a refined alpha without its file."""
    frames = tuple(Frame.of(message) for message in messages)
    if task == "matte":
        return MatteResult(frames, seconds, tuple(notices))
    if task == "segment":
        return SegmentResult(frames, seconds, tuple(notices))
    if len(frames) != 1 or len(frames[0].files) != 1:
        raise ValueError(f"expected one plate with one file, got {frames}")
    return RefineResult(frames[0].plate, frames[0].files[0], seconds, tuple(notices))


def _once(values: Iterable[str]) -> Tuple[str, ...]:
    return tuple(dict.fromkeys(values))


def _box(values: Sequence[int]) -> Tuple[int, int, int, int]:
    x0, y0, x1, y1 = values
    return x0, y0, x1, y1


def _size(box: Tuple[int, int, int, int]) -> Tuple[int, int]:
    return box[2] - box[0], box[3] - box[1]


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + "s" * (number != 1)


def _indented(lines: Iterable[str]) -> List[str]:
    return [f"  {line}" for line in lines]


def _shortened(lines: Sequence[str], what: str) -> List[str]:
    """At most _SHOWN lines, and how many more there are."""
    if len(lines) <= _SHOWN:
        return list(lines)
    return [*lines[: _SHOWN - 1], f"... and {_count(len(lines) - _SHOWN + 1, f'more {what}')}"]


def _table(rows: Sequence[Sequence[str]]) -> List[str]:
    """Rows of texts as lines with aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows)]  # noqa: B905 - not in 3.9
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip() for row in rows]  # noqa: B905
