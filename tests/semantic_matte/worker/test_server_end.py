"""The real worker ends: told to, or because nobody needs it; everybody is answered and nothing is left."""

from __future__ import annotations

import os
import secrets
import signal
import time
from typing import Any

import pytest

from semantic_matte_client import protocol
from semantic_matte_client.errors import ClientError


@pytest.mark.parametrize("how", ["now", "idle", "SIGTERM", "SIGINT", "SIGHUP"])
def test_stop_answers_everybody_and_leaves_nothing(place: Any, how: str) -> None:
    worker = place.start()
    one, two = place.talker(pid=1), place.talker(pid=2)
    running = one.running("quick", seconds=0.5) if how == "idle" else one.running("hold")
    waiting = two.submit()
    two.until("accepted")
    if how in ("now", "idle"):
        asker = place.talker("shell", pid=3)
        asker.say("stop", when=how)
        assert asker.hear()["type"] == "stopping"
    else:
        os.kill(worker.pid, getattr(signal, how))
    if how == "idle":
        assert one.end_of(running)["type"] == "done"
        assert two.end_of(waiting)["type"] == "done"
    else:
        assert one.end_of(running)["type"] == "cancelled"
        failed = two.end_of(waiting)
        assert (failed["type"], failed["kind"]) == ("failed", "ended")
    assert one.is_closed()
    assert two.is_closed()
    assert worker.wait(10) == 0
    assert place.names() == []


def test_stop_when_idle_takes_no_new_jobs(place: Any) -> None:
    worker = place.start()
    one, two = place.talker(pid=1), place.talker(pid=2)
    running = one.running("hold")
    two.say("stop", when="idle")
    two.until("stopping")
    late = one.submit()
    failed = one.end_of(late)
    assert (failed["type"], failed["kind"]) == ("failed", "ended")
    # One without a job is sent away: it starts the next worker.
    two.submit()
    assert two.is_closed()
    assert worker.poll() is None
    one.say("cancel", job=running)
    assert one.end_of(running)["type"] == "cancelled"
    assert worker.wait(10) == 0


def test_stop_now_kills_a_deaf_engine(place: Any) -> None:
    worker = place.start()
    talker = place.talker()
    job = talker.running("deaf")
    begun = time.monotonic()
    talker.say("stop", when="now")
    assert talker.end_of(job)["type"] == "cancelled"
    assert worker.wait(10) == 0
    assert time.monotonic() - begun < 2


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP"])
def test_a_signal_is_heard_at_once(place: Any, name: str) -> None:
    for _ in range(3):
        worker = place.start()
        # Threads, to any of which the system may hand the signal.
        talkers = [place.talker(str(number)) for number in range(5)]
        begun = time.monotonic()
        os.kill(worker.pid, getattr(signal, name))
        assert all(talker.is_closed() for talker in talkers)
        assert worker.wait(10) == 0
        assert time.monotonic() - begun < 0.8


def test_the_worker_ends_if_nobody_needs_it(place: Any) -> None:
    worker = place.start(idle=0.5)
    talker = place.talker()
    begun = time.monotonic()
    job = talker.submit("quick", seconds=0.8)
    assert talker.end_of(job)["type"] == "done"
    # Being connected, and asking how it is, does not keep it.
    while worker.poll() is None and not talker.connection.poll(0.05):
        pass
    assert talker.is_closed()
    assert worker.wait(10) == 0
    assert 1.2 < time.monotonic() - begun < 5


def test_the_engine_has_ended_before_the_worker_has(place: Any) -> None:
    """Also if nobody is there any more whom that could be told: the next worker must find the memory free."""
    worker = place.start()
    talker = place.talker()
    talker.running("deaf")
    os.kill(talker.status()["engine_pid"], signal.SIGSTOP)
    talker.say("stop", when="now")
    talker.until("stopping")
    talker.close()
    assert worker.wait(10) == 0
    assert place.processes_left() == []
    assert ": ended, SIGKILL" in place.log


def test_a_signal_as_soon_as_it_is_ready(place: Any) -> None:
    for _ in range(5):
        worker = place.start()
        worker.terminate()
        assert worker.wait(10) == 0
        assert place.names() == []


@pytest.mark.slow
def test_no_accepted_job_is_lost_when_the_worker_ends_by_itself(place: Any) -> None:
    """Jobs come just as the quiet time is over: each is accepted and done, or closed unheard."""
    done = sent_away = 0
    for number in range(40):
        worker = place.start(idle=0.05)
        try:
            talker = place.talker()
            time.sleep(0.002 * number)
            job = talker.submit()
        except (ClientError, OSError):
            # It has ended before.
            sent_away += 1
            assert worker.wait(10) == 0
            continue
        heard = []
        try:
            while not heard or heard[-1]["type"] not in protocol.ENDS:
                heard.append(talker.hear())
        except (EOFError, OSError):
            assert heard == []
            sent_away += 1
        else:
            assert heard[0] == {"type": "accepted", "job": job, "position": 0}
            assert heard[-1]["type"] == "done"
            done += 1
        assert worker.wait(10) == 0
        assert place.names() == []
    assert done > 3
    assert sent_away > 3


@pytest.mark.parametrize("seconds", [1e8, -1e8])
def test_a_wall_clock_that_jumps_by_years_changes_nothing(place: Any, seconds: float) -> None:
    worker = place.start(idle=2.0, unload=1.5, clock=seconds)
    talker = place.talker()
    for act in ("hold", "deaf"):
        job = talker.running(act)
        time.sleep(0.3)
        assert talker.status()["engine"] == "busy"
        begun = time.monotonic()
        talker.say("cancel", job=job)
        assert talker.end_of(job)["type"] == "cancelled"
        assert time.monotonic() - begun < 1.0
    begun = time.monotonic()
    job = talker.submit(job=secrets.token_hex(16))
    assert talker.end_of(job)["type"] == "done"
    assert 0 <= talker.status()["seconds"] < 60
    assert talker.is_closed()
    assert worker.wait(10) == 0
    assert 1.8 < time.monotonic() - begun < 6
