"""Closed-form matting against PyMatting's own, and where there is little to solve."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pymatting
import pytest
import torch
from pymatting.laplacian.cf_laplacian import cf_laplacian

from semantic_matte.errors import CancelledError
from semantic_matte.estimators import closed_form
from semantic_matte.estimators.closed_form import ClosedForm
from semantic_matte.ports import ProgressEvent, SilentProgress
from semantic_matte.types import ByteArray, FloatArray


def solve(colour: FloatArray, levels: ByteArray, progress: SilentProgress | None = None) -> FloatArray:
    pictures = torch.from_numpy(np.ascontiguousarray(colour.transpose(2, 0, 1)))[None]
    alpha = ClosedForm().estimate(pictures, torch.from_numpy(levels)[None], progress or SilentProgress())
    assert alpha.shape == (1, *levels.shape)
    assert alpha.dtype == torch.float32
    return alpha[0].numpy()


@pytest.fixture(scope="module")
def ear(photos: Path) -> tuple[FloatArray, ByteArray]:
    """A cat's ear and fur before a soft background, (96, 112), and a hand-made trimap of it."""
    picture = cv2.cvtColor(cv2.imread(str(photos / "chelsea.png")), cv2.COLOR_BGR2RGB)
    crop = picture[10:106, 100:212].astype(np.float32) / 255
    levels = np.full(crop.shape[:2], 128, np.uint8)
    levels[:24], levels[70:] = 0, 255
    cv2.circle(levels, (90, 50), 10, 255, -1)
    cv2.line(levels, (10, 24), (40, 34), 0, 2)
    return crop, levels


def test_it_equals_pymatting(ear: tuple[FloatArray, ByteArray]) -> None:
    colour, levels = ear
    marks = np.choose(levels // 127, [0.0, 0.5, 1.0])
    expected = pymatting.estimate_alpha_cf(colour.astype(np.float64), marks)
    alpha = solve(colour, levels)
    assert expected[levels == 128].std() > 0.05, "a flat answer would prove nothing"
    assert np.abs(alpha - expected).max() < 2e-3
    assert (alpha[levels == 0] == 0).all()
    assert (alpha[levels == 255] == 1).all()


@pytest.mark.parametrize("strip", [1, 300, 1_000_000])
def test_strips_make_the_same_system_as_the_whole_picture(
    ear: tuple[FloatArray, ByteArray], monkeypatch: pytest.MonkeyPatch, strip: int
) -> None:
    monkeypatch.setattr(closed_form, "STRIP_PIXELS", strip)
    colour, levels = ear
    # A gap of known rows, and rows whose unknown pixels lie far to one side.
    unknown = levels == 128
    unknown[40:44], unknown[44:60, :90] = False, False
    foreground = (levels == 255) | ((levels == 128) & ~unknown)
    whole = cf_laplacian(colour.astype(np.float64), epsilon=closed_form.EPSILON, is_known=~unknown)
    rows = whole[unknown.ravel()]
    system, target = closed_form._system(colour, unknown, foreground)
    assert abs(system - rows[:, unknown.ravel()]).max() == 0
    np.testing.assert_array_equal(target, -rows[:, ~unknown.ravel()].dot(foreground[~unknown].astype(float)))


def test_two_colours_mixed_are_told_apart() -> None:
    truth = np.clip((np.arange(60, dtype=np.float32) - 20) / 20, 0, 1)[None].repeat(30, axis=0)
    colour = truth[..., None] * np.float32([0.9, 0.3, 0.1]) + (1 - truth[..., None]) * np.float32([0, 0.4, 0.8])
    levels = np.full(truth.shape, 128, np.uint8)
    levels[:, :15], levels[:, 45:] = 0, 255
    assert np.abs(solve(colour.astype(np.float32), levels) - truth).max() < 0.01


def test_a_solver_that_does_not_settle_gives_what_it_has_and_says_so(
    ear: tuple[FloatArray, ByteArray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(closed_form, "MOST_ITERATIONS", 1)
    progress = SilentProgress()
    alpha = solve(*ear, progress)
    assert [notice for notice in progress.notices if "did not settle within 1 steps" in notice]
    assert np.isfinite(alpha).all()
    assert alpha.min() >= 0
    assert alpha.max() <= 1
    assert (alpha[ear[1] == 255] == 1).all()


@pytest.mark.parametrize(
    ("known", "expected"),
    [((255,), 1.0), ((0,), 0.0), ((), 0.5)],
    ids=["foreground alone", "background alone", "nothing known"],
)
def test_with_one_known_kind_that_kind_goes_on(known: tuple[int, ...], expected: float) -> None:
    levels = np.full((12, 14), 128, np.uint8)
    for level in known:
        levels[3:5, 3:5] = level
    colour = np.random.default_rng(0).random((12, 14, 3), dtype=np.float32)
    assert (solve(colour, levels)[levels == 128] == expected).all()


def test_without_an_unknown_pixel_the_known_ones_come_back() -> None:
    levels = np.zeros((5, 6), np.uint8)
    levels[2:, 2:] = 255
    np.testing.assert_array_equal(solve(np.zeros((5, 6, 3), np.float32), levels), levels == 255)


@pytest.mark.parametrize("size", [(1, 3), (2, 2), (3, 3), (1, 20), (20, 2)])
def test_tiny_regions_give_a_finite_alpha(size: tuple[int, int]) -> None:
    levels = np.full(size, 128, np.uint8)
    levels[0, 0], levels[-1, -1] = 0, 255
    alpha = solve(np.random.default_rng(1).random((*size, 3), dtype=np.float32), levels)
    assert np.isfinite(alpha).all()
    assert alpha.min() >= 0
    assert alpha.max() <= 1


@pytest.mark.parametrize("grey", [0.0, 0.5, 1.0])
def test_a_flat_picture_gives_a_finite_alpha(grey: float) -> None:
    levels = np.full((40, 40), 128, np.uint8)
    levels[:5], levels[-5:] = 0, 255
    alpha = solve(np.full((40, 40, 3), grey, np.float32), levels)
    assert np.isfinite(alpha).all()
    assert (alpha[levels == 255] == 1).all()


def test_nothing_is_printed(ear: tuple[FloatArray, ByteArray], capfd: pytest.CaptureFixture[str]) -> None:
    solve(*ear)
    flat = np.zeros_like(ear[0])
    solve(flat, ear[1])
    out, _ = capfd.readouterr()
    assert out == ""


def test_a_batch_is_each_alone(ear: tuple[FloatArray, ByteArray]) -> None:
    colour, levels = ear
    other = np.where(levels == 255, 255, np.where(np.arange(112) < 20, 0, 128)).astype(np.uint8)
    pictures = torch.from_numpy(np.stack([colour.transpose(2, 0, 1)] * 2))
    both = ClosedForm().estimate(pictures, torch.from_numpy(np.stack([levels, other])), SilentProgress())
    np.testing.assert_array_equal(both[0], solve(colour, levels))
    np.testing.assert_array_equal(both[1], solve(colour, other))


def test_a_cancel_gets_through(ear: tuple[FloatArray, ByteArray]) -> None:
    class Cancelled(SilentProgress):
        def advance(self, event: ProgressEvent) -> None:
            raise CancelledError("Cancelled.")

    with pytest.raises(CancelledError):
        solve(*ear, Cancelled())
