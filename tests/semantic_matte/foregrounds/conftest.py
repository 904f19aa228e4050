"""Mixtures with known colours: what was mixed, by which alpha, in linear light."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from semantic_matte.colour import decode_srgb
from semantic_matte.foregrounds import FOREGROUND_ESTIMATORS
from semantic_matte.ports import ForegroundEstimator
from semantic_matte.types import FloatArray

DATA = Path(__file__).parents[2] / "data"


@dataclass(frozen=True, eq=False)
class Mixed:
    """plate = alpha * colour + (1 - alpha) * behind, and grain. (H, W, 3) and (H, W) float32, linear."""

    plate: FloatArray
    colour: FloatArray
    alpha: FloatArray

    @property
    def soft(self) -> np.ndarray:
        """(H, W) bool: where alpha is neither 0 nor 1."""
        return (self.alpha > 0) & (self.alpha < 1)


def photo(name: str) -> FloatArray:
    """(H, W, 3) linear."""
    picture = cv2.imread(str(DATA / "photos" / f"{name}.png"))[..., ::-1]
    return decode_srgb(picture.astype(np.float32) / np.float32(255))


def mixed(colour: FloatArray, alpha: FloatArray, behind: FloatArray) -> Mixed:
    """With a sensor's noise, which grows with light."""
    share = alpha[..., np.newaxis]
    exact = share * colour + (1 - share) * behind
    noise = np.random.default_rng(0).normal(size=exact.shape)
    plate = exact + noise * np.sqrt(0.003**2 + 1e-4 * np.maximum(exact, 0))
    return Mixed(plate.astype(np.float32), np.broadcast_to(colour, exact.shape).astype(np.float32), alpha)


def object_of(kind: str) -> tuple[FloatArray, FloatArray]:
    """Colour (H, W, 3) and alpha (H, W) of an object: fur of a cat, cut as drawn strands or as a lemur, or with
    its soft edge lit from behind."""
    if kind == "lemur":
        levels = cv2.imread(str(DATA / "lemur" / "lemur_alpha.png"), cv2.IMREAD_GRAYSCALE)
        alpha = (levels / np.float32(255)).astype(np.float32)
        return cv2.resize(photo("chelsea"), alpha.shape[::-1], interpolation=cv2.INTER_LINEAR), alpha
    # The very mixture of tests/data/strands, whose colours are known because make.py mixed them.
    fur = cv2.resize(photo("chelsea")[:, 60:360], (384, 384), interpolation=cv2.INTER_AREA)
    levels = cv2.imread(str(DATA / "strands" / "alpha.png"), cv2.IMREAD_UNCHANGED)
    alpha = (levels / np.float32(65535)).astype(np.float32)
    if kind == "rim":
        thin = (1 - 1.1 * cv2.GaussianBlur(alpha, (0, 0), 12)).clip(0, 1) ** 1.5
        fur = fur * (1 + 10 * thin[..., np.newaxis])
    return fur.astype(np.float32), alpha


def ground_of(kind: str, shape: tuple[int, int]) -> FloatArray:
    """(H, W, 3): a photo, a green screen that isn't lit quite evenly, or a sky far brighter than white."""
    if kind == "photo":
        return cv2.resize(photo("coffee"), shape[::-1], interpolation=cv2.INTER_AREA)
    if kind == "green":
        across = np.linspace(0.8, 1.2, shape[1], dtype=np.float32)[:, np.newaxis]
        return np.broadcast_to(across * np.array([0.03, 0.45, 0.05], np.float32), (*shape, 3))
    return np.full((*shape, 3), (5, 6, 8), dtype=np.float32)


@pytest.fixture
def mixture() -> Callable[[str, str], Mixed]:
    """A known mixture of an object ("strands", "lemur", "rim") over a ground ("photo", "green", "sky")."""

    def make(kind: str, ground: str) -> Mixed:
        colour, alpha = object_of(kind)
        return mixed(colour, alpha, ground_of(ground, alpha.shape))

    return make


@pytest.fixture
def ramp() -> FloatArray:
    """(60, 90) float32: solid on the left, clear on the right, soft over 30 pixels between."""
    across = np.linspace(1, 0, 30, dtype=np.float32)
    row = np.concatenate([np.ones(30, np.float32), across, np.zeros(30, np.float32)])
    return np.repeat(row[np.newaxis], 60, axis=0)


@pytest.fixture(params=sorted(FOREGROUND_ESTIMATORS))
def estimator(request: pytest.FixtureRequest) -> Iterator[ForegroundEstimator]:
    """Each way to unmix, with torch on one thread: on pictures this small threads only wait for each other."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield FOREGROUND_ESTIMATORS[request.param]("cpu")
    torch.set_num_threads(threads)
