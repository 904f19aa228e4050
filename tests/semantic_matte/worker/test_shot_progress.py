"""What a client is told of shots: two rounds of their frames, a share that only grows, and frames a minute."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from semantic_matte.ports import ProgressEvent
from semantic_matte.worker.job_place import FINDING, FRAMES, JobPlace, Pace, steps_of
from semantic_matte_client import protocol

MATTE = steps_of(("reading", "segmenting", "matting", "writing"), 2)


class Course:
    """A job's place, driven as the engine does, on a clock of its own."""

    def __init__(self, shots: int, stills: int = 0, steps: Any = MATTE, pace: Pace | None = None) -> None:
        self.now = 100.0
        self.pace = pace or Pace()
        self.place = JobPlace(steps, self.pace, "matte")
        self.place.expect(shots, stills)
        self.fractions = [0.0]

    def at(
        self,
        seconds: float,
        stage: str,
        done: int,
        total: int,
        instance: str = "",
        number: int = 0,
        rate: float = 0,
    ) -> dict[str, Any]:
        self.now += seconds
        self.place.follow(ProgressEvent(stage, done, total, instance, number, rate), self.now)
        report = self.place.report(self.now)
        protocol.check({"type": "progress", "job": "a" * 32, **report}, protocol.REPORTS)
        assert report["fraction"] >= self.fractions[-1]
        self.fractions.append(report["fraction"])
        return report

    def find(self, total: int, seconds: float) -> None:
        for done in range(total):
            self.at(seconds if done else 0, "finding", done, total, f"s.{done}.exr")
            self.at(0, "finding", done, total, f"s.{done}.exr")

    def matte(self, total: int, seconds: float, kept: int = 0) -> dict[str, Any]:
        report: dict[str, Any] = {}
        for made in range(1, total + 1):
            if made <= kept:
                report = self.at(0, "frames", made, total, f"s.{made}.exr")
                continue
            self.at(seconds / 2, "matting", 1, 4, "sm_cat_01", 1)
            report = self.at(seconds / 2, "frames", made, total, f"s.{made}.exr", rate=60 / seconds)
        return report


def test_a_shot_is_looked_at_then_matted() -> None:
    course = Course(1)
    report = course.at(0, "finding", 3, 10, "s.3.exr")
    wanted = {"stage": "finding", "plate": "s.3.exr", "frame": 4, "frames": 10, "instance": "", "rate": None}
    assert {name: report[name] for name in wanted} == wanted
    report = course.at(5, "matting", 1, 4, "sm_cat_01", 2)
    wanted = {"stage": "matting", "instance": "sm_cat_01", "pass": 2, "frame": 0, "frames": 10}
    assert {name: report[name] for name in wanted} == wanted
    report = course.at(5, "frames", 4, 10, "s.4.exr", rate=12.0)
    wanted = {"stage": "frames", "plate": "s.4.exr", "frame": 4, "rate": 12.0, "seconds_left": 30.0, "pass": 0}
    assert {name: report[name] for name in wanted} == wanted
    report = course.at(1, "collecting", 2, 10, "s")
    assert report["stage"] == "collecting"


def test_shares_are_those_of_time_once_a_shot_was_seen() -> None:
    first = Course(1)
    first.find(20, 1.0)
    first.matte(20, 9.0)
    first.place.follow(ProgressEvent("reading", 0, 1, "still.exr"), first.now)
    again = Course(1, pace=first.pace)
    begun = again.now
    whole = 20 * 1.0 + 20 * 9.0
    for done in range(20):
        report = again.at(1 if done else 0, "finding", done, 20)
        assert report["fraction"] == pytest.approx((again.now - begun) / whole, abs=0.02)
    assert report["seconds_left"] == pytest.approx(whole - (again.now - begun), rel=0.2)
    for made in range(1, 20):
        report = again.at(9, "frames", made, 20, rate=60 / 9)
        assert report["fraction"] == pytest.approx((again.now - begun) / whole, abs=0.02)
    assert report["seconds_left"] == pytest.approx(9)


def test_the_first_shot_is_honest_too() -> None:
    """Nothing is learnt yet: looking at a frame is cheap, and must not count as half of the work."""
    course = Course(1)
    course.find(10, 1.0)
    assert 0.1 < course.fractions[-1] < 0.4
    course.matte(10, 3.0)
    assert course.fractions[-1] == pytest.approx(0.999)


def test_what_was_tied_before_takes_no_time() -> None:
    """A chunk on a farm, or a second run: there is no first round."""
    course = Course(1)
    report = course.matte(8, 2.0)
    assert course.fractions[2] == pytest.approx(1 / 8)
    assert report["frames"] == 8
    kept = Course(1)
    kept.matte(8, 2.0, kept=6)
    assert kept.fractions[6] == pytest.approx(6 / 8)


def test_track_alone_is_the_first_round() -> None:
    course = Course(1, steps=steps_of(("finding",), 0))
    course.find(10, 1.0)
    assert course.fractions[-1] == pytest.approx(0.9)


def test_two_shots_are_tracked_one_after_the_other() -> None:
    course = Course(2, steps=steps_of(("finding",), 0))
    course.find(10, 1.0)
    assert course.fractions[-1] == pytest.approx(0.45)
    course.find(10, 1.0)
    assert course.fractions[-1] == pytest.approx(0.95)


def test_several_shots_and_stills() -> None:
    course = Course(3, 2)
    for total in (10, 10, 20):
        course.find(total, 0.5)
        course.matte(total, 1.0)
    assert course.fractions[-1] == pytest.approx(40 / 42, abs=1e-3)
    for index in range(2):
        course.at(0, "reading", index, 2, f"still{index}.exr")
        course.at(1, "matting", 1, 2, "sm_cat_01", 1)
        course.place.end_frame(course.now, False)
    report = course.at(0, "writing", 1, 1)
    assert report["fraction"] == pytest.approx(0.999)
    assert report["rate"] is None


def test_a_shot_that_was_tied_follows_one_that_was_kept() -> None:
    course = Course(2)
    course.matte(4, 1.0, kept=4)
    assert course.fractions[-1] == pytest.approx(4 / 8)
    course.matte(4, 1.0)
    assert course.fractions[-1] == pytest.approx(0.999)


def test_both_rounds_are_learnt() -> None:
    course = Course(1)
    course.find(10, 2.0)
    course.at(2.0, "matting", 0, 4, "sm_cat_01", 1)
    assert course.pace.expected("matte", FINDING) == pytest.approx(2.0)
    course.matte(10, 7.0)
    course.place.follow(ProgressEvent("reading", 0, 1, "still.exr"), course.now)
    assert course.pace.expected("matte", FRAMES) == pytest.approx(7.0)


EVENTS = st.tuples(
    st.sampled_from(["finding", "tracking", "frames", "matting", "writing", "reading", "collecting", "odd"]),
    st.integers(0, 6),
    st.integers(1, 6),
    st.floats(0, 5),
)


# A round that ends with fewer frames than it had counted.
@example(1, 0, [("frames", 2, 2, 0.0), ("finding", 0, 1, 0.0), ("matting", 0, 1, 0.0)])
@given(st.integers(0, 3), st.integers(0, 3), st.lists(EVENTS, max_size=30))
def test_whatever_comes_the_share_only_grows(shots: int, stills: int, events: list[Any]) -> None:
    course = Course(shots, stills)
    for stage, done, total, seconds in events:
        report = course.at(seconds, stage, min(done, total), total, "name", 0, 1.0)
        assert 0 <= report["fraction"] < 1
        assert report["seconds_left"] is None or report["seconds_left"] >= 0
