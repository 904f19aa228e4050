"""Masks carried along the picture's motion into frames where the segmenter missed an object or got it wrong.

A gap between two finds is filled from both ends, each frame from the nearer one. A find that does not agree
with what is carried to it from before and after, while these two agree with each other, is taken for a slip of
the segmenter and replaced. An object that goes behind another one is not carried onto it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import cv2
import numpy as np

from semantic_matte.shot_types import Sighting
from semantic_matte.shots.flow import Flow, object_flow
from semantic_matte.shots.live_tracks import AGREES, LiveTrack
from semantic_matte.shots.picture_shelf import PictureShelf
from semantic_matte.types import BoolArray, Box, Instance

# Two masks that were carried to one frame agree from this overlap on.
BOTH_AGREE = 0.5
# They contradict a find that agrees by so much less.
CLEARLY = 0.1
# A mask is not carried where the flow inside it is trusted by less than this,
TRUSTED = 0.25
# nor where more than this share of it is another object's found mask.
HIDDEN = 0.5
# A mask that shrinks to less than this share of the last found one has gone.
GONE = 0.1
# An object that the flow lost is looked for as a whole, this many times its size around where it was; what is
# found has to correlate so well with it, and the object has to be so many small pixels wide and high.
PIECE_REACH, PIECE_ALIKE, SMALLEST_PIECE = 1.0, 0.75, 6
# An object was lost by the flow where what it brought correlates by less with what is there: on DAVIS .87 and
# more, .7 and less where objects move by most of their radius.
FOLLOWED = 0.8
# Pixels that the window for a carried mask is wider than the mask's box once moved: a bilinear mask may grow by
# one.
MARGIN = 2
# The surest inside of an object: where flows there and back meet, and this fraction of its size from its edge.
SURE, INSIDE = 0.5, 0.02


def carried(sighting: Sighting, flow: Flow, *, far: bool = False) -> Sighting | None:
    """A mask moved to the next frame, or None where it leaves the picture or the motion can't be trusted.

    flow: leads from the frame to be filled to the sighting's. far: it is going to be carried through many
    frames, with nothing that sets it right again: it then follows the object's own motion alone.
    """
    instance = sighting.instance()
    moved = _along_flow(instance, flow)
    if moved is not None and far:
        moved = _with_its_own_motion(instance, moved, flow)
    if moved is None or _likeness(moved, flow) < FOLLOWED:
        moved = _as_one_piece(instance, flow) or moved
    return None if moved is None else Sighting.of(moved, "carried")


def _along_flow(instance: Instance, flow: Flow) -> Instance | None:
    """An instance moved with the picture, or None where that can't be trusted inside it."""
    window = _reached(instance.box, flow)
    if window is None:
        return None
    mask = flow.carry(instance.crop, instance.box, window) >= 0.5
    if not mask.any() or float(flow.trust_on(window)[mask].mean()) < TRUSTED:
        return None
    return _on_frame(mask, window, instance)


def _with_its_own_motion(instance: Instance, moved: Instance, flow: Flow) -> Instance:
    """An instance moved again, by the motion of its surest inside, carried on beyond its edge.

    moved: as the picture moved it. There the background that it uncovers points back into it and goes with it,
    a little more each frame: after 20 frames of a rigid prop (synthetic, 720x480) the overlap with the truth
    was .66, and is .93 so. Where limbs bend it costs some: on six DAVIS shots from their true masks the mean
    overlap is .67 in place of .75 over 8 frames, and .58 either way over 20.
    """
    reach = max(1, round(INSIDE * instance.box.mean_side))
    side = 2 * reach + 1
    sure = moved.crop & (flow.trust_on(moved.box) >= SURE)
    inside = cv2.erode(np.pad(sure, reach).astype(np.uint8), np.ones((side, side), np.uint8))
    core = inside[reach:-reach, reach:-reach] > 0
    own = object_flow(flow, _on_frame(core, moved.box, instance) if core.any() else moved)
    window = moved.box.union(instance.box).padded(MARGIN).intersection(Box.of_frame(*flow.frame_size))
    assert window is not None
    mask = own.carry(instance.crop, instance.box, window) >= 0.5
    return _on_frame(mask, window, instance) if mask.any() else moved


def _likeness(moved: Instance, flow: Flow) -> float:
    """How well what a flow brought inside an instance correlates with what is there, in [-1, 1]."""
    rows, columns = flow.trust.shape
    covered = cv2.resize(moved.mask.view(np.uint8), (columns, rows), interpolation=cv2.INTER_AREA) > 0
    small = Box.around(covered)
    if small is None:
        return 1.0
    inside = covered[small.slices]
    field = flow.field[small.slices]
    from_x = np.arange(small.x0, small.x1, dtype=np.float32) + field[..., 0]
    from_y = np.arange(small.y0, small.y1, dtype=np.float32)[:, np.newaxis] + field[..., 1]
    brought = cv2.remap(flow.there, from_x, from_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[inside]
    one, other = brought.astype(np.float64), flow.here[small.slices][inside].astype(np.float64)
    one, other = one - one.mean(), other - other.mean()
    power = float(np.sqrt(np.square(one).sum() * np.square(other).sum()))
    # A plain surface can't contradict.
    return float((one * other).sum()) / power if power > one.size else 1.0


def _as_one_piece(instance: Instance, flow: Flow) -> Instance | None:
    """An instance that is too fast for the flow, looked for around where it was and moved there as it is; None
    where nothing nearby looks like it. (Normalised cross-correlation under a mask: Lewis 1995.)"""
    height, width = flow.frame_size
    rows, columns = flow.trust.shape
    covered = cv2.resize(instance.mask.view(np.uint8), (columns, rows), interpolation=cv2.INTER_AREA) > 0
    small = Box.around(covered)
    if small is None or min(small.width, small.height) < SMALLEST_PIECE:
        return None
    reach = round(PIECE_REACH * small.mean_side)
    around = small.padded(reach).intersection(Box.of_frame(rows, columns))
    assert around is not None
    mask = covered[small.slices].astype(np.float32)
    piece = flow.there[small.slices].astype(np.float32)
    found = cv2.matchTemplate(
        flow.here[around.slices].astype(np.float32), piece, cv2.TM_CCOEFF_NORMED, mask=mask
    )
    found = np.where(np.isfinite(found), found, -1.0)
    y, x = np.unravel_index(int(found.argmax()), found.shape)
    if found[y, x] < PIECE_ALIKE:
        return None
    step_x = round((around.x0 + int(x) - small.x0) * width / columns)
    step_y = round((around.y0 + int(y) - small.y0) * height / rows)
    moved = instance.box.shifted(step_x, step_y)
    inside = moved.intersection(Box.of_frame(height, width))
    if inside is None:
        return None
    crop = instance.crop[inside.relative_to(moved).slices]
    return _on_frame(crop, inside, instance) if crop.any() else None


def _on_frame(mask: BoolArray, window: Box, instance: Instance) -> Instance:
    """An instance like another, of a mask (h, w) on a window of the frame."""
    frame = Box.of_frame(*instance.frame_size).relative_to(window)
    return Instance.from_mask(mask, instance.label, instance.score, offset=frame)


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
            if known is None and tracks[index].half_hidden & {first, last}:
                # One that goes behind another is half hidden before it is missed: nothing is to be seen of it.
                chosen = None
            elif known is None:
                seen = [one for other, one in others.get(place, ()) if other != tracks[index].identity]
                chosen = next((way for way in ways if way and hidden_share(way, seen) <= HIDDEN), None)
            else:
                chosen = ways[0] if _contradict(known, before, after, ways[0]) else None
            if chosen is not None:
                results[index][place] = chosen
        behind = carried_here
    return results


def _gaps(track: LiveTrack, longest: int) -> list[tuple[int, int]]:
    """The pairs of sure sightings with at most `longest` frames between them, in which something may be to be
    done."""
    sure = [place for place in sorted(track.sightings) if track.agreement[place] >= AGREES]
    return [(first, last) for first, last in pairwise(sure) if 0 < last - first - 1 <= longest]


def _contradict(
    find: Sighting, before: Sighting | None, after: Sighting | None, nearer: Sighting | None
) -> bool:
    """Whether masks carried from both sides are there and agree with each other, but not with a find."""
    if before is None or after is None or nearer is None:
        return False
    agreement, other = mask_overlap(before, after), mask_overlap(find, nearer)
    return agreement >= BOTH_AGREE and other < AGREES and agreement >= other + CLEARLY


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
