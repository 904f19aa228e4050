"""What the nth foreground of a kind will be, without Blender: deterministic in (kind, number, seed)."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Plan:
    """One foreground: the frame's ``width`` in scene units, ``roll`` in radians, ``blur_pixels`` full width."""

    kind: str
    number: int
    seed: int
    width: float
    roll: float
    blur: str
    blur_pixels: float
    exposure: float

    @property
    def name(self) -> str:
        """File name."""
        return f"{self.kind}_{self.number:04d}.png"

    def random(self) -> np.random.Generator:
        """The generator that shapes, light and camera draw from."""
        return np.random.default_rng([1, self.seed, zlib.crc32(self.kind.encode()), self.number])

    def entry(self) -> dict:
        """Row of the index."""
        return {
            "file": self.name,
            "kind": self.kind,
            "seed": self.seed,
            "blur": self.blur,
            "licence": "made by this recipe",
        }


def plan(kind: str, number: int, seed: int, widths: tuple[float, float], roll: float) -> Plan:
    """Draw framing and blur: one in six moves, one in six is out of focus."""
    rng = np.random.default_rng([0, seed, zlib.crc32(kind.encode()), number])
    blur = ("none", "none", "none", "none", "motion", "defocus")[rng.integers(6)]
    pixels = float(np.exp(rng.uniform(np.log(4), np.log(36 if blur == "motion" else 18))))
    return Plan(
        kind=kind,
        number=number,
        seed=seed,
        width=float(np.exp(rng.uniform(*np.log(widths)))),
        roll=float(rng.uniform(-roll, roll)),
        blur=blur,
        blur_pixels=0.0 if blur == "none" else pixels,
        exposure=float(rng.uniform(0.25, 0.85)),
    )


def interleaved(kinds: list[str], count: int) -> list[tuple[str, int]]:
    """``count`` pairs (kind, number), the kinds in turn, so that every beginning is balanced."""
    return [(kinds[index % len(kinds)], index // len(kinds)) for index in range(count)]
