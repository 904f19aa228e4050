"""SAM 2 as a tracker: objects that a segmenter finds, or that an artist shows, followed through the shot.

Source: Ravi et al., "SAM 2: Segment Anything in Images and Videos", 2024, by transformers. The segmenter is
asked in the first frame and every few frames from there on; what it finds and no object covers is a new one,
shown to the network by its box. Objects are followed backwards too, over the frames since the segmenter was
last asked, so that one that enters the picture is there from the frame on in which it enters.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from semantic_matte.ports import Progress
from semantic_matte.settings import Settings
from semantic_matte.shot_types import ShotFrame, TrackedShot
from semantic_matte.trackers.gathering import Gathering, overlap, share_covered
from semantic_matte.trackers.prompted_scene import Answer, PromptedNetwork, PromptedScene, View
from semantic_matte.trackers.scenes import Scenes
from semantic_matte.trackers.transformers_running import USER, mask_of, prepared
from semantic_matte.transformers_folders import ModelFolder, load_network, load_part, transformers_class
from semantic_matte.types import Instance

if TYPE_CHECKING:
    from typing_extensions import Self

# Types of models, and transformers' classes of the network and of what prepares its frames.
PROMPTED: dict[str, tuple[str, str]] = {
    "sam2_video": ("Sam2VideoModel", "Sam2VideoProcessor"),
    "sam3_tracker_video": ("Sam3TrackerVideoModel", "Sam3TrackerVideoProcessor"),
}
# The segmenter is asked in the first of every so many frames of a scene.
ASKED_EVERY = 15
# A find is followed already if its mask and an object's overlap by so much (IoU), or so much of it is covered.
SAME, COVERED = 0.5, 0.5
# Of two objects whose masks overlap by so much where the segmenter is asked, the younger is let go of.
DOUBLED = 0.85
# An object that was not seen in so many frames is let go of.
FORGOTTEN_AFTER = 90
# Going backwards ends after so many frames without the object.
GONE_AFTER = 2
# The network says that an object is there from this on.
PRESENT = 0.5


@dataclass(eq=False)
class _Followed:
    """An object that is being followed. score: of what was found last. last_seen: the index of the view. now:
    its mask in the frame at hand. shown: by an artist."""

    gathering: Gathering
    session: Any
    score: float
    last_seen: int
    now: Instance | None = None
    shown: bool = False


@dataclass(eq=False)
class _Scene:
    """What is known of a scene. length: its frames so far. past: its last views, back to where the segmenter
    was asked. live: its objects, oldest first. gathered: all that it ever had."""

    memory: PromptedScene
    length: int = 0
    past: deque[View] = field(default_factory=lambda: deque(maxlen=ASKED_EVERY - 1))
    live: list[_Followed] = field(default_factory=list)
    gathered: list[Gathering] = field(default_factory=list)


@dataclass(eq=False)
class _Run:
    """One shot at work. gathered: the objects of all scenes. started: how many there ever were. has_hints: an
    artist's objects are the only ones from here on."""

    progress: Progress
    gathered: list[Gathering] = field(default_factory=list)
    started: int = 0
    has_hints: bool = False


class PromptedTracker:
    """Follows objects by their looks. Masks are the network's own, and may overlap."""

    name = "transformers"

    def __init__(
        self,
        folder: ModelFolder,
        settings: Settings,
        device: str,
        sure: Callable[[Instance], bool] | None = None,
    ) -> None:
        """settings: `confidence` is used. sure: which finds may start a track; without it those of `confidence`
        and more. Raises MissingPackageError or WeightsError."""
        self._sure = sure or _sure_by(settings)
        network_name, processor_name = PROMPTED[folder.model_type]
        self.device = device
        self._title = folder.title
        network = load_network(transformers_class(network_name, USER), folder.path, folder.model_type)
        processor = load_part(transformers_class(processor_name, USER), folder.path, "processor")
        self._loaded = PromptedNetwork(network.to(device), processor, device)
        self.models: Sequence[Mapping[str, str]] = tuple(folder.describe())

    def with_settings(self, settings: Settings) -> Self:
        """See `ports.TakesSettings`; a `sure` that was given goes with the old ones."""
        other = copy.copy(self)
        other._sure = _sure_by(settings)
        return other

    def track(self, frames: Iterable[ShotFrame], progress: Progress) -> TrackedShot:
        """See `ports.Tracker`. Raises ValueShapeError if the model fails, DeviceError without memory."""
        run = _Run(progress)
        with Scenes(lambda: _Scene(PromptedScene(self._loaded))) as scenes:
            for frame, scene, interruption in scenes.each(frames, progress):
                if interruption is not None:
                    for one in interruption.gathered:
                        one.sightings.clear()
                pixels = prepared(self._loaded.processor, frame.plate, self.device)
                view = View(scene.length, frame.number, pixels, frame.plate.size)
                scene.length += 1
                self._track_frame(run, scene, frame, view)
                del frame
            cuts = scenes.cuts(progress)
        tracks = (one.track() for one in run.gathered)
        return TrackedShot(tuple(one for one in tracks if one is not None), cuts)

    def _track_frame(self, run: _Run, scene: _Scene, frame: ShotFrame, view: View) -> None:
        """Every object that is followed, and the new ones, in one frame."""
        for one in scene.live:
            self._settle(one, view, scene.memory.follow(one.session, view))
        scene.live = [one for one in scene.live if view.index - one.last_seen < FORGOTTEN_AFTER]
        if frame.hinted:
            self._take_hints(run, scene, frame.hinted, view)
        elif not run.has_hints and view.index % ASKED_EVERY == 0:
            self._take_finds(run, scene, frame.find(), view)
        scene.past.append(view)
        for one in scene.live:
            if one.now is not None:
                one.gathering.seen(view.number, one.now)

    def _settle(self, one: _Followed, view: View, answer: Answer) -> None:
        """Where an object is by the network's answer; nowhere, if it says so."""
        one.now = _instance(answer, view, one)
        if one.now is not None:
            one.last_seen = view.index

    def _take_finds(self, run: _Run, scene: _Scene, finds: Sequence[Instance], view: View) -> None:
        """What the segmenter finds names the objects that are followed; the rest is followed from here on."""
        scene.live = _without_doubles(scene.live)
        followed = [(one, one.now) for one in scene.live if one.now is not None]
        masks = [mask for _, mask in followed]
        fresh = []
        for find in finds:
            best = max(followed, key=lambda pair: overlap(find, pair[1]), default=None)
            if best is not None and overlap(find, best[1]) >= SAME:
                best[0].gathering.called(find.label, find.score)
                best[0].score = find.score
            elif self._sure(find) and share_covered(find, masks) < COVERED:
                fresh.append(self._start(run, scene, find, view))
                masks.append(fresh[-1].now or find)
        self._follow_back(scene, fresh)

    def _start(self, run: _Run, scene: _Scene, find: Instance, view: View, shown: bool = False) -> _Followed:
        """An object is followed from here on: by the box of a find, or by an artist's mask as it is."""
        gathering = Gathering(run.started)
        gathering.called(find.label, find.score)
        run.started += 1
        one = _Followed(gathering, scene.memory.session(), find.score, view.index, shown=shown)
        if not shown:
            self._settle(one, view, scene.memory.tell_box(one.session, view, find.box))
            if one.now is None:
                run.progress.notice(
                    f"Frame {view.number}: in the box of '{find.label}' the video model '{self._title}' sees "
                    "nothing; the segmenter's mask is shown to it instead."
                )
                one.session = scene.memory.session()
        if one.now is None:
            scene.memory.tell_mask(one.session, view, find)
            one.now, one.last_seen = find, view.index
        scene.live.append(one)
        scene.gathered.append(gathering)
        run.gathered.append(gathering)
        return one

    def _take_hints(self, run: _Run, scene: _Scene, hints: Sequence[Instance], view: View) -> None:
        """An artist's objects are the only ones; a hint on one that is followed already corrects it."""
        if not run.has_hints:
            run.has_hints = True
            scene.live, scene.gathered, run.gathered = [], [], []
            if view.index > len(scene.past):
                run.progress.notice(
                    f"Tracker '{self.name}:{self._title}' follows hints at most {ASKED_EVERY - 1} frames back: "
                    f"give them for an earlier frame than {view.number} if objects are to be seen there."
                )
        free = [one for one in scene.live if one.now is not None]
        fresh = []
        for hint in hints:
            same = max(free, key=lambda one: _overlap_now(one, hint), default=None)
            if same is None or _overlap_now(same, hint) < SAME:
                fresh.append(self._start(run, scene, hint, view, shown=True))
                continue
            free.remove(same)
            scene.memory.tell_mask(same.session, view, hint)
            same.gathering.called(hint.label, hint.score)
            same.now, same.score, same.last_seen = hint, hint.score, view.index
        self._follow_back(scene, fresh)

    def _follow_back(self, scene: _Scene, fresh: Sequence[_Followed]) -> None:
        """New objects in the frames before, newest first, as far as the network sees them there and they are no
        objects that are known there."""
        missed = {id(one): 0 for one in fresh}
        for past in reversed(scene.past):
            known = [one for one in scene.gathered if past.number in one.sightings]
            masks = [one.sightings[past.number].instance() for one in known]
            for one in [one for one in fresh if missed[id(one)] < GONE_AFTER]:
                there = _instance(scene.memory.follow(one.session, past, backwards=True), past, one)
                if there is None:
                    missed[id(one)] += 1
                elif any(overlap(there, mask) >= SAME for mask in masks):
                    missed[id(one)] = GONE_AFTER
                else:
                    missed[id(one)] = 0
                    one.gathering.seen(past.number, there)
        for one in fresh:
            scene.memory.turn_forwards(one.session)


def _sure_by(settings: Settings) -> Callable[[Instance], bool]:
    """Finds of the settings' confidence and more."""
    return lambda find: find.score >= settings.confidence


def _instance(answer: Answer, view: View, one: _Followed) -> Instance | None:
    """The object's mask in a view, None where the network does not see it."""
    if answer.presence < PRESENT:
        return None
    return mask_of(answer.logits, view.frame_size, one.gathering.label, one.score * answer.presence)


def _overlap_now(one: _Followed, hint: Instance) -> float:
    """IoU of an object with a hint, in the frame at hand."""
    return 0.0 if one.now is None else overlap(one.now, hint)


def _without_doubles(live: Sequence[_Followed]) -> list[_Followed]:
    """Without younger objects that have become an older one."""
    kept: list[_Followed] = []
    for one in live:
        mask = one.now
        if mask is None or all(other.now is None or overlap(mask, other.now) < DOUBLED for other in kept):
            kept.append(one)
    return kept
