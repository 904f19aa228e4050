"""The course of a computation's jobs, one after another: in a thread where there is a window, else right here.

It knows no Nuke. What it is given may be called from the thread: `report` shows a progress bar, which Nuke
allows there, and `done` hands what came to the main thread.
"""

from __future__ import annotations

import threading
import time
import traceback
from dataclasses import dataclass
from typing import Any, Callable, NamedTuple, Sequence, Tuple

from semantic_matte_client.errors import ClientError
from semantic_matte_client.nodes.frame_words import STAGE_WORDS

DONE, FAILED, CANCELLED = "done", "failed", "cancelled"
# A job is asked how it goes so often; the same is how soon a cancel is heard.
_NAP = 0.05
# After an exception from outside, for the worker's word that the job is cancelled.
_LAST_SECONDS = 2.0

# Starts a job of the client; called in the thread that hears of it.
Start = Callable[[], Any]
# Told how far all jobs are, 0 to 1, and what is being done; False to cancel.
Report = Callable[[float, str], bool]


class NamedJob(NamedTuple):
    """A job to do. words: what sets it apart for a person, "" where there is one alone ("view left")."""

    words: str
    start: Start


@dataclass(frozen=True)
class Outcome:
    """What came of the jobs.

    state: done, failed or cancelled. sentence: why it failed, "" otherwise. notices: what the engine had to
    say, each once. fault: it is a fault of the plugin, whose traceback was printed. exit_code:
    of the error.
    """

    state: str
    sentence: str = ""
    notices: Tuple[str, ...] = ()
    fault: bool = False
    exit_code: int = 1


def run_jobs(jobs: Sequence[NamedJob], report: Report) -> Outcome:
    """Do the jobs, one after another, and wait for their end, however it is. Only Ctrl-C and such are raised.

    The first that fails or is cancelled ends it: later ones are not begun.
    """
    notices: dict[str, None] = {}
    for number, job in enumerate(jobs):
        try:
            state, sentence = _run(job, number, len(jobs), report, notices)
        except ClientError as reason:
            return Outcome(FAILED, str(reason), tuple(notices), exit_code=reason.exit_code)
        except Exception as reason:
            traceback.print_exc()
            return Outcome(FAILED, f"{type(reason).__name__}: {reason}", tuple(notices), fault=True)
        if state != DONE:
            return Outcome(state, sentence, tuple(notices))
    return Outcome(DONE, "", tuple(notices))


class JobThread:
    """The thread that does a computation's jobs, and then calls `done` with the outcome, whatever happened.

    A daemon: Nuke's end does not wait for it, and the worker cancels the job of a host that has gone.
    """

    def __init__(self, jobs: Sequence[NamedJob], report: Report, done: Callable[[Outcome], object]) -> None:
        """Ready, and not yet begun."""
        self._jobs = tuple(jobs)
        self._report = report
        self._done = done
        self._thread = threading.Thread(target=self._work, name="semantic_matte_job", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def join(self, seconds: float) -> bool:
        """Wait for its end, at most so long; whether it has ended."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _work(self) -> None:
        """The thread's course."""
        self._done(run_jobs(self._jobs, self._report))


def _run(job: NamedJob, number: int, count: int, report: Report, notices: dict[str, None]) -> Tuple[str, str]:
    """Do one job of several: the state it ended in, and why. Raises what kept it from being done."""
    prefix = f"{job.words}: " if job.words else ""
    if not report(number / count, f"{prefix}Reaching the worker"):
        return CANCELLED, ""
    running = job.start()
    cancelled = False
    try:
        while not running.poll():
            progress = running.progress
            words = STAGE_WORDS.get(progress.stage) or progress.sentence()
            if not cancelled and not report((number + progress.fraction) / count, prefix + words):
                cancelled = True
                running.cancel()
            time.sleep(_NAP)
    except BaseException:
        _leave_nothing(running)
        raise
    notices.update(dict.fromkeys(running.notices))
    # A job that was done before it heard of the cancel is no result of a computation that was cancelled.
    if cancelled or running.state == CANCELLED:
        return CANCELLED, ""
    # Raises what the job failed of.
    _ = running.result
    return DONE, ""


def _leave_nothing(running: Any) -> None:
    """Cancel a job and wait shortly for the worker's word."""
    running.cancel()
    until = time.monotonic() + _LAST_SECONDS
    while not running.poll() and time.monotonic() < until:
        time.sleep(0.01)
