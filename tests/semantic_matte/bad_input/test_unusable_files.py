"""Files that can't be read and folders that can't be written: broken ones, full disks, slips of the hand."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import OpenEXR
import pytest

import semantic_matte as sm
from semantic_matte import errors
from semantic_matte.jobs import MatteRequest, matte_files, segment_files
from semantic_matte.ports import SilentProgress

CommandLine = Callable[..., "subprocess.CompletedProcess[str]"]


def missing(folder: Path, whole: bytes) -> Path:
    return folder / "missing.png"


def empty(folder: Path, whole: bytes) -> Path:
    path = folder / "empty.png"
    path.touch()
    return path


def truncated(folder: Path, whole: bytes) -> Path:
    path = folder / "truncated.png"
    path.write_bytes(whole[: len(whole) // 2])
    return path


def text(folder: Path, whole: bytes) -> Path:
    path = folder / "text.png"
    path.write_text("This is no picture.")
    return path


def a_folder(folder: Path, whole: bytes) -> Path:
    path = folder / "folder.exr"
    path.mkdir()
    return path


def truncated_exr(folder: Path, whole: bytes) -> Path:
    path = folder / "truncated.exr"
    channels = dict(zip("RGB", np.random.default_rng(0).random((3, 64, 64), np.float32), strict=True))
    OpenEXR.File({"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}, channels).write(
        str(path)
    )
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    return path


BROKEN = [missing, empty, truncated, text, a_folder, truncated_exr]


@pytest.mark.parametrize("broken", BROKEN)
def test_a_plate_that_cannot_be_read(
    studio: Any,
    engine: sm.Engine,
    plate: Path,
    tmp_path: Path,
    out: Path,
    broken: Callable[[Path, bytes], Path],
) -> None:
    path = broken(tmp_path, plate.read_bytes())
    with pytest.raises(errors.PlateError) as raised:
        studio.matte(engine, path, out)
    studio.assert_one_sentence(str(raised.value))
    assert path.name in str(raised.value)
    studio.assert_untouched(out)


@pytest.mark.parametrize("broken", [missing, empty, text])
@pytest.mark.parametrize(
    ("role", "kind"), [("hint", errors.HintError), ("trimap", errors.TrimapError)], ids=["hint", "trimap"]
)
def test_a_hint_or_trimap_that_cannot_be_read(
    studio: Any,
    engine: sm.Engine,
    plate: Path,
    tmp_path: Path,
    out: Path,
    broken: Callable[[Path, bytes], Path],
    role: str,
    kind: type[Exception],
) -> None:
    path = broken(tmp_path, plate.read_bytes())
    with pytest.raises(kind) as raised:
        studio.matte(engine, plate, out, **{role: path})
    studio.assert_one_sentence(str(raised.value))
    assert path.name in str(raised.value)
    studio.assert_untouched(out)


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="file names are Unicode there")
def test_a_file_name_that_is_not_unicode(studio: Any, engine: sm.Engine, plate: Path, tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"latin-\xe9.png")
    shutil.copy(plate, path)
    # Either it works, or it says what is wrong.
    try:
        found = segment_files(engine, [path], SilentProgress())
    except errors.SemanticMatteError as error:
        studio.assert_one_sentence(str(error))
    else:
        assert [instance.label for instance in found[0][1]] == ["cat"]


ROW_BY_COMMAND_LINE = [
    # plate, more arguments, what the sentence holds
    ("missing.png", (), "does not exist"),
    ("text.png", (), "text.png"),
    ("folder", (), "folder"),
    ("PLATE", ("--hint", "outside.yaml"), "outside the plate of 200x133"),
    ("PLATE", ("--hint", "not.yaml"), "not valid JSON or YAML"),
    ("PLATE", ("--trimap", "white.png"), "no known background"),
    ("PLATE", ("--device", "mps" if sys.platform != "darwin" else "cuda"), "--device cpu"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "more", "said"), ROW_BY_COMMAND_LINE)
def test_by_the_command_line(
    studio: Any,
    command_line: CommandLine,
    plate: Path,
    tmp_path: Path,
    out: Path,
    name: str,
    more: tuple[str, ...],
    said: str,
) -> None:
    (tmp_path / "text.png").write_text("This is no picture.")
    (tmp_path / "folder").mkdir()
    studio.write_hints(tmp_path / "outside.yaml", {"label": "cat", "box": [900, 0, 950, 40]})
    (tmp_path / "not.yaml").write_text("instances: [")
    cv2.imwrite(str(tmp_path / "white.png"), np.full((133, 200), 255, np.uint8))
    path = plate if name == "PLATE" else tmp_path / name
    files = [str(tmp_path / word) if "." in word else word for word in more]
    done = command_line("matte", path, "-o", out, *files)
    assert done.returncode == 1
    assert done.stdout == ""
    *notices, complaint = done.stderr.splitlines()
    assert said in complaint
    studio.assert_one_sentence(complaint)
    assert not any("Traceback" in notice for notice in notices)
    studio.assert_untouched(out)


@pytest.mark.parametrize("where", ["a file", "below a file", "/proc/nowhere"])
def test_an_output_folder_that_cannot_be_written(
    studio: Any, engine: sm.Engine, plate: Path, tmp_path: Path, where: str
) -> None:
    (tmp_path / "file").write_text("x")
    folder = {"a file": tmp_path / "file", "below a file": tmp_path / "file" / "out"}.get(where, Path(where))
    if where.startswith("/proc") and not Path("/proc").is_dir():
        pytest.skip("there is no /proc here")
    began = time.monotonic()
    with pytest.raises(errors.OutputError) as raised:
        studio.matte(engine, plate, folder)
    assert time.monotonic() - began < 1, "found out only after the work was done"
    studio.assert_one_sentence(str(raised.value))
    assert (tmp_path / "file").read_text() == "x"


@pytest.mark.slow
def test_a_full_disk(
    studio: Any, command_line: CommandLine, plate: Path, tmp_path: Path, small_disk: Any
) -> None:
    # Room for the layers, not for the contact sheet.
    with small_disk(tmp_path / "small", "size=32k") as folder:
        more = ("--passes", "1", "--dilation", "0.02")
        done = command_line("matte", plate, "-o", folder, *more)
        assert done.returncode == 1
        complaint = done.stderr.splitlines()[-1]
        assert "disk is full" in complaint
        studio.assert_one_sentence(complaint)
        for path in folder.iterdir():
            assert not path.name.startswith(".")
            assert path.suffix == ".exr", "only a whole file may stay, and never the sidecar"
            studio.layers(path)


def test_one_bad_plate_in_the_middle_leaves_the_ones_before_it_whole(
    engine: sm.Engine, plate: Path, tmp_path: Path
) -> None:
    request = MatteRequest((plate, text(tmp_path, b"")), tmp_path / "out")
    with pytest.raises(errors.PlateError, match=r"text\.png"):
        matte_files(engine, request, SilentProgress())
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "chelsea.mattes.exr",
        "chelsea.cryptomatte.exr",
        "chelsea.contact.png",
        "chelsea.matte.json",
    }


@pytest.mark.parametrize("name", ["shot.####.exr", "shot.%04d.exr"])
def test_a_frame_pattern_without_frames_is_refused_by_name(
    studio: Any, engine: sm.Engine, name: str, tmp_path: Path, out: Path
) -> None:
    with pytest.raises(errors.PlateError, match="There is no frame of"):
        matte_files(engine, MatteRequest((tmp_path / name,), out), SilentProgress())
    with pytest.raises(errors.PlateError, match="There is no frame of"):
        segment_files(engine, [tmp_path / name], SilentProgress())
    studio.assert_untouched(out)


def test_two_plates_of_one_name(studio: Any, engine: sm.Engine, plate: Path, tmp_path: Path, out: Path) -> None:
    twin = tmp_path / "chelsea.tif"
    cv2.imwrite(str(twin), cv2.imread(str(plate)))
    with pytest.raises(errors.UsageError, match="Two plates are named 'chelsea'"):
        matte_files(engine, MatteRequest((plate, twin), out), SilentProgress())
    studio.assert_untouched(out)
