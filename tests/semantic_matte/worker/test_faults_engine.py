"""The engine process fails in every way and state: its job is answered, the worker lives, the next job runs."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Eventually = Callable[..., Any]


def kill_engine(talker: Any, number: int = signal.SIGKILL) -> int:
    engine: int = talker.status()["engine_pid"]
    os.kill(engine, number)
    return engine


def test_killed_while_idle(place: Any, eventually: Eventually) -> None:
    place.start()
    talker = place.talker()
    talker.end_of(talker.submit())
    kill_engine(talker)
    eventually(lambda: talker.status()["engine"] == "none", "it is gone")
    assert talker.end_of(talker.submit())["type"] == "done"


def test_killed_while_idle_and_not_noticed_yet(place: Any) -> None:
    place.start()
    talker = place.talker()
    for _ in range(5):
        talker.end_of(talker.submit())
        kill_engine(talker)
        assert talker.end_of(talker.submit())["type"] == "done"


def test_killed_while_starting(place: Any, eventually: Eventually) -> None:
    place.start("--start", "0.5")
    talker = place.talker()
    job = talker.submit()
    eventually(lambda: talker.status()["engine_pid"], "there is one")
    kill_engine(talker)
    failed = talker.end_of(job)
    assert (failed["kind"], failed["exit_code"]) == ("start", 1)
    assert "SIGKILL" in failed["message"]
    assert talker.end_of(talker.submit())["type"] == "done"


@pytest.mark.parametrize("name", ["SIGKILL", "SIGSEGV", "SIGABRT", "SIGTERM"])
def test_killed_while_it_runs_a_job(place: Any, name: str) -> None:
    worker = place.start()
    talker = place.talker()
    job, following = talker.running("hold"), talker.submit()
    kill_engine(talker, getattr(signal, name))
    failed = talker.end_of(job)
    assert (failed["type"], failed["kind"]) == ("failed", "crash")
    assert name in failed["message"]
    assert ("memory runs out" in failed["message"]) == (name == "SIGKILL")
    assert talker.end_of(following)["type"] == "done"
    assert worker.poll() is None


def test_a_job_that_kills_itself(place: Any) -> None:
    place.start()
    talker = place.talker()
    failed = talker.end_of(talker.submit("signal", signal="SIGBUS"))
    assert "SIGBUS" in failed["message"]
    failed = talker.end_of(talker.submit("exit"))
    assert "exit code 3: the picture is damaged" in failed["message"]
    assert "the picture is damaged" in place.log
    assert talker.end_of(talker.submit())["type"] == "done"


def test_a_job_that_ends_the_engine_before_a_word_is_tried_once_more_only(place: Any) -> None:
    place.start()
    talker = place.talker()
    failed = talker.end_of(talker.submit("mute"))
    assert failed["kind"] == "crash"
    assert place.log.count("started") == 2
    assert talker.end_of(talker.submit())["type"] == "done"


def test_an_engine_that_can_not_start_answers_each_job_once(place: Any) -> None:
    place.start("--fail")
    talker = place.talker()
    jobs = [talker.submit() for _ in range(3)]
    ends = talker.ends(3)
    assert [end["job"] for end in ends] == jobs
    assert {end["kind"] for end in ends} == {"start"}
    assert all("No module named 'torch'" in end["message"] for end in ends)
    assert place.log.count("started") == 3
    time.sleep(0.3)
    assert place.log.count("started") == 3
    assert talker.status()["engine"] == "none"


@pytest.mark.parametrize("command", [["/nonexistent/python"], [sys.executable, "-c", "pass"]])
def test_an_engine_that_is_not_there(place: Any, command: list[str]) -> None:
    place.engine = command
    place.start()
    talker = place.talker()
    failed = [talker.end_of(talker.submit())["kind"] for _ in range(2)]
    assert failed == ["start", "start"]


@pytest.mark.parametrize("text", ["not JSON", '{"type": "done"}', '{"type": "unheard-of"}', "[]", " "])
def test_an_engine_that_babbles_is_ended(place: Any, text: str) -> None:
    place.start()
    talker = place.talker()
    failed = talker.end_of(talker.submit("babble", text=text))
    assert failed["kind"] == "crash"
    assert talker.end_of(talker.submit())["type"] == "done"


def test_an_engine_that_closes_its_output_is_ended(place: Any) -> None:
    place.start()
    talker = place.talker()
    failed = talker.end_of(talker.submit("close"))
    assert "closed its output" in failed["message"]
    assert talker.end_of(talker.submit())["type"] == "done"


def test_a_line_without_end_is_no_memory_without_end(place: Any) -> None:
    worker = place.start()
    talker = place.talker()
    talker.running("deaf")
    engine = talker.status()["engine_pid"]
    with Path(f"/proc/{engine}/fd/1").open("wb", buffering=0) as stream, contextlib.suppress(BrokenPipeError):
        for _ in range(5 << 4):
            stream.write(b"x" * (1 << 16))
    assert talker.ends(1)[0]["kind"] == "crash"
    resident = Path(f"/proc/{worker.pid}/status").read_text().partition("VmRSS:")[2].split()[0]
    assert int(resident) < 60 << 10
    assert talker.end_of(talker.submit())["type"] == "done"


def test_an_engine_of_another_version_ends_the_worker(place: Any) -> None:
    worker = place.start("--version", "9.9.9")
    talker = place.talker()
    jobs = [talker.submit(), talker.submit()]
    ends = talker.ends(2)
    assert [end["job"] for end in ends] == jobs
    assert {end["kind"] for end in ends} == {"ended"}
    assert "updated to version 9.9.9" in ends[0]["message"]
    assert "run the job again" in ends[0]["message"]
    assert talker.is_closed()
    assert worker.wait(10) == 0


def test_a_grandchild_does_not_outlive_the_engine(place: Any, eventually: Eventually) -> None:
    code = (
        "import subprocess, sys, runpy\n"
        "subprocess.Popen(['sleep', '300'])\n"
        f"sys.argv = {[*place.engine[1:]]!r}\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    place.engine = [sys.executable, "-c", code]
    worker = place.start()
    talker = place.talker()
    job = talker.running("deaf")
    engine = talker.status()["engine_pid"]
    assert len(place.processes_left()) == 3
    os.kill(engine, signal.SIGKILL)
    assert talker.end_of(job)["kind"] == "crash"
    eventually(lambda: place.processes_left() == [worker.pid], "the worker is alone")


def test_the_engine_is_unloaded_after_a_quiet_time(place: Any, eventually: Eventually) -> None:
    place.start(unload=0.2)
    talker = place.talker()
    talker.end_of(talker.submit())
    engine = talker.status()["engine_pid"]
    eventually(lambda: talker.status()["engine"] == "none", "it is ended")
    eventually(lambda: not Path(f"/proc/{engine}").exists(), "and gone")
    # Work keeps it.
    job = talker.running("quick", seconds=0.8)
    engine = talker.status()["engine_pid"]
    assert talker.end_of(job)["type"] == "done"
    assert talker.end_of(talker.submit())["type"] == "done"


def test_a_hung_engine_is_unloaded_too(place: Any, eventually: Eventually) -> None:
    place.start(unload=0.1)
    talker = place.talker()
    talker.end_of(talker.submit())
    engine = kill_engine(talker, signal.SIGSTOP)
    eventually(lambda: not Path(f"/proc/{engine}").exists(), "it is gone")
    assert talker.end_of(talker.submit())["type"] == "done"


def test_a_job_that_comes_while_the_engine_is_unloaded_waits_for_the_next(place: Any) -> None:
    place.start(unload=0.05)
    talker = place.talker()
    for number in range(20):
        assert talker.end_of(talker.submit())["type"] == "done"
        time.sleep(0.04 + 0.001 * number)


def test_a_terminals_interrupt_does_not_reach_the_engine(place: Any) -> None:
    worker = place.start(start_new_session=True)
    talker = place.talker()
    talker.end_of(talker.submit())
    engine = talker.status()["engine_pid"]
    assert os.getpgid(engine) != os.getpgid(worker.pid)
