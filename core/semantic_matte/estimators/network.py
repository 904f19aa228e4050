"""The embedded matting network, and the default: RGB and trimap -> alpha (`networks.matting`).

Its weights travel with the package and were trained by `weights/training`; `weights/MODELCARD-matting.md` says
on what. On a GPU the learned part runs in half precision; the solver inside it always in float32.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from semantic_matte.devices import choose_device
from semantic_matte.estimators.patch_network import PatchNetwork
from semantic_matte.settings import Settings
from semantic_matte.weights import find_model, load_network

if TYPE_CHECKING:
    from torch import Tensor

MODEL = "matting"
# The network brings its own solver, which sees as far as the patch reaches.
PATCH_SIZE = 768
WIDEST_BAND = 384


class Network(PatchNetwork):
    """Solves a band whole where it fits into one patch, else in patches and samples."""

    name = "network"

    def __init__(self, settings: Settings, patch_size: int = PATCH_SIZE) -> None:
        """Raises DeviceError or WeightsError."""
        import torch

        from semantic_matte.networks.matting import MattingNetwork

        device, _ = choose_device(settings.device)
        self._network = MattingNetwork()
        load_network(self._network, MODEL, device)
        kind = torch.float16 if device.startswith("cuda") else torch.float32
        self._network.to(dtype=kind, memory_format=torch.channels_last)
        # The network pads by itself.
        super().__init__(device, [find_model(MODEL).describe()], patch_size=patch_size, multiple=1)
        self.widest_band = WIDEST_BAND

    def _predict(self, colour: Tensor, levels: Tensor) -> Tensor:
        alpha: Tensor = self._network(colour, levels)[:, 0]
        return alpha
