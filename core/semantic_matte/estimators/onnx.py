"""A matting network of the user's own in an ONNX file: RGB and trimap -> alpha, by ONNX Runtime.

Inputs and outputs are read from the model: one input of 4 channels (6 with a one-hot trimap) or two (picture of
3, trimap of 1 or 3), NCHW or NHWC, any size or one only; `model_layout` says what its metadata may add. An
ONNX file is a graph and runs no Python. Weights in files beside it are found by ONNX Runtime.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semantic_matte.devices import choose_device
from semantic_matte.errors import DeviceError, MissingPackageError, WeightsError
from semantic_matte.estimators.model_layout import ModelLayout, choose_output, make_layout, read_metadata
from semantic_matte.estimators.patch_network import PatchNetwork
from semantic_matte.model_files import describe_model_file, find_model_file, first_line
from semantic_matte.settings import Settings

if TYPE_CHECKING:
    from torch import Tensor

METADATA_PREFIX = "semantic_matte."
# ONNX Runtime's names for torch's devices, the first one that is there.
PROVIDERS = {
    "cuda": ("CUDAExecutionProvider", "ROCMExecutionProvider", "MIGraphXExecutionProvider"),
    "mps": ("CoreMLExecutionProvider",),
    "cpu": ("CPUExecutionProvider",),
}
# ONNX Runtime's names of the kinds of numbers that a picture can be given in, and numpy's.
_KINDS = {"tensor(float)": "float32", "tensor(float16)": "float16"}


class OnnxNetwork(PatchNetwork):
    """Runs on the GPU if ONNX Runtime can, else says that it does not; never quietly on the CPU."""

    name = "onnx"

    def __init__(self, path: Path, settings: Settings) -> None:
        """Raises MissingPackageError, DeviceError, or WeightsError for a file that can't be understood."""
        found = find_model_file(path, f"Estimator '{self.name}'")
        device, provider, notices = _place(settings.device)
        self._model = found.name
        self._session = _open(found, provider)
        if self._session.get_providers()[0] != provider:
            reason = f"ONNX Runtime could not start its {provider}; see what it printed."
            device, notices = _leave_gpu(settings.device, reason)
        self._inputs: Sequence[Any] = self._session.get_inputs()
        self._layout, self._batch, self._order = _read_layout(
            self._inputs, _metadata(self._session, self._model), self._model
        )
        self._kinds = [_kind(one, self._model) for one in self._inputs]
        outputs = [one.name for one in self._session.get_outputs()]
        self._output = outputs[choose_output(outputs)]
        super().__init__(
            device,
            [describe_model_file(found)],
            patch_size=self._layout.patch_size,
            multiple=self._layout.multiple,
            fixed_size=self._layout.size,
            notices=notices,
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
        try:
            output = self._session.run([self._output], fed)[0]
        # ONNX Runtime's errors have no base of their own.
        except Exception as error:
            raise WeightsError(f"The ONNX model '{self._model}' failed: {first_line(error)}.") from None
        return self._layout.alpha(torch.from_numpy(output.astype("float32")), len(colour))


def _runtime() -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise MissingPackageError(
            "Estimator 'onnx' needs ONNX Runtime: pip install 'semantic-matte[onnx]' "
            "(for an NVIDIA GPU: pip install onnxruntime-gpu)."
        ) from None
    return onnxruntime


def _place(asked: str) -> tuple[str, str, tuple[str, ...]]:
    """Device by torch's name, ONNX Runtime's provider, notices. Raises DeviceError, never a quiet CPU."""
    runtime = _runtime()
    device, _ = choose_device(asked)
    there = runtime.get_available_providers()
    kind = device.partition(":")[0]
    for provider in PROVIDERS[kind]:
        if provider in there:
            return device, provider, ()
    package = "onnxruntime-gpu" if kind == "cuda" else "an onnxruntime that has it"
    reason = f"this ONNX Runtime has no {PROVIDERS[kind][0]}: pip install {package}."
    fallen, notices = _leave_gpu(asked, reason)
    return fallen, "CPUExecutionProvider", notices


def _leave_gpu(asked: str, reason: str) -> tuple[str, tuple[str, ...]]:
    """The CPU with a notice where the choice was left to us, else DeviceError."""
    if asked != "auto":
        raise DeviceError(f"Device '{asked}' can't be used by estimator 'onnx': {reason}")
    return "cpu", (f"Estimator 'onnx' runs on the CPU though there is a GPU: {reason}",)


def _open(path: Path, provider: str) -> Any:
    import torch

    runtime = _runtime()
    options = runtime.SessionOptions()
    # Errors come as exceptions; on shared cores spinning threads cost ten times the work.
    options.log_severity_level = 3
    options.intra_op_num_threads = torch.get_num_threads()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = runtime.InferenceSession(str(path), options, providers=[provider])
    except Exception as error:
        raise WeightsError(f"'{path}' can't be read as an ONNX model: {first_line(error)}.") from None
    # Else a failure on the GPU is tried again on the CPU, with a warning that nobody sees.
    session.disable_fallback()
    return session


def _metadata(session: Any, model: str) -> dict[str, str]:
    given: Mapping[str, str] = session.get_modelmeta().custom_metadata_map
    ours = {key: value for key, value in given.items() if key.startswith(METADATA_PREFIX)}
    return read_metadata({key.removeprefix(METADATA_PREFIX): value for key, value in ours.items()}, model)


def _kind(one: Any, model: str) -> str:
    if one.type not in _KINDS:
        raise WeightsError(
            f"The ONNX model '{model}': input '{one.name}' has to be of {', '.join(_KINDS)}, got {one.type}."
        )
    return _KINDS[one.type]


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
