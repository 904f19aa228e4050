"""Capture: what flows into a node comes as files of the same numbers, and the script is as it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest

from course_cases import Shot, channels_of, ours, shot, state_of, write_channels
from fake_nuke import FakeNuke
from semantic_matte.hints import read_hints
from semantic_matte_client.nodes.result_folders import ResultFolderError

Plate = Callable[..., str]


def planned(node: Any, frames: Any = None, views: Any = None) -> Any:
    return ours("compute_plan").made_plan(node, frames, views)


def captured(found: Shot, frames: Any = None, report: Any = lambda *_: True) -> Any:
    return ours("capture").capture(
        found.node, planned(found.node, frames), found.folder / "capture_try", report
    )


def test_files_are_named_by_view_and_frame_and_hold_the_plates_numbers(
    host: FakeNuke, tmp_path: Path, plate: Plate
) -> None:
    found = shot(host, tmp_path, plate, (1001, 1002, 1003))
    got = captured(found, "1001-1003")
    folder = found.folder / "capture_try" / "main"
    assert got.plates == {"main": [folder / f"plate.{frame}.exr" for frame in (1001, 1002, 1003)]}
    assert got.hint == {}
    for number, path in enumerate(got.plates["main"]):
        channels = channels_of(path)
        assert sorted(channels) == ["B", "G", "R"]
        wanted = channels_of(found.folder / "plates" / f"plate.{1001 + number}.exr")
        for name in "RGB":
            assert channels[name].dtype == numpy.float16
            numpy.testing.assert_array_equal(channels[name], wanted[name])
    assert set(got.seconds) == {"write node", "set up", "render and write"}


def test_float_keeps_what_half_cannot(host: FakeNuke, tmp_path: Path, plate: Plate) -> None:
    found = shot(host, tmp_path, plate, capture_depth="float")
    pixels = numpy.full((96, 96), 70000.5, numpy.float32)
    pixels[0, 0] = -0.123456
    source = tmp_path / "bright"
    for name in ("plate.1001.exr",):
        write_channels(source / name, dict.fromkeys("RGB", pixels), half=False)
    found.read["file"].setValue((source / "plate.%04d.exr").as_posix())
    channels = channels_of(captured(found).plates["main"][0])
    assert channels["G"].dtype == numpy.float32
    numpy.testing.assert_array_equal(channels["G"], pixels)


def test_the_script_is_as_it_was(host: FakeNuke, tmp_path: Path, plate: Plate) -> None:
    found = shot(host, tmp_path, plate, (1001, 1002))
    host.nuke.frame(1002)
    host.nuke.root()["proxy"].setValue(True)
    found.read.setSelected(True)
    for modified in (False, True):
        host.nuke.root().setModified(modified)
        before = state_of(host)
        captured(found)
        assert state_of(host) == before
        assert [node.name() for node in found.node.nodes() if node.name().startswith("SM_Capture")] == []


def test_it_is_captured_at_full_size_while_the_script_is_in_proxy_mode(
    host: FakeNuke, tmp_path: Path, plate: Plate
) -> None:
    found = shot(host, tmp_path, plate)
    host.nuke.root()["proxy"].setValue(True)
    seen: list[Any] = []
    host.nuke.addBeforeRender(lambda: seen.append(host.nuke.root()["proxy"].value()))
    captured(found)
    assert seen == [False]
    assert host.nuke.root()["proxy"].value() is True


def test_negative_frames_get_numbers_that_can_be_read(host: FakeNuke, tmp_path: Path, plate: Plate) -> None:
    found = shot(host, tmp_path, plate, (1001,))
    found.read["frame_mode"].setValue("start at")
    found.read["frame"].setValue("-5")
    paths = captured(found, -5).plates["main"]
    assert [path.name for path in paths] == ["plate.0995.exr"]


@pytest.mark.parametrize("with_alpha", [True, False])
def test_the_hint_is_a_mask_that_the_engine_reads(
    host: FakeNuke, tmp_path: Path, plate: Plate, with_alpha: bool
) -> None:
    found = shot(host, tmp_path, plate, (1001, 1002))
    mask = numpy.zeros((96, 96), numpy.float32)
    mask[20:60, 30:70] = 1.0
    nothing = numpy.zeros_like(mask)
    # An artist's mask with an alpha may show anything in its colours.
    channels = {**dict.fromkeys("RGB", nothing), "A": mask} if with_alpha else dict.fromkeys("RGB", mask)
    write_channels(tmp_path / "mask.exr", channels)
    hint = host.nuke.nodes.Read(file=(tmp_path / "mask.exr").as_posix())
    found.node.setInput(1, hint)
    got = captured(found, "1001-1002")
    assert [path.name for path in got.hint.values()] == ["hint.1001.exr"]
    (read,) = read_hints(got.hint["main"])
    assert read.mask is not None
    numpy.testing.assert_array_equal(read.mask, mask > 0.5)


def test_a_hint_that_is_switched_off_is_not_captured(host: FakeNuke, tmp_path: Path, plate: Plate) -> None:
    found = shot(host, tmp_path, plate, use_hint=False)
    found.node.setInput(1, found.read)
    assert captured(found).hint == {}


def test_every_view_is_captured_into_its_folder(host: FakeNuke, tmp_path: Path, plate: Plate) -> None:
    found = shot(host, tmp_path, plate)
    host.set_views(["left", "right eye"])
    got = captured(found)
    assert {view: [path.parent.name for path in paths] for view, paths in got.plates.items()} == {
        "left": ["left"],
        "right eye": ["right eye"],
    }
    assert all(path.stat().st_size for paths in got.plates.values() for path in paths)


@pytest.mark.parametrize("after", [0, 1, 2])
def test_cancel_in_nukes_own_bar_ends_it(host: FakeNuke, tmp_path: Path, plate: Plate, after: int) -> None:
    found = shot(host, tmp_path, plate, (1001, 1002, 1003))
    before = state_of(host)
    host.cancel_render(after)
    with pytest.raises(ours("capture").CaptureCancelledError):
        captured(found)
    assert len(host.execution.written) == after
    assert state_of(host) == before


def test_a_report_that_says_no_ends_it(host: FakeNuke, tmp_path: Path, plate: Plate) -> None:
    found = shot(host, tmp_path, plate, (1001, 1002, 1003))
    told: list[str] = []

    def report(_fraction: float, sentence: str) -> bool:
        told.append(sentence)
        return len(told) < 3

    with pytest.raises(ours("capture").CaptureCancelledError):
        captured(found, report=report)
    assert told == [
        "Capturing frame 1001 (1 of 3)",
        "Capturing frame 1002 (2 of 3)",
        "Capturing frame 1003 (3 of 3)",
    ]
    assert len(host.execution.written) == 2


def test_a_frame_that_nuke_cannot_render_is_told_with_its_number(
    host: FakeNuke, tmp_path: Path, plate: Plate
) -> None:
    found = shot(host, tmp_path, plate, (1001, 1002))
    (found.folder / "plates" / "plate.1002.exr").unlink()
    plan = planned(found.node, "1001-1002")
    before = state_of(host)
    with pytest.raises(
        ours("capture").CaptureError, match=r"Nuke could not render frame 1002 of .*No such file"
    ):
        ours("capture").capture(found.node, plan, found.folder / "capture_try", lambda *_: True)
    assert state_of(host) == before


def test_a_picture_that_did_not_come_is_told(host: FakeNuke, tmp_path: Path, plate: Plate) -> None:
    found = shot(host, tmp_path, plate)
    host.nuke.addAfterFrameRender(lambda: Path(host.nuke.thisNode()["file"].evaluate()).unlink())
    with pytest.raises(ours("capture").CaptureError, match="no picture came"):
        captured(found)


def test_a_render_that_runs_is_not_disturbed(host: FakeNuke, tmp_path: Path, plate: Plate) -> None:
    found = shot(host, tmp_path, plate)
    write = host.nuke.nodes.Write(file=(tmp_path / "out.exr").as_posix(), file_type="exr")
    write.setInput(0, found.read)
    told: list[str] = []

    def generate() -> None:
        if host.nuke.thisNode().name() == write.name():
            with pytest.raises(ours("compute_plan").PlanError) as reason:
                planned(found.node)
            told.append(str(reason.value))

    host.nuke.addBeforeFrameRender(generate)
    host.nuke.execute(write, 1001, 1001, 1)
    assert told == ["A render is running: generate when it has ended."]


def test_what_a_crash_left_is_swept_on_load(host: FakeNuke, tmp_path: Path, plate: Plate) -> None:
    found = shot(host, tmp_path, plate)
    with found.node:
        for _ in range(2):
            host.nuke.nodes.Write().setName("SM_Capture")
    host.save(found.folder / "crashed.nk")
    host.open(found.folder / "crashed.nk")
    (node,) = ours("node_finding").all_nodes()
    assert [one.name() for one in node.nodes() if one.Class() == "Write"] == []
    assert not host.nuke.root().modified()
    assert ours("capture").sweep() == 0


def test_a_full_disk_is_told_before_nuke_cuts_a_file(
    host: FakeNuke, tmp_path: Path, plate: Plate, small_disk: Any
) -> None:
    found = shot(host, tmp_path, plate)
    plan = planned(found.node)
    with small_disk(found.folder / "small", "size=64k") as small:
        folder = small / "capture_try"
        folder.mkdir()
        with pytest.raises(ResultFolderError, match=r"is full: .* are free"):
            ours("capture").capture(found.node, plan, folder, lambda *_: True)
        assert list(folder.rglob("*.exr")) == []


def test_every_version_captures_the_same(each_version: FakeNuke, tmp_path: Path, plate: Plate) -> None:
    found = shot(each_version, tmp_path, plate)
    channels = channels_of(captured(found).plates["main"][0])
    wanted = channels_of(found.folder / "plates" / "plate.1001.exr")
    numpy.testing.assert_array_equal(channels["R"], wanted["R"])
