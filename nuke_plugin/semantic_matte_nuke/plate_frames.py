"""Which file a Read shows at a frame, and which frame other nodes ask their inputs for; on plain values."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Optional

_NUMBER = re.compile(r"%0?\d*d|#+")
_VIEW = re.compile(r"%[vV]")
_SHIFT = re.compile(r"\s*(?:frame|t|x)?\s*(?:([-+])\s*(\d+))?\s*")
_CONSTANT = re.compile(r"\s*(-?\d+)\s*")

FILMS = (".mov", ".mp4", ".m4v", ".mkv", ".avi", ".mxf", ".webm", ".r3d", ".ari", ".braw")


@dataclass(frozen=True)
class ReadRange:
    """How a Read is set in time, by its knobs' values.

    mode: expression, start at or offset; text: what is written beside it. before, after: hold, loop, bounce or
    black.
    """

    first: int
    last: int
    before: str = "hold"
    after: str = "hold"
    mode: str = "expression"
    text: str = ""

    def number(self, frame: int) -> Optional[int]:
        """The number of the file that is shown at a frame, None where it is black.

        An expression that is more than a shift can't be told here: the frame's own number is taken.
        """
        wanted = self.asked(frame)
        if self.first <= wanted <= self.last or self.last < self.first:
            return wanted
        manner = self.before if wanted < self.first else self.after
        count = self.last - self.first + 1
        if manner == "black":
            return None
        if manner == "loop":
            return self.first + (wanted - self.first) % count
        if manner == "bounce" and count > 1:
            step = (wanted - self.first) % (2 * count - 2)
            return self.first + min(step, 2 * count - 2 - step)
        return min(max(wanted, self.first), self.last)

    def asked(self, frame: int) -> int:
        """The number that is asked for, before the range limits it."""
        if self.mode == "start at":
            start = _whole(self.text)
            return frame if start is None else frame - start + self.first
        if self.mode == "offset":
            return frame + (_whole(self.text) or 0)
        constant = _whole(self.text)
        if constant is not None:
            return constant
        shift = _SHIFT.fullmatch(self.text)
        if shift is None or not shift[2]:
            return frame
        return frame + (int(shift[2]) if shift[1] == "+" else -int(shift[2]))

    @property
    def is_plain(self) -> bool:
        """Whether a frame's file has the frame's own number, as far as the range goes."""
        return self.asked(0) == 0 and self.asked(1) == 1 and not self._is_untold

    @property
    def _is_untold(self) -> bool:
        """Whether an expression is written that is more than a shift."""
        return self.mode == "expression" and not (_SHIFT.fullmatch(self.text) or _CONSTANT.fullmatch(self.text))


def offset_frame(frame: int, shift: float) -> int:
    """The frame that a TimeOffset asks its input for."""
    return math.floor(frame - shift + 0.5)


def held_frame(frame: int, first: float, increment: float) -> int:
    """The frame that a FrameHold asks its input for."""
    if increment <= 0:
        return int(first)
    return int(first + math.floor((frame - first) / increment) * increment)


def has_number(text: str) -> bool:
    """Whether a file's name, as it is written in the knob, stands for a sequence."""
    return _NUMBER.search(text) is not None


def has_view(text: str) -> bool:
    """Whether a file's name, as it is written in the knob, stands for one file a view."""
    return _VIEW.search(text) is not None


def is_film(path: str) -> bool:
    """Whether one file holds many frames, by its ending."""
    return path.lower().endswith(FILMS)


def title(text: str, path: str, view: str, ordinal: int) -> str:
    """What a file is called in a description: its name, and more where that would not be one file's alone.

    text: as the knob has it; path: as it is at a frame and view. ordinal: of the node among those that read
    files, 0 where it is alone.
    """
    parts = PurePosixPath(path.replace("\\", "/")).parts[-2:]
    # A folder a frame, in which every file has one name.
    numbered_above = has_number(text) and not has_number(PurePosixPath(text).name)
    name = "/".join(parts) if numbered_above else parts[-1] if parts else path
    more = [view] * has_view(text) + [f"file {ordinal}"] * bool(ordinal)
    return f"{name} ({', '.join(more)})" if more else name


def _whole(text: str) -> Optional[int]:
    """The whole number that a text is, None where it is something else."""
    found = _CONSTANT.fullmatch(text)
    return int(found[1]) if found else None
