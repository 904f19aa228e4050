"""Loaded models that go on from one run's settings to another's, as long as loading again would give the same.

A part is a segmenter or an estimator. What it was loaded from is its name, device and accepted licences, and
the contents of its files: a file that was replaced since, as by a user who exported his model anew, is loaded
again. A file is read once to tell; after that its size and times say whether it has to be read again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from semantic_matte.planned_models import planned_models
from semantic_matte.ports import MatteEstimator, Segmenter, TakesSettings
from semantic_matte.settings import Settings

Part = TypeVar("Part", Segmenter, MatteEstimator)


@dataclass(frozen=True)
class Source:
    """What a part is loaded from. files: part, name and sha256 of each; None where they can't be told."""

    name: str
    device: str
    accepted: frozenset[str]
    files: tuple[tuple[str, str, str], ...] | None

    def gives_the_same(self, other: Source) -> bool:
        """Whether loading from either gives the same, as far as can be told."""
        return self.files is not None and self == other


@dataclass(frozen=True)
class Loaded(Generic[Part]):
    """A part with what it was loaded from, told before it was: a file that is replaced in between is taken for
    changed, never for the same."""

    part: Part
    source: Source

    def with_settings(self, settings: Settings) -> Part | None:
        """The part with other controls; None if it has nothing worth keeping. See `ports.TakesSettings`."""
        if not isinstance(self.part, TakesSettings):
            return None
        part: Part = self.part.with_settings(settings)
        return part


def take_or_load(
    warm: Loaded[Part] | None,
    settings: Settings,
    source: Callable[[Settings], Source],
    load: Callable[[], Part],
) -> Loaded[Part]:
    """A part with these settings: the warm one with other controls, else loaded.

    warm: loaded from what the settings name, if there is one. Raises what `load` raises, and UsageError for
    controls that the part can't follow.
    """
    part = None if warm is None else warm.with_settings(settings)
    if part is not None and warm is not None:
        return Loaded(part, warm.source)
    told = source(settings)
    return Loaded(load(), told)


def segmenter_source(settings: Settings) -> Source:
    """What the segmenter is loaded from that the settings name; `auto` has to be resolved before."""
    # With an estimator that has no files all that are planned are the segmenter's.
    alone = settings.model_copy(update={"estimator": "closed_form"})
    return _source(settings, settings.segmenter, planned_models(alone))


def estimator_source(settings: Settings) -> Source:
    """What the estimator is loaded from that the settings name."""
    return _source(settings, settings.estimator, planned_models(settings, with_trimap=True))


def _source(settings: Settings, name: str, models: Sequence[Mapping[str, str]] | None) -> Source:
    rows = None if models is None else tuple((row["part"], row["name"], row["sha256"]) for row in models)
    return Source(name, settings.device, frozenset(settings.accept_licence), rows)
