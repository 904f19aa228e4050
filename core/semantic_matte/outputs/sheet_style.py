"""The look of a contact sheet: distances in pixels, colours, the font and what it can write."""

from __future__ import annotations

import functools
from typing import Any

from PIL import ImageFont

from semantic_matte.outputs.names import label_word

WIDEST, NARROWEST = 1920, 1280
MARGIN, GAP = 40, 24
HEADER, CAPTION = 92, 34
TALLEST_PANEL = 640

GROUND = (22, 23, 26)
TEXT = (236, 237, 240)
FAINT = (146, 150, 158)
LINE = (52, 55, 61)

_LONGEST_LABEL = 24


@functools.cache
def font(size: int) -> Any:
    """Pillow's own font, so that a sheet looks alike on every machine."""
    return ImageFont.load_default(size=size)


def writable(text: str) -> str:
    """The text shortened, and in plain letters where the font lacks one of its own."""
    if not all(_has_glyph(letter) for letter in text):
        text = label_word(text).replace("_", " ")
    return text if len(text) <= _LONGEST_LABEL else f"{text[: _LONGEST_LABEL - 3]}..."


@functools.cache
def _has_glyph(letter: str) -> bool:
    if letter == " ":
        return True
    # What a font lacks it draws as one and the same box; U+10FFFF is never a letter.
    return bytes(font(20).getmask(letter)) != bytes(font(20).getmask("\U0010ffff"))
