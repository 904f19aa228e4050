"""What is known of the GPU that networks run on: its memory, and the versions behind it."""

from __future__ import annotations


def gpu_memory(device: str) -> tuple[int, int] | None:
    """(free, total) bytes of a CUDA device, of all programs together; None for any other device.

    Raises RuntimeError where the driver doesn't say.
    """
    if not device.startswith("cuda"):
        return None
    import torch

    free, total = torch.cuda.mem_get_info(device)
    return int(free), int(total)


def toolkit_version() -> str:
    """What this build of torch brings for GPUs, as in "CUDA 12.8"; empty where it brings nothing."""
    import torch

    if torch.version.cuda is not None:
        return f"CUDA {torch.version.cuda}"
    return "" if torch.version.hip is None else f"ROCm {torch.version.hip}"
