"""Ways to find instances, by name: a dict from name to factory."""

from __future__ import annotations

from collections.abc import Callable, Sequence

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


def create_segmenter(settings: Settings, device: str, hints: Sequence[Hint] = ()) -> Segmenter:
    """The segmenter that the settings name. Raises UnknownNameError, listing the known ones."""
    if settings.segmenter not in SEGMENTERS:
        raise UnknownNameError("segmenter", settings.segmenter, SEGMENTERS)
    return SEGMENTERS[settings.segmenter](settings, device, hints)
