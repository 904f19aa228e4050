"""Where networks run. A device that was asked for and is not there is an error, never a quiet CPU."""

from __future__ import annotations

import functools

from semantic_matte.errors import DeviceError


def choose_device(asked: str) -> tuple[str, str]:
    """Resolve the `device` setting.

    asked: "auto", "cpu", "cuda" or "mps". Returns (device name for torch, one sentence that says what was
    taken and why). Raises DeviceError if the device asked for does not work here.
    """
    if asked == "cpu":
        return "cpu", "Networks run on the CPU, as asked."
    if asked == "auto":
        reasons = []
        for device in ("cuda", "mps"):
            problem = device_problem(device)
            if not problem:
                return _indexed(device), f"Networks run on {device_title(device)}."
            reasons.append(problem)
        return "cpu", f"Networks run on the CPU: {reasons[0]}"
    problem = device_problem(asked)
    if problem:
        raise DeviceError(f"Device '{asked}' can't be used: {problem} Use --device cpu to run without it.")
    return _indexed(asked), f"Networks run on {device_title(asked)}."


@functools.lru_cache(maxsize=4)
def device_problem(device: str) -> str:
    """Why a GPU can't be used here, as one sentence; empty if it can. Tries a small sum on it."""
    import torch

    if device == "cuda":
        if torch.version.cuda is None and torch.version.hip is None:
            return "this build of torch has no CUDA."
        if not torch.cuda.is_available():
            return "no CUDA GPU that torch can use was found."
    elif not torch.backends.mps.is_available():
        return "no Apple GPU that torch can use was found."
    try:
        total = float(torch.ones(8, device=device).sum())
    except RuntimeError as error:
        return f"a first sum on the GPU failed ({str(error).splitlines()[0]})."
    return "" if total == 8.0 else "a first sum on the GPU came out wrong."


def device_title(device: str) -> str:
    """The device's own name, for people."""
    import torch

    if device.startswith("cuda"):
        return str(torch.cuda.get_device_name(device))
    return {"mps": "the Apple GPU", "cpu": "the CPU"}.get(device, device)


def _indexed(device: str) -> str:
    return "cuda:0" if device == "cuda" else device
