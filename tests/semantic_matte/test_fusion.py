"""Patches -> one alpha: no seams, no outliers, no moved known pixels, whatever the batch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semantic_matte import patches
from semantic_matte.colour import to_display
from semantic_matte.errors import CancelledError, DeviceError, ValueShapeError
from semantic_matte.fusion import LEAST_WEIGHT, Band, Fused, fuse, fuse_in_turn
from semantic_matte.ports import ProgressEvent, SilentProgress
from semantic_matte.types import Box, FloatArray, Plate, Trimap


def ring(height: int, width: int, window: Box | None = None, share: float = 0.35) -> Trimap:
    """A trimap with known foreground in the middle, background at the corners, unknown between."""
    window = window or Box.of_frame(height, width)
    rows, columns = np.indices((window.height, window.width))
    y, x = (rows + 0.5) / window.height - 0.5, (columns + 0.5) / window.width - 0.5
    radius = np.hypot(y, x)
    levels = np.full(radius.shape, 128, np.uint8)
    levels[radius > 0.5] = 0
    levels[radius < 0.5 - share] = 255
    levels[0, 0], levels[window.height // 2, window.width // 2] = 0, 255
    return Trimap(levels, window, (height, width))


def band(trimap: Trimap, patch_size: int, samples: int = 1, seed: int = 0, coverage: str = "even") -> Band:
    cut = patches.cover(
        trimap.unknown,
        trimap.window,
        trimap.frame_size,
        patch_size,
        samples=samples,
        seed=[seed],
        coverage=coverage,
    )
    return Band(trimap, tuple(cut))


def fuse_one(pixels: FloatArray, one: Band, estimator: Any, **options: Any) -> Fused:
    return fuse(pixels, [one], estimator, SilentProgress(), **options)[0]


def dense(pixels: FloatArray, one: Band, estimator: Any, soft_borders: bool) -> tuple[Any, Any]:
    """The same by the simplest means: whole frames in double precision, one patch at a time."""
    import torch

    height, width = one.trimap.frame_size
    whole = np.zeros((height, width), np.uint8)
    whole[one.trimap.window.slices] = one.trimap.levels
    beyond = max(patch.box.height for patch in one.patches)
    sides = ((beyond, beyond), (beyond, beyond))
    colours = np.pad(pixels, (*sides, (0, 0)), mode="reflect")
    levels = np.pad(whole, sides, mode="reflect")
    sums = np.zeros((one.samples, *levels.shape))
    weights = np.zeros_like(sums)
    for patch in one.patches:
        place = patch.box.shifted(beyond, beyond).slices
        colour = torch.from_numpy(to_display(colours[place]).transpose(2, 0, 1).copy())
        alpha = estimator.estimate(colour[None], torch.from_numpy(levels[place].copy())[None], SilentProgress())
        weight = np.ones((patch.box.height, patch.box.width))
        if soft_borders:
            rise = [
                np.maximum((1 - np.cos(2 * np.pi * (np.arange(side) + 0.5) / side)) / 2, LEAST_WEIGHT)
                for side in weight.shape
            ]
            weight = rise[0][:, None] * rise[1][None, :]
        sums[(patch.sample, *place)] += alpha[0].numpy() * weight
        weights[(patch.sample, *place)] += weight
    inner = one.trimap.window.shifted(beyond, beyond).slices
    samples = sums[(slice(None), *inner)] / np.maximum(weights[(slice(None), *inner)], 1e-30)
    known = one.trimap.foreground.astype(np.float64)
    alpha = np.where(one.trimap.unknown, np.median(samples, axis=0), known)
    spread = np.where(one.trimap.unknown, np.ptp(samples, axis=0), 0.0)
    return alpha, spread


@pytest.mark.parametrize("coverage", ["even", "paper"])
@pytest.mark.parametrize("value", [0.0, 0.25, 0.7, 1.0])
def test_constant_in_constant_out_and_known_pixels_stay(toys: Any, value: float, coverage: str) -> None:
    trimap = ring(90, 120)
    plate = toys.plate(np.zeros((90, 120), np.float32))
    estimator = toys(toys.constant(value), keeps_known=False)
    one = band(trimap, 32, samples=3, coverage=coverage)
    fused = fuse_one(plate.pixels, one, estimator, soft_borders=coverage == "even")
    if value == 0.7:
        # Not a binary fraction: the quotient of rounded sums may be a few last bits off.
        assert np.abs(fused.alpha[trimap.unknown] - np.float32(value)).max() <= 4 * np.spacing(
            np.float32(value)
        )
    else:
        assert (fused.alpha[trimap.unknown] == value).all()
    assert (fused.alpha[trimap.foreground] == 1).all()
    assert (fused.alpha[trimap.levels == 0] == 0).all()
    assert (fused.spread[~trimap.unknown] == 0).all()
    assert fused.alpha.dtype == fused.spread.dtype == np.float32


@settings(max_examples=40, deadline=None)
@given(
    size=st.tuples(st.integers(3, 60), st.integers(3, 60)),
    corner=st.tuples(st.floats(0, 0.6), st.floats(0, 0.6)),
    patch_size=st.integers(4, 40),
    samples=st.integers(1, 6),
    seed=st.integers(0, 1000),
    coverage=st.sampled_from(["even", "paper"]),
)
def test_agrees_with_a_dense_second_implementation(
    toys: Any,
    size: tuple[int, int],
    corner: tuple[float, float],
    patch_size: int,
    samples: int,
    seed: int,
    coverage: str,
) -> None:
    height, width = size
    window = Box(int(corner[1] * width), int(corner[0] * height), width, height)
    trimap = ring(height, width, window)
    random = np.random.default_rng(seed)
    pixels = random.random((height, width, 3), dtype=np.float32)
    one = band(trimap, patch_size, samples, seed, coverage)
    if not one.patches:
        return

    def solve(colour: Any, levels: Any) -> Any:
        import torch

        ramp = torch.linspace(0, 0.3, levels.shape[1])
        return 0.3 * colour[0] + 0.2 * colour[1] + ramp + 0.2 * (levels == 255)

    estimator = toys(solve, patch_size)
    soft = coverage == "even"
    fused = fuse_one(pixels, one, estimator, soft_borders=soft)
    alpha, spread = dense(pixels, one, estimator, soft)
    np.testing.assert_allclose(fused.alpha, alpha, atol=1e-5)
    np.testing.assert_allclose(fused.spread, spread, atol=1e-5)


@pytest.mark.parametrize("coverage", ["even", "paper"])
def test_same_seed_same_bytes_and_another_seed_others(toys: Any, coverage: str) -> None:
    trimap = ring(100, 140)
    plate = toys.plate(toys.disc(100, 140, 50, 70, 40, 30))
    estimator = toys(toys.oracle_with_tilt(0.2))

    def alpha(seed: int) -> bytes:
        return fuse_one(plate.pixels, band(trimap, 32, 3, seed, coverage), estimator).alpha.tobytes()

    assert alpha(1) == alpha(1)
    assert alpha(1) != alpha(2)


def test_an_outlier_in_one_sample_of_five_shows_in_the_spread_alone(toys: Any) -> None:
    truth = toys.disc(120, 160, 60, 80, 45, 60)
    plate = toys.plate(truth)
    trimap = ring(120, 160)
    one = band(trimap, 48, samples=5)
    clean = fuse_one(plate.pixels, one, toys(toys.oracle, 48))
    calls = iter(range(len(one.patches)))
    bad = next(index for index, patch in enumerate(one.patches) if patch.sample == 2)

    def solve(colour: Any, levels: Any) -> Any:
        alpha = toys.oracle(colour, levels)
        return 1 - alpha.round() if next(calls) == bad else alpha

    fused = fuse_one(plate.pixels, one, toys(solve, 48))
    np.testing.assert_allclose(fused.alpha, clean.alpha, atol=1e-6)
    np.testing.assert_allclose(fused.alpha[trimap.unknown], toys.in_plate(truth)[trimap.unknown], atol=1e-5)
    box = one.patches[bad].box
    changed = fused.spread > 0.1
    assert changed.any()
    assert not changed[:, box.x1 :].any()
    assert not changed[box.y1 :].any()
    assert fused.spread.max() > 0.3
    assert clean.spread.max() < 1e-5


@pytest.mark.parametrize("samples", [1, 4, 5])
def test_smooth_errors_leave_no_seam_where_the_plain_average_does(toys: Any, samples: int) -> None:
    height, width = 380, 520
    flat = np.full((height, width), 0.5, np.float32)
    plate = toys.plate(flat)
    levels = np.full((height, width), 128, np.uint8)
    levels[:, :4], levels[:, -4:] = 0, 255
    trimap = Trimap.from_levels(levels)
    estimator = toys(toys.oracle_with_tilt(0.05), 256)

    def worst_jump(coverage: str) -> float:
        one = band(trimap, 256, samples, coverage=coverage)
        alpha = fuse_one(plate.pixels, one, estimator, soft_borders=coverage == "even").alpha[:, 4:-4]
        assert np.abs(alpha - 0.5).max() > 0.005, "the errors must be there to be seen"
        return max(float(np.abs(np.diff(alpha, axis=axis)).max()) for axis in (0, 1))

    assert worst_jump("even") < 1 / 255
    assert worst_jump("paper") > 2 / 255, "a test that no method can fail proves nothing"


@pytest.mark.parametrize("batch", [3, 64])
def test_the_batch_size_does_not_matter(toys: Any, batch: int) -> None:
    trimap = ring(100, 90, Box(5, 10, 90, 95))
    plate = toys.plate(toys.disc(100, 90, 50, 45, 30, 20))
    estimator = toys(toys.oracle_with_tilt(0.3))
    one = band(trimap, 32, samples=3)
    single = fuse_one(plate.pixels, one, estimator, batch=1)
    assert {shape[0] for shape in estimator.batches} == {1}
    estimator.batches.clear()
    several = fuse_one(plate.pixels, one, estimator, batch=batch)
    assert max(shape[0] for shape in estimator.batches) == min(batch, len(one.patches))
    np.testing.assert_allclose(several.alpha, single.alpha, atol=1e-6)
    np.testing.assert_allclose(several.spread, single.spread, atol=1e-6)


def test_bands_together_equal_each_alone(toys: Any) -> None:
    plate = toys.plate(toys.disc(120, 130, 60, 60, 40, 40))
    estimator = toys(toys.oracle_with_tilt(0.3))
    bands = [
        band(ring(120, 130, Box(0, 0, 60, 70)), 32, 3),
        band(ring(120, 130, Box(30, 20, 130, 120)), 32, 1),
        band(ring(120, 130, Box(100, 100, 130, 120)), 32, 2),
    ]
    # One without patches, as when a neighbour took the whole band.
    bands.append(Band(bands[0].trimap, ()))
    together = fuse(plate.pixels, bands, estimator, SilentProgress(), batch=7)
    for one, fused in zip(bands, together, strict=True):
        alone = fuse_one(plate.pixels, one, estimator, batch=7)
        np.testing.assert_allclose(fused.alpha, alone.alpha, atol=1e-6)
        np.testing.assert_allclose(fused.spread, alone.spread, atol=1e-6)


def test_a_band_without_unknown_pixels_is_its_known_ones(toys: Any) -> None:
    levels = np.zeros((5, 6), np.uint8)
    levels[2, 3] = 255
    trimap = Trimap.from_levels(levels)
    fused = fuse_one(np.zeros((5, 6, 3), np.float32), Band(trimap, ()), toys(toys.constant(0.5)))
    np.testing.assert_array_equal(fused.alpha, levels == 255)


def test_regions_of_many_shapes_fuse(toys: Any) -> None:
    levels = np.zeros((80, 200), np.uint8)
    levels[10:20, 10:60], levels[12:18, 15:20] = 128, 255
    levels[5:75, 100:130], levels[30:40, 110:115] = 128, 255
    levels[60:62, 150:199] = 128
    trimap = Trimap.from_levels(levels)
    truth = np.linspace(0, 1, 80 * 200, dtype=np.float32).reshape(80, 200)
    cut = patches.regions(trimap.unknown, trimap.window, trimap.frame_size, 40, seed=[0])
    fused = fuse_one(toys.plate(truth).pixels, Band(trimap, tuple(cut)), toys(toys.oracle, 40))
    np.testing.assert_allclose(fused.alpha[trimap.unknown], toys.in_plate(truth)[trimap.unknown], atol=1e-5)


@pytest.mark.parametrize(("height", "width"), [(1, 3), (3, 1), (2, 2), (7, 100), (30, 31)])
def test_patches_beyond_the_frame_see_it_mirrored(toys: Any, height: int, width: int) -> None:
    seen = []

    def solve(colour: Any, levels: Any) -> Any:
        seen.append((colour.numpy().copy(), levels.numpy().copy()))
        return toys.oracle(colour, levels)

    levels = np.full((height, width), 128, np.uint8)
    levels[0, 0], levels[-1, -1] = 0, 255
    truth = np.random.default_rng(3).random((height, width), dtype=np.float32)
    plate = toys.plate(truth)
    one = band(Trimap.from_levels(levels), 32)
    fused = fuse_one(plate.pixels, one, toys(solve), batch=1)
    box = one.patches[0].box
    sides = [(max(-box.y0, 0), max(box.y1 - height, 0)), (max(-box.x0, 0), max(box.x1 - width, 0))]
    clipped = box.intersection(Box.of_frame(height, width))
    assert clipped is not None
    shown = to_display(plate.pixels)[clipped.slices]
    colour, its_levels = seen[0]
    expected = np.pad(shown, [*sides, (0, 0)], mode="reflect").transpose(2, 0, 1)
    np.testing.assert_allclose(colour, expected, atol=1e-6)
    np.testing.assert_array_equal(its_levels, np.pad(levels[clipped.slices], sides, mode="reflect"))
    assert np.isfinite(fused.alpha).all()
    unknown = levels == 128
    np.testing.assert_allclose(fused.alpha[unknown], toys.in_plate(truth)[unknown], atol=1e-5)


def test_only_open_rows_are_kept_not_the_frame(toys: Any) -> None:
    from torch.utils._python_dispatch import TorchDispatchMode

    largest = 0

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, operation: Any, kinds: Any, values: Any = (), named: Any = None) -> Any:
            nonlocal largest
            result = operation(*values, **(named or {}))
            largest = max(largest, getattr(result, "nbytes", 0))
            return result

    height, width, samples = 800, 24, 7
    trimap = ring(height, width)
    plate = toys.plate(np.zeros((height, width), np.float32))
    with Watch():
        fuse_one(plate.pixels, band(trimap, 32, samples), toys(toys.constant(0.5)))
    assert largest > 0
    assert largest <= plate.pixels.nbytes
    assert samples * height * width * 4 > 2 * largest


def test_an_estimator_that_breaks_its_word_is_named(toys: Any) -> None:
    estimator = toys(lambda colour, levels: colour[0, 1:], keeps_known=False)
    with pytest.raises(ValueShapeError, match=r"'toy': expected alpha of shape \(\d+, 32, 32\)"):
        fuse_one(np.zeros((60, 60, 3), np.float32), band(ring(60, 60), 32), estimator)


def test_progress_counts_patches_and_a_cancel_gets_through(toys: Any) -> None:
    plate = Plate(np.zeros((80, 80, 3), np.float32))
    one = band(ring(80, 80), 32, samples=2)
    events: list[ProgressEvent] = []

    class Watched(SilentProgress):
        def advance(self, event: ProgressEvent) -> None:
            events.append(event)

    fuse(plate.pixels, [one], toys(toys.constant(0.5)), Watched(), batch=4, pass_number=3)
    assert [event.done for event in events][-1] == events[0].total == len(one.patches)
    assert {(event.stage, event.pass_number) for event in events} == {("matting", 3)}
    assert [event.done for event in events] == sorted(event.done for event in events)

    class Cancelled(SilentProgress):
        def advance(self, event: ProgressEvent) -> None:
            raise CancelledError("Cancelled.")

    estimator = toys(toys.constant(0.5))
    with pytest.raises(CancelledError):
        fuse(plate.pixels, [one], estimator, Cancelled(), batch=4)
    assert len(estimator.batches) == 1


def test_a_band_is_handed_over_before_the_next_is_solved(toys: Any) -> None:
    """So whoever takes it may let go of its buffers: memory follows the largest object, not their sum."""
    plate = toys.plate(toys.disc(96, 96, 48, 48, 30))
    bands = [band(ring(96, 96), 32, seed=seed) for seed in (1, 2)]
    estimator = toys(toys.oracle)
    turns = fuse_in_turn(plate.pixels, bands, estimator, SilentProgress(), batch=1)
    index, first = next(turns)
    assert index == 0
    assert len(estimator.batches) == len(bands[0].patches)
    ((index, second),) = turns
    assert index == 1
    for one, other in zip((first, second), fuse(plate.pixels, bands, estimator, SilentProgress()), strict=True):
        np.testing.assert_array_equal(one.alpha, other.alpha)


@pytest.mark.parametrize("when", ["the frame", "the bands"])
def test_a_device_without_room_for_the_frame_is_told(
    toys: Any, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    import torch

    def full(*_given: object, **_named: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")

    plate = toys.plate(toys.disc(48, 64, 24, 32, 12))
    device = "cuda:0" if when == "the frame" else "cpu"
    if when == "the frame":
        monkeypatch.setattr(torch.Tensor, "to", full)
    else:
        monkeypatch.setattr(torch, "stack", full)
    with pytest.raises(
        DeviceError, match=rf"^A frame of 64x48 pixels ran out of memory on {device}: .*take a smaller plate or"
    ):
        fuse(plate.pixels, [band(ring(48, 64), 32)], toys(toys.oracle, device=device), SilentProgress())
