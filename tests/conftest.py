"""What tests all over the house share: the real command line, the photos, and a shrunk copy of them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import cv2
import pytest

# Threads that spin while they wait make a network ten times slower where the cores are shared with others.
# It has to be said before torch is loaded, and child processes get it too.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

ROOT = Path(__file__).parent.parent
PHOTOS = ROOT / "tests" / "data" / "photos"

CommandLine = Callable[..., "subprocess.CompletedProcess[str]"]
SmallDisk = Callable[[Path, str], AbstractContextManager[Path]]


def environment_with(core: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(core), "PYTHONDONTWRITEBYTECODE": "1"}


@pytest.fixture(scope="session")
def command_line() -> CommandLine:
    """Runs `semantic-matte ...` as a process of its own and returns what came of it."""

    def run(*arguments: str | Path, core: Path = ROOT / "core") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "semantic_matte", *map(str, arguments)],
            env=environment_with(core),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return run


@contextmanager
def _small_disk(folder: Path, options: str) -> Iterator[Path]:
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("a small disk can only be mounted by root on Linux")
    folder.mkdir(mode=0o700)
    mount = ["mount", "-t", "tmpfs", "-o", f"mode=700,{options}", "none", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting is not permitted here")
    try:
        yield folder
    finally:
        # Lazily: a process that a test ends may still be about to leave it.
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture(scope="session")
def small_disk() -> SmallDisk:
    """Makes a folder that is a disk of its own: `with small_disk(folder, "size=64k")`. Skips where it can't."""
    return _small_disk


@pytest.fixture(scope="session")
def photos() -> Path:
    """The folder of photos: astronaut.png (512x512), chelsea.png (451x300), coffee.png (600x400)."""
    return PHOTOS


@pytest.fixture(scope="session")
def small_photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the photos at 200 pixels on the longer side."""
    folder = tmp_path_factory.mktemp("small_photos")
    for path in sorted(PHOTOS.glob("*.png")):
        picture = cv2.imread(str(path))
        height, width = picture.shape[:2]
        scale = 200 / max(height, width)
        size = (round(width * scale), round(height * scale))
        assert cv2.imwrite(str(folder / path.name), cv2.resize(picture, size, interpolation=cv2.INTER_AREA))
    return folder
