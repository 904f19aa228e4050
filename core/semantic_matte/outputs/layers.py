"""All mattes of a frame in one EXR: a layer for each slot, half float, in the plate's windows."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from semantic_matte.errors import OutputError
from semantic_matte.outputs.exr_files import Channel, write_exr
from semantic_matte.outputs.matte_checks import require_frame_and_slots
from semantic_matte.outputs.names import EMPTY_SLOT, SPREAD_SUFFIX
from semantic_matte.outputs.windows import covered_box, written_window
from semantic_matte.types import Box, Matte, Plate


def write_layers(
    path: str | os.PathLike[str],
    plate: Plate,
    mattes: Sequence[Matte],
    metadata: Mapping[str, str | int | float],
    spread: bool = False,
    *,
    data_window: Literal["centred", "tight", "plate"] = "plate",
    storage: Literal["scanline", "tiled"] = "scanline",
) -> list[str]:
    """Write `<slot>.A` for every matte, in half float with ZIP, without a root RGBA; returns notices.

    path: an .exr. plate: gives display window, pixel aspect, view and timecode. mattes: their instances
    have slots, all different. metadata: header attributes (see `header_of`).
    spread: add a layer `<slot>_spread.A` for every matte, 0 where there was one sample. It is a layer
    of its own and not a second channel of the slot, because hosts know no channel of that name.
    data_window: how much of the frame the file holds (see `written_window`). storage: see `write_exr`.
    No mattes give one layer of zeros, `sm_none_00.A`: readers fail on a file without channels.
    The same input gives the same bytes; no date is written. Raises OutputError.
    """
    place = Path(path)
    channels = [channel for matte in mattes for channel in _channels_of(matte, spread, place)]
    require_frame_and_slots(place, plate, mattes)
    covered = [] if data_window == "plate" else _covered(channels)
    window = written_window(plate, covered, data_window)
    channels = channels or [Channel(f"{EMPTY_SLOT}.A", None, None)]
    return write_exr(place, plate, channels, metadata, window=window, storage=storage, what="mattes")


def _channels_of(matte: Matte, spread: bool, place: Path) -> list[Channel]:
    """One channel of a matte, or two with its spread. Raises OutputError."""
    if not matte.slot:
        raise OutputError(
            f"'{place}' can't be written: a matte of '{matte.label}' has no slot name yet; "
            "give it one of slot_names()."
        )
    channels = [Channel(f"{matte.slot}.A", matte.crop, matte.window)]
    if spread:
        channels.append(Channel(f"{matte.slot}{SPREAD_SUFFIX}.A", matte.spread_crop, matte.window))
    return channels


def _covered(channels: Sequence[Channel]) -> list[Box]:
    """Where the channels are not 0, a box for each that is not 0 everywhere; in plate pixels."""
    boxes = [
        covered_box(channel.crop, channel.window)
        for channel in channels
        if channel.crop is not None and channel.window is not None
    ]
    return [box for box in boxes if box is not None]
