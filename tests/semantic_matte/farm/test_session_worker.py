"""A farm session's worker: its own, short to reach, gone with the session whatever happened to it.

Real workers, in the system's place for temporaries.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from semantic_matte.errors import OutputError, WorkerError
from semantic_matte.farm import session_worker
from semantic_matte.farm.session_worker import RUNTIME_VARIABLE, start_session_worker, stop_session_worker
from semantic_matte.worker.shell import shell_client

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="processes are looked at as POSIX has them")


@pytest.fixture(autouse=True)
def environment() -> Iterator[None]:
    """The runtime variable as it was."""
    before = os.environ.pop(RUNTIME_VARIABLE, None)
    yield
    os.environ.pop(RUNTIME_VARIABLE, None)
    if before is not None:
        os.environ[RUNTIME_VARIABLE] = before


def pid_in(folder: Path) -> int:
    """The worker that serves a session's folder."""
    os.environ[RUNTIME_VARIABLE] = str(folder)
    with shell_client("cpu") as client:
        found = client.status()
    assert found is not None
    return int(found["pid"])


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_for_end(pid: int) -> None:
    until = time.monotonic() + 10
    while lives(pid):
        assert time.monotonic() < until, f"worker {pid} lives on"
        time.sleep(0.02)


def test_two_sessions_of_one_host_have_workers_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As a farm's session has it.
    deep = tmp_path / ("session-" + "0123456789abcdef" * 8)
    deep.mkdir()
    monkeypatch.setenv("TMPDIR", str(deep))
    monkeypatch.setattr(tempfile, "tempdir", None)
    first, second = start_session_worker("cpu"), start_session_worker("cpu")
    try:
        assert os.environ[RUNTIME_VARIABLE] == str(second)
        pids = pid_in(first), pid_in(second)
        assert pids[0] != pids[1]
        assert all(folder.stat().st_mode & 0o777 == 0o700 for folder in (first, second))
        os.environ[RUNTIME_VARIABLE] = str(first)
        said = list(stop_session_worker("cpu"))
        assert said[0] == "The session's worker is ended."
        # Its log is shown where the farm's users look.
        assert any(f"worker {pids[0]}: version" in line for line in said)
        wait_for_end(pids[0])
        assert not first.exists()
        assert pid_in(second) == pids[1]
    finally:
        for folder in (first, second):
            os.environ[RUNTIME_VARIABLE] = str(folder)
            list(stop_session_worker("cpu"))
    assert not second.exists()
    wait_for_end(pids[1])


def test_a_worker_that_died_is_no_failure_and_the_next_call_has_another() -> None:
    folder = start_session_worker("cpu")
    try:
        first = pid_in(folder)
        os.kill(first, signal.SIGKILL)
        wait_for_end(first)
        # As `--worker` does.
        with shell_client("cpu") as client:
            second = int(client.start()["pid"])
        assert second != first
        os.kill(second, signal.SIGKILL)
        wait_for_end(second)
    finally:
        said = list(stop_session_worker("cpu"))
    assert said[0] == "The session's worker had ended by itself."
    assert not folder.exists()
    assert list(stop_session_worker("cpu")) == [
        "This session has no worker of its own; nothing is to be ended."
    ]


@pytest.mark.parametrize("named", ["", "somewhere", "sm-farm-other", "link"])
def test_only_a_sessions_own_folder_is_ever_removed(tmp_path: Path, named: str) -> None:
    real = tmp_path / "sm-farm-real"
    real.mkdir()
    (real / session_worker._MARK).touch()
    folder = tmp_path / named
    folder.mkdir(exist_ok=True)
    (folder / "precious").touch()
    if named == "link":
        folder = tmp_path / "sm-farm-link"
        folder.symlink_to(real)
    os.environ[RUNTIME_VARIABLE] = str(folder) if named else ""
    assert len(list(stop_session_worker("cpu"))) == 1
    assert folder.is_dir()
    assert (real / session_worker._MARK).exists()


def test_a_start_that_fails_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    mkdtemp = session_worker.tempfile.mkdtemp

    def noted(**given: str) -> str:
        made.append(mkdtemp(**given))
        return made[-1]

    monkeypatch.setattr(session_worker.tempfile, "mkdtemp", noted)
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(WorkerError):
        start_session_worker("cpu")
    assert len(made) == 1
    assert not Path(made[0]).exists()
    assert RUNTIME_VARIABLE not in os.environ


def test_where_no_folder_can_be_made_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_: str) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(session_worker.tempfile, "mkdtemp", full)
    with pytest.raises(OutputError, match="No space left"):
        start_session_worker("cpu")
