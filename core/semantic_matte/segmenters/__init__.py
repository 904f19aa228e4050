"""Ways to find instances, by name: a dict from name to factory.

Networks that a user brings are in a dict of their own: they are named with their model, as in
`onnx:models/mine.onnx`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from semantic_matte.errors import UnknownNameError
from semantic_matte.ports import Segmenter
from semantic_matte.segmenters.hint import HintSegmenter
from semantic_matte.segmenters.starter import StarterSegmenter
from semantic_matte.settings import Settings
from semantic_matte.types import Hint

SEGMENTERS: dict[str, Callable[[Settings, str, Sequence[Hint]], Segmenter]] = {
    "starter": lambda settings, device, hints: StarterSegmenter(settings, device),
    "hint": lambda settings, device, hints: HintSegmenter(hints),
}


@dataclass(frozen=True)
class Brought:
    """A way to find instances by a model of the user's own, or one of a library's zoo.

    create: from the text after the colon (empty: the default model, if it has one), settings, torch's device.
    example: such a text. package: the module that it needs besides torch, which the extra of this project
    installs.
    """

    create: Callable[[str, Settings, str], Segmenter]
    example: str
    package: str = ""
    extra: str = ""


BROUGHT: dict[str, Brought] = {}


def create_segmenter(settings: Settings, device: str, hints: Sequence[Hint] = ()) -> Segmenter:
    """The segmenter that the settings name: a name, or a name and a model with a colon between them.

    Raises UnknownNameError, listing the known ones; a model that can't be used raises WeightsError, DeviceError
    or MissingPackageError.
    """
    if settings.segmenter in SEGMENTERS:
        return SEGMENTERS[settings.segmenter](settings, device, hints)
    name, _, model = settings.segmenter.partition(":")
    if name not in BROUGHT:
        known = [*SEGMENTERS, *(f"{name}:{brought.example}" for name, brought in BROUGHT.items())]
        raise UnknownNameError("segmenter", settings.segmenter, known)
    return BROUGHT[name].create(model.strip(), settings, device)
