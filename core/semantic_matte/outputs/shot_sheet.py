"""The contact sheet of a shot: some of its frames with what was found, cut out and in front of something else,
and when each object is seen."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from semantic_matte.errors import OutputError
from semantic_matte.outputs import sheet_pictures as pictures
from semantic_matte.outputs.atomic import replacing
from semantic_matte.outputs.sheet_style import (
    CAPTION,
    FAINT,
    GAP,
    GROUND,
    HEADER,
    LINE,
    MARGIN,
    NARROWEST,
    TEXT,
    WIDEST,
    font,
    writable,
)
from semantic_matte.outputs.sheet_tags import draw_tags
from semantic_matte.outputs.sheet_timeline import MARK, Timeline
from semantic_matte.types import FloatArray, Matte, Plate

# Frames with a picture.
MOST_FRAMES = 8

_TALLEST = 372
# Names in a frame's picture, the largest objects'; from the third on only where they cover no other name. Which
# colour is which object is told by the timeline too.
_MOST_TAGS, _ALWAYS_TAGGED = 8, 2
# Between a frame's own pictures.
_SEAM = 4


@dataclass(frozen=True)
class SheetShot:
    """What the sheet is of. size: (H, W) of its plates. facts: what stands at the right of its name."""

    name: str
    size: tuple[int, int]
    pixel_aspect: float
    facts: str
    timeline: Timeline


@dataclass(frozen=True)
class SheetFrame:
    """A frame to show.

    plate: scene-linear Rec.709, None where it can't be had. mattes: objects with their places in the shot's
    list; each is taken once, made small and let go of. remark: what stands beside its number.
    """

    number: int
    plate: Plate | None
    mattes: Iterable[tuple[int, Matte]]
    remark: str = ""


def write_shot_sheet(
    path: str | os.PathLike[str],
    shot: SheetShot,
    frames: Iterable[SheetFrame],
    count: int,
    *,
    unmix: pictures.Unmix | None = None,
) -> None:
    """Write a PNG of a shot, whole or not at all.

    frames: taken one after the other, `count` of them, at most 8. unmix: see
    `contact_sheet.write_contact_sheet`. The same input gives the same bytes. Raises OutputError.
    """
    place = Path(path)
    if place.suffix.lower() != ".png":
        raise OutputError(f"'{place}' can't be written: a contact sheet needs a name that ends in .png.")
    sheet = draw_shot_sheet(shot, frames, count, unmix)
    with replacing(place) as temporary:
        sheet.save(temporary, format="PNG", compress_level=6)


def draw_shot_sheet(
    shot: SheetShot, frames: Iterable[SheetFrame], count: int, unmix: pictures.Unmix | None = None
) -> Image.Image:
    """The sheet as an 8-bit RGB picture; see `write_shot_sheet`."""
    grid = _Grid.of(shot, count)
    sheet = Image.new("RGB", (grid.width, HEADER + grid.height + shot.timeline.height + MARGIN // 2), GROUND)
    _draw_header(sheet, shot)
    for index, frame in enumerate(frames):
        _draw_frame(sheet, grid, index, frame, len(shot.timeline.rows) > 1, unmix)
    shot.timeline.draw(sheet, HEADER + grid.height)
    return sheet


def spread_frames(frames: Sequence[int], also: int | None = None, most: int = MOST_FRAMES) -> list[int]:
    """At most so many frames, evenly over the shot, the first and the last among them, and `also` in any
    case."""
    if len(frames) <= most:
        return list(frames)
    chosen = _even(frames, most)
    if also is None or also in chosen:
        return chosen
    return sorted({*_even(frames, most - 1), also})


def _even(frames: Sequence[int], count: int) -> list[int]:
    return [frames[round(index * (len(frames) - 1) / (count - 1))] for index in range(count)]


@dataclass(frozen=True)
class _Grid:
    """Where frames stand: `columns` in a row, three pictures of `size` (w, h) under each other."""

    columns: int
    rows: int
    width: int
    size: tuple[int, int]

    @classmethod
    def of(cls, shot: SheetShot, count: int) -> _Grid:
        """The grid of a sheet of `count` frames of a shot."""
        wide = shot.size[1] * shot.pixel_aspect
        columns = min(max(1, count), MOST_FRAMES if wide < 0.95 * shot.size[0] else MOST_FRAMES // 2)
        room = (WIDEST - 2 * MARGIN - (columns - 1) * GAP) // columns, _TALLEST
        scale = min(room[0] / wide, room[1] / shot.size[0], 2.0)
        size = max(1, round(wide * scale)), max(1, round(shot.size[0] * scale))
        width = max(NARROWEST, columns * (size[0] + GAP) - GAP + 2 * MARGIN)
        return cls(columns, -(-count // columns), width, size)

    @property
    def step(self) -> int:
        return CAPTION + 3 * (self.size[1] + _SEAM) + GAP

    @property
    def height(self) -> int:
        return self.rows * self.step

    def place(self, index: int) -> tuple[int, int]:
        """Top left pixel of a frame's caption; frames are spread over the whole width."""
        row, column = divmod(index, self.columns)
        room = (self.width - 2 * MARGIN + GAP) // self.columns
        return MARGIN + column * room + (room - GAP - self.size[0]) // 2, HEADER + row * self.step

    def end(self, index: int) -> int:
        """Where the room for a frame's caption ends."""
        return MARGIN + (index % self.columns + 1) * ((self.width - 2 * MARGIN + GAP) // self.columns) - GAP


def _draw_header(sheet: Image.Image, shot: SheetShot) -> None:
    draw = ImageDraw.Draw(sheet)
    draw.text((MARGIN, 44), writable(shot.name), font=font(30), fill=TEXT, anchor="lm")
    draw.text((sheet.width - MARGIN, 46), shot.facts, font=font(20), fill=FAINT, anchor="rm")
    draw.line((MARGIN, 76, sheet.width - MARGIN, 76), fill=LINE)


def _draw_frame(
    sheet: Image.Image,
    grid: _Grid,
    index: int,
    frame: SheetFrame,
    in_colour: bool,
    unmix: pictures.Unmix | None,
) -> None:
    """A frame's number and, under each other, its objects, their mattes, and both over a new background."""
    draw = ImageDraw.Draw(sheet)
    x, y = grid.place(index)
    number = str(frame.number)
    draw.text((x, y + CAPTION // 2), number, font=font(18), fill=TEXT, anchor="lm")
    beside = x + round(draw.textlength(number, font=font(18))) + 14
    remark = _fitting(draw, frame.remark, grid.end(index) - beside)
    draw.text((beside, y + CAPTION // 2), remark, font=font(15), fill=MARK, anchor="lm")
    y += CAPTION
    for picture in _pictures(frame, grid.size, in_colour, unmix):
        sheet.paste(picture, (x, y))
        y += grid.size[1] + _SEAM


def _fitting(draw: ImageDraw.ImageDraw, text: str, width: int) -> str:
    while text and draw.textlength(text, font=font(15)) > width:
        text = text[:-4] + "..." if len(text) > 4 else ""
    return text


def _pictures(
    frame: SheetFrame, size: tuple[int, int], in_colour: bool, unmix: pictures.Unmix | None
) -> list[Image.Image]:
    """Three pictures of size (w, h). in_colour: mattes are."""
    mattes = [
        pictures.small_matte(matte, index, size, writable(matte.slot or matte.label))
        for index, matte in frame.mattes
    ]
    if frame.plate is None:
        grey = np.full((size[1], size[0], 3), 0.09, np.float32)
        light = pictures.over(np.full_like(grey, 0.5), pictures.total_alpha(mattes, size), grey)
    else:
        light = pictures.small_plate(frame.plate, size)
    objects = pictures.displayed(pictures.overlay(light, mattes) if mattes else light)
    largest = sorted(mattes, key=lambda matte: -float(matte.alpha.sum(dtype=np.float64)))
    draw_tags(objects, largest[:_MOST_TAGS], font_size=13, scores=False, crowded=_ALWAYS_TAGGED)
    alpha = pictures.total_alpha(mattes, size)
    colours = pictures.own_colours(light, alpha, unmix if mattes and frame.plate is not None else None)
    composite = pictures.displayed(pictures.over(colours, alpha, pictures.sky(size)))
    return [objects, _alphas(mattes, size, in_colour), composite]


def _alphas(mattes: Sequence[pictures.SmallMatte], size: tuple[int, int], in_colour: bool) -> Image.Image:
    """The alphas on black, linear as a compositor views them: white, or each in its colour, which is brought to
    full brightness."""
    total: FloatArray = np.zeros((size[1], size[0], 3), dtype=np.float32)
    for matte in mattes:
        colour = np.array(matte.colour if in_colour else (255, 255, 255), dtype=np.float32)
        total[matte.window.slices] += matte.alpha[..., np.newaxis] * (colour * (255 / colour.max()))
    return Image.fromarray(np.rint(total.clip(0, 255)).astype(np.uint8))
