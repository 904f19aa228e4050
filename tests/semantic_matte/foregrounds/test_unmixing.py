"""Foregrounds of mattes: where they lie, what they are made of, and what they need."""

from __future__ import annotations

import tracemalloc
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from semantic_matte.colour import convert
from semantic_matte.foregrounds.blur_fusion import BlurFusion
from semantic_matte.foregrounds.unmixing import MARGIN, unmix
from semantic_matte.types import Box, FloatArray, Instance, Matte, Plate

SPACE = "scene_linear_rec709"


@dataclass
class Watched:
    """Real unmixing that remembers what it was shown."""

    context: int = 16
    name: str = "watched"
    seen: list[tuple[int, int]] = field(default_factory=list)

    def estimate(self, colour: FloatArray, alpha: FloatArray) -> FloatArray:
        self.seen.append(alpha.shape)
        return BlurFusion().estimate(colour, alpha)


def matte_of(alpha: FloatArray, window: Box | None = None, slot: str = "sm_person_01") -> Matte:
    """A matte from its whole alpha (H, W), kept on a window."""
    window = window or Box.of_frame(*alpha.shape)
    mask = np.zeros(alpha.shape, np.bool_)
    mask[window.y0, window.x0] = True
    instance = replace(Instance.from_mask(mask, "person", 0.9), slot=slot)
    return Matte(instance, np.ascontiguousarray(alpha[window.slices]), window)


def plate_of(pixels: FloatArray, **more) -> Plate:
    return Plate(np.ascontiguousarray(pixels), **more)


def disc(height: int, width: int, y: float, x: float, radius: float, softness: float = 6) -> FloatArray:
    rows, columns = np.indices((height, width))
    return np.clip((radius - np.hypot(rows - y, columns - x)) / softness + 0.5, 0, 1).astype(np.float32)


def over(*layers: tuple[FloatArray, tuple[float, float, float]]) -> FloatArray:
    """Even colours over each other, the first in front; the last one's alpha doesn't matter."""
    result = np.zeros((*layers[0][0].shape, 3), np.float32)
    for alpha, colour in reversed(layers):
        share = alpha[..., np.newaxis]
        result = share * np.array(colour, np.float32) + (1 - share) * result
    return result


def everywhere(shape: tuple[int, int]) -> FloatArray:
    return np.ones(shape, np.float32)


def test_colour_reaches_some_pixels_beyond_alpha_and_no_further() -> None:
    alpha = disc(80, 120, 40, 60, 15)
    plate = plate_of(over((alpha, (0.4, 0.2, 0.1)), (everywhere(alpha.shape), (0.1, 0.5, 0.1))))
    (found,) = unmix(plate, [matte_of(alpha)], BlurFusion(), SPACE)
    touched = Box.around(alpha > 0)
    assert touched is not None
    assert found.window == touched.padded(MARGIN)
    whole = np.zeros((80, 120, 3), np.float32)
    whole[found.window.slices] = found.crop
    # Pixel by pixel, what MARGIN means.
    near = np.zeros((80, 120), np.bool_)
    for y, x in np.argwhere(alpha > 0):
        near[max(0, y - MARGIN) : y + MARGIN + 1, max(0, x - MARGIN) : x + MARGIN + 1] = True
    assert (whole[near] > 0.05).all()
    assert (whole[~near] == 0).all()
    np.testing.assert_array_equal(whole[alpha == 1], plate.pixels[alpha == 1])
    np.testing.assert_allclose(
        whole[alpha > 0.1], np.full(3, (0.4, 0.2, 0.1)) + 0 * whole[alpha > 0.1], atol=0.02
    )


@pytest.mark.parametrize(
    ("y", "x", "radius"), [(0, 0, 20), (79, 60, 30), (40, 119, 25), (40, 60, 300), (-10, 60, 12)]
)
def test_objects_that_the_frame_cuts(y: float, x: float, radius: float) -> None:
    alpha = disc(80, 120, y, x, radius)
    own = (0.4, 0.2, 0.1)
    plate = plate_of(over((alpha, own), (everywhere(alpha.shape), (0.1, 0.5, 0.9))))
    (found,) = unmix(plate, [matte_of(alpha)], BlurFusion(), SPACE)
    inside = alpha[found.window.slices]
    np.testing.assert_allclose(
        found.crop[inside > 0.2], np.broadcast_to(own, found.crop.shape)[inside > 0.2], atol=0.03
    )


def test_the_matte_s_window_makes_no_difference() -> None:
    alpha = disc(80, 120, 40, 60, 15)
    plate = plate_of(over((alpha, (0.4, 0.2, 0.1)), (everywhere(alpha.shape), (0.1, 0.5, 0.1))))
    tight = Box.around(alpha > 0)
    (whole,) = unmix(plate, [matte_of(alpha)], BlurFusion(), SPACE)
    (cropped,) = unmix(plate, [matte_of(alpha, tight)], BlurFusion(), SPACE)
    assert cropped.window == whole.window
    np.testing.assert_array_equal(cropped.crop, whole.crop)


def test_no_solid_pixel() -> None:
    """A veil of 60% in front of what is well known: its colour can be told all the same."""
    alpha = 0.6 * disc(80, 120, 40, 60, 25)
    own = (0.5, 0.4, 0.3)
    plate = plate_of(over((alpha, own), (everywhere(alpha.shape), (0.05, 0.3, 0.1))))
    (found,) = unmix(plate, [matte_of(alpha)], BlurFusion(), SPACE)
    inside = alpha[found.window.slices] > 0.3
    np.testing.assert_allclose(found.crop[inside], np.broadcast_to(own, found.crop.shape)[inside], atol=0.08)


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_one_pixel(value: float) -> None:
    alpha = np.zeros((9, 9), np.float32)
    alpha[4, 4] = value
    plate = plate_of(np.random.default_rng(0).random((9, 9, 3), dtype=np.float32))
    (found,) = unmix(plate, [matte_of(alpha)], BlurFusion(), SPACE)
    assert np.isfinite(found.crop).all()
    if value == 0:
        assert found.window.area == 1
        assert (found.crop == 0).all()
    if value == 1:
        np.testing.assert_array_equal(found.crop[4, 4], plate.pixels[4, 4])


def test_a_plate_of_one_pixel() -> None:
    plate = plate_of(np.full((1, 1, 3), 0.5, np.float32))
    (found,) = unmix(plate, [matte_of(np.full((1, 1), 0.5, np.float32))], BlurFusion(), SPACE)
    np.testing.assert_allclose(found.crop, 0.5)


def test_objects_that_touch_are_each_other_s_background() -> None:
    first, second = disc(100, 160, 50, 50, 30), disc(100, 160, 50, 108, 30)
    second = np.minimum(second, 1 - first)
    red, blue, green = (0.6, 0.1, 0.05), (0.05, 0.1, 0.6), (0.1, 0.5, 0.1)
    rest = 1 - first - second
    plate = plate_of(
        first[..., np.newaxis] * np.array(red, np.float32)
        + second[..., np.newaxis] * np.array(blue, np.float32)
        + rest[..., np.newaxis] * np.array(green, np.float32)
    )
    mattes = [matte_of(first), matte_of(second, slot="sm_person_02")]
    for found, own in zip(unmix(plate, mattes, BlurFusion(), SPACE), (red, blue), strict=True):
        inside = found.matte.alpha[found.window.slices] > 0.3
        np.testing.assert_allclose(
            found.crop[inside], np.broadcast_to(own, found.crop.shape)[inside], atol=0.04
        )


def test_the_plate_s_own_light_in_the_space_that_is_asked_for() -> None:
    alpha = disc(60, 60, 30, 30, 12)
    own_light = over((alpha, (0.4, 0.2, -0.05)), (everywhere(alpha.shape), (0.1, 0.5, 0.1)))
    plate = plate_of(
        convert(own_light, "acescg", SPACE), colour_space=SPACE, own_pixels=own_light, own_space="acescg"
    )
    (untouched,) = unmix(plate, [matte_of(alpha)], BlurFusion(), "acescg")
    (converted,) = unmix(plate, [matte_of(alpha)], BlurFusion(), SPACE)
    assert (untouched.colour_space, converted.colour_space) == ("acescg", SPACE)
    solid = alpha[untouched.window.slices] == 1
    np.testing.assert_array_equal(untouched.crop[solid], own_light[untouched.window.slices][solid])
    np.testing.assert_allclose(converted.crop, convert(untouched.crop, "acescg", SPACE), atol=1e-6)


def test_what_is_looked_at_follows_the_object() -> None:
    """64 small objects in a large plate: one at a time, and no more of the plate than is around it."""
    height, width = 1500, 2000
    plate = plate_of(np.full((height, width, 3), 0.2, np.float32))
    spot, window = disc(40, 40, 20, 20, 15), Box(0, 0, 40, 40)
    mattes = []
    for number in range(64):
        place = window.shifted(number % 8 * 240, number // 8 * 180)
        mask = np.zeros((height, width), np.bool_)
        mask[place.y0 + 20, place.x0 + 20] = True
        mattes.append(Matte(Instance.from_mask(mask, "person", 0.5), spot, place))
    watched = Watched()
    next(unmix(plate, mattes[:1], watched, SPACE))
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    kept = list(unmix(plate, mattes, watched, SPACE))
    peak = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    assert len(kept) == 64
    assert max(max(shape) for shape in watched.seen) <= 40 + 2 * watched.context
    assert peak < 0.2 * plate.pixels.nbytes, f"{peak} bytes beside a plate of {plate.pixels.nbytes}"


def test_nothing_is_done_before_it_is_asked_for() -> None:
    watched = Watched()
    alpha = disc(60, 60, 30, 30, 12)
    plate = plate_of(np.full((60, 60, 3), 0.2, np.float32))
    coming = unmix(plate, [matte_of(alpha)] * 3, watched, SPACE)
    assert watched.seen == []
    next(coming)
    assert len(watched.seen) == 1
