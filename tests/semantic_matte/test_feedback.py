"""The schedule of passes, and when the loop stops."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semantic_matte.feedback import LEAST_REACH, STILL, Pass, change, schedule
from semantic_matte.pipeline import matte_frame
from semantic_matte.ports import SilentProgress
from semantic_matte.settings import Settings
from semantic_matte.types import Instance


@given(
    first_reach=st.floats(0.5, 4000),
    passes=st.integers(1, 16),
    widest_band=st.integers(8, 1024),
)
def test_a_schedule_ends_at_full_size_with_a_falling_reach(
    first_reach: float, passes: int, widest_band: int
) -> None:
    turns = schedule(first_reach, passes, widest_band)
    assert len(turns) >= passes
    assert turns[0].reach == first_reach
    assert turns[-1].scale == 1.0
    scales = [turn.scale for turn in turns]
    assert scales == sorted(scales)
    assert all(0 < scale <= 1 for scale in scales)
    # Resolution costs no more passes than it has to.
    assert len(turns) == passes or turns[-2].scale < 1
    if first_reach >= LEAST_REACH:
        reaches = [turn.reach for turn in turns]
        assert reaches == sorted(reaches, reverse=True)
        assert all(later < earlier or later == LEAST_REACH for earlier, later in pairwise(reaches))
        assert min(reaches) >= LEAST_REACH


def test_a_narrow_band_is_at_full_size_from_the_start() -> None:
    assert all(turn.scale == 1.0 for turn in schedule(LEAST_REACH, 4, 512))
    assert schedule(LEAST_REACH, 1, 512) == [Pass(LEAST_REACH, 1.0)]


@pytest.mark.parametrize(
    ("before", "after", "band", "expected"),
    [
        ([0.0, 0.5, 1.0], [0.0, 0.5, 1.0], [1, 1, 1], 0.0),
        ([0.0, 0.5, 1.0], [0.3, 0.5, 0.4], [1, 1, 1], 0.3),
        ([0.0, 0.5, 1.0], [0.3, 0.5, 0.4], [1, 0, 0], 0.3),
        ([0.0, 0.5, 1.0], [0.3, 0.5, 0.4], [0, 1, 0], 0.0),
        ([0.0, 0.5, 1.0], [1.0, 1.0, 0.0], [0, 0, 0], 0.0),
    ],
)
def test_change_is_the_mean_difference_over_the_band(
    before: list[float], after: list[float], band: list[int], expected: float
) -> None:
    arrays = [np.array([values], np.float32) for values in (before, after)]
    assert change(*arrays, np.array([band], np.bool_)) == pytest.approx(expected)


@dataclass
class Stepping:
    """The truth plus what `steps` says for each pass; one call is one pass."""

    truth: Any
    steps: list[float] = field(default_factory=list)

    def __call__(self, colour: Any, levels: Any) -> Any:
        step = self.steps.pop(0) if self.steps else 0.0
        return self.truth(colour, levels) + step


@pytest.mark.parametrize(
    ("steps", "passes", "expected"),
    [
        # Nothing changes: the second pass shows it.
        ([], 8, 2),
        ([], 1, 1),
        ([0.0, STILL / 2], 8, 2),
        # Each pass differs from the one before until the fourth.
        ([0.0, 0.05, 0.0, 0.05, 0.05], 8, 5),
        # It never rests: the artist's number ends it.
        ([0.0, 0.05] * 8, 6, 6),
    ],
)
def test_the_loop_ends_when_nothing_changes(toys: Any, steps: list[float], passes: int, expected: int) -> None:
    # A ramp that stays off 0 and 1 in a wide part, so that a step shows.
    truth = toys.disc(96, 96, 48, 48, 24, 24) * 0.8
    truth[40:56, 40:56] = 1
    mask = truth > 0.4
    estimator = toys(Stepping(toys.oracle, list(steps)), 512)
    settings = Settings(passes=passes, samples=1)
    (matte,) = matte_frame(
        toys.plate(truth), [Instance.from_mask(mask, "ball", 1.0)], estimator, settings, SilentProgress()
    )
    assert matte.passes == expected == len(estimator.batches)
