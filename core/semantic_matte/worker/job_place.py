"""Where a job is: among its plates and shots, and each of these among its steps.

A still is its steps: reading, segmenting, each pass of matting, writing. A shot is two rounds of its frames: all
are looked at first, which is cheap, then all are matted. How much each takes is learnt from what this process has
done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from semantic_matte_client.message_fields import LONGEST_TEXT

if TYPE_CHECKING:
    from semantic_matte.ports import ProgressEvent

# The pace of a job is told once so much of a frame is done.
LEAST_SHARE_FOR_PACE = 0.1

# Only `done` is the whole.
ALMOST_DONE = 0.999

# Seconds of each stage before any frame was done: of a frame of 512 x 512 pixels on two cores, by stage. Only
# what they are to each other counts. finding: a frame of a shot looked at. frames: one matted and written.
FIRST_GUESSES = {
    "reading": 0.1,
    "segmenting": 1.0,
    "matting": 0.6,
    "writing": 0.4,
    "finding": 1.1,
    "frames": 3.0,
}

# A stage, and in matting the pass, counted from 1.
Step = tuple[str, int]

# The rounds of a shot.
FINDING: Step = ("finding", 0)
FRAMES: Step = ("frames", 0)
# What is told in the first round besides; all else belongs to the second.
_FIRST_ROUND = ("finding", "tracking", "reading", "segmenting")


class Pace:
    """Seconds that each step of a frame took in this process, by kind of job; the newest frame counts half."""

    def __init__(self) -> None:
        self._seconds: dict[tuple[str, Step], float] = {}

    def expected(self, kind: str, step: Step) -> float:
        """Seconds that a step may take."""
        return self._seconds.get((kind, step), FIRST_GUESSES[step[0]])

    def learn(self, kind: str, steps: Mapping[Step, float]) -> None:
        """Take in a frame: the seconds of all its steps, 0 for those that it did not need."""
        for step, seconds in steps.items():
            before = self._seconds.get((kind, step), seconds)
            self._seconds[kind, step] = (before + seconds) / 2


def steps_of(stages: Sequence[str], passes: int) -> tuple[Step, ...]:
    """The steps of a frame in their order, with the most passes that it may have."""
    return tuple(
        (stage, number)
        for stage in stages
        for number in (range(1, passes + 1) if stage == "matting" else range(1))
    )


# PLACE
class _Place:
    """Where a job is among its frames and a frame among its steps, and since when."""

    def __init__(self, steps: tuple[Step, ...], pace: Pace, kind: str) -> None:
        self._steps, self._pace, self._kind = steps, pace, kind
        self.frames, self._frame = 1, 0
        self._stage, self._plate, self._instance = "starting", "", ""
        self._step: Step | None = None
        # Of the step, of the job: 0..1.
        self._done = self._highest = 0.0
        # Seconds of each step of the frame; when the step and the frame began.
        self._seconds: dict[Step, float] = {}
        self._step_began = self._frame_began = 0.0
        # When the last event of a step came.
        self._seen = 0.0
        # Frames that were worked on, and how long.
        self._worked_frames = 0
        self._worked_seconds = 0.0

    def follow(self, event: ProgressEvent, now: float) -> None:
        """Take in an event of the engine."""
        self._stage, self._instance = event.stage, event.instance
        if event.stage == "reading":
            self._begin_frame(event, now)
            return
        step = self._nearest(event)
        if step is None:
            return
        if step != self._step:
            # One whose first event tells of work that is done began when the last one of the step before came.
            self._end_step(now if event.done == 0 else self._seen)
            self._step = step
        self._seen = now
        self._done = min(max(event.done / event.total, 0.0), 1.0)

    def end_frame(self, now: float, reused: bool) -> None:
        """The frame is done: learn from it, unless there was no work."""
        self._end_step(now)
        if not reused:
            self._pace.learn(self._kind, {step: self._seconds.get(step, 0.0) for step in self._steps})
            self._worked_frames += 1
            self._worked_seconds += now - self._frame_began
        self._frame = min(self._frame + 1, self.frames)
        self._step, self._done = None, 0.0

    def report(self, now: float) -> dict[str, Any]:
        """The fields of a progress report, but the job."""
        reached = (self._frame + self._share()) / self.frames
        self._highest = max(self._highest, min(reached, ALMOST_DONE))
        return {
            "stage": self._stage,
            "plate": shortened(self._plate),
            "frame": min(self._frame + 1, self.frames),
            "frames": self.frames,
            "instance": shortened(self._instance),
            "pass": self._step[1] if self._step else 0,
            "fraction": self._highest,
            "seconds_left": self._seconds_left(now),
        }

    def _begin_frame(self, event: ProgressEvent, now: float) -> None:
        """Frames are counted by their reading: done is the frame's place among total."""
        self._seen = now
        if self._step == ("reading", 0) and self._frame == event.done:
            return
        self._frame, self.frames = event.done, event.total
        self._plate, self._instance = event.instance, ""
        self._step, self._done = ("reading", 0), 0.0
        self._seconds = {}
        self._step_began = self._frame_began = now

    def _end_step(self, moment: float) -> None:
        """The step has ended at a moment, and the next one began."""
        if self._step is not None:
            self._seconds[self._step] = self._seconds.get(self._step, 0.0) + moment - self._step_began
        self._step_began = moment

    def _nearest(self, event: ProgressEvent) -> Step | None:
        """The event's step, or None for a stage that is no part of this kind of job."""
        known = [step for step in self._steps if step[0] == event.stage]
        return next((step for step in known if step[1] == event.pass_number), known[-1] if known else None)

    def _share(self) -> float:
        """How much of the frame is done."""
        if self._step is None:
            return 0.0
        expected = [self._pace.expected(self._kind, step) for step in self._steps]
        place = self._steps.index(self._step)
        whole = sum(expected)
        return (sum(expected[:place]) + expected[place] * self._done) / whole if whole > 0 else 0.0

    def _seconds_left(self, now: float) -> float | None:
        """At this job's pace, if that is known."""
        share = self._share()
        worked = self._worked_frames + share
        if worked < LEAST_SHARE_FOR_PACE:
            return None
        spent = self._worked_seconds + (now - self._frame_began if self._step else 0.0)
        return max(0.0, (self.frames - self._frame - share) * spent / worked)


def shortened(text: str, longest: int = LONGEST_TEXT) -> str:
    """A text that a message takes: valid Unicode, and not too long."""
    text = text.replace("\0", " ").encode("utf-8", "replace").decode("utf-8")
    return text if len(text) <= longest else f"{text[: longest - 3]}..."
