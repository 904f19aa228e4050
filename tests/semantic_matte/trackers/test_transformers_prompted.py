"""SAM 2 as a tracker: a tiny random one against the library itself, and what is made of it for shots."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import semantic_matte as sm
from semantic_matte.ports import SilentProgress, TakesSettings, Tracker
from semantic_matte.shot_types import Sighting, Track, TrackedShot
from semantic_matte.trackers import create_tracker, transformers_prompted
from semantic_matte.trackers.memories import TOLD_FRAMES
from semantic_matte.trackers.prompted_scene import PromptedScene, View
from semantic_matte.trackers.transformers_prompted import ASKED_EVERY, PromptedTracker
from semantic_matte.trackers.transformers_running import prepared
from semantic_matte.types import Box, Instance

transformers = pytest.importorskip(
    "transformers", reason="transformers is missing: pip install 'semantic-matte[transformers]'"
)
if not hasattr(transformers, "Sam2VideoModel"):
    pytest.skip(f"transformers {transformers.__version__} has no Sam2VideoModel", allow_module_level=True)

ShotOf = Callable[..., Any]
# Longer than the network looks back.
LONG = 22
# The shot's frames, (H, W).
FRAME = (160, 240)


def load(folder: Path) -> PromptedTracker:
    tracker = create_tracker(sm.Settings(tracker=f"transformers:{folder}"), "cpu")
    assert isinstance(tracker, PromptedTracker)
    return tracker


@pytest.fixture(scope="module")
def tracker(sam2_folder: Path) -> PromptedTracker:
    return load(sam2_folder)


def followed(tracker: Tracker, shot: Any) -> tuple[TrackedShot, list[str]]:
    progress = SilentProgress()
    return tracker.track(shot, progress), progress.notices


def ask_library(folder: Path, shot: Any, length: int, box: list[int]) -> list[tuple[Any, float]]:
    """The masks (H, W), and how sure of the object's presence, that the library itself gives for one box: the
    whole film in memory and none of it let go of."""
    import torch
    from PIL import Image

    network = transformers.Sam2VideoModel.from_pretrained(folder).eval()
    processor = transformers.Sam2VideoProcessor.from_pretrained(folder)
    pictures = [Image.fromarray(shot.picture(place)) for place in range(length)]
    session = processor.init_video_session()
    masks = []
    for place, picture in enumerate(pictures):
        given = processor(images=picture, return_tensors="pt")
        if place == 0:
            processor.add_inputs_to_inference_session(
                session, 0, 7, input_boxes=[[box]], original_size=given["original_sizes"][0].tolist()
            )
        with torch.inference_mode():
            output = network(inference_session=session, frame=given["pixel_values"])
        (mask,) = processor.post_process_masks([output.pred_masks], given["original_sizes"], binarize=True)
        masks.append((mask[0, 0].numpy(), float(output.object_score_logits.sigmoid())))
    return masks


def masks_of(track: Track) -> dict[int, Any]:
    return {number: one.instance().mask for number, one in track.sightings.items()}


def test_it_follows_as_the_library_does(sam2_folder: Path, tracker: PromptedTracker, shot_of: ShotOf) -> None:
    """One object over more frames than the network looks back: nothing that mattered was let go of."""
    shot = shot_of(LONG)
    shot.finds = {shot.number(place): [shot.square(0)] if place == 0 else [] for place in range(LONG)}
    expected = ask_library(sam2_folder, shot, LONG, shot.square(0).box.as_list())
    done, notices = followed(tracker, shot)
    (track,) = done.tracks
    assert notices == []
    shares = [mask.mean() for mask, _ in expected if mask.any()]
    assert len(shares) > LONG / 2
    assert 0.02 < np.mean(shares) < 0.8, "masks of everything or nothing would prove nothing"
    assert not np.array_equal(expected[1][0], expected[-1][0])
    found = masks_of(track)
    for place, (mask, presence) in enumerate(expected):
        number = shot.number(place)
        own = found.get(number, np.zeros_like(mask))
        assert np.mean(own != mask) < 1e-3, place
        if number in found:
            assert track.sightings[number].score == pytest.approx(0.8 * presence, abs=1e-6), place


def test_the_segmenter_is_asked_now_and_then_and_once_a_frame(
    tracker: PromptedTracker, shot_of: ShotOf
) -> None:
    shot = shot_of(2 * ASKED_EVERY + 2, first=7, step=2)
    done, _ = followed(tracker, shot)
    assert shot.asked == [7, 7 + 2 * ASKED_EVERY, 7 + 4 * ASKED_EVERY]
    assert done.cuts == ()
    numbers = {shot.number(place) for place in range(shot.length)}
    assert {number for track in done.tracks for number in track.sightings} <= numbers
    assert [track.identity for track in done.tracks] == sorted({track.identity for track in done.tracks})


def rows(done: TrackedShot) -> list[tuple[int, str, Mapping[int, Sighting]]]:
    return [(track.identity, track.label, track.sightings) for track in done.tracks]


def test_the_same_shot_gives_the_same_tracks(tracker: PromptedTracker, shot_of: ShotOf) -> None:
    """Nothing of one run is left in the next, whatever came in between."""
    first, _ = followed(tracker, shot_of(6))
    followed(tracker, shot_of(4, elsewhere=range(2, 4)))
    assert isinstance(tracker, TakesSettings)
    again, _ = followed(tracker.with_settings(sm.Settings(find=["dog"])), shot_of(6))
    assert rows(first) == rows(again)
    assert first.tracks


class Told:
    """A network that has learned its trade: an object lies where it was told and moves with the shot's square.

    It stands in the place of the random one, whose masks say nothing of what should be followed; the sessions,
    the memory and the pictures are the real ones.
    """

    def __init__(self, shot: Any, gone: range = range(0)) -> None:
        self.shot, self.gone = shot, gone

    def answer(self, session: Any, view: Any) -> Any:
        from semantic_matte.trackers.prompted_scene import Answer

        place = (view.number - self.shot.first) // self.shot.step
        mask = self.shot.square(place).mask
        return Answer(np.where(mask, 4.0, -4.0).astype(np.float32), 0.0 if place in self.gone else 0.9)


@pytest.fixture
def taught(monkeypatch: pytest.MonkeyPatch) -> Callable[[Told], None]:
    """The network's answers are replaced by these, after it was really asked."""

    def teach(told: Told) -> None:
        real = PromptedScene.follow

        def follow(scene: Any, session: Any, view: Any, backwards: bool = False) -> Any:
            real(scene, session, view, backwards)
            return told.answer(session, view)

        monkeypatch.setattr(PromptedScene, "follow", follow)

    return teach


def test_one_object_is_one_track(tracker: PromptedTracker, shot_of: ShotOf, taught: Any) -> None:
    """What the segmenter finds again is the one that is followed; it is called what it was called most."""
    shot = shot_of(2 * ASKED_EVERY + 1)
    names = {0: ("cat", 0.5), ASKED_EVERY: ("dog", 0.9), 2 * ASKED_EVERY: ("cat", 0.3)}
    shot.finds = {shot.number(place): [shot.square(place, *name)] for place, name in names.items()}
    taught(Told(shot))
    done, _ = followed(tracker, shot)
    (track,) = done.tracks
    assert track.label == "dog"
    assert track.frames == [shot.number(place) for place in range(shot.length)]
    assert track.sightings[shot.first].box == shot.square(0).box
    assert track.sightings[shot.first].score == pytest.approx(0.5 * 0.9)
    assert {one.source for one in track.sightings.values()} == {"found"}


def test_an_object_that_enters_is_followed_back_to_its_entry(
    tracker: PromptedTracker, shot_of: ShotOf, taught: Any
) -> None:
    shot = shot_of(ASKED_EVERY + 3)
    shot.finds = {shot.first: []}
    taught(Told(shot, gone=range(6)))
    done, _ = followed(tracker, shot)
    (track,) = done.tracks
    assert track.frames == [shot.number(place) for place in range(6, shot.length)]


def test_an_object_that_comes_back_is_the_same(tracker: PromptedTracker, shot_of: ShotOf, taught: Any) -> None:
    shot = shot_of(12)
    taught(Told(shot, gone=range(4, 9)))
    done, _ = followed(tracker, shot)
    (track,) = done.tracks
    assert [number - shot.first for number in track.frames] == [0, 1, 2, 3, 9, 10, 11]


def test_after_a_cut_objects_are_new(tracker: PromptedTracker, shot_of: ShotOf, taught: Any) -> None:
    shot = shot_of(8, elsewhere=range(5, 8))
    taught(Told(shot))
    done, notices = followed(tracker, shot)
    assert done.cuts == (shot.number(5),)
    assert notices == ["A new scene begins at frame 1006: objects after it are new ones."]
    assert shot.asked == [shot.number(0), shot.number(5)]
    assert [(track.frames[0], track.frames[-1]) for track in done.tracks] == [(1001, 1005), (1006, 1008)]


def test_an_interruption_is_no_cut(tracker: PromptedTracker, shot_of: ShotOf, taught: Any) -> None:
    """Two frames of something else, and the scene goes on with the objects that it had."""
    shot = shot_of(9, elsewhere=range(4, 6))
    taught(Told(shot))
    done, notices = followed(tracker, shot)
    assert (done.cuts, notices) == ((), [])
    (track,) = done.tracks
    assert [number - shot.first for number in track.frames] == [0, 1, 2, 3, 6, 7, 8]


def test_of_two_that_became_one_the_older_goes_on(
    tracker: PromptedTracker, shot_of: ShotOf, taught: Any
) -> None:
    """Both boxes are followed to the square; where the segmenter is asked again, one is enough."""
    shot = shot_of(ASKED_EVERY + 2)
    corner = np.zeros(FRAME, dtype=np.bool_)
    corner[120:155, 160:238] = True
    shot.finds[shot.first] = [shot.square(0), Instance.from_mask(corner, "corner", 0.9)]
    told = Told(shot)
    taught(told)
    done, _ = followed(tracker, shot)
    older, younger = done.tracks
    assert (older.label, younger.label) == ("box", "corner")
    assert len(older.frames) == shot.length
    assert younger.frames == [shot.number(place) for place in range(ASKED_EVERY)]


def test_a_new_object_is_not_followed_back_over_a_known_one(
    tracker: PromptedTracker, shot_of: ShotOf, taught: Any
) -> None:
    """The square leaves, and what is found in its stead is the network's square again in frames before."""
    shot = shot_of(ASKED_EVERY + 1)
    corner = np.zeros(FRAME, dtype=np.bool_)
    corner[120:155, 160:238] = True
    shot.finds[shot.number(ASKED_EVERY)] = [Instance.from_mask(corner, "corner", 0.9)]
    taught(Told(shot))
    done, _ = followed(tracker, shot)
    assert [(track.label, len(track.frames)) for track in done.tracks] == [
        ("box", ASKED_EVERY + 1),
        ("corner", 1),
    ]


def test_what_is_long_gone_is_let_go_of(
    tracker: PromptedTracker, shot_of: ShotOf, taught: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transformers_prompted, "FORGOTTEN_AFTER", 5)
    shot = shot_of(12)
    taught(Told(shot, gone=range(2, 8)))
    done, _ = followed(tracker, shot)
    (track,) = done.tracks
    assert [number - shot.first for number in track.frames] == [0, 1]


def test_an_artists_objects_are_the_only_ones(tracker: PromptedTracker, shot_of: ShotOf, taught: Any) -> None:
    """A hint in the fourth frame: followed both ways, as it was painted where it was painted."""
    shot = shot_of(8)
    hint = shot.square(3, "hero", 1.0)
    shot.hinted = {shot.number(3): [hint]}
    taught(Told(shot))
    done, notices = followed(tracker, shot)
    (track,) = done.tracks
    assert track.label == "hero"
    assert track.frames == [shot.number(place) for place in range(8)]
    assert np.array_equal(track.sightings[shot.number(3)].instance().mask, hint.mask)
    assert notices == []


def test_a_later_hint_corrects(tracker: PromptedTracker, shot_of: ShotOf, taught: Any) -> None:
    shot = shot_of(6)
    box = shot.square(4).box
    smaller = np.zeros(FRAME, dtype=np.bool_)
    smaller[box.y0 : box.y1 - 16, box.x0 : box.x1] = True
    other = np.zeros(FRAME, dtype=np.bool_)
    other[120:155, 160:238] = True
    shot.hinted = {
        shot.number(0): [shot.square(0, "hero", 1.0)],
        shot.number(4): [Instance.from_mask(other, "dog", 1.0), Instance.from_mask(smaller, "hero", 1.0)],
    }
    taught(Told(shot))
    done, _ = followed(tracker, shot)
    assert [track.label for track in done.tracks] == ["hero", "dog"]
    hero = done.tracks[0]
    assert np.array_equal(hero.sightings[shot.number(4)].instance().mask, smaller)
    assert hero.frames == [shot.number(place) for place in range(6)]


def test_hints_too_late_in_the_shot_are_told_of(tracker: PromptedTracker, shot_of: ShotOf, taught: Any) -> None:
    late = ASKED_EVERY + 2
    shot = shot_of(late + 1)
    shot.hinted = {shot.number(late): [shot.square(late, "hero", 1.0)]}
    taught(Told(shot))
    done, notices = followed(tracker, shot)
    (track,) = done.tracks
    assert track.frames[0] == shot.number(late - (ASKED_EVERY - 1))
    assert "follows hints at most 14 frames back" in notices[0]


def test_a_box_in_which_it_sees_nothing(tracker: PromptedTracker, shot_of: ShotOf, taught: Any) -> None:
    """The segmenter's mask is shown to it, and the user told."""
    shot = shot_of(3)
    taught(Told(shot, gone=range(1)))
    done, notices = followed(tracker, shot)
    (track,) = done.tracks
    assert np.array_equal(track.sightings[shot.first].instance().mask, shot.square(0).mask)
    assert notices == [
        "Frame 1001: in the box of 'box' the video model 'sam2_video' sees nothing; the segmenter's mask is "
        "shown to it instead."
    ]


def sizes(session: Any) -> tuple[int, int, int]:
    """Of a session: kept frames, kept memories of frames, and bytes of all tensors."""
    outputs = session.output_dict_per_obj[0]
    kept = [*outputs["cond_frame_outputs"].values(), *outputs["non_cond_frame_outputs"].values()]
    tensors = [value for one in kept for value in one.values() if hasattr(value, "nbytes")]
    tensors += [one for one in session.processed_frames.values() if one is not None]
    return len(kept), sum("maskmem_features" in one for one in kept), sum(one.nbytes for one in tensors)


@pytest.mark.parametrize("told_every", [100, 5])
def test_memory_does_not_grow_with_the_shot(tracker: PromptedTracker, shot_of: ShotOf, told_every: int) -> None:
    """One session over three times as many frames as the network looks back; with corrections too."""
    shot = shot_of(48)
    scene = PromptedScene(tracker._loaded)
    session = scene.session()
    seen = []
    for place in range(shot.length):
        pixels = prepared(tracker._loaded.processor, shot.plate(place), "cpu")
        view = View(place, place, pixels, FRAME)
        if place % told_every == 0:
            scene.tell_mask(session, view, shot.square(place))
        else:
            scene.follow(session, view)
        seen.append(sizes(session))
        assert len(scene.seen._vision_features) == 1
    config = tracker._loaded.network.config
    frames, memories, _ = (max(column) for column in zip(*seen, strict=True))
    assert frames <= config.max_object_pointers_in_encoder + TOLD_FRAMES
    assert memories <= config.num_maskmem + TOLD_FRAMES
    assert max(seen[-15:]) == max(seen[-30:-15])


def test_unsure_finds_start_nothing(sam2_folder: Path, shot_of: ShotOf) -> None:
    shot = shot_of(1)
    shot.finds = {shot.first: [shot.square(0, score=0.3)]}
    for confidence, count in ((0.3, 1), (0.31, 0)):
        controls = sm.Settings(tracker=f"transformers:{sam2_folder}", confidence=confidence)
        done, _ = followed(create_tracker(controls, "cpu"), shot)
        assert len(done.tracks) == count
    done, _ = followed(create_tracker(controls, "cpu", sure=lambda find: find.label == "box"), shot)
    assert len(done.tracks) == 1


def test_what_the_port_asks_for(tracker: PromptedTracker, sam2_folder: Path) -> None:
    assert (tracker.name, tracker.device) == ("transformers", "cpu")
    (model,) = tracker.models
    assert model["name"] == "sam2_video/model.safetensors"
    assert len(model["sha256"]) >= 12


def test_nothing_is_printed(sam2_folder: Path, shot_of: ShotOf, capfd: pytest.CaptureFixture[str]) -> None:
    followed(load(sam2_folder), shot_of(2))
    assert capfd.readouterr() == ("", "")


def test_boxes_are_those_of_the_find(tracker: PromptedTracker, shot_of: ShotOf) -> None:
    """Another box in the same frame gives another mask: the prompt reaches the network."""
    whole = Instance.from_mask(np.ones(FRAME, dtype=np.bool_), "all", 0.9)
    first, second = shot_of(1), shot_of(1)
    second.finds = {second.first: [whole]}
    masks = [masks_of(followed(tracker, shot)[0].tracks[0])[1001] for shot in (first, second)]
    assert whole.box == Box.of_frame(*FRAME)
    assert not np.array_equal(*masks)
