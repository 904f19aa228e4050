"""Shots with known moving alpha: a foreground that moves, turns, grows and sways over a photo that pans.

A foreground is an RGBA picture (straight, sRGB-encoded colour), as weights/training/render_foregrounds.py
writes them, or the pictures of a folder like the lemur's. Each frame is the mean of sub-frames over half the
time to the next one, in linear light, composed premultiplied: its true alpha is the mean of theirs, motion
blur and all. Masks err as a segmenter's do: they come from few cells, and their edge wanders from frame to
frame. The same seed gives the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from semantic_matte.colour import decode_srgb
from semantic_matte.types import BoolArray, FloatArray, Instance, Plate

LABEL = "object"
SLOT = "sm_object_01"
SUB_FRAMES = 8
SHUTTER = 0.5
# Standard deviation of the grain, scene-linear, and how much of it grows with the square root of light.
GRAIN = 0.004
LIGHT_GRAIN = 0.008
# The object's size against the frame's height.
FILLED = 0.72


@dataclass(frozen=True, eq=False)
class Motion:
    """How a foreground moves, in units of the frame's height and of a frame's time.

    velocity, acceleration: x and y. turn: radians a frame. growth: of the scale, a frame. sway: how far the top
    swings; sway_period: in frames. pan: the background's velocity, x and y.
    """

    velocity: tuple[float, float]
    acceleration: tuple[float, float]
    turn: float
    growth: float
    sway: float
    sway_period: float
    pan: tuple[float, float]

    @classmethod
    def drawn(cls, generator: np.random.Generator, frames: int) -> Motion:
        """A motion that stays in the frame, and comes to up to 4% of the frame's height a frame."""
        heading = generator.uniform(0, 2 * math.pi)
        speed = generator.uniform(0.15, 0.3) / frames
        velocity = (speed * math.cos(heading), 0.5 * speed * math.sin(heading))
        gain = generator.uniform(-1.5, 3) / frames
        return cls(
            velocity=velocity,
            acceleration=(velocity[0] * gain, velocity[1] * gain),
            turn=generator.uniform(-0.25, 0.25) / frames,
            growth=generator.uniform(-0.1, 0.15) / frames,
            sway=generator.uniform(0.005, 0.02),
            sway_period=generator.uniform(8, 16),
            pan=(-0.7 * velocity[0] + generator.uniform(-0.002, 0.002), generator.uniform(-0.002, 0.002)),
        )


@dataclass(frozen=True, eq=False)
class Foreground:
    """light: (h, w, 3) float32, linear, premultiplied. alpha: (h, w) float32 in [0, 1]."""

    name: str
    light: FloatArray
    alpha: FloatArray


@dataclass(frozen=True, eq=False)
class SyntheticShot:
    """plates: scene-linear. truths: (T, H, W) float32 in [0, 1]. instances: a mask a frame, with its errors."""

    name: str
    plates: tuple[Plate, ...]
    truths: FloatArray
    instances: tuple[Instance, ...]


def foregrounds(folder: Path, names: list[str]) -> Iterator[Foreground]:
    """Those of the folder, in the order of `names` (their files' stems); all where there are no names.

    A folder with lemur_foreground.png and lemur_alpha.png gives those two as one. Raises SystemExit where
    something is missing.
    """
    if (folder / "lemur_alpha.png").exists():
        alpha = _read(folder / "lemur_alpha.png", cv2.IMREAD_GRAYSCALE)
        colour = decode_srgb(_read(folder / "lemur_foreground.png", cv2.IMREAD_COLOR))
        yield Foreground("lemur", colour * alpha[..., np.newaxis], alpha)
        return
    paths = [folder / f"{name}.png" for name in names] if names else sorted(folder.glob("*.png"))
    if not paths:
        raise SystemExit(f"{folder}: expected RGBA pictures, *.png.")
    for path in paths:
        picture = _read(path, cv2.IMREAD_UNCHANGED)
        if picture.shape[2:] != (4,):
            raise SystemExit(f"{path}: expected an RGBA picture, got shape {picture.shape}.")
        alpha = np.ascontiguousarray(picture[..., 3])
        yield Foreground(path.stem, decode_srgb(picture[..., :3]) * alpha[..., np.newaxis], alpha)


def make_shot(
    foreground: Foreground, background: Path, *, size: tuple[int, int], frames: int, seed: int
) -> SyntheticShot:
    """A shot of this many frames of (height, width) pixels. background: a photo's file."""
    generator = np.random.default_rng(seed)
    motion = Motion.drawn(generator, frames)
    scene = _Scene(foreground, background, size, motion, frames)
    plates, truths, instances = [], [], []
    for frame in range(frames):
        light, alpha = scene.frame(frame)
        grain = generator.normal(size=light.shape) * np.sqrt(GRAIN**2 + LIGHT_GRAIN**2 * light)
        plates.append(Plate((light + grain).astype(np.float32), name=foreground.name, frame=frame))
        truths.append(alpha)
        instances.append(wandering_mask(alpha, generator))
    return SyntheticShot(foreground.name, tuple(plates), np.stack(truths), tuple(instances))


def wandering_mask(alpha: FloatArray, generator: np.random.Generator) -> Instance:
    """What a segmenter might say of a true alpha (H, W): few cells, an edge that wanders, now in, now out.

    The true coverage, brought to a grid of 28 to 64 cells a side that lies elsewhere in each frame, and
    enlarged, is cut at a level that is drawn for the frame and varies smoothly along the edge.
    """
    height, width = alpha.shape
    cells = int(generator.integers(28, 65))
    cell = max(2.0, max(height, width) / cells)
    offset = generator.uniform(-0.5, 0.5, 2) * cell
    grid = (math.ceil(height / cell) + 2, math.ceil(width / cell) + 2)
    scale = np.float32(1 / cell)
    to_grid = np.array([[scale, 0, offset[0] * scale + 0.5], [0, scale, offset[1] * scale + 0.5]])
    # Each cell holds the coverage of its own area: blurred by its size, then taken at its middle.
    covered = cv2.blur(alpha, (2 * round(cell / 2) + 1, 2 * round(cell / 2) + 1))
    small = cv2.warpAffine(covered, to_grid, (grid[1], grid[0]), flags=cv2.INTER_LINEAR)
    soft = cv2.warpAffine(small, to_grid, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    waves = cv2.resize(
        generator.normal(size=(6, 6)).astype(np.float32), (width, height), None, 0, 0, cv2.INTER_CUBIC
    )
    level = 0.5 + generator.normal() * 0.08 + 0.12 * waves
    mask: BoolArray = soft > np.clip(level, 0.15, 0.85)
    if not mask.any():
        mask = alpha >= alpha.max() / 2
    return replace(Instance.from_mask(mask, LABEL, 1.0), slot=SLOT)


class _Scene:
    """A foreground in front of a photo, drawn at any moment."""

    def __init__(
        self, foreground: Foreground, background: Path, size: tuple[int, int], motion: Motion, frames: int
    ) -> None:
        self.size, self.motion, self.frames = size, motion, frames
        side = FILLED * size[0]
        scale = side / max(foreground.alpha.shape)
        small = (round(foreground.alpha.shape[1] * scale), round(foreground.alpha.shape[0] * scale))
        interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        # Light and alpha move as one picture of four channels.
        whole = np.dstack([foreground.light, foreground.alpha])
        self.object = cv2.resize(whole, small, interpolation=interpolation)
        # Larger than the frame, so that a pan does not leave it.
        self.room = math.ceil(0.35 * size[0])
        self.photo = _filling(background, (size[0] + 2 * self.room, size[1] + 2 * self.room))

    def frame(self, number: int) -> tuple[FloatArray, FloatArray]:
        """Light (H, W, 3) and true alpha (H, W), means over the time that the shutter is open."""
        light = np.zeros((*self.size, 3), np.float64)
        alpha = np.zeros(self.size, np.float64)
        for part in range(SUB_FRAMES):
            drawn, behind = self.moment(number + SHUTTER * (part + 0.5) / SUB_FRAMES - SHUTTER / 2)
            light += drawn[..., :3] + (1 - drawn[..., 3:]) * behind
            alpha += drawn[..., 3]
        return (light / SUB_FRAMES).astype(np.float32), (alpha / SUB_FRAMES).astype(np.float32).clip(0, 1)

    def moment(self, time: float) -> tuple[FloatArray, FloatArray]:
        """The object (H, W, 4), premultiplied, and the background (H, W, 3) at a time in frames."""
        height, width = self.size
        motion = self.motion
        # Counted from the middle of the shot, where the object is in the middle of the frame.
        since = time - (self.frames - 1) / 2
        moved = [
            v * since + 0.5 * a * since * since
            for v, a in zip(motion.velocity, motion.acceleration, strict=True)
        ]
        y, x = np.mgrid[:height, :width].astype(np.float32)
        x -= np.float32(width / 2 + moved[0] * height)
        y -= np.float32(height / 2 + moved[1] * height)
        scale, turn = 1 + motion.growth * since, motion.turn * since
        cosine, sine = np.float32(math.cos(turn) / scale), np.float32(math.sin(turn) / scale)
        along, down = cosine * x + sine * y, cosine * y - sine * x
        object_height, object_width = self.object.shape[:2]
        # What is far from the foot swings most, and waves run through it.
        lift = np.clip(0.5 - down / object_height, 0, 1)
        phase = 2 * math.pi * time / motion.sway_period
        along += np.float32(motion.sway * height) * lift * lift * np.sin(phase + 4 * lift, dtype=np.float32)
        drawn = cv2.remap(
            self.object, along + object_width / 2, down + object_height / 2, cv2.INTER_LINEAR, borderValue=0
        )
        pan = np.float32([[1, 0, self.room - motion.pan[0] * since * height], [0, 1, 0]])
        pan[1, 2] = self.room - motion.pan[1] * since * height
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        behind = cv2.warpAffine(self.photo, pan, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        return drawn, behind


def _filling(path: Path, size: tuple[int, int]) -> FloatArray:
    """A photo's light (H, W, 3), linear, scaled and cut to fill (H, W)."""
    whole = _read(path, cv2.IMREAD_COLOR)
    height, width = size
    scale = max(height / whole.shape[0], width / whole.shape[1])
    large = (max(width, round(whole.shape[1] * scale)), max(height, round(whole.shape[0] * scale)))
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return decode_srgb(cv2.resize(whole, large, interpolation=interpolation)[:height, :width].clip(0, 1))


def _read(path: Path, flags: int) -> FloatArray:
    """A picture in RGB or RGBA order, (h, w) or (h, w, n) float32 in [0, 1]."""
    picture = cv2.imread(str(path), flags)
    if picture is None:
        raise SystemExit(f"{path}: not there, or no picture.")
    shares = picture.astype(np.float32) / np.float32(np.iinfo(picture.dtype).max)
    return shares if shares.ndim == 2 else np.ascontiguousarray(shares[..., [2, 1, 0, 3][: shares.shape[2]]])
