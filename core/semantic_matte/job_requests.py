"""What a job asks for: what is read, where results go, and what must never be overwritten."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from semantic_matte.hints import hint_files, read_hints
from semantic_matte.outputs.atomic import refuse_overwriting
from semantic_matte.types import Hint


@dataclass(frozen=True)
class MatteRequest:
    """What to read and where to write. Paths are as the user gave them; plates may be frame patterns and films.

    frames: of the shots among them, a range such as "1001-1050x2"; None for all. chunk: of these, a range of
    those to be matted now, whose objects were tied before; None for all, with finding before and collecting
    after.
    """

    plates: tuple[Path, ...]
    folder: Path
    hint: Path | None = None
    trimap: Path | None = None
    colour_space: str | None = None
    frames: str | None = None
    chunk: str | None = None


@dataclass(frozen=True)
class Sources:
    """The files that results are made from, and the hints read from them."""

    files: tuple[Path, ...]
    hints: tuple[Hint, ...] = ()

    @classmethod
    def of(cls, given: Iterable[Path | None], hint: Path | None) -> Sources:
        """Reads the hint file. Raises HintError."""
        hints = tuple(read_hints(hint)) if hint else ()
        named = hint_files(hint) if hint else []
        return cls((*(path for path in given if path), *named), hints)

    def keep(self, results: Iterable[Path]) -> None:
        """Raise UsageError if a result would be written over something that it is made from."""
        refuse_overwriting(results, self.files)
