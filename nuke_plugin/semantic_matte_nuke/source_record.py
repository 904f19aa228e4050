"""What the mattes in a job's folder were made from: `source.json` beside them, and what has changed since.

A render on another machine, another script and a copy of the node all find it by the folder that they read.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Iterable, Mapping, Optional, Sequence, Tuple

from semantic_matte_client.nodes import fingerprints
from semantic_matte_client.nodes.frame_spans import FrameSpanError, frames_of, text_of

FILE_NAME = "source.json"
_LAYOUT = 1
_MOST_BYTES = 256 << 20


class SourceRecordError(Exception):
    """The record can't be written; its text is a sentence that says what to do."""


@dataclass(frozen=True)
class SourceRecord:
    """description: what the mattes follow from, as `upstream.describe` has it, and the settings. frames: of the
    script. shown: what the node showed of it, as its hidden knob has it."""

    description: Dict[str, Any]
    frames: Tuple[int, ...]
    shown: Dict[str, Any]


def write(
    folder: Path | str, description: Mapping[str, Any], frames: Sequence[int], shown_json: Mapping[str, Any]
) -> None:
    """Write the record of a job, whole or not at all. Raises SourceRecordError."""
    place = Path(folder) / FILE_NAME
    record = {
        "layout": _LAYOUT,
        "frames": text_of(frames),
        "shown": dict(shown_json),
        "description": dict(description),
    }
    # By its own name: two that write at once, as on a farm, are not in each other's way.
    temporary = place.with_name(f".source_{os.getpid()}_{time.monotonic_ns()}.json")
    try:
        with temporary.open("w", encoding="utf-8") as stream:
            json.dump(record, stream, sort_keys=True)
        temporary.replace(place)
    except OSError as reason:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise SourceRecordError(
            f"'{place}' can't be written ({reason.strerror or reason}): free the disk, or choose another cache "
            "folder on the node's Tools tab."
        ) from None


def read(folder: Path | str) -> Optional[SourceRecord]:
    """The record of a job's folder; None where there is none that can be read, as of results from elsewhere."""
    place = Path(folder) / FILE_NAME
    try:
        stat = place.stat()
    except OSError:
        return None
    return None if stat.st_size > _MOST_BYTES else _read(str(place), stat.st_mtime_ns, stat.st_size)


# A render asks at each frame, and the record of a long shot takes a while to read.
@functools.lru_cache(maxsize=8)
def _read(place: str, _time: int, _size: int) -> Optional[SourceRecord]:
    """The record in a file of this time and size; None where it is none."""
    try:
        found = json.loads(Path(place).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or found.get("layout") != _LAYOUT:
        return None
    description, shown = found.get("description"), found.get("shown")
    if not isinstance(description, dict) or not isinstance(shown, dict):
        return None
    try:
        frames = frames_of(str(found.get("frames", "")))
    except FrameSpanError:
        return None
    return SourceRecord(description, frames, shown)


def difference(before: Mapping[str, Any], after: Mapping[str, Any], names: Sequence[str] = ()) -> str:
    """What changed, as a part of a sentence ("the node Grade2 changed"); "" where nothing did.

    after: of fewer frames or views than before, as a check of one frame describes it: the rest of before counts
    for nothing. names: what the nodes are called now, in the order of the description's.
    """
    return fingerprints.difference(_named(_cut(before, after), names), _named(after, names))


def _cut(before: Mapping[str, Any], after: Mapping[str, Any]) -> Dict[str, Any]:
    """The earlier description without the files of frames and views that the later one is not about."""
    cut = dict(before)
    reads, wanted = before.get("reads"), after.get("reads")
    if isinstance(reads, dict) and isinstance(wanted, dict):
        cut["reads"] = {view: _picked(rows, wanted[view]) for view, rows in reads.items() if view in wanted}
    return cut


def _picked(rows: Any, wanted: Any) -> Any:
    """Of a view's rows by frame those that are wanted."""
    if not isinstance(rows, dict) or not isinstance(wanted, dict):
        return rows
    return {frame: row for frame, row in rows.items() if frame in wanted}


def _named(description: Mapping[str, Any], names: Iterable[str]) -> Dict[str, Any]:
    """A description whose nodes are titled as they are called now; names count for nothing in it otherwise."""
    titles = list(names)
    nodes = description.get("nodes")
    if not isinstance(nodes, list) or len(nodes) != len(titles):
        return dict(description)
    renamed = [{**row, "title": titles[place]} for place, row in enumerate(nodes) if isinstance(row, dict)]
    return {**description, "nodes": renamed}
