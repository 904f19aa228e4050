"""Sightings put together into tracks, as a tracker comes upon them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from semantic_matte.shot_types import Sighting, Track
from semantic_matte.types import Instance


@dataclass
class Gathering:
    """One object's sightings so far. votes: for each label, the scores with which it was called so."""

    identity: int
    votes: dict[str, float] = field(default_factory=dict)
    sightings: dict[int, Sighting] = field(default_factory=dict)

    def called(self, label: str, score: float) -> None:
        """It was recognised as a `label` with this score in [0, 1]."""
        self.votes[label] = self.votes.get(label, 0.0) + score

    @property
    def label(self) -> str:
        """What it was called most, by weight; of equals, what it was called first."""
        return max(self.votes, key=lambda label: self.votes[label])

    def seen(self, number: int, instance: Instance) -> None:
        """It has this mask in the frame of this number; the mask is packed at once."""
        self.sightings[number] = Sighting.of(instance)

    def track(self) -> Track | None:
        """All of it, None if it was never seen."""
        if not self.sightings:
            return None
        return Track(self.identity, self.label, dict(sorted(self.sightings.items())))


def overlap(first: Instance, second: Instance) -> float:
    """Intersection over union of two masks of one frame, in [0, 1]."""
    common = _common(first, second)
    return common / (first.area + second.area - common) if common else 0.0


def share_covered(instance: Instance, others: list[Instance]) -> float:
    """Which share of an object's pixels other masks of the frame have, taken together, in [0, 1]."""
    taken = np.zeros_like(instance.crop)
    for other in others:
        if instance.box.intersection(other.box) is not None:
            taken |= other.mask_on(instance.box)
    return float(np.count_nonzero(taken & instance.crop)) / instance.area


def _common(first: Instance, second: Instance) -> int:
    """Pixels that both masks have."""
    box = first.box.intersection(second.box)
    if box is None:
        return 0
    return int(np.count_nonzero(first.mask_on(box) & second.mask_on(box)))
