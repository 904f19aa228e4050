"""All mattes of a frame as one Cryptomatte: at each pixel, which objects cover it and how much.

Psyop's specification 1.2: layers SemanticMatte00, SemanticMatte01... in 32-bit float, each with two objects a
pixel, the one that covers most first: R and B hold ids, G and A coverage. Its preview layer without digits is
deprecated there and is not written: Nuke, Fusion and Blender make their own. Psyop's gizmo for Nuke reads the
first twelve layers, Blender all of them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from semantic_matte.errors import OutputError
from semantic_matte.outputs.atomic import replacing
from semantic_matte.outputs.cryptomatte_names import CRYPTOMATTE, header, object_id, object_names
from semantic_matte.outputs.exr_files import LINES, TILE, exr_spec, write_strips
from semantic_matte.outputs.matte_checks import require_frame_and_slots
from semantic_matte.outputs.windows import written_window
from semantic_matte.types import BoolArray, Box, FloatArray, Matte, Plate

MOST_OBJECTS = 64

# Sums of consistent alphas pass 1 by rounding; those keep every bit.
_ROUNDING = 1e-6

# Bytes of one strip of scanlines, its pixels and what ranking them takes.
_STRIP_BYTES = 32 << 20

# A float32 in 0..1, read as an integer, has 30 bits and keeps its order. That leaves 34 of a key's 64 for the
# place in a strip and the object: with 1,000 objects, strips of 16 million pixels.
_COVERAGE_BITS = 30
_COVERAGE_MASK = np.uint64((1 << _COVERAGE_BITS) - 1)

KeyArray = npt.NDArray[np.uint64]


@dataclass(frozen=True, eq=False)
class _Object:
    """A matte as the file sees it; outside of `window`, in plate pixels, its alpha is 0."""

    crop: FloatArray
    window: Box
    identity: np.float32


def write_cryptomatte(
    path: str | os.PathLike[str],
    plate: Plate,
    mattes: Sequence[Matte],
    metadata: Mapping[str, str | int | float],
    *,
    data_window: Literal["centred", "tight", "plate"] = "centred",
    storage: Literal["scanline", "tiled"] = "scanline",
    least_ranks: int = 2,
) -> list[str]:
    """Write the mattes as a Cryptomatte in 32-bit float with ZIP; returns notices for the user.

    path: an .exr. plate: gives display window, pixel aspect, view and timecode. mattes: their instances have
    slots, all different, which become the objects' names. metadata: further header attributes.
    data_window: see `windows.written_window`. storage: scan lines, or tiles of 64x64.
    Coverage is the alpha, to the bit. Only where alphas sum to more than 1 is it divided by the sum, as
    `overlaps.make_consistent` does it, but a strip at a time: mattes that overlap on the whole frame are not
    copied. There are as many layers as the fullest pixel needs, and at least those for `least_ranks`
    objects: the specification wants one number of them over a sequence. A pixel holds the 64 objects that cover
    most of it, and a notice says if more were there. Ties go in the order of names.
    Every object is in the manifest, with or without pixels. The same mattes, in any order, give the same
    bytes. Raises OutputError.
    """
    place = Path(path)
    objects, names, notices = _objects_of(place, plate, mattes)
    covered = [box.shifted(item.window.x0, item.window.y0) for item in objects if (box := _covered(item))]
    window = written_window(plate, covered, data_window)
    block = TILE if storage == "tiled" else LINES
    deepest = _most_objects(objects, window)
    wanted = max(2, deepest, least_ranks)
    ranks = min(MOST_OBJECTS, wanted + wanted % 2)
    spec = exr_spec(plate, _channels(ranks), {**metadata, **header(names)}, window, "float", notices, storage)
    ranking = _Ranking(objects, ranks)
    with replacing(place) as temporary:
        write_strips(temporary, spec, ranking.strips(_bands(window, max(2, deepest), block)))
    return [*notices, *ranking.notices]


def _objects_of(
    place: Path, plate: Plate, mattes: Sequence[Matte]
) -> tuple[list[_Object], list[str], list[str]]:
    """The mattes in the order of their slots, their names in the file, and notices; checked."""
    if place.suffix.lower() != ".exr":
        raise OutputError(f"'{place}' can't be written: a Cryptomatte needs a name that ends in .exr.")
    by_slot = {matte.slot: matte for matte in mattes}
    require_frame_and_slots(place, plate, mattes)
    names, notices = object_names(list(by_slot))
    identities = np.array([object_id(name) for name in names.values()], np.uint32).view(np.float32)
    objects = [
        _Object(by_slot[slot].crop, by_slot[slot].window, identity)
        for slot, identity in zip(names, identities, strict=True)
    ]
    return objects, list(names.values()), notices


def _channels(ranks: int) -> list[str]:
    """Names of channels as EXR orders them: A, B, G, R of each layer."""
    return [f"{CRYPTOMATTE}{layer:02d}.{letter}" for layer in range(ranks // 2) for letter in "ABGR"]


def _covered(item: _Object) -> Box | None:
    """The tight box of every alpha that isn't 0, in the crop's coordinates."""
    inside: BoolArray = np.greater(item.crop, 0)
    return Box.around(inside)


def _bands(window: Box, deepest: int, block: int) -> Iterator[Box]:
    """Strips of the window from top to bottom, of whole blocks of lines but the last."""
    # For each object of a pixel: an id, a coverage, and six integers of 8 bytes while they are ranked.
    line_bytes = window.width * deepest * (2 * 4 + 6 * 8)
    rows = max(block, _STRIP_BYTES // line_bytes // block * block)
    for top in range(window.y0, window.y1, rows):
        yield Box(window.x0, top, window.x1, min(window.y1, top + rows))


def _meeting(objects: Sequence[_Object], band: Box) -> Iterator[tuple[int, FloatArray, tuple[slice, slice]]]:
    """Each object that lies in the band: its index, its alpha there, and where that is in the band."""
    for index, item in enumerate(objects):
        common = band.intersection(item.window)
        if common is not None:
            yield index, item.crop[common.relative_to(item.window).slices], common.relative_to(band).slices


def _most_objects(objects: Sequence[_Object], window: Box) -> int:
    """The most objects at any pixel of the window."""
    most = 0
    for band in _bands(window, 2, LINES):
        count = np.zeros((band.height, band.width), np.uint16)
        for _, alpha, inside in _meeting(objects, band):
            count[inside] += alpha > 0
        most = max(most, int(count.max()))
    return most


class _Ranking:
    """Pixels of the file, strip by strip, and how much of them found no room."""

    def __init__(self, objects: Sequence[_Object], ranks: int) -> None:
        self._objects, self._ranks = objects, ranks
        self._identities = np.array([item.identity for item in objects], np.float32)
        # A, B, G, R: the first object of a layer has its id in R, the second in B; coverage lies before it.
        self._id_channels = np.arange(ranks) // 2 * 4 + np.tile([3, 1], ranks // 2)
        self._index_bits = max(1, (len(objects) - 1).bit_length())
        self._full_pixels = self._dropped = 0

    @property
    def notices(self) -> list[str]:
        """One sentence, if a pixel had more objects than it can hold."""
        if not self._dropped:
            return []
        pixels = "1 pixel has" if self._full_pixels == 1 else f"{self._full_pixels} pixels have"
        return [
            f"{pixels} more than the {MOST_OBJECTS} objects that the Cryptomatte holds; the weakest there "
            f"were left out, {self._dropped} in all."
        ]

    def strips(self, bands: Iterator[Box]) -> Iterator[FloatArray]:
        """(rows, W, channels) float32 for each band; channels as in `_channels`."""
        for band in bands:
            yield self._strip(band)

    def _strip(self, band: Box) -> FloatArray:
        keys = self._sorted_keys(band)
        place = (keys >> np.uint64(_COVERAGE_BITS + self._index_bits)).view(np.int64)
        rank = _position_in_run(place)
        kept = rank < self._ranks
        if not kept.all():
            self._dropped += int(np.count_nonzero(~kept))
            self._full_pixels += int(np.count_nonzero(rank == self._ranks))
            keys, place, rank = keys[kept], place[kept], rank[kept]
        inverted = keys >> np.uint64(self._index_bits) & _COVERAGE_MASK
        pixels = np.zeros(band.area * 2 * self._ranks, np.float32)
        at = place * (2 * self._ranks) + self._id_channels[rank]
        pixels[at] = self._identities[(keys & np.uint64((1 << self._index_bits) - 1)).view(np.int64)]
        pixels[at - 1] = (_COVERAGE_MASK - inverted).astype(np.uint32).view(np.float32)
        return pixels.reshape(band.height, band.width, -1)

    def _sorted_keys(self, band: Box) -> KeyArray:
        """One integer for each object at each pixel: the pixel, the coverage upside down, the object.

        Sorted, they lie pixel by pixel with the largest coverage first; one sort of integers is far faster
        than one by three columns, and needs no room for objects that aren't there.
        """
        divisor = self._divisor(band)
        places = np.arange(band.area, dtype=np.uint64).reshape(band.height, band.width)
        places <<= np.uint64(_COVERAGE_BITS + self._index_bits)
        parts = [np.empty(0, np.uint64)]
        for index, alpha, inside in _meeting(self._objects, band):
            coverage = alpha if divisor is None else alpha / divisor[inside]
            present = coverage > 0
            inverted = _COVERAGE_MASK - coverage[present].view(np.uint32).astype(np.uint64)
            parts.append(places[inside][present] | inverted << np.uint64(self._index_bits) | np.uint64(index))
        keys = np.concatenate(parts)
        keys.sort()
        return keys

    def _divisor(self, band: Box) -> FloatArray | None:
        """(rows, W) float32: the sum of alphas where it is over 1, else 1; None where nothing is over it."""
        total = np.zeros((band.height, band.width), np.float32)
        for _, alpha, inside in _meeting(self._objects, band):
            total[inside] += alpha
        if float(total.max()) <= 1 + _ROUNDING:
            return None
        return np.where(total > 1 + _ROUNDING, total, np.float32(1))


def _position_in_run(values: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """For each of the sorted values, how many equal ones come before it."""
    begins = np.ones(values.size, np.bool_)
    begins[1:] = values[1:] != values[:-1]
    first = np.flatnonzero(begins)
    return np.arange(values.size) - np.repeat(first, np.diff(first, append=values.size))
