"""The worker itself is killed, started twice, finds what others left, loses its files: the next one works."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Eventually = Callable[..., Any]


def kill(worker: subprocess.Popen[str]) -> None:
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()


def serves(place: Any) -> None:
    talker = place.talker()
    assert talker.end_of(talker.submit())["type"] == "done"
    talker.close()


@pytest.mark.parametrize("state", ["fresh", "idle", "starting", "running", "deaf", "connecting"])
def test_killed_and_started_again(place: Any, eventually: Eventually, state: str) -> None:
    worker = place.start(*(("--start", "0.5") if state == "starting" else ()))
    talker = place.talker()
    if state == "idle":
        talker.end_of(talker.submit())
    elif state == "starting":
        talker.until("progress", talker.submit())
    elif state in ("running", "deaf"):
        talker.running("hold" if state == "running" else "deaf")
    elif state == "connecting":
        silent = socket.socket(socket.AF_UNIX)
        silent.connect(str(place.files.socket))
    kill(worker)
    assert talker.is_closed()
    # The engine process sees its input end, and ends.
    eventually(lambda: not place.processes_left(), "the engine is gone too", 5)
    assert place.names() == ["gpu.json", "gpu.key", "gpu.sock"]
    old = place.files.key.read_bytes()
    place.start()
    assert place.files.key.read_bytes() != old
    serves(place)
    if state == "connecting":
        silent.close()


def test_killed_and_started_at_once_with_the_old_engine_still_there(place: Any) -> None:
    for _ in range(5):
        worker = place.start()
        place.talker().running("hold")
        kill(worker)
    place.start()
    serves(place)


@pytest.mark.slow
@pytest.mark.parametrize(("count", "times"), [(2, 20), (8, 3)])
def test_started_at_the_same_instant_exactly_one_serves(place: Any, count: int, times: int) -> None:
    for _ in range(times):
        workers = [place.spawn() for _ in range(count)]
        lines = [place.ready_line(worker) for worker in workers]
        assert all(line["ready"] for line in lines), lines
        [owner] = [line for line in lines if line["own"]]
        assert {line["pid"] for line in lines} == {owner["pid"]}
        assert {line["address"] for line in lines} == {owner["address"]}
        for worker, line in zip(workers, lines, strict=True):
            if not line["own"]:
                assert worker.wait(10) == 0
        serves(place)
        [owning] = [worker for worker in workers if worker.pid == owner["pid"]]
        assert owning.poll() is None
        owning.terminate()
        assert owning.wait(10) == 0
        assert place.names() == []


def test_one_that_starts_while_another_ends_takes_over(place: Any) -> None:
    for _ in range(10):
        worker = place.start()
        place.talker().running("deaf")
        worker.terminate()
        # Half a second of it is spent on the engine.
        following = place.spawn()
        line = place.ready_line(following)
        if not line["own"]:
            # It was asked before the signal came; then it must have served still.
            assert line["pid"] == worker.pid
            following = place.start()
        assert worker.wait(10) == 0
        serves(place)
        following.terminate()
        assert following.wait(10) == 0


@pytest.mark.parametrize("stale", ["socket", "key", "info", "all", "folder", "half", "lock text", "lock link"])
def test_what_lies_there_already_is_replaced(place: Any, stale: str) -> None:
    files = place.files
    if stale in ("socket", "all"):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(files.socket))
        listener.close()
    if stale in ("key", "all"):
        files.key.write_bytes(b"old")
    if stale in ("info", "all"):
        files.info.write_text(json.dumps({"pid": 1, "address": "nowhere"}))
    if stale == "half":
        (place.folder / ".gpu.key.abcd").write_bytes(b"half")
        (place.folder / ".gpu.json.abcd").write_bytes(b"half")
    if stale == "folder":
        files.info.mkdir()
    if stale == "lock text":
        files.lock.write_bytes(b"\xff" * 100)
    if stale == "lock link":
        files.lock.symlink_to(place.folder / "out" / "elsewhere")
    if stale in ("folder", "lock link"):
        worker = place.spawn()
        line = place.ready_line(worker)
        assert not line["ready"]
        assert str(files.info if stale == "folder" else files.lock) in line["reason"]
        assert worker.wait(10) == 1
        if stale == "folder":
            files.info.rmdir()
        assert place.names() == []
        return
    place.start()
    assert len(files.key.read_bytes()) == 32
    assert [path.stat().st_mode & 0o777 for path in (files.key, files.info)] == [0o600] * 2
    assert int(files.lock.read_text()) == place.processes[0].pid
    assert files.socket.stat().st_mode & 0o777 == 0o600
    assert place.names() == ["gpu.json", "gpu.key", "gpu.sock"]
    serves(place)


def test_a_stopped_holder_that_never_publishes_is_named(place: Any) -> None:
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom semantic_matte.worker.lock import WorkerLock\n"
        "lock = WorkerLock(Path(sys.argv[1]))\nassert lock.acquire()\nprint('held', flush=True)\ntime.sleep(60)"
    )
    holder = place.run([sys.executable, "-c", code, str(place.files.lock)])
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    # Of one that was killed before: it is not the holder's.
    place.files.info.write_text(json.dumps({"pid": 1, "address": "nowhere"}))
    line = place.ready_line(place.spawn())
    place.files.info.unlink()
    assert not line["ready"]
    assert f"process {holder.pid} " in line["reason"]


@pytest.mark.parametrize("name", ["socket", "key", "info", "lock", "folder", "replaced"])
def test_a_worker_whose_files_are_gone_finishes_and_ends(place: Any, name: str) -> None:
    worker = place.start()
    talker = place.talker()
    job = talker.running("quick", seconds=3.0)
    if name == "folder":
        place.folder.rename(moved := place.folder.with_name(place.folder.name + "-moved"))
    elif name == "replaced":
        place.files.key.unlink()
        place.files.key.write_bytes(b"another's")
    else:
        getattr(place.files, name).unlink()
    assert talker.end_of(job)["type"] == "done"
    assert talker.is_closed()
    assert worker.wait(10) == 0
    if name == "folder":
        moved.rename(place.folder)
        for left in place.names():
            (place.folder / left).unlink()
    if name == "replaced":
        # What another put there is not ours to remove.
        assert place.files.key.read_bytes() == b"another's"
        place.files.key.unlink()
    place.start()
    serves(place)


def test_a_worker_without_its_lock_file_hinders_no_new_one(place: Any) -> None:
    worker = place.start()
    place.talker().running("quick", seconds=2.0)
    place.files.lock.unlink()
    following = place.start()
    serves(place)
    assert worker.wait(10) == 0
    assert following.poll() is None
    # The old one left what is the new one's.
    serves(place)


@pytest.mark.parametrize(
    ("mode", "word"), [(0o755, "open to others"), (0o500, "can't be used")], ids=["open", "read-only"]
)
def test_a_runtime_folder_that_can_not_be_used_is_told(place: Any, mode: int, word: str) -> None:
    if mode == 0o500 and os.geteuid() == 0:
        pytest.skip("the superuser may write there")
    place.folder.chmod(mode)
    worker = place.spawn()
    line = place.ready_line(worker)
    assert not line["ready"]
    assert word in line["reason"]
    assert worker.wait(10) == 1
    place.folder.chmod(0o700)


def test_a_worker_without_a_log_works(place: Any) -> None:
    (place.folder / "logs").write_text("a file where the folder should be")
    place.start()
    talker = place.talker()
    assert talker.status()["log"] == ""
    assert talker.end_of(talker.submit("print", count=10))["type"] == "done"
    (place.folder / "logs").unlink()


def test_a_full_disk_under_the_log_does_not_end_the_worker(place: Any, small_disk: Any) -> None:
    with small_disk(place.folder / "logs", "size=64k") as logs:
        worker = place.start()
        talker = place.talker()
        assert talker.end_of(talker.submit("print", count=2000))["type"] == "done"
        assert talker.end_of(talker.submit())["type"] == "done"
        for left in logs.iterdir():
            left.unlink()
        assert talker.end_of(talker.submit("print", count=2000))["type"] == "done"
        worker.terminate()
        assert worker.wait(10) == 0


def test_the_log_rotates_and_stays_private(place: Any) -> None:
    place.start()
    talker = place.talker()
    for _ in range(4):
        # Not more at once than may wait for the disk: what comes beyond is dropped.
        assert talker.end_of(talker.submit("print", count=7000))["type"] == "done"
        assert place.log
    place.talkers.remove(talker)
    talker.close()
    place.processes[0].terminate()
    assert place.processes[0].wait(20) == 0
    logs = sorted((place.folder / "logs").iterdir())
    assert [path.name for path in logs] == ["worker-gpu.log", "worker-gpu.log.1", "worker-gpu.log.2"]
    assert all(path.stat().st_size <= 1_000_000 for path in logs)
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in logs)
    assert (place.folder / "logs").stat().st_mode & 0o777 == 0o700


BUG = """
import sys
from semantic_matte.worker.__main__ import run
from semantic_matte.worker.dispatcher import Dispatcher
from semantic_matte.worker.server import Times

def rows(self):
    raise ZeroDivisionError("a bug")

Dispatcher.rows = rows
sys.exit(run("gpu", Times(), sys.argv[1:]))
"""


def test_a_bug_in_the_worker_is_told_to_everybody_before_it_ends(place: Any, eventually: Eventually) -> None:
    worker = place.run([sys.executable, "-c", BUG, *place.engine])
    assert place.ready_line(worker)["own"]
    talker, other = place.talker(pid=1), place.talker(pid=2)
    running, waiting = talker.running("deaf"), other.submit()
    other.until("accepted", waiting)
    place.talker(pid=3).say("status")
    for end in (talker.end_of(running), other.end_of(waiting)):
        assert (end["type"], end["kind"]) == ("failed", "crash")
        assert "met a bug" in end["message"]
    assert talker.is_closed()
    assert worker.wait(10) == 1
    assert "ZeroDivisionError: a bug" in place.log
    eventually(lambda: not place.processes_left(), "the engine has ended")
    assert place.names() == []
    place.start()
    serves(place)


def test_what_the_worker_prints_goes_into_its_log(place: Any) -> None:
    worker = place.start()
    descriptors = [Path(f"/proc/{worker.pid}/fd/{stream}") for stream in (1, 2)]
    # It says that it is ready through its own output, and turns that to the log after it.
    until = time.monotonic() + 10
    while any(one.readlink().name != "worker-gpu.log" for one in descriptors) and time.monotonic() < until:
        time.sleep(0.01)
    for stream, descriptor in enumerate(descriptors, 1):
        with descriptor.open("a") as printed:
            printed.write(f"from descriptor {stream}\n")
    assert "from descriptor 1\nfrom descriptor 2\n" in place.log


@pytest.mark.parametrize("arguments", [["--slot", "../x"], ["--slot", "GPU"], ["--slot", "x" * 30]])
def test_a_slot_that_is_no_name_is_refused(place: Any, arguments: list[str]) -> None:
    worker = place.run([sys.executable, "-m", "semantic_matte.worker", *arguments])
    line = place.ready_line(worker)
    assert not line["ready"]
    assert "slot" in line["reason"]
    assert worker.wait(10) == 1


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "soon"])
def test_times_that_are_none_are_bad_usage(place: Any, seconds: str) -> None:
    worker = place.run([sys.executable, "-m", "semantic_matte.worker", "--idle-exit", seconds])
    assert worker.wait(10) == 2


def test_the_slots_have_workers_of_their_own(place: Any) -> None:
    place.start()
    other = place.run([sys.executable, "-m", "semantic_matte.worker", "--slot", "cpu"])
    assert place.ready_line(other)["own"]
    assert {"cpu.sock", "gpu.sock"} < set(place.names())
    serves(place)
