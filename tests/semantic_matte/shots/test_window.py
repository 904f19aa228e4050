"""The window over a shot: a frame follows from its surroundings alone, whatever is made with it."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import pytest

from semantic_matte.overlapped import ReadAhead
from semantic_matte.settings import Settings
from semantic_matte.shots.steady_frames import flickers, steady_frame
from semantic_matte.shots.window import HALO, Seeing, ShotPlan, Window, in_turn
from semantic_matte.types import Box, Instance, Matte, Plate

SIZE = (72, 96)
FRAMES = 14
SETTINGS = Settings(overlaps="independent")


def centre(place: int) -> tuple[int, int]:
    return 20 + 4 * place, 36


def plate(place: int) -> Plate:
    """A textured disc that moves over a texture."""
    grain = np.random.default_rng(7).random((*SIZE, 3), dtype=np.float32)
    ground = cv2.GaussianBlur(grain, (0, 0), 2)
    ground = (ground - ground.min()) / np.ptp(ground)
    disc = np.zeros(SIZE, np.uint8)
    cv2.circle(disc, centre(place), 14, 1, -1)
    moved = np.roll(ground[::-1], 4 * place, axis=1)
    return Plate(np.where(disc[..., None] > 0, 0.5 * moved + 0.5, 0.5 * ground).astype(np.float32), frame=place)


def instances(place: int) -> list[Instance]:
    """The disc, roughly and a little differently in each frame; absent in some."""
    if place == 6:
        return []
    mask = np.zeros(SIZE, np.uint8)
    cv2.circle(mask, centre(place), 13 + place % 3, 1, -1)
    one = Instance.from_mask(mask.astype(bool), "ball", 0.9)
    return [Instance(one.crop, one.box, one.frame_size, "ball", 0.9, "sm_ball_01")]


def solve(place: int, _plate: Plate, found: Sequence[Instance]) -> list[Matte]:
    """As an estimator that flickers: the mask made soft, and noise on it."""
    window = Box.of_frame(*SIZE)
    noise = np.random.default_rng(place).normal(0, 0.05, SIZE).astype(np.float32)
    return [
        Matte(one, np.clip(cv2.GaussianBlur(one.mask.astype(np.float32), (0, 0), 2) + noise, 0, 1), window)
        for one in found
    ]


def shot(scenes: Sequence[int] = (0,) * FRAMES, steadying: bool = True) -> ShotPlan:
    return ShotPlan(tuple(range(1001, 1001 + FRAMES)), tuple(scenes), instances, steadying)


Made = dict[int, tuple[list[bytes], dict[str, float]]]


def make(plan: ShotPlan, wanted: Sequence[int], settings: Settings = SETTINGS) -> Made:
    """Each wanted place's final alphas and flickers, made as the second step makes them."""
    made: Made = {}
    turns = list(in_turn(plan, wanted))
    last: tuple[int, dict[str, Matte]] = (-2, {})
    with ReadAhead(Seeing(plan, plate).see, plan.needed(place for place, _ in turns)) as ahead:
        window = Window(plan, ahead, solve, settings.steadiness)
        for place, asked in turns:
            around = window.surroundings(place)
            final, _ = steady_frame(around, settings)
            before = last[1] if last[0] == place - 1 else None
            if asked:
                told = flickers(final, before, around.before)
                made[place] = ([matte.alpha.tobytes() for matte in final], told)
            last = (place, {matte.slot: matte for matte in final})
    return made


@pytest.fixture(scope="module")
def whole() -> Made:
    return make(shot(), range(FRAMES))


@pytest.mark.parametrize(
    "chunks",
    [[[place] for place in range(FRAMES)], [range(5), range(5, 9), range(9, FRAMES)], [range(0, FRAMES, 3)]],
    ids=["one by one", "three", "every third"],
)
def test_chunked_is_unchunked_to_the_bit(whole: Made, chunks: Sequence[Sequence[int]]) -> None:
    for chunk in chunks:
        made = make(shot(), chunk)
        assert sorted(made) == sorted(chunk)
        for place in chunk:
            assert made[place] == whole[place], place


def test_edges_are_steadied(whole: Made) -> None:
    raw = make(shot(steadying=False), range(FRAMES), Settings(overlaps="independent", steadiness=0))
    places = [place for place in range(1, FRAMES) if place not in (6, 7)]
    before, after = (np.mean([made[place][1]["sm_ball_01"] for place in places]) for made in (raw, whole))
    assert after < 0.8 * before


def test_without_steadying_every_matte_is_as_it_was_solved() -> None:
    made = make(shot(steadying=False), [3, 4], Settings(overlaps="independent", steadiness=0))
    for place in (3, 4):
        assert made[place][0] == [solve(place, plate(place), instances(place))[0].alpha.tobytes()]


def test_a_frame_that_does_not_show_the_object_gets_nothing(whole: Made) -> None:
    assert whole[6] == ([], {})
    assert whole[7][1] == {}, "there is no frame before to be compared with"


def test_nothing_comes_from_beyond_a_cut() -> None:
    parts = shot([0] * 5 + [1] * (FRAMES - 5))
    made = make(parts, range(FRAMES))
    alone = ShotPlan(parts.frames[:5], (0,) * 5, instances)
    assert {place: made[place] for place in range(5)} == make(alone, range(5))
    assert made[5][1] == {}


def test_what_lies_beyond_the_halo_makes_no_difference(whole: Made) -> None:
    read: set[int] = set()

    def watched(place: int) -> Plate:
        read.add(place)
        return plate(place)

    plan, wanted = shot(), 7
    turns = list(in_turn(plan, [wanted]))
    assert turns == [(wanted - 1, False), (wanted, True)]
    assert set(plan.needed(place for place, _ in turns)) <= set(range(wanted - HALO - 1, wanted + HALO + 1))
    with ReadAhead(Seeing(plan, watched).see, plan.needed([wanted])) as ahead:
        window = Window(plan, ahead, solve, 0.75)
        around = window.surroundings(wanted)
    assert steady_frame(around, SETTINGS)[0][0].alpha.tobytes() == whole[wanted][0][0]
    assert read <= set(range(wanted - HALO, wanted + HALO + 1))


def test_what_is_kept_does_not_grow_with_the_shot() -> None:
    plan = shot()
    with ReadAhead(Seeing(plan, plate).see, plan.needed(range(FRAMES))) as ahead:
        window = Window(plan, ahead, solve, 0.75)
        kept = []
        for place in range(FRAMES):
            window.surroundings(place)
            kept.append((len(window._plates), len(window._solved), len(window._flows)))
    assert max(plates for plates, _, _ in kept) <= HALO
    assert max(solved for _, solved, _ in kept) <= 2 * HALO
    middle, later = kept[FRAMES // 2], kept[FRAMES - HALO]
    assert later <= tuple(number + 4 for number in middle)
