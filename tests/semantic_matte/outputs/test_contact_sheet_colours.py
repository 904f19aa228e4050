"""Composites on the contact sheet without the old background at their edges."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from semantic_matte.foregrounds.blur_fusion import BlurFusion
from semantic_matte.outputs import sheet_pictures as pictures
from semantic_matte.outputs.contact_sheet import draw_contact_sheet, write_contact_sheet
from semantic_matte.types import Box, Instance, Matte, Plate


def red_disc_over_green() -> tuple[Plate, Matte]:
    """Even colours, a wide soft edge: what is green in a cut-out has bled."""
    rows, columns = np.indices((400, 600))
    alpha = np.clip((140 - np.hypot(rows - 200, columns - 300)) / 60 + 0.5, 0, 1).astype(np.float32)
    share = alpha[..., np.newaxis]
    pixels = share * np.array([0.6, 0.05, 0.05], np.float32) + (1 - share) * np.array([0, 0.8, 0], np.float32)
    window = Box.around(alpha > 0)
    assert window is not None
    instance = Instance.from_mask(alpha > 0.5, "balloon", 0.9)
    return Plate(pixels), Matte(instance, np.ascontiguousarray(alpha[window.slices]), window)


def greenest(picture: np.ndarray) -> int:
    """By how much, in bytes, a pixel's green is beyond its red and its blue at most."""
    values = picture.astype(int)
    return int((values[..., 1] - values[..., [0, 2]].max(axis=-1)).max())


def cut_out_panel(sheet: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The third panel: below the first, at the left."""
    top, width, height = 76 + 50 + size[1] + 12, *size
    return sheet[top : top + height + 60, 40 : 40 + width]


def test_cut_outs_are_clean_with_unmixing_and_not_without() -> None:
    plate, matte = red_disc_over_green()
    size = pictures.fitted_size(plate, 908, 640)
    bled, clean = (
        np.asarray(draw_contact_sheet(plate, [matte], unmix)) for unmix in (None, BlurFusion().estimate)
    )
    assert greenest(cut_out_panel(bled, size)) > 30
    assert greenest(cut_out_panel(clean, size)) < 12


def test_close_ups_are_clean_too() -> None:
    plate, matte = red_disc_over_green()
    part = Box(120, 100, 270, 200)
    bled = pictures.displayed(pictures.close_up(plate, matte, part, (450, 300)))
    clean = pictures.displayed(pictures.close_up(plate, matte, part, (450, 300), BlurFusion().estimate))
    assert greenest(np.asarray(bled)) > 40
    assert greenest(np.asarray(clean)) < 12


def test_light_that_no_sheet_can_show_is_clipped() -> None:
    plate, matte = red_disc_over_green()
    part = Box(120, 100, 270, 200)
    below, black, beyond, brightest = (
        pictures.close_up(
            plate, matte, part, (150, 100), lambda light, _alpha, to=level: np.full_like(light, to)
        )
        for level in (-3, 0, 1e6, 16)
    )
    np.testing.assert_array_equal(below, black)
    np.testing.assert_array_equal(beyond, brightest)


def test_plate_and_objects_are_shown_as_they_are() -> None:
    """Unmixing changes composites alone, and is done once, at the sheet's size."""
    plate, matte = red_disc_over_green()
    shapes = []

    def unmix(light: np.ndarray, alpha: np.ndarray) -> np.ndarray:
        shapes.append((light.shape, light.dtype, alpha.shape, alpha.dtype))
        return np.full_like(light, -3)

    size = pictures.fitted_size(plate, 908, 640)
    plain, changed = (np.asarray(draw_contact_sheet(plate, [matte], one)) for one in (None, unmix))
    assert shapes[0] == ((size[1], size[0], 3), np.float32, (size[1], size[0]), np.float32)
    top = 126
    np.testing.assert_array_equal(plain[:top], changed[:top])
    np.testing.assert_array_equal(plain[top : top + size[1]], changed[top : top + size[1]])
    assert (plain[top + size[1] :] != changed[top + size[1] :]).any()


def test_nothing_found_needs_no_unmixing(tmp_path: Path) -> None:
    def never(_light: np.ndarray, _alpha: np.ndarray) -> np.ndarray:
        raise AssertionError

    plate, _ = red_disc_over_green()
    write_contact_sheet(tmp_path / "c.png", plate, [], unmix=never)
    assert (tmp_path / "c.png").stat().st_size > 0
