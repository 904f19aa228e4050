"""The matting network: RGB + trimap -> alpha.

An encoder-decoder (Xu et al., "Deep Image Matting", CVPR 2017) on EfficientNet-Lite0 that corrects what a
classic solver knows cheaply: its input holds, beside colour and trimap, the known colours carried into the
band and their projected alpha (`known_colours`) and the alpha of closed-form matting (`matting_laplacian`).
The network adds to that alpha, so it starts as good as the solver and learns what the solver gets wrong. A
path at full resolution keeps single hairs.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from semantic_matte.networks import known_colours, matting_laplacian
from semantic_matte.networks.efficientnet_lite import CHANNELS, EfficientNetLite0
from semantic_matte.networks.imagenet import MEAN, STD

STRIDE = 32
"""Inside, sides are padded to multiples of this."""

STEPS_FINEST = 0
STEPS = 20
"""Conjugate gradient steps of the solver at full and at half size; see `matting_laplacian.solve`."""

STRIP = 64
"""Rows of the finest level that are computed at a time, but in training: it alone would need most memory."""

HALO = 8
"""Rows beyond a strip that it is computed from; its convolutions reach 3, the raising of what is below 1."""

DECODER = (16, 24, 32, 48, 96)
"""Channels of the decoder at strides 1, 2, 4, 8, 16."""


class Merge(nn.Module):
    """One step of the decoder: what comes from below, doubled in size, and the encoder's level beside it.

    normalised: with batch normalisation, for training; without, its place is kept and convolutions have biases.
    """

    def __init__(self, below: int, beside: int, outside: int, normalised: bool) -> None:
        super().__init__()
        self.narrow = nn.Conv2d(below, outside, 1)
        layers: list[nn.Module] = []
        for inside in (outside + beside, outside):
            layers += [
                nn.Conv2d(inside, outside, 3, padding=1, bias=not normalised),
                nn.BatchNorm2d(outside) if normalised else nn.Identity(),
                nn.ReLU(),
            ]
        self.layers = nn.Sequential(*layers)

    def forward(self, below: Tensor, beside: Tensor) -> Tensor:
        """Map (N, below, H / 2, W / 2) and (N, beside, H, W) to (N, outside, H, W)."""
        raised = functional.interpolate(
            self.narrow(below), scale_factor=2.0, mode="bilinear", align_corners=False
        )
        result: Tensor = self.layers(torch.cat((raised, beside), dim=1))
        return result


class Context(nn.Module):
    """Adds to the deepest features their mean and what lies up to four cells, 128 pixels, beside them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.whole = nn.Conv2d(channels, channels, 1)
        self.dilated = nn.Conv2d(channels, channels, 3, padding=4, dilation=4, groups=channels)

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        mean = features.mean(dim=(2, 3), keepdim=True)
        result: Tensor = features + functional.relu(self.whole(mean)) + self.dilated(features)
        return result


class MattingNetwork(nn.Module):
    """See the module.

    carried, solver: which of the classic inputs it is given; both in the embedded model. normalised: as it is
    trained; `folded` then gives the weights of the network without.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, carried: bool = True, solver: bool = True, normalised: bool = False) -> None:
        super().__init__()
        self.stride = STRIDE
        self.strip = STRIP
        self.halo = HALO
        self.steps_finest = STEPS_FINEST
        self.steps = STEPS
        self.carried = carried
        self.solver = solver
        channels = 5 + (known_colours.CHANNELS if carried else 0) + (1 if solver else 0)
        self.encoder = EfficientNetLite0(channels)
        self.context = Context(CHANNELS[4])
        self.merge16 = Merge(CHANNELS[4], CHANNELS[3], DECODER[4], normalised)
        self.merge8 = Merge(DECODER[4], CHANNELS[2], DECODER[3], normalised)
        self.merge4 = Merge(DECODER[3], CHANNELS[1], DECODER[2], normalised)
        self.merge2 = Merge(DECODER[2], CHANNELS[0], DECODER[1], normalised)
        self.merge1 = Merge(DECODER[1], channels, DECODER[0], normalised)
        self.out = nn.Conv2d(DECODER[0], 1, 3, padding=1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)  # type: ignore[arg-type]
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1), persistent=False)

    def forward(self, colour: Tensor, trimap: Tensor) -> Tensor:
        """Solve a batch.

        colour: (N, 3, H, W), display-referred RGB in [0, 1]. trimap: (N, 1, H, W) of 0 (background), 0.5
        (unknown) and 1 (foreground). Both float32 or half. Returns (N, 1, H, W) of the input's type in [0, 1];
        known pixels are 0 or 1.
        """
        foreground = (trimap > 0.75).to(colour.dtype)
        background = (trimap < 0.25).to(colour.dtype)
        alpha = self.correct(colour, foreground, background, self.start(colour, foreground, background))
        alpha = alpha.clamp(0.0, 1.0)
        return torch.where(trimap > 0.75, torch.ones_like(alpha), alpha) * (trimap >= 0.25).to(alpha.dtype)

    def start(self, colour: Tensor, foreground: Tensor, background: Tensor) -> Tensor:
        """What is known before anything learned.

        Arguments: (N, 3, H, W), and (N, 1, H, W) of 1 where known, else 0. Returns float32 (N, channels beyond
        the first five, H, W); with the solver, the last is the alpha that is corrected.
        """
        colour, foreground = colour.float(), foreground.float()
        background = background.float()
        parts: list[Tensor] = []
        if self.carried:
            parts.append(known_colours.carried(colour, foreground, background))
        if self.solver:
            known = (foreground + background).squeeze(1)
            alpha = matting_laplacian.solve(colour, known, foreground.squeeze(1), self.steps_finest, self.steps)
            parts.append(alpha.clamp(0.0, 1.0).unsqueeze(1))
        if len(parts) == 0:
            return foreground[:, :0]
        return torch.cat(parts, dim=1)

    def correct(self, colour: Tensor, foreground: Tensor, background: Tensor, start: Tensor) -> Tensor:
        """The learned part, computed in the type of its weights.

        start: as `start` gives it. Returns (N, 1, H, W) of the colour's type, not clamped.
        """
        kind = self.out.weight.dtype
        height, width = colour.shape[2], colour.shape[3]
        normal = (colour - self.mean.to(colour)) / self.std.to(colour)
        everything = torch.cat((normal, foreground, background, start.to(colour.dtype)), dim=1).to(kind)
        down, right = -height % self.stride, -width % self.stride
        everything = functional.pad(everything, (0, right, 0, down), mode="replicate")
        levels = self.encoder(everything)
        features = self.merge16(self.context(levels[4]), levels[3])
        features = self.merge8(features, levels[2])
        features = self.merge4(features, levels[1])
        features = self.merge2(features, levels[0])
        change = self._finest(features, everything)[:, :, :height, :width].to(colour.dtype)
        if self.solver:
            return start[:, -1:].to(colour.dtype) + change
        return 0.5 * (1.0 + foreground - background) + change

    def _finest(self, features: Tensor, everything: Tensor) -> Tensor:
        """(N, 1, H, W) of the decoder's last step, strip by strip: the same as at once but for rounding.

        features: (N, C, H / 2, W / 2). everything: (N, D, H, W), H a multiple of the stride.
        """
        rows = everything.shape[2]
        if self.training or rows <= self.strip + self.halo:
            change: Tensor = self.out(self.merge1(features, everything))
            return change
        strips: list[Tensor] = []
        for top in range(0, rows, self.strip):
            bottom = min(rows, top + self.strip)
            first, last = max(0, top - self.halo), min(rows, bottom + self.halo)
            part = self.merge1(features[:, :, first // 2 : last // 2], everything[:, :, first:last])
            strips.append(self.out(part)[:, :, top - first : bottom - first])
        return torch.cat(strips, dim=2)


def folded(state: Mapping[str, Tensor], epsilon: float = 1e-5) -> dict[str, Tensor]:
    """Weights of a network with batch normalisation, for the same network without: equal in inference.

    epsilon: that of the normalisation (torch's default).
    """
    tensors = {
        name: value
        for name, value in state.items()
        if name.startswith("encoder.") or not (".layers.1." in name or ".layers.4." in name)
    }
    for name in state:
        if not name.endswith(".running_var"):
            continue
        norm = name.removesuffix(".running_var")
        part, _, place = norm.rpartition(".")
        convolution = f"{part}.{int(place) - 1}"
        scale = state[f"{norm}.weight"] / (state[name] + epsilon).sqrt()
        tensors[f"{convolution}.weight"] = state[f"{convolution}.weight"] * scale.view(-1, 1, 1, 1)
        tensors[f"{convolution}.bias"] = state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * scale
    return tensors
