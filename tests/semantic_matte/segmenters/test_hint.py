"""An artist's masks, boxes and points as instances, on the astronaut."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import semantic_matte as sm
from semantic_matte.errors import HintError
from semantic_matte.ports import SilentProgress
from semantic_matte.segmenters import create_segmenter
from semantic_matte.segmenters.hint import HintSegmenter
from semantic_matte.types import Box, Hint, Instance, Plate


@pytest.fixture(scope="module")
def plate(photos: Path) -> Plate:
    return sm.read_plate(photos / "astronaut.png")


def segment(plate: Plate, *hints: Hint) -> list[Instance]:
    return HintSegmenter(hints).segment(plate, SilentProgress())


def test_a_mask_is_taken_as_it_is(plate: Plate) -> None:
    mask = np.random.default_rng(0).random(plate.size) > 0.7
    mask[:40] = mask[:, :25] = False
    (instance,) = segment(plate, Hint(mask=mask, label="lace"))
    np.testing.assert_array_equal(instance.mask, mask)
    assert (instance.label, instance.score) == ("lace", 1.0)
    assert instance.box == Box.around(mask)


def test_a_box_gives_the_object_in_it(plate: Plate) -> None:
    box = Box(20, 0, 380, 512)
    (instance,) = segment(plate, Hint(box=box, label="person"))
    assert instance.box.intersection(box) == instance.box
    mask = instance.mask
    # Chest and shoulder; the flag and the corner.
    assert mask[330, 200]
    assert mask[330, 90]
    assert not mask[60, 40]
    assert 0.3 < instance.area / box.area < 0.9


def test_a_box_that_leaves_the_frame_is_cut(plate: Plate) -> None:
    inside = segment(plate, Hint(box=Box(120, 60, 512, 512)))
    beyond = segment(plate, Hint(box=Box(120, 60, 9000, 9000)))
    np.testing.assert_array_equal(inside[0].mask, beyond[0].mask)


def test_a_box_as_large_as_the_frame_is_everything(plate: Plate) -> None:
    (instance,) = segment(plate, Hint(box=Box(0, 0, 512, 512)))
    assert instance.mask.all()


def test_points_give_what_hangs_together_with_them(plate: Plate) -> None:
    on, off = ((200, 330, True), (90, 330, True)), ((40, 60, False), (480, 420, False))
    (instance,) = segment(plate, Hint(points=on + off))
    mask = instance.mask
    assert all(mask[int(y), int(x)] for x, y, _ in on)
    assert not any(mask[int(y), int(x)] for x, y, _ in off)
    assert 5_000 < instance.area < 200_000


def test_hints_keep_their_order(plate: Plate) -> None:
    masks = [np.zeros(plate.size, np.bool_) for _ in range(4)]
    for index, mask in enumerate(masks):
        mask[10 : 20 + 5 * (3 - index), 10 + 40 * index : 30 + 40 * index] = True
    hints = [Hint(mask=mask, label=label) for mask, label in zip(masks, "dbca", strict=True)]
    found = segment(plate, *hints)
    assert [instance.label for instance in found] == list("dbca")
    for instance, mask in zip(found, masks, strict=True):
        np.testing.assert_array_equal(instance.mask, mask)


def test_the_same_hint_gives_the_same_mask(plate: Plate) -> None:
    hint = Hint(points=((200, 330, True),))
    np.testing.assert_array_equal(segment(plate, hint)[0].mask, segment(plate, hint)[0].mask)


@pytest.mark.parametrize(
    ("hint", "said"),
    [
        (Hint(box=Box(512, 0, 600, 40)), "box .512, 0, 600, 40. lies outside the plate of 512x512"),
        (Hint(box=Box(-9, -9, 0, 0)), "lies outside the plate of 512x512"),
        (Hint(points=((512, 3, True),)), r"point \(512, 3\) lies outside"),
        (Hint(points=((3, 3, True), (3, -1, False))), r"point \(3, -1\) lies outside"),
        (Hint(mask=np.ones((512, 511), np.bool_)), "plate's size 512x512, got 511x512"),
        (Hint(mask=np.zeros((512, 512), np.bool_), label="ghost"), "nothing of 'ghost'"),
    ],
)
def test_hints_that_do_not_fit(plate: Plate, hint: Hint, said: str) -> None:
    with pytest.raises(HintError, match=said):
        segment(plate, hint)


def test_without_a_hint_there_is_nothing_to_do() -> None:
    with pytest.raises(HintError, match="needs a hint"):
        create_segmenter(sm.Settings(segmenter="hint"), "cpu")
