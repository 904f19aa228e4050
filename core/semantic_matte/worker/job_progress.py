"""How far a job is: the engine's events made into a client's, and the way by which a job is cancelled.

A job is its frames, a frame its steps: reading, segmenting, each pass of matting, writing. How much of a frame
each step takes is learnt from the frames that this process has done.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

from semantic_matte.errors import CancelledError
from semantic_matte_client.message_fields import LONGEST_TEXT

if TYPE_CHECKING:
    from semantic_matte.ports import ProgressEvent

# At most 20 a second, in any second: 20 gaps are longer than one.
LEAST_SECONDS_BETWEEN = 0.0505

# The pace of a job is told once so much of a frame is done.
LEAST_SHARE_FOR_PACE = 0.1

# Only `done` is the whole.
ALMOST_DONE = 0.999

# Seconds of each stage before any frame was done: of a frame of 512 x 512 pixels on two cores, by stage. Only
# what they are to each other counts.
FIRST_GUESSES = {"reading": 0.1, "segmenting": 1.0, "matting": 0.6, "writing": 0.4}

# A stage, and in matting the pass, counted from 1.
Step = tuple[str, int]


class Cancels:
    """Which jobs are to end. Asked by one thread, looked up by another."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked: dict[str, bool] = {}

    def expect(self, job: str) -> None:
        """A job has come in, and can be cancelled from now on."""
        with self._lock:
            self._asked[job] = False

    def ask(self, job: str) -> None:
        """Cancel a job; of one that is not here or has ended, nothing is kept."""
        with self._lock:
            if job in self._asked:
                self._asked[job] = True

    def asked(self, job: str) -> bool:
        """Whether it is to end."""
        return self._asked.get(job, False)

    def forget(self, job: str) -> None:
        """It has ended."""
        with self._lock:
            self._asked.pop(job, None)


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


class JobProgress:
    """A `ports.Progress` that tells a client; a context manager around a job.

    Raises CancelledError out of `advance` once the job is to end. Reports are `progress` and `notice` of
    `protocol.REPORTS`; of progress at most 20 a second are told, always the newest, and none after the end.
    """

    def __init__(
        self,
        job: str,
        kind: str,
        steps: Sequence[Step],
        tell: Callable[[Mapping[str, Any]], None],
        cancelled: Callable[[], bool],
        pace: Pace,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """kind: jobs of one kind learn from each other. steps: of each frame. tell: called by several threads,
        one at a time."""
        self._job, self._kind, self._steps = job, kind, tuple(steps)
        self._tell, self._cancelled, self._pace, self._clock = tell, cancelled, pace, clock
        self._place = _Place(self._steps, pace, kind)
        self._notices: set[str] = set()
        self._changed = threading.Condition()
        self._waits = self._closed = False
        self._told_at = -LEAST_SECONDS_BETWEEN
        self._thread = threading.Thread(target=self._tell_late, daemon=True, name=f"progress-{job[:8]}")

    def __enter__(self) -> JobProgress:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is told from here on."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def starting(self, frames: int) -> None:
        """The job begins, and the engine may have to load. Raises CancelledError."""
        self.check()
        with self._changed:
            self._place.frames = frames
            self._offer()

    def advance(self, event: ProgressEvent) -> None:
        """How far the engine is. Raises CancelledError."""
        self.check()
        # Stages of unknown length say nothing new: they are called so that a job can be cancelled.
        if event.total == 0:
            return
        with self._changed:
            self._place.follow(event, self._clock())
            self._offer()

    def check(self) -> None:
        """Raise CancelledError if the job is to end."""
        if self._cancelled():
            raise CancelledError("Cancelled: the frames that were done are kept, nothing is half written.")

    def notice(self, message: str) -> None:
        """A sentence for the user, told once a job."""
        if message not in self._notices:
            self._notices.add(message)
            self._tell({"type": "notice", "job": self._job, "message": shortened(message)})

    def frame_done(self, reused: bool) -> None:
        """A frame's results are in place. reused: they were before, and nothing was done."""
        with self._changed:
            self._place.end_frame(self._clock(), reused)

    def _offer(self) -> None:
        """Tell where the job is, now or as soon as may be; called with the lock."""
        self._waits = True
        if self._clock() - self._told_at >= LEAST_SECONDS_BETWEEN:
            self._tell_now()
        else:
            self._changed.notify()

    def _tell_now(self) -> None:
        """Tell what is newest; called with the lock."""
        self._waits = False
        self._told_at = self._clock()
        self._tell({"type": "progress", "job": self._job, **self._place.report(self._told_at)})

    def _tell_late(self) -> None:
        """Tell what came too soon after another and is still the newest when its time comes."""
        with self._changed:
            while not self._closed:
                left = self._told_at + LEAST_SECONDS_BETWEEN - self._clock()
                if not self._waits:
                    self._changed.wait()
                elif left > 0:
                    self._changed.wait(left)
                else:
                    self._tell_now()


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
