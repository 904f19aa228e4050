"""Alphas are steadied inside their band and nowhere else, and only by neighbours that can be believed."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semantic_matte import trimap
from semantic_matte.colour import to_display
from semantic_matte.errors import ValueShapeError
from semantic_matte.shots import steady_alphas
from semantic_matte.shots.flow import Flow
from semantic_matte.shots.steady_alphas import (
    ALPHA_REACH,
    Neighbour,
    band_of,
    display_picture,
    flicker,
    steady_matte,
)
from semantic_matte.types import BoolArray, Box, ByteArray, FloatArray, Instance, Matte, Plate

SIZE = (120, 160)
STEPS = [step for step in range(-ALPHA_REACH, ALPHA_REACH + 1) if step]


def constant(x: float = 0.0, y: float = 0.0, trust: float = 1.0, size: tuple[int, int] = SIZE) -> Flow:
    field = np.empty((*size, 2), np.float32)
    field[...] = x, y
    grey = np.full(size, 128, np.uint8)
    return Flow(field, np.full(size, trust, np.float32), size, grey, grey)


def picture(seed: int = 0, x: float = 0.0, y: float = 0.0) -> ByteArray:
    """(H, W, 3) uint8: coarse texture of full contrast, moved right and down."""
    noise = np.random.default_rng(seed).normal(size=(SIZE[0] + 80, SIZE[1] + 80, 3)).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), 1.5)
    levels = np.clip(128 + soft / soft.std() * 60, 0, 255).astype(np.float32)
    matrix = np.array([[1, 0, x - 40], [0, 1, y - 40]], np.float32)
    return np.rint(cv2.warpAffine(levels, matrix, SIZE[::-1])).astype(np.uint8)


def soft_disc(x: float = 80, y: float = 60, radius: float = 30, softness: float = 6) -> FloatArray:
    rows, columns = np.indices(SIZE)
    return np.clip((radius - np.hypot(rows - y, columns - x)) / softness + 0.5, 0, 1).astype(np.float32)


def matte_of(alpha: FloatArray, window: Box | None = None) -> Matte:
    instance = Instance.from_mask(alpha >= 0.5, "ball", 1.0)
    window = window or Box.of_frame(*SIZE)
    return Matte(instance, np.ascontiguousarray(alpha[window.slices]), window)


def noisy(alpha: FloatArray, seed: int, amount: float = 0.05) -> FloatArray:
    """The alpha with noise where it is well inside 0..1."""
    noise = np.random.default_rng(seed).normal(0, amount, alpha.shape)
    return np.where(np.abs(alpha - 0.5) < 0.25, alpha + noise, alpha).clip(0, 1).astype(np.float32)


def band(alpha: FloatArray) -> BoolArray:
    return cv2.dilate(((alpha > 0) & (alpha < 1)).view(np.uint8), np.ones((7, 7), np.uint8)) > 0


def neighbours(steps: list[int], speed: tuple[float, float] = (0.0, 0.0)) -> list[Neighbour]:
    """The disc in frames around, moving with its picture at a speed in pixels a frame."""
    return [
        Neighbour(
            constant(speed[0] * step, speed[1] * step),
            matte_of(soft_disc(80 + speed[0] * step, 60 + speed[1] * step)),
            picture(0, speed[0] * step, speed[1] * step),
        )
        for step in steps
    ]


def test_nothing_to_do_gives_the_same_object() -> None:
    alpha = soft_disc()
    one, where = matte_of(alpha), band(alpha)
    assert steady_matte(one, where, picture(), [], 0.75) is one
    assert steady_matte(one, where, picture(), neighbours(STEPS), 0.0) is one
    assert steady_matte(one, np.zeros_like(where), picture(), neighbours(STEPS), 0.75) is one


def test_noise_falls_as_the_weights_say() -> None:
    truth = soft_disc(softness=20)
    still = [Neighbour(constant(), matte_of(noisy(truth, seed)), picture()) for seed in range(1, 5)]
    one = matte_of(noisy(truth, 0))
    steadied = steady_matte(one, band(truth), picture(), still, 0.25)
    middle = np.abs(truth - 0.5) < 0.1
    spread = (steadied.crop - truth)[middle].std() / (one.crop - truth)[middle].std()
    # Own weight 1, each of four others .5.
    assert spread == pytest.approx(np.sqrt(1 + 4 * 0.5**2) / (1 + 4 * 0.5), abs=0.03)


def test_more_strength_is_steadier() -> None:
    truth = soft_disc(softness=20)
    still = [Neighbour(constant(), matte_of(noisy(truth, seed)), picture()) for seed in range(1, 5)]
    one = matte_of(noisy(truth, 0))
    errors = [
        float(np.abs(steady_matte(one, band(truth), picture(), still, strength).crop - truth).sum())
        for strength in (0.0, 0.1, 0.2, 0.4)
    ]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.6 * errors[0]


@pytest.mark.parametrize("speed", [(0.0, 0.0), (1.0, 0.0), (1.4, -0.7)])
def test_a_moving_soft_edge_stays_sharp(speed: tuple[float, float]) -> None:
    truth = soft_disc()
    steadied = steady_matte(matte_of(truth), band(truth), picture(), neighbours(STEPS, speed), 1.0)
    # Sampling between pixels rounds the two corners of the ramp, and no more.
    assert np.abs(steadied.crop - truth).max() < 0.04
    assert np.abs(steadied.crop - truth).sum() < 0.003 * truth.sum()


@pytest.mark.parametrize("wrong", ["flow", "trust", "cut"])
def test_who_can_not_be_believed_is_not_heard(wrong: str) -> None:
    truth = soft_disc()
    elsewhere = matte_of(soft_disc(92, 60))
    flow, there = constant(), picture()
    if wrong == "flow":
        # The picture moved by 12 pixels with the object; the flow says that nothing did.
        there = picture(0, 12, 0)
    elif wrong == "trust":
        flow = constant(trust=0.0)
    else:
        there = np.full((*SIZE, 3), 255, np.uint8)
    steadied = steady_matte(
        matte_of(truth), band(truth), picture(), [Neighbour(flow, elsewhere, there)] * 4, 1.0
    )
    moved = np.abs(steadied.crop - truth)
    # Of how far it would go: random pictures look alike in places.
    most = np.abs(elsewhere.crop - truth)[band(truth)].mean()
    assert moved[band(truth)].mean() < {"flow": 0.05, "trust": 1e-6, "cut": 1e-3}[wrong] * most


def test_motion_too_fast_to_keep_its_blur_is_left_alone() -> None:
    truth = soft_disc()
    flat = np.full((*SIZE, 3), 90, np.uint8)

    def change(x: float) -> float:
        """How far the alpha goes towards a neighbour that is a bit larger, x pixels away."""
        there = Neighbour(constant(x), matte_of(soft_disc(80 + x, radius=31)), flat)
        return float(np.abs(steady_matte(matte_of(truth), band(truth), flat, [there], 1.0).crop - truth).sum())

    assert change(30) < 0.05 * change(0)


def test_known_pixels_are_not_touched() -> None:
    truth = soft_disc()
    where = band(truth)
    where[:, :80] = False
    others = [
        Neighbour(constant(), matte_of(0.8 * noisy(truth, seed) + np.float32(0.1)), picture())
        for seed in range(4)
    ]
    one = matte_of(truth)
    steadied = steady_matte(one, where, picture(), others, 1.0)
    assert np.array_equal(steadied.crop[~where], truth[~where])
    assert not np.array_equal(steadied.crop[where], truth[where])
    assert (steadied.instance, steadied.window, steadied.passes) == (one.instance, one.window, one.passes)


def test_a_limb_that_neighbours_lost_is_no_ghost() -> None:
    truth = soft_disc()
    arm = np.zeros(SIZE, np.float32)
    arm[45:75, 105:150] = 1
    whole = np.maximum(truth, cv2.GaussianBlur(arm, (0, 0), 1.5))
    where = band(whole) | (arm > 0)
    still = [Neighbour(constant(), matte_of(truth), picture())] * 4
    kept = steady_matte(matte_of(whole), where, picture(), still, 0.75).crop
    assert kept[55:65, 122:140].min() > 0.97
    come = steady_matte(
        matte_of(truth), where, picture(), [replace(still[0], matte=matte_of(whole))] * 4, 0.75
    ).crop
    assert come[55:65, 122:140].max() < 0.03


def test_an_object_that_comes_into_the_frame_is_not_thinned_at_its_border() -> None:
    """Two frames ago what is at the border now was outside: nothing is known of it, though all looks alike."""
    truth, flat = soft_disc(8), np.full((*SIZE, 3), 90, np.uint8)
    before = Neighbour(constant(-16), matte_of(soft_disc(-8)), flat)
    steadied = steady_matte(matte_of(truth), np.ones(SIZE, np.bool_), flat, [before] * 4, 1.0)
    assert np.abs(steadied.crop - truth).max() < 0.01


def test_hair_follows_the_object_and_not_what_is_behind_it() -> None:
    """A disc with a fringe goes right over what goes left: the flow in the fringe is that of what is behind."""
    rows, columns = np.indices(SIZE)

    def fringed(x: float) -> FloatArray:
        radius = np.hypot(rows - 60, columns - x)
        angle = np.arctan2(rows - 60, columns - x)
        hair = (np.sin(40 * angle) > 0.6) & (radius < 40)
        return cv2.GaussianBlur(((radius < 28) | hair).astype(np.float32), (0, 0), 0.7)

    own, there = fringed(80), fringed(86)
    field = np.zeros((*SIZE, 2), np.float32)
    field[..., 0] = np.where(np.hypot(rows - 60, columns - 80) < 29, 6, -6)
    grey = np.full(SIZE, 128, np.uint8)
    flow = Flow(field, np.ones(SIZE, np.float32), SIZE, grey, grey)
    behind, before = (picture(0) // 10).astype(np.uint8), picture(1)
    views = []
    for alpha, x in ((own, 0), (there, 6)):
        shares = alpha[..., np.newaxis]
        moved = np.roll(before, x, axis=1) * shares + np.roll(behind, -x, axis=1) * (1 - shares)
        views.append(np.rint(moved).astype(np.uint8))
    one = Instance.from_mask(np.hypot(rows - 60, columns - 80) < 28, "head", 1.0)
    other = Instance.from_mask(np.hypot(rows - 60, columns - 86) < 28, "head", 1.0)
    frame = Box.of_frame(*SIZE)
    neighbour = Neighbour(flow, Matte(other, there, frame), views[1])
    alpha, sure = steady_alphas.carried_alpha(one, views[0], neighbour, frame)
    hair = (own > 0.8) & (np.hypot(rows - 60, columns - 80) > 32)
    missed = np.average(np.abs(alpha - own)[hair], weights=sure[hair])
    followed = np.abs(flow.carry(there, frame, frame) - own)[hair].mean()
    assert missed < 0.12
    assert followed > 0.5
    assert sure[hair].mean() > 0.3


@given(left=st.integers(0, 25), top=st.integers(0, 12), right=st.integers(0, 25), bottom=st.integers(0, 12))
@settings(max_examples=15, deadline=None)
def test_a_larger_window_has_the_same_values(left: int, top: int, right: int, bottom: int) -> None:
    truth = noisy(soft_disc(), 9)
    tight = Box(36, 18, 124, 102)
    wide = Box(tight.x0 - left, tight.y0 - top, tight.x1 + right, tight.y1 + bottom)
    where = band(soft_disc())
    others = neighbours(STEPS, (1.2, 0.4))
    small, large = (
        steady_matte(matte_of(truth, window), where[window.slices], picture(), others, 0.75).crop
        for window in (tight, wide)
    )
    assert np.array_equal(small, large[tight.relative_to(wide).slices])


@given(x0=st.integers(0, 120), y0=st.integers(0, 90), width=st.integers(1, 40), height=st.integers(1, 30))
@settings(max_examples=15, deadline=None)
def test_what_is_carried_is_the_same_on_any_box(x0: int, y0: int, width: int, height: int) -> None:
    part, frame = Box(x0, y0, x0 + width, y0 + height), Box.of_frame(*SIZE)
    there = Neighbour(constant(1.3, -0.4), matte_of(soft_disc(82, 61)), picture() // 2 + picture(5) // 2)
    instance = matte_of(soft_disc()).instance
    on_part, on_frame = (steady_alphas.carried_alpha(instance, picture(), there, box) for box in (part, frame))
    for small, large in zip(on_part, on_frame, strict=True):
        # numpy's exponential rounds the last bit otherwise at the ends of rows.
        assert np.allclose(small, large[part.slices], rtol=0, atol=1e-6)


def test_a_band_in_two_parts_is_as_each_by_itself() -> None:
    truth = noisy(soft_disc(), 9)
    where = band(truth)
    # Neighbours that differ from place to place, in picture and alpha.
    others = [
        Neighbour(
            constant(0.6), matte_of(soft_disc(80 + step, 60 - step)), (picture() // 2 + picture(step + 9) // 2)
        )
        for step in STEPS
    ]
    upper, lower = where.copy(), where.copy()
    upper[60:], lower[:60] = False, False
    whole, *parts = (
        steady_matte(matte_of(truth), part, picture(), others, 0.75).crop for part in (where, upper, lower)
    )
    assert np.allclose(np.vstack([parts[0][:60], parts[1][60:]]), whole, atol=1e-5)


def test_the_same_bytes_on_any_number_of_threads_and_no_input_changed() -> None:
    truth = noisy(soft_disc(), 9)
    where, others, seen = band(truth), neighbours(STEPS, (1.2, 0.4)), picture()
    kept = [truth.copy(), where.copy(), seen.copy(), *(other.matte.crop.copy() for other in others)]
    before = cv2.getNumThreads()
    results = set()
    try:
        for threads in (1, 2, 4):
            cv2.setNumThreads(threads)
            results.add(steady_matte(matte_of(truth), where, seen, others, 0.75).crop.tobytes())
    finally:
        cv2.setNumThreads(before)
    assert len(results) == 1
    for was, now in zip(kept, [truth, where, seen, *(other.matte.crop for other in others)], strict=True):
        assert np.array_equal(was, now)


def test_the_band_is_that_of_the_first_trimap() -> None:
    one = matte_of(soft_disc()).instance
    first = trimap.from_instance(one, 0.1, 0.05)
    assert np.array_equal(band_of(one, first.window, 0.1, 0.05), first.unknown)
    shifted = first.window.shifted(5, -3)
    both = shifted.intersection(first.window)
    assert both is not None
    there = band_of(one, shifted, 0.1, 0.05)
    assert np.array_equal(
        there[both.relative_to(shifted).slices], first.unknown[both.relative_to(first.window).slices]
    )
    everything = Instance.from_mask(np.ones(SIZE, np.bool_), "wall", 1.0)
    assert not band_of(everything, everything.box, 0.1, 0.05).any()


def test_a_picture_is_compared_as_it_is_shown() -> None:
    light = np.random.default_rng(0).uniform(-0.2, 4, (150, 9, 3)).astype(np.float32)
    shown = display_picture(Plate(light))
    assert shown.dtype == np.uint8
    assert np.abs(shown - 255 * to_display(light).clip(0, 1)).max() <= 0.501


def test_flicker_is_the_change_that_motion_does_not_tell() -> None:
    now, before = matte_of(soft_disc(80)), matte_of(soft_disc(74))
    assert flicker(now, before, constant(-6)) < 1e-4
    still = flicker(now, before, constant())
    edge = (np.maximum(now.crop, before.crop) > 1 / 255) & (np.minimum(now.crop, before.crop) < 254 / 255)
    assert still == pytest.approx(np.abs(now.crop - before.crop)[edge].mean(), rel=1e-3)
    assert flicker(now, before, constant(trust=0.0)) == 0.0


def test_flicker_looks_at_both_windows() -> None:
    left, right = (matte_of(soft_disc(x, radius=12), Box(x - 20, 40, x + 20, 80)) for x in (30, 120))
    assert flicker(left, right, constant()) > 0.6
    both = matte_of(np.maximum(soft_disc(30, radius=12), soft_disc(120, radius=12)))
    assert flicker(left, both, constant()) > 0.3
    assert flicker(both, left, constant()) == pytest.approx(flicker(left, both, constant()), rel=1e-5)


def test_sizes_and_strengths_that_do_not_fit_are_refused() -> None:
    truth = soft_disc()
    one, where, there = matte_of(truth), band(truth), neighbours([1])[0]
    small = np.zeros((10, 10), np.float32)
    small[4:6, 4:6] = 1
    other = Matte(Instance.from_mask(small > 0, "ball", 1.0), small, Box.of_frame(10, 10))
    for faulty in (replace(there, matte=other), replace(there, flow=constant(size=(60, 80)))):
        with pytest.raises(ValueShapeError, match="frame's size"):
            steady_matte(one, where, picture(), [faulty], 0.5)
    with pytest.raises(ValueShapeError, match="picture"):
        steady_matte(one, where, picture(), [replace(there, picture=picture()[:50])], 0.5)
    with pytest.raises(ValueShapeError, match="picture"):
        steady_matte(one, where, picture().astype(np.float32), [there], 0.5)
    with pytest.raises(ValueShapeError, match="band"):
        steady_matte(one, where[:50], picture(), [there], 0.5)
    for strength in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueShapeError, match=r"0\.\.1"):
            steady_matte(one, where, picture(), [there], strength)


def test_where_samples_disagreed_an_alpha_weighs_less() -> None:
    truth, seen = soft_disc(), picture()
    wrong = np.clip(truth + np.where((truth > 0.2) & (truth < 0.8), 0.2, 0), 0, 1).astype(np.float32)
    band = (truth > 0) & (truth < 1)
    doubted = np.where(band, np.float32(0.4), np.float32(0))
    right = Neighbour(constant(), matte_of(truth), seen)
    astray = Neighbour(constant(), matte_of(wrong), seen)

    def error(own: Matte, *others: Neighbour) -> float:
        steadied = steady_matte(own, band, seen, others, 0.5)
        return float(np.abs(steadied.crop - truth)[band].mean())

    own_doubted = replace(matte_of(wrong), spread_crop=doubted)
    assert error(own_doubted, right) < 0.5 * error(matte_of(wrong), right)
    astray_doubted = replace(astray, matte=replace(astray.matte, spread_crop=doubted))
    assert error(matte_of(truth), astray_doubted) < 0.5 * error(matte_of(truth), astray)


def test_samples_that_agreed_are_as_one_sample() -> None:
    alpha, seen = noisy(soft_disc(), 1), picture()
    band = (alpha > 0) & (alpha < 1)
    agreed = np.zeros_like(alpha)
    made = [
        steady_matte(own, band, seen, [Neighbour(constant(), other, seen)], 0.75).crop.tobytes()
        for own, other in (
            (matte_of(alpha), matte_of(soft_disc())),
            (
                replace(matte_of(alpha), spread_crop=agreed),
                replace(matte_of(soft_disc()), spread_crop=agreed),
            ),
        )
    ]
    assert made[0] == made[1]
