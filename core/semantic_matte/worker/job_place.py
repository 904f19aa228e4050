"""Where a job is: among its plates and shots, and each of these among its steps.

A still is its steps: reading, segmenting, each pass of matting, writing. A shot is two rounds of its frames:
all are looked at first, which is cheap, then all are matted. How much each takes is learnt from what this
process has done.
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
    "collecting": 0.5,
    "contact sheet": 0.5,
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


class JobPlace:
    """Where a job is: in one of its shots, then in one of its stills and at which step; and since when."""

    def __init__(self, steps: tuple[Step, ...], pace: Pace, kind: str) -> None:
        """steps: of each still."""
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
        # Shots that the job has, which come before its stills; how many frames those had that are done.
        self._shots = 0
        self._past: list[int] = []
        self._shot: ShotPlace | None = None

    def expect(self, shots: int, stills: int) -> None:
        """What the job has."""
        self._shots, self.frames = shots, stills

    def follow(self, event: ProgressEvent, now: float) -> None:
        """Take in an event of the engine."""
        self._stage, self._instance = event.stage, event.instance
        if event.stage == "reading":
            self._leave_shot(now)
            self._begin_frame(event, now)
            return
        if self._in_shot(event, now):
            assert self._shot is not None
            self._shot.follow(event, now)
            if event.stage in (FINDING[0], FRAMES[0]):
                self._plate, self._instance = event.instance, ""
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
        """A still is done: learn from it, unless there was no work. Shots' frames have events of their own."""
        if self._shot is not None:
            return
        self._end_step(now)
        if not reused:
            self._pace.learn(self._kind, {step: self._seconds.get(step, 0.0) for step in self._steps})
            self._worked_frames += 1
            self._worked_seconds += now - self._frame_began
        self._frame = min(self._frame + 1, self.frames)
        self._step, self._done = None, 0.0

    def report(self, now: float) -> dict[str, Any]:
        """The fields of a progress report, but the job."""
        self._highest = max(self._highest, min(self._reached(), ALMOST_DONE))
        shot = self._shot
        return {
            "stage": self._stage,
            "plate": shortened(self._plate),
            "frame": min(self._frame + 1, self.frames) if shot is None else shot.frame,
            "frames": self.frames if shot is None else shot.total,
            "instance": shortened(self._instance),
            "pass": shot.pass_number if shot is not None else self._step[1] if self._step else 0,
            "fraction": self._highest,
            "seconds_left": self._seconds_left(now),
            "rate": shot.rate if shot is not None else None,
        }

    def _reached(self) -> float:
        """How much of the job is done; shots that are not yet known count as the known ones do."""
        known = [*self._past, *([self._shot.total] if self._shot is not None else [])]
        unknown = max(0, self._shots - len(known))
        whole = sum(known) + unknown * (sum(known) / len(known) if known else 1) + self.frames
        done = sum(self._past) + self._frame + self._share()
        if self._shot is not None:
            done = sum(self._past) + self._shot.total * self._shot.share()
        return done / whole if whole > 0 else 0.0

    def _in_shot(self, event: ProgressEvent, now: float) -> bool:
        """Whether an event is of a shot, which may be the next one."""
        if self._shot is not None and self._shot.is_before(event) and len(self._past) + 1 < self._shots:
            self._leave_shot(now)
        if self._shot is None and len(self._past) < self._shots:
            self._shot = ShotPlace(self._steps, self._pace, self._kind, now)
        return self._shot is not None

    def _leave_shot(self, now: float) -> None:
        if self._shot is not None:
            self._shot.end(now)
            self._past.append(self._shot.total)
            self._shot = None

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
        """How much of the still is done."""
        if self._step is None:
            return 0.0
        expected = [self._pace.expected(self._kind, step) for step in self._steps]
        place = self._steps.index(self._step)
        whole = sum(expected)
        return (sum(expected[:place]) + expected[place] * self._done) / whole if whole > 0 else 0.0

    def _seconds_left(self, now: float) -> float | None:
        """At this job's pace, if that is known."""
        if self._shot is not None:
            others = self._shots > len(self._past) + 1 or self.frames
            return None if others else self._shot.seconds_left(now)
        share = self._share()
        worked = self._worked_frames + share
        if worked < LEAST_SHARE_FOR_PACE:
            return None
        spent = self._worked_seconds + (now - self._frame_began if self._step else 0.0)
        return max(0.0, (self.frames - self._frame - share) * spent / worked)


class ShotPlace:
    """Where a shot is: all of its frames are looked at, then all are matted.

    total: its frames, 0 before they are known. rate: frames matted a minute, None while unknown. pass_number:
    of the matte that is being solved.
    """

    def __init__(self, steps: Sequence[Step], pace: Pace, kind: str, now: float) -> None:
        """steps: of a still in this job; without matting among them there is no second round."""
        self._pace, self._kind = pace, kind
        # Seconds of a frame in each round: kept to the end, as a share that jumps is not believed.
        mattes = any(stage == "matting" for stage, _ in steps)
        self._looking = pace.expected(kind, FINDING)
        self._matting = pace.expected(kind, FRAMES) if mattes else 0.0
        self._round: Step | None = None
        self._began = now
        self._looked = False
        self._found = self._made = 0
        self.total = self.pass_number = 0
        self.rate: float | None = None

    @property
    def frame(self) -> int:
        """The frame that is worked on, counted from 1: in the second round, those that are done."""
        if self._round == FINDING:
            return min(self._found + 1, self.total)
        return self._made

    def is_before(self, event: ProgressEvent) -> bool:
        """Whether an event can only be of another shot after this one."""
        if event.stage == FINDING[0]:
            return self._round == FRAMES or event.done < self._found
        return event.stage in (FRAMES[0], "matting") and 0 < self.total == self._made

    def follow(self, event: ProgressEvent, now: float) -> None:
        """Take in an event of the engine."""
        now_in = FINDING if event.stage in _FIRST_ROUND else FRAMES
        if now_in != self._round:
            self._end_round(now)
            self._round, self._began = now_in, now
        self.pass_number = event.pass_number
        if event.stage == FINDING[0]:
            self._looked, self._found, self.total = True, event.done, event.total
        elif event.stage == FRAMES[0]:
            self._made, self.total = event.done, event.total
            self.rate = event.rate or self.rate

    def end(self, now: float) -> None:
        """Learn from it: nothing comes any more."""
        self._end_round(now)
        self._round = None

    def share(self) -> float:
        """How much of it is done. What was tied before takes no time."""
        looking = self._looking if self._looked else 0.0
        whole = self.total * (looking + self._matting)
        return (self._found * looking + self._made * self._matting) / whole if whole > 0 else 0.0

    def seconds_left(self, now: float) -> float | None:
        """At its own pace, if that is known."""
        if self._round == FRAMES:
            return max(0, self.total - self._made) * 60 / self.rate if self.rate else None
        if not self._found:
            return None
        each = (now - self._began) / self._found
        matting = each * self._matting / max(self._looking, 1e-9)
        return max(0, self.total - self._found) * each + self.total * matting

    def _end_round(self, now: float) -> None:
        if self._round == FINDING and self.total:
            self._pace.learn(self._kind, {FINDING: (now - self._began) / self.total})
            self._found = self.total
        elif self._round == FRAMES and self.rate:
            self._pace.learn(self._kind, {FRAMES: 60 / self.rate})


def shortened(text: str, longest: int = LONGEST_TEXT) -> str:
    """A text that a message takes: valid Unicode, and not too long."""
    text = text.replace("\0", " ").encode("utf-8", "replace").decode("utf-8")
    return text if len(text) <= longest else f"{text[: longest - 3]}..."
