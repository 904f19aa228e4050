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
PATCH_SIZE = 640
# The solver inside sees as far as a patch reaches, so the widest band is most of one.
WIDEST_BAND = 384
# Up to a frame of HD at once, with some room for its sides to be padded; what is larger comes in tiles. A frame
# of HD whose band needs 1.2 megapixels takes 4 s so on two cores, and 95 in patches and samples, with as much
# memory.
WHOLE_AREA = 1920 * 1088


class Network(PatchNetwork):
    """Solves a band whole where it fits into a frame of HD, else in tiles of that size."""

    name = "network"

    def __init__(self, settings: Settings, patch_size: int = PATCH_SIZE, whole_area: int = WHOLE_AREA) -> None:
        """Sizes: see `ports.MatteEstimator`. Raises DeviceError or WeightsError."""
        import torch

        from semantic_matte.networks.matting import MattingNetwork

        device, _ = choose_device(settings.device)
        self._network = MattingNetwork()
        load_network(self._network, MODEL, device)
        kind = torch.float16 if device.startswith("cuda") else torch.float32
        self._network.to(dtype=kind).to(memory_format=torch.channels_last)
        # The network pads by itself.
        super().__init__(device, [find_model(MODEL).describe()], patch_size=patch_size, multiple=1)
        self.widest_band = WIDEST_BAND
        self.whole_area = whole_area

    def _predict(self, colour: Tensor, levels: Tensor) -> Tensor:
        alpha: Tensor = self._network(colour, levels)[:, 0]
        return alpha
