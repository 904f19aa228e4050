"""What a client is told of a job's progress: at most 20 a second, the newest, and a share that only grows."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semantic_matte.errors import CancelledError
from semantic_matte.ports import Progress, ProgressEvent
from semantic_matte.worker.job_place import Pace, shortened, steps_of
from semantic_matte.worker.job_progress import LEAST_SECONDS_BETWEEN, Cancels, JobProgress
from semantic_matte_client import protocol
from semantic_matte_client.message_fields import is_text

JOB = "f" * 32
MATTE = steps_of(("reading", "segmenting", "matting", "writing"), 3)


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Job:
    """A progress under test, whose thread sleeps through: only what is told at once counts."""

    def __init__(self, pace: Pace | None = None) -> None:
        self.clock = Clock()
        self.told: list[dict[str, Any]] = []
        self.cancels = Cancels()
        self.cancels.expect(JOB)
        self.pace = pace or Pace()
        self.progress = JobProgress(
            JOB,
            "matte",
            MATTE,
            lambda report: self.told.append(dict(report)),
            lambda: self.cancels.asked(JOB),
            self.pace,
            self.clock,
        )
        port: Progress = self.progress
        assert port is self.progress

    def at(
        self, seconds: float, stage: str, done: int, total: int, instance: str = "", number: int = 0
    ) -> None:
        """An event, so many seconds after the last one."""
        self.clock.now += seconds
        self.progress.advance(ProgressEvent(stage, done, total, instance, number))

    def frame(self, index: int, frames: int, seconds: float, passes: int = 3) -> None:
        """One frame from start to end, each of its steps as long as the others."""
        steps = 3 + passes
        self.at(0, "reading", index, frames, f"shot.{index}.exr")
        self.at(seconds / steps, "segmenting", 0, 1)
        for number in range(1, passes + 1):
            self.at(seconds / steps, "matting", 0, 2, "sm_cat_01", number)
        self.at(seconds / steps, "writing", 0, 4)
        self.clock.now += seconds / steps
        self.progress.frame_done(False)

    @property
    def last(self) -> dict[str, Any]:
        return self.told[-1]


@pytest.fixture
def job() -> Job:
    return Job()


def test_steps() -> None:
    assert MATTE == (
        ("reading", 0),
        ("segmenting", 0),
        ("matting", 1),
        ("matting", 2),
        ("matting", 3),
        ("writing", 0),
    )


def test_a_report_has_all_that_the_protocol_wants(job: Job) -> None:
    job.progress.starting(3)
    protocol.check(job.last, protocol.REPORTS)
    assert (job.last["stage"], job.last["frame"], job.last["frames"], job.last["fraction"]) == (
        "starting",
        1,
        3,
        0,
    )
    job.at(1, "reading", 1, 3, "shot.2.exr")
    job.at(1, "matting", 1, 2, "sm_cat_01", 2)
    protocol.check(job.last, protocol.REPORTS)
    wanted = {
        "stage": "matting",
        "plate": "shot.2.exr",
        "frame": 2,
        "frames": 3,
        "instance": "sm_cat_01",
        "pass": 2,
    }
    assert {name: job.last[name] for name in wanted} == wanted


def test_cancelling_ends_the_next_look(job: Job) -> None:
    job.at(0, "reading", 0, 1)
    job.cancels.ask(JOB)
    for event in (ProgressEvent("matting", 1, 2), ProgressEvent("solving", 0, 0)):
        with pytest.raises(CancelledError):
            job.progress.advance(event)
    with pytest.raises(CancelledError):
        job.progress.check()


def test_cancels_are_kept_for_jobs_that_are_here_alone() -> None:
    cancels = Cancels()
    cancels.ask("a")
    cancels.expect("a")
    assert not cancels.asked("a")
    cancels.ask("a")
    assert cancels.asked("a")
    cancels.forget("a")
    cancels.ask("a")
    assert not cancels.asked("a")
    cancels.forget("a")


def test_notices_are_told_once_and_never_too_long(job: Job) -> None:
    for message in ("one", "two", "one", "é" * 10_000, "\ud800 half\0"):
        job.progress.notice(message)
    assert [report["type"] for report in job.told] == ["notice"] * 4
    for report in job.told:
        protocol.check(report, protocol.REPORTS)
    assert job.told[2]["message"].endswith("...")


@given(st.text(st.characters()) | st.text(st.characters(categories=["Cs"])), st.integers(4, 5000))
def test_every_text_fits(text: str, longest: int) -> None:
    found = shortened(text, longest)
    assert is_text(found, longest)
    if is_text(text, longest):
        assert found == text


def test_stages_of_no_length_are_not_told(job: Job) -> None:
    job.at(0, "reading", 0, 1)
    before = len(job.told)
    job.at(1, "solving", 0, 0)
    assert len(job.told) == before


EVENTS = st.lists(
    st.tuples(
        st.floats(0, 0.2),
        st.sampled_from(["reading", "segmenting", "matting", "writing", "unknown"]),
        st.integers(0, 5),
        st.integers(0, 5),
        st.integers(0, 5),
        st.sampled_from(["", "done", "reused"]),
    ),
    max_size=60,
)


@given(EVENTS, EVENTS)
def test_whatever_comes_the_share_never_falls_and_reports_are_right(events: Any, later: Any) -> None:
    """Events in any order, as a segmenter of tomorrow may send them; a second job has learnt from the first."""
    pace = Pace()
    for one in (events, later):
        job = Job(pace)
        job.progress.starting(4)
        for seconds, stage, done, total, number, end in one:
            index = min(done, max(total - 1, 0)) if stage == "reading" else done
            job.at(seconds, stage, index, total, "name", number)
            if end:
                job.progress.frame_done(end == "reused")
        fractions = [report["fraction"] for report in job.told]
        assert fractions == sorted(fractions)
        assert all(0 <= fraction < 1 for fraction in fractions)
        for report in job.told:
            protocol.check(report, protocol.REPORTS)
            assert report["frame"] >= 1


def test_the_share_follows_what_steps_have_taken() -> None:
    """After a frame of equal steps each step counts the same."""
    pace = Pace()
    Job(pace).frame(0, 1, 6.0)
    job = Job(pace)
    job.at(0, "reading", 0, 2, "a")
    job.at(1, "segmenting", 0, 1)
    assert job.last["fraction"] == pytest.approx(1 / 6 / 2)
    job.at(1, "matting", 1, 2, "cat", 1)
    assert job.last["fraction"] == pytest.approx(2.5 / 6 / 2)
    job.at(1, "matting", 0, 2, "cat", 3)
    assert job.last["fraction"] == pytest.approx(4 / 6 / 2)
    job.at(1, "writing", 2, 4)
    assert job.last["fraction"] == pytest.approx(5.5 / 6 / 2)
    job.progress.frame_done(False)
    job.at(1, "reading", 1, 2, "b")
    assert job.last["fraction"] == pytest.approx(1 / 2)


def test_a_pass_that_is_told_when_it_is_done_took_the_time_before() -> None:
    """As a band does that is solved in one patch: 2 seconds a pass, and half a second after the last."""
    pace = Pace()
    job = Job(pace)
    job.at(0.0, "reading", 0, 1, "a")
    job.at(0.5, "reading", 0, 1, "a")
    job.at(0.5, "segmenting", 0, 3)
    job.at(4.0, "segmenting", 3, 3)
    for number in (1, 2, 3):
        job.at(2.0, "matting", 1, 1, "cat", number)
    job.at(0.5, "writing", 0, 2)
    job.at(1.0, "writing", 1, 2)
    job.clock.now += 1.0
    job.progress.frame_done(False)
    took = [pace.expected("matte", step) for step in MATTE]
    assert took == pytest.approx([1.0, 4.0, 2.0, 2.0, 2.5, 2.0])


def test_passes_that_were_not_needed_count_less_the_next_time() -> None:
    pace = Pace()
    Job(pace).frame(0, 1, 6.0)
    before = pace.expected("matte", ("matting", 3))
    Job(pace).frame(0, 1, 5.0, passes=2)
    assert pace.expected("matte", ("matting", 3)) == before / 2
    assert pace.expected("matte", ("matting", 2)) == pytest.approx(1.0)
    assert pace.expected("refine", ("matting", 2)) != pytest.approx(1.0)


def test_seconds_left_go_by_this_jobs_own_pace() -> None:
    """Half as fast as what was learnt: 12 seconds a frame."""
    pace = Pace()
    Job(pace).frame(0, 1, 6.0)
    job = Job(pace)
    job.progress.starting(3)
    assert job.last["seconds_left"] is None
    job.frame(0, 3, 12.0)
    job.at(0.0, "reading", 1, 3, "b")
    assert job.last["seconds_left"] == pytest.approx(24.0)
    job.at(2.0, "segmenting", 0, 1)
    assert job.last["seconds_left"] == pytest.approx((3 - 1 - 0.125) * 14 / 1.125, rel=0.1)
    # One that was done before says nothing of how long the others take.
    job.at(0.1, "reading", 1, 3, "b")
    job.clock.now += 0.1
    job.progress.frame_done(True)
    job.at(0.0, "reading", 2, 3, "c")
    assert job.last["seconds_left"] == pytest.approx(12.0)


def test_a_frame_in_time_is_told_at_once_and_others_wait(job: Job) -> None:
    job.at(0, "reading", 0, 1)
    for done in range(5):
        job.at(LEAST_SECONDS_BETWEEN / 10, "matting", done, 10, "cat", 1)
    assert len(job.told) == 1
    job.at(LEAST_SECONDS_BETWEEN, "matting", 6, 10, "dog", 1)
    assert len(job.told) == 2
    assert job.last["instance"] == "dog"


@pytest.fixture
def running() -> Iterator[Callable[[], tuple[JobProgress, list[tuple[float, dict[str, Any]]]]]]:
    """A progress with its real clock and thread, and what it told when."""
    left: list[JobProgress] = []

    def start() -> tuple[JobProgress, list[tuple[float, dict[str, Any]]]]:
        told: list[tuple[float, dict[str, Any]]] = []
        progress = JobProgress(
            JOB,
            "matte",
            MATTE,
            lambda report: told.append((time.monotonic(), dict(report))),
            lambda: False,
            Pace(),
        )
        left.append(progress.__enter__())
        return progress, told

    yield start
    for progress in left:
        progress.__exit__(None, None, None)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("progress-")]


def test_at_most_twenty_in_any_second_and_the_newest_wins(running: Any) -> None:
    progress, told = running()
    began, number = time.monotonic(), 0
    while time.monotonic() - began < 1.5:
        number += 1
        progress.advance(ProgressEvent("matting", number, 10_000_000, f"n{number}", 1))
        time.sleep(0.001)
    # Nothing comes after it: its time comes all the same.
    time.sleep(0.3)
    assert told[-1][1]["instance"] == f"n{number}"
    times = [moment for moment, _ in told]
    assert len(times) >= 10
    for moment in times:
        assert sum(moment <= other <= moment + 1.0 for other in times) <= 20


def test_nothing_is_told_after_the_end(running: Any) -> None:
    progress, told = running()
    progress.advance(ProgressEvent("matting", 1, 10, "one", 1))
    progress.advance(ProgressEvent("matting", 2, 10, "two", 1))
    progress.__exit__(None, None, None)
    time.sleep(3 * LEAST_SECONDS_BETWEEN)
    assert [report["instance"] for _, report in told] == ["one"]
