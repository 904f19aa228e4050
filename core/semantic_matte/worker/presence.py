"""How a worker is found: its key, socket and information, made and removed by the one that holds the lock."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import tempfile
from pathlib import Path
from typing import Any

from semantic_matte_client import wire
from semantic_matte_client.protocol import PROTOCOL
from semantic_matte_client.runtime import WorkerFiles
from semantic_matte_client.version import VERSION

KEY_BYTES = 32
# Clients that the system lets wait until the worker looks.
BACKLOG = 64

_LARGEST_INFO = 1 << 16


class Presence:
    """The files by which clients find this worker. Only for the holder of the lock."""

    def __init__(self, files: WorkerFiles, log: str) -> None:
        """log: what `info` names as the log; empty for none."""
        self._files = files
        self._marks: dict[Path, tuple[int, int, int]] = {}
        self._log = log
        self.key = secrets.token_bytes(KEY_BYTES)
        self.address = _address(files)
        self.listener: socket.socket | None = None

    def publish(self) -> None:
        """Put all in place, the information last, over what a killed worker left. Raises OSError."""
        for stale in (self._files.info, self._files.socket, self._files.key):
            with contextlib.suppress(FileNotFoundError):
                stale.unlink()
            _remove_halves(stale)
        self._write(self._files.key, self.key)
        if os.name == "posix":
            self.listener = _listen(self._files.socket)
            self._mark(self._files.socket)
        info = {
            "pid": os.getpid(),
            "address": self.address,
            "slot": self._files.slot,
            "version": VERSION,
            "protocol": PROTOCOL,
            "log": self._log,
        }
        self._write(self._files.info, json.dumps(info).encode("ascii"))

    def is_intact(self) -> bool:
        """Whether each file is there and still the one that was put there."""
        return all(_identity(path) == mark for path, mark in self._marks.items())

    def withdraw(self) -> None:
        """Remove what was put there, and nothing that another has put in its place."""
        if self.listener is not None:
            self.listener.close()
        for path, mark in self._marks.items():
            if _identity(path) == mark:
                with contextlib.suppress(OSError):
                    path.unlink()
        self._marks.clear()

    def _write(self, path: Path, content: bytes) -> None:
        """Write a file for the owner alone, there as a whole or not at all."""
        # Made with O_EXCL and mode 0600.
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(content)
            Path(temporary).replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
            raise
        self._mark(path)

    def _mark(self, path: Path) -> None:
        found = _identity(path)
        if found is not None:
            self._marks[path] = found


def read_info(files: WorkerFiles) -> dict[str, Any] | None:
    """What a worker says of itself: address and pid at least; None if there is nothing to be read."""
    try:
        with files.info.open("rb") as stream:
            info = json.loads(stream.read(_LARGEST_INFO))
    except (OSError, ValueError):
        return None
    if not isinstance(info, dict) or not isinstance(info.get("address"), str):
        return None
    return info if isinstance(info.get("pid"), int) else None


def _remove_halves(path: Path) -> None:
    """Remove what a worker left that was killed while it wrote such a file."""
    for half in path.parent.glob(f".{path.name}.*"):
        with contextlib.suppress(OSError):
            half.unlink()


def _address(files: WorkerFiles) -> str:
    if wire.FAMILY == "AF_UNIX":
        return str(files.socket)
    # Pipes of all users have one folder: a name that can't be guessed can't be taken by another before.
    return rf"\\.\pipe\semantic-matte-{files.slot}-{secrets.token_hex(16)}"


def _listen(path: Path) -> socket.socket:
    """A listening socket at a path that only its owner may connect to."""
    listener = socket.socket(socket.AF_UNIX)
    try:
        # Before there are other threads: the mask is the process's.
        mask = os.umask(0o177)
        try:
            listener.bind(str(path))
        finally:
            os.umask(mask)
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


def _identity(path: Path) -> tuple[int, int, int] | None:
    """What tells a file from one that was put in its place, which may be given the same number."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns
