"""Overlapping patch alphas -> one alpha.

Inside a sample overlapping patches are averaged under a window that falls to almost nothing at a patch's
border, so no seam shows; across samples each pixel takes the median, so an outlier in one sample leaves no
trace (Hu & Clark 2019, III-C2, where the average is a plain one). All of it runs on the estimator's device.
Sums are kept only for the rows that patches still to come can touch, so memory follows the width of the
object's window and the patch, not the frame.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from semantic_matte.colour import to_display
from semantic_matte.device_memory import memory_told
from semantic_matte.errors import ValueShapeError
from semantic_matte.ports import MatteEstimator, Progress, ProgressEvent
from semantic_matte.types import BACKGROUND, Box, FloatArray, Patch, Trimap

if TYPE_CHECKING:
    from torch import Tensor

# The window's smallest weight: above 0, so that a pixel seen only at a patch's border is still defined.
LEAST_WEIGHT = 1e-3
# Pixels whose samples are sorted in one go: sorting takes several times their memory.
SETTLED_AT_ONCE = 1 << 15


@dataclass(frozen=True, eq=False)
class Band:
    """One object's band to be solved: its trimap and the patches that cover it, from top to bottom."""

    trimap: Trimap
    patches: tuple[Patch, ...]
    name: str = ""

    @property
    def samples(self) -> int:
        return 1 + max((patch.sample for patch in self.patches), default=0)


@dataclass(frozen=True, eq=False)
class Fused:
    """alpha, spread: (h, w) float32 in [0, 1] on the trimap's window; spread is highest minus lowest sample."""

    alpha: FloatArray
    spread: FloatArray


def fuse(
    pixels: FloatArray,
    bands: Sequence[Band],
    estimator: MatteEstimator,
    progress: Progress,
    *,
    batch: int = 8,
    soft_borders: bool = True,
    pass_number: int = 1,
) -> list[Fused]:
    """Solve the bands of several objects of one frame.

    pixels: (H, W, 3) float32 scene-linear, the frame. batch: patches per call of the estimator, across
    patches, samples and objects. soft_borders: False gives the plain average of the paper. Pixels that the
    trimap knows are 0 or 1 in the result, exactly. Raises ValueShapeError if the estimator breaks its word.
    """
    results = dict(
        fuse_in_turn(
            pixels,
            bands,
            estimator,
            progress,
            batch=batch,
            soft_borders=soft_borders,
            pass_number=pass_number,
        )
    )
    return [results[index] for index in range(len(bands))]


def fuse_in_turn(
    pixels: FloatArray,
    bands: Sequence[Band],
    estimator: MatteEstimator,
    progress: Progress,
    *,
    batch: int = 8,
    soft_borders: bool = True,
    pass_number: int = 1,
) -> Iterator[tuple[int, Fused]]:
    """As `fuse`, but each band's number and result as soon as its last patch is solved.

    Raises DeviceError if the device has no room for the frame and the bands.
    """
    import torch

    height, width = pixels.shape[:2]
    # Little of what a run needs: where this has no room, no smaller batch helps.
    memory = functools.partial(
        memory_told,
        f"A frame of {width}x{height} pixels",
        estimator.device,
        "take a smaller plate or a larger GPU",
    )
    with memory():
        plate = torch.from_numpy(np.ascontiguousarray(pixels)).to(estimator.device)
    work = [(index, patch) for index, band in enumerate(bands) for patch in band.patches]
    left = [len(band.patches) for band in bands]
    # A band's sums live from its first patch to its last: many objects need no more than a few do.
    open_sums: dict[int, _BandSums] = {}
    done = 0
    for group in _batches(work, batch, estimator.patch_size**2):
        finished = []
        with memory(), torch.inference_mode():
            for index, _ in group:
                if index not in open_sums:
                    open_sums[index] = _BandSums(bands[index], estimator.device, soft_borders)
            colour = torch.stack([_cut(plate, patch.box) for _, patch in group])
            trimaps = torch.stack([open_sums[index].trimap_on(patch.box) for index, patch in group])
            shown = to_display(colour).permute(0, 3, 1, 2).contiguous()
            alphas = estimator.estimate(shown, trimaps, progress)
            _check_shape(estimator, alphas, trimaps)
            for alpha, (index, patch) in zip(alphas, group, strict=True):
                open_sums[index].add(alpha, patch)
                left[index] -= 1
                if left[index] == 0:
                    finished.append((index, open_sums.pop(index).finish()))
        done += len(group)
        name = bands[group[-1][0]].name
        progress.advance(ProgressEvent("matting", done, len(work), name, pass_number))
        del colour, trimaps, shown, alphas
        while finished:
            yield finished.pop(0)
    for index, band in enumerate(bands):
        if not band.patches:
            yield index, _BandSums(band, estimator.device, soft_borders).finish()


def _check_shape(estimator: MatteEstimator, alphas: Tensor, trimaps: Tensor) -> None:
    if alphas.shape != trimaps.shape:
        raise ValueShapeError(
            f"Estimator '{estimator.name}': expected alpha of shape {tuple(trimaps.shape)}, "
            f"got {tuple(alphas.shape)}."
        )


def _batches(work: list[tuple[int, Patch]], batch: int, area: int) -> Iterator[list[tuple[int, Patch]]]:
    """Groups of patches of one shape, in order: at most as many pixels as `batch` patches of `area` have."""
    for (height, width), same in itertools.groupby(
        work, key=lambda item: (item[1].box.height, item[1].box.width)
    ):
        rest = list(same)
        most = max(1, min(batch, batch * area // (height * width)))
        for start in range(0, len(rest), most):
            yield rest[start : start + most]


def _mirrored(start: int, end: int, side: int) -> Tensor:
    """Indices start..end of an axis of `side` pixels, mirrored at its ends without repeating them."""
    import torch

    period = max(2 * side - 2, 1)
    index = torch.arange(start, end).remainder(period)
    return torch.minimum(index, period - index) if side > 1 else torch.zeros_like(index)


def _cut(frame: Tensor, box: Box) -> Tensor:
    """A box out of (H, W, ...); what lies beyond the frame is mirrored."""
    height, width = frame.shape[:2]
    if box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height:
        return frame[box.slices]
    rows = _mirrored(box.y0, box.y1, height).to(frame.device)
    columns = _mirrored(box.x0, box.x1, width).to(frame.device)
    return frame.index_select(0, rows).index_select(1, columns)


@functools.lru_cache(maxsize=64)
def _window_weights(height: int, width: int, soft_borders: bool, device: str) -> Tensor:
    """(h, w) float32 weights of a patch: a raised cosine, or all ones."""
    import torch

    if not soft_borders:
        return torch.ones((height, width), device=device)
    sides = []
    for side in (height, width):
        phase = (torch.arange(side, dtype=torch.float64) + 0.5) * (torch.pi / side)
        sides.append(torch.sin(phase).square().clamp_min(LEAST_WEIGHT))
    return torch.outer(sides[0], sides[1]).to(dtype=torch.float32, device=device)


class _BandSums:
    """Weighted sums of one band's patches, for the rows that are still open.

    Rows above the next patch are final: they are divided, reduced to the median and forgotten.
    """

    def __init__(self, band: Band, device: str, soft_borders: bool) -> None:
        import torch

        self._band = band
        self._device = device
        self._soft_borders = soft_borders
        window = band.trimap.window
        self._levels = torch.from_numpy(band.trimap.levels).to(device)
        self._alpha = (self._levels == 255).to(torch.float32)
        self._spread = torch.zeros_like(self._alpha)
        tallest = max((patch.box.height for patch in band.patches), default=1)
        # Not just the tallest patch: then rows would have to be moved at every step down.
        rows = min(tallest + tallest // 4, window.height)
        self._sum = torch.zeros((band.samples, rows, window.width), device=device)
        self._weight = torch.zeros_like(self._sum)
        self._top = 0

    def trimap_on(self, box: Box) -> Tensor:
        """(h, w) uint8 on a box of the frame: background outside the window, mirrored beyond the frame."""
        import torch

        trimap = self._band.trimap
        frame = Box.of_frame(*trimap.frame_size)
        inside = box.intersection(frame)
        assert inside is not None
        levels = torch.full((inside.height, inside.width), BACKGROUND, dtype=torch.uint8, device=self._device)
        common = inside.intersection(trimap.window)
        if common is not None:
            part = self._levels[common.relative_to(trimap.window).slices]
            levels[common.relative_to(inside).slices] = part
        return _cut(levels, box.relative_to(inside)) if inside != box else levels

    def add(self, alpha: Tensor, patch: Patch) -> None:
        """Add a patch's alpha (h, w). Patches come in order of their top row."""
        window = self._band.trimap.window
        common = patch.box.intersection(window)
        if common is None:
            return
        inside = common.relative_to(window)
        if inside.y1 > self._top + self._sum.shape[1]:
            self._close_rows(inside.y0)
        box = patch.box
        weights = _window_weights(box.height, box.width, self._soft_borders, self._device)
        here = common.relative_to(box).slices
        rows = slice(inside.y0 - self._top, inside.y1 - self._top)
        columns = slice(inside.x0, inside.x1)
        self._sum[patch.sample, rows, columns] += alpha[here] * weights[here]
        self._weight[patch.sample, rows, columns] += weights[here]

    def finish(self) -> Fused:
        """The alpha and spread of the whole window."""
        self._close_rows(self._band.trimap.window.height)
        return Fused(self._alpha.cpu().numpy(), self._spread.cpu().numpy())

    def _close_rows(self, end: int) -> None:
        """Settle the open rows above `end` and move the window of open rows down to it."""
        import torch

        top, height = self._top, min(end - self._top, self._sum.shape[1])
        if self._band.patches and height > 0:
            # Which pixels are unknown is known on the host: indexing by it needs no word from the device.
            levels = self._band.trimap.levels[top : top + height]
            unknown = torch.from_numpy(np.flatnonzero(levels == 128)).to(self._device)
            count = self._sum.shape[0]
            offset = top * self._levels.shape[1]
            # Views, and the open rows come first in them: no copies.
            open_sums, open_weights = (kept.view(count, -1) for kept in (self._sum, self._weight))
            for start in range(0, len(unknown), SETTLED_AT_ONCE):
                part = unknown[start : start + SETTLED_AT_ONCE]
                sums, weights = open_sums.index_select(1, part), open_weights.index_select(1, part)
                # A float's rounding may carry a mean a hair past what was averaged.
                samples = (sums / weights).clamp(0, 1).sort(dim=0).values
                median = (samples[(count - 1) // 2] + samples[count // 2]) / 2
                self._alpha.view(-1)[part + offset] = median
                self._spread.view(-1)[part + offset] = samples[-1] - samples[0]
        if height < self._sum.shape[1]:
            for kept in (self._sum, self._weight):
                rest = kept[:, height:].clone()
                kept.zero_()
                kept[:, : rest.shape[1]] = rest
        else:
            self._sum.zero_()
            self._weight.zero_()
        self._top = end
