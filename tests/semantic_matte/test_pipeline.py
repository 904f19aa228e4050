"""One frame end to end through the ports, with estimators whose answers are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from semantic_matte.errors import CancelledError
from semantic_matte.estimators.closed_form import ClosedForm
from semantic_matte.pipeline import matte_frame, refine_trimap
from semantic_matte.ports import ProgressEvent, SilentProgress
from semantic_matte.settings import Settings
from semantic_matte.trimap import SOLID
from semantic_matte.types import Box, Instance, Matte, Plate, Trimap

FRAME = (160, 220)
# Wide enough for the rough mask of `ball`.
WIDE = {"dilation_outer": 0.2, "dilation_inner": 0.2}


def instance_of(mask: Any, label: str = "ball", slot: str = "") -> Instance:
    found = Instance.from_mask(mask, label, 0.9)
    return Instance(found.crop, found.box, found.frame_size, label, 0.9, slot)


def run(plate: Plate, instances: list[Instance], estimator: Any, **controls: Any) -> list[Matte]:
    return matte_frame(plate, instances, estimator, Settings(**controls), SilentProgress())


@pytest.fixture
def ball(toys: Any) -> tuple[Any, Instance]:
    """A soft disc and a rough mask of it: shifted and too small."""
    truth = toys.disc(*FRAME, 80, 110, 50, 12)
    return truth, instance_of(toys.disc(*FRAME, 82, 108, 48, 1) > 0.5)


@pytest.mark.parametrize("coverage", ["even", "paper"])
@pytest.mark.parametrize("passes", [1, 4])
def test_a_rough_mask_becomes_the_true_alpha(toys: Any, ball: Any, coverage: str, passes: int) -> None:
    truth, instance = ball
    (matte,) = run(toys.plate(truth), [instance], toys(toys.oracle), coverage=coverage, passes=passes, **WIDE)
    # A later pass may call what is nearly solid solid.
    assert np.abs(matte.alpha - truth).max() < (0.01 if passes == 1 else SOLID)
    assert np.abs(matte.alpha - truth).mean() < 0.005
    assert matte.instance is instance
    assert matte.spread_crop is not None


def test_a_band_wider_than_the_estimator_sees_is_first_solved_small(toys: Any, ball: Any) -> None:
    truth, instance = ball
    estimator = toys(toys.oracle, 48, widest_band=10)
    (matte,) = run(toys.plate(truth), [instance], estimator, passes=1, **WIDE)
    assert matte.passes > 1, "the last pass must be at the plate's own resolution"
    assert np.abs(matte.alpha - truth).mean() < 0.01


def test_the_same_seed_gives_the_same_bytes(toys: Any, ball: Any) -> None:
    truth, instance = ball

    def alpha(seed: int) -> bytes:
        estimator = toys(toys.oracle_with_outliers(0.3))
        (matte,) = run(toys.plate(truth), [instance], estimator, seed=seed, samples=3, passes=2, **WIDE)
        return matte.alpha.tobytes() + matte.spread.tobytes()

    assert alpha(1) == alpha(1)
    assert alpha(1) != alpha(2)


def test_one_more_find_elsewhere_leaves_the_others_pixels_alone(toys: Any) -> None:
    first, second = toys.disc(*FRAME, 50, 50, 30), toys.disc(*FRAME, 110, 170, 30)
    plate = toys.plate(first + second)
    instances = [instance_of(alpha > 0.5) for alpha in (first, second)]
    alone = run(plate, instances[1:], toys(toys.oracle_with_outliers(0.2)))
    both = run(plate, instances, toys(toys.oracle_with_outliers(0.2)))
    np.testing.assert_allclose(both[1].alpha, alone[0].alpha, atol=1e-6)


def test_a_median_of_five_is_nearer_to_the_truth_than_one_sample(toys: Any, ball: Any) -> None:
    truth, instance = ball
    errors = []
    for samples in (1, 5):
        estimator = toys(toys.oracle_with_outliers(0.04))
        mattes = [
            run(toys.plate(truth), [instance], estimator, samples=samples, passes=1, seed=seed, **WIDE)[0]
            for seed in range(4)
        ]
        errors.append(np.mean([np.abs(matte.alpha - toys.in_plate(truth)).mean() for matte in mattes]))
    assert errors[1] < 0.5 * errors[0]


def touching(toys: Any) -> tuple[Plate, list[Instance], list[Any]]:
    """Two bodies side by side, red and green before blue, with a mixed border of 8 pixels between them."""
    rows, columns = np.indices((90, 150))
    inside = ((rows > 15) & (rows < 75) & (columns > 20) & (columns < 130)).astype(np.float32)
    left = inside * np.clip((79 - columns) / 8, 0, 1).astype(np.float32)
    right = inside - left
    colours = np.stack([left, right, 1 - left - right], axis=2).astype(np.float32)
    masks = [(left > 0.5), (right >= 0.5)]
    return Plate(0.05 + 0.5 * colours), [instance_of(mask) for mask in masks], [left, right]


def test_two_objects_that_touch(toys: Any) -> None:
    plate, instances, truths = touching(toys)
    mattes = run(plate, instances, ClosedForm(), dilation_outer=0.12, dilation_inner=0.12)
    for matte, truth in zip(mattes, truths, strict=True):
        assert np.abs(matte.alpha - truth).mean() < 0.02
    total = mattes[0].alpha + mattes[1].alpha
    assert total.max() <= 1 + 1e-6
    # What one surely is, the other never is.
    assert mattes[0].alpha[45, 40] == 1
    assert mattes[1].alpha[45, 40] == 0
    assert mattes[0].alpha[45, 110] == 0
    assert mattes[1].alpha[45, 110] == 1


def test_what_a_neighbour_surely_covers_stays_empty_in_every_pass(toys: Any) -> None:
    plate, instances, _ = touching(toys)
    settings = {"dilation_outer": 0.3, "dilation_inner": 0.05, "overlaps": "independent", "passes": 4}
    mattes = run(plate, instances, toys(toys.constant(0.6)), **settings)
    # Each band reaches far into the other's known foreground, and the estimator claims 0.6 all over.
    assert (mattes[0].alpha[20:70, 85:120] == 0).all()
    assert (mattes[1].alpha[20:70, 30:65] == 0).all()
    assert (mattes[0].alpha[45, 74:76] == np.float32(0.6)).all()


@pytest.mark.parametrize(("overlaps", "most"), [("consistent", 1.0), ("independent", 1.2)])
def test_overlaps_are_shared_or_left(toys: Any, overlaps: str, most: float) -> None:
    plate, instances, _ = touching(toys)
    mattes = run(plate, instances, toys(toys.constant(0.6)), overlaps=overlaps)
    assert (mattes[0].alpha + mattes[1].alpha).max() == pytest.approx(most, abs=1e-6)


def test_an_object_that_fills_the_frame_keeps_its_mask_with_a_notice(toys: Any) -> None:
    progress = SilentProgress()
    whole = instance_of(np.ones((40, 50), np.bool_), "sky")
    small = instance_of(toys.disc(40, 50, 20, 25, 8) > 0.5)
    settings = Settings(overlaps="independent")
    plate = toys.plate(toys.disc(40, 50, 20, 25, 8))
    mattes = matte_frame(plate, [whole, small], toys(toys.oracle), settings, progress)
    assert (mattes[0].alpha == 1).all()
    assert mattes[1].instance is small
    (notice,) = progress.notices
    assert "'sky' fills the whole frame" in notice
    assert "rough mask is used" in notice


def test_nothing_found_is_nothing_to_do(toys: Any) -> None:
    estimator = toys(toys.oracle)
    assert run(toys.plate(np.zeros((10, 10), np.float32)), [], estimator) == []
    assert estimator.batches == []


@pytest.mark.parametrize("size", [(3, 9), (9, 3), (12, 12)])
def test_small_frames_and_one_pixel_objects_go_through(toys: Any, size: tuple[int, int]) -> None:
    mask = np.zeros(size, np.bool_)
    mask[1, 1] = True
    (matte,) = run(toys.plate(mask.astype(np.float32)), [instance_of(mask)], toys(toys.oracle))
    np.testing.assert_allclose(matte.alpha, mask, atol=1e-5)


def a_trimap(kind: str) -> Trimap:
    levels = np.full(FRAME, 128, np.uint8)
    if kind == "scattered":
        random = np.random.default_rng(0)
        levels[random.random(FRAME) < 0.02] = 0
        levels[random.random(FRAME) < 0.02] = 255
    else:
        levels[:30], levels[-40:, :100] = 0, 255
        levels[60:70, 150:200] = 255
    return Trimap.from_levels(levels)


@pytest.mark.parametrize("kind", ["large parts", "scattered"])
@pytest.mark.parametrize("widest_band", [8, 10_000])
@pytest.mark.parametrize("passes", [1, 2, 5])
def test_an_artists_known_pixels_are_never_touched(toys: Any, kind: str, widest_band: int, passes: int) -> None:
    given = a_trimap(kind)
    truth = toys.disc(*FRAME, 80, 110, 20, 100)
    estimator = toys(toys.oracle_with_outliers(0.3), 48, widest_band=widest_band, keeps_known=False)
    progress = SilentProgress()
    instance = instance_of(given.levels > 0)
    settings = Settings(passes=passes, samples=2)
    matte = refine_trimap(toys.plate(truth), given, instance, estimator, settings, progress)
    assert (matte.alpha[given.levels == 0] == 0).all()
    assert (matte.alpha[given.levels == 255] == 1).all()
    assert (matte.spread[~given.unknown] == 0).all()
    assert estimator.batches


def test_a_refined_trimap_comes_near_the_truth(toys: Any) -> None:
    truth = toys.disc(*FRAME, 80, 110, 50, 30)
    levels = np.full(FRAME, 128, np.uint8)
    levels[truth == 0], levels[truth == 1] = 0, 255
    given = Trimap.from_levels(levels)
    instance = instance_of(levels > 0)
    progress = SilentProgress()
    matte = refine_trimap(toys.plate(truth), given, instance, toys(toys.oracle), Settings(passes=1), progress)
    np.testing.assert_allclose(matte.alpha, toys.in_plate(truth), atol=1e-5)


def test_a_trimap_without_a_band_is_its_own_matte(toys: Any) -> None:
    levels = np.zeros(FRAME, np.uint8)
    levels[20:50, 30:90] = 255
    given = Trimap.from_levels(levels)
    estimator = toys(toys.oracle)
    instance = instance_of(levels > 0)
    plate = toys.plate(np.zeros(FRAME, np.float32))
    matte = refine_trimap(plate, given, instance, estimator, Settings(), SilentProgress())
    np.testing.assert_array_equal(matte.alpha, levels == 255)
    assert estimator.batches == []


def test_objects_share_the_estimators_batches(toys: Any) -> None:
    discs = [toys.disc(*FRAME, 40 + 80 * row, 40 + 70 * column, 20) for row in (0, 1) for column in (0, 1, 2)]
    estimator = toys(toys.oracle, 64)
    mattes = run(
        toys.plate(np.maximum.reduce(discs)),
        [instance_of(disc > 0.5) for disc in discs],
        estimator,
        passes=1,
        batch=256,
    )
    assert len(estimator.batches) == 1
    assert [matte.instance.box.y0 for matte in mattes] == [instance_of(disc > 0.5).box.y0 for disc in discs]


def test_an_estimator_of_regions_sees_each_part_whole_and_once(toys: Any) -> None:
    disc = toys.disc(*FRAME, 80, 110, 40)
    estimator = toys(toys.oracle, 400, solves_regions=True)
    (matte,) = run(toys.plate(disc), [instance_of(disc > 0.5)], estimator, passes=1, samples=5)
    assert len(estimator.batches) == 1
    count, height, width = estimator.batches[0]
    assert count == 1
    assert Box.of_frame(height, width).area < 160 * 160
    assert matte.spread.max() == 0


def test_a_band_that_fits_is_solved_in_one_patch(toys: Any) -> None:
    disc = toys.disc(*FRAME, 80, 110, 40)
    batches = {}
    for area in (0, 160 * 160):
        estimator = toys(toys.oracle, 64, whole_area=area)
        (matte,) = run(toys.plate(disc), [instance_of(disc > 0.5)], estimator, passes=1, samples=5)
        np.testing.assert_allclose(matte.alpha, disc, atol=0.02)
        batches[area] = sum(shape[0] for shape in estimator.batches)
    assert batches[0] > 5
    assert batches[160 * 160] == 1


def test_a_larger_band_is_solved_once_in_tiles_of_that_area(toys: Any) -> None:
    disc = toys.disc(*FRAME, 80, 110, 40)
    estimator = toys(toys.oracle, 64, whole_area=60 * 60)
    (matte,) = run(toys.plate(disc), [instance_of(disc > 0.5)], estimator, passes=1, samples=5)
    np.testing.assert_allclose(matte.alpha, disc, atol=0.02)
    assert matte.spread.max() == 0
    assert 1 < sum(shape[0] for shape in estimator.batches) <= 9
    assert all(shape[1] * shape[2] <= 60 * 60 for shape in estimator.batches)
    # Of larger tiles fewer are taken at once.
    assert all(shape[0] * shape[1] * shape[2] <= 8 * 64 * 64 for shape in estimator.batches)


def test_the_papers_coverage_never_takes_the_band_whole(toys: Any) -> None:
    disc = toys.disc(*FRAME, 80, 110, 40)
    estimator = toys(toys.oracle, 64, whole_area=160 * 160)
    run(toys.plate(disc), [instance_of(disc > 0.5)], estimator, passes=1, samples=2, coverage="paper")
    assert sum(shape[0] for shape in estimator.batches) > 2


def test_progress_names_the_slot_and_a_cancel_gets_through(toys: Any, ball: Any) -> None:
    truth, found = ball
    instance = instance_of(found.mask, slot="sm_ball_01")
    events: list[ProgressEvent] = []

    class Watched(SilentProgress):
        def advance(self, event: ProgressEvent) -> None:
            events.append(event)
            if event.pass_number == 2:
                raise CancelledError("Cancelled.")

    with pytest.raises(CancelledError):
        matte_frame(toys.plate(truth), [instance], toys(toys.oracle), Settings(samples=1), Watched())
    assert {event.instance for event in events} == {"sm_ball_01"}
    assert [event.pass_number for event in events] == sorted(event.pass_number for event in events)


def test_in_front_an_object_is_solved_as_if_nothing_lay_behind(toys: Any) -> None:
    # The rough mask behind runs on beneath the one in front, as a table's does beneath its cups.
    cup, table = toys.disc(*FRAME, 80, 110, 30, 12), toys.disc(*FRAME, 80, 110, 70, 12)
    instances = [instance_of(table > 0.5, "table", "sm_table_01"), instance_of(cup > 0.5, "cup", "sm_cup_01")]
    plate, estimator = toys.plate(cup), toys(toys.oracle)
    order = {"overlaps": "front_to_back", "order": ("cup",)}
    behind, in_front = run(plate, instances, estimator, **order, **WIDE)
    (alone,) = run(plate, instances[1:], estimator, **WIDE)
    np.testing.assert_array_equal(in_front.alpha, alone.alpha)
    assert (behind.alpha + in_front.alpha).max() <= 1 + 1e-6
    assert behind.alpha[80, 110] == 0
    assert behind.instance is instances[0]
    # Without an order the two know each other for solid, and neither has a soft edge there.
    together = run(plate, instances, estimator, **WIDE)
    assert together[1].alpha[80, 110] == 0.5
