"""What an EXR's header says of where its pixels come from."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from semantic_matte.types import Plate


def header_of(
    plate: Plate, models: Sequence[Mapping[str, str]], settings_hash: str, version: str
) -> dict[str, str | int | float]:
    """Attributes for `write_exr`: the plate, its frame, timecode and view, and what made the result.

    models: name, licence and sha256 of each model file used; they become one line of JSON. version: of this
    program. What the plate doesn't have is left out. Windows, pixel aspect, `view` and `timeCode` are written
    by `write_exr` in EXR's own attributes; the frame stands here in EXR's own too, `imageCounter`, which is the
    number of an image in its sequence (OpenEXR's ImfStandardAttributes).
    """
    header: dict[str, str | int | float] = {
        "semantic_matte/plate": plate.name,
        "semantic_matte/models": json.dumps(
            [{key: model[key] for key in ("name", "licence", "sha256")} for model in models], ensure_ascii=False
        ),
        "semantic_matte/settings": settings_hash,
        "semantic_matte/version": version,
    }
    if plate.frame is not None:
        header |= {"semantic_matte/frame": plate.frame, "imageCounter": plate.frame}
    if plate.timecode:
        header["semantic_matte/timecode"] = plate.timecode
    if plate.view:
        header["semantic_matte/view"] = plate.view
    return header


def packed_timecode(timecode: str) -> int | None:
    """ "01:02:03:04" as EXR packs it, ";" before the frames for drop-frame; None if EXR can't hold it.

    Two decimal digits a byte, frames lowest; bit 6 marks drop-frame. OpenEXR's TimeCode knows frames up to
    29, as SMPTE ST 12-1 does.
    """
    found = re.fullmatch(r"(\d\d):(\d\d):(\d\d)([:;])(\d\d)", timecode, re.ASCII)
    if found is None:
        return None
    hours, minutes, seconds, frames = (int(found[part]) for part in (1, 2, 3, 5))
    if hours > 23 or minutes > 59 or seconds > 59 or frames > 29:
        return None
    packed = 0
    for number in (hours, minutes, seconds, frames):
        packed = packed << 8 | number // 10 << 4 | number % 10
    return packed | (1 << 6 if found[4] == ";" else 0)
