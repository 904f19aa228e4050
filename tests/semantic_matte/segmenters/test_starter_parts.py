"""The starter's own arithmetic: boxes of several looks, tiles, and who keeps a pixel."""

from __future__ import annotations

import numpy as np
import pytest

import semantic_matte as sm
from semantic_matte.segmenters import starter_boxes
from semantic_matte.segmenters.overlap import iou_with, without_duplicates
from semantic_matte.segmenters.picture import shown
from semantic_matte.segmenters.starter_boxes import Detection, Look
from semantic_matte.segmenters.starter_masks import beyond_the_frame, enlarged, settle
from semantic_matte.types import Box, FloatArray, Instance

PLATE = sm.Plate(np.zeros((40, 60, 3), np.float32))


def test_iou() -> None:
    others = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [10, 0, 20, 10], [3, 3, 3, 9]], float)
    np.testing.assert_allclose(iou_with(others[0], others), [1, 1 / 3, 0, 0])


def test_of_duplicates_the_surest_is_kept() -> None:
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 9], [30, 0, 40, 10], [0, 0, 10, 4]], float)
    assert without_duplicates(boxes, np.array([0.5, 0.9, 0.3, 0.4]), 0.6) == [1, 3, 2]


FRAME = Box(0, 0, 500, 400)


def look(scale: float, *rows: tuple[float, tuple[float, ...]], window: Box = FRAME) -> Look:
    """Sees the class 0 with these scores and corners."""
    corners = np.array([corners for _, corners in rows], float).reshape(-1, 4)
    return Look(window, scale, np.zeros(len(rows), np.int64), np.array([score for score, _ in rows]), corners)


def test_looks_that_agree_are_one_box_between_them() -> None:
    one, near, far = (0, 0, 100, 100), (4, 0, 104, 100), (300, 0, 400, 100)
    (first, second) = starter_boxes._agreed([look(1, (0.8, one), (0.6, far)), look(1, (0.4, near))], 0, 0.05)
    np.testing.assert_allclose(second[1], far)
    # Nearer to the surer one, and not at it.
    assert 0.5 < first[1][0] < 1.5
    assert first[1][2] == pytest.approx(first[1][0] + 100)
    np.testing.assert_allclose(first[1][1::2], [0, 100])
    # Half the surest, half the mean of both looks.
    assert first[0] == pytest.approx(0.5 * 0.8 + 0.5 * 0.6)
    assert second[0] == pytest.approx(0.5 * 0.6 + 0.5 * 0.3)
    assert starter_boxes._agreed([look(1, (0.8, one))], 1, 0.05) == []


def test_a_look_that_could_not_see_it_does_not_speak_against_it() -> None:
    small = (10, 10, 34, 34)
    # 24 pixels: of the 48 that it takes, the whole in the first look and a tenth in the second.
    ((score, _),) = starter_boxes._agreed([look(2, (0.6, small)), look(0.2)], 0, 0.05)
    assert score == pytest.approx(0.5 * 0.6 + 0.5 * 0.6 / 1.1)
    # Nor does a tile elsewhere, nor one that did not take it because it cuts it.
    for window in (Box(250, 0, 500, 400), Box(0, 0, 250, 400)):
        ((score, _),) = starter_boxes._agreed([look(2, (0.6, small)), look(2, window=window)], 0, 0.05)
        assert score == pytest.approx(0.6)


def test_two_boxes_of_one_look_do_not_count_twice() -> None:
    ((score, _),) = starter_boxes._agreed([look(1, (0.5, (0, 0, 90, 90)), (0.4, (0, 0, 92, 90)))], 0, 0.05)
    assert score == pytest.approx(0.5)


def test_an_empty_box_ends_the_search() -> None:
    agreed = starter_boxes._agreed([look(1, (0.5, (5, 5, 5, 5)), (0.4, (5, 5, 5, 5)))], 0, 0.05)
    assert len(agreed) == 2


@pytest.mark.parametrize(
    ("size", "count"), [((480, 640), 0), ((1080, 1200), 0), ((1080, 1920), 4), ((2160, 3840), 9)]
)
def test_tiles_cover_a_large_frame(size: tuple[int, int], count: int) -> None:
    plate = sm.Plate(np.zeros((*size, 3), np.float32))
    tiles = starter_boxes._tiles(plate)
    assert len(tiles) == count
    seen = np.zeros(size, bool)
    for tile in tiles:
        assert tile.intersection(plate.box) == tile
        seen[tile.slices] = True
    assert seen.all() or not tiles


def test_what_a_tile_cuts_is_left_to_others() -> None:
    frame, tile = Box(0, 0, 200, 100), Box(0, 0, 120, 100)
    corners = np.array([[0, 0, 50, 100], [60, 10, 119, 90], [60, 10, 110, 90]], float)
    # The frame's own border cuts nothing.
    assert starter_boxes._cut(corners, tile, frame).tolist() == [False, True, False]
    right = np.array([[81, 10, 150, 90], [95, 10, 200, 90]], float)
    assert starter_boxes._cut(right, Box(80, 0, 200, 100), frame).tolist() == [True, False]


def test_boxes_reach_the_edge_that_they_all_but_touch() -> None:
    assert starter_boxes._snapped(np.array([1.0, 10, 56, 39.5]), (40, 60)) == (0.0, 10.0, 56.0, 40.0)
    assert starter_boxes._snapped(np.array([-4.0, 10, 50, 44]), (40, 60)) == (-4.0, 10.0, 50.0, 44.0)


@pytest.mark.parametrize(
    ("corners", "told", "window"),
    [
        # The frame is 40 high and 60 wide. Nothing cut: the box with a fifth of its sides around it.
        ((10, 10, 30, 20), (10, 10, 30, 20), Box(6, 8, 34, 22)),
        ((0, 10, 20, 20), (-1, 10, 20, 20), Box(-2, 8, 24, 22)),
        ((10, -1, 30, 19), (10, -2, 30, 19), Box(6, -2, 34, 23)),
        ((40, 20, 60, 40), (40, 20, 61, 41), Box(36, 16, 62, 42)),
    ],
)
def test_a_box_that_the_frame_cuts_goes_on_beyond_it(
    corners: tuple[float, float, float, float], told: tuple[float, float, float, float], window: Box
) -> None:
    found, around = beyond_the_frame(corners, (40, 60))
    assert found == pytest.approx(told)
    assert around == window


def test_a_crop_beyond_the_frame_shows_its_mirror_image() -> None:
    ramp = np.broadcast_to(np.linspace(0, 0.8, 60, dtype=np.float32)[:, None], (40, 60, 3))
    plate = sm.Plate(np.ascontiguousarray(ramp))
    crop = shown(plate, Box(-10, 0, 30, 40), (40, 40))
    np.testing.assert_allclose(crop[:, :10], crop[:, 19:9:-1])
    np.testing.assert_array_equal(crop[:, 10:], shown(plate, Box(0, 0, 30, 40), (30, 40)))


def test_of_a_crop_beyond_the_frame_what_is_inside_is_kept() -> None:
    sure = np.zeros((4, 4), np.float32)
    sure[:, 2:] = 1
    box, claim = enlarged(sure, Box(-20, 0, 20, 40), PLATE.box)
    assert box == Box(0, 0, 20, 40)
    assert claim.shape == (40, 20)
    assert claim[:, 5:].min() == 1


def claim(x0: int, x1: int, value: float) -> tuple[Box, FloatArray]:
    """Rows 10 to 30 of the plate, columns x0 to x1."""
    return Box(x0, 10, x1, 30), np.full((20, x1 - x0), value, np.float32)


def settled(*rows: tuple[str, float, tuple[Box, FloatArray]]) -> list[Instance]:
    detections = [Detection(label, score, (0, 0, 1, 1)) for label, score, _ in rows]
    return settle(PLATE, detections, [one for _, _, one in rows])


def test_a_contested_pixel_goes_to_who_is_surer() -> None:
    # Log-odds of claim and score together: 2.2 + 0.8 for the first, 1.4 + 0.4 for the second.
    first, second = settled(("cat", 0.7, claim(0, 30, 0.9)), ("dog", 0.6, claim(20, 50, 0.8)))
    assert first.box == Box(0, 10, 30, 30)
    assert second.box == Box(30, 10, 50, 30)
    # A surer claim outweighs a somewhat surer detection: 0.8 + 0.8 against 2.9 + 0.4.
    first, second = settled(("cat", 0.7, claim(0, 30, 0.7)), ("dog", 0.6, claim(20, 50, 0.95)))
    assert first.box == Box(0, 10, 20, 30)
    assert second.box == Box(20, 10, 50, 30)


def test_equals_share_nothing_either() -> None:
    first, second = settled(("cat", 0.5, claim(0, 30, 0.9)), ("dog", 0.5, claim(20, 50, 0.9)))
    assert not (first.mask & second.mask).any()
    assert (first.mask | second.mask)[15, :50].all()


def test_what_is_hardly_credible_takes_nothing() -> None:
    first, second = settled(("cat", 0.7, claim(0, 30, 0.7)), ("dog", 0.1, claim(20, 50, 0.99)))
    assert first.box == Box(0, 10, 30, 30)
    assert second.box == Box(20, 10, 50, 30)


def test_one_object_under_two_names_is_one() -> None:
    assert [
        one.label for one in settled(("cup", 0.7, claim(0, 40, 0.9)), ("bowl", 0.6, claim(2, 40, 0.9)))
    ] == ["cup"]
    # Two that are only half the same are two.
    assert len(settled(("cup", 0.7, claim(0, 40, 0.9)), ("bowl", 0.6, claim(16, 56, 0.9)))) == 2


def test_a_part_of_the_same_name_is_no_second_object() -> None:
    whole, part = claim(0, 60, 0.9), claim(10, 25, 0.95)
    assert len(settled(("person", 0.7, whole), ("person", 0.6, part))) == 1
    assert len(settled(("person", 0.7, whole), ("tie", 0.6, part))) == 2


def test_what_hardly_anything_is_left_of_goes() -> None:
    kept = settled(("cat", 0.9, claim(0, 40, 0.95)), ("dog", 0.3, claim(10, 42, 0.7)))
    assert [one.label for one in kept] == ["cat"]


def test_a_claim_that_is_nowhere_sure_is_no_object() -> None:
    assert settled(("cat", 0.9, claim(0, 40, 0.45))) == []
