"""The contact sheet: that it shows what it says, for any plate and any number of objects."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from semantic_matte.errors import OutputError
from semantic_matte.outputs import sheet_pictures as pictures
from semantic_matte.outputs.contact_sheet import draw_contact_sheet, write_contact_sheet
from semantic_matte.outputs.names import slot_names
from semantic_matte.outputs.sheet_style import writable
from semantic_matte.outputs.sheet_tags import place_tag
from semantic_matte.types import Box, Plate


def plate_of(height: int, width: int, **values) -> Plate:
    pixels = np.random.default_rng(0).random((height, width, 3), dtype=np.float32)
    return Plate(pixels, **values)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5, 12, 13])
def test_any_number_of_objects(tmp_path: Path, make_matte, count: int) -> None:
    plate = plate_of(300, 400)
    slots = slot_names(["person"] * count)
    mattes = [
        make_matte(plate.size, Box(10 * n, 5 * n, 10 * n + 90, 5 * n + 120), slot)
        for n, slot in enumerate(slots)
    ]
    write_contact_sheet(tmp_path / "c.png", plate, mattes)
    write_contact_sheet(tmp_path / "again.png", plate, mattes)
    assert (tmp_path / "c.png").read_bytes() == (tmp_path / "again.png").read_bytes()
    with Image.open(tmp_path / "c.png") as sheet:
        assert sheet.mode == "RGB"
        assert 1280 <= sheet.width <= 1920


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (900, 1), (7, 5), (300, 200), (90, 400)])
@pytest.mark.parametrize("aspect", [1.0, 2.0])
def test_any_plate(make_matte, size: tuple[int, int], aspect: float) -> None:
    plate = plate_of(*size, pixel_aspect=aspect)
    sheet = draw_contact_sheet(plate, [make_matte(size, Box(0, 0, size[1], size[0]))])
    assert sheet.width <= 1920


def test_two_hundred_objects_take_seconds(make_matte) -> None:
    plate = plate_of(1080, 1920)
    random = np.random.default_rng(3)
    corners = zip(random.integers(0, 1700, 200), random.integers(0, 800, 200), strict=True)
    mattes = [
        make_matte(plate.size, Box(int(x), int(y), int(x) + 200, int(y) + 250), slot)
        for (x, y), slot in zip(corners, slot_names(["person"] * 200), strict=True)
    ]
    start = time.perf_counter()
    draw_contact_sheet(plate, mattes)
    assert time.perf_counter() - start < 30


@pytest.mark.parametrize(
    ("size", "window"),
    [
        ((100, 160), Box(0, 0, 160, 100)),
        ((1000, 1600), Box(333, 211, 1111, 777)),
        ((1000, 1600), Box(0, 990, 7, 1000)),
        ((60, 80), Box(20, 10, 79, 60)),
    ],
)
def test_a_small_matte_is_the_average_of_the_whole_one(make_matte, size: tuple[int, int], window: Box) -> None:
    matte = make_matte(size, window)
    small = pictures.small_matte(matte, 0, (160, 100), "person")
    panel = np.zeros((100, 160), np.float32)
    panel[small.window.slices] = small.alpha
    whole = Image.fromarray(matte.alpha)
    method = Image.Resampling.BICUBIC if size[0] < 100 else Image.Resampling.BOX
    expected = np.asarray(whole.resize((160, 100), method)).clip(0, 1)
    np.testing.assert_allclose(panel, expected, atol=0.02 if size[0] < 100 else 1e-3)


def test_composites_are_made_in_linear_light() -> None:
    plate, background = np.ones((1, 1, 3), np.float32), np.zeros((1, 1, 3), np.float32)
    half = np.full((1, 1, 1), 0.5, np.float32)
    shown = pictures.displayed(pictures.over(plate, half, background)).getpixel((0, 0))
    assert shown == (188, 188, 188)


def test_over_keeps_solid_plate_and_clear_background() -> None:
    plate, background = np.full((2, 2, 3), 3.0, np.float32), pictures.sky((2, 2))
    solid, clear = np.ones((2, 2, 1), np.float32), np.zeros((2, 2, 1), np.float32)
    np.testing.assert_allclose(pictures.over(plate, solid, background), plate)
    np.testing.assert_allclose(pictures.over(plate, clear, background), background)


def test_the_plate_panel_shows_the_plate(make_matte) -> None:
    # 640 high and 908 wide, the panel's limits: shown pixel by pixel.
    pixels = np.random.default_rng(0).random((600, 908, 3), dtype=np.float32)
    plate = Plate(pixels)
    assert pictures.fitted_size(plate, 908, 640) == (908, 600)
    sheet = np.asarray(draw_contact_sheet(plate, [make_matte(plate.size, Box(9, 9, 400, 500))]))
    expected = np.asarray(pictures.displayed(pixels))
    np.testing.assert_array_equal(sheet[126 : 126 + 600, 40 : 40 + 908], expected)


def test_the_softest_part_holds_the_soft_edge(make_matte) -> None:
    matte = make_matte((600, 800), Box(100, 100, 700, 500))
    matte.crop[:] = 1
    matte.crop[380:390, 500:520] = 0.5
    part = pictures.softest_part(matte, (150, 120))
    soft = Box(600, 480, 620, 490)
    assert (part.width, part.height) == (150, 120)
    assert part.intersection(soft) == soft


def test_tags_do_not_overlap_when_there_is_room(make_matte) -> None:
    size = (400, 600)
    taken: list[Box] = []
    for n in range(6):
        matte = make_matte(size, Box(100, 50, 500, 350))
        small = pictures.small_matte(matte, n, (600, 400), "person")
        box, free = place_tag(small, (110, 23), (600, 400), taken)
        assert free
        assert all(box.intersection(other) is None for other in taken)
        assert small.window.intersection(box) == box
        taken.append(box)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("person", "person"),
        ("Café au lait", "cafe au lait"),
        ("日本", "object"),
        ("x" * 40, "x" * 21 + "..."),
    ],
)
def test_labels_that_the_font_lacks_are_spelled_plainly(text: str, shown: str) -> None:
    assert writable(text) == shown


def test_only_png(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"ends in \.png"):
        write_contact_sheet(tmp_path / "c.jpg", plate_of(4, 4), [])
    assert list(tmp_path.iterdir()) == []
