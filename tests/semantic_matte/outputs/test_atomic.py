"""Files are written whole or not at all."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from semantic_matte.errors import OutputError
from semantic_matte.outputs import atomic
from semantic_matte.outputs.atomic import discard_unfinished, ensure_folder, replacing
from semantic_matte.outputs.layers import write_layers
from semantic_matte.types import Plate


def test_a_file_appears_whole_and_nothing_else(tmp_path: Path) -> None:
    place = tmp_path / "name.mattes.1001.exr"
    place.write_text("old")
    with replacing(place) as temporary:
        assert temporary.parent == place.parent
        assert temporary.suffix == ".exr"
        assert temporary.name.startswith(".")
        temporary.write_text("new")
        assert place.read_text() == "old"
    assert place.read_text() == "new"
    assert list(tmp_path.iterdir()) == [place]


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_exception_leaves_the_old_file_alone(tmp_path: Path, kind: type[BaseException]) -> None:
    place = tmp_path / "a.png"
    place.write_text("old")

    def break_off() -> None:
        with replacing(place) as temporary:
            temporary.write_text("half")
            raise kind

    with pytest.raises(kind):
        break_off()
    assert place.read_text() == "old"
    assert list(tmp_path.iterdir()) == [place]


def test_the_file_is_flushed_before_the_rename_and_the_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def watched_fsync(descriptor: int) -> None:
        steps.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def watched_replace(source: Path, target: Any) -> Path:
        steps.append("rename")
        return replace(source, target)

    monkeypatch.setattr(atomic.os, "fsync", watched_fsync)
    monkeypatch.setattr(Path, "replace", watched_replace)
    with replacing(tmp_path / "a") as temporary:
        temporary.write_text("x")
    assert steps == ["file", "rename", "folder"]


def test_a_watchdog_can_discard_what_is_unfinished(tmp_path: Path) -> None:

    def discard_midway() -> None:
        with replacing(tmp_path / "a.exr") as temporary:
            temporary.write_text("half")
            discard_unfinished()
            assert not temporary.exists()

    with pytest.raises(OutputError):
        discard_midway()
    discard_unfinished()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda folder: folder / "nowhere" / "a.exr", "its folder does not exist"),
        (lambda folder: folder / "file" / "a.exr", "is a file, not a folder"),
        (lambda folder: folder / "folder", "there is a folder of that name"),
        (lambda folder: Path("/proc/nowhere.exr"), "can't be written"),
    ],
)
def test_refusals_are_one_sentence_with_path_and_remedy(tmp_path: Path, make: Any, said: str) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    place = make(tmp_path)
    with pytest.raises(OutputError, match=said) as raised, replacing(place) as temporary:
        temporary.write_text("x")
    assert str(place) in str(raised.value)
    assert "\n" not in str(raised.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


def test_a_layers_file_that_cannot_be_made_says_why(tmp_path: Path) -> None:
    plate = Plate(np.zeros((4, 4, 3), np.float32))
    with pytest.raises(OutputError, match="its folder does not exist; create it"):
        write_layers(tmp_path / "nowhere" / "a.exr", plate, [], {})


# Random bits so that ZIP can't shrink them; 256 KiB are what the disk or the limit allow.
WRITE_A_LARGE_FILE = """
import resource, signal, sys
import numpy as np
from pathlib import Path
from semantic_matte.errors import OutputError
from semantic_matte.outputs.{module} import {function} as write
from semantic_matte.types import Box, Instance, Matte, Plate
if {limit}:
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 18, 1 << 18))
plate = Plate(np.zeros((1500, 1000, 3), np.float32))
alpha = np.random.default_rng(0).random((1500, 1000), dtype=np.float32)
box = Box(0, 0, 1000, 1500)
instance = Instance(np.ones((1500, 1000), bool), box, (1500, 1000), "a", 0.5, "sm_a_01")
path = Path({path!r})
try:
    write(path, {arguments})
except OutputError as error:
    print(error)
    sys.exit(0 if not list(path.parent.iterdir()) else 3)
sys.exit(4)
"""

WRITERS = [
    ("layers", "write_layers", "a.exr", "plate, [Matte(instance, alpha, box)], {}"),
    ("alpha", "write_alpha", "a.exr", "alpha, plate"),
    ("alpha", "write_alpha", "a.png", "alpha, plate"),
    ("alpha", "write_alpha", "a.tif", "alpha, plate"),
    ("contact_sheet", "write_contact_sheet", "a.png", "Plate(alpha[..., None].repeat(3, 2)), []"),
    ("sidecar", "write_json", "a.json", "{'numbers': list(range(400000))}"),
]


def run_writer(folder: Path, writer: tuple[str, str, str, str], limit: bool) -> str:
    module, function, name, arguments = writer
    code = WRITE_A_LARGE_FILE.format(
        module=module,
        function=function,
        path=str(folder / name),
        arguments=arguments,
        limit=limit,
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert done.stdout.count("\n") == 1
    assert str(folder / name) in done.stdout
    return done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are POSIX")
@pytest.mark.parametrize("writer", WRITERS, ids=lambda writer: f"{writer[0]}{writer[2][1:]}")
def test_a_file_that_may_not_grow(tmp_path: Path, writer: tuple[str, str, str, str]) -> None:
    assert "would be larger than is allowed" in run_writer(tmp_path, writer, limit=True)


@pytest.mark.parametrize("writer", WRITERS, ids=lambda writer: f"{writer[0]}{writer[2][1:]}")
def test_a_full_disk(tmp_path: Path, writer: tuple[str, str, str, str], small_disk: Any) -> None:
    with small_disk(tmp_path / "small", "size=256k") as small:
        assert "the disk is full; free some space" in run_writer(small, writer, limit=False)


def test_a_folder_is_made_with_its_parents(tmp_path: Path) -> None:
    folder = ensure_folder(tmp_path / "a" / "b")
    assert folder == tmp_path / "a" / "b"
    assert list(ensure_folder(folder).iterdir()) == []


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_folder_that_is_a_file_is_refused(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="file"):
        ensure_folder(tmp_path / place)


def test_a_folder_that_cannot_be_written_is_refused() -> None:
    with pytest.raises(OutputError, match="can't be written"):
        ensure_folder("/proc/self")
