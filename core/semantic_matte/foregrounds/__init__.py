"""Ways to unmix an object's colour from its background, by name: a dict from name to factory."""

from __future__ import annotations

from collections.abc import Callable

from semantic_matte.errors import UnknownNameError
from semantic_matte.foregrounds.blur_fusion import BlurFusion
from semantic_matte.foregrounds.multi_level import MultiLevel
from semantic_matte.ports import ForegroundEstimator
from semantic_matte.settings import Settings

FOREGROUND_ESTIMATORS: dict[str, Callable[[str], ForegroundEstimator]] = {
    "blur_fusion": BlurFusion,
    "multi_level": lambda device: MultiLevel(),
}


def create_foreground_estimator(settings: Settings, device: str = "cpu") -> ForegroundEstimator:
    """The foreground estimator that the settings name.

    device: torch's name of where it runs: "cpu", "cuda:0", "mps"; multi_level runs on the CPU all the same.
    Raises UnknownNameError, listing the known ones.
    """
    factory = FOREGROUND_ESTIMATORS.get(settings.foreground_method)
    if factory is None:
        raise UnknownNameError("foreground method", settings.foreground_method, FOREGROUND_ESTIMATORS)
    return factory(device)
