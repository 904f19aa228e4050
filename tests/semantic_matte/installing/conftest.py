"""A user of his own with a home, and what a folder holds, for comparing."""

from __future__ import annotations

from collections.abc import Callable
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
