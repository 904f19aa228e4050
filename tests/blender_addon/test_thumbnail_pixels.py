"""Thumbnails: which pixels, where, how they look; and that other programs read the files."""

from __future__ import annotations

import io

import numpy as np
import pytest
from blender_addon.thumbnail_pixels import SIDE, png, thumbnail
from PIL import Image


def flat(height: int, width: int, value: float, channels: int = 3) -> np.ndarray:
    return np.full((height, width, channels), value, np.float32)


class TestThumbnail:
    @pytest.mark.parametrize("size", [(40, 60), (700, 1000), (2160, 3840)])
    def test_an_even_plate_stays_even(self, size: tuple[int, int]) -> None:
        picture = thumbnail(flat(*size, 0.5), (size[1] // 4, size[0] // 4, size[1] // 2, size[0] // 2))
        assert picture.shape == (SIDE, SIDE, 4)
        assert picture.dtype == np.uint8
        # .5 of light is 188 of 255 in sRGB.
        assert np.unique(picture[..., :3]).tolist() == [188]
        assert np.unique(picture[..., 3]).tolist() == [255]

    def test_it_is_the_box_with_a_margin(self) -> None:
        pixels = flat(300, 400, 0.0)
        pixels[100:200, 150:250, 1] = 1.0
        picture = thumbnail(pixels, (150, 100, 250, 200))
        green = picture[..., 1] > 127
        ys, xs = np.nonzero(green)
        margin = round(SIDE * 0.08 / 1.16)
        assert abs(int(ys.min()) - margin) <= 1
        assert abs(int(xs.min()) - margin) <= 1
        assert abs(int(ys.max()) - (SIDE - 1 - margin)) <= 1
        assert abs(int(xs.max()) - (SIDE - 1 - margin)) <= 1

    def test_neither_mirrored_nor_turned(self) -> None:
        pixels = flat(200, 200, 0.0)
        pixels[60:100, 60:100, 0] = 1.0
        pixels[60:100, 100:140, 1] = 1.0
        pixels[100:140, 60:100, 2] = 1.0
        picture = thumbnail(pixels, (60, 60, 140, 140))
        near, far = SIDE // 4, SIDE * 3 // 4
        assert picture[near, near].tolist() == [255, 0, 0, 255]
        assert picture[near, far].tolist() == [0, 255, 0, 255]
        assert picture[far, near].tolist() == [0, 0, 255, 255]

    def test_outside_the_plate_it_is_transparent(self) -> None:
        picture = thumbnail(flat(100, 100, 1.0), (0, 40, 60, 60))
        assert picture[0, SIDE // 2, 3] == 255
        assert picture[SIDE // 2, 0, 3] == 0
        assert picture[SIDE // 2, SIDE // 2].tolist() == [255, 255, 255, 255]

    def test_a_tall_box_is_not_squeezed(self) -> None:
        pixels = flat(400, 400, 0.0)
        pixels[50:350, 190:210] = 1.0
        white = thumbnail(pixels, (190, 50, 210, 350))[..., 0] > 127
        height, width = white.any(1).sum(), white.any(0).sum()
        assert 10 < height / width < 20

    def test_values_that_no_screen_shows(self) -> None:
        pixels = flat(64, 64, 0.2, channels=4)
        pixels[0:16], pixels[16:32], pixels[32:48], pixels[48:64] = np.nan, np.inf, -5.0, 1000.0
        picture = thumbnail(pixels, (0, 0, 64, 64))
        shown = [int(picture[y, SIDE // 2, 0]) for y in (24, 50, 78, 104)]
        assert shown == [0, 255, 0, 255]

    def test_a_pixel_enlarged(self) -> None:
        pixels = flat(9, 9, 0.0)
        pixels[4, 4] = 1.0
        picture = thumbnail(pixels, (4, 4, 5, 5))
        assert picture[SIDE // 2, SIDE // 2, 0] == 255
        assert picture[0, 0, 0] < 255

    def test_light_is_averaged_and_not_its_code(self) -> None:
        pixels = flat(600, 600, 0.0)
        pixels[::2] = 1.0
        shown = thumbnail(pixels, (100, 100, 400, 400))[..., 0]
        # Half of the light is 188, half of the codes would be 127.
        assert 183 <= shown.mean() <= 190
        assert shown.min() > 150

    def test_of_a_large_one_pixels_may_be_left_out(self) -> None:
        pixels = np.repeat(np.linspace(0, 1, 4000, dtype=np.float32)[:, None, None], 4000, 1).repeat(3, 2)
        shown = thumbnail(pixels, (400, 400, 3600, 3600))[:, SIDE // 2, 0].astype(int)
        assert (np.diff(shown) >= 0).all()
        middle = 255 * (1.055 * 0.5 ** (1 / 2.4) - 0.055)
        assert abs(shown[SIDE // 2 - 1 : SIDE // 2 + 1].mean() - middle) < 1.5

    @pytest.mark.parametrize(
        ("pixels", "box"),
        [
            (flat(10, 10, 0.0), (5, 5, 5, 8)),
            (flat(10, 10, 0.0), (10, 0, 12, 4)),
            (flat(10, 10, 0.0), (-4, 0, 0, 4)),
            (flat(10, 10, 0.0, channels=1), (0, 0, 4, 4)),
            (np.zeros((10, 10), np.float32), (0, 0, 4, 4)),
        ],
    )
    def test_what_is_none_is_refused(self, pixels: np.ndarray, box: tuple[int, ...]) -> None:
        with pytest.raises(ValueError, match="expected"):
            thumbnail(pixels, box)


class TestPng:
    def test_another_program_reads_the_same(self) -> None:
        picture = np.random.default_rng(0).integers(0, 256, (5, 7, 4)).astype(np.uint8)
        image = Image.open(io.BytesIO(png(picture)))
        image.verify()
        image = Image.open(io.BytesIO(png(picture)))
        assert image.format == "PNG"
        assert image.mode == "RGBA"
        np.testing.assert_array_equal(np.asarray(image), picture)

    @pytest.mark.parametrize("picture", [np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4, 4), np.float32)])
    def test_what_is_no_picture_is_refused(self, picture: np.ndarray) -> None:
        with pytest.raises(ValueError, match="expected"):
            png(picture)
