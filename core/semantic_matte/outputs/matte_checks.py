"""What every file of several mattes asks of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from semantic_matte.errors import OutputError
from semantic_matte.types import Matte, Plate


def require_frame_and_slots(place: Path, plate: Plate, mattes: Sequence[Matte]) -> None:
    """Raise OutputError, which names the file, for two mattes of one slot and for one of another frame."""
    if len({matte.slot for matte in mattes}) != len(mattes):
        raise OutputError(f"'{place}' can't be written: two mattes have the same slot name.")
    for matte in mattes:
        if matte.frame_size != plate.size:
            raise OutputError(
                f"'{place}' can't be written: the matte {matte.slot} is of a frame of "
                f"{matte.frame_size[1]}x{matte.frame_size[0]}, the plate is "
                f"{plate.size[1]}x{plate.size[0]}."
            )
