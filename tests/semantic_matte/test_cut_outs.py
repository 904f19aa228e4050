"""Cutting in memory: where an estimator is asked, what it sees, and what is left alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from semantic_matte.cut_outs import CutOut, cut_by_alpha, unmixed
from semantic_matte.layer_files import LayerFile
from semantic_matte.ports import ForegroundEstimator, SilentProgress
from semantic_matte.types import Box, FloatArray, Plate

SIZE = (30, 50)


@dataclass
class KnownBackground:
    """Unmixes exactly, because it is told what lies behind."""

    behind: FloatArray
    name: str = "known"
    context: int = 3
    seen: list[tuple[int, ...]] = field(default_factory=list)

    def estimate(self, colour: FloatArray, alpha: FloatArray) -> FloatArray:
        self.seen.append(alpha.shape)
        share = np.maximum(alpha, 1e-3)[..., None]
        return np.where(alpha[..., None] < 1, (colour - (1 - share) * self.behind) / share, colour)


def of(estimator: KnownBackground) -> ForegroundEstimator:
    return estimator


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_over_is_exact_at_both_ends(seed: int) -> None:
    random = np.random.default_rng(seed)
    colours, background = (random.normal(0, 100, (*SIZE, 3)).astype(np.float32) for _ in range(2))
    alpha = random.normal(0.5, 0.7, SIZE).clip(0, 1).astype(np.float32)
    result = CutOut.of(colours, alpha).over(background)
    np.testing.assert_array_equal(result[alpha == 0], background[alpha == 0])
    np.testing.assert_array_equal(result[alpha == 1], colours[alpha == 1])
    share = alpha.astype(np.float64)[..., None]
    np.testing.assert_allclose(result, share * colours + (1 - share) * background, rtol=1e-5, atol=1e-4)


def test_what_shows_through_is_taken_out() -> None:
    random = np.random.default_rng(0)
    own = random.random((*SIZE, 3), dtype=np.float32)
    behind = np.array([0.1, 5, 0.1], np.float32)
    alpha = np.zeros(SIZE, np.float32)
    alpha[10:20, 12:31] = 1
    alpha[10:20, 10:12] = 0.25
    plate = CutOut.of(own, alpha).over(np.broadcast_to(behind, own.shape))
    estimator = KnownBackground(behind)
    result = unmixed(plate, alpha, of(estimator), SilentProgress())
    np.testing.assert_allclose(result[alpha > 0], own[alpha > 0], atol=1e-5)
    # It saw the object and its own context around, and nothing else was touched.
    assert estimator.seen == [(10 + 6, 21 + 6)]
    np.testing.assert_array_equal(result[alpha == 1], plate[alpha == 1])
    np.testing.assert_array_equal(result[:7], plate[:7])
    np.testing.assert_array_equal(result[:, 34:], plate[:, 34:])


def matte_file(*alphas: FloatArray) -> LayerFile:
    """Without a file: one alpha in memory for each slot."""
    (alpha,) = alphas
    frame = Box.of_frame(*alpha.shape)
    return LayerFile(Path("a.png"), {"alpha": {"A": 0}}, frame, frame, has_windows=False, only=alpha)


def test_an_estimator_is_made_only_for_a_soft_edge() -> None:
    light = np.random.default_rng(0).random((*SIZE, 3), dtype=np.float32)
    alpha = np.zeros(SIZE, np.float32)
    alpha[5:9, 5:9] = 1
    made = []

    def make() -> ForegroundEstimator:
        made.append(1)
        return of(KnownBackground(np.zeros(3, np.float32)))

    plate = Plate(light)
    for soft, count in ((0.0, 0), (0.5, 1)):
        alpha[9, 9] = soft
        cut = cut_by_alpha(light, matte_file(alpha), ["alpha"], plate, make, SilentProgress())
        assert len(made) == count
        np.testing.assert_array_equal(cut.alpha, alpha)
    # At alpha .5 over black the object's own colour is twice the plate's.
    np.testing.assert_allclose(cut.colours[9, 9], light[9, 9], rtol=1e-6)
    assert cut_by_alpha(light, matte_file(alpha), [], plate, make, SilentProgress()).alpha.max() == 0
