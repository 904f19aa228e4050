"""Shapes in numpy: bodies, strands with guides, clumps, curl and frizz, sheets. The frame is 1 to 3 wide."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Array = np.ndarray


def unit(vectors: Array) -> Array:
    """Vectors (..., 3) scaled to length 1."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)


def smooth_noise(rng: np.random.Generator, count: int, segments: int, frequency: float) -> Array:
    """(count, segments, 3) of about [-1, 1]: a smooth random path each, 0 at its start."""
    t = np.linspace(0, 1, segments)[None, :, None]
    total = np.zeros((count, segments, 3))
    for octave in range(3):
        phase = rng.uniform(0, 2 * np.pi, (count, 1, 3))
        speed = rng.uniform(0.6, 1.4, (count, 1, 3)) * frequency * 2.0**octave * 2 * np.pi
        total += (np.sin(speed * t + phase) - np.sin(phase)) * 0.55**octave
    return total * 0.4


@dataclass(frozen=True)
class Body:
    """A bumpy ellipsoid: ``centre`` (3,), ``radii`` (3,), bumps of relative height ``bump``."""

    centre: Array
    radii: Array
    bump: float
    waves: Array

    @classmethod
    def random(cls, rng: np.random.Generator, radius: tuple[float, float], bump: float) -> Body:
        """A body round the origin, its axes within 25% of one radius."""
        radii = rng.uniform(*radius) * rng.uniform(0.8, 1.25, 3)
        return cls(np.zeros(3), radii, bump, rng.normal(0, 2.2, (4, 4)))

    def surface(self, directions: Array) -> Array:
        """Points (N, 3) on the surface in directions (N, 3)."""
        height = sum(np.sin(directions @ wave[:3] + wave[3]) for wave in self.waves) / 4
        return self.centre + directions * self.radii * (1 + self.bump * height)[..., None]

    def normals(self, directions: Array) -> Array:
        """Outward normals (N, 3) of the ellipsoid without its bumps."""
        return unit(directions / self.radii)

    def push_out(self, points: Array, gap: float = 1.03) -> Array:
        """Points (..., 3), those inside moved to just above the surface."""
        local = (points - self.centre) / self.radii
        distance = np.linalg.norm(local, axis=-1, keepdims=True)
        inside = np.maximum(gap / np.maximum(distance, 1e-6), 1)
        return self.centre + local * inside * self.radii

    def mesh(self, rings: int = 40, sectors: int = 64) -> tuple[Array, Array]:
        """Vertices (V, 3) and quads (F, 4)."""
        polar = np.linspace(0, np.pi, rings)
        azimuth = np.linspace(0, 2 * np.pi, sectors, endpoint=False)
        p, a = np.meshgrid(polar, azimuth, indexing="ij")
        directions = np.stack([np.sin(p) * np.cos(a), np.sin(p) * np.sin(a), np.cos(p)], -1).reshape(-1, 3)
        return self.surface(directions), grid_faces(rings, sectors, wrap=True)


def grid_faces(rows: int, columns: int, wrap: bool = False) -> Array:
    """Quads (F, 4) of a grid of vertices in row order; ``wrap`` closes it across columns."""
    r = np.arange(rows - 1)[:, None]
    c = np.arange(columns if wrap else columns - 1)[None, :]
    n = (c + 1) % columns
    corners = [r * columns + c, r * columns + n, (r + 1) * columns + n, (r + 1) * columns + c]
    return np.stack([np.broadcast_to(corner, (rows - 1, c.size)) for corner in corners], -1).reshape(-1, 4)


@dataclass(frozen=True)
class Groom:
    """How strands grow. Lengths in scene units; clumping, flyaway, spread in [0, 1]."""

    length: float
    spread: float = 0.3
    segments: int = 12
    lift: float = 1.0
    comb: tuple[float, float, float] = (0.0, 0.0, 0.0)
    gravity: float = 0.5
    sway: float = 0.1
    clumps: int = 200
    clumping: float = 0.6
    curl: float = 0.0
    turns: float = 0.0
    frizz: float = 0.01
    flyaway: float = 0.04


def guides(rng: np.random.Generator, roots: Array, normals: Array, groom: Groom, body: Body | None) -> Array:
    """Paths (G, K, 3) that fall under gravity from roots (G, 3), and stay out of the body."""
    count, steps = len(roots), groom.segments
    lengths = groom.length * np.clip(rng.normal(1, groom.spread, (count, 1)), 0.3, 2)
    heading = unit(normals * groom.lift + np.array(groom.comb) + rng.normal(0, groom.sway, (count, 3)))
    wander = np.diff(smooth_noise(rng, count, steps, 0.8), axis=1) * groom.sway * 4
    path = [roots]
    for step in range(steps - 1):
        heading = unit(heading + wander[:, step] + np.array([0, 0, -groom.gravity]) * 2 / steps)
        point = path[-1] + heading * lengths / (steps - 1)
        path.append(point if body is None else body.push_out(point))
    return np.stack(path, 1)


def grow(
    rng: np.random.Generator, roots: Array, normals: Array, groom: Groom, body: Body | None = None
) -> Array:
    """Strands (N, K, 3) from roots (N, 3): each follows the nearest clump's guide, curls and frizzes."""
    count, steps = len(roots), groom.segments
    chosen = rng.choice(count, min(groom.clumps, count), replace=False)
    paths = guides(rng, roots[chosen], normals[chosen], groom, body)
    owner = np.concatenate(
        [
            np.argmin(((part[:, None] - roots[chosen][None]) ** 2).sum(-1), 1)
            for part in np.array_split(roots, max(count // 1000, 1))
        ]
    )
    t = np.linspace(0, 1, steps)[None, :, None]
    fly = rng.random((count, 1, 1)) < groom.flyaway
    pull = np.where(fly, 0.1, groom.clumping * rng.uniform(0.7, 1, (count, 1, 1)))
    offset = (roots - roots[chosen][owner])[:, None] * (1 - pull * t**0.8)
    strands = roots[:, None] + (paths[owner] - roots[chosen][owner][:, None]) * rng.normal(
        1, 0.12, (count, 1, 1)
    )
    strands += offset - offset[:, :1]
    if groom.curl > 0:
        phase = rng.uniform(0, 2 * np.pi, len(chosen))[owner] + rng.normal(0, 0.4 * (1 - groom.clumping), count)
        strands += helix(rng, strands, groom, phase, t)
    wild = np.where(fly, 4.0, rng.lognormal(0, 0.5, (count, 1, 1)))
    strands += smooth_noise(rng, count, steps, 1.6) * groom.frizz * wild
    if body is not None:
        strands[:, 1:] = body.push_out(strands[:, 1:], 1.01)
    return strands


def helix(rng: np.random.Generator, strands: Array, groom: Groom, phase: Array, t: Array) -> Array:
    """(N, K, 3) offsets that wind each strand round its own path."""
    along = unit(np.gradient(strands, axis=1))
    side = unit(np.cross(along, np.array([0.31, 0.87, 0.39])))
    other = np.cross(along, side)
    angle = phase[:, None, None] + 2 * np.pi * groom.turns * rng.normal(1, 0.1, (len(strands), 1, 1)) * t
    return groom.curl * np.minimum(t * 4, 1) * (np.cos(angle) * side + np.sin(angle) * other)


def tapered(count: int, steps: int, radius: Array | float, power: float = 1.0, tip: float = 0.12) -> Array:
    """Radii (count, steps) from ``radius`` at the root to ``tip`` times that at the end."""
    t = np.linspace(0, 1, steps)[None]
    profile = tip + (1 - tip) * (1 - t**power)
    return np.broadcast_to(np.asarray(radius, dtype=float).reshape(-1, 1) * profile, (count, steps))


def directions(rng: np.random.Generator, count: int) -> Array:
    """(count, 3) unit vectors, uniform on the sphere."""
    return unit(rng.normal(size=(count, 3)))


def folds(rng: np.random.Generator, waves: float) -> Array:
    """(6, 4) random folds: frequency across, frequency down, phase, height."""
    return np.stack(
        [rng.uniform(0.5, 3.5, 6), rng.uniform(-0.8, 0.8, 6), rng.uniform(0, 6.3, 6), rng.normal(0, waves, 6)],
        1,
    )


def drape(fold: Array, uv: Array, size: tuple[float, float]) -> Array:
    """Points (..., 3) at uv (..., 2) of the sheet with these folds, centred on the origin."""
    u, v = uv[..., 0], uv[..., 1]
    depth = sum(h * np.sin(2 * np.pi * (a * u + b * v) + p) for a, b, p, h in fold)
    shift = sum(h * np.cos(2 * np.pi * (b * u + 0.7 * a * v) + 2 * p) for a, b, p, h in fold) * 0.3
    return np.stack([(u - 0.5) * size[0] + shift, depth, (v - 0.5) * size[1] + 0.5 * shift], -1)
