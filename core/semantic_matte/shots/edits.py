"""The artist's edits of a shot's tracks: renamed, merged, split, dropped, frames given to another one.

Edits are kept apart from what was found and made again each time, in their order. An edit knows its object by
where it was in one frame, and only else by its name: names that were given by machine may shift when a shot is
found and tied again. An edit whose object can't be found is kept, and told of.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from semantic_matte.errors import UnknownNameError, UsageError
from semantic_matte.frame_ranges import parse_frames, range_text
from semantic_matte.shot_types import Sighting, Track
from semantic_matte.shots.tracks_model import (
    LONGEST_SLOT,
    Anchor,
    Drop,
    Edit,
    MasksRecord,
    Merge,
    Reassign,
    Rename,
    Split,
    TracksRecord,
    made,
    summaries,
)
from semantic_matte.types import Box, Instance

# An anchor's object is one whose box overlaps it by at least so much.
SAME_PLACE = 0.3
_TYPED_SLOT = re.compile(r"sm_[a-z0-9]+(_[a-z0-9]+)*")


@dataclass(frozen=True)
class Edited:
    """Tracks after edits, in the order of the automatic ones and new ones after them. notices: a sentence for
    each edit that could not be made, and for each automatic name that had to make room for an artist's."""

    tracks: tuple[Track, ...]
    notices: tuple[str, ...]


def apply_edits(tracks: Sequence[Track], edits: Sequence[Edit]) -> Edited:
    """Make the edits, in their order, on automatic tracks. Every sighting stays in exactly one track, or is
    dropped with it; sightings of one frame that are merged become one."""
    state = _State(tracks)
    for number, edit in enumerate(edits, start=1):
        state.make(edit, number)
    return Edited(tuple(track for track in state.tracks if track.sightings), tuple(state.notices))


def tracks_record(masks: MasksRecord, edits: Sequence[Edit] = ()) -> TracksRecord:
    """The artist's file from the machine's and the edits; nothing else goes into it."""
    edited = apply_edits(masks.as_tracks(), edits)
    of_both = ("shot", "size", "cuts", "key", "settings_hash", "tracker")
    header = {name: getattr(masks, name) for name in of_both}
    record = {
        **header,
        "schema": masks.schema_version,
        "notices": masks.notices,
        "frames": range_text(masks.frames),
        "edits": tuple(edits),
        "edit_notices": edited.notices,
        "tracks": summaries(edited.tracks),
        "checksum": "0" * 64,
    }
    return made(TracksRecord.model_validate(record))


def slot_from_text(text: str, word: Callable[[str], str]) -> str:
    """A slot's name out of what an artist typed: "Hero dog" -> sm_hero_dog; a valid name stays as it is.

    word: `outputs.names.label_word`. Raises UsageError for text of which nothing can be used or that is too
    long.
    """
    typed = text.strip()
    if _TYPED_SLOT.fullmatch(typed) and len(typed) <= LONGEST_SLOT:
        return typed
    if not any(sign.isalnum() for sign in typed):
        raise UsageError(f"'{text}' can't be made a name: give at least one letter.")
    name = f"sm_{word(re.sub('^sm[_ ]+', '', typed, flags=re.IGNORECASE))}"
    return name[:LONGEST_SLOT].rstrip("_")


def free_slot(slot: str, taken: Collection[str]) -> str:
    """A name like `slot` that is not taken: its number raised, or a first number given."""
    found = re.fullmatch(r"(.*?)(?:_([0-9]+))?", slot)
    assert found is not None
    stem = found[1][: LONGEST_SLOT - 5].rstrip("_")
    number = int(found[2] or 0)
    while True:
        number += 1
        name = f"{stem}_{number:02d}"
        if name not in taken:
            return name


def anchor_of(track: Track, frames: Collection[int] | None = None) -> Anchor:
    """Where a track can best be known again: the middle of its found sightings. frames: only in these, if it is
    seen in any of them."""
    wanted = [number for number in track.found or track.frames if frames is None or number in frames]
    wanted = wanted or [number for number in track.frames if frames is None or number in frames] or track.frames
    number = wanted[len(wanted) // 2]
    box = track.sightings[number].box
    return Anchor(frame=number, box=(box.x0, box.y0, box.x1, box.y1))


def renaming(tracks: Sequence[Track], slot: str, to: str) -> Rename:
    """The edit that renames an object. tracks: after all edits so far. Raises UnknownNameError, or UsageError
    where the name is another object's."""
    track = known(tracks, slot)
    _refuse_taken(tracks, to, "merge them, or choose another name")
    return Rename(do="rename", slot=slot, anchor=anchor_of(track), to=to)


def merging(tracks: Sequence[Track], slot: str, other: str) -> Merge:
    """The edit that makes another object a part of one. Raises as `renaming`."""
    one, two = known(tracks, slot), known(tracks, other)
    if one is two:
        raise UsageError(f"'{slot}' can't be merged with itself: name two objects.")
    return Merge(do="merge", slot=slot, anchor=anchor_of(one), other=other, other_anchor=anchor_of(two))


def splitting(tracks: Sequence[Track], slot: str, at: int, to: str | None) -> Split:
    """The edit that makes an object another one from a frame on. to: None for the next free name. Raises as
    `renaming`, and UsageError where one of the two would be seen nowhere."""
    track = known(tracks, slot)
    if not track.frames[0] < at <= track.frames[-1]:
        raise UsageError(
            f"'{slot}' is seen in {range_text(track.frames)}: expected a frame after the first and up to the "
            f"last, got {at}."
        )
    if to is not None:
        _refuse_taken(tracks, to, "choose another name")
    new = to or free_slot(slot, {one.slot for one in tracks})
    # It must be known again where the two parts are told apart.
    anchor = anchor_of(track, {number for number in track.frames if number >= at})
    return Split(do="split", slot=slot, anchor=anchor, at=at, to=new)


def dropping(tracks: Sequence[Track], slot: str) -> Drop:
    """The edit that leaves an object out. Raises as `renaming`."""
    return Drop(do="drop", slot=slot, anchor=anchor_of(known(tracks, slot)))


def reassigning(tracks: Sequence[Track], slot: str, frames: str, to: str) -> Reassign:
    """The edit that gives frames of an object to another one, known or new. Raises as `renaming`, and
    UsageError for frames that don't show it."""
    track = known(tracks, slot)
    wanted = set(parse_frames(frames)) & set(track.frames)
    if not wanted:
        raise UsageError(f"'{slot}' is seen in {range_text(track.frames)}, and in none of the frames {frames}.")
    if slot == to:
        raise UsageError(f"Frames of '{slot}' can't be given to itself: name another object.")
    target = next((one for one in tracks if one.slot == to), None)
    return Reassign(
        do="reassign",
        slot=slot,
        anchor=anchor_of(track, wanted),
        frames=frames,
        to=to,
        to_anchor=None if target is None else anchor_of(target),
    )


def known(tracks: Sequence[Track], slot: str) -> Track:
    """The track of that name. Raises UnknownNameError."""
    for track in tracks:
        if track.slot == slot:
            return track
    raise UnknownNameError("slot", slot, [track.slot for track in tracks])


def _refuse_taken(tracks: Sequence[Track], slot: str, what_to_do: str) -> None:
    """Raise UsageError where a name is another object's."""
    if any(track.slot == slot for track in tracks):
        raise UsageError(f"There is a '{slot}' already: {what_to_do}.")


class _State:
    """The tracks while edits are made, one after another."""

    def __init__(self, tracks: Sequence[Track]) -> None:
        self.tracks: list[Track] = list(tracks)
        self.notices: list[str] = []

    def make(self, edit: Edit, number: int) -> None:
        """Make one edit, or tell why it can't be made. number: its own, as people count."""
        index = self._find(edit.slot, edit.anchor)
        if index is None:
            self._tell(number, edit, f"there is no '{edit.slot}', and nothing where it was")
            return
        match edit:
            case Rename():
                self._make_room(edit.to, index)
                self.tracks[index] = replace(self.tracks[index], slot=edit.to)
            case Drop():
                del self.tracks[index]
            case Merge():
                self._merge(edit, index, number)
            case Split():
                frames = {one for one in self.tracks[index].frames if one >= edit.at}
                if not frames or len(frames) == len(self.tracks[index].frames):
                    self._tell(number, edit, f"'{edit.slot}' is not seen on both sides of frame {edit.at}")
                    return
                self._make_room(edit.to, None)
                self._exchange(index, frames, edit.to, None)
            case Reassign():
                self._reassign(edit, index, number)

    def _merge(self, edit: Merge, index: int, number: int) -> None:
        """Put another track's sightings to a track's own."""
        other = self._find(edit.other, edit.other_anchor)
        if other is None:
            self._tell(number, edit, f"there is no '{edit.other}', and nothing where it was")
        elif other == index:
            self._tell(number, edit, f"'{edit.slot}' and '{edit.other}' are one object")
        else:
            one, two = self.tracks[index], self.tracks[other]
            sightings = {**two.sightings, **one.sightings}
            for frame in set(one.sightings) & set(two.sightings):
                sightings[frame] = _joined(one.sightings[frame], two.sightings[frame])
            self.tracks[index] = replace(one, sightings=_in_order(sightings))
            del self.tracks[other]

    def _reassign(self, edit: Reassign, index: int, number: int) -> None:
        """Give some frames of a track to another one."""
        frames = set(parse_frames(edit.frames)) & set(self.tracks[index].frames)
        if not frames:
            self._tell(number, edit, f"'{edit.slot}' is not seen in frames {edit.frames}")
            return
        target = self._find(edit.to, edit.to_anchor)
        if target == index:
            self._tell(number, edit, f"'{edit.slot}' and '{edit.to}' are one object")
            return
        self._exchange(index, frames, edit.to, target)

    def _exchange(self, index: int, frames: Collection[int], to: str, target: int | None) -> None:
        """Move sightings of some frames to a track, None for a new one called `to`; what that has there comes
        back. A track that has no frame left is gone."""
        source = self.tracks[index]
        given = {frame: source.sightings[frame] for frame in frames}
        kept = {frame: one for frame, one in source.sightings.items() if frame not in given}
        if target is None:
            identity = max(track.identity for track in self.tracks) + 1
            self.tracks.append(Track(identity, source.label, _in_order(given), to))
        else:
            known = self.tracks[target]
            kept |= {frame: one for frame, one in known.sightings.items() if frame in given}
            self.tracks[target] = replace(known, sightings=_in_order({**known.sightings, **given}))
        if kept:
            self.tracks[index] = replace(source, sightings=_in_order(kept))
        else:
            del self.tracks[index]

    def _find(self, slot: str, anchor: Anchor | None) -> int | None:
        """The index of the track that an edit means."""
        if anchor is not None:
            place = Box(*anchor.box)
            fits = [
                (_box_overlap(track.sightings[anchor.frame].box, place), track.slot == slot, -index)
                for index, track in enumerate(self.tracks)
                if anchor.frame in track.sightings
            ]
            best = max(fits, default=None)
            if best is not None and best[0] >= SAME_PLACE:
                return -best[2]
        return next((index for index, track in enumerate(self.tracks) if track.slot == slot), None)

    def _make_room(self, slot: str, index: int | None) -> None:
        """See that no other track than the one at `index` is called so."""
        taken = {track.slot for track in self.tracks} | {slot}
        for other, track in enumerate(self.tracks):
            if track.slot == slot and other != index:
                free = free_slot(slot, taken)
                self.tracks[other] = replace(track, slot=free)
                self.notices.append(f"'{slot}' is '{free}' now: an edit gives its name to another object.")

    def _tell(self, number: int, edit: Edit, why: str) -> None:
        """An edit could not be made."""
        self.notices.append(f"Edit {number} ({edit.do} '{edit.slot}') could not be made and is kept: {why}.")


def _joined(one: Sighting, other: Sighting) -> Sighting:
    """One mask of two in a frame, with the first one's label and score; found if either is."""
    first, second = one.instance(), other.instance()
    box = first.box.union(second.box)
    mask = np.asarray(first.mask_on(box) | second.mask_on(box))
    frame = Box.of_frame(*one.frame_size).relative_to(box)
    whole = Instance.from_mask(mask, one.label, one.score, offset=frame)
    return Sighting.of(whole, "found" if "found" in (one.source, other.source) else "carried")


def _in_order(sightings: Mapping[int, Sighting]) -> dict[int, Sighting]:
    """Sightings by frame, in order."""
    return {frame: sightings[frame] for frame in sorted(sightings)}


def _box_overlap(one: Box, other: Box) -> float:
    """Intersection over union of two boxes, in [0, 1]."""
    common = one.intersection(other)
    return 0.0 if common is None else common.area / (one.area + other.area - common.area)
