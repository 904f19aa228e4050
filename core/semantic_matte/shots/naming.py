"""Which tracks become slots, in which order, and how they are called.

Nothing here depends on the order in which frames or tracks were worked on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Literal

from semantic_matte.settings import Settings, split_terms
from semantic_matte.shot_types import Track
from semantic_matte.types import Instance

# Takes the instances of one frame, surest first, and gives those that are meant.
Select = Callable[[Sequence[Instance]], Sequence[Instance]]
# What an entry of `find` means of a shot: one track, those that it ever means, or those that it mostly means.
Meaning = Literal["one", "ever", "mostly"]


def named(
    tracks: Sequence[Track],
    frames: Sequence[int],
    settings: Settings,
    *,
    select: Select | Sequence[Select],
    names: Callable[[Sequence[str]], Sequence[str]],
    hinted: bool = False,
    notice: Callable[[str], None] | None = None,
) -> list[Track]:
    """The tracks that become slots, surest first, with their slots.

    frames: those of the shot that could be read. select: what `find` means in one frame; for each of its
    entries one, or one for all. names: gives each label its slot, in order; unique. hinted: tracks are the
    artist's own: none is left out, and none is chosen among. notice: is told what is left out that the artist
    may miss.

    Left out are tracks found in fewer frames than `shortest_track`, those that `find` does not mean, and the
    least sure ones beyond `max_instances`. An entry of `find` that means one object of a frame (person:largest,
    dog:2) means the track that it meant in most frames; `at` any track that it ever meant; everything else a
    track that it meant in half of the frames in which it was found.
    """
    if not hinted:
        least = min(settings.shortest_track, len(frames))
        tracks = [track for track in tracks if len(track.found) >= least]
        tracks = _meant(tracks, settings, [select] if callable(select) else list(select))
    order = sorted(tracks, key=lambda track: _place(track, len(frames)))
    if not hinted and len(order) > settings.max_instances:
        if notice is not None:
            notice(
                f"{len(order) - settings.max_instances} more objects were tied than 'max_instances' "
                f"({settings.max_instances}) lets through; the surest and longest were kept."
            )
        order = order[: settings.max_instances]
    slots = names([track.label for track in order])
    return [replace(track, slot=slot) for track, slot in zip(order, slots, strict=True)]


def sureness(track: Track, frames: int) -> float:
    """How much speaks for a track, in [0, 1]: the mean score of its finds by the share of frames that have
    one."""
    return sum(track.sightings[number].score for number in track.found) / max(1, frames)


def _place(track: Track, frames: int) -> tuple[float, int, str, list[int], bytes]:
    """What tracks are ordered by: two never have the same, since one frame has no two equal finds."""
    first = track.frames[0]
    sighting = track.sightings[first]
    return -round(sureness(track, frames), 9), first, track.label, sighting.box.as_list(), sighting.runs


def _meant(tracks: Sequence[Track], settings: Settings, selects: Sequence[Select]) -> list[Track]:
    """The tracks that some entry of `find` means."""
    meanings = [_meaning(term) for term in settings.find]
    if not meanings:
        return list(tracks)
    if len(selects) != len(meanings):
        # One for all entries: what it means is told by the entries only where they agree.
        meanings = [_common(meanings)]
    votes = _votes(tracks, selects)
    kept: set[int] = set()
    for meaning, counts in zip(meanings, votes, strict=True):
        kept |= _chosen(tracks, meaning, counts)
    return [track for track in tracks if track.identity in kept]


def _votes(tracks: Sequence[Track], selects: Sequence[Select]) -> list[Counter[int]]:
    """For each entry, in how many frames it meant each track, by identity."""
    votes: list[Counter[int]] = [Counter() for _ in selects]
    for number in sorted({number for track in tracks for number in track.found}):
        seen: list[tuple[Instance, int]] = []
        for track in tracks:
            sighting = track.sightings.get(number)
            if sighting is not None and sighting.source == "found":
                seen.append((sighting.instance(label=track.label), track.identity))
        seen.sort(key=lambda pair: (-pair[0].score, pair[0].label, pair[0].box))
        identities = {id(instance): identity for instance, identity in seen}
        for counts, select in zip(votes, selects, strict=True):
            counts.update(identities[id(one)] for one in select([instance for instance, _ in seen]))
    return votes


def _chosen(tracks: Sequence[Track], meaning: Meaning, counts: Mapping[int, int]) -> set[int]:
    """The identities of the tracks that an entry means, given in how many frames it meant each."""
    if meaning == "ever":
        return {track.identity for track in tracks if counts[track.identity]}
    if meaning == "mostly":
        return {track.identity for track in tracks if 2 * counts[track.identity] >= len(track.found)}
    voted = [track for track in tracks if counts[track.identity]]
    best = min(voted, key=lambda track: (-counts[track.identity], _place(track, 1)), default=None)
    return set() if best is None else {best.identity}


def _meaning(term: str) -> Meaning:
    """What an entry of `find` means of a shot, by its last selector."""
    *_, selector = [":", *split_terms(term, ":")[1:]]
    word = selector.strip().lower()
    if word.startswith("at"):
        return "ever"
    return "mostly" if word == ":" or word.startswith("in") else "one"


def _common(meanings: Sequence[Meaning]) -> Meaning:
    """What entries mean that are only known together."""
    return meanings[0] if set(meanings) == {"ever"} else "mostly"
