"""Cloth with fringes, lace, nets, veils, thin plastic. Each builder returns the point (3,) to look at."""

from __future__ import annotations

import bpy
import numpy as np

from . import materials
from .shapes import Body, Groom, drape, folds, grid_faces, grow, smooth_noise, tapered
from .stage import Stage


def _grid(rows: int, columns: int) -> np.ndarray:
    """(rows * columns, 2) of uv in [0, 1]."""
    v, u = np.meshgrid(np.linspace(0, 1, rows), np.linspace(0, 1, columns), indexing="ij")
    return np.stack([u, v], -1).reshape(-1, 2)


def _hang(
    stage: Stage,
    fold: np.ndarray,
    size: tuple[float, float],
    material: bpy.types.Material,
    uv: np.ndarray | None = None,
) -> None:
    uv = _grid(90, 90) if uv is None else uv
    stage.mesh(drape(fold, uv, size), grid_faces(90, 90), material, uv=uv)


def fringe(stage: Stage, rng: np.random.Generator) -> np.ndarray:
    """Cloth with tassels at its lower hem and fuzz at its sides."""
    fold, size = folds(rng, rng.uniform(0.01, 0.09)), (rng.uniform(1.2, 2.2), 1.4)
    _hang(stage, fold, size, materials.cloth(rng))
    count = int(rng.integers(1500, 4500))
    u = rng.random(count)
    roots = drape(fold, np.stack([u, np.full(count, 0.005)], 1), size)
    groom = Groom(
        length=rng.uniform(0.15, 0.55),
        spread=0.12,
        segments=10,
        lift=1,
        gravity=1.5,
        sway=0.12,
        clumps=int(rng.integers(15, 120)),
        clumping=rng.uniform(0.5, 0.95),
        curl=rng.uniform(0, 0.012),
        turns=rng.uniform(2, 9),
        frizz=rng.uniform(0.003, 0.02),
    )
    colour = materials.any_colour(rng)
    thread = materials.strand(rng, colour, 0.05)
    paths = grow(rng, roots, np.broadcast_to([0, 0, -1.0], roots.shape), groom)
    stage.strands(paths, tapered(count, 10, stage.pixel * rng.uniform(0.3, 1), 3, 0.5), thread)
    side = np.stack([rng.choice([0, 1], 1200), rng.random(1200)], 1)
    fuzz = Groom(
        length=rng.uniform(0.02, 0.1),
        spread=0.5,
        segments=6,
        gravity=0.3,
        sway=0.6,
        clumps=600,
        clumping=0.2,
        frizz=0.01,
    )
    outward = np.stack([side[:, 0] * 2 - 1, np.zeros(1200), np.zeros(1200)], 1)
    loose = grow(rng, drape(fold, side, size), outward, fuzz)
    stage.strands(loose, tapered(1200, 6, stage.pixel * rng.uniform(0.2, 0.6)), thread)
    return np.array([rng.uniform(-0.7, 0.7), 0, -0.7 + rng.uniform(-0.2, 0.2)])


def _net_paths(rng: np.random.Generator, cells: int, pattern: str, steps: int = 40) -> np.ndarray:
    """Threads (N, steps, 2) in uv of a net of about ``cells`` meshes across."""
    t = np.linspace(-0.02, 1.02, steps)
    place = np.arange(-cells, 2 * cells + 1) / cells
    if pattern == "square":
        across = np.stack([np.broadcast_to(t, (len(place), steps)), np.repeat(place[:, None], steps, 1)], -1)
        paths = np.concatenate([across, across[..., ::-1]])
    else:
        wave = 0 if pattern == "diamond" else 0.28 / cells
        zigzag = wave * np.sign(np.sin(2 * np.pi * t * cells)) * np.abs(np.sin(2 * np.pi * t * cells)) ** 0.3
        down = np.stack(
            [place[:, None] + t[None] * 0.999 + zigzag[None], np.broadcast_to(t, (len(place), steps))], -1
        )
        paths = np.concatenate([down, np.stack([1 - down[..., 0], down[..., 1]], -1)])
    inside = ((paths > -0.03) & (paths < 1.03)).all(-1)
    keep = inside.sum(1) > 2
    return np.clip(paths[keep], -0.02, 1.02)


def net(stage: Stage, rng: np.random.Generator) -> np.ndarray:
    """A net of cords, torn in places, sometimes with a thing caught in it."""
    fold, size = folds(rng, rng.uniform(0.01, 0.08)), (2.4, 2.4)
    cells = int(rng.integers(6, 30))
    paths = _net_paths(rng, cells, str(rng.choice(["square", "diamond", "hexagon"])), 81)
    sag = rng.normal(0, 0.06 / cells, paths.shape)
    places = drape(fold, paths + sag, size)
    cord = materials.strand(rng, materials.any_colour(rng, (0, 0.8)), 0.1)
    # Pieces of ten steps, each ending where the next begins; torn ones hang loose and thin.
    pieces = np.stack([places[:, start : start + 11] for start in range(0, 80, 10)], 1).reshape(-1, 11, 3)
    keep = rng.random(len(pieces)) > rng.choice([-1, 0.03, 0.1])
    stage.strands(pieces[keep], np.float32(stage.pixel * 0.5 * np.exp(rng.uniform(0, np.log(6)))), cord)
    if not keep.all():
        torn = pieces[~keep]
        loose = torn + smooth_noise(rng, len(torn), 11, 1) * 0.08
        stage.strands(loose, tapered(len(loose), 11, stage.pixel * 0.6), cord)
    if rng.random() < 0.75:
        ball = Body.random(rng, (0.25, 0.5), 0.1)
        vertices, faces = ball.mesh()
        place = np.array([rng.uniform(-0.4, 0.4), 0.5, rng.uniform(-0.4, 0.4)])
        stage.mesh(
            vertices + place,
            faces,
            materials.solid(rng, materials.any_colour(rng)),
        )
    return np.array([rng.uniform(-0.9, 0.9), 0, rng.uniform(-0.9, 0.9)])


def _motifs(rng: np.random.Generator, count: int) -> np.ndarray:
    """Flowers, rings and scallops (N, 60, 2) in uv, in rows as lace has them."""
    t = np.linspace(0, 2 * np.pi, 60)
    shapes = []
    for row in range(3):
        petals, depth = int(rng.integers(3, 9)), rng.uniform(0, 0.7)
        radius = rng.uniform(0.25, 0.48) / count
        for column in range(count):
            centre = np.array([(column + 0.5 + 0.5 * (row % 2)) / count, 0.08 + 0.9 * row / count])
            for scale in (1.0, 0.62, 0.3)[: int(rng.integers(1, 4))]:
                reach = radius * scale * (1 - depth + depth * np.abs(np.cos(petals * t / 2)))
                shapes.append(centre + np.stack([np.cos(t), np.sin(t)], -1) * reach[:, None])
    return np.stack(shapes)


def lace(stage: Stage, rng: np.random.Generator) -> np.ndarray:
    """Cloth above, lace below: fine mesh, thicker motifs, a scalloped hem."""
    fold, size = folds(rng, rng.uniform(0.01, 0.07)), (2.2, 2.2)
    colour = materials.any_colour(rng, (0, 0.5)) if rng.random() < 0.5 else (0.8, 0.78, 0.74)
    thread = materials.strand(rng, colour, 0.05)
    count = int(rng.integers(6, 14))
    deep = 3 / count
    mesh = _net_paths(rng, int(rng.integers(25, 60)), str(rng.choice(["square", "diamond", "hexagon"])), 120)
    # Outside the scallops there is no mesh: points are pulled up onto the hem's curve.
    hem = 0.35 / count * (1 - np.abs(np.sin(np.pi * count * mesh[..., 0])))
    mesh = np.stack([mesh[..., 0], np.maximum(mesh[..., 1] * deep, hem)], -1)
    stage.strands(drape(fold, mesh, size), np.float32(stage.pixel * rng.uniform(0.2, 0.6)), thread)
    motifs = drape(fold, _motifs(rng, count), size)
    stage.strands(motifs, np.float32(stage.pixel * rng.uniform(0.8, 2.2)), thread)
    t = np.linspace(0, 1, 400)
    edge = np.stack([t, 0.35 / count * (1 - np.abs(np.sin(np.pi * count * t)))], -1)[None]
    stage.strands(drape(fold, edge, size), np.float32(stage.pixel * rng.uniform(1, 2.5)), thread)
    if rng.random() < 0.85:
        uv = _grid(90, 90)
        uv = np.stack([uv[:, 0], deep * 0.95 + uv[:, 1] * (1 - deep)], 1)
        _hang(stage, fold, size, materials.cloth(rng), uv)
    return np.array([rng.uniform(-0.6, 0.6), 0, -1.1 + deep * rng.uniform(0.3, 1.2) * 2.2])


def veil(stage: Stage, rng: np.random.Generator) -> np.ndarray:
    """Sheer cloth in folds, one or two layers."""
    for _ in range(int(rng.integers(1, 3))):
        fold = folds(rng, rng.uniform(0.05, 0.16))
        _hang(stage, fold, (rng.uniform(1.1, 2), rng.uniform(1.1, 2)), materials.veil(rng))
    return rng.uniform(-0.5, 0.5, 3)


def plastic(stage: Stage, rng: np.random.Generator) -> np.ndarray:
    """A wrinkled clear bag or wrap."""
    fold = np.vstack((folds(rng, 0.08), folds(rng, 0.03) * [4, 6, 1, 1]))
    _hang(stage, fold, (rng.uniform(1.1, 1.9), rng.uniform(1.1, 1.9)), materials.film(rng))
    return rng.uniform(-0.5, 0.5, 3)
