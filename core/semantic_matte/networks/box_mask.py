"""A network that draws the mask of one object inside a box.

Our own: EfficientNet-Lite0 sees a crop around the box together with the prompt (the box, the mean shape of
the object's class, its neighbours' boxes); a light feature pyramid (Lin et al. 2017, "Feature Pyramid Networks
for Object Detection") brings the answer up to the crop's own resolution. `weights/training/train_masks.py` is
the recipe.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from semantic_matte.networks.efficientnet_lite import CHANNELS, EfficientNetLite0
from semantic_matte.networks.imagenet import MEAN, STD

STRIDE = 32
"""Sides of a crop are multiples of this."""

PROMPTS = 3
"""Channels beside RGB: box, shape, neighbours."""

CLASSES = 80
UNKNOWN_CLASS = CLASSES
"""Index of an object whose class is not known."""

WIDTHS = (32, 48, 64, 96)
"""Channels of the pyramid at strides 2, 4, 8, 16."""

LABEL_CHANNELS = 32


class Rise(nn.Module):
    """One level up: coarser features, enlarged, plus those of the encoder at this level, then mixed.

    normalised: with batch normalisation, as it is trained; `matting.folded` takes it out.
    """

    def __init__(self, coarse: int, beside: int, outside: int, normalised: bool) -> None:
        super().__init__()
        self.down = nn.Conv2d(coarse, outside, 1)
        self.lateral = nn.Conv2d(beside, outside, 1)
        self.layers = nn.Sequential(
            nn.Conv2d(outside, outside, 3, padding=1, bias=not normalised),
            nn.BatchNorm2d(outside) if normalised else nn.Identity(),
            nn.ReLU(),
        )

    def forward(self, coarse: Tensor, beside: Tensor) -> Tensor:
        """Map (N, coarse, H, W) and (N, beside, 2H, 2W) to (N, outside, 2H, 2W)."""
        raised = functional.interpolate(
            self.down(coarse), scale_factor=2.0, mode="bilinear", align_corners=False
        )
        result: Tensor = self.layers(functional.relu(raised + self.lateral(beside)))
        return result


class BoxMask(nn.Module):
    """See the module."""

    mean: Tensor
    std: Tensor

    def __init__(self, normalised: bool = False) -> None:
        super().__init__()
        self.encoder = EfficientNetLite0(3 + PROMPTS)
        deepest = CHANNELS[4]
        self.labels = nn.Embedding(CLASSES + 1, LABEL_CHANNELS)
        self.label = nn.Linear(LABEL_CHANNELS, deepest)
        self.whole = nn.Conv2d(deepest, deepest, 1)
        self.rise16 = Rise(deepest, CHANNELS[3], WIDTHS[3], normalised)
        self.rise8 = Rise(WIDTHS[3], CHANNELS[2], WIDTHS[2], normalised)
        self.rise4 = Rise(WIDTHS[2], CHANNELS[1], WIDTHS[1], normalised)
        self.rise2 = Rise(WIDTHS[1], CHANNELS[0], WIDTHS[0], normalised)
        # Four values a cell: the mask at twice the resolution of the last level.
        self.out = nn.Conv2d(WIDTHS[0], 4, 3, padding=1)
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1), persistent=False)

    def forward(self, colour: Tensor, prompts: Tensor, labels: Tensor) -> Tensor:
        """Log-odds that a pixel is the object: (N, 1, H, W).

        colour: (N, 3, H, W) float32 RGB, display-referred in [0, 1]; H and W multiples of 32. prompts:
        (N, 3, H, W) in [0, 1]: how much of a pixel the box covers, the class's mean shape laid over the box,
        the highest score of a neighbour whose box covers it. labels: (N,) int64, places in COCO_NAMES.
        """
        pictures = torch.cat(((colour - self.mean) / self.std, prompts), dim=1)
        levels = self.encoder(pictures)
        told = self.label(self.labels(labels))[:, :, None, None]
        around = functional.relu(self.whole(levels[4].mean(dim=(2, 3), keepdim=True) + told))
        features = self.rise16(levels[4] + around, levels[3])
        features = self.rise8(features, levels[2])
        features = self.rise4(features, levels[1])
        features = self.rise2(features, levels[0])
        return functional.pixel_shuffle(self.out(features), 2)
