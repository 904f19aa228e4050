"""An artist's own objects followed backwards, to the frames before the one that they were shown in."""

from __future__ import annotations

from collections.abc import Sequence

from semantic_matte.shot_types import Sighting
from semantic_matte.shots.carrying import GONE, carried, mask_overlap
from semantic_matte.shots.live_tracks import LiveTrack
from semantic_matte.shots.picture_shelf import PictureShelf

# A find goes on with a hint's track that it overlaps by so much.
SAME = 0.5


def followed_back(tracks: Sequence[LiveTrack], cuts: Sequence[int], shelf: PictureShelf) -> None:
    """Give tracks that start from hints what they were before: finds of other tracks where these agree, else
    masks carried along. It ends where a scene begins or the object is gone. No find goes to two tracks.

    cuts: places of frames that begin a scene.
    """
    others = [track for track in tracks if not track.hinted]
    taken: set[tuple[int, int]] = set()
    for track in tracks:
        if not track.hinted:
            continue
        place = min(track.sightings)
        pixels = track.sightings[place].instance().area
        while place > 0 and place not in cuts:
            moved = carried(track.sightings[place], shelf.flow(place - 1, place), far=True)
            place -= 1
            if moved is None or moved.instance().area < GONE * pixels:
                break
            sighting = _found(moved, place, others, taken) or moved
            track.sightings[place], track.agreement[place] = sighting, 1.0
            if sighting.source == "found":
                pixels = sighting.instance().area


def _found(
    moved: Sighting, place: int, others: Sequence[LiveTrack], taken: set[tuple[int, int]]
) -> Sighting | None:
    """The find that a carried mask is, or None; it is then taken."""
    known = [
        (mask_overlap(moved, other.sightings[place]), other.identity)
        for other in others
        if place in other.sightings and (other.identity, place) not in taken
    ]
    best, identity = max(known, default=(0.0, -1), key=lambda pair: (pair[0], -pair[1]))
    if best < SAME:
        return None
    taken.add((identity, place))
    return next(other.sightings[place] for other in others if other.identity == identity)
