"""The machine: Python, the device that networks run on, its driver, main memory."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from semantic_matte.doctor.finding import Finding, gigabytes

# Below these, a large plate may not fit.
LEAST_MEMORY = 4 * 10**9
LEAST_GPU_MEMORY = 2 * 10**9

_SMI_SECONDS = 10.0
_MEMINFO = Path("/proc/meminfo")
_CONTROL_GROUP = Path("/sys/fs/cgroup")


def python() -> Finding:
    """The Python that runs the engine."""
    status = "ok" if sys.version_info >= (3, 10) else "error"
    return Finding("Python", status, f"{platform.python_version()} on {platform.platform()}")


def device() -> Iterator[Finding]:
    """What networks run on by default, its driver and its memory."""
    try:
        from semantic_matte.device_facts import toolkit_version
        from semantic_matte.devices import choose_device

        name, sentence = choose_device("auto")
    except (ImportError, OSError) as error:
        yield Finding("device", "error", f"torch can't be loaded: {error}")
        return
    yield Finding("device", "warning" if name == "cpu" else "ok", f"{name}: {sentence}")
    yield _driver(name, toolkit_version())
    yield from _gpu_memory(name)


def _driver(device: str, toolkit: str) -> Finding:
    """The GPU's driver, and what torch brings for it."""
    driver = driver_version()
    brings = f"torch brings {toolkit}" if toolkit else "this build of torch brings nothing for NVIDIA's GPUs"
    if driver and device == "cpu":
        return Finding(
            "GPU driver",
            "warning",
            f"NVIDIA {driver} is there, but {brings} and runs on the CPU: install a torch that fits the "
            "driver, as https://pytorch.org/get-started/locally says",
        )
    if driver:
        return Finding("GPU driver", "ok", f"NVIDIA {driver}, {brings}")
    return Finding("GPU driver", "ok", f"no NVIDIA driver was found (nvidia-smi); {brings}")


def driver_version() -> str:
    """The version of NVIDIA's driver; empty where nvidia-smi is not there or does not answer."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return ""
    try:
        done = subprocess.run(  # noqa: S603
            [program, "--query-gpu=driver_version", "--format=csv,noheader"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SMI_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    lines = done.stdout.split()
    return lines[0] if done.returncode == 0 and lines else ""


def _gpu_memory(device: str) -> Iterator[Finding]:
    from semantic_matte.device_facts import gpu_memory

    try:
        amounts = gpu_memory(device)
    except RuntimeError as error:
        said = str(error).splitlines()[0]
        yield Finding("GPU memory", "error", f"{device} does not say ({said}): restart the machine")
        return
    if amounts is not None:
        free, total = amounts
        text = f"{gigabytes(free)} free of {gigabytes(total)} on {device}"
        enough = free >= LEAST_GPU_MEMORY
        advice = (
            "" if enough else ": close other programs that use the GPU ('semantic-matte worker stop' is one)"
        )
        yield Finding("GPU memory", "ok" if enough else "warning", text + advice)


def memory() -> Finding:
    """Main memory that can be had without swapping."""
    free = free_memory()
    if free is None:
        return Finding("memory", "ok", "this system does not say how much main memory is free")
    text = f"{gigabytes(free)} free"
    if free >= LEAST_MEMORY:
        return Finding("memory", "ok", text)
    advice = f"less than {gigabytes(LEAST_MEMORY)}: close other programs or use smaller plates"
    return Finding("memory", "warning", f"{text}, {advice}")


def free_memory() -> int | None:
    """Bytes of main memory that can be had, within the limit of this container; None where it is not told."""
    known = [amount for amount in (_system_memory(), _group_memory()) if amount is not None]
    return min(known) if known else None


def _system_memory() -> int | None:
    try:
        for line in _MEMINFO.read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError, AttributeError):
        return None


def _group_memory() -> int | None:
    """What is left of the limit of this process's own control group (version 2), where it has one."""
    try:
        limit = int((_CONTROL_GROUP / "memory.max").read_text(encoding="ascii"))
        used = int((_CONTROL_GROUP / "memory.current").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    return max(0, limit - used)
