"""A job as its messages tell it, in every order that they may come in."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest

from semantic_matte_client.client import Client
from semantic_matte_client.errors import (
    ClientError,
    JobCancelledError,
    JobFailedError,
    ProtocolError,
    RequestError,
    WorkerLostError,
)
from semantic_matte_client.job import Job
from semantic_matte_client.job_course import JobCourse, Progress
from semantic_matte_client.shot_results import ShotsResult

JOB = "a" * 32


def message(type_: str, **fields: Any) -> dict[str, Any]:
    return {"type": type_, "job": JOB, **fields}


def progress(stage: str, fraction: float = 0.0, **fields: Any) -> dict[str, Any]:
    empty = {
        "plate": "",
        "frame": 0,
        "frames": 1,
        "instance": "",
        "pass": 0,
        "seconds_left": None,
        "rate": None,
    }
    return message("progress", **{**empty, "stage": stage, "fraction": fraction, **fields})


def frame(plate: str) -> dict[str, Any]:
    return message("frame", plate=plate, files=[f"{plate}.exr"], reused=False, key=None, instances=[])


@pytest.fixture
def course() -> JobCourse:
    return JobCourse({"job": JOB, "task": "matte"})


def test_a_whole_job(course: JobCourse) -> None:
    states = [course.state]
    for one in (
        message("accepted", position=1),
        progress("queued"),
        progress("reading", 0.1, plate="p", frame=1),
        message("notice", message="told"),
        frame("p"),
        message("done", seconds=2.5),
    ):
        course.take(one)
        states.append(course.state)
    assert states == ["connecting", "queued", "queued", "running", "running", "running", "done"]
    assert [event["type"] for event in course.events] == ["accepted", "progress", "notice", "frame", "done"]
    assert course.notices == ["told"]
    assert course.result().seconds == 2.5
    assert [one.plate for one in course.result()] == ["p"]  # type: ignore[union-attr]
    assert course.progress.fraction == 1.0


def test_of_progress_that_nobody_took_the_newest_is_kept(course: JobCourse) -> None:
    for number in range(1000):
        course.take(progress("matting", number / 1000))
    assert [event["fraction"] for event in course.events] == [0.999]
    course.take(message("notice", message="x"))
    course.take(progress("matting", 1))
    assert [event["type"] for event in course.events] == ["progress", "notice", "progress"]
    course.events.popleft()
    course.take(progress("writing", 1))
    assert [event.get("stage") for event in course.events] == [None, "writing"]


def test_a_result_is_asked_for_too_early(course: JobCourse) -> None:
    with pytest.raises(ClientError, match="has not ended"):
        course.result()


def test_a_failed_job_raises_what_the_worker_said(course: JobCourse) -> None:
    course.take(message("failed", kind="usage", message="No such plate.", exit_code=2))
    assert course.state == "failed"
    for _ in range(2):
        with pytest.raises(JobFailedError, match=r"^No such plate\.$") as caught:
            course.result()
        assert (caught.value.kind, caught.value.exit_code) == ("usage", 2)


def test_a_cancelled_job(course: JobCourse) -> None:
    course.cancelled()
    with pytest.raises(JobCancelledError) as caught:
        course.result()
    assert caught.value.exit_code == 130


@pytest.mark.parametrize("end", ["done", "cancelled", "failed"])
def test_what_comes_after_the_end_changes_nothing(course: JobCourse, end: str) -> None:
    ends = {
        "done": message("done", seconds=1),
        "cancelled": message("cancelled"),
        "failed": message("failed", kind="work", message="x", exit_code=1),
    }
    course.take(ends[end])
    events = list(course.events)
    for late in (*ends.values(), frame("late"), progress("matting", 0.5)):
        course.take(late)
    course.fail(WorkerLostError("late"))
    course.cancelled()
    assert course.state == end
    assert list(course.events) == events
    assert course.frames == []


def test_an_end_from_this_side_is_seen_as_a_message(course: JobCourse) -> None:
    course.fail(WorkerLostError("It went."))
    assert course.events[-1] == message("failed", kind="start", message="It went.", exit_code=1)
    with pytest.raises(WorkerLostError, match="It went"):
        course.result()


def test_shots_without_pictures_are_a_result_too() -> None:
    course = JobCourse({"job": JOB, "task": "track"})
    slots = [{"slot": "sm_cat_01", "frames": "1-3, 5"}, {"slot": "sm_person_01", "frames": "2"}]
    course.take(
        message("shot", shot="a", frames="1-5", slots=slots, files=["/o/a.tracks.json", "/o/a.masks.json"])
    )
    course.take(message("shot", shot="b", frames="7", slots=[], files=["/o/b.matte.json"]))
    course.take(message("done", seconds=1.5))
    result = course.result()
    assert isinstance(result, ShotsResult)
    assert [shot.name for shot in result] == ["a", "b"]
    assert result[0].slots == {"sm_cat_01": "1-3, 5", "sm_person_01": "2"}
    assert (result[0].tracks, result[1].tracks) == ("/o/a.tracks.json", None)
    assert result.files == ("/o/a.tracks.json", "/o/a.masks.json", "/o/b.matte.json")
    assert (len(result), result.seconds) == (2, 1.5)
    assert "sm_person_01  2" in repr(result)
    assert json.dumps(result.as_dict())


def test_an_alpha_without_its_file_is_no_result() -> None:
    course = JobCourse({"job": JOB, "task": "refine"})
    course.take(message("done", seconds=1))
    with pytest.raises(ProtocolError, match="without its files"):
        course.result()


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (Progress(), "connecting"),
        (Progress("queued"), "queued"),
        (
            Progress("frames", "a.7.exr", 7, 9, fraction=0.8, seconds_left=20.0, rate=5.96),
            "7/9 a.7.exr: frames, 80%, 20 s left, 6.0 frames a minute",
        ),
        (Progress("reading", "p.exr", 2, 10), "2/10 p.exr: reading"),
        (
            Progress("matting", "p.exr", 2, 10, "sm_person_01", 2, 0.344, 12.4),
            "2/10 p.exr: matting sm_person_01, pass 2, 34%, 12 s left",
        ),
        (Progress("writing", "p.exr", 1, 1, "", 0, 0.99, 0.2), "p.exr: writing, 99%, 0 s left"),
    ],
)
def test_progress_is_one_line(given: Progress, sentence: str) -> None:
    assert given.sentence() == sentence


def test_neither_job_nor_client_can_be_copied(course: JobCourse) -> None:
    client = Client(start=False)
    for one in (client, Job(client, course)):
        for make in (copy.copy, copy.deepcopy, pickle.dumps):
            with pytest.raises(RequestError, match="can't be copied or pickled"):
                make(one)
    assert "connecting" in repr(Job(client, course))
