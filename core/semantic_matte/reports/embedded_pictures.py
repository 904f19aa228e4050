"""Contact sheets as they are put into the page: reduced, encoded anew, and few enough for a browser."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from semantic_matte.earlier_results import read_plain_file

# Pixels of a picture's width in the page, and of its height where it is very tall.
WIDEST, TALLEST = 1600, 4800

_QUALITY = 82
_MOST_BYTES = 64 << 20
# A sheet is at most 1920 pixels wide; what claims to be more than this is no sheet of ours.
_MOST_PIXELS = 1920 * 20_000


@dataclass(frozen=True)
class Embedded:
    """A picture in the page. source: a data URI. size: width and height in pixels."""

    source: str
    size: tuple[int, int]


@dataclass
class PictureBudget:
    """How many bytes of pictures a page may still take; what comes first is put in first."""

    left: int = 48 << 20
    left_out: list[str] = field(default_factory=list)

    def embed(self, path: Path) -> Embedded | None:
        """A PNG as a JPEG in a data URI; None, and its name in `left_out`, where there is no room for it, and
        for a file that is no picture."""
        encoded = _jpeg(path)
        if encoded is None or len(encoded[0]) > self.left:
            self.left_out.append(path.name)
            return None
        content, size = encoded
        self.left -= len(content)
        return Embedded(f"data:image/jpeg;base64,{base64.b64encode(content).decode('ascii')}", size)


def _jpeg(path: Path) -> tuple[bytes, tuple[int, int]] | None:
    """The picture reduced to the page's width, and its size; None if it can't be read."""
    content = read_plain_file(path, _MOST_BYTES)
    if content is None:
        return None
    try:
        # Nothing but PNG is asked to read what may be anything.
        with Image.open(io.BytesIO(content), formats=["PNG"]) as picture:
            if picture.width * picture.height > _MOST_PIXELS:
                return None
            whole = picture.convert("RGB")
    # Pillow's decoders raise errors of many kinds for damaged files.
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    scale = min(1.0, WIDEST / whole.width, TALLEST / whole.height)
    size = max(1, round(whole.width * scale)), max(1, round(whole.height * scale))
    reduced = whole if size == whole.size else whole.resize(size, Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    reduced.save(stream, format="JPEG", quality=_QUALITY, optimize=True)
    return stream.getvalue(), size
