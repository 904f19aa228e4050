"""A job as its host holds it: to be polled, waited for, cancelled."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Callable, Deque, Dict, NoReturn, Optional, Protocol, Tuple

from semantic_matte_client.errors import RequestError
from semantic_matte_client.job_course import JobCourse, Progress

if TYPE_CHECKING:
    from semantic_matte_client.job_course import Result

# How long one sleep of `wait` may be: a signal or a limit is heard within it where the system doesn't wake us.
_LONGEST_NAP = 0.2
# After Ctrl-C, for the worker's word that the job is cancelled.
_CANCEL_SECONDS = 1.0

OnEvent = Callable[[Dict[str, Any]], object]


class Driver(Protocol):
    """What moves jobs on: their client."""

    def advance(self) -> None:
        """Do what can be done without waiting."""

    def rest(self, seconds: float) -> None:
        """Wait until there may be something to do, at most so long."""

    def cancel(self, course: JobCourse) -> None:
        """Have a job cancelled."""


class Job:
    """A job that was asked of the worker. Made by `Client.submit` and by `start`; needs no thread.

    Call `poll()` from a timer or an idle loop, ten times a second, until it returns True; then ask `result`.
    A job whose host ends is cancelled or finished, as `on_disconnect` said.
    """

    def __init__(self, driver: Driver, course: JobCourse) -> None:
        self._driver = driver
        self._course = course

    def poll(self) -> bool:
        """Move the job on, without waiting (some milliseconds at most). True once it has ended, however.

        Never raises for what became of the job: `result` does.
        """
        if not self._course.ended:
            self._driver.advance()
        return self._course.ended

    def wait(self, seconds: Optional[float] = None, on_event: Optional[OnEvent] = None) -> Optional[Result]:
        """Wait for the end and return `result`, or raise as it does.

        seconds: the longest wait, after which None is returned and the job goes on. on_event: called with each
        new message (a dict, see `events`); if it raises, or on Ctrl-C, the job is cancelled, and the exception
        goes on.
        """
        until = None if seconds is None else time.monotonic() + seconds
        try:
            while True:
                ended = self.poll()
                while on_event is not None and self.events:
                    on_event(self.events.popleft())
                if ended:
                    return self.result
                left = _LONGEST_NAP if until is None else until - time.monotonic()
                if left <= 0:
                    return None
                self._driver.rest(min(left, _LONGEST_NAP))
        except BaseException:
            self._cancel_and_wait()
            raise

    def cancel(self) -> None:
        """Ask for its end: `poll()` says so within half a second. Finished files are kept."""
        if not self._course.ended:
            self._driver.cancel(self._course)

    @property
    def state(self) -> str:
        """connecting, queued, running, done, failed or cancelled."""
        return self._course.state

    @property
    def progress(self) -> Progress:
        """How far it is: stage, plate, frame, frames, instance, number, fraction, seconds_left, rate."""
        return self._course.progress

    @property
    def events(self) -> Deque[Dict[str, Any]]:
        """The worker's messages, in order, that nobody has taken yet: take them with popleft().

        Each is a dict with `type`: accepted, progress, notice, frame or shot, then one of done, failed,
        cancelled (the fields stand in protocol.py). Of progress that nobody took only the newest is kept.
        """
        return self._course.events

    @property
    def frames(self) -> Tuple[Dict[str, Any], ...]:
        """The `frame` messages so far: plate, files, instances, reused, key."""
        return tuple(self._course.frames)

    @property
    def shots(self) -> Tuple[Dict[str, Any], ...]:
        """The `shot` messages so far, of track and collect: shot, frames, slots, files."""
        return tuple(self._course.shots)

    @property
    def notices(self) -> Tuple[str, ...]:
        """What the engine had to say so far."""
        return tuple(self._course.notices)

    @property
    def result(self) -> Result:
        """MatteResult, SegmentResult or RefineResult; ShotsResult of track and collect.

        Raises JobFailedError, JobCancelledError, WorkerLostError or what else kept it from being done; and
        ClientError while it has not ended.
        """
        return self._course.result()

    def __repr__(self) -> str:
        return f"<Job {self._course.task}: {self.state}; {self.progress.sentence()}>"

    def __reduce__(self) -> NoReturn:
        raise RequestError("A job can't be copied or pickled: it belongs to the process that started it.")

    def _cancel_and_wait(self) -> None:
        """After an exception in `wait`: leave nothing running, and take no longer than a second for it."""
        if self._course.ended:
            return
        self.cancel()
        until = time.monotonic() + _CANCEL_SECONDS
        while not self.poll() and time.monotonic() < until:
            self._driver.rest(0.05)
