"""Pictures in every format, read back by OpenEXR, Pillow and OpenCV, beside a second implementation of sRGB."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import OpenEXR
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from semantic_matte.errors import OutputError, SemanticMatteError, ValueShapeError
from semantic_matte.outputs.pictures import PICTURE_SUFFIXES, write_picture
from semantic_matte.plates import read_plate
from semantic_matte.types import Box, FloatArray, Plate

SIZE = (21, 34)
PLATE = Plate(
    np.zeros((*SIZE, 3), np.float32),
    data_window=Box(-3, 5, 31, 26),
    display_window=Box(0, 0, 30, 30),
    pixel_aspect=2.0,
    view="left",
)
LINEAR = "scene_linear_rec709"


def light(channels: int = 3, seed: int = 0) -> FloatArray:
    """(H, W, channels) in 0..1, with black, white and half transparent white among it."""
    random = np.random.default_rng(seed)
    pixels = random.random((*SIZE, channels), dtype=np.float32)
    pixels[0, :3] = np.array([0, 1, 0.5])[:, None]
    if channels == 4:
        pixels[..., :3] *= pixels[..., 3:]
    return pixels


def srgb(linear: np.ndarray) -> np.ndarray:
    """IEC 61966-2-1 as it stands in the standard, in float64."""
    linear = np.asarray(linear, np.float64)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.abs(linear) ** (1 / 2.4) - 0.055)


def read_rgb(path: Path) -> np.ndarray:
    """As OpenCV stores it, in R, G, B(, A)."""
    stored = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    return stored[..., [2, 1, 0, 3][: stored.shape[2]]]


def test_an_exr_has_the_light_and_the_windows(tmp_path: Path) -> None:
    pixels = light()
    pixels[3, 4] = 1000, -0.5, 6e-8
    assert write_picture(tmp_path / "a.exr", pixels, PLATE, LINEAR, {"semantic_matte/slots": "a,b"}) == []
    with OpenEXR.File(str(tmp_path / "a.exr"), separate_channels=True) as file:
        channels, header = file.channels(), file.header()
        assert list(channels) == ["B", "G", "R"]
        for index, name in enumerate("RGB"):
            np.testing.assert_array_equal(channels[name].pixels, pixels[..., index].astype(np.float16))
        assert header["dataWindow"][0].tolist() == [-3, 5]
        assert header["dataWindow"][1].tolist() == [30, 25]
        assert header["displayWindow"][1].tolist() == [29, 29]
        assert (header["pixelAspectRatio"], header["view"]) == (2.0, "left")
        assert header["semantic_matte/slots"] == "a,b"


@pytest.mark.parametrize("space", ["acescg", "aces2065_1", LINEAR])
def test_an_exr_says_its_colour_space(tmp_path: Path, space: str) -> None:
    pixels = light()
    write_picture(tmp_path / "a.exr", pixels, PLATE, space)
    plate = read_plate(tmp_path / "a.exr", keep_own=True)
    own, said = plate.own
    assert said == space
    np.testing.assert_array_equal(own, pixels.astype(np.float16).astype(np.float32))


def test_an_exr_with_alpha_is_premultiplied(tmp_path: Path) -> None:
    pixels = light(4)
    write_picture(tmp_path / "a.exr", pixels, PLATE, LINEAR)
    with OpenEXR.File(str(tmp_path / "a.exr"), separate_channels=True) as file:
        for index, name in enumerate("RGBA"):
            stored = file.channels()[name].pixels
            np.testing.assert_array_equal(stored, pixels[..., index].astype(np.float16))


def test_what_half_cannot_hold_is_clamped_and_told(tmp_path: Path) -> None:
    pixels = light()
    pixels[2, 2, 0] = 1e6
    (notice,) = write_picture(tmp_path / "a.exr", pixels, PLATE, LINEAR)
    assert "1 pixel is beyond 65504" in notice


@pytest.mark.parametrize("suffix", [".png", ".tif", ".tiff", ".PNG"])
def test_sixteen_bit_srgb(tmp_path: Path, suffix: str) -> None:
    pixels = light()
    assert write_picture(tmp_path / f"a{suffix}", pixels, PLATE, LINEAR) == []
    stored = read_rgb(tmp_path / f"a{suffix}")
    assert stored.dtype == np.uint16
    assert np.abs(stored - srgb(pixels) * 65535).max() < 1
    assert stored[0, :2, 0].tolist() == [0, 65535]
    # Half of the light is sRGB's 188 of 255.
    assert abs(int(stored[0, 2, 0]) - 188 * 257) < 257


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg"])
def test_jpeg(tmp_path: Path, suffix: str) -> None:
    ramp = np.linspace(0, 1, 64 * 64, dtype=np.float32).reshape(64, 64, 1).repeat(3, axis=2)
    assert write_picture(tmp_path / f"a{suffix}", ramp, Plate(ramp), LINEAR) == []
    picture = Image.open(tmp_path / f"a{suffix}")
    assert (picture.mode, picture.format) == ("RGB", "JPEG")
    assert np.abs(np.asarray(picture) - srgb(ramp) * 255).max() < 6


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_colours_beside_alpha_are_not_premultiplied(tmp_path: Path, suffix: str) -> None:
    alpha = np.zeros(SIZE, np.float32)
    alpha[:, 5:], alpha[:, 15:], alpha[:, 25:] = 1e-6, 0.25, 1
    colour = np.array([0.5, 0.2, 0.9], np.float32)
    pixels = np.dstack([alpha[..., None] * colour, alpha])
    assert write_picture(tmp_path / f"a{suffix}", pixels, PLATE, LINEAR) == []
    stored = read_rgb(tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(stored[..., 3], np.rint(alpha * 65535))
    assert np.abs(stored[:, 15:, :3] - srgb(colour) * 65535).max() < 1
    # Nothing is seen there, so nothing of the old background is given away.
    assert (stored[:, :15] == 0).all()
    if suffix == ".png":
        assert Image.open(tmp_path / "a.png").mode == "RGBA"


def test_another_light_is_brought_to_srgb(tmp_path: Path) -> None:
    # Rec.709's red in ACEScg, by the matrix of the ACES documents.
    pixels = np.broadcast_to(np.array([0.6131, 0.0702, 0.0206], np.float32), (*SIZE, 3)).copy()
    write_picture(tmp_path / "a.png", pixels, PLATE, "acescg")
    stored = read_rgb(tmp_path / "a.png")[0, 0] / 257
    np.testing.assert_allclose(stored, [255, 0, 0], atol=3)


@settings(max_examples=25, deadline=None)
@given(bright=st.integers(0, 50), dark=st.integers(0, 50))
def test_what_is_clipped_is_counted(tmp_path_factory: pytest.TempPathFactory, bright: int, dark: int) -> None:
    path = tmp_path_factory.mktemp("clipped") / "a.png"
    pixels = light()
    flat = pixels.reshape(-1, 3)
    flat[100 : 100 + bright, 1] = 1.01
    flat[200 : 200 + dark] = -0.01
    notices = write_picture(path, pixels, PLATE, LINEAR)
    count = bright + dark
    assert notices == (
        []
        if not count
        else [
            f"{count} pixel{'s are' if count > 1 else ' is'} beyond black or white and clipped in the picture: "
            "an .exr keeps them."
        ]
    )
    stored = read_rgb(path).reshape(-1, 3)
    assert (stored[100 : 100 + bright, 1] == 65535).all()
    assert (stored[200 : 200 + dark] == 0).all()


def test_what_nobody_sees_is_not_counted(tmp_path: Path) -> None:
    pixels = light(4)
    pixels[0, 0] = 100, 100, 100, 0
    assert write_picture(tmp_path / "a.png", pixels, PLATE, LINEAR) == []


@pytest.mark.parametrize("suffix", PICTURE_SUFFIXES)
def test_the_same_bytes_each_time(tmp_path: Path, suffix: str) -> None:
    for name in ("a", "b"):
        write_picture(tmp_path / f"{name}{suffix}", light(), PLATE, LINEAR)
    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


@pytest.mark.parametrize(
    ("name", "channels", "message"),
    [
        ("a.bmp", 3, r"one of \.exr, \.png, \.tif, \.tiff, \.jpg, \.jpeg\."),
        ("a", 3, "expected a name that ends in"),
        ("a.jpg", 4, r"can't be written with alpha: expected a name that ends in one of \.exr, \.png"),
    ],
)
def test_endings(tmp_path: Path, name: str, channels: int, message: str) -> None:
    with pytest.raises(OutputError, match=message):
        write_picture(tmp_path / name, light(channels), PLATE, LINEAR)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("pixels", "error"),
    [
        (light()[1:], ValueShapeError),
        (light()[..., :2], ValueShapeError),
        (light()[..., 0], ValueShapeError),
        (light().astype(np.float64), ValueShapeError),
        (np.where(light() > 0.999, np.float32(np.nan), light()), OutputError),
    ],
)
@pytest.mark.parametrize("name", ["a.exr", "a.png"])
def test_wrong_pixels_are_refused(
    tmp_path: Path, name: str, pixels: np.ndarray, error: type[SemanticMatteError]
) -> None:
    with pytest.raises(error):
        write_picture(tmp_path / name, pixels, PLATE, LINEAR)
    assert list(tmp_path.iterdir()) == []
