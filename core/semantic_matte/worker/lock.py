"""The worker's lock: an open file that the kernel lets go of when its process ends, however it does."""

from __future__ import annotations

import os
import sys
from pathlib import Path

_LOCKED_BYTE = 1 << 20


class WorkerLock:
    """An exclusive lock on a file that is never removed. Its text is the holder's process number."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(self) -> bool:
        """Take it, if nobody holds it; at once. Raises OSError where the file can't be made or locked."""
        while True:
            # Not followed: a link could lead to a file of another. Not inherited by the engine process.
            flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
            descriptor = os.open(self._path, flags, 0o600)
            try:
                taken = _lock(descriptor)
                # Somebody may have removed the file since it was opened: a lock that nobody else can find.
                real = taken and _is_at(descriptor, self._path)
            except BaseException:
                os.close(descriptor)
                raise
            if real:
                self._descriptor = descriptor
                self._write_number(descriptor)
                return True
            os.close(descriptor)
            if not taken:
                return False

    def is_ours(self) -> bool:
        """Whether the file that we hold is still the one at its path."""
        return self._descriptor is not None and _is_at(self._descriptor, self._path)

    def release(self) -> None:
        """Let it go."""
        if self._descriptor is not None:
            # Closing unlocks, on every system.
            os.close(self._descriptor)
            self._descriptor = None

    def holder(self) -> int:
        """Process number of who took it last; 0 if it isn't told."""
        try:
            text = self._path.read_bytes()[:32].decode("ascii").strip()
        except (OSError, ValueError):
            return 0
        return int(text) if text.isdigit() else 0

    @staticmethod
    def _write_number(descriptor: int) -> None:
        os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, f"{os.getpid():<20}\n".encode("ascii"))


def _lock(descriptor: int) -> bool:
    """Lock an open file without waiting. False if another holds it."""
    if sys.platform == "win32":
        import msvcrt

        # What is locked can't be read by others there: a byte behind the text, which need not exist.
        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.lstat(path))
    except OSError:
        return False
