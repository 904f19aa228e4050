"""Masks carried along the picture's motion into frames where the segmenter missed an object or got it wrong.

A gap between two finds is filled from both ends, each frame from the nearer one. A find that does not agree
with what is carried to it from before and after, while these two agree with each other, is taken for a slip of
the segmenter and replaced. An object that goes behind another one is not carried onto it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

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
# Pixels that the window for a carried mask is wider than the mask's box once moved: a bilinear mask may grow by
# one.
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


def completed(
    tracks: Sequence[LiveTrack],
    others: Mapping[int, Sequence[tuple[int, Sighting]]],
    longest: int,
    shelf: PictureShelf,
) -> list[dict[int, Sighting]]:
    """Each track's sightings by the place of frames, with gaps of at most `longest` frames filled and slips
    replaced.

    others: of each place, the tracks that are surely seen there, by identity. Gaps lie between sure sightings;
    what is carried into them from before is in the tracks already, what is carried from behind is found here,
    in one way through the shot from its end.
    """
    results = [dict(track.sightings) for track in tracks]
    gaps: dict[int, list[tuple[int, int, int]]] = {}
    for index, track in enumerate(tracks):
        for first, last in _gaps(track, longest):
            for place in range(first + 1, last):
                gaps.setdefault(place, []).append((index, first, last))
    behind: dict[int, Sighting] = {}
    for place in sorted(gaps, reverse=True):
        flow = shelf.flow(place, place + 1)
        carried_here: dict[int, Sighting] = {}
        for index, first, last in gaps[place]:
            start = tracks[index].sightings[last] if place + 1 == last else behind.get(index)
            after = None if start is None else carried(start, flow)
            if after is not None:
                carried_here[index] = after
            before = tracks[index].ahead.get(place)
            ways = [before, after] if place - first <= last - place else [after, before]
            known = results[index].get(place)
            if known is None:
                seen = [one for other, one in others.get(place, ()) if other != tracks[index].identity]
                chosen = next((way for way in ways if way and hidden_share(way, seen) <= HIDDEN), None)
            else:
                chosen = ways[0] if _contradict(known, before, after, ways[0]) else None
            if chosen is not None:
                results[index][place] = chosen
        behind = carried_here
    return results


def _gaps(track: LiveTrack, longest: int) -> list[tuple[int, int]]:
    """The pairs of sure sightings with at most `longest` frames between them, in which something is to be
    done."""
    sure = [place for place in sorted(track.sightings) if track.agreement[place] >= AGREES]
    return [(first, last) for first, last in pairwise(sure) if 0 < last - first - 1 <= longest]


def _contradict(
    find: Sighting, before: Sighting | None, after: Sighting | None, nearer: Sighting | None
) -> bool:
    """Whether masks carried from before and from behind are there and agree with each other, but not with a find."""
    if before is None or after is None or nearer is None:
        return False
    return mask_overlap(before, after) >= BOTH_AGREE and mask_overlap(find, nearer) < AGREES


def _reached(box: Box, flow: Flow) -> Box | None:
    """Where content of a box may lie in the other frame: the box of all small pixels whose motion ends in
    it."""
    height, width = flow.frame_size
    small_height, small_width = flow.trust.shape
    scale_x, scale_y = width / small_width, height / small_height
    x = (np.arange(small_width, dtype=np.float32) + flow.field[..., 0] + 0.5) * scale_x
    y = (np.arange(small_height, dtype=np.float32)[:, np.newaxis] + flow.field[..., 1] + 0.5) * scale_y
    inside = (x > box.x0 - scale_x) & (x < box.x1 + scale_x) & (y > box.y0 - scale_y) & (y < box.y1 + scale_y)
    small = Box.around(inside)
    if small is None:
        return None
    wide = Box(
        int(small.x0 * scale_x),
        int(small.y0 * scale_y),
        int(small.x1 * scale_x) + 1,
        int(small.y1 * scale_y) + 1,
    )
    return wide.padded(MARGIN + int(max(scale_x, scale_y))).intersection(Box.of_frame(height, width))
