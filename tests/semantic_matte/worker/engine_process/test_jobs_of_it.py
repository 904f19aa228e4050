"""Jobs through a real engine process: the same bytes as the command line, and what is told on the way."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from semantic_matte_client import protocol

QUICK: dict[str, Any] = {"device": "cpu", "passes": 1, "samples": 1, "contact_sheet": False}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_nothing_heavy_is_loaded_before_the_first_job(start_engine: Any) -> None:
    """Asked of the system: which files the process has mapped."""
    mapped = Path(f"/proc/{start_engine().pid}/maps")
    if not mapped.exists():
        pytest.skip("needs /proc")
    libraries = mapped.read_text()
    assert "python" in libraries
    for heavy in ("torch", "numpy", "cv2", "OpenImageIO", "pydantic"):
        assert heavy not in libraries


@pytest.fixture(scope="module")
def by_command_line(
    tmp_path_factory: pytest.TempPathFactory, small_photos: Path, command_line: Any
) -> dict[str, Path]:
    """What the shell writes: mattes with every kind of file, COCO results, an alpha."""
    folder = tmp_path_factory.mktemp("shell")
    trimap = np.zeros((133, 200), np.uint8)
    trimap[30:100, 60:140] = 255
    trimap[20:30, 60:140] = trimap[100:110, 60:140] = 128
    cv2.imwrite(str(folder / "trimap.png"), trimap)
    plate = small_photos / "chelsea.png"
    common = ("--device", "cpu")
    for arguments in (
        ("matte", plate, "-o", folder / "mattes", "--foreground", "--png", "--spread", *common),
        ("segment", plate, "--coco", folder / "coco.json", *common),
        ("refine", plate, folder / "trimap.png", "-o", folder / "alpha.exr", *common),
    ):
        done = command_line(*arguments)
        assert done.returncode == 0, done.stderr
    return {name: folder / name for name in ("mattes", "coco.json", "alpha.exr", "trimap.png")}


def test_the_same_bytes_as_the_command_line(
    warm_engine: Any, small_photos: Path, tmp_path: Path, by_command_line: dict[str, Path]
) -> None:
    """Every file, the sidecar too; cold and warm, and after jobs of other settings."""
    plate = small_photos / "chelsea.png"
    settings = {"device": "cpu", "foreground": True, "png": True, "spread": True}
    wanted = contents(by_command_line["mattes"])
    assert {Path(name).suffix for name in wanted} == {".exr", ".png", ".json"}
    for number in range(2):
        reports = warm_engine.run("matte", plate, tmp_path / str(number), settings=settings)
        assert reports[-1]["type"] == "done", reports[-1]
        assert contents(tmp_path / str(number)) == wanted
        (frame,) = (report for report in reports if report["type"] == "frame")
        assert [Path(file).name for file in frame["files"]][-1] == "chelsea.matte.json"
        assert {Path(file) for file in frame["files"]} == set((tmp_path / str(number)).iterdir())
        record = json.loads(wanted["chelsea.matte.json"])
        assert frame["key"] == record["key"]
        assert [row["slot"] for row in frame["instances"]] == [row["slot"] for row in record["slots"]]
        warm_engine.run("matte", plate, tmp_path / f"other{number}", settings={**QUICK, "find": ["cat"]})
    reports = warm_engine.run("segment", plate, tmp_path / "coco.json", settings={"device": "cpu"})
    assert (tmp_path / "coco.json").read_bytes() == by_command_line["coco.json"].read_bytes()
    (frame,) = (report for report in reports if report["type"] == "frame")
    assert (frame["files"], frame["key"]) == ([str(tmp_path / "coco.json")], None)
    shutil.copy(by_command_line["trimap.png"], tmp_path)
    reports = warm_engine.run(
        "refine",
        plate,
        tmp_path / "alpha.exr",
        trimap=str(tmp_path / "trimap.png"),
        settings={"device": "cpu"},
    )
    assert reports[-1]["type"] == "done", reports[-1]
    assert (tmp_path / "alpha.exr").read_bytes() == by_command_line["alpha.exr"].read_bytes()


def test_what_is_told_of_frames_by_themselves(warm_engine: Any, small_photos: Path, tmp_path: Path) -> None:
    """A pattern's frames in the order of their numbers, one of them done before. Shots: test_shot_tasks."""
    alone = {**QUICK, "track": False}
    picture = (small_photos / "chelsea.png").read_bytes()
    for number in ("0008", "0010", "0009"):
        (tmp_path / f"cat.{number}.png").write_bytes(picture)
    warm_engine.run("matte", tmp_path / "cat.0009.png", tmp_path / "out", settings=alone)
    job = warm_engine.order("matte", tmp_path / "cat.####.png", tmp_path / "out", settings=alone)
    reports = warm_engine.reports()
    for report in reports:
        protocol.check(report, protocol.REPORTS)
        assert report.get("job", job) == job
    assert reports[0]["type"] == "progress"
    assert reports[0]["stage"] == "starting"
    assert [report["type"] for report in reports if report["type"] in protocol.ENDS] == ["done"]
    assert reports[-1]["type"] == "done"
    frames = [report for report in reports if report["type"] == "frame"]
    assert [Path(frame["plate"]).name for frame in frames] == ["cat.0008.png", "cat.0009.png", "cat.0010.png"]
    assert [frame["reused"] for frame in frames] == [False, True, False]
    progress = [report for report in reports if report["type"] == "progress"]
    fractions = [report["fraction"] for report in progress]
    assert fractions == sorted(fractions)
    assert fractions[-1] < 1
    assert [report["frame"] for report in progress] == sorted(report["frame"] for report in progress)
    assert {report["frames"] for report in progress} == {1, 3}
    assert any(report["seconds_left"] is not None for report in progress)
    notices = [report["message"] for report in reports if report["type"] == "notice"]
    assert len(notices) == len(set(notices))
    assert any(report["type"] == "device" for report in reports)


def test_segment_tells_each_plate_and_the_file_with_the_last(
    warm_engine: Any, small_photos: Path, tmp_path: Path
) -> None:
    plates = [small_photos / "chelsea.png", small_photos / "coffee.png"]
    reports = warm_engine.run("segment", plates, tmp_path / "coco.json")
    frames = [report for report in reports if report["type"] == "frame"]
    assert [frame["plate"] for frame in frames] == [str(plate) for plate in plates]
    assert [frame["files"] for frame in frames] == [[], [str(tmp_path / "coco.json")]]
    assert all(frame["instances"] and "passes" not in frame["instances"][0] for frame in frames)
    reports = warm_engine.run("segment", plates[0], None, roots=[str(small_photos)])
    assert reports[-1]["type"] == "done"
    assert [report["files"] for report in reports if report["type"] == "frame"] == [[]]


CONFIGURATION = """ocio_profile_version: 1
strictparsing: false
roles: {default: raw, scene_linear: Linear Rec.709}
displays: {d: [!<View> {name: v, colorspace: raw}]}
active_displays: [d]
active_views: [v]
colorspaces:
- !<ColorSpace> {name: raw, isdata: true}
- !<ColorSpace> {name: Linear Rec.709}
- !<ColorSpace>
  name: house
  to_reference: !<MatrixTransform> {matrix: [GAIN, 0, 0, 0, 0, GAIN, 0, 0, 0, 0, GAIN, 0, 0, 0, 0, 1]}
"""


def test_each_job_has_its_own_colour_configuration(
    warm_engine: Any, small_photos: Path, tmp_path: Path, start_engine: Any
) -> None:
    """One that was edited between jobs is read anew; without one the next job is as if there had been none."""
    configuration, plate = tmp_path / "config.ocio", small_photos / "chelsea.png"

    def matted(engine: Any, folder: str, gain: float, space: str | None = "house") -> dict[str, bytes]:
        if gain:
            configuration.write_text(CONFIGURATION.replace("GAIN", str(gain)))
        settings = {**QUICK, "foreground": True, "contact_sheet": True, "png": True, "find": ["cat"]}
        reports = engine.run(
            "matte",
            plate,
            tmp_path / folder,
            settings=settings,
            colour_space=space,
            ocio=str(configuration) if gain else None,
        )
        if reports[-1]["type"] != "done":
            return {"failed": reports[-1]["message"].encode()}
        return contents(tmp_path / folder)

    # Two files of one size, and perhaps of one tick of the clock.
    darker, brighter = matted(warm_engine, "darker", 1.2), matted(warm_engine, "brighter", 1.4)
    assert darker.keys() == brighter.keys() > {"chelsea.foreground.exr", "chelsea.contact.png"}
    assert darker["chelsea.foreground.exr"] != brighter["chelsea.foreground.exr"]
    assert matted(warm_engine, "again", 1.2) == darker
    # Another name in it, at the same time to the nanosecond.
    moment = configuration.stat().st_mtime_ns
    copy = tmp_path / "copy.ocio"
    copy.write_text(configuration.read_text().replace("name: house", "name: home!"))
    os.utime(copy, ns=(moment, moment))
    copy.replace(configuration)
    reports = warm_engine.run(
        "segment", plate, None, roots=[str(small_photos)], colour_space="home!", ocio=str(configuration)
    )
    assert reports[-1]["type"] == "done", reports[-1]
    assert b"house" in matted(warm_engine, "unknown", 0)["failed"]
    assert matted(warm_engine, "none", 0, None) == matted(start_engine(), "fresh", 0, None)
