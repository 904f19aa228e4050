"""Objects' own colours out of a plate, one object after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from semantic_matte.colour import convert
from semantic_matte.ports import ForegroundEstimator
from semantic_matte.types import BoolArray, Box, FloatArray, Foreground, Matte, Plate

# Colour goes on for so many pixels beyond the last one that alpha touches, so that an edge that is filtered,
# moved or resized later finds some.
MARGIN = 8


def unmix(
    plate: Plate, mattes: Iterable[Matte], estimator: ForegroundEstimator, target_space: str
) -> Iterator[Foreground]:
    """Each matte's foreground, in order, made when it is asked for.

    plate: its own light is taken, in its own space. target_space: the linear space of the result. What lies
    behind an object may be another one: each is unmixed from all that the plate shows beside it. Memory follows
    the object. Raises DeviceError, and UnknownNameError or UsageError for a colour space.
    """
    light, space = plate.own
    for matte in mattes:
        covered = Box.around(matte.crop > 0)
        if covered is None:
            yield _nothing(matte, target_space)
            continue
        touched = covered.shifted(matte.window.x0, matte.window.y0)
        seen = _inside(touched.padded(max(estimator.context, MARGIN)), plate.box)
        alpha = np.zeros((seen.height, seen.width), dtype=np.float32)
        # As files hold it: colours are right for the alpha that they are put together with.
        alpha[touched.relative_to(seen).slices] = matte.crop[covered.slices].astype(np.float16)
        colour = estimator.estimate(np.ascontiguousarray(light[seen.slices]), alpha)
        window = _inside(touched.padded(MARGIN), plate.box)
        part = window.relative_to(seen).slices
        own = convert(colour[part], space, target_space)
        crop = np.where(_near(alpha[part] > 0)[..., np.newaxis], own, np.float32(0))
        yield Foreground(matte, crop, window, target_space)


def _inside(box: Box, frame: Box) -> Box:
    """The part of a box that lies in the frame, which there is."""
    common = box.intersection(frame)
    assert common is not None
    return common


def _near(touched: BoolArray) -> BoolArray:
    """(h, w) bool: within `MARGIN` pixels, in x and in y, of one that is true."""
    from scipy import ndimage

    reach: BoolArray = ndimage.maximum_filter(touched, 2 * MARGIN + 1, mode="constant", cval=False)
    return reach


def _nothing(matte: Matte, target_space: str) -> Foreground:
    """The foreground of a matte that is 0 everywhere: one black pixel."""
    corner = Box(matte.window.x0, matte.window.y0, matte.window.x0 + 1, matte.window.y0 + 1)
    black: FloatArray = np.zeros((1, 1, 3), dtype=np.float32)
    return Foreground(matte, black, corner, target_space)
