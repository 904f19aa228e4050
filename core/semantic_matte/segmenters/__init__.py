"""Ways to find instances, by name: a dict from name to factory.

Networks that a user brings are in a dict of their own: they are named with their model, as in
`onnx:models/mine.onnx`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from semantic_matte.device_memory import memory_told
from semantic_matte.errors import UnknownNameError
from semantic_matte.ports import Segmenter
from semantic_matte.segmenters.best import AUTO, best_present
from semantic_matte.segmenters.detectron2_zoo import Detectron2Segmenter
from semantic_matte.segmenters.hint import HintSegmenter
from semantic_matte.segmenters.onnx_yolo import OnnxYoloSegmenter
from semantic_matte.segmenters.starter import StarterSegmenter
from semantic_matte.segmenters.torchvision_mask_rcnn import TorchvisionMaskRcnn
from semantic_matte.segmenters.transformers_models import create_transformers, takes_hints
from semantic_matte.settings import Settings
from semantic_matte.types import Hint

SEGMENTERS: dict[str, Callable[[Settings, str, Sequence[Hint]], Segmenter]] = {
    "starter": lambda settings, device, hints: StarterSegmenter(settings, device),
    "hint": lambda settings, device, hints: HintSegmenter(hints),
    AUTO: lambda settings, device, hints: create_segmenter(
        settings.model_copy(update={"segmenter": best_present(settings)[0]}), device, hints
    ),
}


@dataclass(frozen=True)
class Brought:
    """A way to find instances by a model of the user's own, or one of a library's zoo.

    create: from the text after the colon (empty: the default model, if it has one), settings, torch's device.
    example: such a text. package: the module that it needs besides torch, which the extra of this project
    installs. source: where that module is built from, if PyPI has it not. takes_hints: whether what the text
    names can be asked by an artist's hints; it is then a `ports.TakesHints`.
    """

    create: Callable[[str, Settings, str], Segmenter]
    example: str
    package: str = ""
    extra: str = ""
    source: str = ""
    takes_hints: Callable[[str], bool] = lambda model: False


BROUGHT: dict[str, Brought] = {
    "torchvision": Brought(TorchvisionMaskRcnn, "maskrcnn_resnet50_fpn_v2", "torchvision"),
    "detectron2": Brought(
        Detectron2Segmenter,
        "config.yaml",
        "detectron2",
        "detectron2",
        "https://github.com/facebookresearch/detectron2",
    ),
    "onnx": Brought(
        lambda model, settings, device: OnnxYoloSegmenter(model, settings), "model.onnx", "onnxruntime", "onnx"
    ),
    "transformers": Brought(
        lambda model, settings, device: create_transformers(
            model, settings, device, create_segmenter, finders()
        ),
        "folder",
        "transformers",
        "transformers",
        takes_hints=lambda model: takes_hints(model, finders()),
    ),
}


def create_segmenter(settings: Settings, device: str, hints: Sequence[Hint] = ()) -> Segmenter:
    """The segmenter that the settings name: a name, or a name and a model with a colon between them.

    Raises UnknownNameError, listing the known ones; a model that can't be used raises WeightsError, DeviceError
    or MissingPackageError.
    """
    with memory_told(f"Segmenter '{settings.segmenter}'", device, "take a smaller model"):
        return _create(settings, device, hints)


def _create(settings: Settings, device: str, hints: Sequence[Hint]) -> Segmenter:
    """As `create_segmenter`, but for the words where memory runs out."""
    if settings.segmenter in SEGMENTERS:
        return SEGMENTERS[settings.segmenter](settings, device, hints)
    name, _, model = settings.segmenter.partition(":")
    if name not in BROUGHT:
        known = [*SEGMENTERS, *(f"{name}:{brought.example}" for name, brought in BROUGHT.items())]
        raise UnknownNameError("segmenter", settings.segmenter, known)
    return BROUGHT[name].create(model.strip(), settings, device)


def hints_go_to(settings: Settings) -> bool:
    """Whether the segmenter that the settings name can be asked by an artist's hints: it is a
    `ports.TakesHints`.

    Looks at no more of a model than its config. Raises WeightsError if there is none.
    """
    name, _, model = settings.segmenter.partition(":")
    return name in BROUGHT and BROUGHT[name].takes_hints(model.strip())


def finders() -> set[str]:
    """Names of the segmenters that can find boxes for another."""
    return {*SEGMENTERS, *BROUGHT} - {"hint", AUTO}
