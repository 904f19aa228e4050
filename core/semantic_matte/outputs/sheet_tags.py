"""Name tags on a contact sheet: where they stand, and drawing them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from semantic_matte.outputs.sheet_pictures import SmallMatte
from semantic_matte.types import Box

_PAD_X, _PAD_Y, _DOT = 7, 4, 8

# Past the first number a tag that can't stand free is left out, past the second every tag: a heap of
# tags names nothing.
_ALWAYS_TAGGED, _MOST_TAGGED = 12, 40


def draw_tags(
    picture: Image.Image,
    mattes: Sequence[SmallMatte],
    font_size: int = 15,
    *,
    scores: bool = True,
    crowded: int = _ALWAYS_TAGGED,
) -> None:
    """Write names on the objects, in place, on an RGB picture of the panel's size.

    scores: beside them. crowded: once so many are tagged, only those get a tag whose tag stands free.
    """
    draw = ImageDraw.Draw(picture, "RGBA")
    font = ImageFont.load_default(size=font_size)
    taken: list[Box] = []
    for matte in mattes:
        if len(taken) >= _MOST_TAGGED:
            break
        text = f"{matte.name}  {matte.score:.2f}" if scores else matte.name
        width = round(draw.textlength(text, font=font)) + 2 * _PAD_X + _DOT + 5
        height = font_size + 2 * _PAD_Y
        box, free = place_tag(matte, (width, height), picture.size, taken)
        if not free and len(taken) >= crowded:
            continue
        taken.append(box)
        draw.rounded_rectangle((box.x0, box.y0, box.x1 - 1, box.y1 - 1), radius=5, fill=(12, 13, 16, 215))
        middle = (box.y0 + box.y1 - 1) / 2
        left = box.x0 + _PAD_X
        draw.ellipse((left, middle - _DOT / 2, left + _DOT, middle + _DOT / 2), fill=(*matte.colour, 255))
        draw.text((left + _DOT + 5, middle), text, font=font, fill=(242, 243, 245, 255), anchor="lm")


def place_tag(
    matte: SmallMatte, tag: tuple[int, int], panel: tuple[int, int], taken: Sequence[Box]
) -> tuple[Box, bool]:
    """Where a tag of (width, height) stands inside a panel (w, h), and whether it stands free.

    Of 7 x 7 places over the object's window, the one that overlaps least with the tags already there;
    among those, where it lies on the object, rather high than low.
    """
    window = matte.window
    centres_x = np.linspace(window.x0 + tag[0] / 2, window.x1 - tag[0] / 2, 7)
    centres_y = np.linspace(window.y0 + tag[1] / 2, window.y1 - tag[1] / 2, 7)
    others = np.array([other.as_list() for other in taken], dtype=np.float64).reshape(-1, 4)
    best: tuple[tuple[float, float], Box] | None = None
    for row, centre_y in enumerate(centres_y):
        for centre_x in centres_x:
            box = _inside(round(centre_x - tag[0] / 2), round(centre_y - tag[1] / 2), tag, panel)
            overlap = _overlap(box, others)
            cost = (overlap, 0.12 * row - min(0.6, _alpha_under(matte, box)))
            if best is None or cost < best[0]:
                best = cost, box
    assert best is not None
    return best[1], best[0][0] == 0


def _inside(x: int, y: int, tag: tuple[int, int], panel: tuple[int, int]) -> Box:
    """A tag's box moved into the panel, as far as it fits."""
    x = max(0, min(x, panel[0] - tag[0]))
    y = max(0, min(y, panel[1] - tag[1]))
    return Box(x, y, x + tag[0], y + tag[1])


def _overlap(box: Box, others: npt.NDArray[np.float64]) -> float:
    """Pixels that a box, with a margin of 2, shares with others (n, 4), summed."""
    wide = np.minimum(others[:, 2], box.x1 + 2) - np.maximum(others[:, 0], box.x0 - 2)
    high = np.minimum(others[:, 3], box.y1 + 2) - np.maximum(others[:, 1], box.y0 - 2)
    return float((wide.clip(0) * high.clip(0)).sum())


def _alpha_under(matte: SmallMatte, box: Box) -> float:
    """Mean alpha under a tag."""
    common = box.intersection(matte.window)
    if common is None:
        return 0.0
    return float(matte.alpha[common.relative_to(matte.window).slices].sum()) / box.area
