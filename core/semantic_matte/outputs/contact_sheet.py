"""The contact sheet: one picture that shows what was found, how soft its edges are, and how it holds
up over something else."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw

from semantic_matte.errors import OutputError
from semantic_matte.outputs import sheet_pictures as pictures
from semantic_matte.outputs.atomic import replacing
from semantic_matte.outputs.sheet_cells import Cells, draw_cells
from semantic_matte.outputs.sheet_style import (
    CAPTION,
    FAINT,
    GAP,
    GROUND,
    HEADER,
    LINE,
    MARGIN,
    NARROWEST,
    TALLEST_PANEL,
    TEXT,
    WIDEST,
    font,
    writable,
)
from semantic_matte.outputs.sheet_tags import draw_tags
from semantic_matte.types import Matte, Plate


@dataclass
class _Sheet:
    """A picture that is filled from top to bottom. y: where the next row begins."""

    image: Image.Image
    y: int

    @property
    def draw(self) -> ImageDraw.ImageDraw:
        return ImageDraw.Draw(self.image)


def write_contact_sheet(
    path: str | os.PathLike[str],
    plate: Plate,
    mattes: Sequence[Matte],
    *,
    unmix: pictures.Unmix | None = None,
) -> None:
    """Write a PNG of the plate, the objects found in it, composites, and each matte close up.

    path: a .png. plate: scene-linear Rec.709. mattes: of this plate, surest first; at most 12 are
    shown close up. unmix: light (h, w, 3) and alpha (h, w), float32, to the objects' own colours (h, w, 3), as
    `ForegroundEstimator.estimate` does; without it, composites use the plate's colours, in which the old
    background still shows at soft edges. Composites are made in linear light and clipped at white for
    display. The sheet is 1280 to 1920 pixels wide. The same input gives the same bytes. Raises OutputError.
    """
    place = Path(path)
    if place.suffix.lower() != ".png":
        raise OutputError(f"'{place}' can't be written: a contact sheet needs a name that ends in .png.")
    sheet = draw_contact_sheet(plate, mattes, unmix)
    with replacing(place) as temporary:
        sheet.save(temporary, format="PNG", compress_level=6)


def draw_contact_sheet(
    plate: Plate, mattes: Sequence[Matte], unmix: pictures.Unmix | None = None
) -> Image.Image:
    """The contact sheet as an 8-bit RGB picture; see `write_contact_sheet`."""
    size = pictures.fitted_size(plate, *_panel_limits(plate))
    panels = _panels(plate, mattes, size, unmix)
    columns = min(_columns(plate), len(panels))
    rows = -(-len(panels) // columns)
    width = max(NARROWEST, columns * (size[0] + GAP) - GAP + 2 * MARGIN)
    cells = Cells.of(len(mattes), width - 2 * MARGIN)
    height = HEADER + rows * (CAPTION + size[1] + GAP) + cells.total_height
    sheet = _Sheet(Image.new("RGB", (width, height + MARGIN - GAP), GROUND), HEADER)
    _draw_header(sheet, plate, mattes)
    column_width = (width - 2 * MARGIN + GAP) // columns
    for index, (caption, picture) in enumerate(panels):
        x = MARGIN + index % columns * column_width
        _draw_panel(sheet, x, column_width - GAP, caption, picture)
        if index % columns == columns - 1:
            sheet.y += CAPTION + size[1] + GAP
    if mattes:
        sheet.draw.text((MARGIN, sheet.y + CAPTION // 2), "Mattes", font=font(18), fill=FAINT, anchor="lm")
        draw_cells(sheet.image, (MARGIN, sheet.y), plate, mattes, cells, unmix)
    else:
        _draw_nothing_found(sheet, size, column_width)
    return sheet.image


def _columns(plate: Plate) -> int:
    """Two panels in a row, or four where the plate stands upright."""
    return 4 if plate.size[1] * plate.pixel_aspect < 0.95 * plate.size[0] else 2


def _panel_limits(plate: Plate) -> tuple[int, int]:
    columns = _columns(plate)
    return (WIDEST - 2 * MARGIN - (columns - 1) * GAP) // columns, TALLEST_PANEL


def _panels(
    plate: Plate, mattes: Sequence[Matte], size: tuple[int, int], unmix: pictures.Unmix | None
) -> list[tuple[str, Image.Image]]:
    """Captions and pictures of size (w, h): the plate and the objects, or what takes their place."""
    small = pictures.small_plate(plate, size)
    panels = [("Plate", pictures.displayed(small))]
    if not mattes:
        # The empty panel beside the plate is where the sheet says so.
        return [*panels, ("Objects", Image.new("RGB", size, (14, 15, 17)))]
    names = _names(mattes)
    small_mattes = [
        pictures.small_matte(matte, index, size, name)
        for index, (matte, name) in enumerate(zip(mattes, names, strict=True))
    ]
    found = pictures.displayed(pictures.overlay(small, small_mattes))
    draw_tags(found, small_mattes)
    alpha = pictures.total_alpha(small_mattes, size)
    colours = pictures.own_colours(small, alpha, unmix)
    on_checker = pictures.over(colours, alpha, pictures.checker(size))
    on_sky = pictures.over(colours, alpha, pictures.sky(size))
    return [
        *panels,
        ("Objects", found),
        ("Cut out", pictures.displayed(on_checker)),
        ("Over a new background", pictures.displayed(on_sky)),
    ]


def _names(mattes: Sequence[Matte]) -> list[str]:
    """Labels as the sheet's font can write them, with the slot's number where several share one."""
    labels = [writable(matte.label) for matte in mattes]
    counts = Counter(labels)
    names = []
    for matte, label in zip(mattes, labels, strict=True):
        number = matte.slot.rpartition("_")[2]
        names.append(f"{label} {number}" if counts[label] > 1 and number.isdigit() else label)
    return names


def _draw_header(sheet: _Sheet, plate: Plate, mattes: Sequence[Matte]) -> None:
    draw = sheet.draw
    frame = "" if plate.frame is None else f"  ·  frame {plate.frame}"
    count = f"{len(mattes)} object{'' if len(mattes) == 1 else 's'}  ·  " if mattes else ""
    facts = f"{count}{plate.size[1]} x {plate.size[0]}{frame}"
    name = writable(plate.name)
    draw.text((MARGIN, 44), name, font=font(30), fill=TEXT, anchor="lm")
    draw.text(
        (sheet.image.width - MARGIN, 46),
        facts,
        font=font(20),
        fill=FAINT,
        anchor="rm",
    )
    draw.line((MARGIN, 76, sheet.image.width - MARGIN, 76), fill=LINE)


def _draw_panel(sheet: _Sheet, x: int, width: int, caption: str, picture: Image.Image) -> None:
    left = x + (width - picture.width) // 2
    sheet.draw.text(
        (left, sheet.y + CAPTION // 2),
        caption,
        font=font(18),
        fill=FAINT,
        anchor="lm",
    )
    sheet.image.paste(picture, (left, sheet.y + CAPTION))


def _draw_nothing_found(sheet: _Sheet, size: tuple[int, int], column_width: int) -> None:
    x = MARGIN + column_width + (column_width - GAP) // 2
    y = HEADER + CAPTION + size[1] // 2
    sheet.draw.text((x, y), "No objects found", font=font(26), fill=TEXT, anchor="mm")
