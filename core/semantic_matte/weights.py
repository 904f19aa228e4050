"""The models: manifest, licence, checksum, safe loading.

Embedded ones travel with the package; downloadable ones are pulled by `semantic-matte weights pull NAME` and by
nothing else, into a folder of `weights_folders`. A file whose checksum is not what it should be is refused.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semantic_matte.checksums import WHOLE, difference, digests, is_checksum
from semantic_matte.errors import LicenceError, UnknownNameError, WeightsError
from semantic_matte.weights_folders import OFFLINE_VARIABLE, offline, search_folders

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

# Inside an installed wheel the models lie in the package; in a clone, in the folder at its top.
_FOLDERS = (
    Path(__file__).parent / "embedded" / "weights",
    Path(__file__).parent.parent.parent / "weights",
)
# What a row may say of commercial use, and how that is put into a sentence.
_USE = {"yes": "allowed", "no": "not allowed", "unclear": "not clearly allowed"}


@dataclass(frozen=True)
class ModelFile:
    """One row of the manifest.

    path: where it is, or for a model that is not here, where a pull would put it. size: in bytes; None where
    the publisher does not say. sha256: whole, or its first digits where the publisher names only those, or
    empty; md5: the same, for files whose names carry it. url: empty for an embedded one. classes: the name of a
    known set ("coco80") or the names themselves. input: what it is fed. family: which library or layout it is
    for. terms: what is known of an unclear licence. licence_accepted: the user took those terms.
    """

    name: str
    path: Path
    task: str
    size: int | None
    sha256: str
    licence: str
    commercial_use: str
    origin: str
    md5: str = ""
    url: str = ""
    classes: str | tuple[str, ...] = ()
    input: str = ""
    family: str = ""
    terms: str = ""
    licence_accepted: bool = False

    @property
    def checksums(self) -> dict[str, str]:
        """What the manifest says of the file's checksums, by algorithm; whole or first digits."""
        return {name: digits for name in WHOLE if (digits := getattr(self, name))}

    def describe(self) -> dict[str, str]:
        """What a result's sidecar says of the model; with the user's acceptance where one was needed."""
        described = {
            "name": self.name,
            "licence": self.licence,
            "sha256": self.sha256,
            "origin": self.origin,
        }
        if self.licence_accepted:
            described |= {"commercial_use": self.commercial_use, "licence_accepted": self.name}
        return described


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
    folder = weights_folder()
    return _rows(folder, "models", folder)


def downloadable() -> dict[str, ModelFile]:
    """The models that can be pulled, by name, whether they are here or not."""
    return _rows(weights_folder(), "downloads", search_folders()[0])


def _rows(listed_in: Path, section: str, folder: Path) -> dict[str, ModelFile]:
    """One section of the manifest; folder: where its files lie. Raises WeightsError."""
    import yaml

    try:
        rows = _sections((listed_in / "manifest.yaml").read_text(encoding="utf-8"))[section]
        return {name: _row(name, row, folder) for name, row in rows.items()}
    except (yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError, OSError) as error:
        raise WeightsError(
            f"The models' manifest in '{listed_in}' can't be read ({str(error).splitlines()[0]}). "
            "Install semantic-matte again."
        ) from None


@functools.lru_cache(maxsize=2)
def _sections(text: str) -> Any:
    """What a manifest's text says. Parsing takes longer than whatever else a small job does first."""
    import yaml

    return yaml.safe_load(text)


def _row(name: str, row: Mapping[str, Any], folder: Path) -> ModelFile:
    """One model. Raises KeyError, TypeError or ValueError for what a row must not lack."""
    classes = row.get("classes", ())
    model = ModelFile(
        name=name,
        path=folder / row["file"],
        task=row["task"],
        size=int(row["size"]) if "size" in row else None,
        sha256=str(row.get("sha256", "")),
        licence=row["licence"],
        commercial_use=row["commercial_use"],
        origin=row["origin"],
        classes=classes if isinstance(classes, str) else tuple(classes),
        md5=str(row.get("md5", "")),
        url=row.get("url", ""),
        input=row.get("input", ""),
        family=row.get("family", ""),
        terms=row.get("terms", ""),
    )
    if model.commercial_use not in _USE:
        raise ValueError(f"'commercial_use' of model '{name}' is none of {', '.join(_USE)}")
    if not model.checksums or not all(is_checksum(*each) for each in model.checksums.items()):
        raise ValueError(f"model '{name}' has no checksum, or none that is one")
    return model


def find_model(name: str) -> ModelFile:
    """The manifest's row for a model, embedded or downloadable."""
    model = manifest().get(name) or downloadable().get(name)
    if model is None:
        raise UnknownNameError("model", name, [*manifest(), *downloadable()])
    return model


def allowed(model: ModelFile, accepted: Collection[str]) -> None:
    """Raise LicenceError unless the model may be used commercially or the user accepted its terms.

    accepted: names of models, as `--accept-licence` and the control `accept_licence` give them.
    """
    if model.commercial_use == "yes" or model.name in accepted:
        return
    terms = f"; {model.terms}" if model.terms else ""
    raise LicenceError(
        f"Commercial use of model '{model.name}' is {_USE[model.commercial_use]} "
        f"(licence: {model.licence}{terms}). See {model.origin}, and if the terms suit what you do, say so: "
        f"--accept-licence {model.name}"
    )


def local_model(name: str, accepted: Collection[str] = ()) -> ModelFile:
    """A model that is on this machine, to be used: its row, with `path` where it lies and its whole `sha256`.

    name: as in the manifest. accepted: the control `accept_licence`. Looks among the embedded models, in the
    folder that SEMANTIC_MATTE_WEIGHTS names and in the cache; never in the network. The file is read once to
    check it. Its `describe()` is for the sidecar and tells of an acceptance that was needed.

    Raises UnknownNameError; LicenceError if the terms need accepting; WeightsError if the file is not here,
    saying how to get it, or if it is damaged.
    """
    model = find_model(name)
    allowed(model, accepted)
    return replace(checked(model, located(model)), licence_accepted=model.commercial_use != "yes")


def places(model: ModelFile) -> list[Path]:
    """Where the model's file may lie, in the order in which it is looked for."""
    return [folder / model.path.name for folder in search_folders()] if model.url else [model.path]


def present(model: ModelFile) -> Path | None:
    """The first place where there is a file, not yet checked. None if the model is not here."""
    return next((place for place in places(model) if place.is_file()), None)


def located(model: ModelFile) -> Path:
    """As `present`, or raises WeightsError that says how to get the model."""
    place = present(model)
    if place is None:
        raise WeightsError(f"Model '{model.name}' is not here: {_remedy(model)}")
    return place


def _remedy(model: ModelFile) -> str:
    """How to get a model's file: the end of a sentence."""
    if not model.url:
        return "install semantic-matte again."
    if offline():
        return (
            f"{OFFLINE_VARIABLE} forbids the network, so fetch {model.url} elsewhere and put it as "
            f"'{model.path.name}' into '{model.path.parent}'."
        )
    return f"semantic-matte weights pull {model.name}"


def checked(model: ModelFile, path: Path) -> ModelFile:
    """The model's row with this path, the file's size and its whole sha256, once the file is what it should be.

    Compared are the manifest's checksums and, for a file that was pulled, the whole sha256 that was recorded
    then. Raises WeightsError.
    """
    expected = expected_checksums(model, path)
    try:
        size = path.stat().st_size
        found = digests(path, ["sha256", *expected])
    except OSError as error:
        raise WeightsError(
            f"The weights of '{model.name}' can't be read from '{path}' ({error.strerror})."
        ) from None
    clause = difference(expected, found)
    if clause:
        raise WeightsError(
            f"The weights of '{model.name}' in '{path}' are damaged or altered: {clause}. To get them anew: "
            f"{_remedy(model)}"
        )
    return replace(model, path=path, size=size, sha256=found["sha256"])


def expected_checksums(model: ModelFile, path: Path) -> dict[str, str]:
    """What a file in this place has to have, by algorithm: what the manifest says, and the whole sha256 that
    was recorded when it was pulled, where the manifest has none. Raises WeightsError for a record that can't be
    read."""
    if len(model.sha256) == WHOLE["sha256"]:
        return model.checksums
    recorded = recorded_sha256(path)
    # A record that the manifest contradicts is of an older file of that name.
    known = {"sha256": recorded} if recorded and recorded.startswith(model.sha256) else {}
    return model.checksums | known


def how_checked(model: ModelFile, path: Path | None = None) -> str:
    """What `checked` compares, in words; model: the manifest's row; path: of a file that is here.

    Raises WeightsError for a record that can't be read.
    """
    said = [
        f"its {algorithm}"
        if len(digits) == WHOLE[algorithm]
        else f"the first {len(digits)} digits of its {algorithm}, all that its publisher names"
        for algorithm, digits in model.checksums.items()
    ]
    if path is not None and expected_checksums(model, path) != model.checksums:
        said.append("the sha256 recorded when it was pulled")
    return f"checked by {', and by '.join(said)}"


def record_path(path: Path) -> Path:
    """Where the record of a pulled file lies: beside it."""
    return path.with_name(f"{path.name}.json")


def recorded_sha256(path: Path) -> str:
    """The whole sha256 that the file had when it was pulled; empty if it was not pulled but put there.

    Raises WeightsError for a record that can't be read.
    """
    record = record_path(path)
    try:
        sha256 = json.loads(record.read_text(encoding="utf-8"))["sha256"]
        if not is_checksum("sha256", sha256):
            raise ValueError(sha256)
    except FileNotFoundError:
        return ""
    except (OSError, ValueError, KeyError, TypeError):
        raise WeightsError(
            f"The record '{record}' can't be read: remove it, and pull or check the model again."
        ) from None
    return str(sha256)


def read_checked(model: ModelFile) -> bytes:
    """An embedded file's bytes, once they are what the manifest says. Raises WeightsError otherwise."""
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
