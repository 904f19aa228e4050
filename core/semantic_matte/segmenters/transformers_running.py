"""What the segmenters by transformers share: how their networks are run, and how many objects they keep."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from semantic_matte.device_memory import memory_told
from semantic_matte.errors import ValueShapeError
from semantic_matte.types import FloatArray

if TYPE_CHECKING:
    from torch import Tensor

Found = TypeVar("Found")

USER = "Segmenter 'transformers'"


@contextlib.contextmanager
def running(device: str) -> Iterator[None]:
    """Inside, networks run for inference: on CUDA in half precision, and lack of memory is a DeviceError.

    device: torch's name.
    """
    import torch

    from semantic_matte.networks.half_precision import half_type

    kind = half_type(device)
    half = torch.autocast(device.partition(":")[0], dtype=kind) if kind else contextlib.nullcontext()
    with memory_told(USER, device, "take a smaller model"), torch.inference_mode(), half:
        yield


def on_device(encoding: Mapping[str, Any], device: str) -> dict[str, Any]:
    """What a processor gave, its tensors on the device."""
    return {key: value.to(device) if hasattr(value, "to") else value for key, value in encoding.items()}


def numbers(tensor: Tensor) -> FloatArray:
    """A tensor as float32 in numpy. Raises ValueShapeError if a number is not finite."""
    array = np.asarray(tensor.float().cpu().numpy(), dtype=np.float32)
    if not np.isfinite(array).all():
        raise ValueShapeError(f"{USER}: its model gave numbers that are not finite.")
    return array
