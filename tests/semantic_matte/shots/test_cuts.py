"""A cut is told from a flash, a fade, a fast pan and a whip pan; bars and titles do not hide it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
import pytest

from semantic_matte.shots.cuts import CutFinder, followed_share
from semantic_matte.shots.flow import FlowPicture, flow_between, flow_picture
from semantic_matte.shots.picture_shelf import PictureShelf
from semantic_matte.shots.small_pictures import colour_map
from semantic_matte.types import FloatArray, Plate

HEIGHT, WIDTH = 180, 320


def surface(seed: int, colour: Sequence[float]) -> FloatArray:
    """(HEIGHT, 4 * WIDTH, 3) float32: shapes of all sizes."""
    rng = np.random.default_rng(seed)
    picture = np.full((HEIGHT, 4 * WIDTH, 3), colour, dtype=np.float32)
    for _ in range(300):
        place = int(rng.integers(4 * WIDTH)), int(rng.integers(HEIGHT))
        tint = np.clip(np.asarray(colour) + rng.normal(0, 0.2, 3), 0.02, 1).tolist()
        cv2.ellipse(picture, place, rng.integers(3, 40, 2).tolist(), float(rng.integers(180)), 0, 360, tint, -1)
    return picture


ONE, OTHER = surface(1, (0.4, 0.3, 0.2)), surface(2, (0.2, 0.3, 0.5))


def view(picture: FloatArray, x: int = 0) -> FloatArray:
    return np.ascontiguousarray(picture[:, x : x + WIDTH])


def kinds(pictures: Sequence[FloatArray]) -> tuple[list[str], list[int]]:
    with PictureShelf() as shelf:
        finder = CutFinder(shelf)
        found = []
        for pixels in pictures:
            plate = Plate(np.ascontiguousarray(pixels, dtype=np.float32))
            shelf.add(flow_picture(plate))
            found.append(finder.look(colour_map(plate)).kind)
        return found, finder.cuts


def test_a_cut_is_found_where_it_is() -> None:
    found, cuts = kinds(
        [view(ONE, 4 * step) for step in range(3)] + [view(OTHER, 4 * step) for step in range(3)]
    )
    assert cuts == [3]
    assert found == ["goes on"] * 3 + ["new"] + ["goes on"] * 2


@pytest.mark.parametrize("speed", [3, 20, 90])
def test_a_pan_is_no_cut_however_fast(speed: int) -> None:
    assert kinds([view(ONE, speed * step) for step in range(4)])[1] == []


@pytest.mark.parametrize("length", [1, 2])
@pytest.mark.parametrize("make", [lambda one: one * 6 + 0.5, lambda one: one * 0, lambda one: one * 0 + 9])
def test_a_flash_is_no_cut(length: int, make: Callable[[Any], Any]) -> None:
    steady = [view(ONE, 2 * step) for step in range(6)]
    flash = [make(one) if 2 <= place < 2 + length else one for place, one in enumerate(steady)]
    assert kinds(flash)[1] == []


@pytest.mark.parametrize("length", [1, 2])
def test_a_picture_that_only_interrupts_is_no_cut(length: int) -> None:
    found, cuts = kinds([view(ONE)] * 2 + [view(OTHER)] * length + [view(ONE, 4)] * 2)
    assert cuts == []
    assert found[2] == "new"
    assert found[2 + length :] == ["back", "goes on"]


def test_a_scene_that_lasts_is_no_interruption() -> None:
    pictures = [view(ONE)] * 2 + [view(OTHER)] * 5 + [view(ONE)] * 2
    assert kinds(pictures)[1] == [2, 7]


def test_a_fade_through_black_is_one_cut_where_the_new_scene_shows() -> None:
    out = [view(ONE) * level for level in (1.0, 0.3, 0.05, 0.0, 0.0)]
    back = [view(OTHER) * level for level in (0.3, 1.0, 1.0)]
    assert len(kinds([*out, *back])[1]) == 1
    assert kinds([*out, *back])[1][0] >= 5


def test_bars_and_a_title_do_not_hide_a_cut() -> None:
    def framed(picture: FloatArray) -> FloatArray:
        framed_picture = picture.copy()
        framed_picture[:24], framed_picture[-24:] = 0, 0
        for left in range(8, 60, 8):
            framed_picture[HEIGHT - 16 : HEIGHT - 6, left : left + 4] = 1
        return framed_picture

    assert kinds([framed(view(ONE))] * 2 + [framed(view(OTHER))] * 2)[1] == [2]


def test_followed_share_is_a_share() -> None:
    one, other = (flow_picture(Plate(view(picture))) for picture in (ONE, OTHER))
    assert followed_share(one, one, flow_between(one, one)) == pytest.approx(1.0, abs=0.02)
    assert 0.0 <= followed_share(one, other, flow_between(one, other)) < 0.1
    plain = FlowPicture(np.full_like(one.levels, 90), one.frame_size)
    assert followed_share(plain, plain, flow_between(plain, plain)) == 0.0
