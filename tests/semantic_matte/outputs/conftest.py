"""Mattes to write."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from semantic_matte.types import Box, FloatArray, Instance, Matte

MakeMatte = Callable[..., Matte]


def soft_ellipse(height: int, width: int) -> FloatArray:
    """(H, W) float32: 1 in the middle, a soft edge, 0 outside; steps of 1/64, so exact in half."""
    y, x = np.indices((height, width)) + 0.5
    radius = np.hypot((x / width - 0.5) * 2, (y / height - 0.5) * 2)
    return (np.rint(((1 - radius) * 4).clip(0, 1) * 64) / 64).astype(np.float32)


@pytest.fixture
def make_matte() -> MakeMatte:
    def make(
        frame_size: tuple[int, int],
        window: Box,
        slot: str = "sm_person_01",
        label: str = "person",
        score: float = 0.9,
        spread: float | None = None,
    ) -> Matte:
        crop = soft_ellipse(window.height, window.width)
        instance = Instance(np.ones(crop.shape, np.bool_), window, frame_size, label, score, slot)
        spread_crop = None if spread is None else np.full(crop.shape, spread, np.float32)
        return Matte(instance, crop, window, spread_crop, passes=3)

    return make
