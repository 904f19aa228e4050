"""The embedded segmenter on real photos. No annotated masks: places that surely are, or are not, the object."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import semantic_matte as sm
from semantic_matte.errors import DeviceError, UnknownNameError
from semantic_matte.ports import SilentProgress
from semantic_matte.segmenters.starter import StarterSegmenter
from semantic_matte.types import Box

# Of the astronaut's photo, as (y, x): read off the picture by eye.
ASTRONAUT = {
    "forehead": (95, 215),
    "left cheek": (150, 195),
    "chin": (195, 220),
    "chest": (330, 200),
    "left shoulder": (330, 90),
    "patch on the suit": (430, 240),
}
NOT_ASTRONAUT = {
    "top left": (5, 5),
    "top right": (20, 500),
    "helmet's far side": (420, 480),
    "flag": (60, 40),
    "shuttle": (60, 440),
}
ASTRONAUT_BOX = Box(20, 0, 380, 512)


def run(plate: object, **controls: object) -> tuple[list[sm.Instance], list[str]]:
    progress = SilentProgress()
    return sm.Engine(sm.Settings(**controls)).segment(plate, progress=progress), progress.notices  # type: ignore[arg-type]


def overlap(one: Box, other: Box) -> float:
    common = one.intersection(other)
    return 0.0 if common is None else common.area / (one.area + other.area - common.area)


@pytest.fixture(scope="module")
def astronaut(photos: Path) -> list[sm.Instance]:
    return run(photos / "astronaut.png")[0]


def test_the_person_is_found_where_she_is(astronaut: list[sm.Instance]) -> None:
    person = astronaut[0]
    assert (person.label, person.slot) == ("person", "sm_person_01")
    assert person.score > 0.6
    assert overlap(person.box, ASTRONAUT_BOX) > 0.85
    mask = person.mask
    assert [name for name, place in ASTRONAUT.items() if not mask[place]] == []
    assert [name for name, place in NOT_ASTRONAUT.items() if mask[place]] == []
    # An outline, not a box filled out.
    assert 0.5 < person.area / person.box.area < 0.85


def test_the_cat_is_found_where_it_is(photos: Path) -> None:
    (cat,), notices = run(photos / "chelsea.png")
    assert (cat.label, cat.slot) == ("cat", "sm_cat_01")
    assert notices == []
    mask = cat.mask
    # Between the eyes, the nose, the left ear; the corners of the picture.
    assert all(mask[place] for place in [(110, 200), (165, 215), (60, 120)])
    assert not any(mask[place] for place in [(5, 440), (290, 445), (5, 5)])


def test_the_order_of_colours_matters(photos: Path) -> None:
    """Were red and blue exchanged inside, the plate with both exchanged would be the better cat."""
    plate = sm.read_plate(photos / "chelsea.png")
    right = run(plate)[0][0]
    wrong = run(np.ascontiguousarray(plate.pixels[..., ::-1]), find=("cat",), confidence=0.2)[0][0]
    assert (right.label, wrong.label) == ("cat", "cat")
    assert right.score > wrong.score + 0.1


def test_a_turned_picture_moves_the_box_along(photos: Path, astronaut: list[sm.Instance]) -> None:
    """Boxes are x0, y0, x1, y1 of the plate, for pictures that are not square too."""
    pixels = sm.read_plate(photos / "astronaut.png").pixels
    wide = np.zeros((512, 900, 3), np.float32)
    wide[:, 300:812] = pixels
    people = run(wide, find=("person",))[0]
    assert overlap(people[0].box, astronaut[0].box.shifted(300, 0)) > 0.85
    tall = np.zeros((900, 512, 3), np.float32)
    tall[350:862] = pixels
    people = run(tall, find=("person",))[0]
    assert overlap(people[0].box, astronaut[0].box.shifted(0, 350)) > 0.85


@pytest.fixture(scope="module")
def crowd(photos: Path) -> list[sm.Instance]:
    """Everything in the astronaut's photo that the detector half believes in."""
    return run(photos / "astronaut.png", confidence=0.2)[0]


def test_an_object_that_the_frame_cuts_reaches_its_edge(photos: Path) -> None:
    whole = sm.read_plate(photos / "astronaut.png")
    for cut in (512, 450, 380):
        pixels = np.ascontiguousarray(whole.pixels[:cut])
        person = run(sm.Plate(pixels))[0][0]
        assert person.mask[-1].sum() > 0.9 * person.mask[-20].sum()
    turned = np.ascontiguousarray(whole.pixels[:400][:, 100:])
    person = run(sm.Plate(turned))[0][0]
    assert person.mask[380, 0]
    assert person.mask[399, 150]
    assert not person.mask[5].any()


def test_instances_share_no_pixel_and_keep_order(crowd: list[sm.Instance]) -> None:
    instances = crowd
    assert len(instances) > 4
    count = np.sum([instance.mask for instance in instances], axis=0)
    assert count.max() == 1
    scores = [instance.score for instance in instances]
    assert scores == sorted(scores, reverse=True)
    assert all(score > 0.2 for score in scores)
    assert len({instance.slot for instance in instances}) == len(instances)
    for instance in instances:
        assert Box.around(instance.mask) == instance.box


def test_only_what_is_asked_for(photos: Path) -> None:
    instances, _ = run(photos / "coffee.png", confidence=0.1, find=("Cups", "table"))
    assert {instance.label for instance in instances} == {"cup", "dining table"}
    nothing, notices = run(photos / "coffee.png", find=("zebra",))
    assert nothing == []
    (notice,) = notices
    assert "no 'zebra'" in notice
    assert "35%" in notice


def test_an_unknown_name_is_told_before_any_work(photos: Path) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'giraffe'"):
        run(photos / "coffee.png", find=("girafe",))


def test_the_surest_are_kept(photos: Path, crowd: list[sm.Instance]) -> None:
    few, notices = run(photos / "astronaut.png", confidence=0.2, max_instances=2)
    assert [instance.slot for instance in few] == [instance.slot for instance in crowd[:2]]
    (notice,) = notices
    assert "'max_instances' (2)" in notice
    assert "the surest were kept" in notice


def test_the_same_plate_gives_the_same_masks(photos: Path, astronaut: list[sm.Instance]) -> None:
    again, _ = run(photos / "astronaut.png")
    assert [(one.label, one.score, one.box) for one in again] == [
        (one.label, one.score, one.box) for one in astronaut
    ]
    for one, other in zip(again, astronaut, strict=True):
        np.testing.assert_array_equal(one.crop, other.crop)


def test_bright_and_dark_plates_still_work(photos: Path) -> None:
    """Scene-linear values go above 1: one highlight must not move the rest."""
    pixels = sm.read_plate(photos / "chelsea.png").pixels.copy()
    pixels[2:4, 2:4] = 5000.0
    (cat,), _ = run(pixels)
    assert cat.label == "cat"


def test_a_face_that_fills_the_frame_is_a_find(photos: Path) -> None:
    pixels = sm.read_plate(photos / "astronaut.png").pixels
    person = run(np.ascontiguousarray(pixels[70:210, 165:270]))[0][0]
    assert person.label == "person"
    assert person.area > 0.6 * 140 * 105


def test_touching_people_keep_to_themselves(photos: Path) -> None:
    """Mirrored beside herself, shoulder to shoulder: neither mask reaches into the other's half."""
    pixels = sm.read_plate(photos / "astronaut.png").pixels[:, :375]
    pair = np.ascontiguousarray(np.concatenate([pixels[:, ::-1], pixels], axis=1))
    left, right = sorted(run(pair, find=("person",))[0][:2], key=lambda person: person.box.x0)
    assert left.label == right.label == "person"
    for person, own in ((left, slice(0, 375)), (right, slice(375, 750))):
        assert person.mask[:, own].sum() > 0.97 * person.area
        assert person.area > 60_000


def test_small_people_in_a_large_plate_are_found(photos: Path) -> None:
    """Tiles see what is small in the whole frame."""
    photo = sm.read_plate(photos / "astronaut.png").pixels
    plate = np.full((1500, 2400, 3), 0.2, np.float32)
    plate[1000:1064, 1700:1764] = photo[::8, ::8]
    people = run(plate, find=("person",), confidence=0.3)[0]
    assert people
    assert overlap(people[0].box, Box(1702, 1001, 1748, 1064)) > 0.6


def test_the_device_of_a_part_is_that_of_the_whole() -> None:
    segmenter = sm.Engine(sm.Settings(device="cpu")).segmenter
    assert segmenter.device == "cpu"


def test_other_controls_without_loading_again(small_photos: Path, warm: Any) -> None:
    # On nothing but a soft disc the network for salient subjects is asked.
    disc = np.full((90, 120, 3), 40, np.uint8)
    cv2.circle(disc, (60, 45), 25, (230, 200, 60), -1)
    plates = [
        sm.read_plate(small_photos / "coffee.png"),
        sm.Plate((cv2.GaussianBlur(disc, (0, 0), 2) / np.float32(255)) ** 2),
    ]
    table = [
        {},
        {"find": ["cup"], "confidence": 0.2},
        {"find": ["subject"]},
        {"confidence": 0.05, "max_instances": 3},
        {"confidence": 0.6, "label_confidence": ["cup=0.1", "animal=0.9"]},
        {"merge": ["dining table+cup"], "max_instances": 2},
    ]
    loaded: list[StarterSegmenter] = []

    def make(settings: sm.Settings) -> StarterSegmenter:
        loaded.append(StarterSegmenter(settings, "cpu"))
        return loaded[-1]

    warm.check(make, plates, table, lambda segmenter: segmenter._networks)
    # The network for subjects was loaded on the way, and is there for whoever needs it next.
    assert "saliency" in loaded[-1]._networks.__dict__
    with pytest.raises(UnknownNameError, match="Unknown object name 'unicorn'"):
        loaded[-1].with_settings(sm.Settings(find=["unicorn"]))


def test_where_the_memory_is_full_fewer_masks_are_drawn_at_once(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plate = sm.read_plate(photos / "coffee.png")
    segmenter = StarterSegmenter(sm.Settings(confidence=0.05), "cpu")
    expected = segmenter.segment(plate, SilentProgress())
    network = segmenter._networks.masks
    room, tried = [5 * 128 * 128], []
    forward = network.forward

    def limited(colour: Any, *more: Any) -> Any:
        import torch

        tried.append(len(colour))
        if colour[:, 0].numel() > room[0]:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return forward(colour, *more)

    monkeypatch.setattr(network, "forward", limited)
    progress = SilentProgress()
    found = segmenter.segment(plate, progress)
    assert [(one.label, one.score) for one in found] == [(one.label, one.score) for one in expected]
    for one, other in zip(found, expected, strict=True):
        # Convolutions of another batch may round otherwise.
        assert np.mean(one.mask != other.mask) < 1e-4
    (notice,) = (one for one in progress.notices if "memory" in one)
    assert notice == f"cpu ran out of memory: {tried[1]} masks at once in place of {tried[0]}."
    assert tried[1] * 128 * 128 <= room[0] < tried[0] * 128 * 128
    room[0] = 0
    with pytest.raises(
        DeviceError,
        match=r"^Segmenter 'starter' ran out of memory on cpu, even with one mask of 128x128 pixels",
    ):
        segmenter.segment(plate, SilentProgress())


def test_where_the_memory_is_full_before_any_box_is_found(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    segmenter = StarterSegmenter(sm.Settings(), "cpu")

    def full(*_given: Any) -> None:
        raise RuntimeError("MPS backend out of memory (MPS allocated: 8.00 GB, max allowed: 9.07 GB).")

    monkeypatch.setattr(segmenter._networks.detector, "forward", full)
    with pytest.raises(DeviceError, match=r"^Segmenter 'starter' ran out of memory on cpu: close what else"):
        segmenter.segment(sm.read_plate(photos / "coffee.png"), SilentProgress())
