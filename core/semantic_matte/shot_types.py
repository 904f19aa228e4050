"""The values of shots: an object's masks in many frames, frozen, and small enough to keep all of a shot.

A frame is known by its number, as in its file's name. Masks are kept as COCO's compressed run lengths of their
boxes: some hundred bytes each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from semantic_matte.errors import ValueShapeError
from semantic_matte.types import Box, Instance, Plate

Source = Literal["found", "carried"]


@dataclass(frozen=True)
class Sighting:
    """One object in one frame.

    runs: the mask on `box`, as pycocotools' compressed run lengths (COCO's "counts"). box: x0, y0, x1, y1 in
    plate pixels, half-open, tight around the mask. frame_size: (H, W). score: in [0, 1]; of a carried sighting
    that of the last found one. source: found by a segmenter, or carried along with the picture's motion.
    """

    runs: bytes
    box: Box
    frame_size: tuple[int, int]
    label: str
    score: float
    source: Source = "found"

    @classmethod
    def of(cls, instance: Instance, source: Source = "found") -> Sighting:
        """Packs an instance; its slot is not kept, a track's is given later."""
        from pycocotools import mask as run_lengths  # type: ignore[import-untyped, unused-ignore]

        packed = run_lengths.encode(np.asfortranarray(instance.crop.view(np.uint8)))
        return cls(packed["counts"], instance.box, instance.frame_size, instance.label, instance.score, source)

    def instance(self, slot: str = "", label: str = "") -> Instance:
        """The mask unpacked. label: in place of its own. Raises ValueShapeError for runs that don't fit."""
        from pycocotools import mask as run_lengths  # type: ignore[import-untyped, unused-ignore]

        try:
            crop = run_lengths.decode({"size": [self.box.height, self.box.width], "counts": self.runs})
        except (ValueError, TypeError) as error:
            raise ValueShapeError(f"Sighting: expected run lengths of its box, got {error}.") from None
        return Instance(
            np.ascontiguousarray(crop).astype(np.bool_),
            self.box,
            self.frame_size,
            label or self.label,
            self.score,
            slot,
        )


@dataclass(frozen=True)
class Track:
    """One object over a shot. slot: its stable name, "" until given.

    identity: a number of its own among the tracks of a shot. sightings: by frame number; frames without one
    don't show it. Never without a sighting.
    """

    identity: int
    label: str
    sightings: Mapping[int, Sighting]
    slot: str = ""

    def __post_init__(self) -> None:
        if not self.sightings:
            raise ValueShapeError(f"Track {self.identity}: expected at least one sighting, got none.")

    @property
    def frames(self) -> list[int]:
        """The frames that show it, in order."""
        return sorted(self.sightings)

    @property
    def found(self) -> list[int]:
        """The frames in which a segmenter found it, in order."""
        return [number for number in self.frames if self.sightings[number].source == "found"]

    @property
    def score(self) -> float:
        """The surest of its sightings, in [0, 1]."""
        return max(one.score for one in self.sightings.values())


@dataclass(frozen=True, eq=False)
class ShotFrame:
    """A frame as a tracker sees it.

    plate: scene-linear. find: the objects that the segmenter finds in it, without slots, surest first; it is
    run when called, once at most. hinted: the artist's own objects in this frame, which tracks start from.
    """

    number: int
    plate: Plate
    find: Callable[[], Sequence[Instance]]
    hinted: Sequence[Instance] = field(default=())


@dataclass(frozen=True)
class TrackedShot:
    """What a tracker made of a shot. cuts: frames that begin a new scene, in order."""

    tracks: tuple[Track, ...]
    cuts: tuple[int, ...] = ()
