"""The packages that the engine stands on, and what is known to be wrong with old ones."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterator

from semantic_matte.doctor.finding import Finding

# Distributions, and whether the default path needs them.
PACKAGES = {
    "torch": True,
    "torchvision": False,
    "numpy": True,
    "opencv-python-headless": True,
    "OpenImageIO": True,
    "PyMatting": True,
    "pycocotools": True,
    "detectron2": False,
    "onnxruntime": False,
    "transformers": False,
}

# Known flaws of torch.load(weights_only=True), which opens brought and pulled weights: the first version that
# is free of it, what a crafted file can do, its number. Affected are torch up to 2.5.1 (GHSA-53q9-r3pm-6pq6)
# and up to 2.9.1 (GHSA-63cw-57p8-fm3p).
TORCH_FLAWS = (
    ((2, 6), "run code", "CVE-2025-32434"),
    ((2, 10), "damage memory and perhaps run code", "CVE-2026-24747"),
)


def packages() -> Iterator[Finding]:
    """Each package with its version, or that it is missing."""
    for name, needed in PACKAGES.items():
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            missing = "missing: install semantic-matte again" if needed else "not installed (optional)"
            yield Finding(name, "error" if needed else "ok", missing)
        else:
            yield torch_finding(version) if name == "torch" else Finding(name, "ok", version)


def torch_finding(version: str) -> Finding:
    """torch's row; a warning where its safe loading is known not to be safe. version: as in "2.9.1+cu128"."""
    numbers = re.match(r"(\d+)\.(\d+)", version)
    release = (int(numbers[1]), int(numbers[2])) if numbers else (0, 0)
    for fixed, harm, advisory in TORCH_FLAWS:
        if release < fixed:
            return Finding(
                "torch",
                "warning",
                f"{version}: before {fixed[0]}.{fixed[1]} a crafted .pth file can {harm} although torch loads "
                f"it with weights_only ({advisory}); update torch, and until then load only safetensors or "
                "files from people you trust",
            )
    return Finding("torch", "ok", version)


def installed_distributions() -> list[tuple[str, str]]:
    """(name, version) of every distribution that this Python has, by name, each once."""
    found: dict[str, tuple[str, str]] = {}
    for distribution in importlib.metadata.distributions():
        # A broken one has no name.
        name = distribution.metadata["Name"] if distribution.metadata else None
        if name:
            found.setdefault(name.lower(), (name, distribution.version or ""))
    return [found[name] for name in sorted(found)]
