"""One alpha in one file, by the file's ending: half EXR, or 16-bit grey PNG or TIFF."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from semantic_matte.errors import OutputError
from semantic_matte.outputs.atomic import replacing
from semantic_matte.outputs.exr_files import Channel, write_exr, write_strips
from semantic_matte.types import FloatArray, Plate, require_array

ALPHA_SUFFIXES = (".exr", ".png", ".tif", ".tiff")


def write_alpha(path: str | os.PathLike[str], alpha: FloatArray, plate: Plate) -> list[str]:
    """Write an alpha; returns notices for the user.

    alpha: (H, W) float32 in [0, 1], of the plate's size. An .exr gets one channel `A` in half, ZIP,
    with the plate's windows and pixel aspect; a .png or .tif gets 16-bit grey, 65535 for 1, not
    gamma-encoded, of the data window alone. The same input gives the same bytes.
    Raises OutputError, ValueShapeError.
    """
    place = Path(path)
    suffix = place.suffix.lower()
    if suffix not in ALPHA_SUFFIXES:
        raise OutputError(
            f"'{place}' can't be written: unknown ending '{place.suffix}', expected one of "
            f"{', '.join(ALPHA_SUFFIXES)}."
        )
    require_array("Alpha", alpha, np.float32, plate.size)
    if suffix == ".exr":
        channel = Channel("A", alpha, plate.box)
        return write_exr(place, plate, [channel], {}, window=plate.box, what="alphas")
    grey: npt.NDArray[np.uint16] = np.rint(alpha.clip(0, 1) * np.float32(65535)).astype(np.uint16)
    with replacing(place) as temporary:
        write_strips(temporary, _grey_spec(plate), [grey[..., np.newaxis]])
    return []


def _grey_spec(plate: Plate) -> Any:
    import OpenImageIO

    height, width = plate.size
    spec = OpenImageIO.ImageSpec(width, height, 1, OpenImageIO.UINT16)
    spec.channelnames = ("Y",)
    spec.alpha_channel = -1
    spec.attribute("compression", "zip")
    spec.attribute("PixelAspectRatio", float(plate.pixel_aspect))
    spec.attribute("DateTime", "")
    # Without Exif data to write, OpenImageIO 3.2 reports a failure for every TIFF.
    spec.attribute("tiff:write_exif", 0)
    return spec
