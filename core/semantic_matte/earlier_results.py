"""Results that are there already: whether they are what a run would make, and what they leave behind.

A sidecar is a file like any other: it may be old, half copied, edited, or made by somebody who means harm. So
nothing in it is believed. What it says of a file counts only where that file lies beside it under the very name
that this tool would give it, is no link, and still has the size and the checksum that were recorded.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from semantic_matte.outputs.sidecar_model import FileRecord, SidecarRecord
from semantic_matte.result_files import ResultFiles
from semantic_matte.settings import Settings

# A sidecar of a thousand objects has about one.
LARGEST_SIDECAR = 16 << 20
_BLOCK_BYTES = 1 << 20
# What the system must not do on opening: follow a link, wait at a pipe, hand the file to a child process. Not
# every system has all of them.
_CAREFULLY = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"))


@dataclass(frozen=True)
class EarlierResult:
    """A whole result of an earlier run. files: in the order of their writing, the sidecar last."""

    record: SidecarRecord
    files: tuple[Path, ...]


@dataclass(frozen=True)
class Cleared:
    """What became of the files of an earlier run that are no part of the new result.

    removed: they are gone. left: somebody changed them since, or the system did not let go of them.
    """

    removed: tuple[Path, ...] = ()
    left: tuple[Path, ...] = ()

    @property
    def notices(self) -> list[str]:
        """Sentences for the user."""
        told = []
        if self.removed:
            names = ", ".join(f"'{path.name}'" for path in self.removed)
            told.append(f"Removed, because an earlier run wrote them and this one does not: {names}.")
        if self.left:
            names = ", ".join(f"'{path.name}'" for path in self.left)
            told.append(f"Of an earlier run, but changed since or in use, and so left: {names}.")
        return told


def find_earlier(folder: Path, plate: Path, key: str | None, settings: Settings) -> EarlierResult | None:
    """The result of an earlier run with this key, if it is all there, to the byte.

    folder: where results are written. plate: its path, which names them. key: as of `content_keys.content_key`;
    None finds nothing. settings: say which files there have to be. Returns None wherever anything is missing,
    more, changed or not understood; raises nothing.
    """
    if key is None:
        return None
    record = read_sidecar(ResultFiles.of(folder, plate, (), settings).sidecar)
    if record is None or record.key != key:
        return None
    expected = ResultFiles.of(folder, plate, [slot.slot for slot in record.slots], settings)
    named = sorted((one.kind, one.path.name) for one in expected.besides_sidecar)
    if named != sorted((one.kind, one.name) for one in record.files):
        return None
    if any(file_state(folder / one.name, one) for one in record.files):
        return None
    return EarlierResult(record, expected.paths)


def read_sidecar(path: Path) -> SidecarRecord | None:
    """A sidecar of this version's schema; None for one that is not there, of another schema, or no sidecar."""
    content = read_plain_file(path, LARGEST_SIDECAR)
    try:
        return None if content is None else SidecarRecord.model_validate_json(content)
    # pydantic's error for whatever is wrong with a record is one.
    except ValueError:
        return None


def read_plain_file(path: Path, most: int) -> bytes | None:
    """A plain file's content; None for one that is not there, is a link, a folder, a pipe or a device, can't be
    read, or has more than so many bytes."""
    try:
        with _open(path) as file:
            content = file.read(most + 1)
    # A path with a NUL in it is a ValueError.
    except (OSError, ValueError):
        return None
    return content if len(content) <= most else None


def written_before(folder: Path, plate: Path, settings: Settings) -> tuple[FileRecord, ...]:
    """The files that an earlier run says it wrote for this plate; to be asked before new ones are written.

    Only names that this tool gives to results of this plate are taken, whatever the sidecar names.
    """
    everything = settings.model_copy(
        update={"png": True, "contact_sheet": True, "cryptomatte": True, "foreground": True}
    )
    record = read_sidecar(ResultFiles.of(folder, plate, (), everything).sidecar)
    if record is None:
        return ()
    possible = ResultFiles.of(folder, plate, [slot.slot for slot in record.slots], everything).besides_sidecar
    names = {(one.kind, one.path.name) for one in possible}
    return tuple(one for one in record.files if (one.kind, one.name) in names)


def clear_superseded(folder: Path, before: Sequence[FileRecord], keep: Collection[Path]) -> Cleared:
    """Remove the files of an earlier run that the new result has not; called once its sidecar is in place.

    before: as of `written_before`. keep: the new result's files, the plate, hints and trimap: none of these is
    touched, under whichever of its names. A file is removed only if it is what was recorded, to the byte.
    """
    kept = {identity for path in keep if (identity := _identity(path)) is not None}
    removed: list[Path] = []
    left: list[Path] = []
    for one in before:
        path = folder / one.name
        identity = _identity(path)
        if identity is None or identity in kept:
            continue
        (removed if not file_state(path, one) and _remove(path) else left).append(path)
    return Cleared(tuple(removed), tuple(left))


def file_state(path: Path, recorded: FileRecord, checksum: bool = True) -> str:
    """What is wrong with a result's file, as the end of a sentence; "" where it is what was recorded.

    checksum: read it, unless it has another size; else a plain file of the recorded size is taken for it.
    Raises nothing.
    """
    digest = hashlib.sha256()
    try:
        with _open(path) as file:
            if os.fstat(file.fileno()).st_size != recorded.bytes:
                return "has another size than the file that was written"
            while checksum and (block := file.read(_BLOCK_BYTES)):
                digest.update(block)
    except (OSError, ValueError):
        return "can't be read" if os.path.lexists(path) else "is missing"
    if checksum and digest.hexdigest() != recorded.sha256:
        return "was changed since it was written"
    return ""


def _open(path: Path) -> BinaryIO:
    """A plain file, to be read. Raises OSError for a link, a folder, a pipe or a device, and for none."""
    if path.is_symlink():
        raise OSError(f"'{path}' is a link")
    descriptor = os.open(path, os.O_RDONLY | _CAREFULLY)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(f"'{path}' is no plain file")
    return os.fdopen(descriptor, "rb")


def _identity(path: Path) -> tuple[int, int] | None:
    """What a file has under all of its names; None for none."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def _remove(path: Path) -> bool:
    """Whether the file is gone now."""
    try:
        path.unlink()
    except OSError:
        return False
    return True
