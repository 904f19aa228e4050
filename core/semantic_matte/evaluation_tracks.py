"""How well tracks follow the objects of a shot, against true masks of its frames.

J is region similarity of Perazzi et al. 2016, "A Benchmark Dataset and Evaluation Methodology for Video Object
Segmentation" (DAVIS). Identity switches are those of Bernardin & Stiefelhagen 2008, "Evaluating Multiple Object
Tracking Performance: The CLEAR MOT Metrics". Purity is that of clusters (Zhao & Karypis 2001), a slot being a
cluster of frames. The share of the main slot is this project's own: what a compositor sees of a lost object.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from semantic_matte.errors import ValueShapeError
from semantic_matte.shot_types import Track
from semantic_matte.types import BoolArray, Instance

# A slot shows an object where their overlap reaches this.
MATCH_IOU = 0.5
# A slot is an object's, if it is nobody else's more, from here on.
ROUGH_IOU = 0.1

Table = npt.NDArray[np.float64]


@dataclass(frozen=True)
class TrackingScore:
    """How well one true object is followed; larger is better, but for `switches`.

    slot: the one that is the best for it in most frames, "" if none ever overlaps it. visible: frames that show
    it. kept: of these, the part in which that slot is the best too and overlaps it by ROUGH_IOU: whether it is
    this object's, however badly its mask fits. share: the same by MATCH_IOU. Both in [0, 1].
    region: J, the mean overlap of that slot over these frames, in [0, 1]. purity: of the frames of that slot
    which match some true object, the part in which it is this one, in [0, 1]; 1 where there is one object only.
    switches: how often the slot that matches it is another one than the last that did.
    """

    slot: str
    visible: int
    kept: float
    share: float
    region: float
    purity: float
    switches: int


def tracking_scores(
    tracks: Sequence[Track], truth: Mapping[str, Mapping[int, BoolArray]]
) -> dict[str, TrackingScore]:
    """The score of each true object by its name.

    tracks: with slots, all different. truth: for each object its masks (H, W) bool by frame number, of the
    tracks' frame size; frames without one, or with an empty one, don't show it, and frames that no object has
    don't count. Raises ValueShapeError for an object that is never seen, and masks of another size.
    """
    frames = sorted({number for masks in truth.values() for number in masks})
    names = list(truth)
    table = np.zeros((len(names), len(tracks), len(frames)))
    visible = np.zeros((len(names), len(frames)), dtype=np.bool_)
    for column, number in enumerate(frames):
        seen = {
            index: track.sightings[number] for index, track in enumerate(tracks) if number in track.sightings
        }
        instances = {index: sighting.instance() for index, sighting in seen.items()}
        for row, name in enumerate(names):
            mask = truth[name].get(number)
            if mask is None or not mask.any():
                continue
            visible[row, column] = True
            for index, instance in instances.items():
                table[row, index, column] = _overlap(instance, mask, name)
    matched = [_matched(table[..., column]) for column in range(len(frames))]
    return {name: _score(row, tracks, table, visible[row], matched, name) for row, name in enumerate(names)}


def _score(
    row: int,
    tracks: Sequence[Track],
    table: Table,
    visible: BoolArray,
    matched: Sequence[Mapping[int, int]],
    name: str,
) -> TrackingScore:
    """The score of the true object in one row of the table."""
    count = int(visible.sum())
    if count == 0:
        raise ValueShapeError(f"True object '{name}': expected a mask with pixels in some frame, got none.")
    overlaps = table[row][:, visible]
    if not tracks or not overlaps.any():
        return TrackingScore("", count, 0.0, 0.0, 0.0, 0.0, 0)
    best = np.where(overlaps.max(axis=0) > 0, overlaps.argmax(axis=0), -1)
    main = int(np.bincount(best[best >= 0]).argmax())
    kept, share = (
        float(((best == main) & (overlaps[main] >= least)).sum()) / count for least in (ROUGH_IOU, MATCH_IOU)
    )
    objects = [pairs_row for pairs in matched for pairs_row, index in pairs.items() if index == main]
    purity = objects.count(row) / len(objects) if objects else 0.0
    follows = [pairs[row] for pairs in matched if row in pairs]
    switches = sum(one != other for one, other in pairwise(follows))
    slot = tracks[main].slot or str(tracks[main].identity)
    return TrackingScore(slot, count, kept, share, float(overlaps[main].mean()), purity, switches)


def _matched(overlaps: Table) -> dict[int, int]:
    """Which true object is shown by which track in one frame: the pairs with the most overlap, MATCH_IOU at
    least.

    overlaps: (objects, tracks).
    """
    rows, columns = linear_sum_assignment(np.where(overlaps >= MATCH_IOU, overlaps, 0.0), maximize=True)
    return {
        int(row): int(column)
        for row, column in zip(rows, columns, strict=True)
        if overlaps[row, column] >= MATCH_IOU
    }


def _overlap(instance: Instance, mask: BoolArray, name: str) -> float:
    """Intersection over union with a mask of the whole frame. Raises ValueShapeError."""
    if mask.shape != instance.frame_size:
        raise ValueShapeError(
            f"True object '{name}': expected masks of {instance.frame_size}, got one of {mask.shape}."
        )
    shared = int(np.count_nonzero(mask[instance.box.slices] & instance.crop))
    return shared / (int(np.count_nonzero(mask)) + instance.area - shared)
