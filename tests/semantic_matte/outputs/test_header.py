"""What an EXR's header says of its pixels, read by OpenEXR's own reader and by OpenImageIO."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import OpenEXR
import OpenImageIO as oiio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semantic_matte.outputs.exr_files import Channel, write_exr
from semantic_matte.outputs.header import header_of, packed_timecode
from semantic_matte.types import Plate

PIXELS = np.zeros((4, 5, 3), np.float32)
MODELS = [
    {"name": "starter", "licence": "Apache-2.0", "sha256": "ab" * 32, "origin": "here"},
    {"name": "größe", "licence": "MIT", "sha256": "cd" * 32},
]


def write(place: Path, plate: Plate) -> list[str]:
    header = header_of(plate, MODELS, "12ab", "0.5.0")
    return write_exr(place, plate, [Channel("c.A", None, None)], header, window=plate.box, what="mattes")


def test_everything_is_there_and_both_readers_find_it(tmp_path: Path) -> None:
    plate = Plate(PIXELS, name="shot", frame=1001, timecode="01:02:03:04", view="left")
    assert write(tmp_path / "a.exr", plate) == []
    with OpenEXR.File(str(tmp_path / "a.exr")) as file:
        read = dict(file.header())
    spec = oiio.ImageInput.open(str(tmp_path / "a.exr")).spec()
    wanted = {
        "semantic_matte/plate": "shot",
        "semantic_matte/frame": 1001,
        "imageCounter": 1001,
        "semantic_matte/timecode": "01:02:03:04",
        "semantic_matte/view": "left",
        "view": "left",
        "semantic_matte/settings": "12ab",
        "semantic_matte/version": "0.5.0",
    }
    for name, value in wanted.items():
        assert read[name] == value
        assert spec.getattribute(name) == value
    assert json.loads(read["semantic_matte/models"]) == [
        {"name": "starter", "licence": "Apache-2.0", "sha256": "ab" * 32},
        {"name": "größe", "licence": "MIT", "sha256": "cd" * 32},
    ]


def test_what_the_plate_lacks_is_left_out(tmp_path: Path) -> None:
    header = header_of(Plate(PIXELS), [], "", "1")
    assert set(header) == {f"semantic_matte/{name}" for name in ("plate", "models", "settings", "version")}
    write(tmp_path / "a.exr", Plate(PIXELS))
    with OpenEXR.File(str(tmp_path / "a.exr")) as file:
        assert not {"view", "timeCode", "imageCounter"} & set(file.header())


@pytest.mark.parametrize("frame", [0, -5, 2**31 - 1])
def test_any_frame(tmp_path: Path, frame: int) -> None:
    write(tmp_path / "a.exr", Plate(PIXELS, frame=frame))
    with OpenEXR.File(str(tmp_path / "a.exr")) as file:
        assert file.header()["semantic_matte/frame"] == frame


@pytest.mark.parametrize(
    ("timecode", "parts"),
    [
        ("01:02:03:04", (1, 2, 3, 4, 0)),
        ("23:59:59:29", (23, 59, 59, 29, 0)),
        ("10:20:30;12", (10, 20, 30, 12, 1)),
        ("00:00:00:00", (0, 0, 0, 0, 0)),
        ("09:19:39:09", (9, 19, 39, 9, 0)),
    ],
)
def test_openexr_reads_the_timecode(tmp_path: Path, timecode: str, parts: tuple[int, ...]) -> None:
    assert write(tmp_path / "a.exr", Plate(PIXELS, timecode=timecode)) == []
    with OpenEXR.File(str(tmp_path / "a.exr")) as file:
        read = file.header()["timeCode"]
        assert (read.hours, read.minutes, read.seconds, read.frame, int(read.dropFrame)) == parts
        assert not any([read.colorFrame, read.fieldPhase, read.bgf0, read.bgf1, read.bgf2])
    spec = oiio.ImageInput.open(str(tmp_path / "a.exr")).spec()
    assert spec.get_string_attribute("smpte:TimeCode") == timecode.replace(";", ":")


@pytest.mark.parametrize(
    "timecode",
    [
        "24:00:00:00",
        "01:60:00:00",
        "01:00:60:00",
        "01:00:00:30",
        "1:2:3:4",
        "noon",
        "01:02:03:04 ",
        "٠١:٠٢:٠٣:٠٤",
    ],
)
def test_a_timecode_that_exr_cannot_hold_is_told_and_kept_as_text(tmp_path: Path, timecode: str) -> None:
    assert packed_timecode(timecode) is None
    notices = write(tmp_path / "a.exr", Plate(PIXELS, timecode=timecode))
    assert notices == [f"The timecode '{timecode}' is none that EXR can hold and was left out."]
    with OpenEXR.File(str(tmp_path / "a.exr")) as file:
        assert "timeCode" not in file.header()
        assert file.header()["semantic_matte/timecode"] == timecode


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 23), st.integers(0, 59), st.integers(0, 59), st.integers(0, 29), st.booleans())
def test_any_timecode_equals_one_of_openexr(
    tmp_path_factory: pytest.TempPathFactory, hours: int, minutes: int, seconds: int, frames: int, drop: bool
) -> None:
    text = f"{hours:02d}:{minutes:02d}:{seconds:02d}{';' if drop else ':'}{frames:02d}"
    place = tmp_path_factory.mktemp("time") / "a.exr"
    assert write(place, Plate(PIXELS, timecode=text)) == []
    theirs = OpenEXR.TimeCode(hours, minutes, seconds, frames, drop, *[0] * 13)
    with OpenEXR.File(str(place)) as file:
        assert str(file.header()["timeCode"]) == str(theirs)
