"""The course of several jobs, in a thread and without one: how it ends, what is told, that nothing is left."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from semantic_matte_client.errors import JobCancelledError, JobFailedError, RequestError

sys.path.insert(0, str(Path(__file__).parent.parent.parent / "nuke_plugin"))

from semantic_matte_nuke.job_thread import JobThread, NamedJob, Outcome, run_jobs


class Told(NamedTuple):
    stage: str
    fraction: float

    def sentence(self) -> str:
        return f"{self.stage} {self.fraction:.0%}"


@dataclass
class ShortJob:
    """A job that takes some polls and then ends as it was told to."""

    polls: int = 3
    error: Exception | None = None
    notices: tuple[str, ...] = ()
    stage: str = "matting"
    cancelled: bool = False
    asked: int = 0
    threads: set[int] = field(default_factory=set)

    def poll(self) -> bool:
        self.threads.add(threading.get_ident())
        self.asked += 1
        return self.cancelled or self.asked > self.polls

    def cancel(self) -> None:
        self.cancelled = True

    @property
    def progress(self) -> Told:
        return Told(self.stage, min(1.0, self.asked / max(self.polls, 1)))

    @property
    def state(self) -> str:
        return "cancelled" if self.cancelled else "failed" if self.error else "done"

    @property
    def result(self) -> str:
        if self.cancelled:
            raise JobCancelledError("cancelled")
        if self.error:
            raise self.error
        return "what came"


def named(*jobs: ShortJob) -> list[NamedJob]:
    several = len(jobs) > 1
    return [
        NamedJob(f"View {number}" if several else "", lambda job=job: job) for number, job in enumerate(jobs)
    ]  # type: ignore[misc]


def test_jobs_are_done_one_after_another_and_told_of_all() -> None:
    told: list[tuple[float, str]] = []
    first, second = ShortJob(notices=("one", "both")), ShortJob(notices=("both", "two"), stage="queued")
    outcome = run_jobs(named(first, second), lambda *what: told.append(what) is None)
    assert outcome == Outcome("done", "", ("one", "both", "two"))
    fractions = [fraction for fraction, _ in told]
    assert fractions == sorted(fractions)
    assert fractions[0] == 0.0
    assert max(fractions) <= 1.0
    assert "View 0: matting 33%" in {words for _, words in told}
    assert told[-1][1] == "View 1: Waiting for the worker, which does another job"


def test_the_first_that_fails_ends_it() -> None:
    never = ShortJob()
    broken = ShortJob(error=JobFailedError("The disk is full.", exit_code=1), notices=("before",))
    outcome = run_jobs(named(broken, never), lambda *_: True)
    assert outcome == Outcome("failed", "The disk is full.", ("before",))
    assert never.asked == 0


def test_a_call_that_is_wrong_is_told_with_its_exit_code() -> None:
    def wrong() -> Any:
        raise RequestError("find: unknown.")

    assert run_jobs([NamedJob("", wrong)], lambda *_: True) == Outcome("failed", "find: unknown.", exit_code=2)


def test_a_fault_of_ours_is_told_with_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    def wrong() -> Any:
        raise ZeroDivisionError("by zero")

    outcome = run_jobs([NamedJob("", wrong)], lambda *_: True)
    assert (outcome.state, outcome.sentence, outcome.fault) == ("failed", "ZeroDivisionError: by zero", True)
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("heard", [1, 2, 3])
def test_a_report_that_says_no_cancels_at_whatever_stage(heard: int) -> None:
    told: list[str] = []

    def report(_fraction: float, sentence: str) -> bool:
        told.append(sentence)
        return len(told) < heard

    job, later = ShortJob(polls=1000), ShortJob()
    assert run_jobs(named(job, later), report) == Outcome("cancelled")
    assert job.cancelled == (heard > 1)
    assert later.asked == 0
    assert len(told) == heard


def test_a_job_that_was_done_before_it_heard_of_the_cancel_is_cancelled_all_the_same() -> None:
    class Deaf(ShortJob):
        def cancel(self) -> None:
            """It is done already."""

    assert run_jobs(named(Deaf(polls=2)), lambda fraction, _: fraction == 0).state == "cancelled"


def test_ctrl_c_leaves_no_job_behind() -> None:
    job = ShortJob(polls=1000)

    def report(fraction: float, _: str) -> bool:
        if fraction > 0:
            raise KeyboardInterrupt
        return True

    with pytest.raises(KeyboardInterrupt):
        run_jobs(named(job), report)
    assert job.cancelled


def test_a_thread_does_the_same_and_hands_on_what_came() -> None:
    heard: list[Outcome] = []
    job = ShortJob(notices=("told",))
    threads = threading.active_count()
    thread = JobThread(named(job), lambda *_: True, heard.append)
    assert (job.asked, threading.active_count()) == (0, threads)
    thread.start()
    assert thread.join(30)
    assert heard == [Outcome("done", "", ("told",))]
    assert threading.get_ident() not in job.threads
    assert len(job.threads) == 1


def test_a_thread_hands_on_a_failure_too() -> None:
    heard: list[Outcome] = []
    thread = JobThread(named(ShortJob(error=JobFailedError("No."))), lambda *_: True, heard.append)
    thread.start()
    assert thread.join(30)
    assert heard[0].sentence == "No."


def test_a_hosts_end_does_not_wait_for_the_thread() -> None:
    plugin = Path(__file__).parent.parent.parent / "nuke_plugin"
    code = f"""
import sys, time
sys.path[:0] = {[str(plugin), str(plugin.parent / "core")]!r}
from semantic_matte_nuke.job_thread import JobThread, NamedJob
JobThread([NamedJob("", lambda: time.sleep(600))], lambda *_: True, print).start()
"""
    start = time.monotonic()
    assert subprocess.run([sys.executable, "-c", code], timeout=300, check=False).returncode == 0
    assert time.monotonic() - start < 300
