"""Masks that jump are steadied; what really moves, and what nobody can follow, stays as its frame has it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from semantic_matte.errors import ValueShapeError
from semantic_matte.shots.flow import Flow
from semantic_matte.shots.steady_masks import MASK_REACH, edge_distance, steady_instance
from semantic_matte.types import BoolArray, Box, Instance

SIZE = (120, 160)


def flow(
    x: float = 0.0, y: float = 0.0, trust: float = 1.0, there: int = 128, size: tuple[int, int] = SIZE
) -> Flow:
    """A motion that is the same everywhere. there: the other frame's level, where this one's is 128."""
    field = np.empty((*size, 2), np.float32)
    field[...] = x, y
    pictures = [np.full(size, level, np.uint8) for level in (128, there)]
    return Flow(field, np.full(size, trust, np.float32), size, *pictures)


def disc(radius: float, x: float = 80, y: float = 60) -> Instance:
    rows, columns = np.indices(SIZE)
    one = Instance.from_mask(np.hypot(rows - y, columns - x) <= radius, "ball", 0.7)
    return Instance(one.crop, one.box, one.frame_size, "ball", 0.7, "sm_ball_01")


def with_arm(body: Instance, arm: Box) -> Instance:
    mask = body.mask
    mask[arm.slices] = True
    return Instance.from_mask(mask, "ball", 0.7)


def equal(first: Instance, second: Instance) -> bool:
    return first.box == second.box and np.array_equal(first.crop, second.crop)


def test_nothing_to_do_gives_the_same_object() -> None:
    one = disc(30)
    assert steady_instance(one, [], 0.75) is one
    assert steady_instance(one, [(flow(), disc(20))], 0.0) is one


def test_edges_are_averaged_and_the_rest_is_kept() -> None:
    neighbours = [(flow(), disc(radius)) for radius in (28, 32, 29, 31)]
    steadied = steady_instance(disc(34), neighbours, 1.0)
    # Farthest is 3 pixels: 34 is no farther from the others' mean than that.
    assert np.sqrt(steadied.area / np.pi) == pytest.approx(30.8, abs=0.3)
    assert (steadied.label, steadied.score, steadied.slot) == ("ball", 0.7, "sm_ball_01")
    assert Box.around(steadied.mask) == steadied.box


def test_an_edge_that_wanders_wanders_less() -> None:
    generator = np.random.default_rng(0)
    radii = 30 + generator.normal(size=40)
    masks = [disc(radius) for radius in radii]
    areas = []
    for place in range(MASK_REACH, len(masks) - MASK_REACH):
        near = [place + step for step in range(-MASK_REACH, MASK_REACH + 1) if step]
        areas.append(steady_instance(masks[place], [(flow(), masks[other]) for other in near], 1.0).area)
    # The mean of five: its spread is 1 / sqrt(5) = .45 of one's, and a disc of whole pixels jumps a little.
    assert np.sqrt(np.array(areas) / np.pi).std() < 0.65 * radii.std()


def test_masks_follow_the_motion() -> None:
    neighbours = [
        (flow(6 * step, -3 * step), disc(30, 80 + 6 * step, 60 - 3 * step)) for step in (-2, -1, 1, 2)
    ]
    assert equal(steady_instance(disc(30), neighbours, 1.0), disc(30))


@pytest.mark.parametrize("kind", ["untrusted", "other scene"])
def test_who_can_not_be_believed_is_not_heard(kind: str) -> None:
    one = disc(30)
    other = flow(trust=0.0) if kind == "untrusted" else flow(there=255)
    assert equal(steady_instance(one, [(other, disc(20))] * 4, 1.0), one)


def test_a_limb_that_moved_too_fast_to_be_followed_survives() -> None:
    arm = Box(105, 52, 140, 62)
    one = with_arm(disc(30), arm)
    motion = flow()
    motion.trust[arm.y0 - 8 : arm.y1 + 8, arm.x0 - 2 : arm.x1 + 15] = 0
    steadied = steady_instance(one, [(motion, disc(30))] * 4, 1.0)
    # All but the corners of its end.
    assert steadied.mask[arm.slices].mean() > 0.95


def test_a_limb_that_one_frame_lost_comes_back() -> None:
    arm = Box(105, 52, 140, 62)
    whole = with_arm(disc(30), arm)
    steadied = steady_instance(disc(30), [(flow(), whole)] * 4, 1.0)
    inner = Box(arm.x0, arm.y0 + 1, arm.x1 - 1, arm.y1 - 1)
    assert steadied.mask[inner.slices].all()
    assert Box.around(steadied.mask) == steadied.box


def test_a_mask_is_never_empty() -> None:
    one = Instance.from_mask(disc(1.5).mask, "ball", 0.7)
    # Nowhere do two of them agree.
    neighbours = [(flow(), disc(1.5, x, y)) for x in (20, 140) for y in (20, 100)]
    assert equal(steady_instance(one, neighbours, 1.0), one)


def test_an_edge_goes_with_the_object_where_the_picture_tells_nothing() -> None:
    rows, columns = np.indices(SIZE)
    motion = flow()
    motion.trust[np.abs(np.hypot(rows - 60, columns - 80) - 31) < 3] = 0
    steadied = steady_instance(disc(30), [(motion, disc(28))] * 4, 1.0)
    assert np.sqrt(steadied.area / np.pi) < 29.3


def test_an_object_that_the_frame_cuts_is_not_pulled_from_its_border() -> None:
    one = disc(30, 5, 60)
    assert equal(steady_instance(one, [(flow(), disc(30, 5, 60))] * 4, 1.0), one)


def test_what_comes_into_the_frame_is_not_cut_by_where_it_was() -> None:
    # One frame ago the object stood 20 pixels farther out: what has come in since was beyond the border then.
    one = disc(30, 5, 60)
    assert equal(steady_instance(one, [(flow(-20, 0), disc(30, -15, 60))] * 4, 1.0), one)


@given(seed=st.integers(0, 100), strength=st.floats(0.05, 1.0))
@settings(max_examples=15, deadline=None)
def test_neighbours_that_agree_change_nothing(seed: int, strength: float) -> None:
    noise = np.random.default_rng(seed).normal(size=SIZE).astype(np.float32)
    mask: BoolArray = cv2.GaussianBlur(noise, (0, 0), 6) > 0
    one = Instance.from_mask(mask, "cloud", 1.0)
    assert equal(steady_instance(one, [(flow(), one)] * 3, strength), one)


def test_inputs_stay_as_they_are_and_answers_repeat() -> None:
    one, neighbours = disc(30), [(flow(0.5), disc(28)), (flow(-0.5), disc(33))]
    before = [one.crop.copy(), *(other.crop.copy() for _, other in neighbours)]
    first, second = (steady_instance(one, neighbours, 0.75) for _ in range(2))
    assert equal(first, second)
    for kept, now in zip(before, [one, *(other for _, other in neighbours)], strict=True):
        assert np.array_equal(kept, now.crop)


def test_distances_are_those_to_the_edge() -> None:
    one = disc(20)
    window = Box(40, 30, 130, 100)
    mask = one.mask[window.slices]
    inside, outside = (ndimage.distance_transform_edt(part) for part in (mask, ~mask))
    wanted = np.clip(np.where(mask, inside - 0.5, 0.5 - outside), -7, 7)
    assert edge_distance(one, window, 7.0) == pytest.approx(wanted, abs=1e-4)


def test_sizes_and_strengths_that_do_not_fit_are_refused() -> None:
    other = Instance.from_mask(np.ones((5, 5), np.bool_), "ball", 1.0)
    with pytest.raises(ValueShapeError, match="frame's size"):
        steady_instance(disc(20), [(flow(), other)], 0.5)
    with pytest.raises(ValueShapeError, match="frame's size"):
        steady_instance(disc(20), [(flow(size=(60, 80)), disc(20))], 0.5)
    for strength in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueShapeError, match=r"0\.\.1"):
            steady_instance(disc(20), [], strength)
