"""ViTMatte by transformers, from a folder of the user's own.

Source: Yao, Wang, Yang & Wang, "ViTMatte: Boosting Image Matting with Pretrained Plain Vision Transformers",
Information Fusion 2024 (https://arxiv.org/abs/2305.15272). The folder is what `save_pretrained` writes:
config.json, preprocessor_config.json and safetensors. Nothing is downloaded, no pickle is opened and no code
of the folder is run.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semantic_matte.devices import choose_device
from semantic_matte.errors import MissingPackageError, WeightsError
from semantic_matte.estimators.patch_network import MULTIPLE, PatchNetwork
from semantic_matte.model_files import describe_model_file, first_line
from semantic_matte.settings import Settings

if TYPE_CHECKING:
    from torch import Tensor

PROCESSOR_FILE = "preprocessor_config.json"


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
        processor = _read_json(found / PROCESSOR_FILE)
        self._mean, self._std = (_three(processor, key, found) for key in ("image_mean", "image_std"))
        files = sorted(found.glob("*.safetensors"))
        super().__init__(
            device,
            [describe_model_file(file, f"{found.resolve().name}/{file.name}") for file in files],
            multiple=MULTIPLE,
        )

    def _predict(self, colour: Tensor, levels: Tensor) -> Tensor:
        import torch

        mean = colour.new_tensor(self._mean).reshape(1, 3, 1, 1)
        std = colour.new_tensor(self._std).reshape(1, 3, 1, 1)
        joined = torch.cat(((colour - mean) / std, levels), dim=1)
        alpha: Tensor = self._network(pixel_values=joined).alphas[:, 0]
        return alpha


def _load(folder: Path) -> Any:
    """The network on the CPU, for inference, once every weight of it came from the folder."""
    config = _read_json(folder / "config.json")
    if config.get("model_type") != "vitmatte":
        raise WeightsError(
            f"'{folder}': expected a model of type 'vitmatte', got '{config.get('model_type', 'none')}'."
        )
    if config.get("use_pretrained_backbone") or config.get("use_timm_backbone"):
        raise WeightsError(f"'{folder}': its backbone would be fetched from elsewhere, which is not done here.")
    try:
        from transformers import VitMatteForImageMatting
    except ImportError:
        raise MissingPackageError(
            "Estimator 'vitmatte' needs transformers: pip install 'semantic-matte[transformers]'."
        ) from None
    try:
        with _quiet():
            network, report = VitMatteForImageMatting.from_pretrained(
                folder, local_files_only=True, use_safetensors=True, output_loading_info=True
            )
    # Which errors a broken folder gives differs from one version of transformers to the next.
    except Exception as error:
        raise WeightsError(f"'{folder}' can't be read as a ViTMatte model: {first_line(error)}.") from None
    for key in ("missing_keys", "mismatched_keys"):
        if report.get(key):
            name = min(str(name) for name in report[key])
            raise WeightsError(f"'{folder}' does not have all of ViTMatte's weights: '{name}' is not there.")
    return network.float().eval()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without transformers' own bars and warnings: they would end up among a shell's output."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def _read_json(path: Path) -> dict[str, Any]:
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        given = None
    if not isinstance(given, dict):
        raise WeightsError(f"Estimator 'vitmatte': '{path}' is missing or no JSON object.")
    return given


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
