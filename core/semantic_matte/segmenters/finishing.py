"""What is done with every segmenter's finds: specks out, parts merged, selectors, and the limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from semantic_matte.ports import Progress
from semantic_matte.segmenters.choice import Wanted, merge_rows, within_limit
from semantic_matte.settings import Settings
from semantic_matte.types import Box, Instance

# A part belongs to an object that is nearer than this fraction of the object's size (mean of box width and
# height): masks of things that touch often leave a seam between them.
SEAM = 0.02


def finish(
    instances: Sequence[Instance],
    settings: Settings,
    known: Sequence[str],
    progress: Progress,
    *,
    selecting: bool = True,
) -> list[Instance]:
    """The instances that the settings mean, surest first.

    known: every name that the segmenter can give; empty: any. selecting: whether selectors of `find` choose
    among them; over a shot they choose tracks. Raises UnknownNameError or SettingsError.
    """
    wanted = Wanted.of(settings, known)
    kept = _without_specks(instances, settings.smallest, progress)
    for names in merge_rows(settings, known):
        kept = _merged(kept, names)
    if selecting:
        kept = wanted.select(kept)
    return kept[: within_limit(len(kept), settings.max_instances, progress)]


def _without_specks(instances: Sequence[Instance], smallest: float, progress: Progress) -> list[Instance]:
    kept = [one for one in instances if one.area >= smallest * one.frame_size[0] * one.frame_size[1]]
    count = len(instances) - len(kept)
    if count:
        progress.notice(
            f"{count} {'specks' if count > 1 else 'speck'} smaller than 'smallest' ({smallest:g} of the "
            f"frame's area) {'were' if count > 1 else 'was'} left out."
        )
    return kept


def _merged(instances: Sequence[Instance], names: tuple[frozenset[str], frozenset[str]]) -> list[Instance]:
    """Each part joined to the object that it touches most; a part that touches none stays by itself."""
    heads = [one for one in instances if one.label in names[0]]
    belongings: dict[int, list[Instance]] = {}
    for part in (one for one in instances if one.label in names[1]):
        contacts = [_contact(head, part) for head in heads]
        if contacts and max(contacts) > 0:
            belongings.setdefault(int(np.argmax(contacts)), []).append(part)
    taken = {id(part) for parts in belongings.values() for part in parts}
    joined = {id(heads[index]): _union([heads[index], *parts]) for index, parts in belongings.items()}
    return [joined.get(id(one), one) for one in instances if id(one) not in taken]


def _contact(head: Instance, part: Instance) -> int:
    """Pixels of the part that lie on the head or within SEAM of it."""
    # A gap of n pixels is a step of n + 1.
    reach = 1 + max(1, round(SEAM * head.box.mean_side))
    near = head.box.padded(reach)
    common = near.intersection(part.box)
    if common is None:
        return 0
    # The head's mask as far as it can matter, grown.
    window = common.padded(reach)
    mask = head.mask_on(window).view(np.uint8)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    grown = cv2.dilate(mask, disc)[common.relative_to(window).slices]
    return int(np.count_nonzero(grown.astype(np.bool_) & part.mask_on(common)))


def _union(instances: Sequence[Instance]) -> Instance:
    """One instance of all, with the first one's label and score."""
    box = instances[0].box
    for one in instances[1:]:
        box = box.union(one.box)
    mask = np.zeros((box.height, box.width), dtype=np.bool_)
    for one in instances:
        mask |= one.mask_on(box)
    frame = Box.of_frame(*instances[0].frame_size)
    whole = Instance.from_mask(mask, instances[0].label, instances[0].score, offset=frame.relative_to(box))
    return replace(whole, slot=instances[0].slot)
