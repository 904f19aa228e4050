"""One frame's final mattes out of what was solved for it and around it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from semantic_matte.overlaps import settle
from semantic_matte.settings import Settings
from semantic_matte.shots.flow import Flow
from semantic_matte.shots.steady_alphas import Neighbour, band_of, flicker, steady_matte
from semantic_matte.shots.window import Surroundings
from semantic_matte.types import Matte


def steady_frame(around: Surroundings, settings: Settings) -> tuple[list[Matte], list[str]]:
    """The frame's mattes, steadied by their neighbours' and settled with each other; and notices."""
    return settle(
        [_steadied(matte, around, settings) for matte in around.mattes], settings.overlaps, settings.order
    )


def flickers(
    mattes: Sequence[Matte], previous: Mapping[str, Matte] | None, before: Flow | None
) -> dict[str, float]:
    """By slot, how far each matte is from the frame before, in [0, 1]; what can't be compared is left out.

    previous: that frame's final mattes by slot. before: the motion to it.
    """
    if previous is None or before is None:
        return {}
    return {
        matte.slot: flicker(matte, previous[matte.slot], before) for matte in mattes if matte.slot in previous
    }


def _steadied(matte: Matte, around: Surroundings, settings: Settings) -> Matte:
    """One object's matte in agreement with its neighbours'."""
    neighbours = [
        Neighbour(near.flow, near.mattes[matte.slot], near.picture)
        for near in around.neighbours
        if matte.slot in near.mattes
    ]
    if not neighbours or around.picture is None:
        return matte
    band = band_of(matte.instance, matte.window, settings.dilation_outer, settings.dilation_inner)
    return steady_matte(matte, band, around.picture, neighbours, settings.steadiness)
