"""The worker with its own engine process: real jobs, ended in every way while they run."""

from __future__ import annotations

import itertools
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import pytest

Eventually = Callable[..., Any]

pytestmark = pytest.mark.slow

STAGES = ["starting", "reading", "segmenting", "matting", "writing"]


@pytest.fixture
def real(place: Any) -> Any:
    """A place whose worker is started as clients do it."""
    worker = place.run([sys.executable, "-m", "semantic_matte.worker", "--slot", "gpu"])
    ready = place.ready_line(worker)
    assert ready["own"], ready
    return place


def request(talker: Any, place: Any, plate: Path) -> str:
    """A job of real settings; without the stand-in's `act`."""
    job = os.urandom(16).hex()
    talker.say(
        "submit",
        job=job,
        task="matte",
        plates=[str(plate)],
        out=str(place.folder / "out"),
        settings={"device": "cpu", "find": ["cup", "cat"], "confidence": 0.05},
        roots=[str(plate.parent), str(place.folder)],
        on_disconnect="cancel",
    )
    return job


def until_stage(talker: Any, job: str, stage: str) -> None:
    """Wait for the engine's own word of a stage."""
    while True:
        message = talker.until("progress", job)
        if message["stage"] == stage and message["frame"] == 1:
            return


def only_whole_files(place: Any) -> bool:
    """Whether nothing half written lies among the results."""
    names = [path.name for path in (place.folder / "out").iterdir()]
    assert not [name for name in names if name.startswith(".")], names
    for path in (place.folder / "out").glob("*.json"):
        json.loads(path.read_text())
    return True


def test_a_real_job(real: Any, small_photos: Path) -> None:
    talker = real.talker()
    job = request(talker, real, small_photos / "coffee.png")
    frame = talker.until("frame", job)
    assert all(Path(path).is_file() for path in frame["files"])
    assert talker.end_of(job)["type"] == "done"
    status = talker.status()
    assert status["engine"] == "idle"
    assert "CPU" in status["device"]
    assert only_whole_files(real)


@pytest.mark.parametrize("stage", STAGES)
def test_cancel_in_each_stage(real: Any, small_photos: Path, stage: str) -> None:
    talker = real.talker()
    job = request(talker, real, small_photos / "coffee.png")
    until_stage(talker, job, stage)
    begun = time.monotonic()
    talker.say("cancel", job=job)
    end = talker.end_of(job)
    assert time.monotonic() - begun < 1.0
    # The last stage may be over before the word comes.
    assert end["type"] == "cancelled" or (stage == "writing" and end["type"] == "done")
    assert only_whole_files(real)
    again = request(talker, real, small_photos / "coffee.png")
    assert talker.end_of(again)["type"] == "done"


@pytest.mark.parametrize("stage", STAGES)
def test_the_engine_is_killed_in_each_stage(real: Any, small_photos: Path, stage: str) -> None:
    talker = real.talker()
    job = request(talker, real, small_photos / "coffee.png")
    until_stage(talker, job, stage)
    os.kill(talker.status()["engine_pid"], signal.SIGKILL)
    end = talker.end_of(job)
    assert end["type"] == "done" or (end["kind"] == "crash" and "SIGKILL" in end["message"])
    assert only_whole_files(real)
    again = request(talker, real, small_photos / "coffee.png")
    assert talker.end_of(again)["type"] == "done"


@pytest.mark.parametrize("stage", STAGES)
def test_the_worker_is_killed_in_each_stage(
    real: Any, small_photos: Path, stage: str, eventually: Eventually
) -> None:
    talker = real.talker()
    job = request(talker, real, small_photos / "coffee.png")
    until_stage(talker, job, stage)
    [worker] = real.processes
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    eventually(lambda: not real.processes_left(), "the engine has ended too", 5)
    assert only_whole_files(real)
    following = real.run([sys.executable, "-m", "semantic_matte.worker", "--slot", "gpu"])
    assert real.ready_line(following)["own"]
    talker = real.talker()
    again = request(talker, real, small_photos / "coffee.png")
    assert talker.end_of(again)["type"] == "done"
    assert only_whole_files(real)


def test_the_worker_itself_is_light(real: Any, small_photos: Path) -> None:
    talker = real.talker()
    assert talker.end_of(request(talker, real, small_photos / "coffee.png"))["type"] == "done"
    worker = real.processes[0].pid
    mapped = Path(f"/proc/{worker}/maps").read_text()
    assert not [name for name in ("numpy", "torch", "pydantic", "cv2") if f"/{name}/" in mapped]
    resident = int(Path(f"/proc/{worker}/status").read_text().partition("VmRSS:")[2].split()[0])
    assert resident < 40 << 10


def test_two_hundred_quick_jobs_of_two_hosts(real: Any, small_photos: Path) -> None:
    """Each host hears of all of its jobs in their order, and neither waits for all of the other's."""
    plate = real.folder / "out" / "tiny.png"
    plate.parent.mkdir(exist_ok=True)
    assert cv2.imwrite(str(plate), cv2.imread(str(small_photos / "coffee.png"))[:64, :64])
    hosts = [real.talker("nuke", pid=11), real.talker("blender", pid=12)]
    jobs: list[list[str]] = [[], []]
    for host, own in zip(hosts, jobs, strict=True):
        for _ in range(100):
            own.append(os.urandom(16).hex())
            host.say(
                "submit",
                job=own[-1],
                task="segment",
                plates=[str(plate)],
                settings={"device": "cpu", "find": ["cup"]},
                roots=[str(plate.parent)],
                on_disconnect="cancel",
            )
    for host, own in zip(hosts, jobs, strict=True):
        ends = host.ends(100)
        assert [end["job"] for end in ends] == own
        assert {end["type"] for end in ends} == {"done"}
    done = [line.split()[4].rstrip(":") for line in real.log.splitlines() if ": done after" in line]
    assert sorted(done) == sorted([*jobs[0], *jobs[1]])
    # From where both have jobs waiting they take turns.
    first = done.index(jobs[1][0])
    whose = [job in jobs[1] for job in done[first : first + 150]]
    assert all(one != other for one, other in itertools.pairwise(whose))
    assert hosts[0].status()["finished"] == 200


def test_after_a_kill_the_next_engine_loads_before_it_has_a_job(
    real: Any, small_photos: Path, eventually: Eventually
) -> None:
    talker = real.talker()
    job = request(talker, real, small_photos / "coffee.png")
    until_stage(talker, job, "matting")
    engine = talker.status()["engine_pid"]
    # It hears no cancel, so it is killed.
    os.kill(engine, signal.SIGSTOP)
    talker.say("cancel", job=job)
    assert talker.end_of(job)["type"] == "cancelled"
    eventually(lambda: talker.status()["engine"] == "idle", "another engine")
    status = talker.status()
    assert status["engine_pid"] not in (0, engine)
    maps = Path(f"/proc/{status['engine_pid']}/maps")
    eventually(lambda: "libtorch_cpu" in maps.read_text(), "torch loaded without a job")
    assert talker.end_of(request(talker, real, small_photos / "coffee.png"))["type"] == "done"
    assert talker.status()["engine_pid"] == status["engine_pid"]
