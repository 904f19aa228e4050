"""The foot of a shot's contact sheet: for each object, in which frames it was found, carried or absent."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from semantic_matte.outputs.sheet_pictures import Colour, object_colour
from semantic_matte.outputs.sheet_style import CAPTION, FAINT, GROUND, MARGIN, TEXT, font, writable

# Rows; where there are more objects, the last one says how many.
MOST_ROWS = 24

_ROW, _BAR, _NAMES, _AXIS = 30, 16, 300, 52
_EMPTY = (36, 38, 43)
WRONG = (235, 92, 82)
MARK = (250, 208, 70)
# A tick's number needs as much room.
_BETWEEN_TICKS = 90


@dataclass(frozen=True)
class TimelineRow:
    """An object. sources: frame number -> found or carried; in frames that it lacks the object is absent."""

    name: str
    sources: Mapping[int, str]


@dataclass(frozen=True)
class Timeline:
    """What is drawn. frames: all of the shot's, in order. wrong: those without a result. shown: those that have
    a picture on the sheet. cuts: those that begin a new scene."""

    frames: Sequence[int]
    rows: Sequence[TimelineRow]
    wrong: Collection[int] = ()
    shown: Collection[int] = ()
    cuts: Collection[int] = ()

    @property
    def height(self) -> int:
        """Pixels that it takes, with its caption."""
        return CAPTION + _ROW * max(1, min(len(self.rows), MOST_ROWS)) + _AXIS

    def draw(self, sheet: Image.Image, top: int) -> None:
        """Draw it over the sheet's whole width."""
        place = _Place(self.frames, MARGIN + _NAMES, sheet.width - MARGIN)
        draw = ImageDraw.Draw(sheet)
        draw.text((MARGIN, top + CAPTION // 2), "Frames", font=font(18), fill=FAINT, anchor="lm")
        _draw_key(draw, sheet.width - MARGIN, top + CAPTION // 2, bool(self.cuts))
        rows_top = top + CAPTION
        hidden = len(self.rows) - MOST_ROWS + 1 if len(self.rows) > MOST_ROWS else 0
        kept = self.rows[: len(self.rows) - hidden]
        for index, row in enumerate(kept):
            _draw_row(draw, place, rows_top + index * _ROW, row, object_colour(index))
        if not self.rows:
            _draw_row(draw, place, rows_top, TimelineRow("no objects", {}), FAINT)
        if hidden:
            middle = rows_top + len(kept) * _ROW + _ROW // 2
            draw.text((MARGIN + 18, middle), f"+{hidden} more", font=font(17), fill=FAINT, anchor="lm")
        bottom = top + self.height - _AXIS
        for number in self.wrong:
            # Over all rows: it is the frame that has no result, not one object.
            if number in place.index:
                x0, x1 = place.columns(place.index[number])
                draw.rectangle((x0, rows_top, x1, bottom), fill=WRONG)
        for number in self.cuts:
            if number in place.index:
                x = place.left_of(number)
                draw.line((x, rows_top - 4, x, bottom + 4), fill=TEXT, width=2)
        _draw_axis(draw, place, bottom, self.shown)


class _Place:
    """Where frames lie between two pixels from left to right."""

    def __init__(self, frames: Sequence[int], left: int, right: int) -> None:
        self.frames, self.left, self.right = frames, left, right
        self.index = {number: index for index, number in enumerate(frames)}

    def left_of(self, number: int) -> int:
        return self.at(self.index[number])

    def at(self, index: int) -> int:
        return self.left + (self.right - self.left) * index // len(self.frames)

    def columns(self, index: int) -> tuple[int, int]:
        """First and last column of pixels of a frame with this place; at least one."""
        return self.at(index), max(self.at(index), self.at(index + 1) - 1)

    def middle_of(self, number: int) -> int:
        index = self.index[number]
        return (self.at(index) + self.at(index + 1)) // 2


def _draw_row(
    draw: ImageDraw.ImageDraw,
    place: _Place,
    top: int,
    row: TimelineRow,
    colour: Colour,
) -> None:
    """A name and its bar: full where the object was found, half as high and dim where it was carried."""
    middle = top + _ROW // 2
    draw.ellipse((MARGIN, middle - 5, MARGIN + 10, middle + 5), fill=colour)
    draw.text((MARGIN + 18, middle), writable(row.name), font=font(17), fill=TEXT, anchor="lm")
    bar = middle - _BAR // 2, middle + _BAR // 2 - 1
    draw.rectangle((place.left, bar[0], place.right - 1, bar[1]), fill=_EMPTY)
    dim: Colour = tuple((2 * part + ground) // 3 for part, ground in zip(colour, GROUND, strict=True))  # type: ignore[assignment]
    for index, number in enumerate(place.frames):
        source = row.sources.get(number)
        x0, x1 = place.columns(index)
        if source == "found":
            draw.rectangle((x0, bar[0], x1, bar[1]), fill=colour)
        elif source == "carried":
            draw.rectangle((x0, middle - 2, x1, middle + 2), fill=dim)


def _draw_axis(draw: ImageDraw.ImageDraw, place: _Place, top: int, shown: Collection[int]) -> None:
    """Frame numbers, and a triangle at each frame that has a picture above."""
    for number in shown:
        if number in place.index:
            x = place.middle_of(number)
            draw.polygon(((x - 5, top + 10), (x + 5, top + 10), (x, top + 2)), fill=MARK)
    last = None
    for number in _ticks(place):
        x = place.middle_of(number)
        if last is None or x - last >= _BETWEEN_TICKS:
            draw.text((x, top + 26), str(number), font=font(16), fill=FAINT, anchor="mm")
            last = x


def _ticks(place: _Place) -> list[int]:
    """Frames that get a number: the first, and round ones after it."""
    most = max(1, (place.right - place.left) // _BETWEEN_TICKS)
    span = place.frames[-1] - place.frames[0] + 1
    step = next(
        step for base in range(12) for step in (10**base, 2 * 10**base, 5 * 10**base) if span / step <= most
    )
    return [number for index, number in enumerate(place.frames) if index == 0 or number % step == 0]


def _draw_key(draw: ImageDraw.ImageDraw, right: int, middle: int, with_cuts: bool) -> None:
    """What the colours and marks mean, from right to left."""
    if with_cuts:
        draw.text((right, middle), "new scene", font=font(16), fill=FAINT, anchor="rm")
        right -= round(draw.textlength("new scene", font=font(16))) + 10
        draw.line((right, middle - _BAR // 2, right, middle + _BAR // 2), fill=TEXT, width=2)
        right -= 24
    sample = object_colour(0)
    entries = (
        ("no result", WRONG, _BAR), ("absent", _EMPTY, _BAR), ("carried", sample, 5), ("found", sample, _BAR)
    )  # fmt: skip
    for text, colour, height in entries:
        draw.text((right, middle), text, font=font(16), fill=FAINT, anchor="rm")
        right -= round(draw.textlength(text, font=font(16))) + 8
        draw.rectangle((right - 22, middle - height // 2, right, middle + height // 2), fill=colour)
        right -= 46
