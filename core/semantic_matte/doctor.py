"""What runs where: one row a check, each with what was found and, where needed, what to do."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from semantic_matte import __version__
from semantic_matte.errors import SemanticMatteError

# Rows: import name of the distribution, and whether the default path needs it.
_PACKAGES = {
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
LEAST_FREE_BYTES = 1 << 30


@dataclass(frozen=True)
class Finding:
    """status: ok, warning or error. found: what is there, or what to do."""

    what: str
    status: str
    found: str

    def as_dict(self) -> dict[str, str]:
        """Plain values for JSON."""
        return asdict(self)


def examine() -> list[Finding]:
    """Every check, in the order in which a run would need them. Never raises for what it finds."""
    return [
        Finding("semantic-matte", "ok", __version__),
        _python(),
        *_packages(),
        _device(),
        *_models(),
        *_brought_models(),
        _colour(),
        _free_space(),
    ]


def _python() -> Finding:
    status = "ok" if sys.version_info >= (3, 10) else "error"
    return Finding("Python", status, f"{platform.python_version()} on {platform.platform()}")


def _packages() -> list[Finding]:
    findings = []
    for name, needed in _PACKAGES.items():
        try:
            findings.append(Finding(name, "ok", importlib.metadata.version(name)))
        except importlib.metadata.PackageNotFoundError:
            missing = "missing: install semantic-matte again" if needed else "not installed (optional)"
            findings.append(Finding(name, "error" if needed else "ok", missing))
    return findings


def _device() -> Finding:
    try:
        from semantic_matte.devices import choose_device

        device, sentence = choose_device("auto")
    except (ImportError, OSError) as error:
        return Finding("device", "error", f"torch can't be loaded: {error}")
    return Finding("device", "warning" if device == "cpu" else "ok", f"{device}: {sentence}")


def _models() -> list[Finding]:
    from semantic_matte.weights import manifest, read_checked

    try:
        models = manifest()
    except SemanticMatteError as error:
        return [Finding("models", "error", str(error))]
    findings = []
    for model in models.values():
        try:
            read_checked(model)
        except SemanticMatteError as error:
            findings.append(Finding(f"model {model.name}", "error", str(error)))
        else:
            text = f"{model.task}, {model.licence}, checksum good"
            findings.append(Finding(f"model {model.name}", "ok", text))
    return findings


def _brought_models() -> list[Finding]:
    """Which kinds of models of the user's own can be used, and what the others lack."""
    from semantic_matte.estimators import BROUGHT

    findings = []
    for name, brought in BROUGHT.items():
        found = f"ready: --estimator {name}:path/to/{brought.example}"
        if brought.package and importlib.util.find_spec(brought.package) is None:
            found = f"not installed (optional): pip install 'semantic-matte[{brought.extra}]'"
        findings.append(Finding(f"estimator {name}", "ok", found))
    return findings


def _colour() -> Finding:
    configured = os.environ.get("OCIO", "")
    if not configured:
        return Finding("OCIO", "ok", "not set: the built-in configuration is used")
    if configured.startswith("ocio://") or Path(configured).is_file():
        return Finding("OCIO", "ok", configured)
    return Finding("OCIO", "warning", f"$OCIO names '{configured}', which is not there")


def _free_space() -> Finding:
    folder = tempfile.gettempdir()
    free = shutil.disk_usage(folder).free
    status = "ok" if free >= LEAST_FREE_BYTES else "warning"
    return Finding("temporary folder", status, f"{folder}, {free / 1e9:.1f} GB free")
