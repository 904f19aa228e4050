"""Read and Write of the renderer against files that OpenEXR itself wrote and reads."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import OpenImageIO as oiio
import pytest

from nuke_render import RenderError, describe, render, write
from nuke_render.files import nuke_channel, path_at
from semantic_matte.outputs.layers import write_layers
from semantic_matte.types import Box, Instance, Matte, Plate

PHOTO = Path(__file__).parents[2] / "data" / "photos" / "astronaut.png"


@pytest.fixture
def nuke(make_host: Any) -> Any:
    host = make_host((15, 1), True, plugin=None)
    host.nuke.addFormat("8 6 1 small")
    host.nuke.root()["format"].setValue("small")
    return host.nuke


def save(path: Path, window: tuple, display: tuple, aspect: float = 1.0, seed: int = 0, **more: Any) -> dict:
    """An EXR by OpenEXR: windows are EXR's own (y down, corners included)."""
    made = np.random.default_rng(seed)
    shape = (window[3] - window[1] + 1, window[2] - window[0] + 1)
    names = ("R", "G", "B", "A", "sm_person_01.A", "Z")
    channels = {name: made.random(shape, dtype=np.float32) for name in names}
    header = {
        "type": OpenEXR.scanlineimage,
        "compression": OpenEXR.ZIP_COMPRESSION,
        "dataWindow": (np.array(window[:2], np.int32), np.array(window[2:], np.int32)),
        "displayWindow": (np.array(display[:2], np.int32), np.array(display[2:], np.int32)),
        "pixelAspectRatio": aspect,
        **more,
    }
    with OpenEXR.File(header, dict(channels)) as file:
        file.write(str(path))
    return channels


def reader(nuke: Any, pattern: Any, first: int = 1, last: int = 1, **knobs: Any) -> Any:
    """A Read as the plugin makes one."""
    node = nuke.nodes.Read(first=first, last=last, raw=True)
    node["file"].setValue(str(pattern))
    for name, value in knobs.items():
        node[name].setValue(value)
    return node


def test_read_turns_windows_and_names(nuke, tmp_path):
    file = tmp_path / "plate.exr"
    # Rows 1 to 3 and columns -2 to 9 of a picture of 8 x 6: overscan at both sides.
    channels = save(file, (-2, 1, 9, 3), (0, 0, 7, 5), aspect=2.0)
    picture = render(reader(nuke, file), 1)
    assert picture.display_window == (0, 0, 8, 6)
    assert picture.data_window == (-2, 2, 10, 5)
    assert picture.pixel_aspect == 2.0
    assert set(picture.channels) == {
        "rgba.red", "rgba.green", "rgba.blue", "rgba.alpha", "sm_person_01.alpha", "depth.Z",
    }  # fmt: skip
    assert np.array_equal(picture.channels["sm_person_01.alpha"], channels["sm_person_01.A"])
    assert np.array_equal(picture.channels["rgba.red"], channels["R"])
    seen = describe(reader(nuke, file), 1)
    assert (seen.data_window, seen.pixel_aspect, list(seen.channels)) == (
        picture.data_window, picture.pixel_aspect, list(picture.channels),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("file", "channel"),
    [
        ("R", "rgba.red"), ("A", "rgba.alpha"), ("Z", "depth.Z"), ("sm_x.A", "sm_x.alpha"),
        ("sm_x.a", "sm_x.alpha"),
        ("sm_x.alpha", "sm_x.alpha"), ("diffuse.R", "diffuse.red"),
        ("SemanticMatte00.r", "SemanticMatte00.red"),
        ("depth.Z", "depth.Z"), ("left.diffuse.G", "left.diffuse.green"), ("id", "other.id"),
    ],
)  # fmt: skip
def test_channel_names(file, channel):
    assert nuke_channel(file) == channel


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("a.%04d.exr", "a.0012.exr"), ("a.####.exr", "a.0012.exr"), ("a.#.exr", "a.12.exr"),
        ("a.%d.exr", "a.12.exr"),
        ("%V/a_%v.%06d.exr", "left/a_l.000012.exr"), ("still.exr", "still.exr"),
    ],
)  # fmt: skip
def test_patterns(pattern, path):
    assert path_at(pattern, 12, "left") == path


def sequence(folder: Path, frames: Any) -> dict:
    return {
        frame: save(folder / f"p.{frame:04d}.exr", (0, 0, 7, 5), (0, 0, 7, 5), seed=frame)["A"]
        for frame in frames
    }


def alpha(node: Any, frame: int, view: str = "main") -> np.ndarray:
    return render(node, frame, view).channels["rgba.alpha"]


def test_frames_outside_the_range(nuke, tmp_path):
    frames = sequence(tmp_path, (1, 2, 3))
    node = reader(nuke, tmp_path / "p.%04d.exr", 1, 3)
    assert np.array_equal(alpha(node, -5), frames[1])
    assert np.array_equal(alpha(node, 9), frames[3])
    node["after"].setValue("loop")
    assert np.array_equal(alpha(node, 5), frames[2])
    node["after"].setValue("bounce")
    assert [np.array_equal(alpha(node, frame), frames[kept]) for frame, kept in ((4, 2), (5, 1), (6, 2))] == [
        True
    ] * 3
    node["before"].setValue("black")
    assert not alpha(node, 0).any()
    assert alpha(node, 0).shape == (6, 8)


def test_missing_frame_is_an_error_unless_said(nuke, tmp_path):
    frames = sequence(tmp_path, (1, 2, 5))
    node = reader(nuke, tmp_path / "p.####.exr", 1, 5)
    with pytest.raises(RenderError, match=r"p\.0003\.exr: Read error: No such file or directory"):
        render(node, 3)
    node["on_error"].setValue("black")
    black = render(node, 3)
    assert black.display_window == (0, 0, 8, 6)
    assert "sm_person_01.alpha" in black.channels
    assert not any(channel.any() for channel in black.channels.values())
    node["on_error"].setValue("nearest frame")
    assert np.array_equal(alpha(node, 3), frames[2])
    assert np.array_equal(alpha(node, 4), frames[5])
    node["file"].setValue(str(tmp_path / "none.%04d.exr"))
    with pytest.raises(RenderError, match=r"Read1: .*none\.0004\.exr: Read error"):
        render(node, 4)


def test_frame_expression_numbers_the_files(nuke, tmp_path):
    frames = sequence(tmp_path, (995, 1001))
    node = reader(nuke, tmp_path / "p.%04d.exr", 990, 1050, frame_mode="expression", frame="frame+1000")
    assert np.array_equal(alpha(node, -5), frames[995])
    assert np.array_equal(alpha(node, 1), frames[1001])
    shifted = reader(nuke, tmp_path / "p.%04d.exr", 995, 1001, frame_mode="start at", frame="10")
    assert np.array_equal(alpha(shifted, 10), frames[995])


def test_views_have_files_of_their_own(nuke, tmp_path):
    kept = {}
    for number, view in enumerate(("left", "right")):
        (tmp_path / view).mkdir()
        kept[view] = save(tmp_path / view / "p.exr", (0, 0, 7, 5), (0, 0, 7, 5), seed=number)["A"]
    node = reader(nuke, tmp_path / "%V" / "p.exr")
    assert all(np.array_equal(alpha(node, 1, view), pixels) for view, pixels in kept.items())


def test_damaged_file_is_told(nuke, tmp_path):
    file = tmp_path / "p.exr"
    save(file, (0, 0, 7, 5), (0, 0, 7, 5))
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(RenderError, match="Read error"):
        render(reader(nuke, file), 1)


def test_metadata_comes_with_the_picture(nuke, tmp_path):
    file = tmp_path / "p.exr"
    save(file, (0, 0, 7, 5), (0, 0, 7, 5), **{"cryptomatte/abc/name": "SemanticMatte"})
    node = nuke.nodes.Dot(inputs=[reader(nuke, file)])
    found = render(node, 1).metadata
    assert found["exr/cryptomatte/abc/name"] == "SemanticMatte"
    assert found["input/filename"] == str(file)


def writer(nuke: Any, source: Any, pattern: Any, channels: str = "all", datatype: str = "32 bit float") -> Any:
    node = nuke.nodes.Write(inputs=[source], channels=channels, raw=True, file_type="exr")
    node["file"].setValue(str(pattern))
    node["datatype"].setValue(datatype)
    return node


@pytest.mark.parametrize("datatype", ["16 bit half", "32 bit float"])
def test_written_file_is_read_by_openexr(nuke, tmp_path, datatype):
    channels = save(tmp_path / "plate.exr", (-2, 1, 9, 3), (0, 0, 7, 5), aspect=2.0)
    source = reader(nuke, tmp_path / "plate.exr")
    path = write(writer(nuke, source, tmp_path / "out.%04d.exr", datatype=datatype), 7)
    assert Path(path).name == "out.0007.exr"
    with OpenEXR.File(path, separate_channels=True) as file:
        header, found = dict(file.header()), {name: channel.pixels for name, channel in file.channels().items()}
    kind = np.float16 if datatype == "16 bit half" else np.float32
    assert [list(corner) for corner in header["dataWindow"]] == [[-2, 1], [9, 3]]
    assert [list(corner) for corner in header["displayWindow"]] == [[0, 0], [7, 5]]
    assert header["pixelAspectRatio"] == 2.0
    for name, theirs in (("R", "R"), ("A", "A"), ("sm_person_01.alpha", "sm_person_01.A"), ("depth.Z", "Z")):
        assert found[name].dtype == kind
        assert np.array_equal(found[name], channels[theirs].astype(kind))


def test_write_takes_only_its_channels(nuke, tmp_path):
    save(tmp_path / "plate.exr", (0, 0, 7, 5), (0, 0, 7, 5))
    source = reader(nuke, tmp_path / "plate.exr")
    path = write(writer(nuke, source, tmp_path / "out.exr", channels="rgba"), 1)
    with OpenEXR.File(path, separate_channels=True) as file:
        assert sorted(file.channels()) == ["A", "B", "G", "R"]


def test_write_without_a_place_or_a_source_is_refused(nuke, tmp_path):
    source = nuke.nodes.Constant()
    with pytest.raises(RenderError, match="Write error"):
        write(writer(nuke, source, tmp_path / "not" / "there.exr"), 1)
    with pytest.raises(RenderError, match="no file name"):
        write(writer(nuke, source, ""), 1)
    with pytest.raises(RenderError, match="nothing is connected"):
        write(nuke.nodes.Write(file=str(tmp_path / "a.exr")), 1)


def test_photo_as_openimageio_reads_it(nuke, tmp_path):
    shutil.copy(PHOTO, tmp_path / "photo.png")
    picture = render(reader(nuke, tmp_path / "photo.png"), 1)
    whole = oiio.ImageBuf(str(PHOTO)).get_pixels(oiio.FLOAT)
    assert np.array_equal(picture.channels["rgba.red"], whole[..., 0])
    linear = reader(nuke, tmp_path / "photo.png")
    linear["raw"].setValue(False)
    value = float(whole[10, 10, 1])
    wanted = value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
    assert float(render(linear, 1).channels["rgba.green"][10, 10]) == pytest.approx(wanted, abs=1e-6)


def test_engines_own_file_lies_where_openimageio_puts_it(nuke, tmp_path):
    """An overscanned, anamorphic result of the engine: both readers agree on every pixel of the format."""
    plate = Plate(
        np.zeros((53, 70, 3), np.float32),
        data_window=Box(-7, -4, 63, 49),
        display_window=Box(0, 0, 56, 40),
        pixel_aspect=2.0,
    )
    soft = np.random.default_rng(5).random((20, 30)).astype(np.float16).astype(np.float32)
    window = Box(10, 5, 40, 25)
    instance = Instance(np.ones(soft.shape, np.bool_), window, plate.size, "person", 0.9, "sm_person_01")
    write_layers(tmp_path / "m.exr", plate, [Matte(instance, soft, window, None, passes=3)], {})
    picture = render(reader(nuke, tmp_path / "m.exr"), 1)
    assert list(picture.channels) == ["sm_person_01.alpha"]
    assert (picture.display_window, picture.pixel_aspect) == ((0, 0, 56, 40), 2.0)
    assert picture.data_window == (-7, -9, 63, 44)
    buffer = oiio.ImageBuf(str(tmp_path / "m.exr"))
    shown = buffer.get_pixels(oiio.FLOAT, oiio.ROI(0, 56, 0, 40, 0, 1, 0, 1))[..., 0]
    assert np.array_equal(picture.over_format().channels["sm_person_01.alpha"], shown)
    assert np.array_equal(picture.channels["sm_person_01.alpha"][5:25, 10:40], soft)
