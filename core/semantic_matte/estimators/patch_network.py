"""What every network that solves patches has in common: sizes, known pixels, and an answer that is checked."""

from __future__ import annotations

import functools
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from semantic_matte.errors import DeviceError, ValueShapeError
from semantic_matte.ports import Progress, ProgressEvent
from semantic_matte.types import FOREGROUND, UNKNOWN

if TYPE_CHECKING:
    from torch import Tensor

# Side of the patches for a network that takes any size, in pixels.
PATCH_SIZE = 512
MULTIPLE = 32
# Tiles of a fixed size share this part of their side with their neighbour.
OVERLAP = 0.25
LEAST_WEIGHT = 1e-3


class PatchNetwork(ABC):
    """A MatteEstimator whose network takes patches; a subclass gives `_predict`."""

    name: str
    solves_regions = False
    whole_area = 0

    def __init__(
        self,
        device: str,
        models: Sequence[Mapping[str, str]],
        *,
        patch_size: int = PATCH_SIZE,
        multiple: int = MULTIPLE,
        fixed_size: tuple[int, int] | None = None,
        notices: Sequence[str] = (),
    ) -> None:
        """multiple: sides are padded to a multiple of it. fixed_size: (H, W), the only size that the network
        takes; smaller pictures are padded to it, larger ones cut into tiles. notices: told with each run."""
        self.device = device
        self.models = tuple(models)
        self.patch_size = patch_size
        # A pixel of the band may lie a quarter of a patch from its centre, and there as well the patch has to
        # show what is known.
        self.widest_band = max(1, patch_size // 2)
        self._multiple = multiple
        self._fixed_size = fixed_size
        self._notices = tuple(notices)
        self._told: Progress | None = None

    def estimate(self, colour: Tensor, trimap: Tensor, progress: Progress) -> Tensor:
        """See `ports.MatteEstimator`.

        Raises ValueShapeError if the network's answer is no alpha, DeviceError if the device's memory is full.
        """
        import torch

        self._tell(progress)
        levels = trimap_levels(trimap)
        # A CPU gains nothing from a batch, and a cancel comes through sooner.
        step = 1 if self.device == "cpu" else max(1, len(colour))
        alphas = []
        with torch.inference_mode():
            for start in range(0, len(colour), step):
                progress.advance(ProgressEvent("solving", 0, 0))
                part = slice(start, start + step)
                alphas.append(self._solve(colour[part], levels[part]))
            return self._finished(torch.cat(alphas), trimap)

    @abstractmethod
    def _predict(self, colour: Tensor, levels: Tensor) -> Tensor:
        """Alpha (N, h, w), on any device, of pictures of a size that the network takes.

        colour: (N, 3, h, w) float32 RGB, display-referred. levels: (N, 1, h, w) float32 of 0, 0.5, 1.
        """

    def _tell(self, progress: Progress) -> None:
        # Not with each batch: a run's own Progress keeps the sentences.
        if self._told is not progress:
            self._told = progress
            for sentence in self._notices:
                progress.notice(sentence)

    def _solve(self, colour: Tensor, levels: Tensor) -> Tensor:
        """(N, h, w) of any size, not yet checked."""
        import torch

        try:
            if self._fixed_size is not None:
                return self._tiled(colour, levels, self._fixed_size)
            height, width = (side + -side % self._multiple for side in colour.shape[2:])
            return self._padded(colour, levels, (height, width))
        except torch.cuda.OutOfMemoryError:
            raise DeviceError(
                f"Estimator '{self.name}' ran out of memory on {self.device} with {len(colour)} patches of "
                f"{tuple(colour.shape[2:])} pixels: lower the batch."
            ) from None

    def _padded(self, colour: Tensor, levels: Tensor, size: tuple[int, int]) -> Tensor:
        """Predict at a size at least as large as the picture's; its borders are carried on."""
        from torch.nn import functional

        height, width = colour.shape[2:]
        border = (0, size[1] - width, 0, size[0] - height)
        if any(border):
            colour = functional.pad(colour, border, mode="replicate")
            levels = functional.pad(levels, border, mode="replicate")
        alpha = self._predict(colour, levels)
        if tuple(alpha.shape) != (len(colour), *size):
            raise ValueShapeError(
                f"Estimator '{self.name}': expected alpha of shape {(len(colour), *size)} from its model, "
                f"got {tuple(alpha.shape)}."
            )
        return alpha[:, :height, :width].to(device=self.device, dtype=colour.dtype)

    def _tiled(self, colour: Tensor, levels: Tensor, size: tuple[int, int]) -> Tensor:
        """Predict in overlapping tiles of one size, blended with weights that fall towards their borders."""
        import torch

        height, width = colour.shape[2:]
        total = torch.zeros((len(colour), height, width), device=colour.device)
        weight = torch.zeros((height, width), device=colour.device)
        for y in _starts(height, size[0]):
            for x in _starts(width, size[1]):
                tile = (..., slice(y, min(y + size[0], height)), slice(x, min(x + size[1], width)))
                alpha = self._padded(colour[tile], levels[tile], size)
                weights = _tile_weights(*size, str(colour.device))[: alpha.shape[1], : alpha.shape[2]]
                total[tile] += alpha * weights
                weight[tile] += weights
        return total / weight

    def _finished(self, alpha: Tensor, trimap: Tensor) -> Tensor:
        """Clamped, with the trimap's known pixels; refused if it has a number that is not finite."""
        import torch

        if not bool(torch.isfinite(alpha).all()):
            raise ValueShapeError(
                f"Estimator '{self.name}': its model '{self.models[0]['name']}' gave numbers that are not "
                "finite (NaN or infinity); its weights may be damaged, or it wants another input range."
            )
        known = (trimap == FOREGROUND).to(alpha.dtype)
        return torch.where(trimap == UNKNOWN, alpha.clamp(0.0, 1.0), known)


def trimap_levels(trimap: Tensor) -> Tensor:
    """(N, h, w) uint8 of 0, 128, 255 -> (N, 1, h, w) float32 of 0, 0.5, 1."""
    import torch

    known = (trimap == FOREGROUND).to(torch.float32)
    return torch.where(trimap == UNKNOWN, 0.5, known).to(torch.float32)[:, None]


def _starts(length: int, side: int) -> list[int]:
    """Where tiles begin along an axis, evenly, so that all of it is covered."""
    if length <= side:
        return [0]
    step = max(1, side - int(side * OVERLAP))
    count = math.ceil((length - side) / step) + 1
    return [round(index * (length - side) / (count - 1)) for index in range(count)]


@functools.lru_cache(maxsize=8)
def _tile_weights(height: int, width: int, device: str) -> Tensor:
    import torch

    sides = []
    for side in (height, width):
        phase = (torch.arange(side) + 0.5) * (torch.pi / side)
        sides.append(torch.sin(phase).square().clamp_min(LEAST_WEIGHT))
    return torch.outer(sides[0], sides[1]).to(device)
