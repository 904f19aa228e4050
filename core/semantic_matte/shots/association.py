"""Which find of a frame is which track: how well each pair fits, and the best of all ways to pair them.

What speaks for a pair is how much the masks overlap once the track's was carried along with the picture, how
near the find is to where the track should be, colours, size and label. The pairs whose gains sum to the most
are taken (Kuhn 1955, "The Hungarian method"; scipy's is Crouse 2016). Labels only add: segmenters waver between
a dog, a cat and a sheep. The order of work is that of ByteTrack (Zhang et al. 2022): sure finds first, and what
they leave may be continued by unsure ones, which never start a track.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

from semantic_matte.shots.live_tracks import Find, LiveTrack
from semantic_matte.shots.small_pictures import Table, alike, overlaps

# What a pair gains at most from overlap, place, colours, size and label, while a track is followed and once it
# is lost: masks that were not seen for some frames tell less.
FOLLOWED_WEIGHTS = (0.5, 0.2, 0.15, 0.05, 0.1)
LOST_WEIGHTS = (0.3, 0.25, 0.25, 0.1, 0.1)
# A pair must gain this much.
LEAST_GAIN = 0.3
# A track that is followed comes before one that is lost.
LOST_PRICE = 0.05
# Overlap from which a pair is possible whatever the rest; with a label that the track never had, and for a find
# that the segmenter is unsure of.
TOUCHING, RENAMED, UNSURE = 0.1, 0.3, 0.4
# Where a find lies too far off to overlap: nearness and likeness from which it is possible.
NEAR, ALIKE = 0.3, 0.75
# Halves of an object's size that it may be from where it should be; more for each frame that it was lost.
REACH, REACH_GROWS, LONGEST_REACH = 0.5, 0.1, 1.5


def gains(tracks: Sequence[LiveTrack], finds: Sequence[Find]) -> tuple[Table, Table]:
    """What each pair gains, (n, m), 0 where it is impossible, and how far the masks overlap, in [0, 1]."""
    masks = [find.mask for find in finds]
    shape, _ = overlaps([track.shape for track in tracks], masks)
    latest, _ = overlaps([track.latest for track in tracks], masks)
    ghost, _ = overlaps([track.ghost for track in tracks], masks)
    overlap = np.maximum(np.maximum(shape, latest), 0.9 * ghost)
    gained = np.zeros_like(overlap)
    for row, track in enumerate(tracks):
        for column, find in enumerate(finds):
            gained[row, column] = _gain(track, find, float(overlap[row, column]))
    return gained, overlap


def assign(gained: Table) -> list[tuple[int, int]]:
    """The pairs (row, column) with the largest sum of gains, rows in order; what gains nothing stays alone."""
    rows, columns = linear_sum_assignment(gained, maximize=True)
    return [
        (int(row), int(column)) for row, column in zip(rows, columns, strict=True) if gained[row, column] > 0
    ]


def _gain(track: LiveTrack, find: Find, overlap: float) -> float:
    """What a pair gains, 0 where it is impossible."""
    lost = track.lost > 1
    share = 1.0 if track.hinted else track.label_share(find.instance.label)
    reach = min(REACH + REACH_GROWS * (track.lost - 1), LONGEST_REACH) * max(track.area, 16.0) ** 0.5
    miss = np.hypot(find.centre[0] - track.centre[0], find.centre[1] - track.centre[1])
    near = float(np.exp(-np.square(miss / reach)))
    size = (min(track.area, find.area) / max(track.area, find.area)) ** 0.5
    look = alike(track.colours, find.colours)
    touching = overlap >= (TOUCHING if share > 0 and not lost else RENAMED)
    elsewhere = share > 0 and near >= NEAR and look >= ALIKE and size >= 0.6
    if not find.sure and (overlap < UNSURE or lost):
        return 0.0
    if not (touching or elsewhere):
        return 0.0
    weights = LOST_WEIGHTS if lost else FOLLOWED_WEIGHTS
    whole = float(np.dot(weights, (overlap, near, look, size, share))) - (LOST_PRICE if lost else 0.0)
    return max(0.0, whole - LEAST_GAIN)
