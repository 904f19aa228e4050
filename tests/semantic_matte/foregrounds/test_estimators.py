"""What every way to unmix colours promises, whatever it is given."""

from __future__ import annotations

import subprocess
import sys
import typing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from semantic_matte.errors import DeviceError, UnknownNameError
from semantic_matte.foregrounds import FOREGROUND_ESTIMATORS, blur_fusion, create_foreground_estimator
from semantic_matte.foregrounds.blur_fusion import BlurFusion
from semantic_matte.settings import Settings

SIZES = [(1, 1), (1, 2), (2, 1), (3, 3), (1, 300), (300, 1), (5, 700), (129, 257), (700, 7)]


def alphas(height: int, width: int) -> dict[str, np.ndarray]:
    """Kinds of alpha, some of which leave nothing to learn a colour from."""
    random = np.random.default_rng(0)
    dot = np.zeros((height, width))
    dot[height // 2, width // 2] = 1
    kinds = {
        "noise": random.random((height, width)),
        "solid": np.ones((height, width)),
        "clear": np.zeros((height, width)),
        "half": np.full((height, width), 0.5),
        "faint": np.full((height, width), 1e-4),
        "dot": dot,
    }
    return {name: alpha.astype(np.float32) for name, alpha in kinds.items()}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("brightness", [0.0, 1e-6, 1.0, 1000.0, -1.0, 1e20])
def test_any_picture_and_any_alpha(estimator, size: tuple[int, int], brightness: float) -> None:
    colour = (np.random.default_rng(1).random((*size, 3)) * brightness).astype(np.float32)
    for kind, alpha in alphas(*size).items():
        before = colour.copy(), alpha.copy()
        found = estimator.estimate(colour, alpha)
        assert (found.shape, found.dtype) == (colour.shape, np.float32)
        assert np.isfinite(found).all(), kind
        np.testing.assert_array_equal(found[alpha == 1], colour[alpha == 1], err_msg=kind)
        assert estimator.estimate(colour, alpha).tobytes() == found.tobytes(), kind
        np.testing.assert_array_equal(colour, before[0])
        np.testing.assert_array_equal(alpha, before[1])


def test_two_even_colours_are_told_apart(estimator, ramp) -> None:
    own, behind = np.array([0.3, 0.1, 0.05], np.float32), np.array([0.02, 0.6, 0.1], np.float32)
    share = ramp[..., np.newaxis]
    found = estimator.estimate((share * own + (1 - share) * behind).astype(np.float32), ramp)
    soft = (ramp > 0.1) & (ramp < 1)
    np.testing.assert_allclose(found[soft], np.broadcast_to(own, found.shape)[soft], atol=0.01)


def test_colours_out_of_the_plate_s_gamut_are_found_too(estimator, ramp) -> None:
    """Saturated light has negative parts in a narrower space."""
    own, behind = np.array([0.4, -0.1, 0.2], np.float32), np.array([-0.05, 0.6, 0.1], np.float32)
    share = ramp[..., np.newaxis]
    found = estimator.estimate((share * own + (1 - share) * behind).astype(np.float32), ramp)
    soft = (ramp > 0.1) & (ramp < 1)
    np.testing.assert_allclose(found[soft], np.broadcast_to(own, found.shape)[soft], atol=0.02)


def test_a_small_bright_object_keeps_its_light(estimator) -> None:
    """A neon tube over a night: hardly a pixel is lit, and all of the object's are."""
    rows = np.abs(np.arange(200, dtype=np.float32) - 100)
    alpha = np.repeat(((4 - rows) / 4).clip(0, 1)[:, np.newaxis], 200, axis=1)
    own, behind = np.array([30, 8, 20], np.float32), np.full(3, 0.02, np.float32)
    share = alpha[..., np.newaxis]
    found = estimator.estimate((share * own + (1 - share) * behind).astype(np.float32), alpha)
    soft = (alpha > 0.1) & (alpha < 1)
    np.testing.assert_allclose(found[soft], np.broadcast_to(own, found.shape)[soft], rtol=0.05)


def test_colour_goes_on_smoothly_where_alpha_is_0(estimator, ramp) -> None:
    own, behind = np.array([0.3, 0.1, 0.05], np.float32), np.array([0.02, 0.6, 0.1], np.float32)
    share = ramp[..., np.newaxis]
    found = estimator.estimate((share * own + (1 - share) * behind).astype(np.float32), ramp)
    beyond = found[:, 60:76]
    np.testing.assert_allclose(beyond, np.broadcast_to(own, beyond.shape), atol=0.03)
    assert np.abs(np.diff(found, axis=1)[:, 50:80]).max() < 0.02


@pytest.mark.parametrize("stops", [-2, 1, 3])
def test_exposure_goes_through(mixture, estimator, stops: int) -> None:
    """Twice the light gives twice the colour, nearly: bright light weighs less, nothing else knows of white."""
    case = mixture("strands", "photo")
    gain = np.float32(2.0**stops)
    found = estimator.estimate(case.plate, case.alpha)
    brighter = estimator.estimate(case.plate * gain, case.alpha) / gain
    off = (np.abs(brighter - found) * case.alpha[..., np.newaxis])[case.soft]
    assert off.mean() < 0.01 * found[case.soft].mean()


def test_what_is_seen_is_explained(mixture, estimator) -> None:
    """Over the true background, the colours found make the plate again."""
    case = mixture("lemur", "green")
    share = case.alpha[..., np.newaxis]
    behind = (case.plate - share * case.colour) / np.maximum(1 - share, 1e-3)
    found = estimator.estimate(case.plate, case.alpha)
    remade = share * found + (1 - share) * behind
    assert np.abs(remade - case.plate)[case.soft].mean() < 0.01


def test_strips_join_without_a_seam(mixture, monkeypatch: pytest.MonkeyPatch) -> None:
    case = mixture("lemur", "photo")
    whole = BlurFusion().estimate(case.plate, case.alpha)
    for pixels in (1, 680 * 2 * 20):
        monkeypatch.setattr(blur_fusion, "STRIP_PIXELS", pixels)
        np.testing.assert_allclose(BlurFusion().estimate(case.plate, case.alpha), whole, rtol=1e-3, atol=1e-4)


def only_strips_below(monkeypatch: pytest.MonkeyPatch, limit: int) -> list[int]:
    """Where strips of so many pixels or more find the memory full; returns those that are tried."""
    import torch

    tried: list[int] = []
    unmixed = blur_fusion._unmixed

    def or_full(light: Any, alpha: Any, pixels: int) -> Any:
        tried.append(pixels)
        if pixels >= limit:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return unmixed(light, alpha, pixels)

    monkeypatch.setattr(blur_fusion, "_unmixed", or_full)
    return tried


def test_where_the_memory_is_full_strips_get_thinner(mixture, monkeypatch: pytest.MonkeyPatch) -> None:
    case = mixture("lemur", "photo")
    whole = BlurFusion().estimate(case.plate, case.alpha)
    tried = only_strips_below(monkeypatch, 1 << 18)
    estimator = BlurFusion("cpu:0")
    first = estimator.estimate(case.plate, case.alpha)
    np.testing.assert_allclose(first, whole, rtol=1e-3, atol=1e-4)
    assert tried == [1 << 19, 1 << 18, 1 << 17]
    # What is too much is not tried with the next object.
    assert estimator.estimate(case.plate, case.alpha).tobytes() == first.tobytes()
    assert tried[3:] == [1 << 17]


def test_the_device_can_be_told_that_is_too_small(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = only_strips_below(monkeypatch, 0)
    with pytest.raises(
        DeviceError,
        match=r"of 4x3 pixels ran out of memory on cpu:0: .*choose the foreground method multi_level, .*, or",
    ):
        BlurFusion("cpu:0").estimate(np.zeros((3, 4, 3), np.float32), np.zeros((3, 4), np.float32))
    assert tried == [1 << power for power in range(19, 13, -1)]


def test_a_gpu_gives_what_the_cpu_gives(mixture) -> None:
    from semantic_matte.devices import device_problem

    working = [device for device in ("cuda", "mps") if not device_problem(device)]
    if not working:
        pytest.skip("no GPU that torch can use was found")
    case = mixture("lemur", "photo")
    found = BlurFusion(working[0]).estimate(case.plate, case.alpha)
    np.testing.assert_allclose(found, BlurFusion("cpu").estimate(case.plate, case.alpha), atol=2e-3)
    assert BlurFusion(working[0]).estimate(case.plate, case.alpha).tobytes() == found.tobytes()


def test_the_setting_names_all_there_are() -> None:
    named = typing.get_args(Settings.model_fields["foreground_method"].annotation)
    assert sorted(named) == sorted(FOREGROUND_ESTIMATORS)
    for name in named:
        made = create_foreground_estimator(Settings(foreground_method=name), "cpu")
        assert made.name == name
        assert made.context > 0
    with pytest.raises(UnknownNameError, match=r"Unknown foreground method 'blur'.*blur_fusion"):
        create_foreground_estimator(Settings.model_construct(foreground_method="blur"), "cpu")


def test_nothing_heavy_is_loaded_before_it_is_used() -> None:
    core = str(Path(blur_fusion.__file__).parents[2])
    module = "semantic_matte.foregrounds.unmixing"
    code = f"import sys; sys.path.insert(0, {core!r}); import {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "pymatting", "numba", "cv2", "scipy"} & {
        name.partition(".")[0] for name in done.stdout.split()
    }
