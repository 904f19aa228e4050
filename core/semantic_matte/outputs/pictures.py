"""One picture in one file, by the file's ending: half EXR in its own light, or sRGB as PNG, TIFF or JPEG."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from semantic_matte.colour import encode_srgb, header_attributes, to_scene_linear
from semantic_matte.errors import OutputError, ValueShapeError
from semantic_matte.outputs.atomic import replacing
from semantic_matte.outputs.exr_files import Channel, write_exr, write_strips
from semantic_matte.types import FloatArray, Plate, require_array

PICTURE_SUFFIXES = (".exr", ".png", ".tif", ".tiff", ".jpg", ".jpeg")
# Those that hold no alpha.
SOLID_SUFFIXES = (".jpg", ".jpeg")

# Rows that are encoded at a time.
_ROWS = 128


def write_picture(
    path: str | os.PathLike[str],
    pixels: FloatArray,
    plate: Plate,
    colour_space: str,
    metadata: Mapping[str, str | int | float] | None = None,
) -> list[str]:
    """Write a picture of a plate's size, whole or not at all; returns notices for the user.

    pixels: (H, W, 3) or, with colours premultiplied by the fourth, (H, W, 4); float32, finite, linear light of
    `colour_space`, without limits. plate: gives windows, pixel aspect, view and timecode.
    An .exr holds just that in half, with the name of its colour space. Others are encoded as sRGB: .png and
    .tif in 16 bits, with colours not premultiplied, .jpg in 8; they hold the data window alone. What lies
    beyond black and white is clipped there, and a notice says how many pixels.
    metadata: header attributes of an .exr. The same input gives the same bytes. Raises OutputError,
    ValueShapeError.
    """
    place = Path(path)
    suffix = place.suffix.lower()
    check_ending(place, pixels.ndim == 3 and pixels.shape[2] == 4)
    if pixels.ndim != 3 or pixels.shape[2] not in (3, 4):
        raise ValueShapeError(f"Picture: expected shape (any, any, 3 or 4), got {pixels.shape}.")
    require_array("Picture", pixels, np.float32, (*plate.size, pixels.shape[2]))
    names = "RGBA"[: pixels.shape[2]]
    if suffix == ".exr":
        channels = [Channel(name, pixels[..., index], plate.box) for index, name in enumerate(names)]
        header = {**header_attributes(colour_space), **(metadata or {})}
        return write_exr(place, plate, channels, header, window=plate.box, what="colours")
    if not np.isfinite(pixels).all():
        raise OutputError(f"'{place}' can't be written: it has NaN or infinity; expected finite numbers.")
    encoded = _Encoded(pixels, colour_space, np.uint8 if suffix in SOLID_SUFFIXES else np.uint16)
    with replacing(place) as temporary:
        write_strips(temporary, _spec(plate, encoded), encoded.strips())
    return encoded.notices


def check_ending(place: Path, with_alpha: bool) -> None:
    """Raise OutputError for an ending that is of no picture that can be written, or of none with alpha."""
    known = [one for one in PICTURE_SUFFIXES if not (with_alpha and one in SOLID_SUFFIXES)]
    if place.suffix.lower() not in known:
        alpha = " with alpha" if with_alpha and place.suffix.lower() in SOLID_SUFFIXES else ""
        raise OutputError(
            f"'{place}' can't be written{alpha}: expected a name that ends in one of {', '.join(known)}."
        )


def _spec(plate: Plate, encoded: _Encoded) -> Any:
    """An OpenImageIO header for sRGB in integers."""
    import OpenImageIO

    height, width, channels = encoded.shape
    kind = OpenImageIO.UINT8 if encoded.kind == np.uint8 else OpenImageIO.UINT16
    spec = OpenImageIO.ImageSpec(width, height, channels, kind)
    spec.channelnames = tuple("RGBA"[:channels])
    spec.alpha_channel = 3 if channels == 4 else -1
    spec.attribute("compression", "jpeg:95" if encoded.kind == np.uint8 else "zip")
    spec.attribute("PixelAspectRatio", float(plate.pixel_aspect))
    spec.attribute("oiio:ColorSpace", "sRGB")
    # Colours come as they are to be stored.
    spec.attribute("oiio:UnassociatedAlpha", 1)
    spec.attribute("DateTime", "")
    # Without Exif data to write, OpenImageIO 3.2 reports a failure for every TIFF.
    spec.attribute("tiff:write_exif", 0)
    return spec


class _Encoded:
    """Strips of a linear picture as sRGB in integers, and how many pixels had to be clipped."""

    def __init__(self, pixels: FloatArray, colour_space: str, kind: type[np.unsignedinteger[Any]]) -> None:
        self._pixels, self._colour_space = pixels, colour_space
        self.kind = np.dtype(kind)
        self.shape = pixels.shape
        self._clipped = 0

    @property
    def notices(self) -> list[str]:
        """One sentence, if anything was clipped."""
        if not self._clipped:
            return []
        pixels = "1 pixel is" if self._clipped == 1 else f"{self._clipped} pixels are"
        return [f"{pixels} beyond black or white and clipped in the picture: an .exr keeps them."]

    def strips(self) -> Iterator[npt.NDArray[Any]]:
        """(rows, W, channels) from top to bottom, in the integer type."""
        for top in range(0, self.shape[0], _ROWS):
            yield self._strip(self._pixels[top : top + _ROWS])

    def _strip(self, rows: FloatArray) -> npt.NDArray[Any]:
        """(rows, W, 3 or 4) linear and premultiplied -> the same, encoded, not premultiplied."""
        most = np.float32(np.iinfo(self.kind).max)
        stored = np.zeros(rows.shape, dtype=self.kind)
        colours = rows[..., :3]
        if rows.shape[2] == 4:
            alpha = rows[..., 3:]
            stored[..., 3:] = np.rint(alpha.clip(0, 1) * most)
            # What nobody sees is black, so that nothing of an old background is given away.
            colours = np.divide(colours, alpha, out=np.zeros_like(colours), where=stored[..., 3:] > 0)
        linear = to_scene_linear(np.ascontiguousarray(colours), self._colour_space)
        levels = np.rint(encode_srgb(linear) * most)
        self._clipped += int(np.count_nonzero(((levels < 0) | (levels > most)).any(axis=2)))
        stored[..., :3] = levels.clip(0, most)
        return stored
