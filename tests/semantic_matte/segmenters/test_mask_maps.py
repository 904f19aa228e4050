"""Coarse maps enlarged into masks, against torch's own enlargement of the whole map."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from semantic_matte.segmenters import mask_maps
from semantic_matte.segmenters.mask_maps import Lie, enlarge, instance_of_map
from semantic_matte.types import BoolArray, Box, FloatArray


def by_torch(soft: FloatArray, size: tuple[int, int], level: float) -> BoolArray:
    tensor = torch.from_numpy(np.ascontiguousarray(soft))[None, None]
    enlarged = torch.nn.functional.interpolate(tensor, size=size, mode="bilinear", align_corners=False)
    return enlarged[0, 0].numpy() > level


def smooth(height: int, width: int, seed: int) -> FloatArray:
    noise = np.random.default_rng(seed).normal(size=(height, width)).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(noise, (0, 0), 1.2), dtype=np.float32)


def differing(one: BoolArray, other: BoolArray) -> float:
    """The share of pixels: a value on the level to its last bit may fall on either side."""
    return float(np.mean(one != other))


sides = st.integers(1, 40)


@settings(max_examples=60, deadline=None)
@given(sides, sides, st.integers(1, 300), st.integers(1, 300), st.integers(0, 99), st.sampled_from([0.0, 0.3]))
def test_it_is_what_torch_gives(h: int, w: int, height: int, width: int, seed: int, level: float) -> None:
    soft = smooth(h, w, seed)
    expected = by_torch(soft, (height, width), level)
    found = instance_of_map(soft, level, Lie.whole((height, width), (h, w)), "thing", 0.5)
    mask = np.zeros((height, width), np.bool_) if found is None else found.mask
    assert differing(mask, expected) < 1e-3
    assert (found is None) == (not expected.any())


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 5), st.integers(0, 5), st.integers(0, 99))
def test_cells_outside_the_frame_say_nothing(above: int, before: int, seed: int) -> None:
    soft = smooth(12, 17, seed)
    padded = np.full((12 + above + 3, 17 + before + 2), 9.0, np.float32)
    padded[above : above + 12, before : before + 17] = soft
    lie = Lie((90, 140), above, before, above + 12, before + 17)
    found = instance_of_map(padded, 0.0, lie, "thing", 0.5)
    assert found is not None
    assert differing(found.mask, by_torch(soft, (90, 140), 0.0)) < 1e-3


def test_a_small_object_takes_a_small_mask_and_no_whole_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a frame of 32 megapixels only the object's surroundings are enlarged, in bands."""
    soft = np.full((100, 160), -1.0, np.float32)
    soft[40:43, 70:75] = 1.0
    windows = []
    whole = mask_maps.enlarge

    def watched(map_: FloatArray, level: float, lie: Lie, window: Box) -> BoolArray:
        windows.append(window)
        return whole(map_, level, lie, window)

    monkeypatch.setattr(mask_maps, "enlarge", watched)
    found = instance_of_map(soft, 0.0, Lie.whole((4320, 7680), (100, 160)), "thing", 0.5)
    assert found is not None
    # Its edge lies half a cell outside of its cells' centres: 43.2 by 48 pixels a cell.
    np.testing.assert_allclose(found.box.as_list(), [70 * 48, 40 * 43.2, 75 * 48, 43 * 43.2], atol=1)
    (window,) = windows
    assert window.area < 8 * 6 * 43.2 * 48


def test_bands_join_without_a_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    soft = smooth(20, 20, 3)
    lie, window = Lie.whole((100, 80), (20, 20)), Box(5, 7, 80, 99)
    in_one = enlarge(soft, 0.0, lie, window)
    monkeypatch.setattr(mask_maps, "BAND", 7)
    np.testing.assert_array_equal(enlarge(soft, 0.0, lie, window), in_one)


def test_what_lies_outside_the_box_is_left_out() -> None:
    soft = np.ones((10, 10), np.float32)
    lie = Lie.whole((100, 100), (10, 10))
    found = instance_of_map(soft, 0.0, lie, "thing", 0.5, Box(13, 20, 47, 61))
    assert found is not None
    assert found.box == Box(13, 20, 47, 61)
    assert found.area == found.box.area
    assert instance_of_map(-soft, 0.0, lie, "thing", 0.5) is None
