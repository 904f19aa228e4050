"""Which adapter a video model of transformers gets, by what its config calls itself.

`transformers:FOLDER` or a name in the hub's cache.
"""

from __future__ import annotations

from collections.abc import Callable

from semantic_matte.errors import UsageError, WeightsError
from semantic_matte.ports import Tracker
from semantic_matte.settings import Settings
from semantic_matte.trackers.transformers_prompted import PROMPTED, PromptedTracker
from semantic_matte.trackers.transformers_running import USER
from semantic_matte.trackers.transformers_words import WORDS, WordsTracker
from semantic_matte.transformers_folders import ModelFolder, find_folder
from semantic_matte.types import Instance


def create_transformers(
    model: str, settings: Settings, device: str, sure: Callable[[Instance], bool] | None = None
) -> Tracker:
    """The tracker for a model in a folder or in the hub's cache.

    sure: which of the segmenter's finds may start a track, where one is asked. Raises UsageError, WeightsError,
    MissingPackageError, or SettingsError where a model of words is given none.
    """
    folder = model_folder(model)
    kind = folder.model_type
    if kind in PROMPTED:
        return PromptedTracker(folder, settings, device, sure)
    if kind in WORDS:
        return WordsTracker(folder, settings, device)
    known = ", ".join(sorted({*PROMPTED, *WORDS}))
    raise WeightsError(
        f"{USER}: '{model}' is a model of type '{kind or 'none'}', which does not follow objects through a "
        f"shot. Known: {known}."
    )


def model_folder(model: str) -> ModelFolder:
    """Where a video model lies. Raises UsageError without a place, WeightsError if there is no model."""
    if not model:
        raise UsageError(
            f"{USER} needs its model: name it as transformers:path/to/folder, or by its name in the hub's "
            "cache."
        )
    return find_folder(model, USER)
