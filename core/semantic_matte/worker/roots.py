"""What a job may touch: every path that it reads or writes lies in one of the folders that the job names.

It guards against a slip of a host, not against the user, whose own process this is: what is checked now could
be replaced by a link a moment later.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from semantic_matte.errors import UsageError


class Roots:
    """The folders of a job, with all links on the way resolved."""

    def __init__(self, texts: Iterable[str]) -> None:
        """texts: absolute paths; one that is not there yet counts as the folder that it will be.

        Raises UsageError for a relative path and for a file.
        """
        self.texts = tuple(texts)
        if not self.texts:
            raise UsageError("The job names no folder in 'roots': name those of its plates and results.")
        self._folders = [self._folder(text) for text in self.texts]

    def require(self, path: str | os.PathLike[str], what: str) -> None:
        """Raise UsageError unless what is read at a path, links followed, lies in a root.

        what: the path's part in the job, as in "plate".
        """
        self._require(_absolute(path, what), Path(path), what)

    def require_place(self, path: str | os.PathLike[str], what: str) -> None:
        """Raise UsageError unless a file that is written as a path lies in a root.

        Results are renamed into their place: a link there is replaced, and what it leads to is never touched.
        """
        place = _absolute(path, what)
        if place.name in ("", ".."):
            raise UsageError(f"The {what} '{path}' has no file name: name the file to write.")
        self._require(place.parent, place, what)

    def _require(self, place: Path, named: Path, what: str) -> None:
        found = _resolved(place, what)
        if any(found.is_relative_to(folder) for folder in self._folders):
            return
        leads = f", which leads to '{found}'," if found != place else ""
        listed = ", ".join(f"'{text}'" for text in self.texts)
        raise UsageError(
            f"The {what} '{named}'{leads} lies outside of the folders that this job may use ({listed}): "
            "name its folder in 'roots'."
        )

    @staticmethod
    def _folder(text: str) -> Path:
        folder = _resolved(_absolute(text, "root"), "root")
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"The root '{text}' is a file: name its folder in 'roots'.")
        return folder


def _absolute(path: str | os.PathLike[str], what: str) -> Path:
    """The path, which must not hang on where a process happens to stand."""
    place = Path(path)
    if not place.is_absolute():
        raise UsageError(f"The {what} '{path}' is not an absolute path, which the worker needs: name it whole.")
    return place


def _resolved(place: Path, what: str) -> Path:
    """Where it leads, as far as it exists. Not `..` by name: behind a link that is another folder."""
    try:
        return place.resolve(strict=False)
    # A ring of links: RuntimeError before Python 3.13, OSError since; ValueError: a character that none has.
    except (OSError, RuntimeError, ValueError) as error:
        raise UsageError(f"The {what} '{place}' can't be followed ({error}): correct the path.") from None
