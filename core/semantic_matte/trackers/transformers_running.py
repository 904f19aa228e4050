"""What the trackers by transformers share: how their networks are run, and how their answers become masks."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from semantic_matte.device_memory import memory_told
from semantic_matte.errors import ValueShapeError
from semantic_matte.segmenters.mask_maps import Lie, instance_of_map
from semantic_matte.segmenters.picture import shown_bytes
from semantic_matte.types import FloatArray, Instance, Plate

if TYPE_CHECKING:
    from torch import Tensor

USER = "Tracker 'transformers'"


def brief_type(device: str) -> Any:
    """The kind of short numbers that video models run in on a device, None where they run in single precision.

    The library keeps its memories of frames in bfloat16, which torch does not join with float16; and so their
    authors run these models themselves.
    """
    import torch

    return torch.bfloat16 if device.startswith("cuda") else None


@contextlib.contextmanager
def running(device: str) -> Iterator[None]:
    """Inside, networks run for inference: on CUDA in bfloat16, and lack of memory is a DeviceError.

    device: torch's name.
    """
    import torch

    kind = brief_type(device)
    half = torch.autocast(device.partition(":")[0], dtype=kind) if kind else contextlib.nullcontext()
    with memory_told(USER, device, "take a smaller model"), torch.inference_mode(), half:
        yield


def prepared(processor: Any, plate: Plate, device: str) -> Tensor:
    """What the network takes of a plate, (1, 3, side, side) float32 on the device, by the model's own
    processor."""
    pixels = processor(images=Image.fromarray(shown_bytes(plate)), return_tensors="pt")["pixel_values"]
    moved: Tensor = pixels.to(device)
    return moved


def numbers(tensor: Tensor) -> FloatArray:
    """A tensor as float32 in numpy. Raises ValueShapeError if a number is not finite."""
    array = np.asarray(tensor.float().cpu().numpy(), dtype=np.float32)
    if not np.isfinite(array).all():
        raise ValueShapeError(f"{USER}: its model gave numbers that are not finite.")
    return array


def mask_of(logits: FloatArray, frame_size: tuple[int, int], label: str, score: float) -> Instance | None:
    """The object where a map of logits (h, w) of the whole frame is above 0; None if that is nowhere.

    frame_size: (H, W). score: in [0, 1], or a last bit above.
    """
    lie = Lie.whole(frame_size, (logits.shape[0], logits.shape[1]))
    return instance_of_map(logits, 0.0, lie, label, min(max(score, 0.0), 1.0))
