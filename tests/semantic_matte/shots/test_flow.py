"""Motion: what is carried lands where it should, is trusted where it may be, and is the same bytes anywhere."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semantic_matte.errors import ValueShapeError
from semantic_matte.shots import flow as flow_module
from semantic_matte.shots.flow import (
    Flow,
    FlowPicture,
    flow_between,
    flow_pair,
    flow_picture,
    mean_around,
    object_flow,
)
from semantic_matte.types import BoolArray, Box, ByteArray, FloatArray, Instance, Plate

HEIGHT, WIDTH = 96, 144


def texture(seed: int, height: int = HEIGHT, width: int = WIDTH, sigma: float = 2.0) -> ByteArray:
    """(height, width) uint8: smooth random structure of full contrast."""
    noise = np.random.default_rng(seed).normal(size=(height, width)).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), sigma)
    return np.clip(128 + soft / soft.std() * 45, 0, 255).astype(np.uint8)


def moved(picture: ByteArray, x: float, y: float) -> ByteArray:
    """The picture with its content moved right and down; what comes in repeats the border."""
    matrix = np.array([[1, 0, x], [0, 1, y]], dtype=np.float32)
    size = picture.shape[::-1]
    return np.asarray(cv2.warpAffine(picture, matrix, size, borderMode=cv2.BORDER_REFLECT), dtype=np.uint8)


def small(levels: ByteArray, scale: int = 1) -> FlowPicture:
    return FlowPicture(levels, (levels.shape[0] * scale, levels.shape[1] * scale))


def constant_flow(x: float, y: float, size: tuple[int, int] = (HEIGHT, WIDTH), trust: float = 1.0) -> Flow:
    """Every pixel's content is x right and y down of it in the other frame."""
    field = np.empty((*size, 2), np.float32)
    field[...] = x, y
    grey = np.full(size, 128, np.uint8)
    return Flow(field, np.full(size, trust, np.float32), size, grey, grey)


def wavy_flow(seed: int, small_size: tuple[int, int], frame_size: tuple[int, int], reach: float) -> Flow:
    generator = np.random.default_rng(seed)
    field = cv2.GaussianBlur(generator.normal(size=(*small_size, 2)).astype(np.float32), (0, 0), 3) * reach * 5
    trust = generator.random(small_size).astype(np.float32)
    return Flow(
        np.asarray(field, np.float32), trust, frame_size, texture(1, *small_size), texture(2, *small_size)
    )


def sampled(picture: FloatArray, x: float, y: float) -> float:
    """Bilinear, 0 outside: a second implementation, by the textbook."""
    left, top = math.floor(x), math.floor(y)
    total = 0.0
    for row, column in ((top, left), (top, left + 1), (top + 1, left), (top + 1, left + 1)):
        if 0 <= row < picture.shape[0] and 0 <= column < picture.shape[1]:
            total += (1 - abs(y - row)) * (1 - abs(x - column)) * float(picture[row, column])
    return total


def test_carrying_is_bilinear_sampling_where_the_flow_leads() -> None:
    flow = wavy_flow(3, (24, 36), (48, 72), 1.5)
    window, onto = Box(10, 6, 50, 40), Box(5, 3, 60, 45)
    crop = cv2.GaussianBlur(np.random.default_rng(0).random((34, 40)).astype(np.float32), (0, 0), 1.5)
    carried = flow.carry(crop, window, onto)
    for y, x in np.random.default_rng(1).integers(0, (onto.height, onto.width), (300, 2)):
        # The flow's own value at a plate pixel, from pixels' middles, the border repeated.
        at_x = min(max((onto.x0 + x + 0.5) / 2 - 0.5, 0), 35)
        at_y = min(max((onto.y0 + y + 0.5) / 2 - 0.5, 0), 23)
        step = [sampled(np.ascontiguousarray(flow.field[..., axis]), at_x, at_y) for axis in (0, 1)]
        wanted = sampled(crop, onto.x0 + x + 2 * step[0] - window.x0, onto.y0 + y + 2 * step[1] - window.y0)
        # OpenCV samples at 1/32 of a pixel.
        assert carried[y, x] == pytest.approx(wanted, abs=0.02)


def test_masks_are_carried_too_and_nothing_comes_from_outside_the_window() -> None:
    flow = constant_flow(3, -2)
    mask: BoolArray = np.ones((10, 20), np.bool_)
    carried = flow.carry(mask, Box(40, 30, 60, 40), Box.of_frame(HEIGHT, WIDTH))
    wanted = np.zeros((HEIGHT, WIDTH), np.float32)
    wanted[32:42, 37:57] = 1
    assert np.array_equal(carried, wanted)


@given(
    x0=st.integers(0, 60),
    y0=st.integers(0, 40),
    width=st.integers(1, 30),
    height=st.integers(1, 20),
    seed=st.integers(0, 5),
)
@settings(max_examples=40, deadline=None)
def test_a_box_shows_the_same_flow_as_the_whole_frame(
    x0: int, y0: int, width: int, height: int, seed: int
) -> None:
    flow = wavy_flow(seed, (23, 41), (66, 99), 2.0)
    box = Box(x0, y0, x0 + width, y0 + height)
    crop = np.random.default_rng(seed).random((30, 50)).astype(np.float32)
    window = Box(12, 9, 62, 39)
    part, whole = flow.on(box), flow.on(Box.of_frame(66, 99))
    for name in ("map_x", "map_y", "trust"):
        assert np.array_equal(getattr(part, name), getattr(whole, name)[box.slices])
    assert np.array_equal(part.carry(crop, window), whole.carry(crop, window)[box.slices])


@pytest.mark.parametrize(("x", "y"), [(3.0, 0.0), (-2.5, 1.5), (7.0, -4.0)])
def test_a_shift_is_found_and_trusted(x: float, y: float) -> None:
    picture = texture(0)
    flow = flow_between(small(picture), small(moved(picture, x, y)))
    inside = (slice(12, -12), slice(12, -12))
    assert np.abs(flow.field[inside] - (x, y)).mean() < 0.1
    assert flow.trust[inside].mean() > 0.9
    assert flow.checked().trust[inside].mean() > 0.85


def test_what_another_scene_shows_is_not_trusted() -> None:
    flow = flow_between(small(texture(0)), small(texture(99)))
    assert flow.checked().trust.mean() < 0.25


def test_what_is_covered_is_not_trusted() -> None:
    behind, before = texture(0), texture(7)
    first, second = behind.copy(), behind.copy()
    first[30:66, 30:60] = before[30:66, 30:60]
    second[30:66, 42:72] = before[30:66, 30:60]
    trust = flow_between(small(first), small(second)).checked().trust
    # The strip to the right of the square is behind it in the next frame.
    assert trust[34:62, 62:70].mean() < 0.35
    assert trust[5:25, 10:130].mean() > 0.8


def test_there_and_back_together_are_as_each_alone() -> None:
    first, second = small(texture(0)), small(moved(texture(0), 2, 1))
    there, back = flow_pair(first, second)
    for one, other in ((there, flow_between(first, second)), (back, flow_between(second, first))):
        assert np.array_equal(one.field, other.field)
        assert np.array_equal(one.trust, other.trust)
        assert one.here is other.here


def test_the_number_of_threads_changes_no_byte_and_stays_as_it_was() -> None:
    first = small(texture(0, 180, 320))
    second = small(moved(texture(0, 180, 320), 3, 2))
    before = cv2.getNumThreads()
    fields = []
    try:
        for threads in (1, 2, 4):
            cv2.setNumThreads(threads)
            flow = flow_between(first, second)
            assert cv2.getNumThreads() == threads
            fields.append(flow.field.tobytes() + flow.trust.tobytes())
    finally:
        cv2.setNumThreads(before)
    assert len(set(fields)) == 1


def test_the_search_runs_in_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it doesn't divide its work by threads the bytes are the same anyhow; not every OpenCV is so."""
    seen = []
    search = flow_module._dense

    def watched(first: ByteArray, second: ByteArray) -> FloatArray:
        seen.append(cv2.getNumThreads())
        return search(first, second)

    monkeypatch.setattr(flow_module, "_dense", watched)
    before = cv2.getNumThreads()
    try:
        cv2.setNumThreads(3)
        flow_between(small(texture(0)), small(texture(0)))
    finally:
        cv2.setNumThreads(before)
    assert seen == [1, 1]


def test_frames_of_two_sizes_have_no_motion_between_them() -> None:
    with pytest.raises(ValueShapeError, match="one size"):
        flow_between(small(texture(0)), small(texture(0, 90, 144)))


@pytest.mark.parametrize("size", [(1, 1), (7, 300), (40, 13), (2000, 3)])
def test_plates_of_any_size_have_a_small_picture_and_a_flow(size: tuple[int, int]) -> None:
    plate = Plate(np.random.default_rng(0).random((*size, 3)).astype(np.float32))
    picture = flow_picture(plate)
    assert picture.frame_size == size
    assert max(picture.levels.shape) <= max(640, 16)
    flow = flow_between(picture, picture)
    carried = flow.carry(np.ones(size, np.float32), plate.box, plate.box)
    assert carried.shape == size
    assert np.isfinite(flow.field).all()


def two_motions(radius: int = 20, step: int = 4) -> tuple[Flow, Instance, BoolArray]:
    """A disc that goes right, before what goes left, by known steps; its mask, and the truth on it."""
    rows, columns = np.indices((HEIGHT, WIDTH))
    disc = np.hypot(rows - 48, columns - 72) <= radius
    field = np.zeros((HEIGHT, WIDTH, 2), np.float32)
    field[..., 0] = np.where(disc, step, -step)
    picture = texture(0)
    flow = Flow(field, np.ones((HEIGHT, WIDTH), np.float32), (HEIGHT, WIDTH), picture, picture)
    return flow, Instance.from_mask(disc, "ball", 1.0), disc


def test_an_objects_motion_goes_on_beyond_its_edge() -> None:
    flow, instance, disc = two_motions()
    own = object_flow(flow, instance)
    around = cv2.dilate(disc.view(np.uint8), np.ones((21, 21), np.uint8)) > 0
    assert np.abs(own.field[around] - (4, 0)).max() < 0.05
    assert own.trust[around].min() > 0.99
    assert own.frame_size == flow.frame_size


def test_an_objects_motion_keeps_how_it_turns() -> None:
    flow, instance, disc = two_motions()
    rows, columns = np.indices((HEIGHT, WIDTH)).astype(np.float32)
    turning = np.dstack([(48 - rows) * 0.1, (columns - 72) * 0.1])
    flow.field[disc] = turning[disc]
    deep = cv2.erode(disc.view(np.uint8), np.ones((9, 9), np.uint8)) > 0
    assert np.abs(object_flow(flow, instance).field[deep] - turning[deep]).max() < 0.05


def test_a_part_that_can_not_be_followed_is_not_trusted_for_the_rest() -> None:
    flow, instance, disc = two_motions()
    lost = disc & (np.indices(disc.shape)[1] > 72)
    flow.trust[lost] = 0
    flow.field[lost] = 40, -40
    own = object_flow(flow, instance)
    assert own.trust[48, 88] < 0.05
    assert own.trust[48, 56] > 0.95
    # What it did is guessed from the rest all the same, and not from what the search made up.
    assert np.abs(own.field[48, 80] - (4, 0)).max() < 1


@pytest.mark.parametrize("scale", [1, 8])
def test_a_tiny_object_has_a_motion_of_its_own(scale: int) -> None:
    size = (HEIGHT, WIDTH)
    frame_size = (HEIGHT * scale, WIDTH * scale)
    flow = constant_flow(2, 1, size)
    flow = Flow(flow.field, flow.trust, frame_size, flow.here, flow.there)
    mask: BoolArray = np.zeros(frame_size, np.bool_)
    mask[50, 60] = True
    own = object_flow(flow, Instance.from_mask(mask, "speck", 1.0))
    assert np.isfinite(own.field).all()
    assert np.abs(own.field[50 // scale, 60 // scale] - (2, 1)).max() < 0.01


def test_an_object_of_another_frame_is_refused() -> None:
    flow, _, _ = two_motions()
    other = Instance.from_mask(np.ones((10, 10), np.bool_), "ball", 1.0)
    with pytest.raises(ValueShapeError, match="got one of"):
        object_flow(flow, other)


def test_the_mean_around_a_pixel_is_that_of_its_square() -> None:
    picture: FloatArray = np.random.default_rng(0).random((9, 12)).astype(np.float32)
    padded = np.pad(picture, 2, mode="edge")
    wanted = np.array([[padded[y : y + 5, x : x + 5].mean() for x in range(12)] for y in range(9)])
    assert mean_around(picture, 5) == pytest.approx(wanted, abs=1e-5)
