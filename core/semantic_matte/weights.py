"""The embedded models: manifest, licence, checksum, safe loading.

Files are safetensors and nothing else, and a file whose checksum is not the manifest's is refused.
"""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from semantic_matte.errors import UnknownNameError, WeightsError

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

# Inside an installed wheel the models lie in the package; in a clone, in the folder at its top.
_FOLDERS = (
    Path(__file__).parent / "embedded" / "weights",
    Path(__file__).parent.parent.parent / "weights",
)


@dataclass(frozen=True)
class ModelFile:
    """One row of the manifest."""

    name: str
    path: Path
    task: str
    size: int
    sha256: str
    licence: str
    commercial_use: str
    origin: str

    def describe(self) -> dict[str, str]:
        """What a result's sidecar says of the model."""
        return {
            "name": self.name,
            "licence": self.licence,
            "sha256": self.sha256,
            "origin": self.origin,
        }


def weights_folder() -> Path:
    """Where the embedded models lie. Raises WeightsError if they are not there."""
    for folder in _FOLDERS:
        if (folder / "manifest.yaml").is_file():
            return folder
    raise WeightsError(
        "The embedded models are missing: expected manifest.yaml in "
        f"'{_FOLDERS[0]}'. Install semantic-matte again."
    )


@functools.lru_cache(maxsize=1)
def manifest() -> dict[str, ModelFile]:
    """The embedded models by name."""
    import yaml

    folder = weights_folder()
    try:
        rows = yaml.safe_load((folder / "manifest.yaml").read_text(encoding="utf-8"))["models"]
        return {
            name: ModelFile(
                name=name,
                path=folder / row["file"],
                task=row["task"],
                size=int(row["size"]),
                sha256=row["sha256"],
                licence=row["licence"],
                commercial_use=row["commercial_use"],
                origin=row["origin"],
            )
            for name, row in rows.items()
        }
    except (yaml.YAMLError, KeyError, TypeError, ValueError, OSError) as error:
        raise WeightsError(
            f"The models' manifest in '{folder}' can't be read ({str(error).splitlines()[0]}). "
            "Install semantic-matte again."
        ) from None


def find_model(name: str) -> ModelFile:
    """The manifest's row for a model."""
    models = manifest()
    if name not in models:
        raise UnknownNameError("model", name, models)
    return models[name]


def read_checked(model: ModelFile) -> bytes:
    """The file's bytes, once they are what the manifest says. Raises WeightsError otherwise."""
    try:
        content = model.path.read_bytes()
    except OSError as error:
        raise WeightsError(
            f"The weights of '{model.name}' can't be read from '{model.path}' "
            f"({error.strerror}). Install semantic-matte again."
        ) from None
    found = hashlib.sha256(content).hexdigest()
    if found != model.sha256:
        raise WeightsError(
            f"The weights of '{model.name}' in '{model.path}' are damaged or altered: expected "
            f"sha256 {model.sha256[:12]}..., got {found[:12]}.... Install semantic-matte again."
        )
    return content


def load_weights(name: str) -> dict[str, Tensor]:
    """The tensors of an embedded model, by their names in the network, on the CPU."""
    import safetensors.torch
    from safetensors import SafetensorError

    model = find_model(name)
    try:
        return safetensors.torch.load(read_checked(model))
    except SafetensorError as error:
        raise WeightsError(f"The weights of '{name}' are not a safetensors file ({error}).") from None


def load_network(network: Module, name: str, device: str) -> None:
    """Put an embedded model's weights into its network, and the network on its device, for inference."""
    try:
        network.load_state_dict(load_weights(name))
    except RuntimeError:
        raise WeightsError(
            f"The weights of '{name}' do not fit its network. Install semantic-matte again."
        ) from None
    network.eval().to(device)
