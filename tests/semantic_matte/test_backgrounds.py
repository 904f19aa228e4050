"""Colours and pictures to put something over: what is read out of a word, and how a picture lies in a frame."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semantic_matte.backgrounds import colour_of, fitted, flat
from semantic_matte.errors import UsageError
from semantic_matte.types import Box, FloatArray, Plate


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("black", (0, 0, 0)),
        ("White", (1, 1, 1)),
        ("0.18,0.2,0.25", (0.18, 0.2, 0.25)),
        (" 1 , -0.5 , 1e3 ", (1, -0.5, 1000)),
        (".5,+.5,0", (0.5, 0.5, 0)),
        ("black.png", None),
        ("./black", None),
        ("0.18", None),
        ("1001", None),
        ("1,2,3,4", None),
        ("a,b,c", None),
        ("", None),
    ],
)
def test_colours(text: str, expected: tuple[float, ...] | None) -> None:
    assert colour_of(text) == expected


@pytest.mark.parametrize("text", ["1,2,1e999", "1.2.3,0,0", "..,0,0"])
def test_numbers_that_are_none(text: str) -> None:
    with pytest.raises(UsageError, match="is no colour: expected three numbers"):
        colour_of(text)


def test_one_colour_everywhere() -> None:
    pixels = flat((0.25, 2, -1), (3, 4))
    assert (pixels.shape, pixels.dtype) == ((3, 4, 3), np.float32)
    assert (pixels == np.array([0.25, 2, -1], np.float32)).all()


def picture(height: int, width: int, **more: object) -> Plate:
    """Red counts columns, green rows, from the left and the top, blue is 1."""
    rows, columns = np.indices((height, width), dtype=np.float32)
    return Plate(np.stack([columns, rows, np.ones_like(rows)], axis=2), **more)  # type: ignore[arg-type]


def fit(background: Plate, plate: Plate) -> tuple[FloatArray, list[str]]:
    return fitted(background.pixels, background, plate)


def test_the_same_size_is_the_same_pixels() -> None:
    background = picture(20, 30)
    pixels, notices = fit(background, Plate(np.zeros((20, 30, 3), np.float32)))
    assert pixels is background.pixels
    assert notices == []


@settings(max_examples=60, deadline=None)
@given(numbers=st.lists(st.integers(-9, 9), min_size=8, max_size=8))
def test_frames_are_brought_together_and_windows_kept(numbers: list[int]) -> None:
    # Both frames are 40x30, each with a corner of its own and a data window that is larger or smaller.
    mine = Box(numbers[0], numbers[1], numbers[0] + 40, numbers[1] + 30)
    theirs = Box(numbers[2], numbers[3], numbers[2] + 40, numbers[3] + 30)
    data = Box(mine.x0 + numbers[4], mine.y0 + numbers[5], mine.x1 + numbers[6], mine.y1 + numbers[7])
    background = picture(data.height, data.width, data_window=data, display_window=mine)
    covered = Box(theirs.x0 - numbers[7], theirs.y0 + numbers[6], theirs.x1 - numbers[5], theirs.y1 + 2)
    plate = Plate(
        np.zeros((covered.height, covered.width, 3), np.float32), data_window=covered, display_window=theirs
    )
    pixels, notices = fit(background, plate)
    black = 0
    for row, column in np.ndindex(plate.size):
        # The same place in the frame, in the background's coordinates, then in its pixels.
        x = column + covered.x0 - theirs.x0 + mine.x0 - data.x0
        y = row + covered.y0 - theirs.y0 + mine.y0 - data.y0
        inside = 0 <= x < data.width and 0 <= y < data.height
        black += not inside
        assert pixels[row, column].tolist() == ([x, y, 1] if inside else [0, 0, 0])
    assert notices == (
        [f"The background does not reach {black} of the plate's pixels, which lie over black instead."]
        if black
        else []
    )


@settings(max_examples=80, deadline=None)
@given(
    height=st.integers(1, 200),
    width=st.integers(1, 200),
    frame=st.sampled_from([(60, 90), (90, 60), (64, 64), (1, 50)]),
    aspect=st.sampled_from([1.0, 2.0, 0.5]),
    frame_aspect=st.sampled_from([1.0, 2.0]),
)
def test_another_size_is_scaled_to_cover_centred_and_cut(
    height: int, width: int, frame: tuple[int, int], aspect: float, frame_aspect: float
) -> None:
    background = picture(height, width, pixel_aspect=aspect)
    plate = Plate(np.zeros((*frame, 3), np.float32), pixel_aspect=frame_aspect)
    pixels, notices = fit(background, plate)
    assert pixels.shape == (*frame, 3)
    if (height, width) == frame:
        return
    assert notices[0].startswith(f"The background of {width}x{height} was scaled to cover the plate's frame of")
    # It covers: nothing of it is black.
    np.testing.assert_allclose(pixels[..., 2], 1, atol=1e-5)
    # Where a pixel of the result looks, in pixels of the background, by the geometry alone.
    scale = max(frame[1] * frame_aspect / (width * aspect), frame[0] / height)
    rows, columns = np.indices(frame)
    x = (columns + 0.5 - frame[1] / 2) * frame_aspect / (scale * aspect) + width / 2 - 0.5
    y = (rows + 0.5 - frame[0] / 2) / scale + height / 2 - 0.5
    # One and a half of its own pixels, for what is rounded.
    for got, expected, size, step in (
        (pixels[..., 0], x, width, frame_aspect / (scale * aspect)),
        (pixels[..., 1], y, height, 1 / scale),
    ):
        assert np.abs(got - expected.clip(0, size - 1)).max() <= 1.5 * step + 1e-3


def test_scaling_keeps_the_light() -> None:
    random = np.random.default_rng(0)
    pixels = random.random((80, 120, 3)).astype(np.float32)
    pixels[40, 60] = 1000
    smaller, _ = fitted(pixels, Plate(pixels), Plate(np.zeros((20, 30, 3), np.float32)))
    np.testing.assert_allclose(smaller, pixels.reshape(20, 4, 30, 4, 3).mean(axis=(1, 3)), rtol=1e-4)
    # No rings around the light: nothing is darker than the darkest, or brighter than the brightest.
    larger, _ = fitted(pixels, Plate(pixels), Plate(np.zeros((200, 300, 3), np.float32)))
    assert larger.min() >= pixels.min() - 1e-4
    assert larger.max() <= 1000 + 1e-2


def test_pixels_of_another_aspect_and_the_same_size() -> None:
    background = picture(20, 30)
    pixels, (notice,) = fit(background, Plate(np.zeros((20, 30, 3), np.float32), pixel_aspect=2.0))
    assert pixels is background.pixels
    assert "pixels of aspect 1 and the plate of 2" in notice


def test_a_long_thin_picture_costs_no_more_than_what_is_seen() -> None:
    # Scaled as a whole it would have 1080 * 500,000 pixels.
    background = picture(2, 1000)
    pixels, _ = fit(background, Plate(np.zeros((1080, 1920, 3), np.float32)))
    assert pixels.shape == (1080, 1920, 3)
    assert abs(pixels[540, 960, 0] - 499.5) < 1
