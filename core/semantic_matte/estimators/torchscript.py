"""A matting network of the user's own in a TorchScript file: RGB and trimap -> alpha.

`forward` takes one tensor of 4 channels (6 with a one-hot trimap) or two (picture, trimap); which one is told
by its signature and by trying it once. `model_layout` says what a `semantic_matte.json` in the archive may add.

A TorchScript archive is a program. torch's loader builds only TorchScript's own types, so it runs none of the
Python that a pickle can hide, but the program may call any operator of torch, some of which read and write
files, and the loader itself is not made for hostile files. So a file is loaded only if the user names it, and
should be one whose maker the user trusts.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semantic_matte.device_memory import full_memory
from semantic_matte.devices import choose_device
from semantic_matte.errors import SemanticMatteError, WeightsError
from semantic_matte.estimators.model_layout import ModelLayout, choose_output, make_layout, read_metadata
from semantic_matte.estimators.patch_network import PatchNetwork
from semantic_matte.model_files import describe_model_file, find_model_file, first_line
from semantic_matte.settings import Settings

if TYPE_CHECKING:
    from torch import Tensor

METADATA_FILE = "semantic_matte.json"
# Side of the picture that a model is tried with, in pixels, if it takes any size.
TRIAL_SIZE = 64


class TorchScriptNetwork(PatchNetwork):
    """Runs on the device that the settings ask for, in the kind of numbers that its weights have."""

    name = "torchscript"

    def __init__(self, path: Path, settings: Settings) -> None:
        """Raises DeviceError, or WeightsError for a file that can't be understood."""
        found = find_model_file(path, f"Estimator '{self.name}'")
        device, _ = choose_device(settings.device)
        self._model = found.name
        self._module, metadata = _load(found, device)
        self._dtype = _dtype(self._module)
        self._layout = self._find_layout(metadata, device)
        super().__init__(
            device,
            [describe_model_file(found)],
            patch_size=self._layout.patch_size,
            multiple=self._layout.multiple,
            fixed_size=self._layout.size,
        )

    def _find_layout(self, metadata: dict[str, str], device: str) -> ModelLayout:
        """The first layout that the module takes, by trying it on a grey picture."""
        count = _tensor_arguments(self._module)
        if count not in (1, 2):
            raise WeightsError(
                f"The TorchScript model '{self._model}': expected forward(picture and trimap) or "
                f"forward(picture, trimap), got {count} arguments."
            )
        told = metadata.get("trimap")
        layouts = [
            make_layout(metadata, self._model, joined=count == 1, one_hot=one_hot)
            for one_hot in (False, True)
            if told is None or one_hot == (told == "one-hot")
        ] or [make_layout(metadata, self._model, joined=count == 1)]
        complaints = []
        for layout in layouts:
            try:
                self._try(layout, device)
            except SemanticMatteError as error:
                complaints.append(str(error))
            else:
                return layout
        raise WeightsError(complaints[0])

    def _try(self, layout: ModelLayout, device: str) -> None:
        import torch

        side = TRIAL_SIZE + -TRIAL_SIZE % layout.multiple
        height, width = layout.size or (side, side)
        with torch.inference_mode():
            levels = torch.zeros((1, 1, height, width), device=device)
            levels[..., height // 3 :, :], levels[..., 2 * height // 3 :, :] = 0.5, 1.0
            colour = torch.full((1, 3, height, width), 0.5, device=device)
            alpha = self._call(layout, colour, levels)
        if alpha.shape != (1, height, width):
            raise WeightsError(
                f"The TorchScript model '{self._model}': expected alpha of shape (1, 1, {height}, {width}) "
                f"or without its ones, got {tuple(alpha.shape)}."
            )

    def _predict(self, colour: Tensor, levels: Tensor) -> Tensor:
        return self._call(self._layout, colour, levels)

    def _call(self, layout: ModelLayout, colour: Tensor, levels: Tensor) -> Tensor:
        tensors = [tensor.to(self._dtype) for tensor in layout.inputs(colour, levels)]
        try:
            output = self._module(*tensors)
        # TorchScript raises what its operators raise, and an error of its own that is no RuntimeError.
        except Exception as error:
            if full_memory(error, str(colour.device)):
                raise
            raise WeightsError(
                f"The TorchScript model '{self._model}' can't take a picture of {tuple(colour.shape[2:])} "
                f"pixels with its trimap: {first_line(error)}. A {METADATA_FILE} in it may tell more of it."
            ) from None
        return layout.alpha(_pick(output, self._model).float(), len(colour))


def _load(path: Path, device: str) -> tuple[Any, dict[str, str]]:
    """The module on its device, for inference, and its metadata."""
    import torch

    extra: dict[str, Any] = {METADATA_FILE: ""}
    try:
        with warnings.catch_warnings():
            # torch.jit is no longer grown by its makers; files of it are what studios have.
            warnings.simplefilter("ignore", FutureWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            module = torch.jit.load(str(path), map_location=device, _extra_files=extra)  # type: ignore[no-untyped-call]
    except (RuntimeError, ValueError, OSError) as error:
        # Of the machine's own memory a damaged file may ask for any amount.
        if full_memory(error, device) not in ("", "cpu"):
            raise
        raise WeightsError(f"'{path}' can't be read as a TorchScript model: {first_line(error)}.") from None
    return module.eval(), _metadata(extra[METADATA_FILE], path.name)


def _metadata(text: str | bytes, model: str) -> dict[str, str]:
    if not text:
        return {}
    try:
        given = json.loads(text)
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise WeightsError(f"The TorchScript model '{model}': its {METADATA_FILE} is no JSON object.")
    return read_metadata({str(key): _plain(value) for key, value in given.items()}, model)


def _plain(value: Any) -> str:
    """JSON's lists and numbers as ONNX's metadata has them: text with commas."""
    return ",".join(str(part) for part in value) if isinstance(value, list) else str(value)


def _dtype(module: Any) -> Any:
    import torch

    kinds = [value.dtype for value in module.state_dict().values() if value.is_floating_point()]
    return kinds[0] if kinds else torch.float32


def _tensor_arguments(module: Any) -> int:
    """How many arguments `forward` has to be given."""
    arguments = module.forward.schema.arguments[1:]
    return sum(not argument.has_default_value() for argument in arguments)


def _pick(output: Any, model: str) -> Tensor:
    """Alpha out of what a module returns: a tensor, or the one named so or the first of several."""
    import torch

    if isinstance(output, dict):
        names = list(output)
        output = output[names[choose_output(names)]] if names else None
    elif isinstance(output, (tuple, list)):
        output = output[0] if output else None
    if not isinstance(output, torch.Tensor):
        raise WeightsError(
            f"The TorchScript model '{model}': expected a tensor from it, got {type(output).__name__}."
        )
    return output
