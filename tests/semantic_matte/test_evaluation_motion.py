"""The warping error of alphas: 0 where they move with the picture, and the size of what does not."""

from __future__ import annotations

import numpy as np
import pytest

from semantic_matte.errors import ValueShapeError
from semantic_matte.evaluation_motion import warped_error
from semantic_matte.shots.flow import Flow, flow_between, flow_picture
from semantic_matte.shots.steady_alphas import flicker
from semantic_matte.types import Box, FloatArray, Instance, Matte, Plate

SIZE = (72, 108)


def flow(x: float = 0.0, y: float = 0.0, trust: float = 1.0) -> Flow:
    field = np.empty((*SIZE, 2), np.float32)
    field[...] = x, y
    grey = np.full(SIZE, 128, np.uint8)
    return Flow(field, np.full(SIZE, trust, np.float32), SIZE, grey, grey)


def soft_square(x: int, level: float = 0.5) -> FloatArray:
    alpha = np.zeros(SIZE, np.float32)
    alpha[20:50, x : x + 30] = level
    return alpha


def test_an_alpha_that_moves_with_the_picture_has_no_error() -> None:
    assert warped_error(soft_square(30), soft_square(26), flow(-4)) == pytest.approx(0, abs=1e-6)


def test_the_error_is_the_mean_change_on_the_edge() -> None:
    assert warped_error(soft_square(30, 0.5), soft_square(30, 0.3), flow()) == pytest.approx(0.2, abs=1e-6)
    # Two strips of 4 columns come and go, and 26 of 34 stay.
    assert warped_error(soft_square(30), soft_square(26), flow()) == pytest.approx(0.5 * 8 / 34, abs=1e-6)


def test_what_can_not_be_trusted_does_not_count() -> None:
    motion = flow()
    motion.trust[:, 54:] = 0
    before = soft_square(30)
    before[:, 54:] = 1
    assert warped_error(soft_square(30), before, motion) == pytest.approx(0, abs=1e-6)
    assert warped_error(soft_square(30), soft_square(20), flow(trust=0.0)) is None


def test_without_an_edge_there_is_no_error_to_tell() -> None:
    empty, solid = np.zeros(SIZE, np.float32), np.ones(SIZE, np.float32)
    assert warped_error(empty, empty, flow()) is None
    assert warped_error(solid, solid, flow()) is None
    assert warped_error(solid, empty, flow()) == 1.0


def test_it_is_what_a_sidecar_calls_flicker() -> None:
    now, before = soft_square(30), soft_square(27, 0.6)
    mattes = [
        Matte(Instance.from_mask(one > 0.4, "box", 1.0), one, Box.of_frame(*SIZE)) for one in (now, before)
    ]
    assert flicker(*mattes, flow(-2)) == warped_error(now, before, flow(-2))


def test_along_a_motion_that_was_found() -> None:
    noise = np.random.default_rng(0).random((*SIZE, 3)).astype(np.float32)
    now, before = (flow_picture(Plate(np.ascontiguousarray(np.roll(noise, shift, axis=1)))) for shift in (3, 0))
    found = flow_between(now, before)
    moved, still = (warped_error(soft_square(40), soft_square(x), found) for x in (37, 40))
    assert moved is not None
    assert still is not None
    assert moved < 0.02 < still


@pytest.mark.parametrize(
    "alpha",
    [
        np.zeros((10, 10), np.float32),
        np.zeros(SIZE, np.float64),
        np.full(SIZE, 1.5, np.float32),
        np.full(SIZE, -0.1, np.float32),
        np.full(SIZE, np.nan, np.float32),
    ],
)
def test_what_is_no_alpha_of_the_frame_is_refused(alpha: FloatArray) -> None:
    for pair in ((alpha, soft_square(30)), (soft_square(30), alpha)):
        with pytest.raises(ValueShapeError):
            warped_error(*pair, flow())
