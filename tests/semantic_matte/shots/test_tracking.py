"""Objects keep their track: through crossings, occlusions, pans, slips of the segmenter; not across cuts."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import cv2
import numpy as np
import pytest

from semantic_matte.ports import SilentProgress, Tracker
from semantic_matte.settings import Settings
from semantic_matte.shot_types import ShotFrame, Track, TrackedShot
from semantic_matte.shots.live_tracks import LiveTrack, move
from semantic_matte.shots.small_pictures import Motion
from semantic_matte.shots.tracking import OverlapTracker
from semantic_matte.types import Box, Instance

MakeScene = Callable[..., Any]
MakeDisc = Callable[..., Any]


def tracked(frames: Any, progress: SilentProgress | None = None, **controls: Any) -> TrackedShot:
    return OverlapTracker(Settings(**controls)).track(frames, progress or SilentProgress())


def lasting(shot: TrackedShot, least: int = 3) -> list[Track]:
    return [track for track in shot.tracks if len(track.found) >= least]


def centre(track: Track, number: int) -> tuple[float, float]:
    box = track.sightings[number].box
    return (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2


def mask_iou(one: Instance, other: Instance) -> float:
    return float((one.mask & other.mask).sum() / (one.mask | other.mask).sum())


def linear(x: float, y: float, step_x: float, step_y: float = 0.0) -> Callable[[int], tuple[float, float]]:
    return lambda place: (x + step_x * place, y + step_y * place)


def test_it_is_a_tracker() -> None:
    tracker: Tracker = OverlapTracker(Settings())
    assert (tracker.name, tracker.device, list(tracker.models)) == ("overlap", "cpu", [])


def test_one_object_is_one_track_in_the_frames_numbers(make_scene: MakeScene, make_disc: MakeDisc) -> None:
    shot = tracked(make_scene([make_disc(linear(30, 48, 6))], frames=6))
    (track,) = shot.tracks
    assert track.frames == track.found == list(range(1001, 1007))
    assert (track.label, track.slot, shot.cuts) == ("ball", "", ())


def test_a_shot_without_objects_has_no_tracks(make_scene: MakeScene) -> None:
    assert tracked(make_scene(frames=3)) == TrackedShot(())


@pytest.mark.parametrize("same_look", [False, True])
def test_crossing_objects_of_one_label_do_not_swap(
    make_scene: MakeScene, make_disc: MakeDisc, same_look: bool
) -> None:
    left = make_disc(linear(20, 44, 9), seed=7)
    right = make_disc(
        linear(140, 52, -9),
        seed=7 if same_look else 8,
        colour=(0.6, 0.2, 0.2) if same_look else (0.2, 0.2, 0.6),
    )
    tracks = lasting(tracked(make_scene([left, right], frames=14)))
    assert len(tracks) == 2
    going = {round(np.sign(centre(track, 1014)[0] - centre(track, 1001)[0])) for track in tracks}
    assert going == {1, -1}


def test_objects_that_the_segmenter_merges_while_crossing_keep_their_tracks(
    make_scene: MakeScene, make_disc: MakeDisc
) -> None:
    def merged(place: int, finds: list[Instance]) -> list[Instance]:
        masks = [one.mask for one in finds]
        if len(masks) == 2 and cv2.dilate(masks[0].view(np.uint8), np.ones((3, 3)))[masks[1]].any():
            return [Instance.from_mask(masks[0] | masks[1], "ball", 0.9)]
        return finds

    left, right = make_disc(linear(20, 44, 9)), make_disc(linear(140, 52, -9), seed=8)
    tracks = lasting(tracked(make_scene([left, right], frames=14, finds=merged)))
    assert len(tracks) == 2
    ways = sorted((centre(track, 1001)[0], centre(track, 1014)[0]) for track in tracks)
    assert ways[0][0] < 30 < 120 < ways[0][1]
    assert ways[1][1] < 50 < 130 < ways[1][0]


def test_an_object_that_comes_out_from_behind_another_is_known_again(
    make_scene: MakeScene, make_disc: MakeDisc
) -> None:
    pillar = make_disc(lambda place: (80.0, 48.0), radius=26, colour=(0.2, 0.5, 0.2), seed=3, label="tree")
    walker = make_disc(linear(30, 48, 7), radius=10, label="person")
    shot = tracked(make_scene([walker, pillar], frames=16))
    tracks = {track.label: track for track in lasting(shot)}
    assert sorted(track.label for track in lasting(shot)) == ["person", "tree"]
    person = tracks["person"]
    assert {1001, 1016} <= set(person.found)
    hidden = [1001 + place for place in range(16) if abs(30 + 7 * place - 80) < 14]
    assert hidden
    assert not set(hidden) & set(person.frames), "carried onto what hides it"


def test_missed_masks_are_carried_from_both_sides(make_scene: MakeScene, make_disc: MakeDisc) -> None:
    missed = range(4, 9)
    scene = make_scene(
        [make_disc(linear(30, 40, 3, 1.5))],
        frames=13,
        finds=lambda place, finds: [] if place in missed else finds,
    )
    (track,) = tracked(scene, carry=5).tracks
    assert track.found == [1001 + place for place in range(13) if place not in missed]
    for place in missed:
        sighting = track.sightings[1001 + place]
        assert sighting.source == "carried"
        assert mask_iou(sighting.instance(), scene.instances(place)[0]) > 0.7
    (short,) = tracked(scene, carry=4).tracks
    assert short.frames == short.found


def test_what_is_not_found_again_is_not_carried(make_scene: MakeScene, make_disc: MakeDisc) -> None:
    scene = make_scene(
        [make_disc(linear(30, 48, 3))], frames=9, finds=lambda place, finds: finds if place < 5 else []
    )
    (track,) = tracked(scene).tracks
    assert track.frames == list(range(1001, 1006))


def test_a_pan_does_not_part_objects_from_their_tracks(make_scene: MakeScene, make_disc: MakeDisc) -> None:
    discs = [
        make_disc(lambda place, x=x: (x - 9.0 * place, 30 + x / 8), radius=7, seed=int(x))
        for x in (60, 85, 110, 135)
    ]
    scene = make_scene(discs, frames=6, pan=lambda place: (9.0 * place, 0.0))
    tracks = lasting(tracked(scene))
    assert len(tracks) == 4
    assert all(len(track.found) == 6 for track in tracks)


def test_a_wavering_label_is_one_track_of_the_surest_label(make_scene: MakeScene, make_disc: MakeDisc) -> None:
    def wavering(place: int, finds: list[Instance]) -> list[Instance]:
        return [replace(one, label=("dog", "cat", "dog", "sheep")[place % 4]) for one in finds]

    shot = tracked(make_scene([make_disc(linear(30, 48, 5))], frames=8, finds=wavering))
    (track,) = shot.tracks
    assert track.label == "dog"
    assert [one.label for one in track.sightings.values()][:4] == ["dog", "cat", "dog", "sheep"]


def test_one_object_under_two_names_at_once_is_one_track(make_scene: MakeScene, make_disc: MakeDisc) -> None:
    def doubled(_place: int, finds: list[Instance]) -> list[Instance]:
        return [finds[0], replace(finds[0], label="cat", score=0.5)]

    (track,) = tracked(make_scene([make_disc(linear(30, 48, 5))], frames=5, finds=doubled)).tracks
    assert track.label == "ball"


def test_parts_of_an_object_are_joined_again(make_scene: MakeScene, make_disc: MakeDisc) -> None:
    def split(place: int, finds: list[Instance]) -> list[Instance]:
        if place not in (4, 5):
            return finds
        mask, box = finds[0].mask, finds[0].box
        middle = (box.x0 + box.x1) // 2 - 3
        parts = [mask.copy(), mask.copy()]
        parts[0][:, middle:], parts[1][:, :middle] = False, False
        return [Instance.from_mask(part, "ball", 0.6) for part in parts]

    scene = make_scene([make_disc(linear(40, 48, 4), radius=16)], frames=9, finds=split)
    (track,) = tracked(scene).tracks
    for place in (4, 5):
        assert mask_iou(track.sightings[1001 + place].instance(), scene.instances(place)[0]) > 0.95


@pytest.mark.parametrize("label", ["ball", "bear"])
def test_a_mask_that_ran_out_over_the_background_is_replaced(
    make_scene: MakeScene, make_disc: MakeDisc, label: str
) -> None:
    def spilt(place: int, finds: list[Instance]) -> list[Instance]:
        if place != 4:
            return finds
        mask = finds[0].mask
        mask[40:, 80:] = True
        return [Instance.from_mask(mask, label, 0.9)]

    scene = make_scene([make_disc(linear(30, 48, 4))], frames=9, finds=spilt)
    (track,) = lasting(tracked(scene))
    assert track.sightings[1005].source == "carried"
    assert mask_iou(track.sightings[1005].instance(), scene.instances(4)[0]) > 0.85


def test_a_cut_ends_every_track(make_scene: MakeScene, make_disc: MakeDisc) -> None:
    still = make_disc(lambda place: (80.0, 48.0))
    first = make_scene([still], frames=5)
    other = make_disc(lambda place: (76.0, 50.0), seed=9, colour=(0.2, 0.2, 0.5))
    second = make_scene([other], frames=5, background=2, back_colour=(0.3, 0.2, 0.5))
    progress = SilentProgress()
    joined = [*first, *(replace(frame, number=frame.number + 5) for frame in second)]
    shot = tracked(joined, progress)
    assert shot.cuts == (1006,)
    assert [track.frames for track in shot.tracks] == [list(range(1001, 1006)), list(range(1006, 1011))]
    assert any("1006" in sentence for sentence in progress.notices)


@pytest.mark.parametrize("light", [40.0, 0.0])
def test_a_flash_ends_no_track(make_scene: MakeScene, make_disc: MakeDisc, light: float) -> None:
    scene = make_scene(
        [make_disc(linear(30, 48, 3))],
        frames=9,
        light=lambda place: light if place == 4 else 1.0,
        finds=lambda place, finds: [] if place == 4 else finds,
    )
    shot = tracked(scene)
    assert shot.cuts == ()
    (track,) = shot.tracks
    assert set(track.found) == {1001 + place for place in range(9) if place != 4}


def test_hints_are_followed_to_both_ends_of_their_scene(make_scene: MakeScene, make_disc: MakeDisc) -> None:
    discs = [make_disc(linear(30, 30, 3)), make_disc(linear(120, 66, -3), seed=9)]
    scene = make_scene(discs, frames=11)
    hint = replace(scene.instances(5)[0], label="hero")
    scene.finds = lambda place, finds: finds[1:] if place % 3 else finds
    scene.hints = {5: [hint]}
    (track,) = tracked(scene).tracks
    assert (track.label, track.frames) == ("hero", list(range(1001, 1012)))
    for place in range(11):
        assert mask_iou(track.sightings[1001 + place].instance(), scene.instances(place)[0]) > 0.8


def test_a_hint_is_carried_without_any_find_until_a_cut(make_scene: MakeScene, make_disc: MakeDisc) -> None:
    scene = make_scene([make_disc(linear(30, 48, 3))], frames=6)
    scene.hints = {0: [scene.instances(0)[0]]}
    scene.finds = lambda place, finds: []
    after = make_scene(frames=3, background=2, back_colour=(0.3, 0.2, 0.5))
    frames = [*scene, *(replace(frame, number=frame.number + 6) for frame in after)]
    shot = tracked(frames, carry=1)
    (track,) = shot.tracks
    assert shot.cuts == (1007,)
    assert track.frames == list(range(1001, 1007))
    assert mask_iou(track.sightings[1006].instance(), scene.instances(5)[0]) > 0.6


def test_a_hint_ends_where_its_object_leaves(make_scene: MakeScene, make_disc: MakeDisc) -> None:
    scene = make_scene([make_disc(linear(26, 48, -4))], frames=13, pan=lambda place: (4.0 * place, 0.0))
    scene.hints = {0: [scene.instances(0)[0]]}
    scene.finds = lambda place, finds: []
    (track,) = tracked(scene).tracks
    assert track.frames[0] == 1001
    assert 1006 <= track.frames[-1] <= 1011


def test_unsure_finds_go_on_with_tracks_and_start_none(make_scene: MakeScene, make_disc: MakeDisc) -> None:
    def unsure(place: int, finds: list[Instance]) -> list[Instance]:
        scores = (0.9 if place in (0, 1, 2, 7) else 0.2, 0.2)
        return [replace(one, score=score) for one, score in zip(finds, scores, strict=True)]

    discs = [make_disc(linear(30, 30, 5)), make_disc(linear(120, 66, -5), seed=9)]
    (track,) = tracked(make_scene(discs, frames=8, finds=unsure), confidence=0.35).tracks
    assert track.found == list(range(1001, 1009))


def test_the_same_frames_give_the_same_tracks(make_scene: MakeScene, make_disc: MakeDisc) -> None:
    def scene() -> Any:
        finds = lambda place, finds: [] if place == 3 else finds  # noqa: E731
        discs = [make_disc(linear(20, 44, 9)), make_disc(linear(140, 52, -9), seed=8)]
        return make_scene(discs, frames=8, finds=finds)

    threads = cv2.getNumThreads()
    try:
        cv2.setNumThreads(1)
        one = tracked(scene())
        cv2.setNumThreads(2)
        assert tracked(scene()) == one
    finally:
        cv2.setNumThreads(threads)


def test_no_plate_is_kept(make_scene: MakeScene, make_disc: MakeDisc) -> None:
    alive: list[weakref.ref[Any]] = []

    def frames() -> Iterator[ShotFrame]:
        scene = make_scene([make_disc(linear(30, 48, 5))], frames=4)
        for place in range(4):
            plate = next(iter(make_scene([make_disc(linear(30 + 5 * place, 48, 0))], frames=1))).plate
            alive.append(weakref.ref(plate.pixels))
            finds = scene.instances(place)
            yield ShotFrame(1001 + place, plate, lambda finds=finds: finds)
            del plate
            gc.collect()
            assert alive[-1]() is None

    assert len(tracked(frames()).tracks) == 1


def test_a_film_of_another_size_is_refused_by_the_motion(make_scene: MakeScene) -> None:
    frames = list(make_scene(frames=1))
    smaller = replace(frames[0], number=1002, plate=type(frames[0].plate)(frames[0].plate.pixels[:64, :64]))
    with pytest.raises(Exception, match="one size"):
        tracked([*frames, smaller])


def test_boxes_are_in_plate_pixels_whatever_the_plates_size(make_scene: MakeScene, make_disc: MakeDisc) -> None:
    (frame,) = make_scene([make_disc(linear(30, 48, 0))], frames=1)

    def found_in(number: int) -> list[Instance]:
        return found if number != 2 else []

    large = np.repeat(np.repeat(frame.plate.pixels, 6, axis=0), 6, axis=1)
    mask = np.repeat(np.repeat(frame.find()[0].mask, 6, axis=0), 6, axis=1)
    plate = type(frame.plate)(large)
    found = [Instance.from_mask(mask, "ball", 0.9)]
    shot = tracked([ShotFrame(number, plate, partial(found_in, number)) for number in (1, 2, 3)])
    assert isinstance(shot.tracks[0].sightings[1].box, Box)
    assert shot.tracks[0].sightings[1].box == found[0].box


def test_an_unsure_find_beside_a_track_does_not_go_on_with_it(
    make_scene: MakeScene, make_disc: MakeDisc
) -> None:
    def beside(place: int, finds: list[Instance]) -> list[Instance]:
        if place != 4:
            return finds
        return [replace(finds[0], box=finds[0].box.shifted(14, 0), score=0.2)]

    scene = make_scene([make_disc(lambda place: (60.0, 48.0))], frames=5, finds=beside)
    (track,) = tracked(scene).tracks
    assert track.found == [1001, 1002, 1003, 1004]


def test_a_part_found_alone_is_replaced_by_the_whole(make_scene: MakeScene, make_disc: MakeDisc) -> None:
    def part(place: int, finds: list[Instance]) -> list[Instance]:
        if place != 4:
            return finds
        mask, box = finds[0].mask, finds[0].box
        mask[:, box.x0 + box.width * 2 // 5 :] = False
        return [Instance.from_mask(mask, "ball", 0.9)]

    scene = make_scene([make_disc(linear(50, 48, 2), radius=16)], frames=9, finds=part)
    (track,) = tracked(scene).tracks
    assert track.sightings[1005].source == "carried"
    assert mask_iou(track.sightings[1005].instance(), scene.instances(4)[0]) > 0.85


def test_masks_that_ran_out_for_some_frames_are_no_object(make_scene: MakeScene, make_disc: MakeDisc) -> None:
    def spilt(place: int, finds: list[Instance]) -> list[Instance]:
        if place not in (4, 5, 6):
            return finds
        mask = finds[0].mask
        mask[30:, 40:] = True
        return [Instance.from_mask(mask, "bear", 0.9)]

    shot = tracked(make_scene([make_disc(linear(50, 48, 2))], frames=10, finds=spilt))
    assert [track.label for track in shot.tracks] == ["ball"]


def test_nothing_is_carried_under_what_is_found_there(make_scene: MakeScene, make_disc: MakeDisc) -> None:
    def covered(place: int, finds: list[Instance]) -> list[Instance]:
        cover = np.zeros((96, 160), np.bool_)
        cover[20:76, 40:120] = True
        tree = Instance.from_mask(cover, "tree", 0.8)
        return [tree] if place in (5, 6) else [*finds, tree]

    scene = make_scene([make_disc(lambda place: (80.0, 48.0))], frames=11, finds=covered)
    ball = next(track for track in tracked(scene).tracks if track.label == "ball")
    assert ball.frames == ball.found
    assert not {1006, 1007} & set(ball.frames)


def test_an_object_that_comes_out_bit_by_bit_is_known_again(make_scene: MakeScene, make_disc: MakeDisc) -> None:
    pillar = make_disc(lambda place: (80.0, 48.0), radius=22, colour=(0.2, 0.5, 0.2), seed=3, label="tree")
    walker = make_disc(linear(38, 48, 3), radius=11, label="person")
    shot = tracked(make_scene([walker, pillar], frames=30))
    (person,) = [track for track in shot.tracks if track.label == "person"]
    assert {1001, 1030} <= set(person.found)


def test_a_track_moves_with_the_camera_and_by_its_own_speed() -> None:
    rows, columns = 40, 60
    mask = np.zeros((rows, columns), np.bool_)
    mask[10:20, 10:20] = True
    map_x, map_y = np.meshgrid(np.arange(columns, dtype=np.float32), np.arange(rows, dtype=np.float32))
    camera = np.array([[1.0, 0.0, 5.0], [0.0, 1.0, -2.0]])
    track = LiveTrack(0, shape=mask, latest=mask, ghost=mask, centre=(14.5, 14.5), speed=(3.0, 0.0))
    move(track, Motion(map_x - 5, map_y + 2, np.ones((rows, columns), np.float32), camera))
    assert track.centre == pytest.approx((22.5, 12.5))
    assert Box.around(track.shape) == Box(15, 8, 25, 18)
    assert Box.around(track.ghost) == Box(18, 8, 28, 18)
    assert track.lost == 1
