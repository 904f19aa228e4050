"""Errors of foreground colours, against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from semantic_matte.errors import ValueShapeError
from semantic_matte.evaluation import foreground_mse, foreground_sad

ALPHA = np.array([[0.0, 0.25, 0.5, 1.0]], dtype=np.float32)


def colours(*rows: tuple[float, float, float]) -> np.ndarray:
    return np.array([rows], dtype=np.float32)


def test_by_hand() -> None:
    truth = colours((9, 9, 9), (0.1, 0.2, 0.3), (1, 1, 1), (5, 5, 5))
    found = colours((0, 0, 0), (0.4, 0.2, 0.0), (1, 1, -0.5), (0, 0, 0))
    # 0.25 * (0.3 + 0 + 0.3) / 3 + 0.5 * 1.5 / 3; what is clear or solid doesn't count.
    assert foreground_sad(found, truth, ALPHA) == pytest.approx((0.05 + 0.25) / 1000)
    assert foreground_mse(found, truth, ALPHA) == pytest.approx((0.25 * 0.06 + 0.5 * 0.75) / 0.75)
    assert foreground_sad(truth, truth, ALPHA) == foreground_mse(truth, truth, ALPHA) == 0


def test_sad_is_what_composites_differ_by_over_anything() -> None:
    random = np.random.default_rng(0)
    alpha = random.uniform(0.01, 0.99, (20, 30)).astype(np.float32)
    truth, found, behind = random.normal(size=(3, 20, 30, 3)).astype(np.float32)
    share = alpha[..., np.newaxis]
    composites = [share * one + (1 - share) * behind for one in (truth, found)]
    difference = np.abs(composites[0] - composites[1]).mean(axis=2).sum() / 1000
    assert foreground_sad(found, truth, alpha) == pytest.approx(difference, rel=1e-5)


def test_what_cannot_be_measured() -> None:
    four = np.zeros((1, 4, 3), np.float32)
    with pytest.raises(ValueShapeError, match="between 0 and 1, got none"):
        foreground_sad(four, four, np.ones((1, 4), np.float32))
    with pytest.raises(ValueShapeError, match=r"Colour: expected shape \(1, 4, 3\)"):
        foreground_mse(np.zeros((1, 3, 3), np.float32), four, ALPHA)
    with pytest.raises(ValueShapeError, match="Truth: expected dtype float32"):
        foreground_mse(four, four.astype(np.float64), ALPHA)
