"""Hair and fur on bodies. Each builder fills the stage and returns the point (3,) to look at."""

from __future__ import annotations

import bpy
import numpy as np

from . import materials
from .shapes import Body, Groom, directions, grow, tapered
from .stage import Stage

Range = tuple[float, float]


def _between(rng: np.random.Generator, bounds: Range) -> float:
    return float(rng.uniform(*bounds))


def _material(rng: np.random.Generator) -> bpy.types.Material:
    """By melanin, or any of the hair colours, some with tips of another."""
    if rng.random() < 0.3:
        return materials.melanin(rng)
    colour = materials.hair_colour(rng)
    tip = materials.any_colour(rng) if rng.random() < 0.15 else None
    return materials.strand(rng, colour, float(rng.uniform(0.05, 0.45)), tip)


def _roots(rng: np.random.Generator, area: str, count: int) -> np.ndarray:
    """Directions (N, 3) on the body, none on its far side but for what makes the outline."""
    pool = directions(rng, count * 8)
    pool = pool[pool[:, 1] < 0.45]
    if area == "scalp":
        # Above a hairline that is lower at the back and the sides.
        pool = pool[pool[:, 2] > 0.15 - 0.5 * (pool[:, 1] > -0.3)]
    elif area == "chin":
        pool = pool[(pool[:, 2] < 0.05) & (pool[:, 1] < 0.2)]
    elif area == "crown":
        pool = pool[pool[:, 2] > 0.45]
    elif area == "patches":
        centres = directions(rng, 14)
        near = (pool @ centres.T).max(1)
        pool = pool[near > rng.uniform(0.93, 0.98)]
    return pool[:count]


def hairy(
    stage: Stage,
    rng: np.random.Generator,
    *,
    area: str,
    count: tuple[int, int],
    length: Range,
    pixels: Range,
    body: Range = (0.55, 0.8),
    bump: float = 0.08,
    gravity: Range = (0.2, 1.5),
    clumps: tuple[int, int],
    clumping: Range,
    curl: Range = (0, 0),
    turns: Range = (0, 0),
    frizz: Range = (0.004, 0.02),
    flyaway: Range = (0.01, 0.06),
    lift: Range = (0.6, 1.4),
    comb: float = 0.5,
    sway: Range = (0.05, 0.2),
    segments: int = 10,
) -> np.ndarray:
    """A body with strands. Ranges are uniform; ``pixels`` is the width of a strand at its root."""
    skin = Body.random(rng, body, bump)
    tone = materials.any_colour(rng, (0.2, 0.6)) if rng.random() < 0.6 else materials.hair_colour(rng)
    stage.mesh(*skin.mesh(), materials.solid(rng, tone, float(rng.uniform(0.4, 0.9))))
    rays = _roots(rng, area, int(rng.integers(*count)))
    roots, normals = skin.surface(rays), skin.normals(rays)
    groom = Groom(
        length=_between(rng, length),
        spread=float(rng.uniform(0.1, 0.4)),
        segments=segments,
        lift=_between(rng, lift),
        comb=tuple(rng.normal(0, comb, 3)),
        gravity=_between(rng, gravity),
        sway=_between(rng, sway),
        clumps=int(rng.integers(*clumps)),
        clumping=_between(rng, clumping),
        curl=_between(rng, curl),
        turns=_between(rng, turns),
        frizz=_between(rng, frizz),
        flyaway=_between(rng, flyaway),
    )
    paths = grow(rng, roots, normals, groom, skin)
    width = np.exp(rng.uniform(*np.log(pixels))) * stage.pixel * rng.lognormal(0, 0.25, len(paths))
    stage.strands(paths, tapered(len(paths), segments, width / 2, rng.uniform(0.7, 2.5)), _material(rng))
    return _edge(rng, paths)


def _edge(rng: np.random.Generator, paths: np.ndarray) -> np.ndarray:
    """A point near the outline of the strands, as the camera sees them: the picture shows both sides of it."""
    points = paths[:, ::3].reshape(-1, 3)
    middle = points.mean(0)
    angle = rng.uniform(0, 2 * np.pi)
    toward = np.array([np.cos(angle), 0, np.sin(angle)])
    reach = np.percentile((points - middle) @ toward, 90)
    return middle * np.array([1, 0, 1]) + toward * reach * rng.uniform(0.45, 1.0)
