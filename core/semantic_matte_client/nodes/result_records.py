"""What the engine wrote of a plate or of a shot, read from NAME.matte.json for a node.

The fields are those of `semantic-matte schema`. Only what the node needs is read, and each field is checked, as
the file may have been cut short, edited, or written by another version.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semantic_matte_client.nodes.frame_spans import frames_of, text_of

# The least digits of a number in a file's name, as captured plates have them.
DIGITS = 4
# A record is far below it; a file of another kind is not read to its end.
_MOST_BYTES = 256 << 20
_SCHEMA = 1


class ResultsError(Exception):
    """A result can't be used; its text is a sentence that says what to do."""


@dataclass(frozen=True)
class SlotFound:
    """One object of a result. frames: the scene's frames that show it, as text: `1001-1010,1013`."""

    slot: str
    label: str
    score: float
    frames: str


@dataclass(frozen=True)
class Results:
    """What a node shows.

    folder: absolute. stem: what the files' names begin with. frames: of the scene, ascending. offset: a file's
    number less its scene frame. hold: the one frame stands for every frame. size: width and height in pixels.
    words: by which models, where and when, in one sentence.
    """

    folder: str
    stem: str
    frames: tuple[int, ...]
    offset: int
    hold: bool
    slots: tuple[SlotFound, ...]
    size: tuple[int, int]
    words: str

    def number(self, frame: int) -> int:
        """The number of the file that a scene's frame is shown from."""
        return (self.frames[0] if self.hold else frame) + self.offset

    def mattes_file(self, frame: int) -> str:
        """Path of the layers of a scene's frame, which need not be there."""
        return str(self._file("mattes", frame, "exr"))

    def cryptomatte_file(self, frame: int) -> str:
        """Path of the Cryptomatte of a scene's frame, which need not be there."""
        return str(self._file("cryptomatte", frame, "exr"))

    def record_file(self, frame: int) -> str:
        """Path of the record of a scene's frame, which need not be there."""
        return str(self._file("matte", frame, "json"))

    def _file(self, what: str, frame: int, ending: str) -> Path:
        """Path of one of a frame's files."""
        return Path(self.folder) / f"{self.stem}.{what}.{number_text(self.number(frame))}.{ending}"


def number_text(number: int) -> str:
    """A file's number as it stands in its name: four digits or more, with the sign: 0007, 10000, -007."""
    return f"{number:0{DIGITS}d}"


def read_results(
    folder: str | Path, stem: str, frames: Sequence[int], offset: int = 0, hold: bool = False
) -> Results:
    """The results of a job. frames: of the scene, as the job had them; with `hold` the one that is held.

    Frames that were not tracked have no shot's record: what is called alike in them is one object then. Raises
    ResultsError where a frame's files are missing, or a record is missing or not what it should be.
    """
    if not frames or (hold and len(frames) != 1):
        raise ValueError(f"expected at least one frame, and one alone to hold, got {len(frames)}")
    bare = Results(str(folder), stem, tuple(sorted(frames)), offset, hold, (), (0, 0), "")
    _check_files(bare)
    first = Path(bare.record_file(bare.frames[0]))
    sidecar = _record(first)
    shot = Path(folder) / f"{stem}.matte.json"
    if shot.is_file() or (len(bare.frames) > 1 and _was_tracked(sidecar)):
        record = _record(shot)
        slots = tuple(_shot_slot(row, offset, shot) for row in _rows(record, "slots", shot))
    else:
        record = sidecar
        slots = united_slots(_frame_slots(bare, frame) for frame in bare.frames)
    size = _size(sidecar, first)
    words = _words(record, len(bare.frames), hold, first.stat().st_mtime)
    return Results(bare.folder, stem, bare.frames, offset, hold, slots, size, words)


def united_slots(found: Iterable[Iterable[SlotFound]]) -> tuple[SlotFound, ...]:
    """The slots of all, each once: its best score, and the frames that show it in any of them."""
    slots: dict[str, SlotFound] = {}
    for one in (slot for slots_found in found for slot in slots_found):
        known = slots.get(one.slot, one)
        frames = {frame for text in (known.frames, one.frames) if text for frame in frames_of(text)}
        score = max(known.score, one.score)
        slots[one.slot] = SlotFound(one.slot, known.label, score, text_of(frames) if frames else "")
    return tuple(slots.values())


def boxes_of(results: Results, frame: int) -> dict[str, tuple[int, int, int, int]]:
    """Where each object is in a scene's frame: x0, y0, x1, y1 in the plate's pixels, half-open, y down.

    Absent ones are left out. Raises ResultsError.
    """
    path = Path(results.record_file(frame))
    boxes = {}
    for row in _rows(_record(path), "slots", path):
        box = row.get("box")
        if isinstance(box, list) and len(box) == 4 and all(isinstance(one, int) for one in box):
            boxes[_text(row, "slot", path)] = (box[0], box[1], box[2], box[3])
    return boxes


def best_frames(results: Results) -> dict[int, tuple[str, ...]]:
    """Which frame shows which slots for the first time: each slot that is seen anywhere once."""
    shows: dict[int, list[str]] = {}
    for one in results.slots:
        seen = frames_of(one.frames) if one.frames else ()
        if seen:
            shows.setdefault(min(seen), []).append(one.slot)
    return {frame: tuple(slots) for frame, slots in sorted(shows.items())}


def missing_files(results: Results, frames: Iterable[int] | None = None) -> tuple[int, ...]:
    """Of the scene's frames (default: those of the result) those without their file of layers, ascending.

    A frame that the result was never made for is missing too; with `hold` all have the one file.
    """
    wanted = results.frames if frames is None else tuple(sorted(set(frames)))
    if results.hold:
        return () if not wanted or Path(results.mattes_file(wanted[0])).is_file() else wanted
    known = set(results.frames)
    return tuple(one for one in wanted if one not in known or not Path(results.mattes_file(one)).is_file())


def _check_files(results: Results) -> None:
    """Raise ResultsError unless every frame has its files."""
    missing = missing_files(results)
    if missing:
        raise ResultsError(
            f"The engine called the job done, but files of frame {text_of(missing)} are not in "
            f"'{results.folder}': was something removed meanwhile? Compute again."
        )


def _record(path: Path) -> dict[str, Any]:
    """The record, which is a JSON object of the schema that is read here. Raises ResultsError."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ResultsError(f"'{path}' is larger than any record: remove it and compute again.")
        record = json.loads(path.read_text(encoding="utf-8"))
    except OSError as reason:
        raise ResultsError(f"'{path}' can't be read ({reason.strerror or reason}): compute again.") from None
    except (ValueError, RecursionError):
        raise ResultsError(f"'{path}' is damaged (it is no JSON): remove it and compute again.") from None
    if not isinstance(record, dict):
        raise ResultsError(f"'{path}' is no record of the engine: remove it and compute again.")
    if record.get("schema") != _SCHEMA:
        raise ResultsError(
            f"'{path}' was written by another version of the engine (schema {record.get('schema')!r}, expected "
            f"{_SCHEMA}): install the node and the engine of the same version, and compute again."
        )
    return record


def _rows(record: Mapping[str, Any], name: str, path: Path) -> list[Mapping[str, Any]]:
    """A record's list of objects by its name. Raises ResultsError."""
    rows = record.get(name)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ResultsError(f"'{path}' is damaged: expected a list of objects as '{name}'. Compute again.")
    return rows


def _text(row: Mapping[str, Any], name: str, path: Path) -> str:
    """A text of a row by its name. Raises ResultsError."""
    value = row.get(name)
    if not isinstance(value, str):
        raise ResultsError(f"'{path}' is damaged: expected a text as '{name}', got {value!r}. Compute again.")
    return value


def _number(row: Mapping[str, Any], name: str, path: Path) -> float:
    """A number of a row by its name, 0 where it has none. Raises ResultsError."""
    value = row.get(name)
    if value is None:
        return 0.0
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ResultsError(f"'{path}' is damaged: expected a number as '{name}', got {value!r}. Compute again.")
    return float(value)


def _was_tracked(sidecar: Mapping[str, Any]) -> bool:
    """Whether a frame was done as one of a shot, which has a record of its own then."""
    settings = sidecar.get("settings")
    return not isinstance(settings, dict) or settings.get("track") is not False


def _frame_slots(results: Results, frame: int) -> tuple[SlotFound, ...]:
    """The slots of a frame's own record."""
    path = Path(results.record_file(frame))
    return tuple(_frame_slot(row, frame, path) for row in _rows(_record(path), "slots", path))


def _frame_slot(row: Mapping[str, Any], frame: int, path: Path) -> SlotFound:
    """A slot of a frame's record."""
    seen = row.get("source") != "absent"
    return SlotFound(
        _text(row, "slot", path),
        _text(row, "label", path),
        _number(row, "score", path),
        text_of((frame,)) if seen else "",
    )


def _shot_slot(row: Mapping[str, Any], offset: int, path: Path) -> SlotFound:
    """A slot of a shot's record, its frames brought back to the scene's."""
    numbers: set[int] = set()
    for name in ("found", "carried"):
        text = _text(row, name, path)
        if text:
            try:
                numbers.update(frames_of(text))
            except ValueError as reason:
                raise ResultsError(f"'{path}' is damaged ({reason}): compute again.") from None
    frames = tuple(sorted(number - offset for number in numbers))
    return SlotFound(
        _text(row, "slot", path),
        _text(row, "label", path),
        _number(row, "score", path),
        text_of(frames) if frames else "",
    )


def _size(sidecar: Mapping[str, Any], path: Path) -> tuple[int, int]:
    """Width and height of the plate."""
    plate = sidecar.get("plate")
    size = plate.get("size") if isinstance(plate, dict) else None
    if not (isinstance(size, list) and len(size) == 2 and all(isinstance(one, int) for one in size)):
        raise ResultsError(f"'{path}' is damaged: expected the plate's size. Compute again.")
    return size[0], size[1]


def _words(record: Mapping[str, Any], count: int, hold: bool, when: float) -> str:
    """One sentence: how many frames, by which models, on which device, when."""
    models = [row.get("name") for row in record.get("models", ()) if isinstance(row, dict)]
    rows = record.get("devices") or [record]
    devices = [
        row[name]
        for row in rows
        if isinstance(row, dict)
        for name in ("device", "estimator_device")
        if isinstance(row.get(name), str)
    ]
    frames = "1 frame, held" if hold else "1 frame" if count == 1 else f"{count} frames"
    parts = [frames]
    parts += [f"by {', '.join(map(str, models))}"] * bool(models)
    parts += [f"on {' and '.join(dict.fromkeys(devices))}"] * bool(devices)
    return f"{', '.join(parts)}, {time.strftime('%Y-%m-%d %H:%M', time.localtime(when))}"
