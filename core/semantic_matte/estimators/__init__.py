"""Ways to solve a trimap, by name: a dict from name to factory."""

from __future__ import annotations

from collections.abc import Callable

from semantic_matte.errors import UnknownNameError
from semantic_matte.estimators.closed_form import ClosedForm
from semantic_matte.ports import MatteEstimator
from semantic_matte.settings import Settings

ESTIMATORS: dict[str, Callable[[Settings], MatteEstimator]] = {
    "closed_form": lambda settings: ClosedForm(),
}


def create_estimator(settings: Settings) -> MatteEstimator:
    """The estimator that the settings name. Raises UnknownNameError, listing the known ones."""
    if settings.estimator not in ESTIMATORS:
        raise UnknownNameError("estimator", settings.estimator, ESTIMATORS)
    return ESTIMATORS[settings.estimator](settings)
