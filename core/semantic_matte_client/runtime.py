"""Where a worker is met: its lock, key, socket and information, in a folder that only the user can enter.

The folder must not hang on what a host does to its environment (TMPDIR above all), or two hosts would start
two workers. SEMANTIC_MATTE_RUNTIME names another one.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import sys
from pathlib import Path
from typing import List, Mapping, NamedTuple, Optional

from semantic_matte_client.errors import RuntimeFolderError

FOLDER_VARIABLE = "SEMANTIC_MATTE_RUNTIME"
LOGS_VARIABLE = "SEMANTIC_MATTE_LOGS"
NAME = "semantic-matte"

# What the system takes as a UNIX socket's path (108 on Linux and 104 on macOS, with the closing zero).
LONGEST_SOCKET_PATH = 103

_SLOT = re.compile(r"[a-z][a-z0-9-]{0,23}")


class WorkerFiles(NamedTuple):
    """The files of one worker.

    lock: held by the living worker, and never removed. key: the secret that both sides must hold. socket: where
    it listens (POSIX). info: JSON with pid, address, version, protocol and log. log: its log.
    """

    slot: str
    lock: Path
    key: Path
    socket: Path
    info: Path
    log: Path


def worker_files(device: str = "auto", folder: Optional[Path] = None) -> WorkerFiles:
    """The files of this user's worker on this machine for a device, in the runtime folder (made if need be).

    Raises RuntimeFolderError.
    """
    return slot_files(worker_slot(device), folder)


def slot_files(slot: str, folder: Optional[Path] = None) -> WorkerFiles:
    """The same for a slot by its name (see `worker_slot`). Raises RuntimeFolderError."""
    if not _SLOT.fullmatch(slot):
        raise RuntimeFolderError(
            f"A worker's slot is a name of at most 24 characters a-z, 0-9 and '-', not '{slot}': leave it out, "
            "or give cpu, gpu, or gpu-0."
        )
    place = folder if folder is not None else runtime_folder()
    log = log_folder() / f"worker-{slot}.log"
    socket = place / f"{slot}.sock"
    if os.name == "posix" and len(os.fsencode(socket)) > LONGEST_SOCKET_PATH:
        raise RuntimeFolderError(
            f"The runtime folder's path '{place}' is too long for a socket (at most {LONGEST_SOCKET_PATH} "
            f"bytes with its file): set {FOLDER_VARIABLE} to a shorter one."
        )
    return WorkerFiles(slot, place / f"{slot}.lock", place / f"{slot}.key", socket, place / f"{slot}.json", log)


def worker_slot(device: str, environment: Optional[Mapping[str, str]] = None) -> str:
    """Which worker serves a device: `cpu`, or `gpu` for whatever may need one (auto, cuda, mps).

    One process owns the GPU whatever a job calls it; work that asks for the CPU needs not wait for it. Where
    CUDA_VISIBLE_DEVICES picks GPUs, each pick has a worker of its own: gpu-0, gpu-1.
    """
    if device == "cpu":
        return "cpu"
    visible = (os.environ if environment is None else environment).get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return "gpu"
    if re.fullmatch(r"[0-9](,[0-9]){0,7}", visible):
        return f"gpu-{visible.replace(',', '')}"
    return f"gpu-{hashlib.sha256(visible.encode('utf-8', 'surrogateescape')).hexdigest()[:8]}"


def runtime_folder() -> Path:
    """The folder, made with mode 0700 if it isn't there. Raises RuntimeFolderError if it isn't safe."""
    named = os.environ.get(FOLDER_VARIABLE)
    if named:
        folder = Path(named).absolute()
    elif sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA") or str(Path.home() / "AppData" / "Local")
        folder = Path(local) / NAME / "run"
    else:
        base = next((place for place in _session_folders() if _is_mine(place)), None)
        folder = base / NAME if base is not None else Path("/tmp") / f"{NAME}-{os.getuid()}"  # noqa: S108
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as reason:
        raise RuntimeFolderError(
            f"The runtime folder '{folder}' can't be made ({reason.strerror}): set {FOLDER_VARIABLE} to a "
            "folder of your own."
        ) from reason
    check_private(folder)
    return folder


def check_private(folder: Path) -> None:
    """Raise RuntimeFolderError unless it is a real folder of this user that nobody else can enter."""
    try:
        found = folder.lstat()
    except OSError as reason:
        raise RuntimeFolderError(
            f"The runtime folder '{folder}' can't be read ({reason.strerror})."
        ) from reason
    if not stat.S_ISDIR(found.st_mode):
        raise RuntimeFolderError(
            f"The runtime folder '{folder}' is a link or a file, not a folder: remove it, or set "
            f"{FOLDER_VARIABLE}."
        )
    if os.name != "posix":
        return
    if found.st_uid != os.geteuid():
        raise RuntimeFolderError(
            f"The runtime folder '{folder}' belongs to another user (number {found.st_uid}): set "
            f"{FOLDER_VARIABLE} to a folder of your own."
        )
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise RuntimeFolderError(
            f"The runtime folder '{folder}' is open to others (mode {stat.S_IMODE(found.st_mode):o}): make it "
            f"private (chmod 700) or set {FOLDER_VARIABLE}."
        )


def check_private_file(path: Path) -> None:
    """Raise RuntimeFolderError unless it is a real file of this user with mode 0600 or less."""
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode):
        raise RuntimeFolderError(f"'{path}' is a link or a folder, not a file: remove it.")
    if os.name == "posix" and (found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077):
        raise RuntimeFolderError(
            f"'{path}' belongs to another user or can be read by others: remove it and start the worker again."
        )


def log_folder() -> Path:
    """Where workers' logs lie; not made here. With a runtime folder of its own, logs lie in it."""
    named = os.environ.get(LOGS_VARIABLE)
    if named:
        return Path(named).absolute()
    own = os.environ.get(FOLDER_VARIABLE)
    if own:
        return Path(own).absolute() / "logs"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / NAME / "logs"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Logs" / NAME
    state = os.environ.get("XDG_STATE_HOME", "")
    return (Path(state) if state.startswith("/") else Path.home() / ".local" / "state") / NAME / "logs"


def _session_folders() -> List[Path]:
    """Folders that the system makes for a user's session: of the same place, whoever asks."""
    named = os.environ.get("XDG_RUNTIME_DIR", "")
    return [Path(named)] * named.startswith("/") + [Path(f"/run/user/{os.getuid()}")]


def _is_mine(folder: Path) -> bool:
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o022
