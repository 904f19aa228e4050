"""Instance mask -> trimap -> tighter trimap, for every shape that a segmenter may give."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from semantic_matte.errors import TrimapError
from semantic_matte.trimap import (
    DOUBT,
    SMALLEST_REACH,
    SOLID,
    distance_inside,
    from_alpha,
    from_instance,
    known_foreground,
    reach,
    reduced,
    yield_to_neighbours,
)
from semantic_matte.types import BACKGROUND, FOREGROUND, UNKNOWN, Box, Instance, Trimap


def instance_of(mask: np.ndarray, label: str = "person") -> Instance:
    return Instance.from_mask(mask, label, 0.9)


def on_frame(trimap: Trimap) -> np.ndarray:
    """(H, W) uint8 on the whole frame; background outside the window."""
    whole = np.full(trimap.frame_size, BACKGROUND, np.uint8)
    whole[trimap.window.slices] = trimap.levels
    return whole


def brute_distance(mask: np.ndarray) -> np.ndarray:
    """Of each true pixel to the nearest false one, pair by pair."""
    result = np.zeros(mask.shape)
    if mask.all():
        return np.full(mask.shape, np.inf)
    if mask.any():
        result[mask] = cdist(np.argwhere(mask), np.argwhere(~mask)).min(axis=1)
    return result


@settings(max_examples=40, deadline=None)
@given(
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    share=st.floats(0.02, 0.98),
    seed=st.integers(0, 10_000),
)
def test_distances_are_euclidean(toys: Any, size: tuple[int, int], share: float, seed: int) -> None:
    mask = toys.blob(*size, seed, share)
    np.testing.assert_allclose(distance_inside(mask), brute_distance(mask), rtol=1e-6)


@settings(max_examples=60, deadline=None)
@given(
    size=st.tuples(st.integers(3, 48), st.integers(3, 48)),
    share=st.floats(0.05, 0.6),
    outer=st.floats(0, 0.5),
    inner=st.floats(0, 0.5),
    seed=st.integers(0, 10_000),
)
def test_the_band_is_a_fraction_of_the_mean_box_side(
    toys: Any, size: tuple[int, int], share: float, outer: float, inner: float, seed: int
) -> None:
    mask = toys.blob(*size, seed, share)
    instance = instance_of(mask)
    outside = brute_distance(~mask)
    outer_reach = max(outer * (instance.box.width + instance.box.height) / 2, SMALLEST_REACH)
    inner_reach = max(inner * (instance.box.width + instance.box.height) / 2, SMALLEST_REACH)
    if outside.max() <= outer_reach:
        with pytest.raises(TrimapError, match="fills the whole frame"):
            from_instance(instance, outer, inner)
        return
    levels = on_frame(from_instance(instance, outer, inner))
    # Ties may fall to either side by a float's last bit.
    sure = np.abs(outside - outer_reach) > 1e-4
    np.testing.assert_array_equal((levels == BACKGROUND)[sure], (outside > outer_reach)[sure])
    # Deep pixels are known; known pixels lie in the mask; all of the rest is unknown.
    assert (levels[brute_distance(mask) > inner_reach + 1e-4] == FOREGROUND).all()
    assert not (levels == FOREGROUND)[~mask].any()
    assert (levels == FOREGROUND).any()
    assert (levels[mask] != BACKGROUND).all()


def test_inner_and_outer_apart() -> None:
    mask = np.zeros((300, 300), np.bool_)
    mask[100:200, 100:200] = True
    for outer, inner in [(0.1, 0.2), (0.3, 0.05), (0.0, 0.0)]:
        levels = on_frame(from_instance(instance_of(mask), outer, inner))
        row = levels[150]
        out, into = max(100 * outer, SMALLEST_REACH), max(100 * inner, SMALLEST_REACH)
        assert np.count_nonzero(row[:100] == UNKNOWN) == out
        assert np.count_nonzero(row[100:150] == UNKNOWN) == into


def test_reach_never_falls_below_its_least() -> None:
    assert reach(0.1, Box(0, 0, 100, 300)) == pytest.approx(20)
    assert reach(0.1, Box(0, 0, 1, 1)) == SMALLEST_REACH
    assert reach(0.0, Box(0, 0, 500, 500)) == SMALLEST_REACH


@pytest.mark.parametrize("width", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("angle", [0, 30, 45, 90])
def test_thin_parts_keep_a_ridge(width: int, angle: int) -> None:
    mask = np.zeros((420, 420), np.uint8)
    cv2.circle(mask, (120, 120), 90, 1, -1)
    end = (120 + int(260 * np.cos(np.radians(angle))), 120 + int(260 * np.sin(np.radians(angle))))
    arm = np.zeros_like(mask)
    cv2.line(arm, (120, 120), end, 1, width)
    instance = instance_of((mask | arm).astype(np.bool_))
    levels = on_frame(from_instance(instance, 0.1, 0.1))
    from_body = np.hypot(*(np.indices(arm.shape) - 120)) - 90
    far = arm.astype(np.bool_) & (from_body > 1.5 * reach(0.1, instance.box))
    ridge = far & (levels == FOREGROUND)
    assert ridge.any()
    # Along the whole arm known foreground is never farther than the arm is wide.
    gaps = cdist(np.argwhere(far), np.argwhere(ridge)).min(axis=1)
    assert gaps.max() <= width + 1


def test_a_leash_alone_keeps_its_ridge_along_its_length() -> None:
    mask = np.zeros((200, 400), np.uint8)
    points = np.array([(x, 100 + 60 * np.sin(x / 40)) for x in range(20, 380)], np.int32)
    cv2.polylines(mask, [points], False, 1, 3)
    levels = on_frame(from_instance(instance_of(mask.astype(np.bool_)), 0.1, 0.1))
    known = levels == FOREGROUND
    gaps = cdist(np.argwhere(mask), np.argwhere(known)).min(axis=1)
    assert gaps.max() <= 4


def test_no_band_along_the_cut_of_the_frame() -> None:
    mask = np.zeros((100, 160), np.bool_)
    mask[:, :80] = True
    levels = on_frame(from_instance(instance_of(mask), 0.1, 0.1))
    reach_pixels = int(reach(0.1, Box(0, 0, 80, 100)))
    assert (levels[:, : 80 - reach_pixels] == FOREGROUND).all()
    assert (levels[:, 80 - reach_pixels : 80 + reach_pixels] == UNKNOWN).all()
    assert (levels[:, 80 + reach_pixels :] == BACKGROUND).all()


def test_a_hole_has_its_own_band() -> None:
    mask = np.zeros((200, 200), np.bool_)
    mask[20:180, 20:180] = True
    mask[70:130, 70:130] = False
    levels = on_frame(from_instance(instance_of(mask), 0.1, 0.1))
    assert levels[100, 100] == BACKGROUND
    assert levels[100, 72] == UNKNOWN
    assert levels[100, 67] == UNKNOWN
    assert levels[100, 45] == FOREGROUND


def test_every_piece_keeps_known_foreground() -> None:
    mask = np.zeros((200, 300), np.bool_)
    mask[20:120, 20:120] = True
    mask[150:156, 200:290] = True
    mask[30, 250] = True
    levels = on_frame(from_instance(instance_of(mask), 0.1, 0.1))
    for piece in ((slice(20, 120), slice(20, 120)), (slice(150, 156), slice(200, 290)), (30, 250)):
        assert (levels[piece] == FOREGROUND).any()


@pytest.mark.parametrize(("size", "fits"), [((1, 2), False), ((2, 1), False), ((9, 9), True), ((40, 40), True)])
def test_a_one_pixel_object_gives_a_trimap_or_says_why_not(size: tuple[int, int], fits: bool) -> None:
    mask = np.zeros(size, np.bool_)
    mask[size[0] // 2, size[1] // 2] = True
    if not fits:
        with pytest.raises(TrimapError, match="fills the whole frame"):
            from_instance(instance_of(mask), 0.1, 0.1)
        return
    levels = on_frame(from_instance(instance_of(mask), 0.1, 0.1))
    np.testing.assert_array_equal(levels == FOREGROUND, mask)


@pytest.mark.parametrize("size", [(1, 1), (1, 30), (20, 20)])
def test_an_object_that_fills_the_frame_is_an_error_with_its_name(size: tuple[int, int]) -> None:
    with pytest.raises(TrimapError, match=r"'person' fills the whole frame.*hint"):
        from_instance(instance_of(np.ones(size, np.bool_)), 0.1, 0.1)


def test_an_object_smaller_than_the_band_keeps_its_middle() -> None:
    mask = np.zeros((60, 60), np.bool_)
    mask[28:33, 28:33] = True
    levels = on_frame(from_instance(instance_of(mask), 0.5, 0.5))
    assert levels[30, 30] == FOREGROUND
    assert levels[28, 28] == UNKNOWN


def test_the_work_follows_the_object_and_not_the_frame() -> None:
    mask = np.zeros((1000, 1500), np.bool_)
    mask[500:540, 700:760] = True
    trimap = from_instance(instance_of(mask), 0.1, 0.1)
    assert trimap.window.area < 100 * 120
    assert trimap.window.intersection(Box.of_frame(1000, 1500)) == trimap.window
    # Known background on every side, for a solver to see.
    for edge in (trimap.levels[0], trimap.levels[-1], trimap.levels[:, 0], trimap.levels[:, -1]):
        assert (edge == BACKGROUND).all()


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), share=st.floats(0.02, 0.9), depth=st.floats(0, 12))
def test_known_foreground_lies_in_the_mask_and_in_each_of_its_parts(
    toys: Any, seed: int, share: float, depth: float
) -> None:
    mask = toys.blob(40, 50, seed, share)
    known = known_foreground(mask, depth)
    assert not known[~mask].any()
    assert known.any()
    assert known[distance_inside(mask) > depth].all()


def test_a_neighbours_known_foreground_is_background_here() -> None:
    masks = np.zeros((2, 100, 200), np.bool_)
    masks[0, 20:80, 20:100], masks[1, 20:80, 100:180] = True, True
    before = [from_instance(instance_of(mask), 0.3, 0.05) for mask in masks]
    after = yield_to_neighbours(before)
    for mine, other, was in ((0, 1, before[0]), (1, 0, before[1])):
        levels, theirs = on_frame(after[mine]), on_frame(before[other])
        old = on_frame(was)
        taken = (old == UNKNOWN) & (theirs == FOREGROUND)
        assert taken.any()
        assert (levels[taken] == BACKGROUND).all()
        np.testing.assert_array_equal(levels[~taken], old[~taken])


def test_where_both_are_sure_both_stay() -> None:
    levels = np.zeros((20, 30), np.uint8)
    levels[5:15, 5:25], levels[8:12, 8:22] = UNKNOWN, FOREGROUND
    twice = [Trimap.from_levels(levels), Trimap.from_levels(levels)]
    for settled in yield_to_neighbours(twice):
        np.testing.assert_array_equal(settled.levels, levels)


def test_objects_apart_are_left_as_they_are() -> None:
    masks = np.zeros((2, 100, 300), np.bool_)
    masks[0, 20:60, 20:60], masks[1, 20:60, 220:260] = True, True
    before = [from_instance(instance_of(mask), 0.1, 0.1) for mask in masks]
    assert all(new is old for new, old in zip(yield_to_neighbours(before), before, strict=True))
    assert yield_to_neighbours([]) == []


@settings(max_examples=50, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    reach_pixels=st.floats(0, 10),
    softness=st.floats(0.5, 30),
    doubt=st.booleans(),
    limited=st.booleans(),
)
def test_the_tighter_band_holds_every_soft_pixel(
    toys: Any, seed: int, reach_pixels: float, softness: float, doubt: bool, limited: bool
) -> None:
    random = np.random.default_rng(seed)
    height, width = 60, 70
    alpha = toys.disc(height, width, *random.uniform(15, 50, 2), random.uniform(4, 30), softness)
    mask = alpha > 0.5
    previous = from_instance(instance_of(mask), 0.05, 0.05)
    alpha = alpha[previous.window.slices]
    allowed = toys.blob(*alpha.shape, seed, 0.6) if limited else np.ones(alpha.shape, np.bool_)
    spread = random.random(alpha.shape, dtype=np.float32) * 0.3 if doubt else None
    tighter = from_alpha(alpha, previous, reach_pixels, spread=spread, wide_reach=12, allowed=allowed)
    if tighter is None:
        return
    soft = (alpha > SOLID) & (alpha < 1 - SOLID)
    assert (tighter.levels[soft & allowed] == UNKNOWN).all()
    np.testing.assert_array_equal(tighter.levels[~allowed], previous.levels[~allowed])
    known = ~tighter.unknown & allowed
    np.testing.assert_array_equal(tighter.foreground[known], alpha[known] >= 0.5)
    # Nothing farther than the reach from what is soft or an edge.
    solid = (alpha >= 0.5).astype(np.uint8)
    cross = np.ones((3, 3), np.uint8)
    core = soft | (cv2.dilate(solid, cross) != cv2.erode(solid, cross))
    farthest = max(12, reach_pixels) if doubt else reach_pixels
    assert not (tighter.unknown & allowed)[brute_distance(~core) > farthest + 1e-4].any()
    assert tighter.window == previous.window


def test_a_solved_edge_gives_a_tighter_band_each_time() -> None:
    mask = np.zeros((200, 200), np.bool_)
    mask[50:150, 50:150] = True
    first = from_instance(instance_of(mask), 0.2, 0.2)
    trimap: Trimap | None = first
    assert trimap is not None
    alpha = mask[trimap.window.slices].astype(np.float32)
    counts = [int(trimap.unknown.sum())]
    for reach_pixels in (10, 5, 2.5):
        trimap = from_alpha(alpha, trimap, reach_pixels, allowed=first.unknown)
        assert trimap is not None
        counts.append(int(trimap.unknown.sum()))
    assert counts == sorted(counts, reverse=True)
    assert len(set(counts)) == 4


def test_doubt_keeps_the_band_wide_where_it_is() -> None:
    mask = np.zeros((100, 200), np.bool_)
    mask[20:80, 40:160] = True
    previous = from_instance(instance_of(mask), 0.2, 0.2)
    alpha = mask[previous.window.slices].astype(np.float32)
    spread = np.zeros_like(alpha)
    spread[:, : alpha.shape[1] // 2] = DOUBT * 2
    allowed = np.ones(alpha.shape, np.bool_)
    plain = from_alpha(alpha, previous, 2, allowed=allowed)
    wide = from_alpha(alpha, previous, 2, allowed=allowed, spread=spread, wide_reach=10)
    faint = from_alpha(alpha, previous, 2, allowed=allowed, spread=spread / 4, wide_reach=10)
    assert plain is not None
    assert wide is not None
    assert faint is not None
    np.testing.assert_array_equal(faint.levels, plain.levels)
    assert (wide.unknown | ~plain.unknown).all()
    half = alpha.shape[1] // 2
    assert wide.unknown[:, :half].sum() > 2 * plain.unknown[:, :half].sum()
    np.testing.assert_array_equal(wide.levels[:, half + 12 :], plain.levels[:, half + 12 :])


@pytest.mark.parametrize("value", [0.0, 1.0, 0.5])
def test_no_trimap_without_both_kinds(value: float) -> None:
    levels = np.full((20, 20), UNKNOWN, np.uint8)
    levels[0], levels[10] = BACKGROUND, FOREGROUND
    alpha = np.full((20, 20), value, np.float32)
    everywhere = np.ones(alpha.shape, np.bool_)
    assert from_alpha(alpha, Trimap.from_levels(levels), 2, allowed=everywhere) is None


@settings(max_examples=50, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    size=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    factor=st.integers(1, 6),
)
def test_reduced_knows_only_what_is_known_alike(seed: int, size: tuple[int, int], factor: int) -> None:
    random = np.random.default_rng(seed)
    coarse = random.choice(np.array([0, 128, 255], np.uint8), size)
    levels = np.kron(coarse, np.ones((factor, factor), np.uint8))
    levels[random.integers(levels.shape[0]), random.integers(levels.shape[1])] = UNKNOWN
    try:
        trimap = Trimap.from_levels(levels)
    except TrimapError:
        return
    small = reduced(trimap, *size)
    tiles = levels.reshape(size[0], factor, size[1], factor).swapaxes(1, 2).reshape(*size, -1)
    alike = tiles.min(axis=2) == tiles.max(axis=2)
    expected = np.where(alike, tiles[..., 0], UNKNOWN)
    if small is None:
        assert not ((expected == BACKGROUND).any() and (expected == FOREGROUND).any())
    else:
        np.testing.assert_array_equal(small.levels, expected)
        assert small.frame_size == size


def test_reduced_gives_none_where_a_kind_is_lost() -> None:
    levels = np.full((40, 40), UNKNOWN, np.uint8)
    levels[:20] = BACKGROUND
    levels[31, 31] = FOREGROUND
    assert reduced(Trimap.from_levels(levels), 10, 10) is None
    levels[24:, :16] = FOREGROUND
    assert reduced(Trimap.from_levels(levels), 10, 10) is not None
