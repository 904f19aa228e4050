"""Where workers are met: the same place for every host of a user, and nobody else's."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from semantic_matte_client import runtime
from semantic_matte_client.errors import RuntimeFolderError

POSIX = pytest.mark.skipif(os.name != "posix", reason="modes and owners are POSIX's")


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No folder is named by the environment, and the session's is here."""
    for name in (runtime.FOLDER_VARIABLE, runtime.LOGS_VARIABLE, "XDG_RUNTIME_DIR", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.mark.parametrize(
    ("device", "visible", "slot"),
    [
        ("cpu", None, "cpu"),
        ("cpu", "0", "cpu"),
        ("auto", None, "gpu"),
        ("cuda", None, "gpu"),
        ("mps", None, "gpu"),
        ("auto", "0", "gpu-0"),
        ("cuda:0", "0,1,2", "gpu-012"),
    ],
)
def test_slots(device: str, visible: str | None, slot: str) -> None:
    environment = {} if visible is None else {"CUDA_VISIBLE_DEVICES": visible}
    assert runtime.worker_slot(device, environment) == slot


@pytest.mark.parametrize("visible", ["", "GPU-8f3", "-1", "10", "0,", "é", "0" * 100, "\udcff", "../../x"])
def test_any_pick_of_gpus_has_a_slot_of_its_own_that_is_a_name(visible: str) -> None:
    slot = runtime.worker_slot("auto", {"CUDA_VISIBLE_DEVICES": visible})
    assert slot != runtime.worker_slot("auto", {"CUDA_VISIBLE_DEVICES": visible + "1"})
    assert runtime.slot_files(slot, Path("/run")).lock.name == f"{slot}.lock"


@pytest.mark.parametrize("slot", ["", "GPU", "../x", "gpu/0", "gpu.0", "x" * 25, "gpu\n", "-gpu", "gpu 0", "é"])
def test_what_is_no_slot(slot: str) -> None:
    with pytest.raises(RuntimeFolderError, match="slot"):
        runtime.slot_files(slot, Path("/run"))


def test_files_lie_in_the_folder(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(runtime.FOLDER_VARIABLE, str(bare / "r"))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    files = runtime.worker_files("auto") if len(str(bare)) < 80 else runtime.worker_files("auto", Path("/r"))
    assert {path.parent for path in (files.lock, files.key, files.socket, files.info)} == {files.lock.parent}
    assert files.log == bare / "r" / "logs" / "worker-gpu.log"
    assert len({files.lock, files.key, files.socket, files.info, files.log}) == 5


@POSIX
def test_a_path_that_no_socket_takes(bare: Path) -> None:
    room = runtime.LONGEST_SOCKET_PATH - len("/gpu.sock")
    fits = Path("/" + "x" * (room - 1))
    assert runtime.slot_files("gpu", fits).socket.parent == fits
    for longer in (Path(f"{fits}x"), Path("/" + "é" * (room // 2 + 1))):
        with pytest.raises(RuntimeFolderError, match=runtime.FOLDER_VARIABLE):
            runtime.slot_files("gpu", longer)


@POSIX
def test_it_is_made_private(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(bare))
    mask = os.umask(0)
    try:
        folder = runtime.runtime_folder()
    finally:
        os.umask(mask)
    assert folder == bare / "semantic-matte"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert runtime.runtime_folder() == folder


@POSIX
@pytest.mark.skipif(sys.platform == "win32", reason="there is no /tmp")
def test_it_does_not_hang_on_what_a_host_calls_its_temporary_folder(
    bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "_session_folders", list)
    before = runtime.runtime_folder()
    for name in ("TMPDIR", "TEMP", "TMP", "HOME"):
        monkeypatch.setenv(name, str(bare))
    assert runtime.runtime_folder() == before


@POSIX
@pytest.mark.parametrize("mode", [0o755, 0o770, 0o711, 0o701])
def test_a_folder_that_others_can_enter_is_refused(
    bare: Path, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    monkeypatch.setenv(runtime.FOLDER_VARIABLE, str(bare / "r"))
    (bare / "r").mkdir()
    (bare / "r").chmod(mode)
    with pytest.raises(RuntimeFolderError, match=f"mode {mode:o}.*chmod 700"):
        runtime.runtime_folder()


@POSIX
@pytest.mark.parametrize("kind", ["link", "dangling", "file"])
def test_what_is_no_folder_is_refused(bare: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    place = bare / "r"
    monkeypatch.setenv(runtime.FOLDER_VARIABLE, str(place))
    if kind == "link":
        (bare / "real").mkdir(mode=0o700)
        place.symlink_to(bare / "real")
    elif kind == "dangling":
        place.symlink_to(bare / "nowhere")
    else:
        place.write_text("")
    with pytest.raises(RuntimeFolderError, match=str(place)):
        runtime.runtime_folder()


@POSIX
@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only the superuser can give it away"
)
def test_anothers_folder_is_refused(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(runtime.FOLDER_VARIABLE, str(bare / "r"))
    (bare / "r").mkdir(mode=0o700)
    os.chown(bare / "r", 65534, 65534)
    with pytest.raises(RuntimeFolderError, match=r"another user \(number 65534\)"):
        runtime.runtime_folder()


@POSIX
@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only the superuser can give it away"
)
def test_anothers_session_folder_is_passed_over(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after `sudo`, which may keep XDG_RUNTIME_DIR."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(bare / "theirs"))
    (bare / "theirs").mkdir(mode=0o700)
    os.chown(bare / "theirs", 65534, 65534)
    assert bare not in runtime.runtime_folder().parents
    assert list((bare / "theirs").iterdir()) == []


@POSIX
@pytest.mark.parametrize(("mode", "good"), [(0o600, True), (0o400, True), (0o640, False), (0o604, False)])
def test_private_files(tmp_path: Path, mode: int, good: bool) -> None:
    path = tmp_path / "key"
    path.write_bytes(b"")
    path.chmod(mode)
    if good:
        runtime.check_private_file(path)
        return
    with pytest.raises(RuntimeFolderError, match="key"):
        runtime.check_private_file(path)


@POSIX
def test_a_link_is_no_private_file(tmp_path: Path) -> None:
    (tmp_path / "real").touch(mode=0o600)
    (tmp_path / "key").symlink_to(tmp_path / "real")
    with pytest.raises(RuntimeFolderError, match="link"):
        runtime.check_private_file(tmp_path / "key")


@pytest.mark.parametrize("state", ["", "relative"])
@pytest.mark.skipif(sys.platform != "linux", reason="the place is Linux's")
def test_logs_lie_in_the_users_state_folder(bare: Path, monkeypatch: pytest.MonkeyPatch, state: str) -> None:
    monkeypatch.setenv("HOME", str(bare))
    monkeypatch.setenv("XDG_STATE_HOME", state)
    assert runtime.log_folder() == bare / ".local" / "state" / "semantic-matte" / "logs"
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert runtime.log_folder() == Path("/state/semantic-matte/logs")
    monkeypatch.setenv(runtime.LOGS_VARIABLE, "/named")
    assert runtime.log_folder() == Path("/named")
