"""Soft alphas of neighbours, settled with each other: at no pixel do they sum to more than 1.

Two ways. Consistent: where the sum is above 1 every alpha is divided by it, so the shares keep their
proportion. Front to back: an object keeps its alpha, and those behind it get no more than it leaves. Neither
takes anything from pixels that one object alone claims. Work goes in strips over the mattes' own windows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from typing import Literal

import numpy as np

from semantic_matte.errors import UsageError
from semantic_matte.types import Box, FloatArray, Instance, Matte

STRIP_ROWS = 256


def settle(
    mattes: Sequence[Matte],
    how: Literal["consistent", "independent", "front_to_back"],
    order: Sequence[str] = (),
) -> tuple[list[Matte], list[str]]:
    """Mattes of one frame as the settings `overlaps` and `order` want them, and notices for the user.

    mattes: the surest first; a matte that nothing changes comes back as the same object, in its place.
    Sums are at most 1 to float rounding, except with independent, which changes nothing.
    Raises UsageError where `order` has a name twice.
    """
    check_order(order)
    if how != "front_to_back":
        unused = [f"'order' is not used: overlaps are {how}, not front_to_back."] if order else []
        return (make_consistent(mattes) if how == "consistent" else list(mattes)), unused
    ranked, notices = front_to_back(mattes, order)
    return make_layered(mattes, ranked), notices


def check_order(order: Sequence[str]) -> None:
    """Raise UsageError for a name that comes twice: nothing is in front of itself."""
    names = [_folded(name) for name in order]
    twice = next((name for name in order if names.count(_folded(name)) > 1), None)
    if twice is not None:
        raise UsageError(f"Setting 'order' has '{twice}' twice: expected each name once, front first.")


def front_to_back(
    objects: Sequence[Instance] | Sequence[Matte], order: Sequence[str]
) -> tuple[list[int], list[str]]:
    """Indices of objects from front to back, and a notice for each name that none of them has.

    order: slots and labels, in any case. An object goes by its slot where that is listed, else by its label.
    Those of one label, and those behind the last name, keep the order in which they came.
    """
    places = {_folded(name): place for place, name in enumerate(order)}
    present = {_folded(name) for one in objects for name in (one.slot, one.label) if name}
    here = ", ".join(one.slot or one.label for one in objects) or "nothing"
    notices = [
        f"'{name}' of 'order' is not among what was found here: {here}."
        for name in order
        if _folded(name) not in present
    ]

    def place(index: int) -> int:
        """Where in the order an object stands; behind all where it isn't listed."""
        one = objects[index]
        by_label = places.get(_folded(one.label), len(places))
        return places.get(_folded(one.slot), by_label) if one.slot else by_label

    # Sorting is stable.
    return sorted(range(len(objects)), key=place), notices


def visible(
    instances: Sequence[Instance],
    how: Literal["consistent", "independent", "front_to_back"],
    order: Sequence[str] = (),
) -> list[Instance]:
    """Instances of one frame with masks as they are seen: front to back, no mask goes under another's.

    A rough mask often runs on beneath what lies in front: a table's beneath its cups. Both then are surely
    solid there, and the edge of the one in front could not be solved. Boxes stay, so that an object's size
    does; a mask that would vanish stays whole. With other ways the instances come back as they are.
    Raises UsageError where `order` has a name twice.
    """
    check_order(order)
    if how != "front_to_back":
        return list(instances)
    ranked, _ = front_to_back(instances, order)
    seen = list(instances)
    for place, index in enumerate(ranked):
        one = instances[index]
        crop = one.crop
        for in_front in (instances[other] for other in ranked[:place]):
            if one.box.intersection(in_front.box) is not None:
                crop = crop & ~in_front.mask_on(one.box)
        if crop is not one.crop and crop.any():
            seen[index] = replace(one, crop=crop)
    return seen


def _folded(name: str) -> str:
    return name.strip().casefold()


def make_consistent(mattes: Sequence[Matte]) -> list[Matte]:
    """Mattes of one frame with sums of at most 1 (to float rounding). Others' pixels stay the same bits.

    Returns the same Matte objects where nothing had to change.
    """
    edited = _Edited(mattes)
    for strip, present in _shared_strips(mattes):
        total = np.zeros((strip.height, strip.width), dtype=np.float32)
        for index, common in present:
            total[common.relative_to(strip).slices] += edited.part(index, common)
        if float(total.max()) <= 1.0:
            continue
        divisor = np.maximum(total, 1.0)
        for index, common in present:
            theirs = divisor[common.relative_to(strip).slices]
            if float(theirs.max()) > 1.0:
                own = edited.own_part(index, common)
                own /= theirs
    return edited.mattes()


def make_layered(mattes: Sequence[Matte], ranked: Sequence[int]) -> list[Matte]:
    """Mattes of one frame of which each gets min(alpha, 1 - the sum of those in front of it).

    ranked: indices of all mattes, front first. Sums are at most 1 (to float rounding); pixels that one alone
    claims, and those of the foremost, stay the same bits. Returns the mattes in their own order, the same
    objects where nothing had to change.
    """
    edited = _Edited(mattes)
    for strip, present in _shared_strips(mattes):
        common_of = dict(present)
        covered = np.zeros((strip.height, strip.width), dtype=np.float32)
        for index in ranked:
            if (common := common_of.get(index)) is None:
                continue
            in_front = covered[common.relative_to(strip).slices]
            free = np.maximum(1 - in_front, 0)
            if bool((edited.part(index, common) > free).any()):
                own = edited.own_part(index, common)
                np.minimum(own, free, out=own)
            in_front += edited.part(index, common)
    return edited.mattes()


class _Edited:
    """Mattes of which parts are changed, in copies: who isn't touched isn't copied."""

    def __init__(self, mattes: Sequence[Matte]) -> None:
        self._mattes = mattes
        self._crops: list[FloatArray | None] = [None] * len(mattes)

    def part(self, index: int, common: Box) -> FloatArray:
        """A matte's alpha as it is now on a box inside its window: a view, (h, w) float32."""
        matte, crop = self._mattes[index], self._crops[index]
        return (matte.crop if crop is None else crop)[common.relative_to(matte.window).slices]

    def own_part(self, index: int, common: Box) -> FloatArray:
        """The same view to write into."""
        if self._crops[index] is None:
            self._crops[index] = self._mattes[index].crop.copy()
        return self.part(index, common)

    def mattes(self) -> list[Matte]:
        """The same objects where nothing was changed, new ones where it was."""
        return [
            matte if crop is None else replace(matte, crop=crop)
            for matte, crop in zip(self._mattes, self._crops, strict=True)
        ]


def _shared_strips(mattes: Sequence[Matte]) -> list[tuple[Box, list[tuple[int, Box]]]]:
    """Strips of rows that windows of at least two mattes touch, each with their indices and common boxes."""
    if not mattes:
        return []
    covered = reduce(Box.union, (matte.window for matte in mattes))
    shared = []
    for top in range(covered.y0, covered.y1, STRIP_ROWS):
        strip = Box(covered.x0, top, covered.x1, min(top + STRIP_ROWS, covered.y1))
        present = [
            (index, common)
            for index, matte in enumerate(mattes)
            if (common := matte.window.intersection(strip)) is not None
        ]
        if len(present) > 1:
            shared.append((strip, present))
    return shared
