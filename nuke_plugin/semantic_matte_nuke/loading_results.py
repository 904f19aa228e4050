"""Results that were made elsewhere, by the command line or a farm, as a node can show them; on files alone.

A node reads `<folder>/<view>/NAME.mattes.1001.exr`. What lies otherwise, in one folder without views or without
a frame's number, is brought into the node's cache: as links to the same files where the disk has such, else
copied.
"""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import List, Optional, Sequence, Tuple

from semantic_matte_client.nodes import frame_spans
from semantic_matte_client.nodes.result_folders import job_name
from semantic_matte_client.nodes.result_records import ResultsError

from .finished_results import STEM

_RECORD = re.compile(r"(?P<stem>.+?)\.matte(?:\.(?P<number>-?\d+))?\.json")
_KINDS = (("mattes", ".exr"), ("cryptomatte", ".exr"), ("foreground", ".exr"), ("matte", ".json"))


@dataclass(frozen=True)
class Found:
    """folder: with a folder for each of the views. hold: one frame stands for all."""

    folder: Path
    views: Tuple[str, ...]
    stem: str
    frames: Tuple[int, ...]
    hold: bool


def found_at(place: str | Path, views: Sequence[str], cache: Path, frame: int) -> Found:
    """The result in a folder, or of a NAME.matte.json.

    views: of the script. cache: the node's folder, for what has to be brought there. frame: the number that a
    single picture without one gets. Raises ResultsError, OSError.
    """
    path = Path(place)
    folder, stem = (path.parent, _stem_of(path)) if path.is_file() else (path, "")
    if not folder.is_dir():
        raise ResultsError(f"'{path}' is not there: choose a folder of results, or a NAME.matte.json in it.")
    if folder.name in views and _stems(folder):
        folder = folder.parent
    there = tuple(view for view in views if (folder / view).is_dir() and _stems(folder / view))
    if there:
        stem = stem or _only_stem(folder / there[0])
        frames = _numbers(folder / there[0], stem)
        if frames:
            return Found(folder, there, stem, frames, len(frames) == 1)
    stem = stem or _only_stem(folder)
    frames = _numbers(folder, stem)
    job = cache / job_name({"loaded from": str(folder.resolve()), "stem": stem, "frames": list(frames)}, ())
    # A single picture's files get a number, and so the names that a node's own results have.
    name = stem if len(frames) > 1 else STEM
    _bring(folder, stem, frames or (None,), job / views[0], name, frame)
    return Found(job, (views[0],), name, frames or (frame,), len(frames) <= 1)


def _stem_of(record: Path) -> str:
    """The name of a result whose record an artist chose. Raises ResultsError."""
    match = _RECORD.fullmatch(record.name)
    if match is None:
        raise ResultsError(f"'{record}' is no record of a result: choose a NAME.matte.json, or its folder.")
    return match["stem"]


def _stems(folder: Path) -> List[str]:
    """The names of the results in a folder, by their records."""
    names = (_RECORD.fullmatch(path.name) for path in folder.glob("*.json"))
    return sorted({match["stem"] for match in names if match})


def _only_stem(folder: Path) -> str:
    """The name of the one result in a folder. Raises ResultsError."""
    stems = _stems(folder)
    if len(stems) != 1:
        what = f"several results ({', '.join(stems[:5])})" if stems else "no result (NAME.matte.json)"
        raise ResultsError(f"'{folder}' has {what}: choose the NAME.matte.json of one.")
    return stems[0]


def _numbers(folder: Path, stem: str) -> Tuple[int, ...]:
    """The numbers of the frames whose layers are there."""
    names = [path.name for path in folder.glob("*.exr")]
    return tuple(frame_spans.numbered(names, f"{stem}.mattes"))


def _bring(folder: Path, stem: str, numbers: Sequence[Optional[int]], out: Path, name: str, frame: int) -> None:
    """Bring the files of a result into a folder of the cache, called `name` there.

    numbers: of the frames; None for a picture without one, which gets `frame`. Raises ResultsError, OSError.
    """
    if numbers == (None,) and not (folder / f"{stem}.mattes.exr").is_file():
        raise ResultsError(f"'{folder}' has no layers of '{stem}' ({stem}.mattes.exr): make them again.")
    out.mkdir(parents=True, exist_ok=True)
    for kind, ending in _KINDS:
        for number in numbers:
            source = f"{stem}.{kind}{ending}" if number is None else _file(stem, kind, number, ending)
            _link(folder / source, out / _file(name, kind, frame if number is None else number, ending))
    if len(numbers) > 1:
        _link(folder / f"{stem}.matte.json", out / f"{name}.matte.json")
    for sheet in folder.glob("*.png"):
        if sheet.name.startswith(f"{stem}.contact"):
            _link(sheet, out / f"{name}{sheet.name[len(stem) :]}")


def _file(stem: str, kind: str, number: int, ending: str) -> str:
    """The name of a frame's file."""
    return frame_spans.file_name(f"{stem}.{kind}", number, ending)


def _link(source: Path, target: Path) -> None:
    """A second name of a file, or a copy of it; nothing where there is no such file."""
    if not source.is_file():
        return
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def contact_sheet_of(folder: Path, stem: str) -> Optional[Path]:
    """The picture of what was found, None where there is none."""
    sheets = sorted(path for path in folder.glob("*.png") if path.name.startswith(f"{stem}.contact"))
    exact = folder / f"{stem}.contact.png"
    return exact if exact in sheets else sheets[0] if sheets else None
