"""A matting network of the user's own in an ONNX file: RGB and trimap -> alpha, by ONNX Runtime.

Inputs and outputs are read from the model: one input of 4 channels (6 with a one-hot trimap) or two (picture of
3, trimap of 1 or 3), NCHW or NHWC, any size or one only; `model_layout` says what its metadata may add. An
ONNX file is a graph and runs no Python. Weights in files beside it are found by ONNX Runtime.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semantic_matte.errors import WeightsError
from semantic_matte.estimators.model_layout import ModelLayout, choose_output, make_layout, read_metadata
from semantic_matte.estimators.patch_network import PatchNetwork
from semantic_matte.model_files import describe_model_file, find_model_file
from semantic_matte.onnx_sessions import OnnxModel, open_onnx
from semantic_matte.settings import Settings

if TYPE_CHECKING:
    from torch import Tensor

METADATA_PREFIX = "semantic_matte."


class OnnxNetwork(PatchNetwork):
    """Runs on the GPU if ONNX Runtime can, else says that it does not; never quietly on the CPU."""

    name = "onnx"

    def __init__(self, path: Path, settings: Settings) -> None:
        """Raises MissingPackageError, DeviceError, or WeightsError for a file that can't be understood."""
        found = find_model_file(path, f"Estimator '{self.name}'")
        self._model = open_onnx(found, settings.device, f"estimator '{self.name}'")
        self._inputs = self._model.inputs
        self._layout, self._batch, self._order = _read_layout(
            self._inputs, _metadata(self._model), self._model.name
        )
        self._kinds = [self._model.picture_kind(one) for one in self._inputs]
        outputs = [one.name for one in self._model.outputs]
        self._output = outputs[choose_output(outputs)]
        super().__init__(
            self._model.device,
            [describe_model_file(found)],
            patch_size=self._layout.patch_size,
            multiple=self._layout.multiple,
            fixed_size=self._layout.size,
            notices=self._model.notices,
        )

    def _predict(self, colour: Tensor, levels: Tensor) -> Tensor:
        """In groups of the model's own batch, if it has one; the last group is filled up."""
        import torch

        count = len(colour)
        step = self._batch or count
        alphas = []
        for start in range(0, count, step):
            index = torch.arange(start, start + step, device=colour.device).clamp_max(count - 1)
            alphas.append(self._run(colour[index], levels[index])[: count - start])
        return torch.cat(alphas)

    def _run(self, colour: Tensor, levels: Tensor) -> Tensor:
        import torch

        tensors = self._layout.inputs(colour, levels)
        fed = {
            self._inputs[place].name: tensors[role].cpu().numpy().astype(self._kinds[place])
            for role, place in enumerate(self._order)
        }
        (output,) = self._model.run([self._output], fed)
        return self._layout.alpha(torch.from_numpy(output.astype("float32")), len(colour))


def _metadata(model: OnnxModel) -> dict[str, str]:
    """What the file's metadata says to us, without our prefix."""
    ours = {key: value for key, value in model.metadata.items() if key.startswith(METADATA_PREFIX)}
    return read_metadata({key.removeprefix(METADATA_PREFIX): value for key, value in ours.items()}, model.name)


def _read_layout(
    inputs: Sequence[Any], metadata: Mapping[str, str], model: str
) -> tuple[ModelLayout, int | None, list[int]]:
    """The layout, the only batch size (None: any), and which inputs take colour (and trimap), in this order."""
    if len(inputs) not in (1, 2):
        names = ", ".join(f"'{one.name}'" for one in inputs)
        raise WeightsError(
            f"The ONNX model '{model}': expected one input (RGB and trimap) or two (RGB, trimap), "
            f"got {len(inputs)}: {names}."
        )
    joined = len(inputs) == 1
    order = [0] if joined else _order(inputs)
    picture = inputs[order[0]]
    last = _channels_last(picture, (4, 6) if joined else (3,), metadata, model)
    axis = 3 if last else 1
    channels = picture.shape[axis]
    if not joined:
        trimap = inputs[order[1]]
        if _channels_last(trimap, (1, 3), metadata, model, like=last) != last:
            raise _wrong_shape(trimap, "the picture's axis order", model)
        channels = 3 + trimap.shape[axis]
    height, width = (picture.shape[place] for place in ((1, 2) if last else (2, 3)))
    sides = [side for side in (height, width) if isinstance(side, int)]
    size = (_side(height, sides), _side(width, sides)) if sides else None
    layout = make_layout(metadata, model, joined=joined, one_hot=channels == 6, channels_last=last, size=size)
    batch = picture.shape[0]
    return layout, batch if isinstance(batch, int) else None, order


def _side(side: Any, fixed: Sequence[int]) -> int:
    return side if isinstance(side, int) else fixed[0]


def _order(inputs: Sequence[Any]) -> list[int]:
    """Indices of the picture and the trimap: by name, else by channels, else as they come."""
    named = [index for index, one in enumerate(inputs) if "trimap" in one.name.lower()]
    if len(named) != 1:
        named = [index for index, one in enumerate(inputs) if 1 in (one.shape[1:2] + one.shape[3:4])]
    trimap = named[0] if len(named) == 1 else 1
    return [1 - trimap, trimap]


def _channels_last(
    one: Any, allowed: tuple[int, ...], metadata: Mapping[str, str], model: str, like: bool = False
) -> bool:
    """Whether an input is NHWC. `like`: what to take if its shape fits both. Raises WeightsError."""
    expected = f"(N, {' or '.join(map(str, allowed))}, H, W) or (N, H, W, {' or '.join(map(str, allowed))})"
    if len(one.shape) != 4:
        raise _wrong_shape(one, expected, model)
    fits = [last for last, axis in ((False, 1), (True, 3)) if one.shape[axis] in allowed]
    if not fits:
        raise _wrong_shape(one, expected, model)
    told = metadata.get("layout")
    if told is not None:
        return (told == "NHWC") if (told == "NHWC") in fits else fits[0]
    return like if like in fits else fits[0]


def _wrong_shape(one: Any, expected: str, model: str) -> WeightsError:
    shape = ", ".join(str(side) for side in one.shape)
    return WeightsError(
        f"The ONNX model '{model}': expected input '{one.name}' of shape {expected}, got ({shape})."
    )
