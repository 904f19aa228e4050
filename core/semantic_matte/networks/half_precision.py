"""Half precision where it pays: in the layers of a network, never in the geometry of boxes.

A library's detector is not made half as a whole: in half precision a coordinate of 1333 pixels is known to a
pixel at best. So only the parts that compute with features run under torch's autocast, and what they return is
single again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor


def half_type(device: str) -> torch.dtype | None:
    """The kind of half numbers that networks run in on a device, None where they run in single precision.

    device: torch's name. A CPU gains nothing, and Apple's GPUs have no autocast in all versions of torch.
    """
    return torch.float16 if device.startswith("cuda") else None


def type_title(kind: torch.dtype | None) -> str:
    """What a result's sidecar says of the kind of numbers, as of `half_type`."""
    return "float32" if kind is None else f"{str(kind).removeprefix('torch.')} autocast"


def in_half(owner: object, method: str, device: str, kind: torch.dtype) -> None:
    """Let a method of an object run under autocast; floating tensors in what it returns are float32.

    device: torch's name, or its kind alone. kind: torch.float16 or torch.bfloat16.
    """
    function: Callable[..., Any] = getattr(owner, method)

    def run(*given: Any, **named: Any) -> Any:
        """The method itself, under autocast."""
        with torch.autocast(device.partition(":")[0], dtype=kind):
            return _single(function(*given, **named))

    setattr(owner, method, run)


def in_single(owner: object, method: str, device: str) -> None:
    """Let a method of an object run without autocast, on float32, wherever it is called from.

    For operators that autocast does not know and that want all their tensors alike.
    """
    function: Callable[..., Any] = getattr(owner, method)

    def run(*given: Any, **named: Any) -> Any:
        """The method itself, without autocast."""
        with torch.autocast(device.partition(":")[0], enabled=False):
            return function(*_single(given), **_single(named))

    setattr(owner, method, run)


def _single(value: Any) -> Any:
    """Tensors, and containers of them, with floating numbers as float32; anything else as it is."""
    if isinstance(value, Tensor):
        return value.float() if value.is_floating_point() else value
    if isinstance(value, Mapping):
        return type(value)((key, _single(one)) for key, one in value.items())  # type: ignore[call-arg]
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return type(value)(_single(one) for one in value)
    return value
