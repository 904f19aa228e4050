"""Ways to solve a trimap, by name: a dict from name to factory.

Networks that a user brings are in a dict of their own: they are named with their file, as in
`onnx:models/mine.onnx`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from semantic_matte.device_memory import memory_told
from semantic_matte.errors import UnknownNameError, UsageError
from semantic_matte.estimators.closed_form import ClosedForm
from semantic_matte.estimators.deep_image_matting import DeepImageMattingEstimator
from semantic_matte.estimators.network import Network
from semantic_matte.estimators.onnx import OnnxNetwork
from semantic_matte.estimators.torchscript import TorchScriptNetwork
from semantic_matte.estimators.vitmatte import VitMatte
from semantic_matte.ports import MatteEstimator
from semantic_matte.settings import Settings

ESTIMATORS: dict[str, Callable[[Settings], MatteEstimator]] = {
    "network": Network,
    "closed_form": lambda settings: ClosedForm(),
}


@dataclass(frozen=True)
class Brought:
    """A way to solve a trimap by a model of the user's own.

    create: from the model's path. example: a path, to show what is meant. package: the module that it needs
    besides torch, which the extra of this project installs; both empty if it needs none.
    """

    create: Callable[[Path, Settings], MatteEstimator]
    example: str
    package: str = ""
    extra: str = ""


BROUGHT: dict[str, Brought] = {
    "onnx": Brought(OnnxNetwork, "model.onnx", "onnxruntime", "onnx"),
    "torchscript": Brought(TorchScriptNetwork, "model.pt"),
    "vitmatte": Brought(VitMatte, "folder", "transformers", "transformers"),
    "deep_image_matting": Brought(DeepImageMattingEstimator, "model.safetensors"),
}


def create_estimator(settings: Settings) -> MatteEstimator:
    """The estimator that the settings name: a name, or a name and a model's path with a colon between them.

    Raises UnknownNameError, listing the known ones, or UsageError for a missing path; a model that can't be
    used raises WeightsError, DeviceError or MissingPackageError.
    """
    # Where the choice is left to us it is not made yet; but memory that is not the machine's own is a GPU's.
    place = "the GPU" if settings.device == "auto" else settings.device
    with memory_told(f"Estimator '{settings.estimator}'", place, "take a smaller model"):
        return _create(settings)


def _create(settings: Settings) -> MatteEstimator:
    """As `create_estimator`, but for the words where memory runs out."""
    if settings.estimator in ESTIMATORS:
        return ESTIMATORS[settings.estimator](settings)
    name, _, place = settings.estimator.partition(":")
    if name not in BROUGHT:
        known = [*ESTIMATORS, *(f"{name}:{brought.example}" for name, brought in BROUGHT.items())]
        raise UnknownNameError("estimator", settings.estimator, known)
    brought = BROUGHT[name]
    if not place.strip():
        raise UsageError(f"Estimator '{name}' needs its model: name it as {name}:path/to/{brought.example}.")
    return brought.create(Path(place.strip()), settings)
