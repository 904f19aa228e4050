"""The client against the real worker: what a host asks for, what it gets, and what it never has to wait for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import semantic_matte_client as sm
from semantic_matte_client.errors import (
    ClientError,
    JobCancelledError,
    JobFailedError,
    RequestError,
    WorkerLostError,
)
from semantic_matte_client.job import Job

if sys.platform != "linux":
    pytest.skip("processes are found through /proc", allow_module_level=True)

# A poll of a host's timer must not be seen on its screen: a frame of 24 a second takes 42 ms. What is measured
# includes the other processes of this machine: the median is what the client itself takes.
LONGEST_POLL, MEDIAN_POLL = 0.5, 0.005
QUICK = {"passes": 1, "contact_sheet": False}


def polled(job: Job, seconds: float = 60.0) -> list[float]:
    """Poll until the end, and return how long each poll took."""
    times: list[float] = []
    until = time.monotonic() + seconds
    ended = False
    while not ended:
        start = time.perf_counter()
        ended = job.poll()
        times.append(time.perf_counter() - start)
        assert time.monotonic() < until, job
        time.sleep(0.002)
    return times


class TestResults:
    def test_matte(self, warm: Any) -> None:
        shot = sm.matte(warm.plate, warm.out / "matte", device="cpu", find=["person"], **QUICK)
        assert len(shot) == 1
        assert shot.names == ("person",)
        assert shot[0].plate == str(warm.plate)
        assert all(Path(path).is_file() for path in shot.files)
        assert str(warm.out / "matte" / "plate.mattes.exr") in shot.files
        record = json.loads((warm.out / "matte" / "plate.matte.json").read_text())
        assert [one["slot"] for one in record["slots"]] == [one.slot for one in shot[0].instances]
        assert shot.seconds > 0
        again = sm.matte(warm.plate, warm.out / "matte", device="cpu", find="person", **QUICK)
        assert again[0].reused
        assert again.files == shot.files

    def test_segment_with_a_coco_file(self, warm: Any) -> None:
        found = sm.segment(warm.plate, warm.out / "coco" / "found.json", device="cpu")
        assert found.files == (str(warm.out / "coco" / "found.json"),)
        rows = json.loads(Path(found.files[0]).read_text())
        assert len(rows) == len(found[0].instances) > 0
        for one in found[0].instances:
            x0, y0, x1, y1 = one.box
            assert 0 <= x0 < x1 <= 96
            assert 0 <= y0 < y1 <= 96
        assert sm.segment(str(warm.plate), device="cpu").files == ()

    def test_refine(self, warm: Any) -> None:
        trimap = np.full((96, 96), 128, np.uint8)
        trimap[:20], trimap[60:] = 0, 255
        path = warm.plate.parent / "trimap.png"
        assert cv2.imwrite(str(path), trimap)
        result = sm.refine(warm.plate, path, warm.out.parent / "alpha.png", device="cpu", passes=1)
        assert result.file == str(warm.out.parent / "alpha.png")
        alpha = cv2.imread(result.file, cv2.IMREAD_UNCHANGED)
        assert alpha.shape[:2] == (96, 96)
        assert alpha[:20].max() == 0
        assert alpha[60:].min() == np.iinfo(alpha.dtype).max

    def test_a_pattern_in_a_folder_with_spaces_and_unicode(self, warm: Any) -> None:
        folder = warm.plate.parent / "Schöne Aufnähme 1"
        folder.mkdir()
        for number in (9, 10, 1001):
            (folder / f"plåte.{number:04}.png").write_bytes(warm.plate.read_bytes())
        shot = sm.segment(folder / "plåte.####.png", device="cpu")
        assert [Path(frame.plate).name for frame in shot] == [
            "plåte.0009.png",
            "plåte.0010.png",
            "plåte.1001.png",
        ]
        assert shot[0].instances == shot[2].instances

    def test_a_linked_plate_may_be_read_where_it_lies(self, warm: Any) -> None:
        folder = warm.plate.parent / "links"
        folder.mkdir()
        (folder / "link.png").symlink_to(warm.plate)
        (folder / "shot.0001.png").symlink_to(warm.plate)
        assert len(sm.segment(folder / "link.png", device="cpu")[0].instances) > 0
        assert len(sm.segment(folder / "shot.#.png", device="cpu")) == 1

    def test_a_path_outside_of_named_roots_is_refused(self, warm: Any) -> None:
        elsewhere = warm.plate.parent / "elsewhere"
        elsewhere.mkdir()
        with pytest.raises(JobFailedError, match="roots") as caught:
            sm.segment(warm.plate, device="cpu", roots=[elsewhere])
        assert (caught.value.kind, caught.value.exit_code) == ("usage", 2)
        (elsewhere / "out.png").symlink_to(warm.plate)
        with pytest.raises(JobFailedError, match="leads to"):
            sm.segment(elsewhere / "out.png", device="cpu", roots=[elsewhere])

    def test_what_the_engine_refuses_comes_as_its_sentence(self, warm: Any) -> None:
        with pytest.raises(JobFailedError, match=r"missing\.png") as caught:
            sm.segment(warm.plate.parent / "missing.png", device="cpu")
        assert "\n" not in str(caught.value)
        assert sm.segment(warm.plate, device="cpu").names


class TestPolling:
    def test_a_job_needs_no_thread_and_no_poll_waits(self, warm: Any) -> None:
        threads = threading.active_count()
        job = sm.start("matte", warm.plate, warm.out / "polled", device="cpu", **QUICK)
        times = polled(job)
        assert job.state == "done"
        assert threading.active_count() == threads
        assert max(times) < LONGEST_POLL
        assert sorted(times)[len(times) // 2] < MEDIAN_POLL

    def test_events_are_whole_and_in_order(self, warm: Any) -> None:
        events: list[dict[str, Any]] = []
        sm.matte(
            [warm.plate, str(warm.plate.parent / "trimap.png")],
            warm.out / "events",
            device="cpu",
            on_event=events.append,
            **QUICK,
        )
        kinds = [event["type"] for event in events]
        assert kinds[0] == "accepted"
        assert kinds[-1] == "done"
        assert kinds.count("frame") == 2
        fractions = [event["fraction"] for event in events if event["type"] == "progress"]
        assert fractions == sorted(fractions)
        plates = [event["plate"] for event in events if event["type"] == "frame"]
        assert [Path(plate).name for plate in plates] == ["plate.png", "trimap.png"]

    def test_several_jobs_of_one_client(self, warm: Any) -> None:
        with warm.client() as client:
            jobs = [client.submit("segment", warm.plate) for _ in range(6)]
            for job in jobs:
                result = job.wait(60)
                assert result is not None
                assert result.names == jobs[0].result.names
            assert client.status()["jobs"] == []

    def test_a_wait_may_be_limited_and_go_on(self, warm: Any) -> None:
        with warm.client() as client:
            job = client.submit("matte", warm.plate, out=warm.out / "waited", settings=QUICK)
            assert job.wait(0.0) is None
            with pytest.raises(ClientError, match="has not ended"):
                job.result  # noqa: B018
            assert job.wait(60) == job.result

    def test_an_exception_of_the_host_cancels_the_job(self, warm: Any) -> None:
        def stop(event: dict[str, Any]) -> None:
            raise KeyError("host")

        with warm.client() as client:
            job = client.submit("matte", warm.plate, out=warm.out / "host")
            with pytest.raises(KeyError, match="host"):
                job.wait(on_event=stop)
            assert job.state == "cancelled"
            with pytest.raises(JobCancelledError):
                job.wait()

    def test_a_client_of_a_fork_refuses(self, warm: Any) -> None:
        with warm.client() as client:
            client.submit("segment", warm.plate).wait()
            reader, writer = os.pipe()
            child = os.fork()
            if child == 0:
                try:
                    client.submit("segment", warm.plate)
                except RequestError as error:
                    os.write(writer, str(error).encode())
                os._exit(0)
            os.waitpid(child, 0)
            os.close(writer)
            assert b"forked" in os.read(reader, 1000)
            os.close(reader)
            client.submit("segment", warm.plate).wait()

    def test_a_closed_client_ends_its_jobs(self, warm: Any) -> None:
        client = warm.client()
        jobs = {
            choice: client.submit("segment", warm.plate, on_disconnect=choice)
            for choice in ("cancel", "finish")
        }
        while not all(job.state != "connecting" for job in jobs.values()):
            assert all(not job.poll() or job.state == "done" for job in jobs.values())
        client.close()
        assert all(job.poll() for job in jobs.values())


class TestCancel:
    @pytest.mark.parametrize("stage", ["connecting", "accepted", "reading", "segmenting", "matting", "writing"])
    def test_it_ends_at_once_at_every_stage(self, warm: Any, stage: str, waiting: Callable[..., bool]) -> None:
        out = warm.out / f"cancel-{stage}"
        with warm.client() as client:
            client.submit("segment", warm.plate).wait()
        with warm.client() as client:
            job = client.submit("matte", warm.large, out=out, settings={"png": True})

            def is_there() -> bool:
                ended = job.poll()
                seen = [event.get("stage", event["type"]) for event in job.events]
                return ended or stage == "connecting" or stage in seen

            assert waiting(is_there)
            start = time.monotonic()
            job.cancel()
            job.cancel()
            assert waiting(job.poll, 5)
            # Half a second is promised; the test machine may be busy with others.
            assert time.monotonic() - start < 1.5
            assert job.state in ("cancelled", "done")
            if job.state == "cancelled":
                with pytest.raises(JobCancelledError):
                    job.result  # noqa: B018
            assert not [path for path in out.glob("*") if path.name.startswith(".")] if out.is_dir() else True
            result = client.submit("matte", warm.plate, out=out, settings={**QUICK, "png": True}).wait()
            assert all(Path(path).stat().st_size > 0 for path in result.files)

    def test_one_that_waits_behind_another(self, warm: Any) -> None:
        with warm.client() as client:
            first = client.submit("matte", warm.plate, out=warm.out / "first", settings=QUICK)
            second = client.submit("matte", warm.plate, out=warm.out / "second", settings=QUICK)
            while second.state == "connecting":
                second.poll()
            second.cancel()
            first.wait(60)
            assert (first.state, second.state) == ("done", "cancelled")
            assert not (warm.out / "second").exists()

    def test_ctrl_c_cancels_and_goes_on(self, warm: Any, waiting: Callable[..., bool]) -> None:
        code = (
            "import sys, signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
            "import semantic_matte_client as sm\n"
            "tell = lambda event: event.get('stage') == 'matting' and print('at work', flush=True)\n"
            "sm.matte(sys.argv[1], sys.argv[2], device='cpu', on_event=tell)\n"
        )
        host = subprocess.Popen(
            [sys.executable, "-c", code, warm.large, warm.out / "interrupted"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert host.stdout is not None
        assert host.stdout.readline() == "at work\n"
        start = time.monotonic()
        host.send_signal(2)
        _, errors = host.communicate(timeout=20)
        assert time.monotonic() - start < 3
        assert "KeyboardInterrupt" in errors
        with warm.client() as client:
            assert waiting(lambda: client.status()["jobs"] == [], 5)


class TestQuestions:
    def test_status_tells_of_jobs_and_never_starts_a_worker(self, place: Any) -> None:
        with place.client() as client:
            assert client.status() is None
            assert sm.status("cpu") is None
            assert client.stop() is False
            assert place.processes() == {}
            found = client.start()
            assert found["pid"] == place.worker()
            assert found["slot"] == "cpu"
            job = client.submit("segment", place.plate)
            while job.state == "connecting":
                job.poll()
            (told,) = sm.status("cpu")["jobs"]
            assert told["task"] == "segment"
            assert told["client"] == "python {}.{}".format(*sys.version_info[:2])
            job.wait()
            assert client.stop("idle") is True
            assert place.settle() == {}
            assert client.status() is None

    def test_stop_now_cancels_or_fails_what_runs(self, place: Any) -> None:
        with place.client() as client:
            job = client.submit("matte", place.plate, out=place.out)
            while job.state == "connecting":
                job.poll()
            assert client.stop("now") is True
            with pytest.raises((JobCancelledError, JobFailedError, WorkerLostError)):
                job.wait(10)
            assert place.settle() == {}

    def test_a_client_that_may_not_start_one_says_so(self, place: Any) -> None:
        with place.client(start=False) as client:
            with pytest.raises(WorkerLostError, match="No worker is running"):
                client.start()
            with pytest.raises(WorkerLostError, match="No worker is running"):
                client.submit("segment", place.plate).wait(5)
        assert place.processes() == {}

    @pytest.mark.parametrize("given", [{"device": "gpu"}, {"device": ""}])
    def test_a_wrong_device_is_told(self, given: dict[str, Any]) -> None:
        with pytest.raises(RequestError, match="one of auto, cpu, cuda, mps"):
            sm.Client(**given)

    def test_a_wrong_way_to_stop_is_told(self, place: Any) -> None:
        with place.client() as client, pytest.raises(RequestError, match="'now' or 'idle'"):
            client.stop("soon")
