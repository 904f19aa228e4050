"""Cancelling, in every state of a job, and clients that vanish with jobs of theirs in every state."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Eventually = Callable[..., Any]

# What is promised, and what a busy machine may add to it.
PROMISED = 0.5
BUSY = 0.5


def test_waiting(place: Any) -> None:
    place.start()
    talker = place.talker()
    running, waiting, last = talker.running("hold"), talker.submit(), talker.submit()
    talker.say("cancel", job=waiting)
    assert talker.end_of(waiting)["type"] == "cancelled"
    assert [row["job"] for row in talker.status()["jobs"]] == [running, last]
    talker.say("cancel", job=running)
    assert [end["job"] for end in talker.ends(2)] == [running, last]
    assert f"job {waiting}: done" not in place.log


def test_while_the_engine_starts(place: Any) -> None:
    place.start("--start", "1.0")
    talker = place.talker()
    job, following = talker.submit(), talker.submit()
    assert talker.until("progress", job)["stage"] == "starting"
    begun = time.monotonic()
    talker.say("cancel", job=job)
    assert talker.end_of(job)["type"] == "cancelled"
    assert time.monotonic() - begun < PROMISED
    assert talker.end_of(following)["type"] == "done"
    assert place.log.count("started") == 1


def test_running_and_obeyed(place: Any) -> None:
    place.start()
    talker = place.talker()
    talker.end_of(talker.submit())
    engine = talker.status()["engine_pid"]
    job = talker.running("hold")
    talker.say("cancel", job=job)
    assert talker.end_of(job)["type"] == "cancelled"
    assert talker.end_of(talker.submit())["type"] == "done"
    assert talker.status()["engine_pid"] == engine


@pytest.mark.parametrize("stopped", [False, True])
def test_running_and_ignored_or_hung(place: Any, stopped: bool) -> None:
    place.start()
    talker = place.talker()
    job, following = talker.running("deaf"), talker.submit()
    engine = talker.status()["engine_pid"]
    if stopped:
        os.kill(engine, signal.SIGSTOP)
    begun = time.monotonic()
    talker.say("cancel", job=job)
    assert talker.status()["jobs"][0]["state"] == "cancelling"
    assert talker.end_of(job)["type"] == "cancelled"
    assert PROMISED - 0.1 < time.monotonic() - begun < PROMISED + BUSY
    assert not Path(f"/proc/{engine}").exists()
    assert talker.end_of(following)["type"] == "done"
    assert talker.status()["engine_pid"] != engine


def test_a_hung_engine_that_reads_nothing_blocks_nobody(place: Any) -> None:
    place.start()
    talker = place.talker()
    talker.end_of(talker.submit())
    os.kill(talker.status()["engine_pid"], signal.SIGSTOP)
    # More than a pipe takes.
    job = talker.submit(plates=["p" * 4000] * 100)
    talker.until("accepted", job)
    begun = time.monotonic()
    assert talker.status()["engine"] == "busy"
    talker.say("cancel", job=job)
    assert talker.end_of(job)["type"] == "cancelled"
    assert time.monotonic() - begun < PROMISED + BUSY
    assert talker.end_of(talker.submit())["type"] == "done"


def test_done_that_crosses_a_cancel_wins(place: Any) -> None:
    place.start()
    talker = place.talker()
    job = talker.running("crossing")
    talker.say("cancel", job=job)
    assert talker.end_of(job)["type"] == "done"
    assert talker.status()["finished"] == 1


def test_what_a_killed_engine_left_half_written_is_removed(place: Any) -> None:
    place.start()
    talker = place.talker()
    out = place.folder / "out"
    (out / "old.exr").write_bytes(b"whole")
    job = talker.running("write", out=str(out))
    while talker.until("progress", job)["fraction"] < 0.5:
        pass
    assert len(list(out.iterdir())) == 2
    talker.say("cancel", job=job)
    assert talker.end_of(job)["type"] == "cancelled"
    assert [path.name for path in out.iterdir()] == ["old.exr"]


def test_a_crashed_engines_half_file_is_removed(place: Any) -> None:
    place.start()
    talker = place.talker()
    out = place.folder / "out"
    job = talker.running("write", out=str(out))
    while talker.until("progress", job)["fraction"] < 0.5:
        pass
    os.kill(talker.status()["engine_pid"], signal.SIGKILL)
    assert talker.end_of(job)["kind"] == "crash"
    assert list(out.iterdir()) == []


@pytest.mark.parametrize("act", ["hold", "deaf"])
def test_a_client_that_vanishes_has_its_jobs_cancelled(place: Any, eventually: Eventually, act: str) -> None:
    place.start()
    gone, other = place.talker(pid=1), place.talker(pid=2)
    gone.running(act)
    gone.submit()
    gone.until("accepted")
    job = other.submit()
    gone.close()
    assert other.end_of(job)["type"] == "done"
    eventually(lambda: other.status()["finished"] == 3, "all have ended")
    assert place.log.count(": cancelled after") == 2


def test_a_client_that_vanishes_has_its_jobs_finished_if_it_asked(place: Any, eventually: Eventually) -> None:
    place.start()
    gone, other = place.talker(pid=1), place.talker(pid=2)
    first = gone.running("quick", seconds=0.3, on_disconnect="finish")
    second = gone.submit(on_disconnect="finish")
    third = gone.submit(on_disconnect="cancel")
    gone.until("accepted", third)
    gone.close()
    eventually(lambda: other.status()["finished"] == 3, "all have ended")
    for job, end in ((first, "done"), (second, "done"), (third, "cancelled")):
        assert f"job {job}: {end} after" in place.log


def test_a_job_whose_client_is_gone_can_be_cancelled_by_another(place: Any) -> None:
    place.start()
    gone, other = place.talker(pid=1), place.talker(pid=2)
    job = gone.running("hold", on_disconnect="finish")
    gone.close()
    other.say("cancel", job=job)
    assert other.end_of(other.submit())["type"] == "done"
    assert f"job {job}: cancelled after" in place.log
