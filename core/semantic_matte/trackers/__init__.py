"""Ways to tie the objects of a shot from frame to frame, by name: a dict from name to factory.

Video models that a user brings are in a dict of their own: they are named with their model, as in
`transformers:models/sam2.1-hiera-large`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from semantic_matte.device_memory import memory_told
from semantic_matte.errors import UnknownNameError
from semantic_matte.ports import Tracker
from semantic_matte.settings import Settings
from semantic_matte.trackers.transformers_models import create_transformers
from semantic_matte.types import Instance

Sure = Callable[[Instance], bool]


def _overlap(settings: Settings, device: str, sure: Sure | None) -> Tracker:
    """The one that is embedded; it runs on the CPU wherever the networks run."""
    from semantic_matte.shots.tracking import OverlapTracker

    return OverlapTracker(settings, sure)


TRACKERS: dict[str, Callable[[Settings, str, Sure | None], Tracker]] = {"overlap": _overlap}


@dataclass(frozen=True)
class Brought:
    """A way to tie objects by a model of the user's own.

    create: from the text after the colon, settings, torch's device, and which finds may start a track. example:
    such a text. package: the module that it needs besides torch, which the extra of this project installs.
    """

    create: Callable[[str, Settings, str, Sure | None], Tracker]
    example: str
    package: str = ""
    extra: str = ""


BROUGHT: dict[str, Brought] = {
    "transformers": Brought(create_transformers, "folder", "transformers", "transformers"),
}


def create_tracker(settings: Settings, device: str, sure: Sure | None = None) -> Tracker:
    """The tracker that the settings name: a name, or a name and a model with a colon between them.

    device: torch's name. sure: which finds of the segmenter may start a track, for where it is asked for less
    sure ones too; without it those of the settings' `confidence` and more. Raises UnknownNameError, listing the
    known ones; a model that can't be used raises UsageError, WeightsError, DeviceError or MissingPackageError.
    """
    with memory_told(f"Tracker '{settings.tracker}'", device, "take a smaller model"):
        if settings.tracker in TRACKERS:
            return TRACKERS[settings.tracker](settings, device, sure)
        name, _, model = settings.tracker.partition(":")
        if name not in BROUGHT:
            known = [*TRACKERS, *(f"{name}:{brought.example}" for name, brought in BROUGHT.items())]
            raise UnknownNameError("tracker", settings.tracker, known)
        return BROUGHT[name].create(model.strip(), settings, device, sure)
