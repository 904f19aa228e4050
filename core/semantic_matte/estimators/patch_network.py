"""What every network that solves patches has in common: sizes, known pixels, an answer that is checked, and
what is done where the device's memory is full: fewer patches at once, then tiles of a patch.
"""

from __future__ import annotations

import copy
import functools
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from semantic_matte.device_memory import Room
from semantic_matte.errors import ValueShapeError
from semantic_matte.ports import Progress, ProgressEvent
from semantic_matte.settings import Settings
from semantic_matte.types import FOREGROUND, UNKNOWN

if TYPE_CHECKING:
    from torch import Tensor
    from typing_extensions import Self

# Side of the patches for a network that takes any size, in pixels.
PATCH_SIZE = 512
MULTIPLE = 32
# Tiles of a fixed size share this part of their side with their neighbour.
OVERLAP = 0.25
LEAST_WEIGHT = 1e-3
# What a network is told of an unknown pixel.
UNKNOWN_LEVEL = 0.5
# Where the memory has no room for a patch it is solved in tiles, whose longer side is half of a patch's, or
# half of that, and so on, but no shorter than this, in multiples of TILE_MULTIPLE, a network's usual stride.
# On a portrait with bands of 30 and 80 pixels, alpha of the embedded network moved by .005 and .013 on average
# inside the band with tiles of 256 pixels; with tiles of 128, by .027 and .072, more than it errs by itself.
LEAST_TILE = 256
TILE_MULTIPLE = 32


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
        self._start_run()

    def _start_run(self) -> None:
        """Forget what an earlier run was told, and what it learned of the device's memory."""
        self._room = Room(f"Estimator '{self.name}'", self.device, "take a smaller plate or a larger GPU")
        self._teller: Progress | None = None
        self._told: set[str] = set()
        self.short_of_memory = False
        """Whether a full device forced this run to work in tiles, which moves soft edges slightly."""

    def with_settings(self, settings: Settings) -> Self:
        """See `ports.TakesSettings`: the same network, for a run that begins with the whole of the memory.

        No control but the estimator's name and the device tells a network of patches anything.
        """
        other = copy.copy(self)
        other._start_run()
        return other

    def estimate(self, colour: Tensor, trimap: Tensor, progress: Progress) -> Tensor:
        """See `ports.MatteEstimator`.

        Where the device's memory is full, fewer patches are solved at once, which leaves their alpha as it is
        as far as the network looks at each by itself; then one patch in tiles, which moves soft edges slightly.
        Both are kept for the run, and told. Raises ValueShapeError if the network's answer is no alpha,
        DeviceError if there is no room for a tile.
        """
        import torch

        self._tell(progress, *self._notices, *self._room.notices)
        levels = trimap_levels(trimap)
        height, width = colour.shape[2:]

        def solve(part: slice) -> Tensor:
            """(n, h, w) of some of the patches."""
            progress.advance(ProgressEvent("solving", 0, 0))
            return self._solve(colour[part], levels[part], progress)

        with torch.inference_mode():
            solved = self._room.in_portions(
                len(colour),
                solve,
                lambda most: self._sized(height, width, most),
                ("patch", "patches"),
                # A CPU gains nothing from a batch, and a cancel comes through sooner.
                at_once=1 if self.device == "cpu" else len(colour),
            )
            alphas = list(solved)
            self._tell(progress, *self._room.notices)
            return self._finished(torch.cat(alphas), trimap)

    @abstractmethod
    def _predict(self, colour: Tensor, levels: Tensor) -> Tensor:
        """Alpha (N, h, w), on any device, of pictures of a size that the network takes.

        colour: (N, 3, h, w) float32 RGB, display-referred. levels: (N, 1, h, w) float32 of 0, 0.5, 1.
        Where the memory was full it is asked again with less: what a library raises has to come through as it
        is.
        """

    def _tell(self, progress: Progress, *sentences: str) -> None:
        """Tell a Progress, which many batches of a frame have, what it was not told yet."""
        if self._teller is not progress:
            self._teller, self._told = progress, set()
        for sentence in sentences:
            if sentence not in self._told:
                self._told.add(sentence)
                progress.notice(sentence)

    def _sized(self, height: int, width: int, most: int | None) -> tuple[int, str] | None:
        """What is solved at once of a patch (h, w) where there is room for `most` pixels: how many pixels, and
        what that is called; None if no tile is so small."""
        tile = self._tile(height, width, most)
        if tile is None:
            return None
        name = "patch" if tile == (height, width) else "tile"
        return tile[0] * tile[1], f"one {name} of {tile[1]}x{tile[0]} pixels"

    def _tile(self, height: int, width: int, most: int | None) -> tuple[int, int] | None:
        """(h, w) of the tiles that a patch is solved in, its own if it is solved whole.

        most: as of `_sized`. None if there is no room for the smallest tile.
        """
        if self._fixed_size is not None:
            area = self._fixed_size[0] * self._fixed_size[1]
            return self._fixed_size if most is None or area <= most else None
        tile, side = (height, width), max(height, width)
        while most is not None and tile[0] * tile[1] > most:
            side = side // 2
            side -= side % math.lcm(TILE_MULTIPLE, self._multiple)
            if side < LEAST_TILE:
                return None
            tile = (min(height, side), min(width, side))
        return tile

    def _solve(self, colour: Tensor, levels: Tensor, progress: Progress) -> Tensor:
        """(N, h, w) of any size, not yet checked; in tiles where there is no room for more."""
        height, width = colour.shape[2:]
        tile = self._tile(height, width, self._room.most)
        assert tile is not None
        if self._fixed_size is not None:
            return self._tiled(colour, levels, tile)
        if tile == (height, width):
            padded = (height + -height % self._multiple, width + -width % self._multiple)
            return self._padded(colour, levels, padded)
        size = (tile[0] + -tile[0] % self._multiple, tile[1] + -tile[1] % self._multiple)
        alpha = self._tiled(colour, levels, size)
        self.short_of_memory = True
        self._tell(
            progress,
            f"{self._room.full} ran out of memory: patches of {width}x{height} pixels are solved in "
            f"overlapping tiles of {tile[1]}x{tile[0]}, so soft edges may differ slightly from those of whole "
            "patches.",
        )
        return alpha

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
        """Predict in overlapping tiles of one size, blended with weights that fall towards their borders.

        A tile of which every pixel is known is not predicted: the trimap has its alpha.
        """
        import torch

        height, width = colour.shape[2:]
        total = torch.zeros((len(colour), height, width), device=colour.device)
        weight = torch.zeros((height, width), device=colour.device)
        for y in _starts(height, size[0]):
            for x in _starts(width, size[1]):
                tile = (..., slice(y, min(y + size[0], height)), slice(x, min(x + size[1], width)))
                unsolved = bool((levels[tile] == UNKNOWN_LEVEL).any())
                alpha = self._padded(colour[tile], levels[tile], size) if unsolved else levels[tile][:, 0]
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
    return torch.where(trimap == UNKNOWN, UNKNOWN_LEVEL, known).to(torch.float32)[:, None]


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
