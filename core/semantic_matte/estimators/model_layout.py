"""How a picture and its trimap go into somebody else's network, and how alpha comes out of it.

What a file's own shapes don't tell is asked of its metadata, and where that is silent the default holds:

- `mean`, `std`: input = (RGB in 0..1 - mean) / std. ImageNet's, `0.485,0.456,0.406` and `0.229,0.224,0.225`;
  `0,0,0` and `1,1,1` give plain 0..1.
- `colour`: `rgb`, or `bgr`; mean and std are in that order.
- `trimap`: `levels` for one channel, `one-hot` for three. What the shapes tell, else `levels`.
- `levels`: values of background, unknown, foreground in a one-channel trimap. `0,0.5,1`.
- `one_hot`: order of the three channels. `background,unknown,foreground`.
- `layout`: `NCHW` or `NHWC`. What the shapes tell, else `NCHW`.
- `multiple`: sides of the input are padded to a multiple of it. `32`.
- `size`: `H,W`, the only size that the network takes. What the shapes tell, else any.
- `patch`: side of the patches for a network that takes any size, in pixels. `512`.

ONNX keeps them in `metadata_props`, each key with `semantic_matte.` before it; TorchScript in an extra file
`semantic_matte.json`. Where colour and trimap are one input, the colour's channels come first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from semantic_matte.errors import WeightsError
from semantic_matte.estimators.patch_network import MULTIPLE, PATCH_SIZE
from semantic_matte.networks.imagenet import MEAN, STD

if TYPE_CHECKING:
    from torch import Tensor

KINDS = ("background", "unknown", "foreground")
KEYS = ("mean", "std", "colour", "trimap", "levels", "one_hot", "layout", "multiple", "size", "patch")
# Tried in this order among several outputs.
_ALPHA_NAMES = re.compile(r"alpha|pha|matte", re.IGNORECASE)


@dataclass(frozen=True)
class ModelLayout:
    """joined: colour and trimap are one input. one_hot: the order of the trimap's three channels, or empty for
    one channel of `levels`. channels_last: NHWC. size: (H, W) if it is the only one."""

    joined: bool
    one_hot: tuple[str, ...] = ()
    channels_last: bool = False
    size: tuple[int, int] | None = None
    multiple: int = MULTIPLE
    patch: int = PATCH_SIZE
    mean: tuple[float, ...] = MEAN
    std: tuple[float, ...] = STD
    levels: tuple[float, ...] = (0.0, 0.5, 1.0)
    bgr: bool = False

    @property
    def patch_size(self) -> int:
        """Side of the square patches to cut for the network."""
        return min(self.size) if self.size else self.patch

    def inputs(self, colour: Tensor, levels: Tensor) -> list[Tensor]:
        """What the network is called with: one tensor if `joined`, else colour and trimap.

        colour: (N, 3, h, w) float32 RGB in [0, 1]. levels: (N, 1, h, w) of 0, 0.5, 1.
        """
        import torch

        picture = colour.flip(1) if self.bgr else colour
        mean = picture.new_tensor(self.mean).reshape(1, 3, 1, 1)
        std = picture.new_tensor(self.std).reshape(1, 3, 1, 1)
        codes = (levels * 2).to(torch.long)
        if self.one_hot:
            trimap = torch.cat([codes == KINDS.index(kind) for kind in self.one_hot], dim=1).to(colour.dtype)
        else:
            trimap = levels.new_tensor(self.levels)[codes]
        tensors = [(picture - mean) / std, trimap]
        if self.joined:
            tensors = [torch.cat(tensors, dim=1)]
        if self.channels_last:
            tensors = [tensor.permute(0, 2, 3, 1) for tensor in tensors]
        return [tensor.contiguous() for tensor in tensors]

    def alpha(self, output: Tensor, count: int) -> Tensor:
        """(N, h, w) out of (N, 1, h, w), (N, h, w, 1), (N, h, w) or, for one picture, (h, w)."""
        if output.ndim == 2 and count == 1:
            return output[None]
        if output.ndim == 4:
            # A picture one pixel wide or high would fit both: the input's own axis order is tried first.
            for axis in (3, 1) if self.channels_last else (1, 3):
                if output.shape[axis] == 1:
                    return output.squeeze(axis)
        return output


def read_metadata(values: Mapping[str, str], model: str) -> dict[str, str]:
    """The metadata as given, once every key is known. Raises WeightsError, listing the known ones."""
    for key in values:
        if key not in KEYS:
            raise WeightsError(f"The model '{model}': unknown metadata '{key}'. Known: {', '.join(KEYS)}.")
    return dict(values)


def make_layout(
    metadata: Mapping[str, str],
    model: str,
    *,
    joined: bool,
    one_hot: bool | None = None,
    channels_last: bool | None = None,
    size: tuple[int, int] | None = None,
) -> ModelLayout:
    """A layout out of what a file's shapes tell (None: nothing) and its metadata.

    Raises WeightsError if a value can't be understood or says other than the shapes.
    """
    reader = _Reader(metadata, model)
    told_hot = reader.choice("trimap", ("levels", "one-hot"))
    told_last = reader.choice("layout", ("NCHW", "NHWC"))
    for key, told, seen in (("trimap", told_hot, one_hot), ("layout", told_last, channels_last)):
        if told is not None and seen is not None and bool(told) != seen:
            raise WeightsError(f"The model '{model}': metadata '{key}' says {metadata[key]}, its shapes don't.")
    order = tuple(name.strip() for name in metadata.get("one_hot", ",".join(KINDS)).split(","))
    if sorted(order) != sorted(KINDS):
        raise reader.wrong("one_hot", f"an order of {', '.join(KINDS)}")
    told_size = reader.numbers("size", 2, least=1)
    whole = (int(told_size[0]), int(told_size[1])) if told_size else None
    std = reader.numbers("std", 3) or STD
    if 0.0 in std:
        raise reader.wrong("std", "three numbers other than 0")
    return ModelLayout(
        joined=joined,
        one_hot=order if (one_hot if one_hot is not None else bool(told_hot)) else (),
        channels_last=channels_last if channels_last is not None else bool(told_last),
        size=size or whole,
        multiple=reader.whole("multiple", MULTIPLE),
        patch=reader.whole("patch", PATCH_SIZE),
        mean=reader.numbers("mean", 3) or MEAN,
        std=std,
        levels=reader.numbers("levels", 3) or (0.0, 0.5, 1.0),
        bgr=bool(reader.choice("colour", ("rgb", "bgr"))),
    )


def choose_output(names: Sequence[str]) -> int:
    """Which of a network's outputs is alpha: the one named so, else the first."""
    named = [index for index, name in enumerate(names) if _ALPHA_NAMES.search(name)]
    return named[0] if named else 0


@dataclass(frozen=True)
class _Reader:
    """Reads one model's metadata; every complaint names the model, the key and what was expected."""

    metadata: Mapping[str, str]
    model: str

    def wrong(self, key: str, expected: str) -> WeightsError:
        return WeightsError(
            f"The model '{self.model}': metadata '{key}' has to be {expected}, got '{self.metadata[key]}'."
        )

    def choice(self, key: str, choices: tuple[str, str]) -> int | None:
        """Index of the choice, None if the key is not there."""
        if key not in self.metadata:
            return None
        if self.metadata[key] not in choices:
            raise self.wrong(key, " or ".join(choices))
        return choices.index(self.metadata[key])

    def numbers(self, key: str, count: int, least: float | None = None) -> tuple[float, ...] | None:
        """As many finite numbers, none below `least`; None if the key is not there."""
        if key not in self.metadata:
            return None
        try:
            values = tuple(float(text) for text in self.metadata[key].split(","))
        except ValueError:
            values = ()
        finite = all(abs(value) < float("inf") for value in values)
        if len(values) != count or not finite or (least is not None and min(values) < least):
            raise self.wrong(key, f"{count} numbers with commas between them")
        return values

    def whole(self, key: str, default: int) -> int:
        """A whole number of at least 1; the default if the key is not there."""
        values = self.numbers(key, 1, least=1)
        if values is None:
            return default
        if values[0] != int(values[0]):
            raise self.wrong(key, "a whole number of at least 1")
        return int(values[0])
