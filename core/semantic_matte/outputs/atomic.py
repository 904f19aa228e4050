"""Files that appear whole or not at all: written beside their place, flushed, renamed into it."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from semantic_matte.errors import OutputError, UsageError
from semantic_matte.outputs.leftovers import remove_abandoned, temporary_beside

# Temporaries that are being written now. A set's add and discard are atomic under the interpreter
# lock, so a watchdog thread may read it while others write.
_unfinished: set[Path] = set()

_WHAT_TO_DO = {
    errno.ENOSPC: "the disk is full; free some space or choose another folder",
    errno.EDQUOT: "the disk quota is used up; free some space or choose another folder",
    errno.EFBIG: "the file would be larger than is allowed here; choose another folder",
    errno.EACCES: "writing there is not permitted; choose another folder or ask for permission",
    errno.EPERM: "writing there is not permitted; choose another folder or ask for permission",
    errno.EROFS: "the disk is read-only; choose another folder",
    errno.ENOENT: "its folder does not exist; create it or choose another one",
    errno.ENOTDIR: "a part of the path is a file, not a folder; choose another folder",
    errno.EISDIR: "there is a folder of that name; choose another name",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
}


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a hidden temporary path beside `path`, with its suffix; rename it to `path` at the end.

    The file is flushed to disk before the rename and its folder after it: a reader sees the old file
    or the new one, whole. On any exception, KeyboardInterrupt too, the temporary is removed and the
    old file stays; after a kill it is left, hidden, until `ensure_folder` finds it. Raises OutputError where
    the system refuses.
    """
    place = Path(path)
    temporary = temporary_beside(place)
    _unfinished.add(temporary)
    try:
        # Created here, where a refusal comes with the system's reason; libraries lose it.
        temporary.touch(exist_ok=False)
        yield temporary
        _flush(temporary)
        temporary.replace(place)
        _flush_folder(place.parent)
    except OSError as reason:
        raise OutputError(refusal(place, reason)) from reason
    finally:
        _remove(temporary)
        _unfinished.discard(temporary)


def refuse_overwriting(results: Iterable[Path], sources: Iterable[Path]) -> None:
    """Raise UsageError if a result would be written over something that it is made from."""
    taken = {source.resolve() for source in sources}
    for result in results:
        if result.resolve() in taken:
            raise UsageError(f"The result '{result}' would overwrite its own source: give another name.")


def discard_unfinished() -> None:
    """Remove every temporary that is being written: for one who is about to end the process hard."""
    for temporary in list(_unfinished):
        _remove(temporary)


def ensure_folder(path: str | os.PathLike[str]) -> Path:
    """Create an output folder with its parents, if it isn't there, and check that it can be written.

    Temporaries that killed processes left in it are removed (see `leftovers`). Returns it. Raises OutputError.
    """
    folder = Path(path)
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"The output folder '{folder}' is a file: choose another folder.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = temporary_beside(folder / "probe")
        probe.touch(exist_ok=False)
        now = probe.stat().st_mtime
        probe.unlink()
    except OSError as reason:
        raise OutputError(refusal(folder, reason)) from reason
    remove_abandoned(folder, now)
    return folder


def check_written(path: Path, complaint: str) -> None:
    """Raise OSError for a writer that reports a failure as text.

    Libraries lose the system's error number. Where the disk is full it is found again here, by
    asking the system to write some more.
    """
    if not complaint:
        return
    with path.open("ab") as stream:
        stream.write(bytes(1 << 16))
        stream.flush()
        os.fsync(stream.fileno())
    raise OSError(None, complaint.strip().splitlines()[0].rstrip("."))


def refusal(path: Path, reason: OSError) -> str:
    """One sentence: which file can't be written, why, and what to do."""
    known = _WHAT_TO_DO.get(reason.errno or 0)
    said = known or f"{reason.strerror or reason}; choose another folder"
    return f"'{path}' can't be written: {said}."


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()


def _flush(path: Path) -> None:
    # Opened for writing because Windows refuses to flush what was opened for reading.
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _flush_folder(folder: Path) -> None:
    """Make the rename itself last. Not every file system can; the file is in place either way."""
    if os.name != "posix":
        return
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
