"""The operators in place of compiled ones, against slow second ways to work them out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

torch = pytest.importorskip("torch")
from semantic_matte.trackers.operators import OwnOperators  # noqa: E402


def regions(mask: np.ndarray) -> np.ndarray:
    """The pixels that each pixel (H, W) hangs together with, diagonals included; by spreading numbers."""
    numbers = np.where(mask, np.arange(1, mask.size + 1).reshape(mask.shape), 0)
    while True:
        padded = np.pad(numbers, 1)
        around = [padded[y : y + mask.shape[0], x : x + mask.shape[1]] for y in range(3) for x in range(3)]
        spread = np.where(mask, np.max(around, axis=0), 0)
        if np.array_equal(spread, numbers):
            return numbers
        numbers = spread


@settings(max_examples=50, deadline=None)
@given(arrays.arrays(np.uint8, (2, 1, 7, 6), elements=st.integers(0, 1)))
def test_regions_and_their_sizes(masks: np.ndarray) -> None:
    labels, counts = OwnOperators.cc_2d(torch.from_numpy(masks), get_counts=True)
    assert labels.shape == counts.shape == (2, 1, 7, 6)
    assert labels.dtype == counts.dtype == torch.int32
    for one, own, count in zip(masks[:, 0], labels[:, 0].numpy(), counts[:, 0].numpy(), strict=True):
        expected = regions(one.astype(bool))
        sizes = {number: int((expected == number).sum()) for number in np.unique(expected) if number}
        assert np.array_equal(count, np.vectorize(lambda number: sizes.get(number, 0))(expected))  # noqa: B023
        pairs = set(zip(own.ravel().tolist(), expected.ravel().tolist(), strict=True))
        assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})


@settings(max_examples=50, deadline=None)
@given(st.data(), st.integers(1, 6), st.floats(0, 1))
def test_of_two_that_overlap_the_surer_is_kept(data: st.DataObject, count: int, limit: float) -> None:
    share = st.floats(0, 1, width=32)
    scores = data.draw(arrays.arrays(np.float32, count, elements=share, unique=True))
    half = data.draw(arrays.arrays(np.float32, (count, count), elements=share))
    ious = np.maximum(half, half.T)
    kept = OwnOperators.generic_nms(torch.from_numpy(ious), torch.from_numpy(scores), limit).tolist()
    assert kept == sorted(kept, key=lambda row: -scores[row])
    for row in range(count):
        surer = [other for other in kept if scores[other] > scores[row]]
        assert (row in kept) == all(ious[row, other] <= limit for other in surer)


def test_nothing_to_choose_from() -> None:
    assert OwnOperators.generic_nms(torch.zeros(0, 0), torch.zeros(0), 0.5).tolist() == []
