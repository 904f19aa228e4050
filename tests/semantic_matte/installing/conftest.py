"""A user of his own with a home, and what a folder holds, for comparing."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Tree = Callable[[Path], "dict[str, bytes | str | None]"]

# What says where a host's folders are.
VARIABLES = (
    "BLENDER_USER_RESOURCES",
    "BLENDER_USER_SCRIPTS",
    "BLENDER_USER_EXTENSIONS",
    "SEMANTIC_MATTE_CONFIG",
    "XDG_CONFIG_HOME",
)


# A disk in memory, as Linux has it, and how much of it has to be free. Installing waits for the disk at each
# change, and these tests install a thousand times.
MEMORY_DISK, ROOM = Path("/dev/shm"), 48 << 20


@pytest.fixture
def tmp_path(tmp_path: Path) -> Iterator[Path]:
    """A folder of the test's own, on a disk in memory where there is one."""
    usable = MEMORY_DISK.is_dir() and os.access(MEMORY_DISK, os.W_OK | os.X_OK)
    if not usable or shutil.disk_usage(MEMORY_DISK).free < ROOM:
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="semantic-matte-tests-", dir=MEMORY_DISK) as folder:
        yield Path(folder)


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home with a space and an umlaut, and nothing in it."""
    folder = tmp_path / "Zoë Müller"
    folder.mkdir()
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("USERPROFILE", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return folder


@pytest.fixture
def tree() -> Tree:
    """Everything under a folder: path -> content, where a link leads, or None for a folder."""

    def read(folder: Path) -> dict[str, bytes | str | None]:
        found: dict[str, bytes | str | None] = {}
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder).as_posix()
            if path.is_symlink():
                found[name] = str(path.readlink())
            else:
                found[name] = None if path.is_dir() else path.read_bytes()
        return found

    return read
