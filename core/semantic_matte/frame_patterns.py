"""Frame patterns: `shot.####.exr`, `shot.%04d.exr` or `shot.@@@@.exr` stand for the frames of a shot that
exist.

`####` and `%04d` stand for numbers of four digits, or more where a number needs more, as Nuke, Houdini and RV
write them: 0001, 10000, -001. A single `#` or `@` and `%d` stand for numbers of any number of digits. The place
of the number is the last one in the file's name; `@` counts where there is none of the others. A file that is
called like a pattern is that file.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from semantic_matte.errors import PlateError, UsageError

# printf's own: at most two digits, so that a slip in a name is not a number of a thousand.
_PLACE = re.compile(r"#+|%0?([0-9]{0,2})d")
_AT = re.compile(r"@+")
# Nuke's places for the name of a view and its first letter.
_VIEW = re.compile(r"%[Vv]")
_NUMBER = "-?[0-9]+"


@dataclass(frozen=True)
class FramePattern:
    """A file name with a place for the frame's number.

    before, after: what stands around the number. width: least digits, with the sign; 0 for any.
    """

    folder: Path
    before: str
    after: str
    width: int

    @classmethod
    def of(cls, path: Path) -> FramePattern | None:
        """The pattern that a path is, or None if its name has no place for a number. Raises UsageError for a
        place for a view."""
        if _VIEW.search(str(path)):
            raise UsageError(
                f"'{path}' has %V or %v, which Nuke replaces by a view: name each view's own files."
            )
        places = list(_PLACE.finditer(path.name)) or list(_AT.finditer(path.name))
        if not places:
            return None
        place = places[-1]
        width = int(place[1] or 0) if place[0].startswith("%") else len(place[0])
        return cls(path.parent, path.name[: place.start()], path.name[place.end() :], width if width > 1 else 0)

    def number(self, name: str) -> int | None:
        """The frame that a file of this name is, or None if it is no frame of the pattern."""
        around = f"{re.escape(self.before)}({_NUMBER}){re.escape(self.after)}"
        found = re.fullmatch(around, name, re.IGNORECASE if os.name == "nt" else 0)
        if found is None:
            return None
        number = int(found[1])
        exact = self.width == 0 or found[1] == f"{number:0{self.width}d}"
        return number if exact else None

    def frames(self) -> list[Path]:
        """The files that are its frames, by their numbers. Raises PlateError if there are none, and UsageError
        if two have one number."""
        found: dict[int, Path] = {}
        for name in sorted(_names(self.folder, self)):
            number = self.number(name)
            if number is None:
                continue
            if number in found:
                raise UsageError(
                    f"'{found[number].name}' and '{name}' in '{self.folder}' are both frame {number} of "
                    f"'{self}': say how many digits are meant, as in #### or %04d."
                )
            found[number] = self.folder / name
        if not found:
            raise PlateError(_none_found(self))
        return [found[number] for number in sorted(found)]

    def __str__(self) -> str:
        """The name with Nuke's sign for the place."""
        return f"{self.before}{'#' * self.width or '%d'}{self.after}"


def expand_plates(paths: Iterable[Path]) -> tuple[Path, ...]:
    """The plates that paths and patterns stand for, in their order.

    Raises PlateError for a pattern without a frame, and UsageError for one that is not clear. Of paths that are
    no patterns nothing is asked.
    """
    return tuple(frame for path in paths for frame in _expanded(path))


def is_pattern(path: Path) -> bool:
    """Whether a path stands for frames: there is no file of that name, and it has a place for a number.

    Raises UsageError for a place for a view.
    """
    return not os.path.lexists(path) and FramePattern.of(path) is not None


def _expanded(path: Path) -> list[Path]:
    if os.path.lexists(path):
        return [path]
    pattern = FramePattern.of(path)
    return [path] if pattern is None else pattern.frames()


def _names(folder: Path, pattern: FramePattern) -> list[str]:
    """Of all that lies in the folder but folders. Raises PlateError."""
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries if not entry.is_dir()]
    except FileNotFoundError:
        said = "there is no such folder"
    except OSError as error:
        said = error.strerror or str(error)
    raise PlateError(f"No frame of '{pattern}' can be looked for in '{folder}': {said}. Correct the path.")


def _none_found(pattern: FramePattern) -> str:
    """Where nothing was found, and the pattern of what lies there that is likest."""
    others = {_as_pattern(name) for name in _names(pattern.folder, pattern)}
    near = difflib.get_close_matches(str(pattern), sorted(others - {None, str(pattern)}), n=1, cutoff=0.6)
    offer = f"did you mean '{near[0]}'?" if near else "correct the path, or the number of digits."
    return f"There is no frame of '{pattern}' in '{pattern.folder}': {offer}"


def _as_pattern(name: str) -> str:
    """The pattern that a file would be a frame of; the name itself if it has no number."""
    places = list(re.finditer(_NUMBER, Path(name).stem))
    if not places:
        return name
    start, end = places[-1].span()
    return f"{name[:start]}{'#' * (end - start)}{name[end:]}"
