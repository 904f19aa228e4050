"""EfficientNet-Lite0 as a feature pyramid.

Source: Tan & Le, "EfficientNet", ICML 2019, in the variant without squeeze-and-excitation and with ReLU6
that TensorFlow published as EfficientNet-Lite (Apache-2.0). Batch normalisation is folded into the
convolutions, which therefore have biases: `weights/training/encoder.py` does that to the ImageNet weights. The
last stage and the classifier are left out.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

# Repeats, kernel, stride, expansion, channels of each stage.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
)
STEM_CHANNELS = 32

CHANNELS = (16, 24, 40, 112, 192)
"""Channels of the pyramid's levels, at strides 2, 4, 8, 16, 32."""


class SamePadConvolution(nn.Conv2d):
    """Convolution padded as TensorFlow's SAME for even sizes: the odd pixel at the bottom and right."""

    def forward(self, input: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C', H / stride, W / stride)."""
        if self.stride[0] == 2:
            # Even sizes: kernel 3 pads 0 and 1, kernel 5 pads 1 and 2. Padding two more before and leaving out
            # the first row and column is the same, without a padded copy of the widest maps.
            pad = self.kernel_size[0] // 2 + 1
            wide = functional.conv2d(input, self.weight, self.bias, self.stride, pad, groups=self.groups)
            return wide[:, :, 1 : 1 + input.shape[2] // 2, 1 : 1 + input.shape[3] // 2]
        return functional.conv2d(
            input, self.weight, self.bias, padding=self.kernel_size[0] // 2, groups=self.groups
        )


class InvertedResidual(nn.Module):
    """1x1 expansion, depthwise convolution, 1x1 projection; added to its input where shapes agree."""

    def __init__(self, inside: int, outside: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        middle = inside * expansion
        layers: list[nn.Module] = []
        if expansion > 1:
            layers += [nn.Conv2d(inside, middle, 1), nn.ReLU6(inplace=True)]
        layers += [SamePadConvolution(middle, middle, kernel, stride, groups=middle), nn.ReLU6(inplace=True)]
        layers += [nn.Conv2d(middle, outside, 1)]
        self.layers = nn.Sequential(*layers)
        self.residual = stride == 1 and inside == outside

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, inside, H, W) to (N, outside, H / stride, W / stride)."""
        result: Tensor = self.layers(features)
        return result + features if self.residual else result


class EfficientNetLite0(nn.Module):
    """Feature pyramid of five levels. in_channels: the first three are normalised RGB."""

    def __init__(self, in_channels: int = 3) -> None:
        super().__init__()
        self.stem = SamePadConvolution(in_channels, STEM_CHANNELS, 3, 2)
        stages: list[list[nn.Module]] = []
        inside = STEM_CHANNELS
        for repeats, kernel, stride, expansion, outside in STAGES:
            blocks: list[nn.Module] = []
            for repeat in range(repeats):
                blocks.append(
                    InvertedResidual(inside, outside, kernel, stride if repeat == 0 else 1, expansion)
                )
                inside = outside
            stages.append(blocks)
        # Stages of one stride are one level of the pyramid.
        self.levels = nn.ModuleList(
            nn.Sequential(*blocks)
            for blocks in (stages[0], stages[1], stages[2], stages[3] + stages[4], stages[5])
        )

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """Map (N, in_channels, H, W), sides multiples of 32, to five levels as of CHANNELS."""
        features = torch.clamp(self.stem(pictures), 0.0, 6.0)
        pyramid: list[Tensor] = []
        for level in self.levels:
            features = level(features)
            pyramid.append(features)
        return pyramid
