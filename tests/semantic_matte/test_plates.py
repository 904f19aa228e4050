"""Plates, trimaps and masks: every kind of file that artists have, and every kind of broken one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import OpenImageIO as oiio
import pytest
from PIL import Image

from semantic_matte.colour import decode_srgb
from semantic_matte.errors import HintError, PlateError, TrimapError, UnknownNameError
from semantic_matte.plates import as_plate, as_trimap, read_mask, read_plate, read_trimap
from semantic_matte.types import Box, Plate

RANDOM = np.random.default_rng(5)
BYTES = RANDOM.integers(0, 256, (21, 34, 3), dtype=np.uint8)
FLOATS = (BYTES / 255).astype(np.float32)
LINEAR = decode_srgb(FLOATS)


def write_oiio(path: Path, pixels: np.ndarray, kind: str, **attributes: Any) -> Path:
    spec = oiio.ImageSpec(pixels.shape[1], pixels.shape[0], pixels.shape[2], kind)
    for name, value in attributes.items():
        spec.attribute(name.replace("__", ":"), value)
    output = oiio.ImageOutput.create(str(path))
    assert output.open(str(path), spec), output.geterror()
    assert output.write_image(np.ascontiguousarray(pixels))
    output.close()
    return path


def write_exr(path: Path, channels: dict[str, np.ndarray], **header: Any) -> Path:
    """With the OpenEXR library: a writer that the code under test doesn't use."""
    whole = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage, **header}
    OpenEXR.File(whole, {name: one.copy() for name, one in channels.items()}).write(str(path))
    return path


def rgb(pixels: np.ndarray) -> dict[str, np.ndarray]:
    return {"R": pixels[..., 0], "G": pixels[..., 1], "B": pixels[..., 2]}


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("p.png", "uint8", LINEAR),
        ("p.png", "uint16", LINEAR),
        ("p.tif", "uint8", LINEAR),
        ("p.tif", "uint16", LINEAR),
        ("p.dpx", "uint8", LINEAR),
        ("p.dpx", "uint16", LINEAR),
        ("p.tif", "float", FLOATS),
        ("p.tif", "half", FLOATS),
        ("p.exr", "half", FLOATS),
        ("p.exr", "float", FLOATS),
    ],
)
def test_formats_and_types(tmp_path: Path, name: str, kind: str, expected: np.ndarray) -> None:
    plate = read_plate(write_oiio(tmp_path / name, FLOATS, kind))
    assert plate.pixels.dtype == np.float32
    assert plate.colour_space == "scene_linear_rec709"
    np.testing.assert_allclose(plate.pixels, expected, atol=5e-4 if kind == "half" else 1e-5)
    assert plate.notices == ()
    assert plate.data_window == Box(0, 0, 34, 21)


def test_jpeg(tmp_path: Path) -> None:
    smooth = np.broadcast_to(np.arange(64, dtype=np.uint8)[:, None, None] * 3, (64, 50, 3))
    Image.fromarray(np.ascontiguousarray(smooth)).save(tmp_path / "p.jpg", quality=98)
    plate = read_plate(tmp_path / "p.jpg")
    np.testing.assert_allclose(plate.pixels, decode_srgb(smooth / np.float32(255)), atol=0.02)


@pytest.mark.parametrize(
    ("mode", "channels", "notice"),
    [
        ("L", BYTES[..., 0], None),
        ("LA", np.dstack([BYTES[..., 0], BYTES[..., 1]]), "alpha channel is ignored"),
        ("RGBA", np.dstack([BYTES, np.full((21, 34), 255, np.uint8)]), None),
        ("RGBA", np.dstack([BYTES, BYTES[..., 0]]), "alpha channel is ignored"),
    ],
)
def test_png_kinds(tmp_path: Path, mode: str, channels: np.ndarray, notice: str | None) -> None:
    Image.fromarray(channels, mode).save(tmp_path / "p.png")
    plate = read_plate(tmp_path / "p.png")
    colour = np.repeat(channels[..., :1], 3, 2) if mode == "LA" else channels
    colour = np.dstack([colour] * 3) if colour.ndim == 2 else colour[..., :3]
    # Colours are those stored, not multiplied by alpha.
    np.testing.assert_allclose(plate.pixels, decode_srgb(colour / np.float32(255)), atol=1e-6)
    assert (notice is None and plate.notices == ()) or notice in plate.notices[0]


def test_palette_png(tmp_path: Path) -> None:
    indexed = Image.fromarray(BYTES).convert("P")
    indexed.save(tmp_path / "p.png")
    expected = decode_srgb(np.asarray(indexed.convert("RGB")) / np.float32(255))
    np.testing.assert_allclose(read_plate(tmp_path / "p.png").pixels, expected, atol=1e-6)


def test_extra_channels_are_named_in_a_notice(tmp_path: Path) -> None:
    channels = {**rgb(FLOATS), "depth.Z": FLOATS[..., 0], "id.R": FLOATS[..., 1]}
    plate = read_plate(write_exr(tmp_path / "p.exr", channels))
    np.testing.assert_array_equal(plate.pixels, FLOATS)
    assert plate.notices == ("Of the file's channels, R, G, B were read and depth.Z, id.R ignored.",)


def test_a_later_part_with_colour_is_found(tmp_path: Path) -> None:
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    parts = [
        OpenEXR.Part(header, {"Z": OpenEXR.Channel("Z", FLOATS[..., 0].copy())}, "depth"),
        OpenEXR.Part(
            dict(header),
            {name: OpenEXR.Channel(name, one.copy()) for name, one in rgb(FLOATS).items()},
            "beauty",
        ),
    ]
    OpenEXR.File(parts).write(str(tmp_path / "p.exr"))
    plate = read_plate(tmp_path / "p.exr")
    np.testing.assert_array_equal(plate.pixels, FLOATS)
    assert plate.notices == ("The file has 2 parts; part 2 was read.",)


def test_the_one_layer_with_colour_is_taken(tmp_path: Path) -> None:
    channels = {f"beauty.{name}": one for name, one in rgb(FLOATS).items()}
    plate = read_plate(write_exr(tmp_path / "p.exr", {**channels, "depth.Z": FLOATS[..., 0]}))
    np.testing.assert_array_equal(plate.pixels, FLOATS)


@pytest.mark.parametrize("names", [("u", "v"), ("a1", "a2", "a3", "a4", "a5")])
def test_channels_that_mean_nothing_are_named(tmp_path: Path, names: tuple[str, ...]) -> None:
    write_exr(tmp_path / "p.exr", dict.fromkeys(names, FLOATS[..., 0]))
    with pytest.raises(PlateError, match="expected R, G, B or one grey.*got " + ", ".join(names)):
        read_plate(tmp_path / "p.exr")


def test_windows_aspect_view_name_and_frame(tmp_path: Path) -> None:
    path = write_exr(
        tmp_path / "shot.1001.exr",
        rgb(FLOATS),
        dataWindow=(np.array([-5, -3], np.int32), np.array([28, 17], np.int32)),
        displayWindow=(np.array([0, 0], np.int32), np.array([23, 11], np.int32)),
        pixelAspectRatio=2.0,
        view="left",
    )
    plate = read_plate(path)
    assert plate.data_window == Box(-5, -3, 29, 18)
    assert plate.display_window == Box(0, 0, 24, 12)
    assert (plate.pixel_aspect, plate.view) == (2.0, "left")
    assert (plate.name, plate.frame) == ("shot", 1001)


@pytest.mark.parametrize("size", [(1, 1), (1, 77), (77, 1), (3, 5), (255, 257)])
def test_any_size(tmp_path: Path, size: tuple[int, int]) -> None:
    Image.fromarray(np.full((*size, 3), 255, np.uint8)).save(tmp_path / "p.png")
    plate = read_plate(tmp_path / "p.png")
    assert plate.size == size
    np.testing.assert_allclose(plate.pixels, 1, atol=1e-6)


@pytest.mark.parametrize(
    ("said", "given", "expected"),
    [
        (None, None, FLOATS),
        ("srgb_rec709_scene", None, LINEAR),
        ("srgb_rec709_scene", "linear", FLOATS),
        (None, "sRGB", LINEAR),
    ],
)
def test_colour_space_by_argument_then_file_then_type(
    tmp_path: Path, said: str | None, given: str | None, expected: np.ndarray
) -> None:
    attributes = {"oiio__ColorSpace": said} if said else {}
    path = write_oiio(tmp_path / "p.exr", FLOATS, "float", **attributes)
    np.testing.assert_allclose(read_plate(path, given).pixels, expected, atol=1e-6)


def test_an_unknown_colour_space_in_the_file_is_said(tmp_path: Path) -> None:
    path = write_oiio(tmp_path / "p.dpx", FLOATS, "uint16", dpx__Transfer="Logarithmic")
    assert "KodakLog" in read_plate(path).notices[0]


def test_an_unknown_colour_space_that_is_asked_for_is_refused(tmp_path: Path) -> None:
    path = write_oiio(tmp_path / "p.exr", FLOATS, "half")
    with pytest.raises(UnknownNameError, match="colour space"):
        read_plate(path, "no such space")


def test_orientation_is_said_and_not_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(BYTES).save(tmp_path / "p.jpg", exif=exif)
    plate = read_plate(tmp_path / "p.jpg")
    assert plate.size == (21, 34)
    assert "EXIF orientation 6" in plate.notices[0]


def test_non_finite_and_negative_pixels_are_counted(tmp_path: Path) -> None:
    pixels = FLOATS + np.float32(0.1)
    pixels[0, :3, 0] = np.nan
    pixels[1, 0] = np.inf
    pixels[2, 0, 1] = -np.inf
    pixels[3, :2] = -0.25
    plate = read_plate(write_exr(tmp_path / "p.exr", rgb(pixels)))
    assert (plate.pixels[0, :3, 0] == 0).all()
    assert (plate.pixels[1, 0] == 65504).all()
    assert plate.pixels[2, 0, 1] == 0
    assert (plate.pixels[3, :2] == np.float32(-0.25)).all()
    assert plate.notices == (
        "3 pixels were NaN and count as black.",
        "1 pixel was minus infinity and counts as black.",
        "1 pixel was infinite and counts as 65504.",
        "2 pixels are negative and kept so.",
    )


def cut(path: Path, share: float) -> Path:
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    return path


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9, 0.995])
@pytest.mark.parametrize("name", ["p.jpg", "progressive.jpg", "p.png", "p.tif", "p.exr", "p.dpx"])
def test_a_cut_file_is_an_error_and_nothing_is_printed(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str, share: float
) -> None:
    noise = RANDOM.random((120, 130, 3)).astype(np.float32)
    extra = {"jpeg__progressive": 1} if name.startswith("progressive") else {}
    path = write_oiio(tmp_path / name, noise, "half" if name.endswith("exr") else "uint8", **extra)
    read_plate(path)
    with pytest.raises(PlateError, match=r"^The plate '.*' is .*\.$") as raised:
        read_plate(cut(path, share))
    assert "\n" not in str(raised.value)
    assert capfd.readouterr() == ("", "")


def test_a_png_with_a_flipped_bit_is_an_error(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(BYTES).save(tmp_path / "p.png")
    content = bytearray((tmp_path / "p.png").read_bytes())
    content[len(content) // 2] ^= 0x10
    (tmp_path / "p.png").write_bytes(content)
    with pytest.raises(PlateError, match="damaged or incomplete"):
        read_plate(tmp_path / "p.png")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".exr", ".tif", ".dpx", ".txt", ""])
@pytest.mark.parametrize(("content", "said"), [(b"", "is empty"), (b"hello world " * 99, "not a picture")])
def test_what_is_not_a_picture(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], suffix: str, content: bytes, said: str
) -> None:
    path = tmp_path / f"p{suffix}"
    path.write_bytes(content)
    with pytest.raises(PlateError, match=said):
        read_plate(path)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda folder: folder / "nowhere.exr", "does not exist: check"),
        (lambda folder: folder, "is a folder"),
        (lambda folder: folder / "file.png" / "inside.png", "can't be opened"),
        (lambda folder: folder / ("x" * 300), "can't be opened"),
        (lambda folder: folder / "zero\0byte.png", "can't be opened"),
        (lambda folder: Path("/dev/null"), "not a regular file"),
    ],
)
def test_paths_that_lead_nowhere(tmp_path: Path, make: Any, said: str) -> None:
    Image.fromarray(BYTES).save(tmp_path / "file.png")
    with pytest.raises(PlateError, match=said):
        read_plate(make(tmp_path))


def test_a_forbidden_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(BYTES).save(tmp_path / "p.png")

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(PlateError, match="may not be read"):
        read_plate(tmp_path / "p.png")


@pytest.mark.parametrize(
    ("array", "expected", "notice"),
    [
        (BYTES, LINEAR, None),
        (BYTES.astype(np.uint16) * 257, LINEAR, None),
        (FLOATS, FLOATS, None),
        (FLOATS.astype(np.float64), FLOATS, None),
        (FLOATS.astype(np.float16), FLOATS.astype(np.float16), None),
        (BYTES[..., 0], np.repeat(LINEAR[..., :1], 3, 2), "one channel"),
        (BYTES[..., :1], np.repeat(LINEAR[..., :1], 3, 2), "one channel"),
        (np.dstack([BYTES, BYTES[..., 0]]), LINEAR, "fourth channel"),
    ],
)
def test_arrays(array: np.ndarray, expected: np.ndarray, notice: str | None) -> None:
    plate = as_plate(array, name="mine")
    np.testing.assert_allclose(plate.pixels, expected, atol=1e-6)
    assert plate.name == "mine"
    assert (notice is None and plate.notices == ()) or notice in plate.notices[0]
    assert not np.shares_memory(plate.pixels, array)


def test_an_array_takes_a_colour_space() -> None:
    np.testing.assert_allclose(as_plate(BYTES, "linear").pixels, FLOATS, atol=1e-6)
    np.testing.assert_allclose(as_plate(FLOATS, "srgb").pixels, LINEAR, atol=1e-6)


def test_a_float64_beyond_float32_counts_as_infinite() -> None:
    array = np.full((1, 2, 3), 0.5)
    array[0, 0] = 1e300
    plate = as_plate(array)
    assert plate.pixels[0, 0, 0] == 65504
    assert plate.notices == ("1 pixel was infinite and counts as 65504.",)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (np.zeros((2, 2, 2), np.uint8), "expected an array of shape"),
        (np.zeros((2, 2, 5), np.float32), "expected an array of shape"),
        (np.zeros((0, 2, 3), np.float32), "expected an array of shape"),
        (np.zeros((2, 2, 3), np.int32), "got an array of int32"),
        (np.zeros((2, 2, 3), np.bool_), "got an array of bool"),
        (None, "expected a path"),
        ([1, 2], "expected a path"),
    ],
)
def test_things_that_are_not_plates(source: Any, said: str) -> None:
    with pytest.raises(PlateError, match=said):
        as_plate(source)


def test_a_plate_and_a_path_as_plates(tmp_path: Path) -> None:
    plate = Plate(FLOATS)
    assert as_plate(plate) is plate
    Image.fromarray(BYTES).save(tmp_path / "p.png")
    np.testing.assert_allclose(as_plate(str(tmp_path / "p.png")).pixels, LINEAR, atol=1e-6)


LEVELS = np.array([[0, 0, 1, 128], [127, 254, 255, 255], [0, 60, 255, 255]], np.uint8)
KNOWN = np.where((LEVELS == 0) | (LEVELS == 255), LEVELS, 128)


@pytest.mark.parametrize(
    "write",
    [
        lambda path: Image.fromarray(LEVELS).save(path),
        lambda path: Image.fromarray(np.dstack([LEVELS] * 3)).save(path),
        lambda path: write_oiio(path, LEVELS[..., None].astype(np.uint16) * 257, "uint16"),
        lambda path: write_oiio(path.with_suffix(".exr"), LEVELS[..., None] / np.float32(255), "half"),
    ],
)
def test_trimap_files(tmp_path: Path, write: Any) -> None:
    write(tmp_path / "t.png")
    path = next(tmp_path.iterdir())
    trimap = read_trimap(path)
    np.testing.assert_array_equal(trimap.levels, KNOWN)
    assert as_trimap(path, (3, 4)).frame_size == (3, 4)


def test_trimaps_from_arrays_and_trimaps() -> None:
    trimap = as_trimap(LEVELS, (3, 4))
    np.testing.assert_array_equal(trimap.levels, KNOWN)
    assert as_trimap(trimap, (3, 4)) is trimap


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (np.zeros((3, 4), np.float32), "got float32 of shape"),
        (np.zeros((3, 4, 3), np.uint8), "got uint8 of shape"),
        (7, "got int"),
        (np.zeros((3, 4), np.uint8), "no known foreground"),
        (LEVELS[:, :3], "trimap is 3x3 but the plate is 4x3"),
        ("/nowhere/trimap.png", "The trimap '/nowhere/trimap.png' does not exist"),
    ],
)
def test_trimaps_that_are_refused(source: Any, said: str) -> None:
    with pytest.raises(TrimapError, match=said):
        as_trimap(source, (3, 4))


def test_a_trimap_in_colour_is_refused(tmp_path: Path) -> None:
    Image.fromarray(BYTES).save(tmp_path / "t.png")
    with pytest.raises(TrimapError, match="is in colour"):
        read_trimap(tmp_path / "t.png")


@pytest.mark.parametrize(("level", "inside"), [(0, False), (127, False), (128, True), (255, True)])
def test_masks_are_cut_at_half(tmp_path: Path, level: int, inside: bool) -> None:
    Image.fromarray(np.full((4, 6, 3), level, np.uint8)).save(tmp_path / "m.png")
    mask = read_mask(tmp_path / "m.png")
    assert mask.dtype == np.bool_
    assert mask.shape == (4, 6)
    assert mask.all() == inside


def test_a_missing_mask_is_a_hint_error() -> None:
    with pytest.raises(HintError, match="The mask"):
        read_mask("/nowhere/mask.png")


def test_importing_loads_neither_torch_nor_openimageio() -> None:
    code = "import sys, semantic_matte.plates; sys.exit('torch' in sys.modules or 'OpenImageIO' in sys.modules)"
    path = os.pathsep.join(sys.path)
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run([sys.executable, "-c", code], env=environment, check=False)
    assert done.returncode == 0
