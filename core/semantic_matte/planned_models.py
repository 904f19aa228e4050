"""Which model files a run may use, by its settings alone: before any network, and torch itself, is loaded.

More than a run comes to use may be named, never less: the embedded segmenter takes its network for salient
subjects only where nothing else is found, and its file is here all the same. Every row of the registries of
segmenters, estimators and trackers has one here.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from semantic_matte import estimators, segmenters, trackers
from semantic_matte.errors import SemanticMatteError
from semantic_matte.estimators.network import MODEL as MATTING_NETWORK
from semantic_matte.model_contents import file_sha256, folder_files, onnx_files
from semantic_matte.segmenters import detectron2_models, hints_go_to
from semantic_matte.segmenters import torchvision_mask_rcnn as mask_rcnn
from semantic_matte.segmenters.best import AUTO, best_present
from semantic_matte.segmenters.class_names import COMMON_FILE, ENDING
from semantic_matte.segmenters.transformers_models import DEFAULT_FINDER, place_and_finder
from semantic_matte.segmenters.transformers_prompts import PROMPTABLE
from semantic_matte.settings import Settings
from semantic_matte.transformers_folders import find_folder
from semantic_matte.weights import allowed, find_model, located

# What the embedded segmenter may load.
STARTER_MODELS = ("nanodet", "box_mask", "class_shapes", "u2netp")
NAMED_WITH_A_MODEL = frozenset({*segmenters.BROUGHT, *estimators.BROUGHT, *trackers.BROUGHT})


@dataclass(frozen=True)
class _Asked:
    """A part of a run. part: "segmenter", "finder", "estimator" or "tracker". model: the text after the colon
    of its name.

    hinted: whether an artist's hints say where the objects are.
    """

    part: str
    model: str
    settings: Settings
    hinted: bool = False


class _UnclearError(Exception):
    """No model that can be used is named: the run will say what is wrong."""


# part, name, sha256 of each file.
_Files = Iterator[tuple[str, str, str]]


def planned_models(
    settings: Settings, *, hinted: bool = False, with_trimap: bool = False, tracked: bool = False
) -> list[Mapping[str, str]] | None:
    """Every model file that a run with these settings may use: part, name and whole sha256 of each.

    hinted: an artist's hints say where the objects are; with_trimap: an artist's trimap does, and no segmenter
    is used; tracked: a shot's objects are tied by the tracker. Embedded models are named by the manifest, which
    loading holds them to; all others are read, each once in a process. Loads neither networks nor torch.
    None where a model is not here, may not be used or can't be made out: the run itself will refuse it, and
    says best why. Nothing is raised.
    """
    try:
        files = [] if with_trimap else list(_segmenter_files(settings, hinted))
        files += _files_of(ESTIMATOR_FILES, settings.estimator, "estimator", settings)
        if tracked:
            files += _files_of(TRACKER_FILES, settings.tracker, "tracker", settings)
    except (SemanticMatteError, _UnclearError):
        return None
    return [{"part": part, "name": name, "sha256": sha256} for part, name, sha256 in dict.fromkeys(files)]


def _segmenter_files(settings: Settings, hinted: bool) -> _Files:
    """As `Engine` chooses: hints go to a segmenter that they can ask; where they can't, none is used."""
    if not hinted or hints_go_to(settings):
        yield from _files_of(SEGMENTER_FILES, settings.segmenter, "segmenter", settings, hinted)


def _files_of(
    rows: Mapping[str, Callable[[_Asked], _Files]],
    text: str,
    part: str,
    settings: Settings,
    hinted: bool = False,
) -> _Files:
    """Of the part that `text` names, as "starter" or "onnx:model.onnx"."""
    name, colon, model = text.partition(":")
    if name not in rows or (colon and name not in NAMED_WITH_A_MODEL):
        raise _UnclearError
    yield from rows[name](_Asked(part, model.strip(), settings, hinted))


def _listed(asked: _Asked, *names: str) -> _Files:
    """Models of the manifest that travel with the package."""
    yield from ((asked.part, name, find_model(name).sha256) for name in names)


def _pulled(asked: _Asked, name: str) -> _Files:
    """A model of the manifest that was pulled. Raises LicenceError or WeightsError as loading it does."""
    model = find_model(name)
    allowed(model, asked.settings.accept_licence)
    yield asked.part, name, file_sha256(located(model))


def _brought(asked: _Asked, *paths: Path) -> _Files:
    """Files of the user's. Their names count, because some readers go by them."""
    for path in paths:
        if not path.is_file():
            raise _UnclearError
        yield asked.part, path.name, file_sha256(path)


def _own_file(asked: _Asked) -> Path:
    """The model's path where it has to be one."""
    path = Path(asked.model).expanduser()
    if not path.is_file():
        raise _UnclearError
    return path


def _with_notes(asked: _Asked, path: Path) -> _Files:
    """A file of weights, and the notes beside it that may name its classes."""
    notes = (path.with_name(path.stem + ENDING), path.with_name(COMMON_FILE))
    yield from _brought(asked, path, *(place for place in notes if place.is_file()))


def _auto(asked: _Asked) -> _Files:
    """What is the best here today."""
    return _files_of(SEGMENTER_FILES, best_present(asked.settings)[0], asked.part, asked.settings)


def _torchvision(asked: _Asked) -> _Files:
    for architecture, weights in mask_rcnn.WEIGHTS.items():
        versions = [f"{weights}.{version}" for version in mask_rcnn.VERSIONS]
        if (asked.model or mask_rcnn.V2) in (architecture, weights, *versions):
            return _pulled(asked, mask_rcnn.MANIFEST[architecture])
    return _with_notes(asked, _own_file(asked))


def _onnx(asked: _Asked) -> _Files:
    return _brought(asked, *onnx_files(_own_file(asked)))


def _one_file(asked: _Asked) -> _Files:
    return _brought(asked, _own_file(asked))


def _folder(asked: _Asked, folder: Path, title: str) -> _Files:
    """All files of a model's folder, by their names in it."""
    for path in folder_files(folder):
        yield asked.part, f"{title}/{path.relative_to(folder).as_posix()}", file_sha256(path)


def _vitmatte(asked: _Asked) -> _Files:
    folder = Path(asked.model).expanduser()
    if not asked.model or not folder.is_dir():
        raise _UnclearError
    return _folder(asked, folder, folder.resolve().name)


def _transformers(asked: _Asked) -> _Files:
    """A folder, or a name in the hub's cache; and what finds boxes for a network that only fills them."""
    place, finder = place_and_finder(asked.model, segmenters.finders())
    if not place:
        raise _UnclearError
    folder = find_folder(place, "Segmenter 'transformers'")
    yield from _folder(asked, folder.path, folder.title)
    if folder.model_type in PROMPTABLE and not asked.hinted:
        yield from _files_of(SEGMENTER_FILES, finder or DEFAULT_FINDER, "finder", asked.settings)


def _video_model(asked: _Asked) -> _Files:
    """A folder, or a name in the hub's cache."""
    if not asked.model:
        raise _UnclearError
    folder = find_folder(asked.model, "Tracker 'transformers'")
    return _folder(asked, folder.path, folder.title)


def _detectron2(asked: _Asked) -> _Files:
    """A configuration with all that it is based on, and its weights. Configurations are read as plain YAML:
    detectron2's own reader would load torch."""
    name, weights = detectron2_models.split_model(asked.model)
    listed = zoo_configuration(name)
    config = listed or Path(name).expanduser()
    title = name.removesuffix(".yaml") if listed else config.name
    if not config.is_file():
        raise _UnclearError
    chain = _configurations(config)
    yield asked.part, title, file_sha256(config)
    yield from _brought(asked, *list(chain)[1:])
    if listed and not weights:
        if title not in detectron2_models.MANIFEST:
            raise _UnclearError
        yield from _pulled(asked, detectron2_models.MANIFEST[title])
        return
    told = weights or next(filter(None, map(_weights_in, chain.values())), "")
    path = Path(told).expanduser()
    # One that a configuration names may lie where the user is, or where the configuration is.
    path = path if weights or path.is_file() else config.parent / path
    if not told or not path.is_file():
        raise _UnclearError
    yield from _with_notes(asked, path)


def zoo_configuration(name: str) -> Path | None:
    """detectron2's own configuration of this name, if it is installed and has one; nothing of it is loaded."""
    package = importlib.util.find_spec("detectron2")
    if package is None or package.origin is None or ".." in Path(name).parts or Path(name).is_absolute():
        return None
    path = Path(package.origin).parent / "model_zoo" / "configs" / f"{name.removesuffix('.yaml')}.yaml"
    return path if path.is_file() else None


def _configurations(path: Path) -> dict[Path, Any]:
    """A configuration's file with its content, then the one that it is based on, and so on."""
    chain: dict[Path, Any] = {}
    while path not in chain and len(chain) < detectron2_models.LONGEST_CHAIN:
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        # A ValueError: bytes that are not UTF-8, or what looks like a date and is none.
        except (OSError, ValueError, RecursionError, yaml.YAMLError):
            raise _UnclearError from None
        chain[path] = content
        base = content.get("_BASE_") if isinstance(content, dict) else None
        if not isinstance(base, str):
            break
        path = path.parent / Path(base).expanduser()
    return chain


def _weights_in(content: Any) -> str:
    """The weights that a configuration itself names, "" if it names none."""
    model = content.get("MODEL") if isinstance(content, dict) else None
    named = model.get("WEIGHTS") if isinstance(model, dict) else None
    return named if isinstance(named, str) else ""


SEGMENTER_FILES: dict[str, Callable[[_Asked], _Files]] = {
    AUTO: _auto,
    "starter": lambda asked: _listed(asked, *STARTER_MODELS),
    "hint": lambda asked: iter(()),
    "torchvision": _torchvision,
    "detectron2": _detectron2,
    "onnx": _onnx,
    "transformers": _transformers,
}
ESTIMATOR_FILES: dict[str, Callable[[_Asked], _Files]] = {
    "network": lambda asked: _listed(asked, MATTING_NETWORK),
    "closed_form": lambda asked: iter(()),
    "onnx": _onnx,
    "torchscript": _one_file,
    "deep_image_matting": _one_file,
    "vitmatte": _vitmatte,
}
TRACKER_FILES: dict[str, Callable[[_Asked], _Files]] = {
    "overlap": lambda asked: iter(()),
    "transformers": _video_model,
}
