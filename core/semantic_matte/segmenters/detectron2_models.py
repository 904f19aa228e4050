"""Which model of detectron2 a text means: its configuration, its weights, and the names of its classes.

`NAME`, `NAME,WEIGHTS`, `CONFIG.yaml` or `CONFIG.yaml,WEIGHTS`. NAME is one of detectron2's zoo, which comes
before a file of that name. Nothing is fetched, and nothing that a file says is run: configurations are plain
YAML, weights come from this machine.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from semantic_matte.errors import MissingPackageError, UnknownNameError, WeightsError
from semantic_matte.model_files import describe_model_file, find_model_file, first_line
from semantic_matte.segmenters.class_names import class_names, read_notes, unnamed
from semantic_matte.weights import local_model

USER = "Segmenter 'detectron2'"
# The paper's network: ResNeXt-152 with deformable convolutions and a cascade of three stages.
DEFAULT = "Misc/cascade_mask_rcnn_X_152_32x8d_FPN_IN5k_gn_dconv"
# Models of the zoo that the manifest has, and its names for them.
MANIFEST = {
    DEFAULT: "detectron2_cascade_mask_rcnn_x152",
    "COCO-InstanceSegmentation/mask_rcnn_R_50_FPN_3x": "detectron2_mask_rcnn_r50",
}
ENDINGS = (".yaml", ".yml")
# A chain of configurations that is longer goes round in a circle.
LONGEST_CHAIN = 16


@dataclass(frozen=True, eq=False)
class Detectron2Model:
    """A model that is all here. config: detectron2's CfgNode, without weights in it. title: for people.

    described: what a result's sidecar says of the weights.
    """

    title: str
    config: Any
    weights: Path
    labels: tuple[str, ...]
    described: Mapping[str, str]


def find_detectron2_model(text: str, accepted: Collection[str]) -> Detectron2Model:
    """The model that the text after the colon means; empty: the paper's.

    accepted: the control `accept_licence`. Raises UnknownNameError for a name that the zoo has not,
    MissingPackageError, and WeightsError for a configuration or weights that can't be used.
    """
    name, weights = split_model(text)
    zoo = _zoo()
    listed = _in_zoo(name, zoo)
    path = listed or _own_config(name, zoo)
    config = read_config(path)
    title = name.removesuffix(path.suffix) if listed else path.name
    if not config.MODEL.MASK_ON or config.MODEL.META_ARCHITECTURE not in ("GeneralizedRCNN", "PanopticFPN"):
        raise WeightsError(f"{USER}: '{title}' finds no masks of objects; take a configuration of Mask R-CNN.")
    if config.INPUT.FORMAT not in ("BGR", "RGB"):
        raise WeightsError(f"{USER}: '{title}' wants pictures as '{config.INPUT.FORMAT}', expected BGR or RGB.")
    if weights or not listed:
        file = _own_weights(weights, config, path)
        described = describe_model_file(file)
    elif title in MANIFEST:
        row = local_model(MANIFEST[title], accepted)
        file, described = row.path, row.describe()
    else:
        raise WeightsError(
            f"{USER}: where the weights of '{title}' are is for you to say: name the file after a comma, as in "
            f"detectron2:{title},model_final.pkl; detectron2's MODEL_ZOO.md has links to those of its zoo."
        )
    config.MODEL.WEIGHTS = ""
    return Detectron2Model(title, config, file, _labels(config, file), {**described, "config": title})


def split_model(text: str) -> tuple[str, str]:
    """The configuration's name or path, and the path of the weights; empty where none is said.

    Raises WeightsError for a configuration that is a program.
    """
    whole = "," not in text or Path(text).expanduser().is_file()
    name, _, weights = (text, "", "") if whole else text.rpartition(",")
    name = name.strip() or DEFAULT
    if name.lower().endswith(".py"):
        raise _program(name)
    return name, weights.strip()


def read_config(path: Path) -> Any:
    """detectron2's own configuration (a CfgNode) with the values of a file and of those that it is based on.

    Raises WeightsError for what is not plain YAML, lies elsewhere, or says what detectron2 does not know.
    """
    from detectron2.config import get_cfg

    _require_plain(path)
    config = get_cfg()
    try:
        # detectron2 itself would build whatever objects the YAML names.
        config.merge_from_file(str(path), allow_unsafe=False)
    # Which errors wrong values give is nowhere said.
    except Exception as error:
        raise WeightsError(
            f"{USER}: '{path}' is no configuration of detectron2: {first_line(error)}."
        ) from None
    return config


def _zoo() -> Path:
    """The folder of detectron2's own configurations. Raises MissingPackageError."""
    try:
        import detectron2
        import detectron2._C
    except ModuleNotFoundError as error:
        if error.name not in ("detectron2", "detectron2._C"):
            raise MissingPackageError(
                f"{USER}: detectron2 lacks a package ({first_line(error)}): "
                "pip install 'semantic-matte[detectron2]'."
            ) from None
        raise MissingPackageError(
            f"{USER} needs detectron2, which is not on PyPI: pip install 'semantic-matte[detectron2]', then "
            "build it as https://github.com/facebookresearch/detectron2 says."
        ) from None
    except ImportError as error:
        raise MissingPackageError(
            f"{USER}: detectron2 can't be loaded ({first_line(error)}); build it again for this torch."
        ) from None
    return Path(detectron2.__file__).parent / "model_zoo" / "configs"


def _in_zoo(name: str, zoo: Path) -> Path | None:
    """The zoo's configuration of this name, with or without its ending."""
    parts = Path(name.removesuffix(".yaml") + ".yaml").parts
    path = zoo.joinpath(*parts)
    return path if ".." not in parts and not Path(name).is_absolute() and path.is_file() else None


def _own_config(name: str, zoo: Path) -> Path:
    """The user's configuration. Raises UnknownNameError, with the zoo's names, if it is no file."""
    path = Path(name).expanduser()
    if path.suffix.lower() in ENDINGS and path.is_file():
        return path
    if ".." not in path.parts and (zoo / f"{name}.py").is_file():
        raise _program(name)
    known = sorted(
        one.relative_to(zoo).with_suffix("").as_posix()
        for one in zoo.glob("*/*.yaml")
        if "mask_rcnn" in one.name and one.parent.name != "quick_schedules"
    )
    raise UnknownNameError("model of detectron2", name, [*known, "path/to/config.yaml"])


def _program(name: str) -> WeightsError:
    return WeightsError(
        f"{USER}: '{name}' is a Python program, which would have to be run; take a configuration in YAML."
    )


def _require_plain(path: Path) -> None:
    """Raise WeightsError unless the file and those that it is based on are plain YAML on this machine."""
    for _ in range(LONGEST_CHAIN):
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        except yaml.constructor.ConstructorError as error:
            raise WeightsError(
                f"{USER}: '{path}' holds more than plain values, which could be code: {error.problem}."
            ) from None
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise WeightsError(f"{USER}: '{path}' can't be read as YAML: {first_line(error)}.") from None
        if not isinstance(content, dict):
            raise WeightsError(f"{USER}: expected a configuration in '{path}', got {type(content).__name__}.")
        base = content.get("_BASE_")
        if base is None:
            return
        if not isinstance(base, str) or "://" in base:
            raise WeightsError(f"{USER}: '{path}' is based on '{base}', expected a file on this machine.")
        path = path.parent / Path(base).expanduser()
    raise WeightsError(f"{USER}: '{path}' is based on itself.")


def _own_weights(given: str, config: Any, config_file: Path) -> Path:
    """The user's weights: the file said after the comma, else the one that the configuration names."""
    if given:
        return find_model_file(Path(given), USER)
    named = str(config.MODEL.WEIGHTS)
    if not named or "://" in named:
        told = f"names '{named}', which is not on this machine" if named else "names no weights"
        raise WeightsError(
            f"{USER}: '{config_file.name}' {told}: name the file after a comma, as in "
            f"detectron2:{config_file.name},model_final.pth."
        )
    # As detectron2 has it, from where the user is; else from where the configuration is.
    path = Path(named).expanduser()
    return find_model_file(path if path.is_file() else config_file.parent / path, USER)


def _labels(config: Any, weights: Path) -> tuple[str, ...]:
    """The names of the network's classes in their order: told beside the weights, else its data set's."""
    from detectron2.data import MetadataCatalog

    count = int(config.MODEL.ROI_HEADS.NUM_CLASSES)
    names = class_names(read_notes(weights), count)
    if names is not None:
        return names
    for data_set in config.DATASETS.TEST:
        # Asked for a set that it does not know, the catalogue would make one.
        if data_set in MetadataCatalog.list():
            listed = MetadataCatalog.get(data_set).get("thing_classes", [])
            if len(listed) == count:
                return tuple(str(name) for name in listed)
    raise unnamed(weights, count)
