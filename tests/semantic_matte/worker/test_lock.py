"""The worker's lock alone: one holder, whatever lies there, and let go by the kernel."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from semantic_matte.worker import lock as lock_module
from semantic_matte.worker.lock import WorkerLock

HOLD = """
import sys, time
from pathlib import Path
from semantic_matte.worker.lock import WorkerLock
lock = WorkerLock(Path(sys.argv[1]))
print(lock.acquire(), flush=True)
time.sleep(60)
"""


def test_one_holds_it(tmp_path: Path) -> None:
    one, two = WorkerLock(tmp_path / "lock"), WorkerLock(tmp_path / "lock")
    assert one.holder() == 0
    assert one.acquire()
    assert not two.acquire()
    assert two.holder() == os.getpid()
    assert one.is_ours()
    assert not two.is_ours()
    one.release()
    assert not one.is_ours()
    assert two.acquire()
    two.release()
    assert (tmp_path / "lock").exists()


def test_a_file_that_was_removed_is_no_lock(tmp_path: Path) -> None:
    one, two = WorkerLock(tmp_path / "lock"), WorkerLock(tmp_path / "lock")
    assert one.acquire()
    (tmp_path / "lock").unlink()
    assert not one.is_ours()
    assert two.acquire()
    assert not one.is_ours()
    assert two.is_ours()
    one.release()
    two.release()


def test_a_file_that_is_removed_while_it_is_taken_is_no_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, take = tmp_path / "lock", lock_module._lock
    removals = iter([True, True, False])

    def take_late(descriptor: int) -> bool:
        if next(removals):
            path.unlink()
        return take(descriptor)

    monkeypatch.setattr(lock_module, "_lock", take_late)
    lock = WorkerLock(path)
    assert lock.acquire()
    assert lock.is_ours()
    assert next(removals, None) is None
    lock.release()


@pytest.mark.parametrize("text", [b"", b"\xff" * 1000, b"12345678901234567890123456789012345", b"-5", b"x"])
def test_what_stands_in_it_is_replaced(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "lock"
    path.write_bytes(text)
    lock = WorkerLock(path)
    assert lock.acquire()
    assert lock.holder() == os.getpid()
    assert len(path.read_bytes()) == 21
    lock.release()


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    if os.name != "posix":
        pytest.skip("links are not refused there")
    (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="lock"):
        WorkerLock(tmp_path / "lock").acquire()
    assert not (tmp_path / "elsewhere").exists()


def test_a_killed_holder_lets_go(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    core = Path(__file__).parents[3] / "core"
    environment = {**os.environ, "PYTHONPATH": str(core)}
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], env=environment, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"
        lock = WorkerLock(path)
        assert not lock.acquire()
        assert lock.holder() == holder.pid
        os.kill(holder.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
        holder.wait()
    assert lock.acquire()
    lock.release()


def test_it_is_not_handed_to_children(tmp_path: Path) -> None:
    lock = WorkerLock(tmp_path / "lock")
    assert lock.acquire()
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", "print(flush=True)\ninput()"]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, close_fds=False) as child:
        assert child.stdout is not None
        assert child.stdout.readline()
        lock.release()
        assert lock.acquire()
        child.communicate(b"\n")
    lock.release()
