"""Which frames to look at first: those without a result, then those that stand out by their numbers."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from semantic_matte.frame_ranges import range_text
from semantic_matte.reports.contents import ReportContents, ReportedShot
from semantic_matte.shot_survey import SlotCourse

# A value, the frame and the object that have it.
_Row = tuple[float, int, SlotCourse]
Kind = Literal["no result", "flicker", "spread", "area"]

# Of each kind, of each shot.
MOST_OF_A_KIND = 5

# A smaller change of area from one frame to the next is no surprise.
LEAST_JUMP = 0.3
# A value that is not this much above an object's usual one is listed only where it is the shot's worst.
_STANDS_OUT = 1.5
# Less than this no eye sees: a level of 8 bits, and a half.
_LEAST_SEEN = 1.5 / 255


@dataclass(frozen=True)
class Finding:
    """Something to look at. where: a shot or still. frames: as text, "" of a still. value: what was measured,
    as text. said: one sentence."""

    where: str
    kind: Kind
    frames: str
    slot: str
    value: str
    said: str


def findings(contents: ReportContents) -> list[Finding]:
    """Failures of all shots and stills first, then flicker, spread and jumps in area, the worst of each
    first."""
    found = [
        Finding(shot.survey.shot, "no result", range_text(frames), "", state, reason)
        for shot in contents.shots
        for (state, reason), frames in _failures(shot).items()
    ]
    found += [
        Finding(still.name, "no result", "", "", "failed", still.problem)
        for still in contents.stills
        if still.problem
    ]
    for shot in contents.shots:
        for one in (*_stand_outs(shot, "flicker"), *_stand_outs(shot, "spread"), *_jumps(shot)):
            found.append(one)
    return found


def worst_frames(shot: ReportedShot, what: Literal["flicker", "spread"]) -> list[_Row]:
    """Value, frame and object, the worst first; of frames that are alike the earliest."""
    rows = [
        (value, number, course)
        for course in shot.survey.slots
        for number, value in course.measured(what).items()
        if value >= _LEAST_SEEN
    ]
    return sorted(rows, key=lambda row: (-row[0], row[1]))


def area_changes(shot: ReportedShot, course: SlotCourse) -> Iterator[tuple[float, int]]:
    """By what share of the larger one an object's area changes from the frame before, -1 to 1, and the frame.

    Not across a cut or a gap, and only where both frames show the object.
    """
    cuts = set(shot.cuts or ())
    frames = shot.survey.frames
    for before, number in itertools.pairwise(frames):
        one, other = course.samples.get(before), course.samples.get(number)
        if number in cuts or one is None or other is None or "absent" in (one.source, other.source):
            continue
        largest = max(one.area, other.area)
        if largest > 0:
            yield (other.area - one.area) / largest, number


def _failures(shot: ReportedShot) -> dict[tuple[str, str], list[int]]:
    grouped: dict[tuple[str, str], list[int]] = {}
    for problem in shot.survey.failures:
        grouped.setdefault((problem.state, problem.reason), []).append(problem.frame)
    return grouped


def _stand_outs(shot: ReportedShot, what: Literal["flicker", "spread"]) -> Iterator[Finding]:
    """The worst frame of a measure, and others that are far above what their object mostly has."""
    means = (
        "its edge differs from the frame before" if what == "flicker" else "the samples of its edge disagree"
    )
    usual = {
        course.slot: statistics.median(course.measured(what).values() or [0]) for course in shot.survey.slots
    }
    rows = worst_frames(shot, what)
    chosen = rows[:1] + [row for row in rows[1:] if row[0] >= _STANDS_OUT * usual[row[2].slot]]
    for (value, number, course), others in _by_frame(chosen):
        median = usual[course.slot]
        times = f", {value / median:.1f} times its median" if median > 0 and value > 1.05 * median else ""
        said = f"In its band, {means} by {value:.1%} on average{times}.{_as_well(others)}"
        yield Finding(shot.survey.shot, what, str(number), course.slot, f"{value:.4f}", said)


def _by_frame(rows: Iterable[_Row]) -> list[tuple[_Row, list[str]]]:
    """The worst row of each frame and the names of the frame's other objects; some frames, the worst first."""
    frames: dict[int, tuple[_Row, list[str]]] = {}
    for row in rows:
        if row[1] in frames:
            frames[row[1]][1].append(row[2].slot)
        else:
            frames[row[1]] = row, []
    return list(frames.values())[:MOST_OF_A_KIND]


def _as_well(others: Sequence[str]) -> str:
    """A sentence that names the frame's other objects that stand out."""
    if not others:
        return ""
    named = ", ".join(others[:3])
    return f" Also in this frame: {named}" + (f" and {len(others) - 3} more." if len(others) > 3 else ".")


def _jumps(shot: ReportedShot) -> Iterator[Finding]:
    """The largest changes of area from one frame to the next."""
    rows = [
        (change, number, course)
        for course in shot.survey.slots
        for change, number in area_changes(shot, course)
        if abs(change) >= LEAST_JUMP
    ]
    rows.sort(key=lambda row: (-abs(row[0]), row[1]))
    for (change, number, course), others in _by_frame(rows):
        grew = "larger" if change > 0 else "smaller"
        # What the share of the larger one is of the frame before.
        share = change / (1 - change) if change > 0 else -change
        said = f"It is {share:.0%} {grew} than in the frame before.{_as_well(others)}"
        yield Finding(shot.survey.shot, "area", str(number), course.slot, f"{change:+.0%}", said)
