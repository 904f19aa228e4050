"""Models of the library transformers, from a folder of the user's own or from the hub's cache on this machine.

A folder is what `save_pretrained` writes: config.json, preprocessor_config.json and safetensors. Nothing is
downloaded, no pickle is opened, no code of the folder is run, and weights that are not all there are refused.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semantic_matte.errors import MissingPackageError, WeightsError
from semantic_matte.model_files import describe_model_file, first_line

CONFIG_FILE = "config.json"
PROCESSOR_FILE = "preprocessor_config.json"
TOKENIZER_FILES = ("tokenizer.json", "vocab.json")
# "owner/model" or "model", as the hub allows them.
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")


@dataclass(frozen=True)
class ModelFolder:
    """A folder with a model. path: where it lies. title: how a result names it."""

    path: Path
    title: str

    @property
    def model_type(self) -> str:
        """What its config calls itself, as "mask2former"; empty if it does not say. Raises WeightsError."""
        return str(read_json(self.path / CONFIG_FILE, "transformers").get("model_type", ""))

    def require_tokenizer(self) -> None:
        """Raises WeightsError if its words are not there: the library would go on with none."""
        if not any((self.path / file).is_file() for file in TOKENIZER_FILES):
            raise WeightsError(f"'{self.path}': its tokenizer ({' or '.join(TOKENIZER_FILES)}) is missing.")

    def describe(self) -> list[dict[str, str]]:
        """What a result's sidecar says of each file of weights."""
        files = sorted(self.path.glob("*.safetensors"))
        return [describe_model_file(file, f"{self.title}/{file.name}") for file in files]


def find_folder(name: str, user: str) -> ModelFolder:
    """The folder of this path, or the hub's model of this name as it lies in the cache.

    user: what needs it, as in "Segmenter 'transformers'". Raises WeightsError, saying how to get it.
    """
    path = Path(name).expanduser()
    if path.is_dir():
        return ModelFolder(path, path.resolve().name)
    if not _HUB_NAME.fullmatch(name):
        raise WeightsError(f"{user}: expected a folder with a model, or a name on the hub, got '{name}'.")
    transformers_module(user)
    from huggingface_hub import snapshot_download

    try:
        with quiet():
            found = Path(snapshot_download(name, local_files_only=True))
    # Which errors a missing or broken cache gives differs from one version of the hub's library to the next.
    except Exception:
        found = path
    if not (found / CONFIG_FILE).is_file():
        raise WeightsError(
            f"{user}: '{name}' is no folder, and no model of that name is in the hub's cache; nothing is "
            f"downloaded here. Get it by: hf download {name}"
        )
    return ModelFolder(found, name)


def transformers_module(user: str) -> Any:
    """The library. Raises MissingPackageError."""
    try:
        import transformers
    except ImportError:
        raise MissingPackageError(
            f"{user} needs transformers: pip install 'semantic-matte[transformers]'."
        ) from None
    return transformers


def transformers_class(name: str, user: str) -> Any:
    """A class of the library. Raises MissingPackageError if the installed version does not have it."""
    library = transformers_module(user)
    try:
        return getattr(library, name)
    except AttributeError:
        raise MissingPackageError(
            f"{user} needs a newer transformers: {library.__version__} has no {name}. "
            "pip install --upgrade transformers"
        ) from None


def read_json(path: Path, user: str) -> dict[str, Any]:
    """A JSON object of a model's folder. Raises WeightsError."""
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise WeightsError(f"{user}: '{path}' is missing or no JSON object.")
    return given


def load_network(network_class: Any, folder: Path, kind: str, **options: Any) -> Any:
    """The network on the CPU, in single precision, for inference, once every weight of it came from the folder.

    network_class: transformers' class. kind: what the model is called in a sentence. options: to its
    `from_pretrained`. Raises WeightsError.
    """
    try:
        with quiet(), offline():
            network, report = network_class.from_pretrained(
                folder,
                local_files_only=True,
                use_safetensors=True,
                trust_remote_code=False,
                output_loading_info=True,
                **options,
            )
    # Which errors a broken folder gives differs from one version of transformers to the next.
    except Exception as error:
        raise WeightsError(f"'{folder}' can't be read as a {kind} model: {first_line(error)}.") from None
    for key in ("missing_keys", "mismatched_keys"):
        if report.get(key):
            name = min(str(name) for name in report[key])
            raise WeightsError(f"'{folder}' does not have all of {kind}'s weights: '{name}' is not there.")
    return network.float().eval()


def load_part(part_class: Any, folder: Path, what: str, **options: Any) -> Any:
    """A config, an image processor or a tokenizer. what: its name in a sentence. Raises WeightsError."""
    try:
        with quiet(), offline():
            return part_class.from_pretrained(folder, local_files_only=True, trust_remote_code=False, **options)
    except Exception as error:
        raise WeightsError(f"'{folder}': its {what} can't be read: {first_line(error)}.") from None


@contextlib.contextmanager
def offline() -> Iterator[None]:
    """Inside, nothing that the library thinks it needs is fetched from the hub: it fails instead.

    Some processors and backbones name other repositories, whatever `local_files_only` says.
    """
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


@contextlib.contextmanager
def quiet() -> Iterator[None]:
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
