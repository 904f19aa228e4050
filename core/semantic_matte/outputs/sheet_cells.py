"""The cells at the foot of a contact sheet: each matte close up, and soft edges enlarged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from semantic_matte.outputs import sheet_pictures as pictures
from semantic_matte.outputs.sheet_style import CAPTION, FAINT, GAP, LINE, TEXT, font, writable
from semantic_matte.types import Matte, Plate

# Objects that get a cell; where there are more, the last cell says how many.
MOST_SHOWN = 12

# Up to this many objects there is room to show their edges beside them.
_FEW = 2


@dataclass(frozen=True)
class Cells:
    """A grid. edges: cells for each object that show its edge. hidden: objects without a cell."""

    columns: int
    rows: int
    width: int
    height: int
    edges: int
    hidden: int

    @classmethod
    def of(cls, count: int, width: int) -> Cells:
        """The grid for so many objects in so many pixels."""
        edges = 1 if 0 < count <= _FEW else 0
        shown = min(count, MOST_SHOWN)
        columns = 2 if count == 1 else 4 if shown <= 4 else 6
        cell_width = (width - (columns - 1) * GAP) // columns
        height = round(cell_width * (0.5 if count == 1 else 0.72))
        hidden = count - MOST_SHOWN + 1 if count > MOST_SHOWN else 0
        rows = -(-shown * (1 + edges) // columns)
        return cls(columns, rows, cell_width, height, edges, hidden)

    @property
    def total_height(self) -> int:
        """Pixels that the grid takes with its caption; 0 without objects."""
        return CAPTION + self.rows * self.step if self.rows else 0

    @property
    def step(self) -> int:
        return self.height + CAPTION + GAP // 2

    def place(self, index: int, corner: tuple[int, int]) -> tuple[int, int]:
        """Top left pixel of a cell."""
        row, column = divmod(index, self.columns)
        return corner[0] + column * (self.width + GAP), corner[1] + CAPTION + row * self.step


def draw_cells(
    sheet: Image.Image,
    corner: tuple[int, int],
    plate: Plate,
    mattes: Sequence[Matte],
    cells: Cells,
    unmix: pictures.Unmix | None = None,
) -> None:
    """Draw the grid at `corner` of the sheet. unmix: as of `contact_sheet.write_contact_sheet`."""
    index = 0
    size = (cells.width, cells.height)
    for order, matte in enumerate(mattes[: len(mattes) - cells.hidden]):
        alpha = pictures.thumbnail(matte, size, plate.pixel_aspect)
        picture = Image.fromarray(np.repeat(alpha[..., np.newaxis], 3, axis=2))
        name = matte.slot or writable(matte.label)
        score = f"{matte.instance.score:.2f}"
        _draw_cell(sheet, cells, cells.place(index, corner), picture, order, (name, score))
        index += 1
        if cells.edges:
            edge = _edge(plate, matte, size, unmix)
            _draw_cell(sheet, cells, cells.place(index, corner), edge, order, ("edge, close up", ""))
            index += 1
    if cells.hidden:
        _draw_more(sheet, cells, cells.place(MOST_SHOWN - 1, corner))


def _edge(plate: Plate, matte: Matte, size: tuple[int, int], unmix: pictures.Unmix | None) -> Image.Image:
    """The softest stretch of the edge over a new background, three times as large."""
    wanted = max(1, round(size[0] / 3 / plate.pixel_aspect)), max(1, round(size[1] / 3))
    part = pictures.softest_part(matte, wanted)
    wide = part.width * plate.pixel_aspect
    scale = min(size[0] / wide, size[1] / part.height)
    large = max(1, round(wide * scale)), max(1, round(part.height * scale))
    canvas = Image.new("RGB", size)
    picture = pictures.displayed(pictures.close_up(plate, matte, part, large, unmix))
    canvas.paste(picture, ((size[0] - large[0]) // 2, (size[1] - large[1]) // 2))
    return canvas


def _draw_cell(
    sheet: Image.Image,
    cells: Cells,
    place: tuple[int, int],
    picture: Image.Image,
    order: int,
    words: tuple[str, str],
) -> None:
    """A picture with a name on the left below it and a number on the right."""
    draw = ImageDraw.Draw(sheet)
    x, y = place
    sheet.paste(picture, place)
    draw.rectangle((x, y, x + cells.width - 1, y + cells.height - 1), outline=LINE)
    middle = y + cells.height + CAPTION // 2
    draw.ellipse((x, middle - 5, x + 10, middle + 5), fill=pictures.object_colour(order))
    colour = TEXT if words[1] else FAINT
    draw.text((x + 18, middle), words[0], font=font(17), fill=colour, anchor="lm")
    draw.text((x + cells.width, middle), words[1], font=font(17), fill=FAINT, anchor="rm")


def _draw_more(sheet: Image.Image, cells: Cells, place: tuple[int, int]) -> None:
    draw = ImageDraw.Draw(sheet)
    x, y = place
    draw.rectangle((x, y, x + cells.width - 1, y + cells.height - 1), outline=LINE)
    middle = (x + cells.width // 2, y + cells.height // 2)
    draw.text(middle, f"+{cells.hidden} more", font=font(26), fill=FAINT, anchor="mm")
