"""Plates from files: every format, type, window, channel and colour space that artists have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import pytest
from PIL import Image

from semantic_matte.colour import decode_srgb
from semantic_matte.errors import PlateError, UnknownNameError
from semantic_matte.plates import read_plate
from semantic_matte.types import Box

RANDOM = np.random.default_rng(5)
BYTES = RANDOM.integers(0, 256, (21, 34, 3), dtype=np.uint8)
FLOATS = (BYTES / 255).astype(np.float32)
LINEAR = decode_srgb(FLOATS)


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
def test_formats_and_types(write_oiio: Any, tmp_path: Path, name: str, kind: str, expected: np.ndarray) -> None:
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
    write_oiio: Any, tmp_path: Path, said: str | None, given: str | None, expected: np.ndarray
) -> None:
    attributes = {"oiio__ColorSpace": said} if said else {}
    path = write_oiio(tmp_path / "p.exr", FLOATS, "float", **attributes)
    np.testing.assert_allclose(read_plate(path, given).pixels, expected, atol=1e-6)


def test_an_unknown_colour_space_in_the_file_is_said(write_oiio: Any, tmp_path: Path) -> None:
    path = write_oiio(tmp_path / "p.dpx", FLOATS, "uint16", dpx__Transfer="Logarithmic")
    assert "KodakLog" in read_plate(path).notices[0]


def test_an_unknown_colour_space_that_is_asked_for_is_refused(write_oiio: Any, tmp_path: Path) -> None:
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
