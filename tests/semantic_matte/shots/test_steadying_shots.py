"""What steadying is worth, on a small shot with known moving alpha, by the engine's own network.

`tests/benchmarks/steadiness.py` measures larger ones, and more of them.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest

import semantic_matte as sm
from semantic_matte.colour import decode_srgb
from semantic_matte.evaluation import mask_iou
from semantic_matte.types import FloatArray

TESTS = Path(__file__).parents[2]
SIZE = (144, 216)
FRAMES = 8


@pytest.fixture(scope="module")
def benchmarks() -> Iterator[dict[str, ModuleType]]:
    """The benchmarks' own modules: they are scripts, not a package."""
    folder = str(TESTS / "benchmarks")
    sys.path.insert(0, folder)
    try:
        yield {name: importlib.import_module(name) for name in ("synthetic_shots", "steadiness")}
    finally:
        sys.path.remove(folder)


def made(benchmarks: dict[str, ModuleType], seed: int) -> Any:
    """The lemur in front of the cat."""
    colour, alpha = (
        cv2.imread(str(TESTS / "data" / "lemur" / name), flag).astype(np.float32) / 255
        for name, flag in (("lemur.png", cv2.IMREAD_COLOR), ("lemur_alpha.png", cv2.IMREAD_GRAYSCALE))
    )
    shots = benchmarks["synthetic_shots"]
    light = decode_srgb(np.ascontiguousarray(colour[..., ::-1])) * alpha[..., np.newaxis]
    foreground = shots.Foreground("lemur", light, alpha)
    photo = TESTS / "data" / "photos" / "chelsea.png"
    return shots.make_shot(foreground, photo, size=SIZE, frames=FRAMES, seed=seed)


@pytest.fixture(scope="module")
def shot(benchmarks: dict[str, ModuleType]) -> Any:
    return made(benchmarks, 1)


@pytest.fixture(scope="module")
def rows(benchmarks: dict[str, ModuleType], shot: Any) -> dict[str, dict[str, float]]:
    """The benchmark's figures by its way's name."""
    steadiness = benchmarks["steadiness"]
    engine = sm.Engine(sm.Settings(passes=2, samples=1, device="cpu"))
    one = steadiness.Shot(shot.name, shot.plates, shot.instances, shot.truths)
    steadier = steadiness.Steadier(one, engine, sm.Settings().steadiness)
    return {row["way"]: row for row in steadiness.measure(steadier, steadier.alphas())}


def test_a_shot_is_the_same_bytes_for_the_same_seed(benchmarks: dict[str, ModuleType], shot: Any) -> None:
    again, other = made(benchmarks, 1), made(benchmarks, 2)
    assert again.truths.tobytes() == shot.truths.tobytes()
    for first, second in zip(shot.plates, again.plates, strict=True):
        assert first.pixels.tobytes() == second.pixels.tobytes()
    assert all(np.array_equal(a.mask, b.mask) for a, b in zip(shot.instances, again.instances, strict=True))
    assert other.truths.tobytes() != shot.truths.tobytes()


def test_a_shots_object_moves_and_its_masks_wander_about_it(shot: Any) -> None:
    truths: FloatArray = shot.truths
    assert truths.shape == (FRAMES, *SIZE)
    centres = [np.array(np.nonzero(truth > 0.5)).mean(axis=1) for truth in truths]
    assert np.hypot(*(centres[-1] - centres[0])) > 8
    matches = [mask_iou(one.mask, truth > 0.5) for one, truth in zip(shot.instances, truths, strict=True)]
    assert min(matches) > 0.75
    assert max(matches) < 0.99
    areas = np.array([one.area for one in shot.instances]) / (truths > 0.5).sum(axis=(1, 2))
    assert areas.std() > 0.01


def test_steadying_takes_flicker_away_and_no_truth(rows: dict[str, dict[str, float]]) -> None:
    each, steadied = rows["each frame"], rows["steadied"]
    assert steadied["dtssd"] <= 0.7 * each["dtssd"]
    assert steadied["sad"] <= each["sad"]
    assert steadied["warped"] <= 0.5 * each["warped"]


def test_both_halves_of_it_help(rows: dict[str, dict[str, float]]) -> None:
    each, masks, steadied = (rows[way] for way in ("each frame", "masks", "steadied"))
    for figure in ("dtssd", "sad", "warped"):
        assert steadied[figure] < masks[figure] < each[figure]
