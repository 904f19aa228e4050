"""One alpha in one file, read back by OpenEXR and Pillow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import OpenEXR
import OpenImageIO as oiio
import pytest
from PIL import Image

from semantic_matte.errors import OutputError, ValueShapeError
from semantic_matte.outputs.alpha import write_alpha
from semantic_matte.types import Box, Plate

ALPHA = np.random.default_rng(0).random((31, 44), dtype=np.float32)
ALPHA[0, :2] = 0, 1
PLATE = Plate(np.zeros((31, 44, 3), np.float32), data_window=Box(2, 3, 46, 34), pixel_aspect=2.0)


def test_exr(tmp_path: Path) -> None:
    write_alpha(tmp_path / "a.exr", ALPHA, PLATE)
    with OpenEXR.File(str(tmp_path / "a.exr"), separate_channels=True) as file:
        channels, header = file.channels(), file.header()
        assert list(channels) == ["A"]
        np.testing.assert_array_equal(channels["A"].pixels, ALPHA.astype(np.float16))
        assert header["dataWindow"][0].tolist() == [2, 3]
        assert header["pixelAspectRatio"] == 2.0


@pytest.mark.parametrize("name", ["a.png", "a.PNG", "a.tif", "a.tiff"])
def test_sixteen_bit_grey(tmp_path: Path, name: str) -> None:
    write_alpha(tmp_path / name, ALPHA, PLATE)
    picture = Image.open(tmp_path / name)
    assert picture.mode == "I;16"
    pixels = np.asarray(picture)
    np.testing.assert_array_equal(pixels, np.rint(ALPHA * np.float32(65535)))
    assert (pixels[0, 0], pixels[0, 1]) == (0, 65535)
    assert oiio.ImageInput.open(str(tmp_path / name)).spec().nchannels == 1


@pytest.mark.parametrize("suffix", [".exr", ".png", ".tif"])
def test_the_same_bytes_each_time(tmp_path: Path, suffix: str) -> None:
    for name in ("a", "b"):
        write_alpha(tmp_path / f"{name}{suffix}", ALPHA, PLATE)
    content = (tmp_path / f"a{suffix}").read_bytes()
    assert content == (tmp_path / f"b{suffix}").read_bytes()
    with oiio_input(tmp_path / f"a{suffix}") as spec:
        assert spec.getattribute("DateTime") in (None, "")


class oiio_input:
    """The header of a file, closed at the end."""

    def __init__(self, path: Path) -> None:
        self.file = oiio.ImageInput.open(str(path))

    def __enter__(self) -> oiio.ImageSpec:
        return self.file.spec()

    def __exit__(self, *_: object) -> None:
        self.file.close()


@pytest.mark.parametrize("name", ["a.jpg", "a", "a.exr.bak"])
def test_an_unknown_ending_lists_the_known_ones(tmp_path: Path, name: str) -> None:
    with pytest.raises(OutputError, match=r"\.exr, \.png, \.tif, \.tiff"):
        write_alpha(tmp_path / name, ALPHA, PLATE)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("alpha", [ALPHA[1:], ALPHA.astype(np.float64)])
def test_wrong_alphas_are_refused(tmp_path: Path, alpha: np.ndarray) -> None:
    with pytest.raises(ValueShapeError, match="expected"):
        write_alpha(tmp_path / "a.exr", alpha, PLATE)
