"""Which colour space a file is read in: the user's word, the file's, a rule of $OCIO's, its type's."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import pytest
from PIL import Image

from semantic_matte.colour import from_scene_linear, to_scene_linear
from semantic_matte.errors import UnknownNameError
from semantic_matte.plates import as_plate, read_plate

RANDOM = np.random.default_rng(6)
PIXELS = RANDOM.uniform(0.02, 0.98, (9, 14, 3)).astype(np.float32)

REC709 = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290)
P3 = (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.3127, 0.3290)
REC2020 = (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, 0.3127, 0.3290)
AP1 = (0.713, 0.293, 0.165, 0.830, 0.128, 0.044, 0.32168, 0.33767)
AP0 = (0.7347, 0.2653, 0.0, 1.0, 0.0001, -0.0770, 0.32168, 0.33767)
AWG4 = (0.7347, 0.2653, 0.1424, 0.8576, 0.0991, -0.0308, 0.3127, 0.3290)
P3_THEATRE = (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.314, 0.351)


def write_exr(path: Path, pixels: np.ndarray = PIXELS, **header: Any) -> Path:
    """With the OpenEXR library: a writer that the code under test doesn't use."""
    whole = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage, **header}
    channels = {name: pixels[..., index].copy() for index, name in enumerate("RGB")}
    OpenEXR.File(whole, channels).write(str(path))
    return path


@pytest.fixture(autouse=True)
def _no_studio(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OCIO", raising=False)


@pytest.mark.parametrize(
    ("header", "space"),
    [
        ({}, "scene_linear_rec709"),
        ({"chromaticities": REC709}, "scene_linear_rec709"),
        ({"chromaticities": AP1}, "acescg"),
        ({"chromaticities": (0.7130, 0.2930, 0.1650, 0.8300, 0.1280, 0.0440, 0.3217, 0.3377)}, "acescg"),
        ({"chromaticities": AP0}, "aces2065_1"),
        ({"chromaticities": P3}, "linear_p3_d65"),
        ({"chromaticities": REC2020}, "linear_rec2020"),
        ({"chromaticities": AWG4}, "Linear ARRI Wide Gamut 4"),
        ({"acesImageContainerFlag": 1}, "aces2065_1"),
        ({"acesImageContainerFlag": 1, "chromaticities": AP0}, "aces2065_1"),
        ({"acesImageContainerFlag": 0}, "scene_linear_rec709"),
        ({"colorInteropID": "lin_ap1_scene"}, "acescg"),
        ({"colorInteropID": "lin_ap1_scene", "chromaticities": AP1}, "acescg"),
        ({"colorInteropID": "srgb_rec709_scene"}, "srgb"),
        ({"colorInteropID": "unknown", "chromaticities": AP1}, "acescg"),
        ({"oiio:ColorSpace": "ACEScg"}, "acescg"),
        ({"oiio:ColorSpace": "ARRI LogC4"}, "ARRI LogC4"),
        ({"oiio:ColorSpace": "arri_logc4", "chromaticities": AWG4}, "ARRI LogC4"),
    ],
)
def test_what_an_exr_says(tmp_path: Path, header: dict[str, Any], space: str) -> None:
    plate = read_plate(write_exr(tmp_path / "p.exr", **header))
    np.testing.assert_allclose(plate.pixels, to_scene_linear(PIXELS, space), rtol=1e-5, atol=1e-6)
    assert plate.colour_space == "scene_linear_rec709"
    # What a file says plainly is no news.
    assert plate.notices == ()


@pytest.mark.parametrize(
    ("header", "space", "notice"),
    [
        (
            {"colorInteropID": "lin_ap1_scene", "chromaticities": REC709},
            "acescg",
            "those of scene_linear_rec709",
        ),
        ({"acesImageContainerFlag": 1, "chromaticities": AP1}, "aces2065_1", "those of acescg"),
        ({"oiio:ColorSpace": "sRGB", "chromaticities": AWG4}, "srgb", "those of another space"),
        ({"chromaticities": P3_THEATRE}, "scene_linear_rec709", r"of no colour space .* Give its colour space"),
        ({"colorInteropID": "data"}, "scene_linear_rec709", "holds data, not colours"),
        ({"colorInteropID": "studio:look"}, "scene_linear_rec709", "'studio:look', which is not known"),
    ],
)
def test_doubts_are_told_in_one_sentence(
    tmp_path: Path, header: dict[str, Any], space: str, notice: str
) -> None:
    plate = read_plate(write_exr(tmp_path / "p.exr", **header))
    np.testing.assert_allclose(plate.pixels, to_scene_linear(PIXELS, space), rtol=1e-5, atol=1e-6)
    assert len(plate.notices) == 1
    assert re.search(notice, plate.notices[0])
    assert "\n" not in plate.notices[0]


def test_the_users_word_goes_before_the_files(tmp_path: Path) -> None:
    path = write_exr(tmp_path / "p.exr", chromaticities=AP1, colorInteropID="lin_ap1_scene")
    plate = read_plate(path, "S-Log3 S-Gamut3.Cine")
    np.testing.assert_array_equal(plate.pixels, to_scene_linear(PIXELS, "slog3_sgamut3cine"))
    assert plate.notices == ()
    with pytest.raises(UnknownNameError, match="colour space 'ACEScgg'"):
        read_plate(path, "ACEScgg")


def test_grey_in_wide_primaries_stays_grey(tmp_path: Path) -> None:
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage, "chromaticities": AP1}
    OpenEXR.File(header, {"Y": PIXELS[..., 0].copy()}).write(str(tmp_path / "p.exr"))
    plate = read_plate(tmp_path / "p.exr")
    np.testing.assert_allclose(plate.pixels, PIXELS[..., :1].repeat(3, axis=2), rtol=2e-5)


@pytest.mark.parametrize(
    ("transfer", "space", "notice"),
    [
        ("Printing density", "cineon", "logarithmic ('Printing density')"),
        ("Logarithmic", "cineon", "logarithmic ('KodakLog')"),
        ("Linear", "scene_linear_rec709", None),
        ("User defined", "srgb", None),
    ],
)
def test_what_a_dpx_says(
    write_oiio: Any, tmp_path: Path, transfer: str, space: str, notice: str | None
) -> None:
    path = write_oiio(tmp_path / "p.dpx", PIXELS, "uint16", dpx__Transfer=transfer)
    plate = read_plate(path)
    np.testing.assert_allclose(plate.pixels, to_scene_linear(PIXELS, space), rtol=2e-3, atol=1e-4)
    assert (notice is None and plate.notices == ()) or notice in plate.notices[0]


def png_with(path: Path, *chunks: tuple[bytes, bytes]) -> Path:
    """PIXELS at 8 bits, with further chunks after the header."""
    Image.fromarray((PIXELS * 255).round().astype(np.uint8)).save(path)
    whole = path.read_bytes()
    added = b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )
    path.write_bytes(whole[:33] + added + whole[33:])
    return path


@pytest.mark.parametrize(
    ("chunks", "space"),
    [
        ((), "srgb"),
        (((b"gAMA", struct.pack(">I", 45455)), (b"sRGB", b"\0")), "srgb"),
        (((b"gAMA", struct.pack(">I", 100000)),), "scene_linear_rec709"),
        (((b"gAMA", struct.pack(">I", 45455)),), "g22_rec709"),
    ],
)
def test_what_a_png_says(tmp_path: Path, chunks: tuple[tuple[bytes, bytes], ...], space: str) -> None:
    plate = read_plate(png_with(tmp_path / "p.png", *chunks))
    stored = (PIXELS * 255).round().astype(np.uint8)
    np.testing.assert_allclose(plate.pixels, to_scene_linear(stored, space), atol=1e-6)
    assert plate.notices == ()


def profile(description: str) -> bytes:
    """An ICC profile (version 2) for RGB that has nothing but a description."""
    text = description.encode("ascii") + b"\0"
    entry = b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(78)
    entry += bytes(-len(entry) % 4)
    tags = struct.pack(">I4sII", 1, b"desc", 144, len(entry))
    size = 128 + len(tags) + len(entry)
    header = struct.pack(">I4sI4s4s4s", size, b"lcms", 0x02400000, b"mntr", b"RGB ", b"XYZ ")
    header += bytes(12) + b"acsp" + bytes(28)
    # The white of the connection space, D50, without which a PNG's profile is dropped.
    header += struct.pack(">III", 0xF6D6, 0x10000, 0xD32D)
    return header.ljust(128, b"\0") + tags + entry


@pytest.mark.parametrize("ending", ["png", "jpg", "tif"])
@pytest.mark.parametrize(
    ("description", "space", "notice"),
    [
        ("sRGB IEC61966-2.1", "srgb", None),
        ("Display P3", "display_p3", None),
        ("Adobe RGB (1998)", "adobe_rgb", None),
        ("ProPhoto RGB", "srgb", "ICC profile 'ProPhoto RGB' is not applied"),
    ],
)
def test_what_an_icc_profile_says(
    tmp_path: Path, ending: str, description: str, space: str, notice: str | None
) -> None:
    flat = np.full((16, 16, 3), (200, 90, 40), np.uint8)
    options = {"quality": 100, "subsampling": 0} if ending == "jpg" else {}
    Image.fromarray(flat).save(tmp_path / f"p.{ending}", icc_profile=profile(description), **options)
    plate = read_plate(tmp_path / f"p.{ending}")
    np.testing.assert_allclose(plate.pixels, to_scene_linear(flat, space), atol=0.02)
    assert (notice is None and plate.notices == ()) or notice in plate.notices[0]


STUDIO = """ocio_profile_version: 2
roles: {aces_interchange: ACES2065-1, scene_linear: ACES2065-1, default: ACES2065-1}
file_rules:
  - !<Rule> {name: footage, colorspace: footage_space, pattern: "*footage*", extension: "*"}
  - !<Rule> {name: Default, colorspace: ACES2065-1}
displays:
  screen: [!<View> {name: plain, colorspace: ACES2065-1}]
colorspaces:
  - !<ColorSpace> {name: ACES2065-1}
  - !<ColorSpace>
    name: footage_space
    to_scene_reference: !<ExponentTransform> {value: [3, 3, 3, 1]}
  - !<ColorSpace>
    name: rec709
    to_scene_reference: !<ExponentTransform> {value: [1.8, 1.8, 1.8, 1]}
"""


@pytest.fixture
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "studio.ocio").write_text(STUDIO)
    monkeypatch.setenv("OCIO", str(tmp_path / "studio.ocio"))


@pytest.mark.usefixtures("studio")
def test_a_studios_rule_speaks_where_the_file_does_not(tmp_path: Path) -> None:
    by_rule = to_scene_linear(PIXELS, "footage_space")
    plate = read_plate(write_exr(tmp_path / "footage.1.exr"))
    np.testing.assert_array_equal(plate.pixels, by_rule)
    assert plate.notices == (
        "By a rule of the colour configuration in OCIO the file was read as footage_space.",
    )
    said = read_plate(write_exr(tmp_path / "footage.2.exr", chromaticities=AP1))
    np.testing.assert_allclose(said.pixels, to_scene_linear(PIXELS, "acescg"), rtol=1e-5, atol=1e-6)
    other = read_plate(write_exr(tmp_path / "render.exr"))
    np.testing.assert_array_equal(other.pixels, PIXELS)
    assert said.notices == other.notices == ()


@pytest.mark.usefixtures("studio")
def test_a_name_that_the_studio_means_otherwise_is_noticed(tmp_path: Path) -> None:
    plate = read_plate(write_exr(tmp_path / "p.exr"), "rec709")
    np.testing.assert_allclose(plate.pixels, PIXELS**2.4, rtol=1e-4)
    assert len(plate.notices) == 1
    assert "give 'ocio:rec709'" in plate.notices[0]
    theirs = read_plate(tmp_path / "p.exr", "ocio:rec709")
    expected = to_scene_linear(PIXELS ** np.float32(1.8), "aces2065_1")
    np.testing.assert_allclose(theirs.pixels, expected, rtol=1e-4, atol=1e-4)
    assert theirs.notices == ()


@pytest.mark.parametrize(
    ("header", "space"),
    [({"chromaticities": AP1}, "acescg"), ({"colorInteropID": "lin_p3d65_scene"}, "linear_p3_d65")],
)
@pytest.mark.parametrize("kind", [np.float16, np.float32])
def test_a_linear_plates_own_pixels_are_the_files(
    tmp_path: Path, header: dict[str, Any], space: str, kind: type
) -> None:
    stored = (PIXELS * 3 - 0.5).astype(kind)
    stored[0, 0], stored[0, 1], stored[0, 2, 1] = 1000, -0.5, 1e-7
    path = write_exr(tmp_path / "p.exr", stored, **header)
    plate = read_plate(path, keep_own=True)
    own, own_space = plate.own
    assert own_space == space
    np.testing.assert_array_equal(own.view(np.uint32), stored.astype(np.float32).view(np.uint32))
    np.testing.assert_array_equal(plate.pixels, to_scene_linear(stored, space))
    assert read_plate(path).own_pixels is None
    np.testing.assert_array_equal(read_plate(path).pixels, plate.pixels)


def test_own_pixels_that_are_no_numbers_are_replaced(tmp_path: Path) -> None:
    stored = PIXELS.copy()
    stored[0, 0, 1], stored[0, 1], stored[0, 2, 0] = np.nan, np.inf, -np.inf
    plate = read_plate(write_exr(tmp_path / "p.exr", stored, chromaticities=AP1), keep_own=True)
    assert plate.own_pixels is not None
    assert plate.own_pixels[0, 0, 1] == 0
    assert (plate.own_pixels[0, 1] == 65504).all()
    assert plate.own_pixels[0, 2, 0] == 0
    np.testing.assert_array_equal(plate.own_pixels[1:], PIXELS[1:])
    assert np.isfinite(plate.pixels).all()
    assert len(plate.notices) == 3


def test_a_log_plate_is_handed_back_in_acescg(tmp_path: Path) -> None:
    path = write_exr(tmp_path / "p.exr", **{"oiio:ColorSpace": "ARRI LogC3 (EI800)"})
    plate = read_plate(path, keep_own=True)
    assert plate.own_space == "acescg"
    assert plate.own_pixels is not None
    light = to_scene_linear(PIXELS, "ARRI LogC3 (EI800)")
    np.testing.assert_array_equal(plate.pixels, light)
    np.testing.assert_allclose(plate.own_pixels, from_scene_linear(light, "acescg"), rtol=1e-6)


@pytest.mark.parametrize("space", [None, "srgb", "rec709", "linear", "cineon"])
def test_a_plate_in_our_own_light_keeps_no_second_copy(tmp_path: Path, space: str | None) -> None:
    plate = read_plate(write_exr(tmp_path / "p.exr"), space, keep_own=True)
    assert plate.own_pixels is None
    own, own_space = plate.own
    assert own is plate.pixels
    assert own_space == "scene_linear_rec709"


def test_an_array_keeps_its_own_light_too() -> None:
    plate = as_plate(PIXELS, "ACEScg", keep_own=True)
    own, own_space = plate.own
    assert own_space == "acescg"
    np.testing.assert_array_equal(own, PIXELS)
    assert not np.shares_memory(own, PIXELS)
    assert as_plate(PIXELS, "ACEScg").own_pixels is None


def test_a_log_code_beyond_all_light_is_told_and_stays_finite(tmp_path: Path) -> None:
    stored = PIXELS.copy()
    stored[2, 3] = 300
    plate = read_plate(write_exr(tmp_path / "p.exr", stored), "S-Log3 S-Gamut3", keep_own=True)
    assert np.isfinite(plate.pixels).all()
    assert plate.own_pixels is not None
    assert np.isfinite(plate.own_pixels).all()
    # Bright, not black: NaN is what a matrix makes of more than one infinity.
    assert (plate.pixels[2, 3] == 65504).all()
    assert plate.own_pixels[2, 3] == pytest.approx(65504, rel=1e-4)
    assert "After conversion from S-Log3 S-Gamut3: 1 pixel was infinite and counts as 65504." in plate.notices


@pytest.mark.parametrize(
    ("packed", "timecode"),
    [
        (0x01020304, "01:02:03:04"),
        (0x01020344, "01:02:03;04"),
        (0x23595929, "23:59:59:29"),
        # Flags of fields and users' bits don't belong to the digits.
        (0x81828384, "01:02:03:04"),
        (0x00000000, "00:00:00:00"),
        (0xFFFFFFFF, ""),
        (0x24000000, ""),
        (0x0102030A, ""),
    ],
)
def test_timecodes(write_oiio: Any, tmp_path: Path, packed: int, timecode: str) -> None:
    import OpenImageIO as oiio

    for name in ("p.exr", "p.dpx"):
        spec = oiio.ImageSpec(14, 9, 3, "half" if name == "p.exr" else "uint16")
        spec.attribute("smpte:TimeCode", oiio.TypeTimeCode, (packed, 0))
        output = oiio.ImageOutput.create(str(tmp_path / name))
        assert output.open(str(tmp_path / name), spec)
        assert output.write_image(PIXELS)
        output.close()
        assert read_plate(tmp_path / name).timecode == timecode


def test_a_timecode_by_openexr(tmp_path: Path) -> None:
    code = OpenEXR.TimeCode()
    code.hours, code.minutes, code.seconds, code.frame, code.dropFrame = 10, 20, 30, 12, True
    assert read_plate(write_exr(tmp_path / "p.exr", timeCode=code)).timecode == "10:20:30;12"


def test_a_file_without_a_timecode(tmp_path: Path) -> None:
    assert read_plate(write_exr(tmp_path / "p.exr")).timecode == ""
    assert read_plate(png_with(tmp_path / "p.png")).timecode == ""


RENDER = """
import os, sys, bpy
scene = bpy.context.scene
scene.render.resolution_x = scene.render.resolution_y = 16
scene.render.engine = "CYCLES"
scene.cycles.samples = 1
settings = scene.render.image_settings
if hasattr(settings, "media_type"):
    settings.media_type = "IMAGE"
settings.file_format = "OPEN_EXR"
settings.color_depth = "32"
if sys.argv[-1] != "-":
    bpy.ops.wm.set_working_color_space(working_space=sys.argv[-1])
scene.render.filepath = sys.argv[-2]
bpy.ops.render.render(write_still=True)
sys.stdout.flush()
os._exit(0)
"""


def blender() -> str:
    """A Python that has bpy 5 or later, of those that tests/blender uses, or a skip."""
    tell = "import bpy, os, sys; print(bpy.app.version[0]); sys.stdout.flush(); os._exit(0)"
    for python in filter(None, os.environ.get("SEMANTIC_MATTE_BLENDERS", "").split(os.pathsep)):
        done = subprocess.run([python, "-c", tell], capture_output=True, text=True, timeout=120, check=False)
        if done.stdout.strip().isdigit() and int(done.stdout) >= 5:
            return python
    pytest.skip("SEMANTIC_MATTE_BLENDERS names no Python that has Blender 5, the first to write its space")


@pytest.mark.slow
@pytest.mark.parametrize(("working", "space"), [("-", "scene_linear_rec709"), ("ACEScg", "acescg")])
def test_what_blender_writes(tmp_path: Path, working: str, space: str) -> None:
    path = tmp_path / "render.exr"
    command = [blender(), "-c", RENDER, str(path), working]
    subprocess.run(command, capture_output=True, timeout=120, check=True)
    plate = read_plate(path, keep_own=True)
    assert plate.own[1] == space
    assert not any("colour" in notice for notice in plate.notices)
