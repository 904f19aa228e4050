"""Foreground colour by blurs that know how far to trust each pixel: a few passes, on any device.

Source: Forte, "Approximate Fast Foreground Colour Estimation", ICIP 2021. There, the colours of foreground and
background are averages over a square of 181 pixels, weighted by alpha and 1 - alpha; what they don't explain of
a pixel is added to its foreground in the measure of alpha; then the same again over 13 pixels.

That is 1.5 to 1.8 times as far from the truth as the multi-level method of Germer et al. 2020 (renders and
plants over photos and over green). What is done beside it:
- what the averages don't explain goes to foreground, background, and an error of alpha, each by how much it
  varies nearby: in front of an even screen, all detail is the object's own (`mixture.py`);
- averages trust nearly solid and nearly clear pixels most: weights are cubes of alpha and of 1 - alpha;
- squares halve from the whole picture down to 3 pixels, each level beginning with what the last one found, so
  that no pixel is too far from one that knows;
- light L weighs 1 / (1 + L) in the foreground and the root of that in the background, so that a lamp does not
  shine over its surroundings; lamps are behind an object more often than on it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from semantic_matte.device_memory import Room, no_room
from semantic_matte.foregrounds.mixture import ALPHA_ERROR, TINY, Mixture, square
from semantic_matte.types import FloatArray

if TYPE_CHECKING:
    from torch import Tensor

# How many cells an average reaches in each direction; at the last level a cell is a pixel.
REACH, LAST_REACH = 2, 1
# Samples along a cell's side: coarse levels don't look at every pixel...
SAMPLES = 2
# ...but at no fewer than this along the picture's shorter side.
LEAST_SAMPLES = 64
# The powers of 1 / (1 + light) by which the foreground's and the background's light weighs.
DIMMING, DIMMING_BEHIND = 1.0, 0.5
# What the level before found weighs this much, so that there is an answer where nothing is known.
PRIOR_WEIGHT = 1e-4
# The least and the greatest error of alpha that are believed.
LEAST_ALPHA_ERROR, GREATEST_ALPHA_ERROR = 0.005, 0.1
# Light beyond this is taken for this, lest its square overflow, and still handed back as it is where solid.
BRIGHTEST = 1e6
# Pixels that are worked on at a time, and the fewest that are tried where the memory is full.
STRIP_PIXELS, LEAST_STRIP_PIXELS = 1 << 19, 1 << 14
REMEDY = "choose the foreground method multi_level, which runs on the CPU"


class BlurFusion:
    """See the module's docstring. The same input gives the same bytes on the same device."""

    name = "blur_fusion"
    # How well a soft edge is unmixed hangs on what lies within it: 256 pixels gain nothing over 8.
    context = 16

    def __init__(self, device: str = "cpu") -> None:
        """device: torch's name of where it runs."""
        self.device = device
        self._room = Room("Unmixing colours", device)

    def _unmix(self, colour: FloatArray, alpha: FloatArray, strip_pixels: int) -> FloatArray:
        """(h, w, 3) float32, in strips of so many pixels; where alpha is 1 not yet the plate's own colour."""
        import torch

        with torch.inference_mode():
            light = torch.tensor(colour, device=self.device).permute(2, 0, 1).contiguous()
            coverage = torch.tensor(alpha, device=self.device)[np.newaxis]
            return _unmixed(light.clamp_(-BRIGHTEST, BRIGHTEST), coverage, strip_pixels)

    def estimate(self, colour: FloatArray, alpha: FloatArray) -> FloatArray:
        """See `ports.ForegroundEstimator`.

        Where the device's memory is full, strips get thinner, which changes colours by rounding alone; that is
        kept for the next object. Raises DeviceError if there is no room for the thinnest.
        """
        while True:
            pixels = STRIP_PIXELS if self._room.most is None else min(STRIP_PIXELS, self._room.most)
            result = self._room.attempt(partial(self._unmix, colour, alpha, pixels), pixels)
            if result is not None:
                break
            if pixels // 2 < LEAST_STRIP_PIXELS:
                what = f"Unmixing the colours of an object of {alpha.shape[1]}x{alpha.shape[0]} pixels"
                raise no_room(what, self._room.full, REMEDY)
        solid = alpha == 1
        result[solid] = colour[solid]
        return result


@dataclass(frozen=True)
class _Level:
    """One round. cell: side of a cell in pixels. step: pixels from sample to sample. reach: in cells."""

    cell: int
    step: int
    reach: int

    def cells(self, pixels: int) -> int:
        """How many cover so many pixels."""
        return -(-pixels // self.cell)

    @property
    def samples(self) -> int:
        """Along a cell's side."""
        return self.cell // self.step

    @property
    def start(self) -> int:
        """The first sample's pixel: samples lie in the middle of what they stand for."""
        return self.step // 2


@dataclass(frozen=True)
class _Found:
    """What a level has found. averages: (8, rows, columns), of each cell; see `Mixture.of`. alpha_variance: ();
    darkest: (3, 1, 1), of the whole picture, at most 0; see `Mixture.settled`."""

    averages: Tensor
    alpha_variance: Tensor
    darkest: Tensor


def _unmixed(light: Tensor, alpha: Tensor, strip_pixels: int) -> FloatArray:
    """(h, w, 3) float32 from light (3, h, w) and alpha (1, h, w). strip_pixels: as of `_strips`."""
    import torch

    height, width = alpha.shape[1:]
    *coarse, last = _levels(height, width)
    found = _over_all(light, alpha)
    for level in coarse:
        strips = _strips(height, width, level, strip_pixels)
        parts = [_averages(light, alpha, found, level, strip) for strip in strips]
        signs = torch.stack([part_signs for _, part_signs in parts]).sum(dim=0)
        variance = (signs[0] / (signs[1] + TINY)).clamp(LEAST_ALPHA_ERROR**2, GREATEST_ALPHA_ERROR**2)
        found = _Found(torch.cat([averages for averages, _ in parts], dim=1), variance, found.darkest)
    result = np.empty((height, width, 3), dtype=np.float32)
    for strip in _strips(height, width, last, strip_pixels):
        averages, _ = _averages(light, alpha, found, last, strip)
        mixture = Mixture.of(light[:, strip], alpha[:, strip], averages)
        foreground, _ = mixture.settled(found.alpha_variance, found.darkest)
        result[strip] = foreground.permute(1, 2, 0).cpu().numpy()
    return result


def _levels(height: int, width: int) -> list[_Level]:
    """From one whose averages span the picture to one of 3x3 pixels."""
    coarsest = max(0, math.ceil(math.log2(max(height, width) / REACH)))
    sparsest = 2 ** int(math.log2(max(1, min(height, width) // LEAST_SAMPLES)))
    cells = [2**power for power in range(coarsest, 0, -1)]
    levels = [_Level(cell, min(cell // SAMPLES, sparsest), REACH) for cell in cells]
    return [*levels, _Level(1, 1, LAST_REACH)]


def _strips(height: int, width: int, level: _Level, pixels: int) -> Iterator[slice]:
    """Rows of cells from top to bottom, as many at a time as have so many pixels."""
    rows, columns = level.cells(height), level.cells(width)
    # An even number, so that a strip begins where a cell of the level before does.
    each = max(2, pixels // (columns * level.samples**2) // 2 * 2)
    for top in range(0, rows, each):
        yield slice(top, min(rows, top + each))


def _over_all(light: Tensor, alpha: Tensor) -> _Found:
    """What the whole picture says, in one cell."""
    import torch

    step = max(1, min(alpha.shape[1:]) // (4 * LEAST_SAMPLES))
    sampled = light[:, step // 2 :: step, step // 2 :: step]
    coverage = alpha[:, step // 2 :: step, step // 2 :: step]
    found = []
    for share, dimming in ((coverage, DIMMING), (1 - coverage, DIMMING_BEHIND)):
        weight = _weight(sampled, share, dimming)
        total = weight.sum() + TINY
        mean = (sampled * weight).sum(dim=(1, 2), keepdim=True) / total
        found += [mean, ((square(sampled - mean) * weight).sum() / total).view(1, 1, 1)]
    darkest = light.amin(dim=(1, 2), keepdim=True).clamp(max=0)
    return _Found(torch.cat(found), torch.tensor(ALPHA_ERROR**2, device=light.device), darkest)


def _averages(
    light: Tensor, alpha: Tensor, found: _Found, level: _Level, strip: slice
) -> tuple[Tensor, Tensor]:
    """What the surroundings of each cell in a strip say, and the strip's signs of an error in alpha.

    found: by the level before, of cells twice as large, or by `_over_all`. strip: rows of cells. Returns
    averages (8, rows, columns) and signs (2,); see `Mixture`.
    """
    import torch
    from torch.nn import functional

    height, width = alpha.shape[1:]
    margin = 2  # Even, and no less than any reach.
    rows = slice(max(0, strip.start - margin), min(level.cells(height), strip.stop + margin))
    pixels = slice(rows.start * level.cell + level.start, rows.stop * level.cell, level.step)
    coverage = alpha[:, pixels, level.start :: level.step]
    size = (coverage.shape[1], coverage.shape[2])
    guess = _raised(found.averages, rows, 2 * level.samples, level.samples, size)
    mixture = Mixture.of(light[:, pixels, level.start :: level.step], coverage, guess)
    foreground, background = mixture.settled(found.alpha_variance, found.darkest)
    sums = torch.cat(
        [
            *_weighed(foreground, guess[:3], coverage, DIMMING),
            *_weighed(background, guess[4:7], mixture.rest, DIMMING_BEHIND),
        ]
    )
    columns = level.cells(width)
    across = columns * level.samples - sums.shape[2]
    down = (rows.stop - rows.start) * level.samples - sums.shape[1]
    sums = functional.avg_pool2d(functional.pad(sums, (0, across, 0, down)), level.samples)
    side = 2 * level.reach + 1
    sums = functional.avg_pool2d(sums, (1, side), stride=1, padding=(0, level.reach))
    sums = functional.avg_pool2d(sums, (side, 1), stride=1, padding=(level.reach, 0))
    before = _raised(found.averages, rows, 2, 1, (sums.shape[1], columns))
    averages = torch.cat(
        [
            (sums[:4] + PRIOR_WEIGHT * before[:4]) / (sums[4:5] + PRIOR_WEIGHT),
            (sums[5:9] + PRIOR_WEIGHT * before[4:]) / (sums[9:] + PRIOR_WEIGHT),
        ]
    )
    return averages[:, strip.start - rows.start : strip.stop - rows.start], mixture.signs_of_error()


def _raised(averages: Tensor, rows: slice, factor: int, each: int, size: tuple[int, int]) -> Tensor:
    """Part of a coarse level, `factor` times as fine, bilinearly: (8, *size).

    rows: in cells of the finer level, the first one even. each: samples along such a cell.
    """
    from torch.nn import functional

    if averages.shape[1:] == (1, 1):
        return averages.expand(-1, *size)
    first = max(0, rows.start // 2 - 1)
    part = averages[:, first : -(-rows.stop // 2) + 1]
    fine = functional.interpolate(part[np.newaxis], scale_factor=factor, mode="bilinear", align_corners=False)[
        0
    ]
    top = (rows.start - 2 * first) * each
    return fine[:, top : top + size[0], : size[1]]


def _weighed(colour: Tensor, mean: Tensor, share: Tensor, dimming: float) -> list[Tensor]:
    """Colour (3, h, w) and its squared distance (1, h, w) from a mean, times its weight; and the weight."""
    weight = _weight(colour, share, dimming)
    return [colour * weight, square(colour - mean) * weight, weight]


def _weight(colour: Tensor, share: Tensor, dimming: float) -> Tensor:
    """(1, h, w): how much a pixel's colour (3, h, w) counts that has this share (1, h, w) in the light seen."""
    return share**3 / (1 + colour.abs().amax(dim=0, keepdim=True)) ** dimming
