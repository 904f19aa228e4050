"""Training samples, composed on the fly in linear light.

A sample is a crop centred on the edge of a foreground, at one of several scales (Xu et al. 2017, III;
Hu & Clark 2019, III-C), over a background, sometimes with a second object, then brought to display and
degraded; its trimap is drawn from the true alpha or from a coarse mask. Some samples are photos as they are,
with an outlined object, where the truth is known away from the outline. The same sources, seed and index give
the same sample.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt
import photos
import procedural
from degrade import degrade, recolour, to_linear
from drawn_trimaps import draw
from foregrounds.picture import encode_srgb
from sources import ByteArray, Foreground

from semantic_matte.colour import decode_srgb, to_display

Random = np.random.Generator
FloatArray = npt.NDArray[np.float32]

PHOTO_SHARE = 0.2
PROCEDURAL_SHARE = 0.2
SECOND_OBJECT = 0.2
MOTION_BLUR = 0.12
SIMILAR_COLOURS = 0.25
PROCEDURAL_BACKGROUND = 0.15
SMALLEST_SCALE, LARGEST_SCALE = 0.45, 1.5
# The engine shows plates to a network by its own curve, which rolls off highlights: a scene-linear plate
# straight away, a photo after its file has clipped it. Hosts may show it plain to the exported network.
SCENE_LINEAR, ROLLED_OFF = 0.3, 0.4


@dataclasses.dataclass(frozen=True, eq=False)
class Sample:
    """colour: (3, h, w) float32 display-referred. trimap: (h, w) uint8. alpha: (h, w) float32. contrast: (h, w)
    float32, mean distance of the true foreground's colour from the background's, display-referred; 0 where it
    isn't known. sure: (h, w) float32, 1 where alpha is the truth, 0 where it isn't known."""

    colour: FloatArray
    trimap: ByteArray
    alpha: FloatArray
    contrast: FloatArray
    sure: FloatArray


class Composer:
    """Makes samples. size: side of a sample in pixels. outlined: photos that are samples as they are."""

    def __init__(
        self,
        foregrounds: list[Foreground],
        backgrounds: list[ByteArray],
        size: int,
        seed: int,
        outlined: Sequence[photos.OutlinedPhoto] = (),
    ) -> None:
        # Each folder has the same share, however many pictures it holds.
        self._folders = [
            [found for found in foregrounds if found.folder == folder]
            for folder in sorted({found.folder for found in foregrounds})
        ]
        self._backgrounds = backgrounds
        self._outlined = outlined
        self._size = size
        self._seed = seed

    def sample(self, index: int) -> Sample:
        """The sample of that number."""
        random = np.random.default_rng([self._seed, index])
        while True:
            photo = self._outlined and random.random() < PHOTO_SHARE
            made = self._try_photo(random) if photo else self._try(random)
            if made is not None:
                return made

    def _try(self, random: Random) -> Sample | None:
        colour, alpha = self._layer(random)
        if random.random() < SECOND_OBJECT:
            colour, alpha = _over((colour, alpha), self._layer(random))
        trimap = draw(random, alpha)
        if trimap is None:
            return None
        background = self._background(random)
        if random.random() < SIMILAR_COLOURS:
            background = _pulled_towards(random, background, colour, alpha)
        mixed = alpha[..., None] * colour + (1 - alpha[..., None]) * background
        shown = _shown(random, mixed)
        contrast = np.abs(encode_srgb(colour) - encode_srgb(background)).mean(axis=2)
        return Sample(_planes(shown), trimap, alpha, contrast.astype(np.float32), np.ones_like(alpha))

    def _try_photo(self, random: Random) -> Sample | None:
        photo = self._outlined[random.integers(len(self._outlined))]
        colour, levels = photos.crop(random, photo, self._size)
        alpha = (levels > 128).astype(np.float32)
        trimap = draw(random, alpha, coarse=True)
        if trimap is None:
            return None
        shown = _shown(random, recolour(random, to_linear(colour)))
        sure = ((levels == 0) | (levels == 255)).astype(np.float32)
        return Sample(_planes(shown), trimap, alpha, np.zeros_like(alpha), sure)

    def _layer(self, random: Random) -> tuple[FloatArray, FloatArray]:
        """Linear colour (h, w, 3) and alpha (h, w) of one foreground, placed, coloured, sometimes moving."""
        if random.random() < PROCEDURAL_SHARE or not self._folders:
            kind = procedural.KINDS[random.integers(len(procedural.KINDS))]
            try:
                found = kind(random, 480)
            except ValueError:
                return self._layer(random)
        else:
            folder = self._folders[random.integers(len(self._folders))]
            found = folder[random.integers(len(folder))]
        colour, alpha = _placed(random, found, self._size)
        linear = recolour(random, to_linear(colour))
        if random.random() < MOTION_BLUR:
            linear, alpha = _moving(random, linear, alpha)
        return linear, alpha

    def _background(self, random: Random) -> FloatArray:
        """(h, w, 3) linear."""
        size = self._size
        if random.random() < PROCEDURAL_BACKGROUND or not self._backgrounds:
            return recolour(random, to_linear(procedural.clutter(random, size)))
        photo = self._backgrounds[random.integers(len(self._backgrounds))]
        side = int(min(*photo.shape[:2], size * np.exp(random.uniform(np.log(0.5), np.log(2.5)))))
        y = random.integers(photo.shape[0] - side + 1)
        x = random.integers(photo.shape[1] - side + 1)
        part = cv2.resize(photo[y : y + side, x : x + side], (size, size), interpolation=cv2.INTER_AREA)
        if random.random() < 0.5:
            part = part[:, ::-1]
        linear = recolour(random, to_linear(part))
        if random.random() < 0.35:
            linear = cv2.GaussianBlur(linear, (0, 0), float(random.uniform(0.5, 10)))
        return linear


def _shown(random: Random, linear: FloatArray) -> FloatArray:
    """Linear light (h, w, 3) as a network is shown it: in [0, 1], degraded as by a camera and a file."""
    way = random.random()
    if way < SCENE_LINEAR:
        return degrade(random, to_display(linear.astype(np.float32)))
    shown = degrade(random, encode_srgb(linear).astype(np.float32))
    return to_display(decode_srgb(shown)) if way < SCENE_LINEAR + ROLLED_OFF else shown


def _planes(picture: FloatArray) -> FloatArray:
    return np.ascontiguousarray(picture.transpose(2, 0, 1))


def _placed(random: Random, found: Foreground, size: int) -> tuple[ByteArray, FloatArray]:
    """The crop of a foreground around one of its edge pixels, turned, scaled and mirrored."""
    scale = float(np.exp(random.uniform(np.log(SMALLEST_SCALE), np.log(LARGEST_SCALE))))
    colour, alpha, at = found.colour, found.alpha, found.edge[random.integers(len(found.edge))][::-1]
    at = at.astype(np.float64)
    # The shrinking is done by areas, so that thin strands fade and don't break.
    if scale < 0.9:
        height, width = alpha.shape
        to = (max(1, round(width * scale)), max(1, round(height * scale)))
        colour = cv2.resize(colour, to, interpolation=cv2.INTER_AREA)
        alpha = cv2.resize(alpha, to, interpolation=cv2.INTER_AREA)
        at, scale = (at + 0.5) * scale - 0.5, 1.0
    angle = random.normal(0, 0.4)
    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    matrix = np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0]])
    if random.random() < 0.5:
        matrix[:, 0] *= -1
    target = size / 2 + random.uniform(-0.2, 0.2, 2) * size
    matrix[:, 2] = target - matrix[:, :2] @ at
    placed = cv2.warpAffine(
        colour, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    deep = cv2.warpAffine(alpha, matrix, (size, size), flags=cv2.INTER_LINEAR)
    return placed, deep.astype(np.float32) / np.float32(65535)


def _over(
    front: tuple[FloatArray, FloatArray], behind: tuple[FloatArray, FloatArray]
) -> tuple[FloatArray, FloatArray]:
    """Porter and Duff's over, with straight colours."""
    alpha = front[1] + behind[1] * (1 - front[1])
    share = (front[1] / np.maximum(alpha, 1e-6))[..., None]
    return share * front[0] + (1 - share) * behind[0], alpha


def _moving(random: Random, linear: FloatArray, alpha: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Both smeared along a line, as a shutter does: on premultiplied light."""
    length, angle = random.uniform(3, 24), random.uniform(0, np.pi)
    side = int(length) | 1
    kernel = np.zeros((side, side), np.float32)
    reach = np.array([np.cos(angle), np.sin(angle)]) * (side - 1) / 2
    start, end = ((side - 1) / 2 - reach).round(), ((side - 1) / 2 + reach).round()
    cv2.line(kernel, tuple(int(v) for v in start), tuple(int(v) for v in end), 1.0)
    kernel /= kernel.sum()
    solid = cv2.filter2D(linear * alpha[..., None], -1, kernel)
    smeared = cv2.filter2D(alpha, -1, kernel)
    colour = np.where(smeared[..., None] > 0.02, solid / np.maximum(smeared, 1e-3)[..., None], linear)
    return colour, np.clip(smeared, 0, 1)


def _pulled_towards(
    random: Random, background: FloatArray, colour: FloatArray, alpha: FloatArray
) -> FloatArray:
    """A background whose mean colour comes near the foreground's: the hard case."""
    weight = alpha.sum() + 1e-6
    wanted = (colour * alpha[..., None]).sum(axis=(0, 1)) / weight
    gain = (wanted + 0.02) / (background.mean(axis=(0, 1)) + 0.02)
    return (background * gain ** random.uniform(0.4, 1.0)).astype(np.float32)
