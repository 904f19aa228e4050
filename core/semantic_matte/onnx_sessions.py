"""ONNX Runtime's sessions for the models that a user brings: which device, never a quiet CPU, no spinning
threads.

An ONNX file is a graph and runs no Python. Weights in files beside it are found by ONNX Runtime.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from semantic_matte.device_memory import full_memory
from semantic_matte.devices import choose_device
from semantic_matte.errors import DeviceError, MissingPackageError, WeightsError
from semantic_matte.model_files import first_line

# ONNX Runtime's names for torch's devices, the first one that is there.
PROVIDERS = {
    "cuda": ("CUDAExecutionProvider", "ROCMExecutionProvider", "MIGraphXExecutionProvider"),
    "mps": ("CoreMLExecutionProvider",),
    "cpu": ("CPUExecutionProvider",),
}
# ONNX Runtime's names of the kinds of numbers that a picture can be given in, and numpy's.
_KINDS = {"tensor(float)": "float32", "tensor(float16)": "float16"}


@dataclass(frozen=True, eq=False)
class OnnxModel:
    """An opened ONNX file.

    name: the file's. device: where it runs, by torch's name. notices: sentences that the user must see once.
    inputs, outputs: ONNX Runtime's `NodeArg`s with .name, .shape and .type.
    """

    name: str
    session: Any
    device: str
    notices: tuple[str, ...]

    @property
    def inputs(self) -> Sequence[Any]:
        """What the model takes; a size that is not fixed is a string or None in `shape`."""
        found: Sequence[Any] = self.session.get_inputs()
        return found

    @property
    def outputs(self) -> Sequence[Any]:
        """What the model gives, likewise."""
        found: Sequence[Any] = self.session.get_outputs()
        return found

    @property
    def metadata(self) -> Mapping[str, str]:
        """The texts that its maker put into the file."""
        given: Mapping[str, str] = self.session.get_modelmeta().custom_metadata_map
        return given

    def picture_kind(self, one: Any) -> str:
        """numpy's name of the numbers that an input takes. Raises WeightsError if they fit no picture."""
        if one.type not in _KINDS:
            raise WeightsError(
                f"The ONNX model '{self.name}': input '{one.name}' has to be of {', '.join(_KINDS)}, "
                f"got {one.type}."
            )
        return _KINDS[one.type]

    def run(
        self, outputs: Sequence[str], fed: Mapping[str, npt.NDArray[np.generic]]
    ) -> list[npt.NDArray[np.generic]]:
        """The outputs of these names.

        Raises WeightsError with one sentence if the model fails. What ONNX Runtime raises where the memory is
        full comes through as it is; `device_memory.full_memory` knows it.
        """
        try:
            results: list[npt.NDArray[np.generic]] = self.session.run(list(outputs), dict(fed))
        # ONNX Runtime's errors have no base of their own.
        except Exception as error:
            if full_memory(error, self.device):
                raise
            raise WeightsError(f"The ONNX model '{self.name}' failed: {first_line(error)}.") from None
        return results


def open_onnx(path: Path, asked: str, user: str) -> OnnxModel:
    """Open a model's file on the device that the `device` setting asks for.

    asked: "auto", "cpu", "cuda" or "mps". user: who needs it, as in "estimator 'onnx'". Where the choice was
    left to us and the GPU can't be had, the model runs on the CPU and a notice says so. Raises
    MissingPackageError, DeviceError, or WeightsError for a file that is no ONNX model.
    """
    device, provider, notices = _place(asked, user)
    session = _open(path, provider, user)
    if session.get_providers()[0] != provider:
        reason = f"ONNX Runtime could not start its {provider}; see what it printed."
        device, notices = _leave_gpu(asked, reason, user)
    return OnnxModel(path.name, session, device, notices)


def _runtime(user: str) -> Any:
    """The module onnxruntime. Raises MissingPackageError."""
    try:
        import onnxruntime
    except ImportError:
        raise MissingPackageError(
            f"{user[0].upper()}{user[1:]} needs ONNX Runtime: pip install 'semantic-matte[onnx]' "
            "(for an NVIDIA GPU: pip install onnxruntime-gpu)."
        ) from None
    return onnxruntime


def _place(asked: str, user: str) -> tuple[str, str, tuple[str, ...]]:
    """Device by torch's name, ONNX Runtime's provider, notices. Raises DeviceError, never a quiet CPU."""
    runtime = _runtime(user)
    device, _ = choose_device(asked)
    there = runtime.get_available_providers()
    kind = device.partition(":")[0]
    for provider in PROVIDERS[kind]:
        if provider in there:
            return device, provider, ()
    package = "onnxruntime-gpu" if kind == "cuda" else "an onnxruntime that has it"
    reason = f"this ONNX Runtime has no {PROVIDERS[kind][0]}: pip install {package}."
    fallen, notices = _leave_gpu(asked, reason, user)
    return fallen, "CPUExecutionProvider", notices


def _leave_gpu(asked: str, reason: str, user: str) -> tuple[str, tuple[str, ...]]:
    """The CPU with a notice where the choice was left to us, else DeviceError."""
    if asked != "auto":
        raise DeviceError(f"Device '{asked}' can't be used by {user}: {reason}")
    return "cpu", (f"{user[0].upper()}{user[1:]} runs on the CPU though there is a GPU: {reason}",)


def _open(path: Path, provider: str, user: str) -> Any:
    """An InferenceSession. Raises WeightsError for a file that is no ONNX model."""
    import torch

    runtime = _runtime(user)
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
