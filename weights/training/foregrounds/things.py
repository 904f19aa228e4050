"""Glass, smoke, and hard things with thin parts. Each builder returns the point (3,) to look at."""

from __future__ import annotations

import numpy as np

from . import materials
from .shapes import Body, grid_faces, smooth_noise, tapered, unit
from .stage import Stage


def glass(stage: Stage, rng: np.random.Generator) -> np.ndarray:
    """Bottles and goblets: a random profile turned about its axis, sometimes with something in it."""
    rows, sectors = 60, 72
    z = np.linspace(-1, 1, rows)
    knots = np.interp(z, np.linspace(-1, 1, 7), np.append(rng.uniform(0.12, 0.6, 6), rng.uniform(0.2, 0.5)))
    kernel = np.hanning(13)
    profile = np.convolve(np.pad(knots, 6, "edge"), kernel / kernel.sum(), "valid")
    angle = np.linspace(0, 2 * np.pi, sectors, endpoint=False)
    vertices = np.stack(
        [profile[:, None] * np.cos(angle), profile[:, None] * np.sin(angle), np.repeat(z[:, None], sectors, 1)],
        -1,
    ).reshape(-1, 3)
    lean = rng.normal(0, 0.25)
    turn = np.array([[np.cos(lean), 0, np.sin(lean)], [0, 1, 0], [-np.sin(lean), 0, np.cos(lean)]])
    stage.mesh(vertices @ turn, grid_faces(rows, sectors, wrap=True), materials.film(rng))
    if rng.random() < 0.5:
        level = int(rng.integers(10, 45))
        inner = vertices * [0.93, 0.93, 1]
        liquid = grid_faces(level, sectors, wrap=True)
        fluid = (
            materials.film(rng) if rng.random() < 0.6 else materials.solid(rng, materials.any_colour(rng), 0.1)
        )
        stage.mesh(inner[: level * sectors] @ turn, liquid, fluid)
    return np.array([rng.uniform(-0.4, 0.4), 0, rng.uniform(-0.6, 0.6)])


def smoke(stage: Stage, rng: np.random.Generator) -> np.ndarray:
    """Slices of turbulent density, each a card; together a puff, a plume or a bank."""
    slices = int(rng.integers(4, 7))
    grey = rng.uniform(0.05, 0.9)
    colour = tuple(np.clip(grey * rng.uniform(0.85, 1.15, 3), 0, 1))
    wide, tall, lean = rng.uniform(0.35, 1), rng.uniform(0.6, 1.3), rng.normal(0, 0.4)
    x, z = (axis.ravel() for axis in np.meshgrid(np.linspace(-1.6, 1.6, 40), np.linspace(-1.6, 1.6, 40)))
    spread = wide * (1 + 0.5 * rng.random() * (z + 1))
    fade = 1 - np.sqrt(((x - lean * z) / spread) ** 2 + (z / tall) ** 2)
    density = rng.uniform(0.4, 0.97)
    seed = rng.uniform(0, 100)
    material = materials.smoke_card(rng, seed, density, colour)
    for depth in np.linspace(-0.5, 0.5, slices):
        vertices = np.stack([x, np.full(x.shape, depth), z], -1)
        stage.mesh(vertices, grid_faces(40, 40), material, fade=np.clip(fade - abs(depth) * 0.5, -1, 1) * 1.4)
    return np.array([rng.uniform(-0.4, 0.4), 0, rng.uniform(-0.4, 0.4)])


def _ring(radius: float, steps: int = 90) -> np.ndarray:
    """(1, steps, 3): a circle in the plane the camera looks at."""
    angle = np.linspace(0, 2 * np.pi, steps)
    return np.stack([np.cos(angle) * radius, np.zeros(steps), np.sin(angle) * radius], -1)[None]


def wheel(stage: Stage, rng: np.random.Generator) -> np.ndarray:
    """A wheel with wire spokes, a hub and a tyre."""
    turn = rng.normal(0, 0.5)
    rotation = np.array([[np.cos(turn), np.sin(turn), 0], [-np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    metal = materials.strand(rng, tuple(np.full(3, rng.uniform(0.15, 0.7))), 0.5)
    rubber = materials.strand(rng, tuple(np.full(3, rng.uniform(0.01, 0.1))), 0.05)
    stage.strands(_ring(1.0) @ rotation, np.float32(rng.uniform(0.02, 0.09)), rubber)
    stage.strands(_ring(0.93) @ rotation, np.float32(rng.uniform(0.01, 0.03)), metal)
    count = int(rng.integers(12, 48))
    angle = np.arange(count) / count * 2 * np.pi
    cross = rng.uniform(0, 0.9) * np.where(np.arange(count) % 2, 1, -1)
    hub = (
        np.stack([np.cos(angle + cross), np.where(np.arange(count) % 2, 0.4, -0.4), np.sin(angle + cross)], 1)
        * 0.12
    )
    rim = np.stack([np.cos(angle), np.zeros(count), np.sin(angle)], 1) * 0.93
    spokes = hub[:, None] + (rim - hub)[:, None] * np.linspace(0, 1, 4)[None, :, None]
    stage.strands(spokes @ rotation, np.float32(stage.pixel * rng.uniform(0.3, 1.6)), metal)
    core = Body(np.zeros(3), np.array([0.14, 0.1, 0.14]), 0, np.zeros((4, 4)))
    vertices, faces = core.mesh()
    stage.mesh(vertices @ rotation, faces, materials.solid(rng, materials.any_colour(rng), 0.3, 0.8))
    angle = rng.uniform(0, 2 * np.pi)
    return np.array([np.cos(angle), 0, np.sin(angle)]) * rng.uniform(0, 0.9)


def wires(stage: Stage, rng: np.random.Generator) -> np.ndarray:
    """Tangled or parallel cables with a plug, and thin antennas."""
    count, steps = int(rng.integers(6, 60)), 60
    tangle = rng.uniform(0.1, 0.9)
    start = rng.normal(0, 0.15, (count, 3))
    heading = unit(rng.normal(0, 1, (count, 3)) * [1, 0.3, 1])
    t = np.linspace(0, 1, steps)[None, :, None]
    paths = start[:, None] + heading[:, None] * t * rng.uniform(0.8, 1.6, (count, 1, 1))
    paths = paths + smooth_noise(rng, count, steps, rng.uniform(0.5, 2)) * tangle * 0.6
    width = stage.pixel * np.exp(rng.uniform(np.log(0.3), np.log(4), count))
    for part in np.array_split(np.arange(count), 4):
        cable = materials.strand(rng, materials.any_colour(rng), rng.uniform(0.1, 0.5))
        stage.strands(paths[part], tapered(len(part), steps, width[part], 1, 0.8), cable)
    block = Body.random(rng, (0.2, 0.5), 0.03)
    stage.mesh(*block.mesh(), materials.solid(rng, materials.any_colour(rng), 0.4, float(rng.random() < 0.4)))
    angle = rng.uniform(0, 2 * np.pi)
    return np.array([np.cos(angle), 0, np.sin(angle)]) * rng.uniform(0.2, 0.8)
