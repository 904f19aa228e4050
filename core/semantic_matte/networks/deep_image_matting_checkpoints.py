"""Key layouts of public Deep Image Matting checkpoints, put into `DeepImageMatting`'s own.

- `conv1_1.weight`, `deconv1.bias`, `refine_pred.weight`: the authors' layer names, as of
  huochaitiantang/pytorch-deep-image-matting; used as they are.
- `down1.conv1.cbr_unit.0.weight`, `up5.conv.cbr_unit.1.running_var`: foamliu/Deep-Image-Matting-PyTorch;
  renamed, and batch normalisation folded in.
- `features.0.weight`: torchvision's VGG16, which starts the encoder of a training.

`module.` of nn.DataParallel is cut off. Both public repositories take RGB by ImageNet's mean and deviation and
the trimap as 0, 0.5, 1, as the network here does; checkpoints of the former from before April 2019 do not.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from semantic_matte.networks.deep_image_matting import STAGES, DeepImageMatting, Design

State = Mapping[str, Tensor]

# Of torch.nn.BatchNorm2d, which foamliu's model leaves as it is.
EPSILON = 1e-5
# torchvision's indices of VGG16's convolutions, in order.
_VGG16 = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
_ENCODER = tuple(
    (stage, number) for stage, (count, _) in enumerate(STAGES, start=1) for number in range(1, count + 1)
)


def network_from_state(state: State, *, skips: bool = False) -> DeepImageMatting:
    """Build the variant that a public state dictionary is of, with its weights, for inference.

    skips: no key tells whether encoder features are added in the decoder, so the caller says it. Raises
    ValueError, a clause, if the keys or shapes are of no known layout.
    """
    known = own_state(state)
    design = design_of(known, skips=skips)
    network = DeepImageMatting(design)
    expected = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    found = {name: tuple(value.shape) for name, value in known.items()}
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            raise ValueError(
                f"expected '{name}' of shape {expected.get(name, 'none')}, got {found.get(name, 'none')}"
            )
    network.load_state_dict({name: value.float() for name, value in known.items()})
    return network.eval()


def design_of(state: State, *, skips: bool = False) -> Design:
    """The variant that a state dictionary in the network's own layout belongs to."""
    if "conv1_1.weight" not in state or "deconv1.weight" not in state:
        raise ValueError("expected keys as 'conv1_1.weight' or 'down1.conv1.cbr_unit.0.weight'")
    light = "conv6_1.weight" not in state
    kernel = 3 if light else state["conv6_1.weight"].shape[-1]
    return Design(
        channels=state["conv1_1.weight"].shape[0],
        conv6_kernel=kernel,
        conv6_channels=512 if light else state["conv6_1.weight"].shape[0],
        skips=skips,
        refinement="refine_pred.weight" in state,
        light_decoder=light,
    )


def own_state(state: State) -> dict[str, Tensor]:
    """A public state dictionary by the network's own names; what is not known stays as it is."""
    plain = {name.removeprefix("module."): value for name, value in state.items()}
    return _from_blocks(plain) if "down1.conv1.cbr_unit.0.weight" in plain else plain


def load_vgg16(network: DeepImageMatting, state: State) -> None:
    """Start the encoder from torchvision's VGG16 (`features.N.weight`); the rest stays as it is.

    The first convolution's weights for the trimap are zero, as in the paper. Raises ValueError, a clause, for a
    state dictionary that is not VGG16's.
    """
    weights: dict[str, Tensor] = {}
    for (stage, number), index in zip(_ENCODER, _VGG16, strict=True):
        for part in ("weight", "bias"):
            name = f"features.{index}.{part}"
            if name not in state:
                raise ValueError(f"expected '{name}' of VGG16, got no such key")
            weights[f"conv{stage}_{number}.{part}"] = state[name].float()
    first = weights["conv1_1.weight"]
    weights["conv1_1.weight"] = torch.cat((first, torch.zeros_like(first[:, :1])), dim=1)
    network.load_state_dict(weights, strict=False)


def _from_blocks(state: State) -> dict[str, Tensor]:
    """foamliu's layout: `down<stage>.conv<number>` and `up<stage>.conv`, each with batch normalisation."""
    names = {f"down{stage}.conv{number}": f"conv{stage}_{number}" for stage, number in _ENCODER}
    names |= {f"up{stage}.conv": f"deconv{stage}_1" for stage in range(2, 6)}
    names["up1.conv"] = "deconv1"
    result = {}
    for theirs, ours in names.items():
        parts = {}
        for part in ("0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var"):
            name = f"{theirs}.cbr_unit.{part}"
            if name not in state:
                raise ValueError(f"expected '{name}', got no such key")
            parts[part] = state[name].float()
        scale = parts["1.weight"] * (parts["1.running_var"] + EPSILON).rsqrt()
        result[f"{ours}.weight"] = parts["0.weight"] * scale.reshape(-1, 1, 1, 1)
        result[f"{ours}.bias"] = (parts["0.bias"] - parts["1.running_mean"]) * scale + parts["1.bias"]
    left = {name for name in state if name.partition(".cbr_unit.")[0] not in names}
    if left:
        raise ValueError(f"got '{min(left)}', a key that is of no known layout")
    return result
