"""Frame ranges as people and farms write them: `1001-1050x2,1060`, `1-10 20`, `-5--1`.

A step follows `x`, as Nuke writes it, or `:`, as OpenJD does. Ranges are parted by commas or blanks, may touch
and overlap, and stand for a set of frames: in whatever order they are given, the frames come in the order of
their numbers, each once.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence

from semantic_matte.errors import UsageError

# More than eleven hours at 24 frames a second: a slip, which would fill the memory.
MOST_FRAMES = 1_000_000

_NUMBER = "-?[0-9]{1,9}"
_RANGE = re.compile(f"({_NUMBER})(?:-({_NUMBER})(?:[x:]({_NUMBER}))?)?")
# A comma with or without blanks, or blanks alone.
_BETWEEN = re.compile(r"[ \t]*,[ \t]*|[ \t]+")
_EXPECTED = "expected numbers and ranges such as 1001-1050, 1001-1050x2 or 1-10,20"


def parse_frames(text: str) -> tuple[int, ...]:
    """The frames of a range's text, by their numbers, each once; never none.

    A descending range needs OpenJD's negative step: `10-1:-1`. Raises UsageError for anything else, and for
    more than a million frames.
    """
    ranges = [_range(part, text) for part in _BETWEEN.split(text.strip(" \t"))]
    if sum(map(len, ranges)) > MOST_FRAMES:
        raise UsageError(f"The frames '{_shown(text)}' are more than {MOST_FRAMES:,}: give fewer.")
    return tuple(sorted({number for one in ranges for number in one}))


def range_text(frames: Iterable[int]) -> str:
    """The short text of a set of frames, as in `1001-1050x2,1060`; "" for none.

    From the first frame on, three or more in even steps become a range. `parse_frames` gives the same frames.
    """
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


def usual_step(frames: Sequence[int]) -> int:
    """The step that most neighbours of ascending frames keep, the smallest where several are as frequent; 1 for
    fewer than two frames."""
    counts: dict[int, int] = {}
    for before, after in itertools.pairwise(frames):
        counts[after - before] = counts.get(after - before, 0) + 1
    return min(counts, key=lambda step: (-counts[step], step), default=1)


def gaps(frames: Sequence[int]) -> tuple[int, ...]:
    """The frames that ascending frames leave out, by the step that they mostly keep.

    Raises UsageError where they are more than a million.
    """
    step = usual_step(frames)
    left_out = [range(before + step, after, step) for before, after in itertools.pairwise(frames)]
    if sum(map(len, left_out)) > MOST_FRAMES:
        raise UsageError(
            f"The frames {frames[0]} to {frames[-1]} leave out more than {MOST_FRAMES:,}: say which are meant "
            "by --frames."
        )
    return tuple(number for one in left_out for number in one)


def _range(part: str, text: str) -> range:
    """The frames of one range; text: the whole, for the error. Raises UsageError."""
    found = _RANGE.fullmatch(part)
    if found is None:
        what = f"'{_shown(part)}' is no frame and no range" if part else "a frame is missing beside a comma"
        what = what if text.strip() else "there is none"
        raise UsageError(f"In the frames '{_shown(text)}' {what}: {_EXPECTED}.")
    first = int(found[1])
    last = first if found[2] is None else int(found[2])
    step = 1 if found[3] is None else int(found[3])
    if step == 0:
        raise UsageError(f"The frames '{_shown(part)}' have a step of 0: give at least 1.")
    if (last - first) * step < 0:
        raise UsageError(f"The frames '{_shown(part)}' never get from {first} to {last}: {_EXPECTED}.")
    return range(first, last + (1 if step > 0 else -1), step)


def _end_of_run(numbers: Sequence[int], start: int) -> int:
    """Behind the last of the numbers that go on from `start` in even steps."""
    end = start + 2
    while end < len(numbers) and numbers[end] - numbers[end - 1] == numbers[start + 1] - numbers[start]:
        end += 1
    return min(end, len(numbers))


def _shown(text: str) -> str:
    """A text for a sentence: short, and on one line."""
    one_line = " ".join(text.split())
    return one_line if len(one_line) <= 60 else f"{one_line[:57]}..."
