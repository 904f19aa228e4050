"""The files and folders of models that settings name by a path.

Models that are embedded, were pulled or lie in the hub's cache are named by their names: they are the engine's
own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from semantic_matte import segmenters
from semantic_matte.errors import SemanticMatteError
from semantic_matte.model_contents import folder_files, onnx_files
from semantic_matte.planned_models import zoo_configuration
from semantic_matte.segmenters import torchvision_mask_rcnn as mask_rcnn
from semantic_matte.segmenters.class_names import COMMON_FILE, ENDING
from semantic_matte.segmenters.detectron2_models import LONGEST_CHAIN, split_model
from semantic_matte.segmenters.transformers_models import place_and_finder
from semantic_matte.settings import Settings

# A text after the colon -> paths.
_Paths = Callable[[str], Iterator[Path]]


def model_paths(settings: Settings) -> Iterator[Path]:
    """Every path that the settings' models are read from, one after the other: none is opened before it was
    given out, so that who checks them in turn has checked each before it is read. Whether they are there is not
    asked. Raises WeightsError for a configuration that is a program."""
    yield from _named(_SEGMENTERS, settings.segmenter)
    yield from _named(_ESTIMATORS, settings.estimator)
    yield from _named(_TRACKERS, settings.tracker)


def _named(rows: dict[str, _Paths], text: str) -> Iterator[Path]:
    name, colon, model = text.partition(":")
    if colon and name in rows and model.strip():
        yield from rows[name](model.strip())


def _file(model: str) -> Iterator[Path]:
    yield Path(model).expanduser()


def _onnx(model: str) -> Iterator[Path]:
    """The file, then those that hold its larger tensors."""
    path = Path(model).expanduser()
    yield path
    if path.is_file():
        yield from onnx_files(path)[1:]


def _folder(model: str) -> Iterator[Path]:
    """The folder, then every file in it: each may be a link of its own."""
    folder = Path(model).expanduser()
    yield folder
    if folder.is_dir():
        try:
            yield from folder_files(folder)
        except SemanticMatteError:
            # An empty one: its reader says so.
            return


def _weights(path: Path) -> Iterator[Path]:
    """Weights, and the notes beside them."""
    yield path
    notes = (path.with_name(path.stem + ENDING), path.with_name(COMMON_FILE))
    yield from (note for note in notes if note.exists())


def _torchvision(model: str) -> Iterator[Path]:
    names = {name for row in mask_rcnn.WEIGHTS.items() for name in row}
    official = {*names, *(f"{name}.{version}" for name in names for version in mask_rcnn.VERSIONS)}
    if model not in official:
        yield from _weights(Path(model).expanduser())


def _transformers(model: str) -> Iterator[Path]:
    """A folder, unless it is a name in the hub's cache; and what finds boxes for it."""
    place, finder = place_and_finder(model, segmenters.finders())
    path = Path(place).expanduser()
    if path.is_absolute() or path.is_dir():
        yield from _folder(place)
    yield from _named(_SEGMENTERS, finder)


def _video_model(model: str) -> Iterator[Path]:
    """A folder, unless it is a name in the hub's cache."""
    path = Path(model).expanduser()
    if path.is_absolute() or path.is_dir():
        yield from _folder(model)


def _detectron2(model: str) -> Iterator[Path]:
    """A configuration with those that it is based on, and its weights. detectron2's own are the engine's."""
    name, weights = split_model(model)
    if weights:
        yield from _weights(Path(weights).expanduser())
    if zoo_configuration(name):
        return
    first = path = Path(name).expanduser()
    for _ in range(LONGEST_CHAIN):
        yield path
        content = _content(path)
        values = content.get("MODEL")
        told = values.get("WEIGHTS") if isinstance(values, dict) else None
        if not weights and isinstance(told, str) and told and "://" not in told:
            weights = told
            place = Path(told).expanduser()
            # From where the process stands, as detectron2 has it, else from where the configuration is.
            yield from _weights(place if place.is_file() else first.parent / place)
        base = content.get("_BASE_")
        if not isinstance(base, str):
            return
        path = path.parent / Path(base).expanduser()


def _content(path: Path) -> dict[str, Any]:
    """What a configuration says; nothing where it can't be read, which its own reader will say."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        return {}
    return content if isinstance(content, dict) else {}


_SEGMENTERS: dict[str, _Paths] = {
    "torchvision": _torchvision,
    "detectron2": _detectron2,
    "onnx": _onnx,
    "transformers": _transformers,
}
_ESTIMATORS: dict[str, _Paths] = {
    "onnx": _onnx,
    "torchscript": _file,
    "deep_image_matting": _file,
    "vitmatte": _folder,
}
_TRACKERS: dict[str, _Paths] = {"transformers": _video_model}
