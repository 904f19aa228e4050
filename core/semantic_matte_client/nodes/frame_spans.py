"""Frames as an artist writes them, `1001-1050x2,1060`, and the numbers of the files that stand for them.

A frame of the scene (in Nuke: of the script) and its file's number differ by an offset, which is 0 unless
there are negative frames: no program agrees with another on how the file of frame -5 is called.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

# More than eleven hours at 24 frames a second: a slip, which would fill the memory.
MOST_FRAMES = 1_000_000

_NUMBER = "-?[0-9]{1,7}"
_RANGE = re.compile(rf"({_NUMBER})(?:\s*-\s*({_NUMBER})(?:\s*[x:]\s*([0-9]{{1,7}}))?)?")
# A comma or semicolon with or without blanks, or blanks alone where no sign stands on either side of them.
_BETWEEN = re.compile(r"\s*[,;]\s*|(?<![-x:\s])\s+(?=[0-9]|-[0-9]+(?:\s*[-,;]|\s*$))")
_EXPECTED = "write numbers and ranges such as 1001-1050, 1001-1050x2 or 1-10,20"
# The step between offsets: frame -5 is file 0995, which can still be read as such.
_ROUND = 1000


class FrameSpanError(ValueError):
    """A text that is no frames; its message is a sentence for the artist."""


def frames_of(text: str) -> tuple[int, ...]:
    """The frames of a text, by their numbers, each once; never none. Raises FrameSpanError."""
    if not text.strip():
        raise FrameSpanError(f"The frame range is empty: {_EXPECTED}.")
    ranges = [_range(part, text) for part in _BETWEEN.split(text.strip())]
    if sum(map(len, ranges)) > MOST_FRAMES:
        raise FrameSpanError(
            f"The frame range '{_shown(text)}' has more than {MOST_FRAMES:,} frames: give fewer."
        )
    return tuple(sorted({frame for one in ranges for frame in one}))


def text_of(frames: Iterable[int]) -> str:
    """The short text of frames, of which `frames_of` gives the same; "" for none."""
    numbers = sorted(set(frames))
    parts: list[str] = []
    start = 0
    while start < len(numbers):
        end = _end_of_run(numbers, start)
        if end - start < 3:
            parts.append(str(numbers[start]))
            start += 1
            continue
        step = numbers[start + 1] - numbers[start]
        parts.append(f"{numbers[start]}-{numbers[end - 1]}" + (f"x{step}" if step > 1 else ""))
        start = end
    return ",".join(parts)


def missing(wanted: Iterable[int], there: Collection[int]) -> tuple[int, ...]:
    """Which of the frames are not there, by their numbers."""
    return tuple(sorted(set(wanted) - set(there)))


def offset_for(frames: Iterable[int]) -> int:
    """What is added to a scene's frame for its file's number: 0, or as much as makes none of them negative."""
    lowest = min(frames, default=0)
    return 0 if lowest >= 0 else -(lowest // _ROUND) * _ROUND


def file_name(stem: str, number: int, ending: str = ".exr") -> str:
    """The name of a frame's file: its number has four digits, or more where it needs them.

    Raises ValueError for a negative number, which `offset_for` prevents.
    """
    if number < 0:
        raise ValueError(f"Expected a file number of 0 or more, got {number}: frames need an offset.")
    return f"{stem}.{number:04d}{ending}"


def pattern(stem: str, ending: str = ".exr") -> str:
    """What stands for all these files, as the engine reads it: `plate.####.exr`."""
    return f"{stem}.####{ending}"


def numbered(names: Iterable[str], stem: str, ending: str = ".exr") -> dict[int, str]:
    """Those of the names that `file_name` gives for this stem and ending, by their numbers."""
    form = re.compile(rf"{re.escape(stem)}\.([0-9]{{4,}}){re.escape(ending)}")
    found = {int(match[1]): name for name in names if (match := form.fullmatch(name))}
    return {number: name for number, name in sorted(found.items()) if name == file_name(stem, number, ending)}


def _range(part: str, text: str) -> range:
    """The frames of one part of a text. Raises FrameSpanError."""
    found = _RANGE.fullmatch(part)
    if found is None:
        what = f"'{_shown(part)}' is no frame and no range" if part else "a number is missing beside a comma"
        raise FrameSpanError(f"In the frame range '{_shown(text)}' {what}: {_EXPECTED}.")
    first = int(found[1])
    last = first if found[2] is None else int(found[2])
    step = 1 if found[3] is None else int(found[3])
    if step == 0:
        raise FrameSpanError(f"The frame range '{_shown(part)}' has a step of 0: give at least 1.")
    if last < first:
        raise FrameSpanError(f"The frame range '{_shown(part)}' runs backwards: write {last}-{first}.")
    return range(first, last + 1, step)


def _end_of_run(numbers: list[int], start: int) -> int:
    """Behind the last of the numbers that go on from `start` in even steps."""
    end = start + 2
    while end < len(numbers) and numbers[end] - numbers[end - 1] == numbers[start + 1] - numbers[start]:
        end += 1
    return min(end, len(numbers))


def _shown(text: str) -> str:
    """A text for a sentence: short, and on one line."""
    one_line = " ".join(text.split())
    return one_line if len(one_line) <= 60 else f"{one_line[:57]}..."
