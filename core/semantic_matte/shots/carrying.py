"""Masks carried along the picture's motion into frames where the segmenter missed an object or got it wrong.

A gap between two finds is filled from both ends, each frame from the nearer one. A find that does not agree with
what is carried to it from before and after, while these two agree with each other, is taken for a slip of the
segmenter and replaced. An object that goes behind another one is not carried onto it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from semantic_matte.shot_types import Sighting
from semantic_matte.shots.flow import Flow
from semantic_matte.shots.live_tracks import AGREES, LiveTrack
from semantic_matte.shots.picture_shelf import PictureShelf
from semantic_matte.types import Box, Instance

# Two masks that were carried to one frame agree from this overlap on.
BOTH_AGREE = 0.6
# A mask is not carried where the flow inside it is trusted by less than this,
TRUSTED = 0.25
# nor where more than this share of it is another object's found mask.
HIDDEN = 0.5
# A mask that shrinks to less than this share of the last found one has gone.
GONE = 0.1
# Pixels that the window for a carried mask is wider than the mask's box once moved: a bilinear mask may grow by one.
MARGIN = 2


def carried(sighting: Sighting, flow: Flow) -> Sighting | None:
    """A mask moved to the next frame, or None where it leaves the picture or the motion can't be trusted.

    flow: leads from the frame to be filled to the sighting's.
    """
    window = _reached(sighting.box, flow)
    if window is None:
        return None
    instance = sighting.instance()
    mask = flow.carry(instance.crop, instance.box, window) >= 0.5
    if not mask.any() or float(flow.trust_on(window)[mask].mean()) < TRUSTED:
        return None
    frame = Box.of_frame(*sighting.frame_size).relative_to(window)
    moved = Instance.from_mask(mask, sighting.label, sighting.score, offset=frame)
    return Sighting.of(moved, "carried")


def mask_overlap(one: Sighting, other: Sighting) -> float:
    """Intersection over union of two masks of one frame, in [0, 1], at the plate's own size."""
    common = one.box.intersection(other.box)
    if common is None:
        return 0.0
    first, second = one.instance(), other.instance()
    shared = int(np.count_nonzero(first.mask_on(common) & second.mask_on(common)))
    return shared / (first.area + second.area - shared)


def hidden_share(sighting: Sighting, others: Sequence[Sighting]) -> float:
    """The share of a mask that lies under the masks of others, in [0, 1]."""
    instance = sighting.instance()
    covered = np.zeros_like(instance.crop)
    for other in others:
        if instance.box.intersection(other.box) is not None:
            covered |= other.instance().mask_on(instance.box)
    return int(np.count_nonzero(covered & instance.crop)) / instance.area


def filled(
    track: LiveTrack,
    others: Mapping[int, Sequence[tuple[int, Sighting]]],
    longest: int,
    shelf: PictureShelf,
) -> dict[int, Sighting]:
    """A track's sightings by the place of frames, with gaps of at most `longest` frames filled and slips replaced.

    others: of each place, the tracks that are surely seen there, by identity.
    """
    result = dict(track.sightings)
    sure = [place for place in sorted(result) if track.agreement[place] >= AGREES]
    for first, last in zip(sure, sure[1:], strict=False):
        if 0 < last - first - 1 <= longest and any(place in result for place in range(first + 1, last)):
            _replace_slips(result, first, last, shelf)
    places = sorted(result)
    for first, last in zip(places, places[1:], strict=False):
        if 0 < last - first - 1 <= longest:
            _fill(result, first, last, track.identity, others, shelf)
    return result


def _replace_slips(result: dict[int, Sighting], first: int, last: int, shelf: PictureShelf) -> None:
    """Replace the finds between two trusted ones that contradict both of these."""
    from_first, from_last = _both_ways(result, first, last, shelf)
    for place in range(first + 1, last):
        before, after = from_first.get(place), from_last.get(place)
        if place not in result or before is None or after is None:
            continue
        nearer = before if place - first <= last - place else after
        if mask_overlap(before, after) >= BOTH_AGREE and mask_overlap(result[place], nearer) < AGREES:
            result[place] = nearer


def _fill(
    result: dict[int, Sighting],
    first: int,
    last: int,
    identity: int,
    others: Mapping[int, Sequence[tuple[int, Sighting]]],
    shelf: PictureShelf,
) -> None:
    """Fill the frames between two sightings, each from the nearer one if it can be, else from the other."""
    from_first, from_last = _both_ways(result, first, last, shelf)
    for place in range(first + 1, last):
        ways = [from_first.get(place), from_last.get(place)]
        if last - place < place - first:
            ways.reverse()
        seen = [sighting for other, sighting in others.get(place, ()) if other != identity]
        for way in ways:
            if way is not None and hidden_share(way, seen) <= HIDDEN:
                result[place] = way
                break


def _both_ways(
    result: Mapping[int, Sighting], first: int, last: int, shelf: PictureShelf
) -> tuple[dict[int, Sighting], dict[int, Sighting]]:
    """What lies between two sightings, carried forwards from the first and backwards from the last."""
    ways: tuple[dict[int, Sighting], dict[int, Sighting]] = ({}, {})
    for way, start, step in ((ways[0], first, 1), (ways[1], last, -1)):
        mask: Sighting | None = replace(result[start], source="carried")
        place = start + step
        while mask is not None and first < place < last:
            mask = carried(mask, shelf.flow(place, place - step))
            if mask is not None:
                way[place] = mask
            place += step
    return ways


def _reached(box: Box, flow: Flow) -> Box | None:
    """Where content of a box may lie in the other frame: the box of all small pixels whose motion ends in it."""
    height, width = flow.frame_size
    small_height, small_width = flow.trust.shape
    scale_x, scale_y = width / small_width, height / small_height
    x = (np.arange(small_width, dtype=np.float32) + flow.field[..., 0] + 0.5) * scale_x
    y = (np.arange(small_height, dtype=np.float32)[:, np.newaxis] + flow.field[..., 1] + 0.5) * scale_y
    inside = (
        (x > box.x0 - scale_x) & (x < box.x1 + scale_x) & (y > box.y0 - scale_y) & (y < box.y1 + scale_y)
    )
    small = Box.around(inside)
    if small is None:
        return None
    wide = Box(
        int(small.x0 * scale_x), int(small.y0 * scale_y), int(small.x1 * scale_x) + 1, int(small.y1 * scale_y) + 1
    )
    return wide.padded(MARGIN + int(max(scale_x, scale_y))).intersection(Box.of_frame(height, width))
