"""Where patches are cut: every unknown pixel is covered, whatever the shape of the band and the frame."""

from __future__ import annotations

import math
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semantic_matte.patches import COVERS, REGION_MARGIN, cover, even_cover, middle, regions, tiles
from semantic_matte.types import BoolArray, Box

SIZES = st.one_of(
    st.tuples(st.integers(1, 150), st.integers(1, 150)),
    st.tuples(st.just(1), st.integers(1, 300)),
    st.tuples(st.integers(1, 300), st.just(1)),
)


def covered(boxes: list[Box], height: int, width: int) -> BoolArray:
    """(H, W) bool: pixels of the frame in at least one box."""
    result = np.zeros((height, width), np.bool_)
    for box in boxes:
        result[max(box.y0, 0) : max(box.y1, 0), max(box.x0, 0) : max(box.x1, 0)] = True
    return result


def band_in(toys: Any, size: tuple[int, int], share: float, seed: int) -> tuple[BoolArray, Box, BoolArray]:
    """A band on a window of the frame, and the same on the frame."""
    random = np.random.default_rng(seed)
    height, width = size
    y0, x0 = int(random.integers(height)), int(random.integers(width))
    window = Box(x0, y0, int(random.integers(x0, width)) + 1, int(random.integers(y0, height)) + 1)
    unknown = toys.blob(window.height, window.width, seed, share)
    whole = np.zeros(size, np.bool_)
    whole[window.slices] = unknown
    return unknown, window, whole


@settings(max_examples=80, deadline=None)
@given(
    size=SIZES,
    patch_size=st.one_of(st.integers(4, 64), st.just(320)),
    share=st.floats(0.01, 1),
    seed=st.integers(0, 10_000),
)
def test_even_every_unknown_pixel_lies_in_a_middle_of_each_sample(
    toys: Any, size: tuple[int, int], patch_size: int, share: float, seed: int
) -> None:
    unknown, window, whole = band_in(toys, size, share, seed)
    patches = cover(unknown, window, size, patch_size, samples=2, seed=[seed])
    for sample in (0, 1):
        boxes = [patch.box for patch in patches if patch.sample == sample]
        assert covered([middle(box, size) for box in boxes], *size)[whole].all()
        for box in boxes:
            assert (box.width, box.height) == (patch_size, patch_size)
            for start, end, side in ((box.y0, box.y1, size[0]), (box.x0, box.x1, size[1])):
                if side >= patch_size:
                    assert 0 <= start < end <= side
                else:
                    assert start <= 0 < side <= end


@settings(max_examples=60, deadline=None)
@given(
    size=SIZES,
    patch_size=st.integers(1, 64),
    share=st.floats(0.01, 1),
    seed=st.integers(0, 10_000),
)
def test_paper_every_unknown_pixel_lies_in_a_patch_of_each_sample(
    toys: Any, size: tuple[int, int], patch_size: int, share: float, seed: int
) -> None:
    unknown, window, whole = band_in(toys, size, share, seed)
    patches = cover(unknown, window, size, patch_size, samples=2, seed=[seed], coverage="paper")
    for sample in (0, 1):
        boxes = [patch.box for patch in patches if patch.sample == sample]
        assert covered(boxes, *size)[whole].all()


@pytest.mark.parametrize("coverage", sorted(COVERS))
def test_the_seed_decides_the_boxes(toys: Any, coverage: str) -> None:
    unknown = toys.blob(200, 300, 1)
    place = (unknown, Box.of_frame(200, 300), (200, 300), 64)
    one = cover(*place, samples=3, seed=[7, 1], coverage=coverage)
    assert one == cover(*place, samples=3, seed=[7, 1], coverage=coverage)
    assert one != cover(*place, samples=3, seed=[8, 1], coverage=coverage)
    samples = [{patch.box for patch in one if patch.sample == sample} for sample in range(3)]
    assert all(first != second for first, second in combinations(samples, 2))
    # More samples leave the first ones as they are.
    more = cover(*place, samples=5, seed=[7, 1], coverage=coverage)
    assert [patch for patch in more if patch.sample < 3] == one


@pytest.mark.parametrize("coverage", sorted(COVERS))
def test_patches_come_from_top_to_bottom(toys: Any, coverage: str) -> None:
    unknown = toys.blob(200, 100, 4)
    patches = cover(unknown, Box.of_frame(200, 100), (200, 100), 32, samples=4, seed=[0], coverage=coverage)
    tops = [patch.box.y0 for patch in patches]
    assert tops == sorted(tops)
    assert {patch.sample for patch in patches} == {0, 1, 2, 3}


@pytest.mark.parametrize("coverage", sorted(COVERS))
def test_no_band_no_patches(coverage: str) -> None:
    nothing = np.zeros((10, 20), np.bool_)
    place = (nothing, Box.of_frame(10, 20), (10, 20), 8)
    assert cover(*place, samples=3, seed=[0], coverage=coverage) == []
    assert regions(*place, seed=[0]) == []


def test_even_needs_few_patches() -> None:
    # A band one pixel wide and 1,000 long: middles of 32 need at least 32; more than twice that is waste.
    unknown = np.zeros((200, 1000), np.bool_)
    unknown[100] = True
    boxes = even_cover(unknown, Box.of_frame(200, 1000), (200, 1000), 64, [0])
    assert 1000 / 32 <= len(boxes) <= 3 * 1000 / 32


@pytest.mark.parametrize(
    ("box", "frame", "expected"),
    [
        (Box(20, 20, 60, 60), (100, 100), Box(30, 30, 50, 50)),
        (Box(0, 20, 40, 60), (100, 100), Box(0, 30, 30, 50)),
        (Box(60, 60, 100, 100), (100, 100), Box(70, 70, 100, 100)),
        (Box(-10, -10, 30, 30), (20, 20), Box(-10, -10, 30, 30)),
    ],
)
def test_the_middle_is_the_inner_half_and_reaches_to_the_frames_edge(
    box: Box, frame: tuple[int, int], expected: Box
) -> None:
    assert middle(box, frame) == expected


@settings(max_examples=60, deadline=None)
@given(size=SIZES, patch_size=st.integers(8, 200), share=st.floats(0.01, 1), seed=st.integers(0, 10_000))
def test_regions_cover_every_unknown_pixel_in_bounded_boxes(
    toys: Any, size: tuple[int, int], patch_size: int, share: float, seed: int
) -> None:
    unknown, window, whole = band_in(toys, size, share, seed)
    boxes = [patch.box for patch in regions(unknown, window, size, patch_size, seed=[seed])]
    assert covered(boxes, *size)[whole].all()
    frame = Box.of_frame(*size)
    for box in boxes:
        assert box.intersection(frame) == box
        assert box.area <= patch_size**2
    assert [box.y0 for box in boxes] == sorted(box.y0 for box in boxes)


def test_parts_apart_are_regions_apart() -> None:
    unknown = np.zeros((200, 300), np.bool_)
    unknown[10:20, 10:50] = True
    unknown[100:120, 200:210] = True
    unknown[100:120, 230:240] = True
    boxes = [patch.box for patch in regions(unknown, Box.of_frame(200, 300), (200, 300), 300, seed=[0])]
    assert len(boxes) == 3
    for box, part in zip(boxes, [(10, 10, 50, 20), (200, 100, 210, 120), (230, 100, 240, 120)], strict=True):
        assert box.intersection(Box(*part)) == Box(*part)
        assert box.area <= Box(*part).padded(REGION_MARGIN + 2).area
    assert all(one.intersection(other) is None for one, other in combinations(boxes, 2))


def test_a_ring_and_what_it_encloses_come_as_one() -> None:
    unknown = np.zeros((100, 100), np.bool_)
    unknown[10:90, 10:90] = True
    unknown[15:85, 15:85] = False
    unknown[45:55, 45:55] = True
    boxes = [patch.box for patch in regions(unknown, Box.of_frame(100, 100), (100, 100), 200, seed=[0])]
    assert len(boxes) == 1


def test_a_region_at_the_frames_edge_is_clipped_and_keeps_its_margin_elsewhere() -> None:
    unknown = np.zeros((50, 60), np.bool_)
    unknown[:10, :10] = True
    window = Box(40, 30, 100, 80)
    (patch,) = regions(unknown, window, (80, 100), 100, seed=[0])
    part = Box(40, 30, 50, 40).padded(REGION_MARGIN)
    assert patch.box.intersection(part) == part
    (patch,) = regions(unknown, Box.of_frame(50, 60), (50, 60), 100, seed=[0])
    assert (patch.box.x0, patch.box.y0) == (0, 0)


def test_a_large_region_is_cut_with_middles_over_all_of_it() -> None:
    rows, columns = np.indices((300, 400))
    unknown = np.abs(np.hypot(rows - 150, columns - 200) - 120) < 12
    boxes = [patch.box for patch in regions(unknown, Box.of_frame(300, 400), (300, 400), 96, seed=[3])]
    assert len(boxes) > 4
    assert all(box.area <= 96**2 for box in boxes)
    assert covered([middle(box, (300, 400)) for box in boxes], 300, 400)[unknown].all()


@settings(max_examples=60, deadline=None)
@given(
    size=SIZES,
    area=st.integers(1, 60_000),
    overlap=st.integers(0, 60),
    share=st.floats(0.01, 1),
    seed=st.integers(0, 10_000),
)
def test_tiles_hold_the_band(
    toys: Any, size: tuple[int, int], area: int, overlap: int, share: float, seed: int
) -> None:
    unknown, window, on_frame = band_in(toys, size, share, seed)
    found = tiles(unknown, window, size, 96, area, overlap)
    boxes = [patch.box for patch in found]
    assert {patch.sample for patch in found} <= {0}
    assert len({(box.height, box.width) for box in boxes}) <= 1
    assert boxes == sorted(boxes, key=lambda box: (box.y0, box.x0))
    band = Box.around(on_frame)
    if band is None:
        assert boxes == []
        return
    around = band.padded(8).intersection(Box.of_frame(*size))
    assert around is not None
    assert all(box.area <= area and around.intersection(box) == box for box in boxes)
    assert all(on_frame[box.slices].any() for box in boxes)
    assert (boxes == [around]) == (around.area <= area)
    # Where a tile ends within the band, a neighbour sees on for half of what they share.
    reach = min(overlap, math.isqrt(area) // 4) // 2
    inner = [
        Box(
            box.x0 + reach * (box.x0 > around.x0),
            box.y0 + reach * (box.y0 > around.y0),
            box.x1 - reach * (box.x1 < around.x1),
            box.y1 - reach * (box.y1 < around.y1),
        )
        for box in boxes
    ]
    assert covered(inner, *size)[on_frame].all()


def test_one_tile_shows_what_lies_around_the_band() -> None:
    unknown = np.zeros((50, 60), np.bool_)
    unknown[20:30, 20:30] = True
    (patch,) = tiles(unknown, Box(100, 200, 160, 250), (400, 400), 96, 10_000, 50)
    assert patch.box == Box(120, 220, 130, 230).padded(8)


def test_few_tiles_are_taken() -> None:
    """A frame of 4K in tiles of HD; and the edge of a large object, with no tile in its middle."""
    unknown = np.ones((2160, 3840), np.bool_)
    assert len(tiles(unknown, Box(0, 0, 3840, 2160), (2160, 3840), 640, 1920 * 1088, 384)) == 6
    unknown[100:-100, 100:-100] = False
    boxes = [patch.box for patch in tiles(unknown, Box(0, 0, 3840, 2160), (2160, 3840), 640, 400_000, 384)]
    assert covered(boxes, 2160, 3840)[unknown].all()
    assert not covered(boxes, 2160, 3840)[1080, 1920]
