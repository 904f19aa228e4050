"""Which adapter a model of transformers gets, by what its config calls itself.

`transformers:FOLDER` or a name in the hub's cache. Networks that only fill boxes (SAM 2) may be followed by the
segmenter that finds them, as in `transformers:FOLDER+onnx:model.onnx`; without one it is the embedded one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from semantic_matte.errors import UsageError, WeightsError
from semantic_matte.ports import Segmenter
from semantic_matte.segmenters.transformers_heads import HEADS, InstanceHeads
from semantic_matte.segmenters.transformers_prompts import PROMPTABLE, PromptedMasks
from semantic_matte.segmenters.transformers_running import USER
from semantic_matte.segmenters.transformers_words import WORDS, ConceptWords
from semantic_matte.settings import Settings
from semantic_matte.transformers_folders import ModelFolder, find_folder

DEFAULT_FINDER = "starter"

CreateFinder = Callable[[Settings, str], Segmenter]


def create_transformers(
    model: str, settings: Settings, device: str, create_finder: CreateFinder, finders: Collection[str]
) -> Segmenter:
    """The segmenter for a model in a folder or in the hub's cache.

    create_finder: makes another segmenter from settings and device. finders: names of those that can be asked
    for boxes. Raises UsageError, WeightsError, MissingPackageError, or what the adapter raises.
    """
    place, finder = place_and_finder(model, finders)
    folder = _folder(place)
    kind = folder.model_type
    if finder and kind not in PROMPTABLE:
        raise UsageError(f"Segmenter 'transformers:{place}' finds objects by itself: leave out '+{finder}'.")
    if kind in HEADS:
        return InstanceHeads(folder, settings, device)
    if kind in WORDS:
        return ConceptWords(folder, settings, device)
    if kind not in PROMPTABLE:
        known = ", ".join(sorted({*HEADS, *WORDS, *PROMPTABLE}))
        raise WeightsError(f"{USER}: '{place}' is a model of type '{kind or 'none'}'. Known: {known}.")
    notice = (
        f"Segmenter 'transformers:{place}' fills boxes and finds none: those of '{DEFAULT_FINDER}' are taken. "
        f"Name another as in transformers:{place}+onnx:model.onnx, or give a hint."
    )

    def create(controls: Settings) -> Segmenter:
        """The finder, with the controls of a run."""
        named = controls.model_copy(update={"segmenter": finder or DEFAULT_FINDER})
        return create_finder(named, device)

    return PromptedMasks(folder, settings, device, create, "" if finder else notice)


def takes_hints(model: str, finders: Collection[str]) -> bool:
    """Whether an artist's boxes and points can prompt this model. Raises WeightsError if there is none."""
    return _folder(place_and_finder(model, finders)[0]).model_type in PROMPTABLE


def _folder(place: str) -> ModelFolder:
    """Where a model lies. Raises UsageError without a place, WeightsError if there is no model."""
    if not place:
        raise UsageError(
            f"{USER} needs its model: name it as transformers:path/to/folder, or by its name in the hub's "
            "cache."
        )
    return find_folder(place, USER)


def place_and_finder(model: str, finders: Collection[str]) -> tuple[str, str]:
    """A model's place, and the finder after a plus sign. Folders may have plus signs in their names."""
    parts = model.split("+")
    for number in range(1, len(parts)):
        finder = "+".join(parts[number:]).strip()
        if finder.partition(":")[0].strip() in finders:
            return "+".join(parts[:number]).strip(), finder
    return model.strip(), ""
