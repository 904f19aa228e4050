"""Small shots with known objects: textured discs that move over a textured background."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import pytest

from semantic_matte.shot_types import ShotFrame
from semantic_matte.types import BoolArray, FloatArray, Instance, Plate

HEIGHT, WIDTH = 96, 160
Place = tuple[float, float]


@functools.cache
def texture(seed: int, colour: tuple[float, ...] = (0.5, 0.5, 0.5), size: int = 2 * WIDTH) -> FloatArray:
    """(size, size, 3) float32: a coloured, structured surface."""
    noise = np.random.default_rng(seed).random((size, size, 3)).astype(np.float32)
    soft = sum(cv2.GaussianBlur(noise, (0, 0), sigma) * sigma for sigma in (1.5, 3.0))
    surface = (soft - soft.mean()) * 0.8 + np.asarray(colour, dtype=np.float32)
    return np.clip(surface, 0.01, 1.0).astype(np.float32)


@dataclass(frozen=True)
class Disc:
    """An object. path: its centre x, y by the frame's place, None where it is out of sight."""

    path: Callable[[int], Place | None]
    radius: float = 12.0
    colour: tuple[float, ...] = (0.6, 0.2, 0.2)
    seed: int = 7
    label: str = "ball"


@dataclass
class Scene:
    """A shot of discs, front ones last. pan: the camera's shift by the frame's place. finds: what the segmenter
    finds in a frame in place of the discs' own masks; hints: by the frame's place."""

    discs: Sequence[Disc] = ()
    frames: int = 12
    pan: Callable[[int], Place] = lambda place: (0.0, 0.0)
    background: int = 1
    back_colour: tuple[float, ...] = (0.35, 0.4, 0.35)
    finds: Callable[[int, list[Instance]], list[Instance]] = lambda place, finds: finds
    hints: Mapping[int, Sequence[Instance]] = field(default_factory=dict)
    light: Callable[[int], float] = lambda place: 1.0

    def picture(self, place: int) -> tuple[FloatArray, list[BoolArray]]:
        """Pixels (H, W, 3) and each disc's visible mask (H, W)."""
        back = texture(self.background, self.back_colour)
        shift_x, shift_y = self.pan(place)
        picture = shifted(back, 40 + shift_x, 40 + shift_y)
        masks: list[BoolArray] = []
        for disc in self.discs:
            centre = disc.path(place)
            mask = np.zeros((HEIGHT, WIDTH), np.bool_)
            if centre is not None:
                y, x = np.mgrid[:HEIGHT, :WIDTH]
                mask = np.hypot(x - centre[0], y - centre[1]) <= disc.radius
                surface = shifted(texture(disc.seed, disc.colour), 100 - centre[0], 100 - centre[1])
                picture[mask] = surface[mask]
            masks = [one & ~mask for one in masks] + [mask]
        return np.asarray(picture * self.light(place), dtype=np.float32), masks

    def instances(self, place: int) -> list[Instance]:
        """The discs that are in sight, surest first."""
        return [
            Instance.from_mask(mask, disc.label, 0.9 - 0.01 * index)
            for index, (disc, mask) in enumerate(zip(self.discs, self.picture(place)[1], strict=True))
            if mask.sum() >= 12
        ]

    def __iter__(self) -> Iterator[ShotFrame]:
        for place in range(self.frames):
            plate = Plate(self.picture(place)[0], name="scene", frame=1001 + place)

            def find(place: int = place) -> list[Instance]:
                return self.finds(place, self.instances(place))

            yield ShotFrame(1001 + place, plate, find, self.hints.get(place, ()))


def shifted(surface: FloatArray, x: float, y: float) -> FloatArray:
    """(HEIGHT, WIDTH, 3): the part of a surface whose corner is at x, y."""
    matrix = np.array([[1, 0, -x], [0, 1, -y]], dtype=np.float64)
    return np.array(
        cv2.warpAffine(surface, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT),
        dtype=np.float32,
    )


@pytest.fixture
def make_scene() -> type[Scene]:
    return Scene


@pytest.fixture
def make_disc() -> type[Disc]:
    return Disc
