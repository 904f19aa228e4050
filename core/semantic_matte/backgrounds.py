"""What a cut-out is put over: a colour, or a picture of any size, fitted into the plate's frame."""

from __future__ import annotations

import math
import re

import cv2
import numpy as np

from semantic_matte.errors import UsageError
from semantic_matte.types import Box, FloatArray, Plate

COLOURS = {"black": (0.0, 0.0, 0.0), "white": (1.0, 1.0, 1.0)}

_NUMBER = r"\s*([-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?)\s*"
_THREE_NUMBERS = re.compile(f"{_NUMBER},{_NUMBER},{_NUMBER}")


def colour_of(text: str) -> tuple[float, float, float] | None:
    """ "0.18,0.2,0.25", "black" or "white" as linear light R, G, B; None for anything else, which is a file.

    Raises UsageError for numbers that are none.
    """
    if text.strip().lower() in COLOURS:
        return COLOURS[text.strip().lower()]
    found = _THREE_NUMBERS.fullmatch(text)
    if found is None:
        return None
    try:
        red, green, blue = (float(number) for number in found.groups())
    except ValueError:
        red = green = blue = math.nan
    if not all(math.isfinite(value) for value in (red, green, blue)):
        raise UsageError(
            f"The background '{text}' is no colour: expected three numbers as in 0.18,0.2,0.25, black or white."
        )
    return red, green, blue


def flat(colour: tuple[float, float, float], size: tuple[int, int]) -> FloatArray:
    """(H, W, 3) float32 of one colour; all pixels are one in memory, so it can't be written to."""
    return np.broadcast_to(np.array(colour, dtype=np.float32), (*size, 3))


def fitted(pixels: FloatArray, background: Plate, plate: Plate) -> tuple[FloatArray, list[str]]:
    """A picture's light on the plate's data window, and notices.

    pixels: (h, w, 3) float32 on `background`'s data window, linear light of any space. The frames, which are
    the display windows, are brought together. Of the same size, pixels stay what they are. Otherwise the
    picture is scaled until it covers the frame, with the pixel aspects of both, centred and cut. Where it has
    no pixels, as in a plate's overscan, it is black. Returns (H, W, 3) float32.
    """
    frame, mine = _display(plate), _display(background)
    notices = []
    place = (background.data_window or background.box).relative_to(mine)
    if (frame.width, frame.height) != (mine.width, mine.height):
        on_frame = _on(Box.of_frame(mine.height, mine.width), pixels, place)
        pixels = _covering(on_frame, background.pixel_aspect, frame, plate.pixel_aspect)
        place = Box.of_frame(frame.height, frame.width)
        notices.append(
            f"The background of {mine.width}x{mine.height} was scaled to cover the plate's frame of "
            f"{frame.width}x{frame.height}, centred and cut."
        )
    elif not math.isclose(background.pixel_aspect, plate.pixel_aspect, rel_tol=1e-3):
        notices.append(
            f"The background has pixels of aspect {background.pixel_aspect:g} and the plate of "
            f"{plate.pixel_aspect:g}; as their frames have the same size, it was taken pixel by pixel."
        )
    window = (plate.data_window or plate.box).relative_to(frame)
    if place.intersection(window) != window:
        inside = place.intersection(window)
        count = window.area - (inside.area if inside else 0)
        notices.append(
            f"The background does not reach {count} of the plate's pixels, which lie over black instead."
        )
    return _on(window, pixels, place), notices


def _display(plate: Plate) -> Box:
    return plate.display_window or plate.box


def _on(window: Box, pixels: FloatArray, place: Box) -> FloatArray:
    """(window height, window width, 3): the pixels that lie on `place`, cut to a window and black around."""
    if window == place:
        return pixels
    result = np.zeros((window.height, window.width, 3), dtype=np.float32)
    common = window.intersection(place)
    if common is not None:
        result[common.relative_to(window).slices] = pixels[common.relative_to(place).slices]
    return result


def _covering(pixels: FloatArray, aspect: float, frame: Box, frame_aspect: float) -> FloatArray:
    """(frame height, frame width, 3): a picture (h, w, 3) scaled until it covers a frame, centred and cut.

    aspect, frame_aspect: width of a pixel by its height, of the picture and of the frame.
    """
    height, width = pixels.shape[:2]
    stretch = aspect / frame_aspect
    scale = max(frame.width / (width * stretch), frame.height / height)
    across, down = scale * stretch, scale
    # Only what will be seen is scaled, and the neighbours that it is interpolated with: an odd shape must not
    # cost its whole size.
    left, top = (width - frame.width / across) / 2, (height - frame.height / down) / 2
    x0, y0 = max(0, math.floor(left) - 1), max(0, math.floor(top) - 1)
    x1 = min(width, math.ceil(left + frame.width / across) + 1)
    y1 = min(height, math.ceil(top + frame.height / down) + 1)
    scaled = _scaled(
        pixels[y0:y1, x0:x1],
        max(frame.width, round((x1 - x0) * across)),
        max(frame.height, round((y1 - y0) * down)),
    )
    shift_x = min(round(max(0.0, left - x0) * across), scaled.shape[1] - frame.width)
    shift_y = min(round(max(0.0, top - y0) * down), scaled.shape[0] - frame.height)
    return scaled[shift_y : shift_y + frame.height, shift_x : shift_x + frame.width]


def _scaled(pixels: FloatArray, width: int, height: int) -> FloatArray:
    """(height, width, 3): a picture at another size, one side after the other, as each may grow or shrink.

    Means where it shrinks, straight lines where it grows: neither rings, which would rim lights with darkness.
    """
    for size in ((width, pixels.shape[0]), (width, height)):
        smaller = size[0] <= pixels.shape[1] and size[1] <= pixels.shape[0]
        method = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
        pixels = np.asarray(cv2.resize(np.ascontiguousarray(pixels), size, interpolation=method))
    return pixels
