"""Foregrounds and backgrounds out of nothing: strands, soft noise, holes, discs; gradients and clutter.

Every function takes a numpy Generator and a side in pixels; equal states give equal pictures. Colours are
uint8 RGB, sRGB-encoded; alphas uint16, full range.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
from sources import ByteArray, Foreground, edge_of

Random = np.random.Generator
SHIFT = 4


def noise(random: Random, side: int, coarsest: int, finest: int) -> npt.NDArray[np.float32]:
    """(side, side) float32 in [0, 1]: octaves of value noise with cells from `coarsest` to `finest` pixels."""
    total = np.zeros((side, side), np.float32)
    cell, weight = coarsest, 1.0
    while cell >= finest:
        count = max(2, side // cell + 2)
        grid = random.random((count, count), dtype=np.float32)
        total += weight * cv2.resize(grid, (side, side), interpolation=cv2.INTER_CUBIC)
        cell, weight = cell // 2, weight * 0.6
    low, high = float(total.min()), float(total.max())
    return (total - low) / max(high - low, 1e-6)


def texture(random: Random, side: int) -> ByteArray:
    """(side, side, 3): a mixture of a few colours by noise, with fine grain."""
    colours = random.random((3, 3)).astype(np.float32) * 255
    first, second = noise(random, side, side // 2, 16), noise(random, side, 64, 2)
    picture = colours[0] * first[..., None] + colours[1] * (1 - first[..., None])
    picture = picture * (0.6 + 0.4 * second[..., None]) + colours[2] * 0.3 * (1 - second[..., None])
    return np.clip(picture, 0, 255).astype(np.uint8)


def strands(random: Random, side: int) -> Foreground:
    """A soft body with up to several hundred curved strands around it, 0.4 to 3 pixels wide."""
    scale = 4
    big = side * scale
    alpha = np.zeros((big, big), np.uint8)
    centre = np.array([big / 2, big / 2]) + random.normal(0, big / 12, 2)
    radius = big * random.uniform(0.08, 0.28)
    cv2.circle(alpha, tuple(int(v) for v in centre), int(radius), 255, -1, cv2.LINE_AA)
    count = int(random.integers(40, 700))
    curl, length = random.uniform(0, 6), random.uniform(0.15, 0.5) * big
    width = random.uniform(1.6, 12)
    for _ in range(count):
        _strand(alpha, random, centre, radius, length, curl, width)
    small = cv2.resize(alpha, (side, side), interpolation=cv2.INTER_AREA).astype(np.uint16) * 257
    colour = _streaked(random, side)
    return Foreground("strands", colour, small, edge_of(small, "strands"))


def _strand(
    alpha: ByteArray,
    random: Random,
    centre: npt.NDArray[np.float64],
    radius: float,
    length: float,
    curl: float,
    width: float,
) -> None:
    angle = random.uniform(0, 2 * np.pi)
    reach = length * random.uniform(0.3, 1)
    t = np.linspace(0, 1, 24)
    phase, bend = random.uniform(0, 2 * np.pi), random.normal(0, 0.9)
    direction = angle + bend * t + 0.25 * curl * np.sin(2 * np.pi * curl * t + phase) * t
    step = reach / len(t)
    points = centre + radius * 0.9 * np.array([np.cos(angle), np.sin(angle)])
    line = points + np.cumsum(np.stack([np.cos(direction), np.sin(direction)], 1) * step, axis=0)
    fixed = np.round(line * (1 << SHIFT)).astype(np.int32)
    thickness = max(1, round(width * random.uniform(0.5, 1)))
    middle = len(fixed) * 2 // 3
    cv2.polylines(alpha, [fixed[: middle + 1]], False, 255, thickness, cv2.LINE_AA, SHIFT)
    cv2.polylines(alpha, [fixed[middle:]], False, 255, max(1, thickness // 2), cv2.LINE_AA, SHIFT)


def _streaked(random: Random, side: int) -> ByteArray:
    base = random.random(3) * 200 + 20
    light = cv2.GaussianBlur(random.random((side, side)).astype(np.float32), (0, 0), 1.0) - 0.5
    light = 1 + light * random.uniform(0.5, 4) + 0.5 * (noise(random, side, side // 2, 32) - 0.5)
    return np.clip(base * light[..., None], 0, 255).astype(np.uint8)


def cloud(random: Random, side: int) -> Foreground:
    """Soft noise of any density, such as smoke, steam, veils; a part of it solid."""
    field = noise(random, side, side // 2, int(random.integers(2, 24)))
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    field = field + random.uniform(0.6, 1.2) - 1.6 * np.hypot(y, x)
    low = random.uniform(0, 0.4)
    alpha = np.clip((field - low) / random.uniform(0.05, 0.9), 0, 1)
    deep = np.round(alpha * 65535).astype(np.uint16)
    return Foreground("cloud", texture(random, side), deep, edge_of(deep, "cloud"))


def lattice(random: Random, side: int) -> Foreground:
    """A sheet with many holes: nets, lace, leaves against the light."""
    field = noise(random, side, int(random.integers(12, 48)), 4)
    if random.random() < 0.5:
        period, turn = random.uniform(6, 40), random.uniform(0, np.pi)
        y, x = np.mgrid[0:side, 0:side] + 6 * field
        a = np.cos(turn) * x + np.sin(turn) * y
        b = -np.sin(turn) * x + np.cos(turn) * y
        field = np.maximum(np.abs(np.sin(np.pi * a / period)), np.abs(np.sin(np.pi * b / period))) ** 4
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    inside = np.hypot(y, x) + 0.2 * noise(random, side, 128, 32) < 0.9
    alpha = np.clip((field - random.uniform(0.3, 0.6)) * random.uniform(3, 12) + 0.5, 0, 1) * inside
    alpha = np.maximum(alpha, np.hypot(y - 0.2, x) < random.uniform(0.1, 0.4)).astype(np.float32)
    alpha = cv2.GaussianBlur(alpha, (0, 0), 0.6)
    deep = np.round(alpha * 65535).astype(np.uint16)
    return Foreground("lattice", texture(random, side), deep, edge_of(deep, "lattice"))


def discs(random: Random, side: int) -> Foreground:
    """Defocused discs and ellipses: bokeh, out-of-focus solids."""
    alpha = np.zeros((side, side), np.float32)
    for _ in range(int(random.integers(1, 12))):
        shape = np.zeros((side, side), np.float32)
        centre = tuple(int(v) for v in random.uniform(0.2, 0.8, 2) * side)
        axes = tuple(int(v) for v in random.uniform(0.02, 0.22, 2) * side + 3)
        cv2.ellipse(shape, centre, axes, random.uniform(0, 180), 0, 360, 1.0, -1, cv2.LINE_AA)
        radius = int(random.integers(1, 25))
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
        shape = cv2.filter2D(shape, -1, disc.astype(np.float32) / disc.sum()) * (
            1 if random.random() < 0.7 else 0.6
        )
        alpha = 1 - (1 - alpha) * (1 - shape)
    deep = np.round(np.clip(alpha, 0, 1) * 65535).astype(np.uint16)
    return Foreground("discs", texture(random, side), deep, edge_of(deep, "discs"))


def clutter(random: Random, side: int) -> ByteArray:
    """A background (side, side, 3): noise, stripes and shapes."""
    picture = texture(random, side)
    for _ in range(int(random.integers(0, 30))):
        colour = tuple(int(v) for v in random.integers(0, 256, 3))
        points = (random.random((int(random.integers(2, 6)), 2)) * side).astype(np.int32)
        if random.random() < 0.5:
            cv2.fillPoly(picture, [points], colour, cv2.LINE_AA)
        else:
            cv2.polylines(picture, [points], False, colour, int(random.integers(1, 12)), cv2.LINE_AA)
    if random.random() < 0.6:
        picture = cv2.GaussianBlur(picture, (0, 0), float(random.uniform(0.5, 12)))
    return picture


KINDS = (strands, strands, cloud, lattice, discs)
