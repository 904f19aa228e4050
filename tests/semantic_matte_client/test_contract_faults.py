"""Where something goes wrong between client and worker: what the host is told, and that the next job works."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import semantic_matte_client as sm
from semantic_matte_client import reaching
from semantic_matte_client.client import CANCEL_SECONDS
from semantic_matte_client.errors import (
    AuthenticationError,
    EngineNotFoundError,
    JobCancelledError,
    JobFailedError,
    RuntimeFolderError,
    VersionError,
    WorkerLostError,
    WorkerStartError,
)
from semantic_matte_client.job import Job

if sys.platform != "linux":
    pytest.skip("processes are found through /proc", allow_module_level=True)

CORE = Path(__file__).parent.parent.parent / "core"
# No poll may keep a host longer, whatever the worker does.
LONGEST_POLL = 2.0

Waiting = Callable[..., bool]


def works(place: Any) -> None:
    """A job is done there, whatever was before."""
    with place.client() as client:
        result = client.submit("segment", place.plate).wait(60)
    assert result is not None
    assert result.names


def until(job: Job, state: str, waiting: Waiting, stage: str = "") -> None:
    """Poll a job until it is so far."""

    def there() -> bool:
        job.poll()
        return job.state == state and stage in ("", job.progress.stage)

    assert waiting(there, 60), job


def longest_poll(job: Job, seconds: float) -> float:
    """Poll for so long, or until the end; the longest poll."""
    longest, end = 0.0, time.monotonic() + seconds
    while time.monotonic() < end:
        start = time.perf_counter()
        ended = job.poll()
        longest = max(longest, time.perf_counter() - start)
        if ended:
            break
        time.sleep(0.01)
    return longest


def zombies() -> list[str]:
    """Ended children of this process that nobody took."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = path.read_text()
        except OSError:
            continue
        state, parent = text.rpartition(")")[2].split()[:2]
        if state == "Z" and int(parent) == os.getpid():
            found.append(text)
    return found


class TestKilledWorker:
    def test_while_idle_the_next_job_starts_another(self, place: Any, waiting: Waiting) -> None:
        works(place)
        first = place.worker()
        os.kill(first, signal.SIGKILL)
        assert waiting(lambda: not place.processes(), 5)
        # Its socket, key and information lie there still.
        assert {"cpu.sock", "cpu.key", "cpu.json"} <= {path.name for path in place.runtime.iterdir()}
        works(place)
        assert place.worker() != first
        assert zombies() == []

    def test_under_a_connected_client_too(self, place: Any, waiting: Waiting) -> None:
        with place.client() as client:
            client.submit("segment", place.plate).wait(60)
            os.kill(place.worker(), signal.SIGKILL)
            assert waiting(lambda: not place.processes(), 5)
            assert client.submit("segment", place.plate).wait(60) is not None

    @pytest.mark.parametrize("stage", ["starting", "reading", "matting"])
    def test_with_a_job_it_is_told_in_one_sentence(self, place: Any, waiting: Waiting, stage: str) -> None:
        with place.client() as client:
            job = client.submit("matte", place.large, out=place.out)
            until(job, "running", waiting, stage)
            os.kill(place.worker(), signal.SIGKILL)
            with pytest.raises(
                WorkerLostError, match=r"frames that were already written.*run it again.*\.log'"
            ):
                job.wait(20)
            assert job.state == "failed"
            assert waiting(lambda: not place.processes(), 5), "the engine process outlived its worker"
            assert not [path for path in place.out.glob("*") if path.suffix == ".exr"]
            assert client.submit("matte", place.plate, out=place.out, settings={"passes": 1}).wait(60)

    def test_a_job_that_was_to_be_cancelled_is(self, place: Any, waiting: Waiting) -> None:
        with place.client() as client:
            job = client.submit("matte", place.large, out=place.out)
            until(job, "running", waiting, "matting")
            number = place.worker()
            os.kill(number, signal.SIGSTOP)
            job.cancel()
            os.kill(number, signal.SIGKILL)
            with pytest.raises(JobCancelledError):
                job.wait(20)
        works(place)

    def test_while_it_is_starting(self, place: Any, waiting: Waiting) -> None:
        with place.client() as client:
            job = client.submit("segment", place.plate)

            def kill_it() -> bool:
                found = [n for n, line in place.processes().items() if "semantic_matte.worker --slot" in line]
                for number in found:
                    os.kill(number, signal.SIGKILL)
                return bool(found)

            assert waiting(kill_it)
            try:
                job.wait(60)
            except (WorkerStartError, WorkerLostError) as error:
                assert "137" in str(error) or "ended" in str(error)  # noqa: PT017
        assert not list(place.runtime.glob("start-*"))
        assert zombies() == []
        works(place)

    def test_a_killed_engine_fails_its_job_alone(self, place: Any, waiting: Waiting) -> None:
        with place.client() as client:
            job = client.submit("matte", place.large, out=place.out)
            until(job, "running", waiting, "matting")
            worker = place.worker()
            os.kill(place.engine(), signal.SIGKILL)
            with pytest.raises(JobFailedError) as caught:
                job.wait(20)
            assert caught.value.kind == "crash"
            assert client.submit("segment", place.plate).wait(60) is not None
            assert place.worker() == worker


HOST = """
import sys, time
import semantic_matte_client as sm
job = sm.start("matte", sys.argv[1], sys.argv[2], device="cpu", on_disconnect=sys.argv[3])
while job.progress.stage != "matting" and not job.poll():
    time.sleep(0.005)
print(job.state, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("choice", ["cancel", "finish"])
def test_a_killed_hosts_job_is_cancelled_or_finished(place: Any, waiting: Waiting, choice: str) -> None:
    works(place)
    host = subprocess.Popen(
        [sys.executable, "-c", HOST, place.large, place.out, choice], stdout=subprocess.PIPE, text=True
    )
    assert host.stdout is not None
    assert host.stdout.readline() == "running\n"
    host.kill()
    host.communicate()
    with place.client() as client:
        assert waiting(lambda: client.status()["jobs"] == [], 60)
        assert client.status()["finished"] == 2
        files = {path.name for path in place.out.glob("*")}
        assert ("large.mattes.exr" in files) == (choice == "finish")
        assert not [name for name in files if name.startswith(".")]
    works(place)


@pytest.fixture
def environment(place: Any) -> Path:
    """A virtual environment without the engine; its Python."""
    folder = place.runtime.parent / "environment"
    command = [sys.executable, "-m", "venv", "--without-pip", "--symlinks", folder]
    subprocess.run(command, check=True)
    return folder / "bin" / "python"


def site_packages(python: Path) -> Path:
    (found,) = python.parent.parent.glob("lib/python*/site-packages")
    return found


def package(python: Path, files: dict[str, str]) -> None:
    """Put an engine of these files into an environment."""
    for name, text in {
        "semantic_matte/__init__.py": "",
        "semantic_matte/worker/__init__.py": "",
        **files,
    }.items():
        path = site_packages(python) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


class TestWrongPython:
    def fails(self, place: Any, python: object, kind: type[Exception], seconds: float = 20) -> str:
        with place.client(python=python, start_seconds=seconds) as client:
            job = client.submit("segment", place.plate)
            start = time.monotonic()
            with pytest.raises(kind) as caught:
                job.wait(30)
            assert time.monotonic() - start < 15
        assert place.settle() == {}
        assert [path.name for path in place.runtime.iterdir() if path.name.startswith("start-")] == []
        assert zombies() == []
        return str(caught.value)

    def test_none_there(self, place: Any) -> None:
        assert "is not there" in self.fails(place, place.runtime / "python", EngineNotFoundError)

    def test_no_python(self, place: Any) -> None:
        true = shutil.which("true")
        assert true is not None
        said = self.fails(place, true, WorkerStartError)
        assert f"'{true}', named by the argument 'python', ended with code 0 and said nothing" in said

    def test_no_program(self, place: Any) -> None:
        path = place.runtime.parent / "python"
        path.write_bytes(b"\x7fELF nothing")
        path.chmod(0o755)
        assert "can't be run" in self.fails(place, path, EngineNotFoundError)

    def test_one_without_the_engine(self, place: Any, environment: Path) -> None:
        said = self.fails(place, environment, EngineNotFoundError)
        assert f"'{environment}', named by the argument 'python', is a Python without the engine" in said

    def test_an_engine_that_cant_be_imported(self, place: Any, environment: Path) -> None:
        package(environment, {"semantic_matte/worker/__init__.py": "raise OSError('libcudart.so is missing')"})
        said = self.fails(place, environment, WorkerStartError)
        assert said.splitlines()[0].endswith("ended with code 1: OSError: libcudart.so is missing")
        assert len(said.splitlines()) <= 11

    def test_one_that_never_gets_ready(self, place: Any, environment: Path) -> None:
        sleep = "import time; print('hello', flush=True); time.sleep(60)"
        package(environment, {"semantic_matte/worker/__main__.py": sleep})
        said = self.fails(place, environment, WorkerStartError, seconds=1)
        assert "did not get ready in 1 seconds and was ended: hello" in said

    def test_one_that_says_why_it_does_not_start(self, place: Any, environment: Path) -> None:
        no = 'print(\'noise\'); print(\'{"ready": false, "reason": "The disk is full."}\')'
        package(environment, {"semantic_matte/worker/__main__.py": no})
        said = self.fails(place, environment, WorkerStartError)
        assert said == "The worker did not start: The disk is full."

    def test_one_that_ends_as_soon_as_it_is_ready(self, place: Any, environment: Path) -> None:
        package(environment, {"semantic_matte/worker/__main__.py": 'print(\'{"ready": true, "own": true}\')'})
        assert f"{reaching.MOST_TRIES} times in a row" in self.fails(place, environment, WorkerStartError)


def other_protocol(folder: Path) -> Path:
    """A copy of the client package that speaks a later protocol; the folder that it lies in."""
    copy = folder / "other"
    shutil.copytree(CORE / "semantic_matte_client", copy / "semantic_matte_client")
    path = copy / "semantic_matte_client" / "protocol.py"
    text = path.read_text(encoding="utf-8")
    assert text.count("\nPROTOCOL = 2\n") == 1
    path.write_text(text.replace("\nPROTOCOL = 2\n", "\nPROTOCOL = 3\n"), encoding="utf-8")
    return copy


class TestVersions:
    def test_a_newer_worker(self, place: Any, environment: Path) -> None:
        lines = [other_protocol(place.runtime.parent), CORE, *map(Path, sys.path[1:])]
        (site_packages(environment) / "all.pth").write_text("\n".join(map(str, lines)), encoding="utf-8")
        with place.client(python=environment) as client:
            with pytest.raises(VersionError) as caught:
                client.submit("segment", place.plate).wait(30)
            assert "protocol 2" in str(caught.value)
            assert "protocol 3" in str(caught.value)
            assert "install the same version" in str(caught.value)
            with pytest.raises(VersionError):
                client.stop("idle")
            # What the sentence advises.
            assert client.stop() is True
        assert place.settle(1) == {}
        works(place)

    def test_a_newer_client(self, place: Any) -> None:
        works(place)
        code = (
            f"import sys; sys.path.insert(0, {str(other_protocol(place.runtime.parent))!r})\n"
            "import semantic_matte_client as sm\n"
            "try: sm.segment(sys.argv[1], device='cpu')\n"
            "except sm.VersionError as error: print(error)\n"
        )
        command = [sys.executable, "-I", "-S", "-c", code, place.plate]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert "protocol 2" in told
        assert "protocol 3" in told
        works(place)


class TestFiles:
    def test_broken_information_and_a_missing_key_are_mended_by_the_next_worker(self, place: Any) -> None:
        place.runtime.joinpath("cpu.json").write_text("{")
        place.runtime.joinpath("cpu.json").chmod(0o600)
        place.runtime.joinpath("cpu.sock").write_text("no socket")
        works(place)

    def test_a_key_that_was_changed_is_noticed_by_its_worker_and_the_next_one_works(self, place: Any) -> None:
        works(place)
        (place.runtime / "cpu.key").write_bytes(bytes(32))
        works(place)

    def test_a_wrong_key_is_told(self, place: Any) -> None:
        works(place)
        number, key = place.worker(), place.runtime / "cpu.key"
        good, known = key.read_bytes(), key.stat()
        key.write_bytes(bytes(len(good)))
        # As if it had not been touched: the worker goes on.
        os.utime(key, ns=(known.st_atime_ns, known.st_mtime_ns))
        with place.client() as client, pytest.raises(AuthenticationError, match="worker stop"):
            client.submit("segment", place.plate).wait(30)
        key.write_bytes(good)
        os.utime(key, ns=(known.st_atime_ns, known.st_mtime_ns))
        works(place)
        assert place.worker() == number
        key.write_bytes(bytes(len(good)))
        os.utime(key, ns=(known.st_atime_ns, known.st_mtime_ns))
        with place.client() as client:
            assert client.stop() is True
        assert place.settle(1) == {}

    @pytest.mark.parametrize("name", ["cpu.key", "cpu.json"])
    def test_files_that_others_can_read_are_not_trusted(self, place: Any, name: str) -> None:
        works(place)
        (place.runtime / name).chmod(0o644)
        with place.client() as client, pytest.raises(RuntimeFolderError, match="read by others"):
            client.submit("segment", place.plate).wait(30)
        (place.runtime / name).chmod(0o600)
        works(place)

    def test_a_folder_that_others_can_enter_is_not_used(self, place: Any) -> None:
        place.runtime.chmod(0o755)
        with pytest.raises(RuntimeFolderError, match="chmod 700"):
            place.client()
        place.runtime.chmod(0o700)

    def test_a_folder_that_cant_be_written_is_told(self, place: Any, read_only: Path) -> None:
        with (
            place.client(runtime=read_only) as client,
            pytest.raises(RuntimeFolderError, match="can't be written"),
        ):
            client.submit("segment", place.plate).wait(30)

    def test_a_folder_with_spaces_and_letters(self, place: Any) -> None:
        folder = place.runtime / "Ort für alle"
        folder.mkdir(mode=0o700)
        with place.client(runtime=folder) as client:
            assert client.submit("segment", place.plate).wait(60) is not None
            assert client.stop()
        shutil.rmtree(folder)

    def test_what_hosts_that_were_killed_while_starting_left_is_removed(self, place: Any) -> None:
        old, new = place.runtime / "start-old.log", place.runtime / "start-new.log"
        for path in (old, new):
            path.write_text("x")
        os.utime(old, (1, 1))
        works(place)
        assert [path.name for path in place.runtime.glob("start-*")] == ["start-new.log"]
        new.unlink()


@pytest.fixture
def read_only(place: Any, small_disk: Any) -> Iterator[Path]:
    folder = place.runtime.parent / "read-only"
    if os.geteuid() != 0:
        folder.mkdir(mode=0o500)
        yield folder
        folder.chmod(0o700)
        return
    # Permissions don't bind the superuser; a file system does.
    with small_disk(folder, "ro"):
        yield folder


class TestStoppedWorker:
    def test_before_the_job_no_poll_waits_and_the_process_is_named(self, place: Any) -> None:
        works(place)
        number = place.worker()
        os.kill(number, signal.SIGSTOP)
        with place.client() as client:
            job = client.submit("segment", place.plate)
            assert longest_poll(job, 2 * reaching.SILENT_SECONDS + 5) < LONGEST_POLL
            with pytest.raises(WorkerLostError, match=rf"process {number}\) does not answer.*worker stop"):
                job.result  # noqa: B018
            with pytest.raises(WorkerLostError, match="does not answer"):
                client.status(1)
            # What the sentence advises.
            assert client.stop() is True
        assert place.settle() == {}
        works(place)

    def test_with_a_job_the_host_stays_alive_and_a_cancel_ends_it(self, place: Any, waiting: Waiting) -> None:
        with place.client() as client:
            job = client.submit("matte", place.large, out=place.out)
            until(job, "running", waiting, "matting")
            number = place.worker()
            os.kill(number, signal.SIGSTOP)
            assert longest_poll(job, 1) < LONGEST_POLL
            assert not job.poll()
            job.cancel()
            assert longest_poll(job, CANCEL_SECONDS + 5) < LONGEST_POLL
            with pytest.raises(WorkerLostError, match="does not answer"):
                job.result  # noqa: B018
            os.kill(number, signal.SIGCONT)
        works(place)

    def test_a_large_message_to_one_that_does_not_read(self, place: Any, waiting: Waiting) -> None:
        plates = [place.plate.parent / f"{'x' * 200}{number}.png" for number in range(10_000)]
        with place.client() as client:
            client.submit("segment", place.plate).wait(60)
            number = place.worker()
            os.kill(number, signal.SIGSTOP)
            start = time.monotonic()
            job = client.submit("segment", plates)
            assert time.monotonic() - start < 5
            assert longest_poll(job, 1) < LONGEST_POLL
            os.kill(number, signal.SIGKILL)
            with pytest.raises(JobFailedError, match="xxx"):
                job.wait(60)


# Of one race in a hundred something may be seen; whoever looks for it runs more of them.
RACES = int(os.environ.get("SEMANTIC_MATTE_TEST_RACES", "8"))
RACER = """
import sys, time
import semantic_matte_client as sm
while time.time() < float(sys.argv[2]):
    pass
print(len(sm.segment(sys.argv[1], device="cpu")[0].instances))
"""


@pytest.mark.slow
@pytest.mark.parametrize(("hosts", "times"), [(2, RACES), (8, 2)])
def test_hosts_that_start_at_the_same_instant_meet_in_one_worker(place: Any, hosts: int, times: int) -> None:
    for _ in range(times):
        moment = str(time.time() + 0.5)
        racers = [
            subprocess.Popen(
                [sys.executable, "-c", RACER, place.plate, moment],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for _ in range(hosts)
        ]
        ends = [racer.communicate(timeout=120) for racer in racers]
        assert [errors for _, errors in ends] == [""] * hosts
        assert len({found for found, _ in ends}) == 1
        place.worker()
        with place.client() as client:
            assert client.status()["finished"] == hosts
            client.stop()
        assert place.settle() == {}


def test_a_job_sent_to_a_worker_that_ends_goes_to_the_next(place: Any) -> None:
    with place.client() as one, place.client() as other:
        for _ in range(3):
            job = one.submit("segment", place.plate)
            while job.state == "connecting":
                job.poll()
            assert other.stop("idle")
            assert other.submit("segment", place.plate).wait(60) is not None
            assert job.wait(60) is not None


def test_what_a_worker_said_before_it_went_still_counts(place: Any) -> None:
    """A host that did not poll meanwhile: its job was done, the worker has ended, and another job follows."""
    with place.client() as one, place.client() as other:
        jobs = [one.submit("segment", place.plate) for _ in range(2)]
        while jobs[1].state == "connecting":
            jobs[0].poll()
        assert other.stop("idle")
        assert place.settle(60) == {}
        jobs.append(one.submit("segment", place.plate))
        for job in jobs:
            assert job.wait(60) is not None


def test_a_host_that_ends_is_not_warned_and_leaves_a_living_worker(place: Any) -> None:
    code = (
        "import sys, semantic_matte_client as sm\n"
        "sm.segment(sys.argv[1], device='cpu')\n"
        "job = sm.start('segment', sys.argv[1], device='cpu'); job.poll(); del job\n"
        "lost = sm.start('segment', sys.argv[1], device='auto'); del lost\n"
        "import gc; gc.collect()\n"
    )
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", code, place.plate]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    works(place)


MEMORY = """
import json, sys, time
from pathlib import Path
def resident(field):
    text = Path("/proc/self/status").read_text()
    return int(next(line.split()[1] for line in text.splitlines() if line.startswith(field))) / 1024
before = resident("VmRSS")
sys.path.insert(0, sys.argv[1])
start = time.perf_counter()
import semantic_matte_client as sm
seconds = time.perf_counter() - start
sm.matte(sys.argv[2], sys.argv[3], device="cpu", passes=1)
print(json.dumps([seconds, resident("VmHWM") - before]))
"""


def test_a_host_pays_little_memory_and_time(place: Any) -> None:
    command = [sys.executable, "-I", "-S", "-c", MEMORY, CORE, place.plate, place.out]
    found = [
        json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout) for _ in range(3)
    ]
    seconds, megabytes = (min(column) for column in zip(*found, strict=True))
    assert megabytes < 20
    assert seconds < 0.03


def test_the_package_is_the_one_under_test() -> None:
    assert sm.__file__ == str(CORE / "semantic_matte_client" / "__init__.py")
