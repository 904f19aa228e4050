"""Objects cut out of a plate by their mattes, and the maths of putting them over something else.

An object's soft edge shows what lay behind it. Its own colour, unmixed, comes from a foreground file or is
found here; the plate's colours as they are keep a rim of the old background.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from semantic_matte.errors import PlateError
from semantic_matte.layer_files import LayerFile
from semantic_matte.ports import ForegroundEstimator, Progress, ProgressEvent
from semantic_matte.types import Box, FloatArray, Plate

# Floats that are worked on at a time, over all layers.
_STRIP_FLOATS = 8 << 20
_LEAST_ROWS = 16


@dataclass(frozen=True, eq=False)
class CutOut:
    """Objects without what lies behind them.

    colours: (H, W, 3) float32, linear light, premultiplied. alpha: (H, W) float32 in [0, 1], the sum over the
    objects.
    """

    colours: FloatArray
    alpha: FloatArray

    @classmethod
    def of(cls, colours: FloatArray, alpha: FloatArray) -> CutOut:
        """Cut colours (H, W, 3), not premultiplied, by an alpha (H, W)."""
        return cls(colours * alpha[..., np.newaxis], alpha)

    def over(self, background: FloatArray) -> FloatArray:
        """(H, W, 3) float32: these in front of a background (H, W, 3) of the same light.

        Exactly the background where alpha is 0, exactly the colours where it is 1 (Porter & Duff 1984).
        """
        return np.asarray(self.colours + (1 - self.alpha)[..., np.newaxis] * background, dtype=np.float32)

    @property
    def rgba(self) -> FloatArray:
        """(H, W, 4) float32, premultiplied."""
        return np.concatenate([self.colours, self.alpha[..., np.newaxis]], axis=2)


def cut_by_alpha(
    light: FloatArray,
    mattes: LayerFile,
    slots: Sequence[str],
    plate: Plate,
    estimator: Callable[[], ForegroundEstimator] | None,
    progress: Progress,
) -> CutOut:
    """Cut slots out of a plate's light (H, W, 3), which an estimator unmixes at their edges; None leaves it.

    estimator: gives one; only called where an edge is soft. All slots are cut as one: between two of them
    nothing of a background shows. Raises PlateError.
    """
    alpha = np.zeros(plate.size, dtype=np.float32)
    for band, alphas in _alphas(mattes, slots, plate, len(slots), progress):
        alpha[band.slices] = np.minimum(alphas.sum(axis=2), 1)
    if estimator is not None and bool(((alpha > 0) & (alpha < 1)).any()):
        light = unmixed(light, alpha, estimator(), progress)
    return CutOut.of(light, alpha)


def cut_by_layers(
    foreground: LayerFile, mattes: LayerFile, slots: Sequence[str], plate: Plate, progress: Progress
) -> CutOut:
    """Cut slots by their own colours in a file: the sum of alpha * colour, in the file's light.

    Where alphas sum to more than 1, each counts by its share. Raises PlateError for a damaged file, and for
    colours that are no numbers or don't reach as far as the alphas.
    """
    alpha = np.zeros(plate.size, dtype=np.float32)
    colours = np.zeros((*plate.size, 3), dtype=np.float32)
    data = plate.data_window or plate.box
    with foreground.reading([(slot, part) for slot in slots for part in "RGB"]) as read_colours:
        for band, alphas in _alphas(mattes, slots, plate, 4 * len(slots), progress):
            own = read_colours(band.shifted(data.x0, data.y0)).reshape(*alphas.shape, 3)
            if not np.isfinite(own).all():
                raise PlateError(
                    f"'{foreground.path}' has NaN or infinity: write it again, or --plate-colours."
                )
            total = alphas.sum(axis=2, keepdims=True)
            shares = alphas / np.maximum(total, 1)
            alpha[band.slices] = np.minimum(total[..., 0], 1)
            colours[band.slices] = (shares[..., np.newaxis] * own).sum(axis=2)
    reach = Box.around(alpha > 0)
    known = foreground.data_window.relative_to(data)
    if reach is not None and reach.intersection(known) != reach:
        raise PlateError(
            f"The colours in '{foreground.path}' do not reach as far as the mattes in '{mattes.path}': give "
            "those of the same result, or --plate-colours."
        )
    return CutOut(colours, alpha)


def unmixed(
    light: FloatArray, alpha: FloatArray, estimator: ForegroundEstimator, progress: Progress
) -> FloatArray:
    """(H, W, 3): a plate's light without what shows through soft edges; it says nothing where alpha is 0."""
    touched = Box.around(alpha > 0)
    if touched is None:
        return light
    # As `foregrounds.unmixing` cuts one object, so that one alone looks as its foreground file does.
    seen = touched.padded(estimator.context).intersection(Box.of_frame(*alpha.shape))
    assert seen is not None
    progress.advance(ProgressEvent("unmixing", 0, 1))
    result = light.copy()
    result[seen.slices] = estimator.estimate(
        np.ascontiguousarray(light[seen.slices]), np.ascontiguousarray(alpha[seen.slices])
    )
    progress.advance(ProgressEvent("unmixing", 1, 1))
    return result


def _alphas(
    mattes: LayerFile, slots: Sequence[str], plate: Plate, layers: int, progress: Progress
) -> Iterator[tuple[Box, FloatArray]]:
    """From top to bottom a band in plate pixels and its alphas, (h, w, len(slots)) float32 in [0, 1].

    layers: how many floats a pixel needs while it is worked on. Nothing comes where there are no slots.
    """
    if not slots:
        return
    height, width = plate.size
    rows = max(_LEAST_ROWS, _STRIP_FLOATS // (width * layers) // _LEAST_ROWS * _LEAST_ROWS)
    origin = (plate.data_window or plate.box) if mattes.has_windows else mattes.data_window
    clipped = 0
    with mattes.reading([(slot, "A") for slot in slots]) as read:
        for top in range(0, height, rows):
            band = Box(0, top, width, min(height, top + rows))
            alphas = read(band.shifted(origin.x0, origin.y0))
            # What is no number is in no range.
            odd = ~((alphas >= 0) & (alphas <= 1))
            if odd.any():
                clipped += int(np.count_nonzero(odd.any(axis=2)))
                alphas = np.nan_to_num(alphas, nan=0.0).clip(0, 1)
            yield band, alphas
    if clipped:
        progress.notice(
            f"{clipped} pixel{'s' if clipped > 1 else ''} of '{mattes.path.name}' outside 0..1 "
            f"{'were' if clipped > 1 else 'was'} clipped to it."
        )
