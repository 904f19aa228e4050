"""Changes to folders and files that are prepared first, then all made at once, or none of them.

A folder is built whole beside its place and renamed into it. What was there is kept beside it until all steps
are made; a run that was killed in between is mended by the next.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from semantic_matte.errors import OutputError
from semantic_matte.outputs.atomic import refusal, replacing


class Step(Protocol):
    """One change. Each raises OSError or OutputError where the system refuses."""

    def prepare(self) -> None:
        """Everything that may take long or fail, without a trace in the place itself."""

    def make(self) -> None:
        """The change itself; leaves everything as it was if it raises."""

    def undo(self) -> None:
        """Take the change back, if it was made, and what was prepared."""

    def finish(self) -> None:
        """Remove what was kept for `undo`."""


def make_all(steps: Sequence[Step]) -> None:
    """Prepare every step, then make all of them; on any exception all are undone. Raises OutputError."""
    try:
        for step in steps:
            step.prepare()
        for step in steps:
            step.make()
    except BaseException:
        for step in reversed(steps):
            step.undo()
        raise
    for step in steps:
        step.finish()


class FolderStep:
    """Puts a folder into its place, in place of the one that is there, or takes one away."""

    def __init__(self, place: Path, build: Callable[[Path], None] | None, made: int = 0) -> None:
        """build: fills a new folder; None takes the place's folder away, and with it as many empty folders
        above it as `made` says."""
        self._place = place
        self._build = build
        self._made = made
        self._new = _beside(place, "installing")
        self._earlier = _beside(place, "earlier")
        self._above: list[Path] = []
        # Whether there was a folder before; what is not known is not touched.
        self._had = True

    def prepare(self) -> None:
        """Build the folder beside its place. Raises OutputError."""
        try:
            mend(self._place)
            self._had = self._place.exists()
            if self._build is not None:
                self._above = missing_above(self._place)
                _make_folder(self._place.parent)
            if self._build is not None:
                self._new.mkdir()
                self._build(self._new)
                _flush_all(self._new)
        except OSError as reason:
            raise OutputError(refusal(self._place, reason)) from reason

    def make(self) -> None:
        """Rename what is there out of the way and the new folder into its place. Raises OutputError."""
        try:
            if self._place.exists():
                self._place.rename(self._earlier)
            if self._build is not None:
                self._new.rename(self._place)
        except OSError as reason:
            raise OutputError(refusal(self._place, reason)) from reason

    def undo(self) -> None:
        """What was there before is there again; nothing is left beside it."""
        # By what lies there: an interrupt comes between a rename and a note of it.
        with contextlib.suppress(OSError):
            swapped = self._place.exists() and not self._new.exists()
            if swapped and (self._earlier.exists() or not self._had):
                self._place.rename(self._new)
            mend(self._place)
        remove_empty(self._above)

    def finish(self) -> None:
        """Remove what was there before, and folders above that were made for it and are empty now."""
        shutil.rmtree(self._earlier, ignore_errors=True)
        if self._build is None:
            remove_empty(list(self._place.parents)[: self._made])


class FileStep:
    """Writes one file whole, or removes it."""

    def __init__(self, path: Path, content: bytes | None, with_folder: bool = False) -> None:
        """content: None removes the file, if it is there. A link is followed: its file is changed.

        with_folder: a folder that is empty then goes with it.
        """
        self._path = Path(os.path.realpath(path))
        self._content = content
        self._with_folder = with_folder
        self._earlier: bytes | None = None
        self._above: list[Path] = []
        self._begun = False

    def prepare(self) -> None:
        """Make the folder and read what is there. Raises OutputError."""
        try:
            if self._content is not None:
                self._above = missing_above(self._path)
                _make_folder(self._path.parent)
            self._earlier = self._path.read_bytes() if self._path.exists() else None
        except OSError as reason:
            raise OutputError(refusal(self._path, reason)) from reason

    def make(self) -> None:
        """Write or remove it. Raises OutputError."""
        self._begun = True
        self._put(self._content)

    def undo(self) -> None:
        """The file is what it was."""
        if self._begun:
            with contextlib.suppress(OutputError):
                self._put(self._earlier)
        remove_empty(self._above)

    def finish(self) -> None:
        """Remove the folder, if it is to go with its last file."""
        if self._with_folder:
            remove_empty([self._path.parent])

    def _put(self, content: bytes | None) -> None:
        if content is not None:
            with replacing(self._path) as temporary:
                temporary.write_bytes(content)
                if self._path.exists():
                    shutil.copymode(self._path, temporary)
            return
        try:
            self._path.unlink(missing_ok=True)
        except OSError as reason:
            raise OutputError(refusal(self._path, reason)) from reason


def lying_at(place: Path) -> Path:
    """Where the folder of a place lies now: in it, or beside it where a killed run left it for `mend`."""
    earlier = _beside(place, "earlier")
    return earlier if earlier.is_dir() and not place.exists() and not place.is_symlink() else place


def _beside(place: Path, what: str) -> Path:
    return place.with_name(f".{place.name}.{what}")


def mend(place: Path) -> None:
    """Bring a place that a killed run left into order: a whole folder in it, and none beside it.

    Raises OSError.
    """
    new, earlier = _beside(place, "installing"), _beside(place, "earlier")
    if earlier.exists() and not place.exists():
        earlier.rename(place)
    for folder in (new, earlier):
        if folder.exists():
            shutil.rmtree(folder)


def missing_above(place: Path) -> list[Path]:
    """The folders above a place that are not there, the lowest first."""
    return [folder for folder in place.parents if not folder.exists()]


def remove_empty(folders: Sequence[Path]) -> None:
    """Remove those of the folders that are empty; the lowest come first."""
    for folder in folders:
        with contextlib.suppress(OSError):
            folder.rmdir()


def _make_folder(folder: Path) -> None:
    """Make a folder and those above it, if they aren't there. Raises OSError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as reason:
        raise NotADirectoryError(errno.ENOTDIR, reason.strerror) from reason


def _flush_all(folder: Path) -> None:
    """Have the disk hold every file before the folder's name says that it is whole. Raises OSError."""
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            with path.open("r+b") as stream:
                os.fsync(stream.fileno())
