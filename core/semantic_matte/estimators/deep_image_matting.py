"""Deep Image Matting (Xu et al. 2017) with weights of the user's own: public checkpoints or one's own training.

A .safetensors file, or a PyTorch checkpoint that holds tensors and nothing that needs code to be built; see
`networks.deep_image_matting_checkpoints` for the key layouts. Public checkpoints were trained on Adobe's data,
whose terms are non-commercial: what the user brings is the user's to answer for.
"""

from __future__ import annotations

import functools

# For the name of its error alone: torch's own reader opens checkpoints, and builds tensors only.
import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semantic_matte.devices import choose_device
from semantic_matte.errors import WeightsError
from semantic_matte.estimators.patch_network import PatchNetwork
from semantic_matte.model_files import describe_model_file, find_model_file, first_line
from semantic_matte.settings import Settings

if TYPE_CHECKING:
    from torch import Tensor

# In the metadata of a safetensors file: "true" if encoder features are added in the decoder.
SKIPS_KEY = "skips"
# Before it a checkpoint could run code in spite of weights_only (CVE-2025-32434).
SAFE_TORCH = (2, 6)


class DeepImageMattingEstimator(PatchNetwork):
    """The paper's encoder-decoder, with its refinement stage if the file has its weights."""

    name = "deep_image_matting"

    def __init__(self, path: Path, settings: Settings) -> None:
        """Raises DeviceError, or WeightsError for a file that can't be understood."""
        from semantic_matte.networks.deep_image_matting import STRIDE
        from semantic_matte.networks.deep_image_matting_checkpoints import network_from_state

        found = find_model_file(path, f"Estimator '{self.name}'")
        device, _ = choose_device(settings.device)
        state, skips, notices = _read(found)
        try:
            self._network = network_from_state(state, skips=skips).to(device)
        except ValueError as error:
            raise WeightsError(f"'{found}' is no Deep Image Matting checkpoint: {error}.") from None
        super().__init__(device, [describe_model_file(found)], multiple=STRIDE, notices=notices)

    def _predict(self, colour: Tensor, levels: Tensor) -> Tensor:
        alpha: Tensor = self._network(colour, levels)[:, 0]
        return alpha


def _read(path: Path) -> tuple[dict[str, Tensor], bool, tuple[str, ...]]:
    """The state dictionary, whether the decoder has skips, and what the user has to know of it."""
    if path.suffix == ".safetensors":
        state, metadata = _read_safetensors(path)
    else:
        state, metadata = _read_checkpoint(path), {}
    if SKIPS_KEY in metadata:
        return state, metadata[SKIPS_KEY] == "true", ()
    if "skip" not in path.name.lower():
        return state, False, ()
    # As the one public checkpoint of this kind is named; its keys are those of one without.
    notice = f"The weights '{path.name}' are named for skips: encoder features are added in the decoder."
    return state, True, (notice,)


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as archive:
            names = archive.keys()
            return {name: archive.get_tensor(name) for name in names}, archive.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"'{path}' can't be read as safetensors: {first_line(error)}.") from None


def _read_checkpoint(path: Path) -> dict[str, Tensor]:
    """Tensors of a PyTorch checkpoint: a state dictionary, or one under 'state_dict'."""
    import torch

    version = tuple(int(part) for part in torch.__version__.split("+")[0].split(".")[:2])
    if version < SAFE_TORCH:
        raise WeightsError(
            f"torch {torch.__version__} can't open '{path}' safely: use torch 2.6 or later, or a .safetensors "
            "file."
        )
    try:
        with torch.serialization.safe_globals(_inert_numpy()), warnings.catch_warnings():
            # The warning says that the encoding does nothing here, but the public checkpoints need it.
            warnings.filterwarnings("ignore", message="pickle_load_args")
            content = torch.load(path, map_location="cpu", weights_only=True, encoding="latin1")
    except (pickle.UnpicklingError, RuntimeError, ValueError, LookupError, EOFError, OSError) as error:
        if "Unsupported" in str(error):
            raise WeightsError(
                f"'{path}' holds more than tensors, and opening it would run code. Save its state dictionary "
                "where it was made: safetensors.torch.save_file(model.state_dict(), 'model.safetensors')."
            ) from None
        raise WeightsError(f"'{path}' can't be read as a PyTorch checkpoint: {first_line(error)}.") from None
    return _tensors(content, path)


class _Inert:
    """Stands for something in a checkpoint that is not wanted: takes anything, does nothing."""

    def __init__(self, *_parts: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass


@functools.lru_cache(maxsize=1)
def _inert_numpy() -> list[Any]:
    """What numpy's numbers are made of, by their names in a file: public checkpoints hold one beside theirs."""
    names = {
        "numpy": ("dtype",),
        "numpy.core.multiarray": ("scalar",),
        "numpy._core.multiarray": ("scalar",),
        "_codecs": ("encode",),
    }
    return [
        type(name, (_Inert,), {"__module__": module}) for module, members in names.items() for name in members
    ]


def _tensors(content: Any, path: Path) -> dict[str, Tensor]:
    import torch

    inner = content.get("state_dict", content) if isinstance(content, Mapping) else None
    if not isinstance(inner, Mapping) or not inner:
        raise WeightsError(f"'{path}' holds no state dictionary, got {type(content).__name__}.")
    for name, value in inner.items():
        if not isinstance(value, torch.Tensor):
            raise WeightsError(f"'{path}': expected a tensor named '{name}', got {type(value).__name__}.")
    return {str(name): value for name, value in inner.items()}
