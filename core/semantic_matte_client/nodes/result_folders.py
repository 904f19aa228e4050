"""Where a node's results lie on disk, and what of it may be cleared.

<cache>/<identity>/<job>/plate.mattes.1001.exr ...     one folder for each settings and plates
<cache>/<identity>/capture_<random>/plate.1001.exr     what is captured, until its job ends
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Collection, Iterable
from pathlib import Path

# What a file's own cache folder is called: shot.blend has shot.semantic_matte beside it.
ENDING = ".semantic_matte"
CAPTURE_PREFIX = "capture_"
# A capture that nobody has written to for so long is what a crashed host left behind.
ABANDONED_SECONDS = 24 * 3600.0

_JOB = re.compile(r"[0-9a-f]{16}")
_IDENTITY = re.compile(r"[0-9a-f]{32}")
_BLOCK = 1 << 20
_UNITS = ("bytes", "kB", "MB", "GB", "TB")


class ResultFolderError(Exception):
    """A folder for results can't be used; its text is a sentence that says what to do."""


def folder_beside(saved: str | Path) -> Path:
    """The cache folder of a saved scene or script: `shot.blend` -> `shot.semantic_matte` in the same folder."""
    place = Path(saved)
    return place.with_name(f"{place.stem}{ENDING}")


def node_folder(cache: str | Path, identity: str) -> Path:
    """The folder of all results of a node. Raises ValueError for what is no identity: 32 hexadecimal digits."""
    if not _IDENTITY.fullmatch(identity):
        raise ValueError(f"expected an identity of 32 hexadecimal digits, got {identity!r}")
    return Path(cache) / identity


def job_folder(cache: str | Path, identity: str, job: str) -> Path:
    """The folder of the results of one job, whose name is what `job_name` gave. Raises ValueError."""
    if not _JOB.fullmatch(job):
        raise ValueError(f"expected a job's name of 16 hexadecimal digits, got {job!r}")
    return node_folder(cache, identity) / job


def job_name(settings: dict[str, object], files: Iterable[str | Path]) -> str:
    """The name of the folder of a job: 16 hexadecimal digits of its settings and the contents of its plates.

    So other settings or another picture never write over what a node shows, and the same again finds what is
    done already. settings: plain values. files: in their order, their names count. Raises OSError for a file
    that can't be read.
    """
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode() + b"\0")
    for file in map(Path, files):
        digest.update(file.name.encode("utf-8", "surrogateescape") + b"\0")
        with file.open("rb") as stream:
            while block := stream.read(_BLOCK):
                digest.update(block)
    return digest.hexdigest()[:16]


def check_writable(folder: str | Path, where: str = "") -> None:
    """Make the folder if need be and see that files can be written there.

    where: where the host lets another folder be chosen, for the sentence: "in the add-on's preferences".
    Raises ResultFolderError; what was made for the trial is gone then, and folders that were made stay.
    """
    place = Path(folder)
    made = [one for one in (place, *place.parents) if not one.exists()]
    try:
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=place, prefix=".semantic_matte_") as trial:
            trial.write(b"0" * 4096)
            trial.flush()
    except OSError as reason:
        for one in made:
            with contextlib.suppress(OSError):
                one.rmdir()
        raise ResultFolderError(
            f"Results can't be written into '{place}': {reason.strerror or reason}. Allow it, or "
            f"{_choose(where)}."
        ) from None


def new_capture_folder(cache: str | Path, identity: str, where: str = "") -> Path:
    """A new empty folder for a node's captured plates; what a crashed host left behind there is removed.

    where: see `check_writable`. Raises ResultFolderError.
    """
    place = node_folder(cache, identity)
    check_writable(place, where)
    remove_abandoned(place, time.time())
    try:
        return Path(tempfile.mkdtemp(prefix=CAPTURE_PREFIX, dir=place))
    except OSError as reason:
        raise ResultFolderError(
            f"Plates can't be captured into '{place}': {reason.strerror or reason}. Allow it, or "
            f"{_choose(where)}."
        ) from None


def check_space(folder: str | Path, needed: int, where: str = "") -> None:
    """Raise ResultFolderError where the disk has fewer bytes left: not every host tells of a file cut short.

    where: see `check_writable`.
    """
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise ResultFolderError(
            f"The disk of '{Path(folder).parent}' is full: {size_text(free)} are free, and a plate may need "
            f"{size_text(needed)}. Make room, or {_choose(where)}."
        )


def remove_abandoned(folder: Path, now: float) -> None:
    """Remove captures in a node's folder that nobody has written to for a day. now: seconds since 1970."""
    for place in _captures(folder):
        with contextlib.suppress(OSError):
            if now - place.stat().st_mtime > ABANDONED_SECONDS:
                shutil.rmtree(place, ignore_errors=True)


def remove_capture(folder: str | Path) -> None:
    """Remove a folder of captured plates, and the node's and the cache's own folder where they are empty then.

    Folders of other names are left alone. Never raises: what can't be removed is for `remove_abandoned`.
    """
    place = Path(folder)
    if not place.name.startswith(CAPTURE_PREFIX):
        return
    shutil.rmtree(place, ignore_errors=True)
    remove_if_empty(place.parent)


def remove_if_empty(node: Path) -> None:
    """Remove a node's folder, and the cache above it, as far as nothing lies in them."""
    if not _IDENTITY.fullmatch(node.name):
        return
    with contextlib.suppress(OSError):
        node.rmdir()
        if node.parent.name.endswith(ENDING):
            node.parent.rmdir()


def clearable(folder: str | Path, shown: Collection[str | Path]) -> list[Path]:
    """Of a node's folder, the jobs' folders that no node shows, and captures that are abandoned.

    folder: see `node_folder`. shown: the folders whose results nodes show. Nothing else that lies there is
    named, whoever put it there.
    """
    kept = {_same(one) for one in shown}
    place = Path(folder)
    jobs = [one for one in _folders(place) if _JOB.fullmatch(one.name) and _same(one) not in kept]
    now = time.time()
    return jobs + [one for one in _captures(place) if now - one.stat().st_mtime > ABANDONED_SECONDS]


def clear(folders: Iterable[str | Path]) -> int:
    """Remove folders that `clearable` named; returns the bytes that are free now.

    Raises ResultFolderError where something could not be removed; the rest is removed all the same.
    """
    freed, failed = 0, []
    for place in map(Path, folders):
        size = size_of(place)
        shutil.rmtree(place, ignore_errors=True)
        left = size_of(place)
        freed += size - left
        if place.exists():
            failed.append(str(place))
        remove_if_empty(place.parent)
    if failed:
        raise ResultFolderError(
            f"Not all could be removed: {', '.join(failed)}. Close what uses the files, or remove them by hand."
        )
    return freed


def size_of(folder: str | Path) -> int:
    """Bytes of all files below a folder, links not followed; 0 where there is none."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += (Path(place) / name).lstat().st_size
    return total


def size_text(size: int) -> str:
    """Bytes for a person: `0 bytes`, `1.4 MB`."""
    amount, unit = float(size), 0
    while amount >= 1000 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1000, unit + 1
    return f"{size} bytes" if unit == 0 else f"{amount:.1f} {_UNITS[unit]}"


def _choose(where: str) -> str:
    """What else can be done, as a part of a sentence."""
    return f"choose another cache folder {where}".rstrip()


def _folders(place: Path) -> list[Path]:
    """The real folders in a folder, by name; none where it can't be read."""
    with contextlib.suppress(OSError), os.scandir(place) as entries:
        return sorted(Path(one.path) for one in entries if one.is_dir(follow_symlinks=False))
    return []


def _captures(place: Path) -> list[Path]:
    """The folders of captured plates in a node's folder."""
    return [one for one in _folders(place) if one.name.startswith(CAPTURE_PREFIX)]


def _same(place: str | Path) -> str:
    """One text for a folder, however it is named: absolute, links followed, in one case where cases are one."""
    return os.path.normcase(Path(place).resolve())
