"""A track while a shot is gone through, and what finds and motion make of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from semantic_matte.shot_types import Sighting
from semantic_matte.shots.small_pictures import Motion, histogram, overlaps, small_mask
from semantic_matte.types import BoolArray, Box, ByteArray, FloatArray, Instance

# A find agrees with a track's shape from this overlap on.
AGREES = 0.5
JUST_BELOW = 0.499
# One that agrees by so much is the object in another shape, if it is no more than so many times as large or
# small.
DEFORMED, RESIZED = 0.25, 1.6
# A track that was lost for more frames than this takes the shape that it is found again with.
SHAPE_KEPT = 2
# How fast speed, size and colours follow what is found.
SPEED_FOLLOWS, AREA_FOLLOWS, COLOURS_FOLLOW = 0.4, 0.5, 0.1
# A lost object's speed, from frame to frame.
SLOWS = 0.97
# A find smaller than this share of its track is half hidden; if it stays so, the track's size fades to it.
HALF_HIDDEN, AREA_FADES = 0.8, 0.1
# A find is a part of a track if this share of it lies in the track's shape, and if with it the overlap with
# that shape grows by so much; after so many frames in a row the parts are objects of their own.
PART_INSIDE, PART_GAINS, PARTS_LAST = 0.7, 0.05, 6


@dataclass(frozen=True, eq=False)
class Find:
    """An object that a segmenter found in a frame, as tracks are compared with it.

    mask: (rows, columns) bool of the grid. centre: its mean place. area: cells. colours: its histogram. sure:
    whether it may start a track.
    """

    instance: Instance
    mask: BoolArray
    centre: tuple[float, float]
    area: float
    colours: FloatArray
    sure: bool

    @classmethod
    def of(cls, instance: Instance, colours: ByteArray, sure: bool) -> Find:
        """colours: the frame's `colour_map`."""
        mask = small_mask(instance)
        inside = cv2.erode(mask.view(np.uint8), np.ones((3, 3), np.uint8)).astype(np.bool_)
        seen = inside if inside.sum() >= 8 else mask
        return cls(instance, mask, centre_of(mask), float(mask.sum()), histogram(colours, seen), sure)


@dataclass(eq=False)
class LiveTrack:
    """A track while the shot is gone through; masks and places are the grid's, of the frame that is looked at.

    sightings, agreement: by the place of frames in the shot; how far a find agreed with what was carried to it,
    in [0, 1]. shape: the mask that is trusted. latest: the last find's, where it is in doubt. ghost: the mask
    moved by `speed` alone, as an object goes on behind another. centre, speed: cells, and cells a frame beyond
    the camera's. lost: frames since it was found. doubts: finds in a row that did not agree with its shape.
    parts: finds in a row that were joined of parts. hinted: an artist's own, called `name`. pixels: area of the
    last find's mask. sure: the last place whose find agreed. ahead: masks carried from there to later places.
    half_hidden: places where little of it was left to be found. steps: how often its speed was corrected.
    """

    identity: int
    sightings: dict[int, Sighting] = field(default_factory=dict)
    agreement: dict[int, float] = field(default_factory=dict)
    labels: dict[str, float] = field(default_factory=dict)
    shape: BoolArray = field(default_factory=lambda: np.zeros((1, 1), np.bool_))
    latest: BoolArray = field(default_factory=lambda: np.zeros((1, 1), np.bool_))
    ghost: BoolArray = field(default_factory=lambda: np.zeros((1, 1), np.bool_))
    colours: FloatArray = field(default_factory=lambda: np.zeros(1, np.float32))
    centre: tuple[float, float] = (0.0, 0.0)
    speed: tuple[float, float] = (0.0, 0.0)
    area: float = 0.0
    lost: int = 0
    doubts: int = 0
    parts: int = 0
    half_hidden: set[int] = field(default_factory=set)
    steps: int = 0
    hinted: bool = False
    name: str = ""
    sure: int = -1
    ahead: dict[int, Sighting] = field(default_factory=dict)
    pixels: int = 0

    @property
    def label(self) -> str:
        """The artist's name, or the label that most of the finds' scores went to; of equals the first by
        letters."""
        return self.name or min(self.labels, key=lambda label: (-self.labels[label], label))

    def as_find(self) -> Find:
        """Its last find, as others are compared with it; of a track that was found in this frame."""
        instance = self.sightings[max(self.sightings)].instance(label=self.label)
        return Find(instance, self.latest, self.centre, float(self.latest.sum()), self.colours, True)

    def label_share(self, label: str) -> float:
        """The share of the finds' scores that went to a label, in [0, 1]."""
        total = sum(self.labels.values())
        return self.labels.get(label, 0.0) / total if total > 0 else 0.0


def move(track: LiveTrack, motion: Motion | None) -> None:
    """Bring a track to the next frame; it counts as lost until a find is given to it.

    motion: None where the frames can't be followed: then it stays where it was.
    """
    track.lost += 1
    if motion is None:
        return
    track.shape, track.latest = motion.carried(track.shape), motion.carried(track.latest)
    x, y = motion.panned(track.centre)
    moved = x + track.speed[0], y + track.speed[1]
    camera = motion.camera.copy()
    camera[:, 2] += track.speed
    rows, columns = track.ghost.shape
    ghost = cv2.warpAffine(track.ghost.astype(np.float32), camera, (columns, rows), flags=cv2.INTER_LINEAR)
    track.ghost = ghost >= 0.5
    # What goes out of the picture comes in again near where it went.
    track.centre = min(max(moved[0], 0.0), columns - 1.0), min(max(moved[1], 0.0), rows - 1.0)
    if track.lost > 1:
        track.speed = track.speed[0] * SLOWS, track.speed[1] * SLOWS


def centre_of(mask: BoolArray) -> tuple[float, float]:
    """The mean place x, y of a mask's cells."""
    y, x = np.nonzero(mask)
    return float(x.mean()), float(y.mean())


def accept(
    track: LiveTrack,
    find: Find,
    place: int,
    *,
    longest_doubt: int = 0,
    sure_of_it: bool = False,
    shared: bool = False,
) -> None:
    """Give a find of the frame at `place` to a track.

    longest_doubt: for so many frames in a row a find that does not agree with the track's shape leaves the
    shape, colours and speed as they are: the segmenter may have slipped. sure_of_it: it is right, whatever it
    looks like. shared: it shows another object too, and tells nothing of this one.
    """
    first = not track.sightings
    agreement = 1.0 if first or sure_of_it else _agreement(track, find)
    fresh = first or sure_of_it or track.lost > 1 + SHAPE_KEPT
    deformed = agreement >= DEFORMED and 1 / RESIZED <= find.area / max(track.area, 1.0) <= RESIZED
    trusted = not shared and (fresh or agreement >= AGREES or deformed or track.doubts >= longest_doubt)
    track.sightings[place] = Sighting.of(find.instance)
    track.agreement[place] = max(agreement, AGREES) if trusted else min(agreement, JUST_BELOW)
    label = find.instance.label
    track.labels[label] = track.labels.get(label, 0.0) + find.instance.score
    track.latest, track.pixels = find.mask, find.instance.area
    track.doubts = 0 if trusted else track.doubts + 1
    if trusted:
        _learn(track, find, place, first)
    elif not shared and track.shape.any():
        # The picture's motion tells better where it is than a speed that is not corrected.
        track.centre = centre_of(track.shape)
    track.lost = 0


def _agreement(track: LiveTrack, find: Find) -> float:
    """How far a find has a track's shape, in [0, 1]: overlap where it was carried to, where its speed takes it,
    or laid over the find. What moved farther than motion tells is no slip of the segmenter."""
    known = [track.shape, track.ghost]
    if track.shape.any():
        x, y = centre_of(track.shape)
        rows, columns = track.shape.shape
        step = np.array(
            [[1, 0, round(find.centre[0] - x)], [0, 1, round(find.centre[1] - y)]], dtype=np.float64
        )
        laid_over = cv2.warpAffine(track.shape.view(np.uint8), step, (columns, rows), flags=cv2.INTER_NEAREST)
        known.append(laid_over.astype(np.bool_))
    return float(overlaps(known, [find.mask])[0].max())


def _learn(track: LiveTrack, find: Find, place: int, first: bool) -> None:
    """Take over a trusted find's shape, and let place, speed, size and colours follow it."""
    track.shape = track.ghost = find.mask
    if first:
        track.colours, track.area, track.centre = find.colours, find.area, find.centre
        return
    track.steps += 1
    track.colours = track.colours + np.float32(COLOURS_FOLLOW) * (find.colours - track.colours)
    if find.area < HALF_HIDDEN * track.area:
        # Something hides it, or it leaves: the middle of what is left of it is not where it is.
        track.half_hidden.add(place)
        track.area += AREA_FADES * (find.area - track.area)
        return
    # The first steps tell the speed, later ones correct it.
    share = max(SPEED_FOLLOWS, 1 / track.steps) / max(1, track.lost)
    track.speed = (
        track.speed[0] + share * (find.centre[0] - track.centre[0]),
        track.speed[1] + share * (find.centre[1] - track.centre[1]),
    )
    track.centre = find.centre
    track.area += AREA_FOLLOWS * (find.area - track.area)


def takes_up(track: LiveTrack, young: LiveTrack) -> None:
    """Make a lost track go on as a young one that turned out to be the same object."""
    for place in young.sightings:
        track.sightings[place], track.agreement[place] = young.sightings[place], young.agreement[place]
    for label, score in young.labels.items():
        track.labels[label] = track.labels.get(label, 0.0) + score
    track.ahead |= young.ahead
    track.half_hidden |= young.half_hidden | {min(young.sightings)}
    for name in (
        "shape",
        "latest",
        "ghost",
        "centre",
        "speed",
        "steps",
        "lost",
        "doubts",
        "parts",
        "sure",
        "pixels",
    ):
        setattr(track, name, getattr(young, name))
    track.area = max(track.area, young.area)


def part_of(track: LiveTrack, find: Find, other: Find) -> bool:
    """Whether another find is a part of the object that the segmenter split from a track's find."""
    if track.parts >= PARTS_LAST or track.label_share(other.instance.label) == 0:
        return False
    inside = np.count_nonzero(track.shape & other.mask) / other.area
    whole = find.mask | other.mask
    with_it, without = overlaps([track.shape], [whole, find.mask])[0][0]
    return bool(inside >= PART_INSIDE and with_it >= without + PART_GAINS)


def joined(find: Find, part: Find) -> Find:
    """One find of two, with the first one's label, score and colours."""
    one, other = find.instance, part.instance
    box = one.box.union(other.box)
    mask = one.mask_on(box) | other.mask_on(box)
    frame = Box.of_frame(*one.frame_size).relative_to(box)
    instance = Instance.from_mask(mask, one.label, one.score, offset=frame)
    whole = find.mask | part.mask
    return replace(find, instance=instance, mask=whole, centre=centre_of(whole), area=float(whole.sum()))
