"""ViTMatte by transformers, from a folder of the user's own.

Source: Yao, Wang, Yang & Wang, "ViTMatte: Boosting Image Matting with Pretrained Plain Vision Transformers",
Information Fusion 2024 (https://arxiv.org/abs/2305.15272). The folder is what `save_pretrained` writes:
config.json, preprocessor_config.json and safetensors. Nothing is downloaded, no pickle is opened and no code
of the folder is run.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from semantic_matte.devices import choose_device
from semantic_matte.errors import WeightsError
from semantic_matte.estimators.patch_network import MULTIPLE, PatchNetwork
from semantic_matte.settings import Settings
from semantic_matte.transformers_folders import (
    CONFIG_FILE,
    PROCESSOR_FILE,
    ModelFolder,
    load_network,
    read_json,
    transformers_class,
)

if TYPE_CHECKING:
    from torch import Tensor

USER = "Estimator 'vitmatte'"


class VitMatte(PatchNetwork):
    """transformers' VitMatteForImageMatting in single precision."""

    name = "vitmatte"

    def __init__(self, folder: Path, settings: Settings) -> None:
        """Raises MissingPackageError, DeviceError, or WeightsError for a folder that can't be understood."""
        found = folder.expanduser()
        if not found.is_dir():
            raise WeightsError(
                f"Estimator 'vitmatte': expected a folder with a model, got '{folder}', which is none; "
                "models are not downloaded."
            )
        device, _ = choose_device(settings.device)
        self._network = _load(found).to(device)
        processor = read_json(found / PROCESSOR_FILE, USER)
        self._mean, self._std = (_three(processor, key, found) for key in ("image_mean", "image_std"))
        files = ModelFolder(found, found.resolve().name).describe()
        super().__init__(device, files, multiple=MULTIPLE)

    def _predict(self, colour: Tensor, levels: Tensor) -> Tensor:
        import torch

        mean = colour.new_tensor(self._mean).reshape(1, 3, 1, 1)
        std = colour.new_tensor(self._std).reshape(1, 3, 1, 1)
        joined = torch.cat(((colour - mean) / std, levels), dim=1)
        alpha: Tensor = self._network(pixel_values=joined).alphas[:, 0]
        return alpha


def _load(folder: Path) -> Any:
    """The network on the CPU, for inference, once every weight of it came from the folder."""
    config = read_json(folder / CONFIG_FILE, USER)
    if config.get("model_type") != "vitmatte":
        raise WeightsError(
            f"'{folder}': expected a model of type 'vitmatte', got '{config.get('model_type', 'none')}'."
        )
    if config.get("use_pretrained_backbone") or config.get("use_timm_backbone"):
        raise WeightsError(f"'{folder}': its backbone would be fetched from elsewhere, which is not done here.")
    return load_network(transformers_class("VitMatteForImageMatting", USER), folder, "ViTMatte")


def _three(processor: dict[str, Any], key: str, folder: Path) -> tuple[float, ...]:
    """Mean or deviation of R, G, B on the 0..1 scale; one number counts for all three."""
    if not processor.get("do_normalize", True):
        return (0.0,) * 3 if key == "image_mean" else (1.0,) * 3
    given = processor.get(key)
    values = [given] * 3 if isinstance(given, (int, float)) else given
    good = isinstance(values, list) and len(values) == 3
    if not good or not all(isinstance(value, (int, float)) for value in values or ()):
        raise WeightsError(f"'{folder / PROCESSOR_FILE}': expected three numbers in '{key}', got {given!r}.")
    return tuple(float(value) for value in values or ())
