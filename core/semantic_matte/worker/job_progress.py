"""How far a job is: the engine's events made into a client's, and the way by which a job is cancelled.

What an event means for the job as a whole is `job_place`'s affair.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

from semantic_matte.errors import CancelledError
from semantic_matte.worker.job_place import JobPlace, Pace, Step, shortened

if TYPE_CHECKING:
    from semantic_matte.ports import ProgressEvent

# At most 20 a second, in any second: 20 gaps are longer than one.
LEAST_SECONDS_BETWEEN = 0.0505


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
        """kind: jobs of one kind learn from each other. steps: of each still. tell: called by several threads,
        one at a time."""
        self._job, self._kind, self._steps = job, kind, tuple(steps)
        self._tell, self._cancelled, self._pace, self._clock = tell, cancelled, pace, clock
        self._place = JobPlace(self._steps, pace, kind)
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

    def expect(self, shots: int, stills: int) -> None:
        """How many shots the job has, and how many stills after them."""
        with self._changed:
            self._place.expect(shots, stills)

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
        """A plate's results are in place. reused: they were before, and nothing was done."""
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
