"""Ranges of frames, and the moment that a knob is evaluated at."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from . import runtime


class FrameRange:
    """first-lastxincrement."""

    def __init__(self, *args: Any) -> None:
        if len(args) == 1 and isinstance(args[0], str):
            args = _range_of(args[0])
        first, last, increment = (*args, 1)[:3] if args else (0, 0, 1)
        if not all(isinstance(value, int) for value in (first, last, increment)):
            raise TypeError("FrameRange(first, last, increment): expected whole numbers")
        self._first, self._last, self._increment = first, last, increment

    def first(self) -> int:
        return self._first

    def last(self) -> int:
        return self._last

    def increment(self) -> int:
        return self._increment

    def frames(self) -> int:
        return len(range(self._first, self._last + 1, self._increment))

    def minFrame(self) -> int:
        return min(self._first, self._last)

    def maxFrame(self) -> int:
        return max(self._first, self._last)

    def __iter__(self) -> Iterator[int]:
        return iter(range(self._first, self._last + 1, self._increment))

    def __str__(self) -> str:
        by = f"x{self._increment}" if self._increment != 1 else ""
        return f"{self._first}-{self._last}{by}"


def _range_of(text: str) -> tuple[int, int, int]:
    found = re.match(r"^\s*(-?\d+)(?:-(-?\d+)(?:x(\d+))?)?\s*$", text)
    if not found:
        raise RuntimeError(f"no frame range: {text!r}")
    first = int(found[1])
    return first, int(found[2] or first), int(found[3] or 1)


class FrameRanges:
    """Several ranges: `1-10 20 30-40x2`."""

    def __init__(self, *args: Any) -> None:
        self._ranges: list[FrameRange] = []
        for arg in args:
            if isinstance(arg, str):
                self._ranges += [FrameRange(word) for word in arg.replace(",", " ").split()]
            elif isinstance(arg, FrameRange):
                self._ranges.append(arg)
            elif isinstance(arg, list):
                self._ranges += [FrameRange(f, f, 1) if isinstance(f, int) else f for f in arg]
            else:
                raise TypeError("FrameRanges: expected a text, ranges or frames")

    def toFrameList(self) -> list[int]:
        return [frame for one in self._ranges for frame in one]

    def size(self) -> int:
        return len(self._ranges)

    def add(self, r: FrameRange) -> None:
        self._ranges.append(r)

    def minFrame(self) -> int:
        return min(self.toFrameList())

    def maxFrame(self) -> int:
        return max(self.toFrameList())

    def __iter__(self) -> Iterator[FrameRange]:
        return iter(list(self._ranges))

    def __str__(self) -> str:
        return " ".join(map(str, self._ranges))


class OutputContext:
    """A frame and a view; view 0 is the default one, the script's follow from 1 on."""

    def __init__(self) -> None:
        host = runtime.running()
        self._frame, self._view = float(host.frame), 0

    def frame(self) -> float:
        return self._frame

    def setFrame(self, frame: float) -> bool:
        self._frame = float(frame)
        return True

    def view(self) -> int:
        return self._view

    def setView(self, view: int) -> bool:
        if not isinstance(view, int):
            raise TypeError("setView: expected a number of a view")
        if not 0 <= view <= len(runtime.running().views):
            raise ValueError(f"there is no view {view}")
        self._view = view
        return True

    def viewcount(self) -> int:
        return len(runtime.running().views) + 1

    def viewname(self, n: int) -> str:
        return str(["default", *runtime.running().views][n])

    def viewshort(self, n: int) -> str:
        return self.viewname(n)[:1]

    def viewFromName(self, name: str) -> int:
        return ["default", *runtime.running().views].index(name)

    def _view_name(self) -> str:
        host = runtime.running()
        return str(host.views[self._view - 1] if self._view else host.view)
