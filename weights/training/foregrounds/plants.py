"""Grass, leaves, needles and feathers. Each builder fills the stage and returns the point (3,) to look at."""

from __future__ import annotations

import numpy as np

from . import materials
from .shapes import Body, Groom, grid_faces, grow, smooth_noise, tapered, unit
from .stage import Stage


def _green(rng: np.random.Generator) -> materials.Colour:
    """Green, dry or autumn."""
    tones = ((0.06, 0.16, 0.02), (0.12, 0.25, 0.04), (0.3, 0.3, 0.06), (0.4, 0.28, 0.12), (0.35, 0.09, 0.03))
    colour = np.array(tones[rng.choice(5, p=(0.35, 0.3, 0.12, 0.13, 0.1))]) * rng.uniform(0.6, 1.5)
    return tuple(np.clip(colour, 0.005, 0.9))


def grass(stage: Stage, rng: np.random.Generator) -> np.ndarray:
    """A mound with blades, some with ears."""
    mound = Body(
        np.array([0, 0, -0.9]), np.array([1.8, 0.8, rng.uniform(0.3, 0.6)]), 0.1, rng.normal(0, 3, (4, 4))
    )
    stage.mesh(*mound.mesh(), materials.solid(rng, (0.08, 0.06, 0.03), 0.95))
    count = int(rng.integers(300, 1800))
    rays = unit(np.stack([rng.uniform(-1, 1, count), rng.uniform(-1, 0.5, count), np.full(count, 0.8)], 1))
    roots = mound.surface(rays)
    groom = Groom(
        length=rng.uniform(0.5, 1.1),
        spread=0.3,
        segments=10,
        lift=0.4,
        comb=(rng.normal(0, 0.2), 0, 1),
        gravity=rng.uniform(0.1, 0.9),
        sway=rng.uniform(0.15, 0.35),
        clumps=count,
        clumping=rng.uniform(0, 0.4),
        frizz=0.004,
    )
    paths = grow(rng, roots, mound.normals(rays), groom)
    width = np.exp(rng.uniform(np.log(1.2), np.log(7))) * stage.pixel * rng.lognormal(0, 0.35, count)
    colour = _green(rng)
    blade = materials.strand(rng, colour, 0.1, _green(rng) if rng.random() < 0.4 else None)
    stage.strands(paths, tapered(count, 10, width / 2, rng.uniform(1.2, 3), 0.05), blade)
    if rng.random() < 0.5:
        _ears(stage, rng, paths[rng.choice(count, min(count, 60), replace=False)])
    return np.array([rng.uniform(-0.5, 0.5), 0, np.percentile(paths[:, -1, 2], 60) - rng.uniform(0, 0.4)])


def _ears(stage: Stage, rng: np.random.Generator, stems: np.ndarray) -> None:
    """Spikes of fine hairs along the last third of stems (N, K, 3)."""
    stems = stems + np.linspace(0, 1, stems.shape[1])[None, :, None] * np.array([0, 0, rng.uniform(0.1, 0.4)])
    gold = materials.strand(rng, (0.45, 0.33, 0.15), 0.1)
    stage.strands(stems, tapered(len(stems), stems.shape[1], stage.pixel * 0.8, 1, 0.6), gold)
    along = np.linspace(0.72, 1, 30)
    index = along * (stems.shape[1] - 1)
    low = np.minimum(index.astype(int), stems.shape[1] - 2)
    points = stems[:, low] + (stems[:, low + 1] - stems[:, low]) * (index - low)[None, :, None]
    heading = np.broadcast_to((stems[:, -1] - stems[:, -4])[:, None], points.shape).reshape(-1, 3)
    groom = Groom(
        length=rng.uniform(0.04, 0.16), segments=4, lift=1, gravity=0.1, sway=0.35, clumps=4000, clumping=0
    )
    hairs = grow(rng, points.reshape(-1, 3), unit(heading), groom)
    stage.strands(hairs, tapered(len(hairs), 4, stage.pixel * rng.uniform(0.3, 0.9)), gold)


def branching(
    rng: np.random.Generator, depth: int, bend: float, ratio: float, length: float
) -> list[np.ndarray]:
    """Paths by generation: list of (N, 10, 3), each generation grown on the one before."""
    start = np.array([[0, 0, -1.1]])
    heading = unit(np.array([[rng.normal(0, 0.3), rng.normal(0, 0.2), 1.0]]))
    levels = []
    for _ in range(depth):
        t = np.linspace(0, 1, 10)[None, :, None]
        span = length * rng.uniform(0.7, 1.2, (len(start), 1, 1))
        path = start[:, None] + heading[:, None] * t * span
        path = path + smooth_noise(rng, len(start), 10, 1) * bend * span
        levels.append(path)
        children = int(rng.integers(4, 8))
        spots = rng.integers(3, 10, (len(path), children))
        start = path[np.arange(len(path))[:, None], spots].reshape(-1, 3)
        turn = rng.normal(0, 0.75, (len(start), 3))
        heading = unit(np.repeat(heading, children, 0) + turn + [0, 0, 0.15])
        length *= ratio
    return levels


def branches(stage: Stage, rng: np.random.Generator) -> np.ndarray:
    """Bare twigs, from a thick trunk to the thinnest."""
    levels = branching(rng, 4, rng.uniform(0.05, 0.2), rng.uniform(0.5, 0.65), rng.uniform(1.2, 1.9))
    bark = materials.strand(rng, tuple(np.array((0.12, 0.08, 0.05)) * rng.uniform(0.4, 2.5)), 0.05)
    radius = stage.pixel * rng.uniform(5, 16)
    for level in levels:
        stage.strands(level, tapered(len(level), 10, radius, 1, 0.5), bark)
        radius *= rng.uniform(0.3, 0.5)
    return np.array([rng.uniform(-0.3, 0.3), 0, levels[1][..., 2].mean() + rng.uniform(-0.2, 0.4)])


def _leaves(
    rng: np.random.Generator, roots: np.ndarray, heading: np.ndarray, size: float
) -> tuple[np.ndarray, ...]:
    """Merged leaf quads at roots (N, 3): vertices (V, 3), faces (F, 4), tint (V,)."""
    rows, columns, count = 9, 5, len(roots)
    t, s = np.meshgrid(np.linspace(0, 1, rows), np.linspace(-1, 1, columns), indexing="ij")
    fullness, point = rng.uniform(0.5, 1.2), rng.uniform(0.6, 1.6)
    half = rng.uniform(0.12, 0.45) * np.sin(np.pi * t**fullness) ** point
    teeth = 1 + rng.uniform(0, 0.25) * np.cos(np.pi * np.arange(rows))[:, None] * (np.abs(s) > 0.9)
    local = np.stack([s * half * teeth, rng.normal(0, 0.3) * s**2 * half - 0.35 * rng.random() * t**2, t], -1)
    forward = unit(heading)
    side = unit(np.cross(forward, rng.normal(size=(count, 3))))
    frame = np.stack([side, np.cross(side, forward), forward], 1)
    scale = size * rng.uniform(0.5, 1.2, (count, 1, 1))
    vertices = roots[:, None] + (local.reshape(-1, 3)[None] @ frame) * scale
    faces = grid_faces(rows, columns)[None] + (np.arange(count) * rows * columns)[:, None, None]
    return vertices.reshape(-1, 3), faces.reshape(-1, 4), np.repeat(rng.random(count), rows * columns)


def foliage(stage: Stage, rng: np.random.Generator) -> np.ndarray:
    """A branch in leaf."""
    levels = branching(rng, 3, 0.12, 0.55, rng.uniform(1.2, 1.8))
    bark = materials.strand(rng, (0.12, 0.09, 0.05), 0.05)
    radius = stage.pixel * rng.uniform(3, 7)
    for level in levels:
        stage.strands(level, tapered(len(level), 10, radius, 1, 0.5), bark)
        radius *= 0.5
    twigs = levels[2]
    chosen = rng.integers(len(twigs), size=int(rng.integers(120, 600)))
    spot = rng.integers(2, 10, len(chosen))
    roots = twigs[chosen, spot]
    heading = unit(twigs[chosen, 9] - twigs[chosen, 0]) + rng.normal(0, 0.6, (len(chosen), 3))
    vertices, faces, tint = _leaves(rng, roots, heading, rng.uniform(0.12, 0.4))
    stage.mesh(vertices, faces, materials.leaf(rng, _green(rng)), tint=tint)
    return np.array([rng.uniform(-0.4, 0.4), 0, roots[:, 2].mean() + rng.uniform(-0.2, 0.5)])


def needles(stage: Stage, rng: np.random.Generator) -> np.ndarray:
    """A conifer's twigs, or a fern where the needles lie flat."""
    levels = branching(rng, 3, 0.12, 0.6, rng.uniform(1.3, 1.8))
    bark = materials.strand(rng, (0.12, 0.07, 0.04), 0.05)
    for level, pixels in zip(levels, (5, 3, 1.5), strict=True):
        stage.strands(level, tapered(len(level), 10, stage.pixel * pixels, 1, 0.5), bark)
    twigs = np.concatenate(levels[1:])
    count = int(rng.integers(4000, 7000))
    chosen, spot = rng.integers(len(twigs), size=count), rng.integers(1, 9, count)
    between = rng.random((count, 1))
    roots = twigs[chosen, spot] * between + twigs[chosen, spot + 1] * (1 - between)
    heading = unit(unit(twigs[chosen, 9] - twigs[chosen, 0]) + rng.normal(0, 0.9, (count, 3)))
    groom = Groom(
        length=rng.uniform(0.08, 0.25),
        spread=0.2,
        segments=4,
        gravity=0.1,
        sway=0.05,
        clumps=count,
        clumping=0,
        frizz=0.002,
    )
    paths = grow(rng, roots, heading, groom)
    thick = stage.pixel * rng.uniform(0.4, 1.2)
    stage.strands(paths, tapered(count, 4, thick, 2), materials.strand(rng, _green(rng), 0.2))
    return np.array([rng.uniform(-0.4, 0.4), 0, roots[:, 2].mean() + rng.uniform(-0.2, 0.5)])


def feather(stage: Stage, rng: np.random.Generator) -> np.ndarray:
    """One to three feathers: shaft, vanes of barbs that split, down at the base."""
    colour, tip = materials.any_colour(rng, (0, 0.7)), materials.any_colour(rng)
    material = materials.strand(rng, colour, 0.2, tip if rng.random() < 0.5 else None)
    quill = materials.strand(rng, (0.6, 0.55, 0.45), 0.3)
    for _ in range(int(rng.integers(1, 4))):
        steps, count = 60, int(rng.integers(300, 800))
        t = np.linspace(0, 1, steps)
        bend, lean, height = rng.normal(0, 0.3), rng.normal(0, 0.5), rng.uniform(1.5, 2.1)
        shaft = np.stack(
            [
                bend * t**2 + lean * (t - 0.5),
                rng.normal(0, 0.15) * t**2 + rng.normal(0, 0.2),
                (t - 0.5) * height,
            ],
            -1,
        )
        shaft = shaft + rng.normal(0, 0.2) * np.array([1, 0, 0])
        stage.strands(shaft[None], tapered(1, steps, stage.pixel * rng.uniform(2, 4), 1, 0.1), quill)
        for side in (-1, 1):
            paths = _barbs(rng, shaft, side, count, rng.uniform(0.2, 0.45))
            fine = stage.pixel * rng.uniform(0.7, 1.8)
            stage.strands(paths, tapered(count, 9, fine, 2, 0.2), material)
    return np.array([rng.uniform(-0.2, 0.2), 0, rng.uniform(-0.6, 0.6)])


def _barbs(rng: np.random.Generator, shaft: np.ndarray, side: int, count: int, width: float) -> np.ndarray:
    """(count, 9, 3) barbs on one side of a shaft (S, 3), which cling to each other between random splits."""
    place = np.sort(rng.uniform(0.08, 0.99, count))
    roots = np.stack([np.interp(place, np.linspace(0, 1, len(shaft)), axis) for axis in shaft.T], 1)
    along = unit(
        np.stack(
            [np.interp(place, np.linspace(0, 1, len(shaft)), axis) for axis in np.gradient(shaft, axis=0).T], 1
        )
    )
    across = unit(np.cross(along, [0, 1, 0])) * side
    groups = np.cumsum(rng.random(count) < 0.04)
    tilt = rng.uniform(0.5, 1.2) + rng.normal(0, 0.13, groups[-1] + 1)[groups] + rng.normal(0, 0.015, count)
    down = np.clip((0.25 - place) / 0.17, 0, 1)
    length = width * np.sin(np.pi * place**0.8) ** 0.5 * rng.normal(1, 0.03, count)
    t = np.linspace(0, 1, 9)[None, :, None]
    heading = (across * np.cos(tilt)[:, None] + along * np.sin(tilt)[:, None])[:, None]
    paths = roots[:, None] + heading * length[:, None, None] * t
    paths = paths + along[:, None] * 0.25 * length[:, None, None] * t**2
    return paths + smooth_noise(rng, count, 9, 1.2) * (0.006 + 0.1 * down)[:, None, None]
