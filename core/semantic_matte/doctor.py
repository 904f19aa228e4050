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
        *_pulled_models(),
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


def _pulled_models() -> list[Finding]:
    """The folder of pulled models, and each that is in it."""
    from semantic_matte.weights import checked, downloadable, how_checked, present
    from semantic_matte.weights_folders import FOLDER_VARIABLE, named_folder, search_folders

    named = named_folder()
    lost = named is not None and not named.is_dir()
    folder = f"${FOLDER_VARIABLE} names '{named}', which is not there" if lost else str(search_folders()[0])
    findings = [Finding("weights folder", "warning" if lost else "ok", folder)]
    try:
        rows = downloadable()
    except SemanticMatteError:
        # The row of the embedded models tells of it: it is the same manifest.
        return findings
    for name, model in rows.items():
        place = present(model)
        if place is None:
            continue
        try:
            checked(model, place)
            findings.append(Finding(f"model {name}", "ok", f"{model.licence}, {how_checked(model, place)}"))
        except SemanticMatteError as error:
            findings.append(Finding(f"model {name}", "error", str(error)))
    return findings


def _brought_models() -> list[Finding]:
    """Which kinds of models besides the embedded ones can be used, and what the others lack."""
    from semantic_matte import estimators, segmenters

    findings = [_default_segmenter()]
    for name, estimator in estimators.BROUGHT.items():
        ready = f"--estimator {name}:path/to/{estimator.example}"
        found = _ready(ready, estimator.package, estimator.extra)
        findings.append(Finding(f"estimator {name}", "ok", found))
    for name, segmenter in segmenters.BROUGHT.items():
        found = _ready(
            f"--segmenter {name}:{segmenter.example}", segmenter.package, segmenter.extra, segmenter.source
        )
        findings.append(Finding(f"segmenter {name}", "ok", found))
    return findings


def _default_segmenter() -> Finding:
    """What `--segmenter auto`, the default, takes here; terms that have to be accepted are not, here."""
    from semantic_matte.segmenters.best import AUTO, best_present
    from semantic_matte.settings import Settings

    try:
        return Finding(f"segmenter {AUTO}", "ok", f"takes '{best_present(Settings())[0]}'")
    except SemanticMatteError as error:
        return Finding(f"segmenter {AUTO}", "error", str(error))


def _ready(option: str, package: str, extra: str, source: str = "") -> str:
    """The option that takes such a model, or how to install the package that it needs, if it needs one."""
    if not package or importlib.util.find_spec(package) is not None:
        return f"ready: {option}"
    install = f"'semantic-matte[{extra}]'" if extra else package
    build = f", then build it as {source} says" if source else ""
    return f"not installed (optional): pip install {install}{build}"


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
