"""Objects tied from frame to frame by what a segmenter finds in each one: tracking by detection.

A frame is looked at once, in order. Tracks are moved with the picture (dense flow), the camera (a shift, turn
and zoom fitted to the background) and their own speed; then the frame's finds are given to them (see
`association`). A track without a find is remembered for a while, and known again by place and look. A cut ends
all tracks. When the shot is through, gaps are filled and slips replaced (see `carrying`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Sized

import numpy as np

from semantic_matte.ports import Progress, ProgressEvent
from semantic_matte.settings import Settings
from semantic_matte.shot_types import ShotFrame, Sighting, Track, TrackedShot
from semantic_matte.shots.association import assign, gains
from semantic_matte.shots.carrying import GONE, carried, completed
from semantic_matte.shots.cuts import CutFinder, Scene
from semantic_matte.shots.flow import flow_picture
from semantic_matte.shots.followed_hints import followed_back
from semantic_matte.shots.live_tracks import AGREES, Find, LiveTrack, accept, joined, move, part_of, takes_up
from semantic_matte.shots.picture_shelf import PictureShelf
from semantic_matte.shots.small_pictures import Motion, colour_map, motion_of, overlaps
from semantic_matte.types import BoolArray, ByteArray, Instance

# For so many frames a track that is not found is looked for; one with fewer finds than make it one, for so few.
REMEMBERED, YOUNG_REMEMBERED = 48, 2
ESTABLISHED = 3
# A track with no more finds may turn out to be one that was lost.
YOUNG = 6
# A find that covers this share of another track too, one that was missed, shows both.
SHARED = 0.6
# A track that was lost for no more frames is where it should be.
STILL_FOLLOWED = 4
# A find that overlaps another, taken one by so much is the same object under another name.
DUPLICATE = 0.6
# A find that covers this share of a track that was missed is that object's, run out over its surroundings.
SPILT_OVER = 0.75
# A hint is a track that it overlaps by so much.
SAME_AS_HINT = 0.5


class OverlapTracker:
    """Ties objects by the overlap of their masks, their motion, colours and labels; a ports.Tracker."""

    name = "overlap"
    device = "cpu"
    models: Sequence[Mapping[str, str]] = ()

    def __init__(self, settings: Settings, sure: Callable[[Instance], bool] | None = None) -> None:
        """settings: `confidence` and `carry` are used. sure: which finds may start a track; without it those of
        `confidence` and more. Finds below it may be given too: they go on with tracks and start none."""
        self._settings = settings
        self._sure = sure or (lambda instance: instance.score >= settings.confidence)

    def track(self, frames: Iterable[ShotFrame], progress: Progress) -> TrackedShot:
        """See ports.Tracker. Raises OutputError where the temporary folder is full."""
        total = len(frames) if isinstance(frames, Sized) else 0
        with PictureShelf() as shelf:
            passing = _Pass(shelf, self._settings, self._sure)
            # Not by enumerate, which holds on to what it gave last: a plate is free before the next is read.
            for frame in frames:
                progress.advance(ProgressEvent("tracking", len(shelf), total))
                passing.take(frame)
                del frame
            return passing.result(progress)


class _Pass:
    """One way through a shot. Tracks know frames by their place in the shot, from 0."""

    def __init__(self, shelf: PictureShelf, settings: Settings, sure: Callable[[Instance], bool]) -> None:
        self._shelf, self._settings, self._sure = shelf, settings, sure
        self._cuts = CutFinder(shelf)
        self._numbers: list[int] = []
        self._live: list[LiveTrack] = []
        # Tracks of a scene that may come back after an interruption, and tracks that have ended.
        self._aside: list[LiveTrack] = []
        self._ended: list[LiveTrack] = []
        self._born = 0

    def take(self, frame: ShotFrame) -> None:
        """Look at the next frame."""
        place = len(self._numbers)
        self._numbers.append(frame.number)
        self._shelf.add(flow_picture(frame.plate))
        colours = colour_map(frame.plate)
        scene = self._cuts.look(colours)
        self._turn(scene)
        motion = self._motion(scene, place, colours.shape)
        for track in self._live:
            move(track, motion)
        taken = self._take_hints(frame, colours, place)
        finds = [Find.of(one, colours, self._sure(one)) for one in frame.find()]
        self._give(self._new_to(finds, taken), place)
        self._know_again()
        self._carry_on(scene, place)
        gone = [track for track in self._live if _forgotten(track)]
        self._live = [track for track in self._live if track not in gone]
        self._ended += gone

    def result(self, progress: Progress) -> TrackedShot:
        """All tracks, with what was missed carried along."""
        cuts = self._cuts.cuts
        for place in cuts:
            progress.notice(
                f"A new scene begins at frame {self._numbers[place]}: objects after it are new ones."
            )
        tracks = sorted([*self._ended, *self._aside, *self._live], key=lambda one: one.identity)
        if any(track.hinted for track in tracks):
            followed_back(tracks, cuts, self._shelf)
            tracks = [track for track in tracks if track.hinted]
        sighted = completed(tracks, _reliable(tracks), self._settings.carry, self._shelf)
        complete = []
        for track, sightings in zip(tracks, sighted, strict=True):
            numbered = {self._numbers[place]: sightings[place] for place in sorted(sightings)}
            complete.append(Track(track.identity, track.label, numbered))
        return TrackedShot(tuple(complete), tuple(self._numbers[place] for place in cuts))

    def _turn(self, scene: Scene) -> None:
        """End tracks at a cut, or take them up again where the scene comes back."""
        if scene.kind == "new":
            self._ended += self._aside
            self._aside, self._live = self._live, []
        elif scene.kind == "back":
            meanwhile, self._live, self._aside = self._live, self._aside, []
            overlap, _ = overlaps([one.shape for one in self._live], [one.shape for one in meanwhile])
            pairs = assign(np.where(overlap >= SAME_AS_HINT, overlap, 0.0))
            for row, column in pairs:
                self._live[row].sightings |= meanwhile[column].sightings
                self._live[row].agreement |= meanwhile[column].agreement
            gone = {column for _, column in pairs}
            self._ended += [one for index, one in enumerate(meanwhile) if index not in gone]

    def _motion(self, scene: Scene, place: int, shape: tuple[int, ...]) -> Motion | None:
        """The motion since the frame that this one continues; None where there is none."""
        if scene.since is None:
            return None
        objects = np.zeros(shape, dtype=np.bool_)
        for track in self._live:
            objects |= track.shape
        return motion_of(self._shelf.flow(place, scene.since), objects)

    def _take_hints(self, frame: ShotFrame, colours: ByteArray, place: int) -> list[BoolArray]:
        """Give the artist's own objects to the tracks that they are, or start some. Returns their masks."""
        hints = [Find.of(one, colours, True) for one in frame.hinted]
        overlap, _ = overlaps([track.shape for track in self._live], [hint.mask for hint in hints])
        tracks = {
            column: self._live[row] for row, column in assign(np.where(overlap >= SAME_AS_HINT, overlap, 0))
        }
        for column, hint in enumerate(hints):
            track = tracks.get(column) or self._start()
            track.hinted, track.name = True, hint.instance.label
            track.doubts = 0
            accept(track, hint, place, sure_of_it=True)
        return [hint.mask for hint in hints]

    def _new_to(self, finds: Sequence[Find], taken: Sequence[BoolArray]) -> list[Find]:
        """The finds that are not what a hint already says."""
        overlap, _ = overlaps([find.mask for find in finds], taken)
        return [find for find, row in zip(finds, overlap, strict=True) if not (row >= SAME_AS_HINT).any()]

    def _give(self, finds: Sequence[Find], place: int) -> None:
        """Give finds to tracks, sure ones first; what is left of the sure ones starts tracks."""
        taken: list[Find] = []
        for sure in (True, False):
            group = [find for find in finds if find.sure is sure]
            tracks = [track for track in self._live if track.lost]
            pairs = assign(gains(tracks, group)[0])
            given = [(tracks[row], group[column]) for row, column in pairs]
            left = [find for column, find in enumerate(group) if column not in {pair[1] for pair in pairs}]
            alone = [track for track in tracks if not any(track is one for one, _ in given)]
            for track, find in given:
                whole = self._whole(track, find, left) if sure else find
                shared = _shared(track, whole, alone)
                accept(track, whole, place, longest_doubt=self._settings.carry, shared=shared)
                taken.append(whole)
            for find in left if sure else ():
                if not self._known(find, taken) and not self._spilt(find):
                    accept(self._start(), find, place)
                    taken.append(find)

    def _whole(self, track: LiveTrack, find: Find, left: list[Find]) -> Find:
        """A find with the parts that the segmenter split from it, which are then no longer left."""
        parts = [one for one in left if part_of(track, find, one)]
        track.parts = track.parts + 1 if parts else 0
        for part in parts:
            left.remove(part)
            find = joined(find, part)
        return find

    def _know_again(self) -> None:
        """See which young tracks are objects that were lost: of one that comes out from behind another, the
        first find may have been too small to be known."""
        lost = [track for track in self._live if track.lost > 1 and len(track.sightings) >= ESTABLISHED]
        young = [
            track
            for track in self._live
            if track.lost == 0 and not track.hinted and 1 < len(track.sightings) <= YOUNG
        ]
        if not lost or not young:
            return
        finds = [track.as_find() for track in young]
        gained = gains(lost, finds)[0]
        for row, track in enumerate(lost):
            for column, other in enumerate(young):
                if min(other.sightings) <= max(track.sightings):
                    gained[row, column] = 0.0
        for row, column in assign(gained):
            takes_up(lost[row], young[column])
            self._live.remove(young[column])

    def _known(self, find: Find, taken: Sequence[Find]) -> bool:
        """Whether a find shows what another, surer one of this frame shows."""
        overlap, _ = overlaps([find.mask], [one.mask for one in taken])
        return bool((overlap >= DUPLICATE).any())

    def _spilt(self, find: Find) -> bool:
        """Whether a find is likelier a slip of the segmenter, which let an object's mask run out over what lies
        around it, than a new object: a followed track that nothing was found of lies in it."""
        return any(
            1 <= track.lost <= self._settings.carry
            and np.count_nonzero(track.shape & find.mask) >= SPILT_OVER * np.count_nonzero(track.shape) > 0
            for track in self._live
        )

    def _start(self) -> LiveTrack:
        """A new track."""
        track = LiveTrack(self._born)
        self._born += 1
        self._live.append(track)
        return track

    def _carry_on(self, scene: Scene, place: int) -> None:
        """Carry masks on where no find goes on with them: of the artist's own objects as long as they are
        there, of others for as long as a gap may last, to be used if they are found again."""
        for track in self._live:
            if track.agreement.get(place, 0.0) >= AGREES:
                if place - track.sure > self._settings.carry + 1:
                    # Too long a gap to be filled.
                    track.ahead = {known: mask for known, mask in track.ahead.items() if known < track.sure}
                track.sure = place
                continue
            if scene.since is None or scene.since != place - 1:
                continue
            before = track.sightings[place - 1] if track.sure == place - 1 else track.ahead.get(place - 1)
            if before is None or (place - track.sure > self._settings.carry and not track.hinted):
                continue
            moved = carried(before, self._shelf.flow(place, place - 1), far=track.hinted)
            if moved is None:
                continue
            track.ahead[place] = moved
            if track.hinted and place not in track.sightings and moved.instance().area >= GONE * track.pixels:
                track.sightings[place], track.agreement[place] = moved, 1.0
                track.sure = place


def _shared(track: LiveTrack, find: Find, missed: Sequence[LiveTrack]) -> bool:
    """Whether a track's find shows another object of its kind as well, as the segmenter merges what touches."""
    return any(
        other.lost <= STILL_FOLLOWED
        and other.label_share(find.instance.label) > 0
        and len(other.sightings) >= ESTABLISHED
        and np.count_nonzero(find.mask & ~track.shape & (other.shape | other.ghost))
        >= SHARED * np.count_nonzero(other.shape & ~track.shape)
        > 0
        for other in missed
    )


def _forgotten(track: LiveTrack) -> bool:
    """Whether a track is no longer looked for. An artist's own is as long as its scene lasts."""
    longest = REMEMBERED if len(track.sightings) >= ESTABLISHED else YOUNG_REMEMBERED
    return track.lost > longest and not track.hinted


def _reliable(tracks: Sequence[LiveTrack]) -> dict[int, list[tuple[int, Sighting]]]:
    """By the place of each frame, which tracks are surely seen in it, and how."""
    places: dict[int, list[tuple[int, Sighting]]] = {}
    for track in tracks:
        if len(track.sightings) >= ESTABLISHED:
            for place, sighting in track.sightings.items():
                if track.agreement[place] >= AGREES:
                    places.setdefault(place, []).append((track.identity, sighting))
    return places
