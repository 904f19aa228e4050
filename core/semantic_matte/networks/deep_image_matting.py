"""Deep Image Matting: VGG16 encoder, decoder that unpools with the encoder's indices, optional refinement.

Architecture: Xu, Price, Cohen & Huang, "Deep Image Matting", CVPR 2017 (https://arxiv.org/abs/1703.03872).
Module names are those of the authors' layers (`conv1_1`, `deconv5_1`, `refine_conv1`), which the public
PyTorch checkpoints of huochaitiantang/pytorch-deep-image-matting have as well; other key layouts are put into
them by `deep_image_matting_checkpoints`.

Where the paper turns VGG16's fully connected fc6 into a 7x7 convolution of 4096 channels (103 M parameters),
public reproductions reach its figures with 3x3 and 512; that is the default here and `Design` has the rest.
Axis order is (N, C, H, W), all tensors are float32.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

MEAN = (0.485, 0.456, 0.406)
"""Mean of each channel, order R, G, B, on the 0..1 scale."""

STD = (0.229, 0.224, 0.225)
"""Standard deviation of each channel, order R, G, B, on the 0..1 scale."""

STRIDE = 32
"""Sizes are padded to a multiple of it: there are five poolings."""

# For each encoder stage: how many convolutions, and their channels as a multiple of the first one's.
STAGES = ((2, 1), (2, 2), (3, 4), (3, 8), (3, 8))


@dataclass(frozen=True)
class Design:
    """What tells one published variant from another.

    channels: of the first convolution. conv6_kernel, conv6_channels: the layer in fc6's place (7 and 4096 in
    the paper). skips: encoder features are added to what the decoder unpools. refinement: the second stage.
    light_decoder: five convolutions without an activation between them and no conv6, as in
    foamliu/Deep-Image-Matting-PyTorch.
    """

    channels: int = 64
    conv6_kernel: int = 3
    conv6_channels: int = 512
    skips: bool = False
    refinement: bool = False
    light_decoder: bool = False


class DeepImageMatting(nn.Module):
    """Alpha of the unknown pixels from a picture and its trimap."""

    mean: Tensor
    std: Tensor

    def __init__(self, design: Design | None = None) -> None:
        super().__init__()
        self.design = design or Design()
        first = self.design.channels
        self.register_buffer("mean", torch.tensor(MEAN).reshape(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).reshape(1, 3, 1, 1), persistent=False)
        entering = 4
        for stage, (count, multiple) in enumerate(STAGES, start=1):
            for number in range(1, count + 1):
                self._add(f"conv{stage}_{number}", entering, multiple * first, 3)
                entering = multiple * first
        self._add_decoder()
        if self.design.refinement:
            self._add("refine_conv1", 4, first, 3)
            self._add("refine_conv2", first, first, 3)
            self._add("refine_conv3", first, first, 3)
            self._add("refine_pred", first, 1, 3, gain=0.1)

    def _add_decoder(self) -> None:
        design, first = self.design, self.design.channels
        if not design.light_decoder:
            self._add("conv6_1", 8 * first, design.conv6_channels, design.conv6_kernel)
            self._add("deconv6_1", design.conv6_channels, 8 * first, 1)
        for stage, (entering, leaving) in enumerate(((2, 1), (4, 2), (8, 4), (8, 8)), start=2):
            self._add(f"deconv{stage}_1", entering * first, leaving * first, 5, gain=2.0)
        if not design.light_decoder:
            self._add("deconv1_1", first, first, 5, gain=2.0)
        self._add("deconv1", first, 1, 5, gain=0.1)

    def _add(self, name: str, entering: int, leaving: int, kernel: int, gain: float = 1.0) -> None:
        convolution = nn.Conv2d(entering, leaving, kernel, padding=kernel // 2)
        nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
        with torch.no_grad():
            # After an unpooling three of four pixels are zero, and twice the weights make up for it; a
            # prediction starts near the middle, where its sigmoid still has a slope.
            convolution.weight.mul_(gain)
        nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]
        self.add_module(name, convolution)

    def _apply_layer(self, name: str, features: Tensor) -> Tensor:
        result: Tensor = self.get_submodule(name)(features)
        return result

    def forward(self, colour: Tensor, trimap: Tensor) -> Tensor:
        """Return the alpha of the last stage that the design has.

        Args:
            colour: (N, 3, H, W) float32 RGB, display-referred in [0, 1]; any size.
            trimap: (N, 1, H, W) float32 of 0, 0.5, 1.

        Returns:
            (N, 1, H, W) float32 in [0, 1]; known pixels are as predicted, not copied from the trimap.

        Raises:
            ValueError: a shape is not as above.
        """
        coarse, refined = self.stages(colour, trimap)
        return coarse if refined is None else refined

    def stages(self, colour: Tensor, trimap: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the alphas of both stages, the second one None without refinement; see `forward`.

        A training that has a term for each stage (the paper's last phase) wants both.
        """
        if colour.ndim != 4 or colour.shape[1] != 3 or trimap.shape != (len(colour), 1, *colour.shape[2:]):
            raise ValueError(
                "expected colour of shape (N, 3, H, W) and trimap of shape (N, 1, H, W), "
                f"got {tuple(colour.shape)} and {tuple(trimap.shape)}"
            )
        height, width = colour.shape[2:]
        joined = torch.cat(((colour - self.mean) / self.std, trimap), dim=1)
        joined = functional.pad(joined, (0, -width % STRIDE, 0, -height % STRIDE), mode="replicate")
        raw = self._decode(*self._encode(joined))
        coarse = raw.sigmoid()
        refined = (raw + self._refine(joined, coarse)).sigmoid() if self.design.refinement else None
        return (
            coarse[..., :height, :width],
            None if refined is None else refined[..., :height, :width],
        )

    def _encode(self, joined: Tensor) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        """Deepest features, and each stage's features before pooling with the pooling's indices."""
        features, kept, indices = joined, [], []
        for stage, (count, _) in enumerate(STAGES, start=1):
            for number in range(1, count + 1):
                features = functional.relu(self._apply_layer(f"conv{stage}_{number}", features))
            kept.append(features)
            features, index = functional.max_pool2d(features, 2, stride=2, return_indices=True)
            indices.append(index)
        return features, kept, indices

    def _decode(self, features: Tensor, kept: list[Tensor], indices: list[Tensor]) -> Tensor:
        """(N, 1, H, W), before its sigmoid."""
        light = self.design.light_decoder
        if not light:
            features = functional.relu(self._apply_layer("conv6_1", features))
            features = functional.relu(self._apply_layer("deconv6_1", features))
        for stage in range(len(STAGES), 0, -1):
            features = functional.max_unpool2d(features, indices[stage - 1], [2, 2], [2, 2])
            if self.design.skips:
                features = features + kept[stage - 1]
            if light and stage == 1:
                break
            features = self._apply_layer(f"deconv{stage}_1", features)
            if not light:
                features = functional.relu(features)
        return self._apply_layer("deconv1", features)

    def _refine(self, joined: Tensor, coarse: Tensor) -> Tensor:
        """What the second stage adds to the first one's alpha, before the sigmoid."""
        features = torch.cat((joined[:, :3], coarse), dim=1)
        for number in range(1, 4):
            features = functional.relu(self._apply_layer(f"refine_conv{number}", features))
        return self._apply_layer("refine_pred", features)
