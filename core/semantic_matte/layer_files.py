"""Mattes and foreground colours read back: layers of an EXR that this tool wrote, or one alpha in any picture.

Pixels are read when asked for, so that a file of many layers can be worked through in strips.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from semantic_matte.errors import PlateError, UnknownNameError
from semantic_matte.outputs.names import EMPTY_SLOT, PREFIX, SPREAD_SUFFIX, label_word
from semantic_matte.picture_files import read_picture
from semantic_matte.types import Box, FloatArray

# What the matte of a file without layers is called.
ONLY_SLOT = "alpha"
# Attributes of the header that this tool wrote begin so.
METADATA_PREFIX = "semantic_matte/"

_EXR_SIGNATURE = b"\x76\x2f\x31\x01"


@dataclass(frozen=True, eq=False)
class LayerFile:
    """A file of layers. Nothing of its pixels is in memory, unless it was a picture of one alpha.

    layers: each layer's parts ("A", or "R", "G", "B", "A") with their channel's index in the file. data_window,
    display_window: in file coordinates; has_windows is False for pictures that know none, whose size is all
    that they tell. metadata: the attributes that this tool wrote, without their prefix. colour_space: what the
    file says of its colours, or "".
    """

    path: Path
    layers: Mapping[str, Mapping[str, int]]
    data_window: Box
    display_window: Box
    has_windows: bool = True
    metadata: Mapping[str, str] = field(default_factory=dict)
    colour_space: str = ""
    only: FloatArray | None = None

    @property
    def slots(self) -> tuple[str, ...]:
        """Layers with an alpha that are objects, in the order of their names: no spread, not the empty one."""
        return tuple(
            name
            for name, parts in self.layers.items()
            if "A" in parts and name != EMPTY_SLOT and not name.endswith(SPREAD_SUFFIX)
        )

    def has_colours(self, slot: str) -> bool:
        """Whether a slot has R, G and B here."""
        return {"R", "G", "B"} <= set(self.layers.get(slot, ()))

    def alpha(self, slot: str) -> FloatArray:
        """(h, w) float32 on the data window: one slot's alpha as stored. Raises PlateError."""
        with self.reading([(slot, "A")]) as read:
            return read(self.data_window)[..., 0]

    @contextlib.contextmanager
    def reading(self, wanted: Sequence[tuple[str, str]]) -> Iterator[Callable[[Box], FloatArray]]:
        """A way to read boxes in file coordinates: (h, w, len(wanted)) float32 as stored, 0 outside the window.

        wanted: layers and parts, as ("sm_dog_01", "A"). Boxes as wide as the file, from top to bottom, are read
        quickest. What it gives raises PlateError for a damaged file.
        """
        if self.only is not None:
            stored = np.repeat(self.only[..., np.newaxis], len(wanted), axis=2)
            yield lambda box: _padded(stored, self.data_window, box)
            return
        indices = [self.layers[layer][part] for layer, part in wanted]
        picture_file = _opened(self.path)
        try:
            yield lambda box: self._read(picture_file, indices, box)
        finally:
            picture_file.close()

    def _read(self, picture_file: Any, indices: Sequence[int], box: Box) -> FloatArray:
        """(h, w, len(indices)): these channels on a box. Raises PlateError."""
        common = box.intersection(self.data_window)
        if common is None:
            return np.zeros((box.height, box.width, len(indices)), dtype=np.float32)
        spec, window = picture_file.spec(), self.data_window
        first, end = min(indices), max(indices) + 1
        # Whole lines are read, or whole rows of tiles.
        step = spec.tile_height if spec.tile_width else 1
        top = window.y0 + (common.y0 - window.y0) // step * step
        bottom = min(window.y1, common.y1 + (window.y0 - common.y1) % step)
        if spec.tile_width:
            stored = picture_file.read_tiles(0, 0, window.x0, window.x1, top, bottom, 0, 1, first, end, "float")
        else:
            stored = picture_file.read_scanlines(0, 0, top, bottom, 0, first, end, "float")
        complaint = str(picture_file.geterror())
        if stored is None:
            raise PlateError(_damaged(self.path, complaint))
        lines = np.asarray(stored, dtype=np.float32).reshape(bottom - top, window.width, end - first)
        chosen = lines[..., [index - first for index in indices]]
        return _padded(chosen, Box(window.x0, top, window.x1, bottom), box)


def read_layers(path: str | os.PathLike[str], what: str = "matte") -> LayerFile:
    """Open a file of mattes or foreground colours and read its header.

    path: an .exr of layers `sm_*`; or any picture of one alpha: grey as stored, 0..1, or the alpha channel
    where it isn't solid everywhere. what: how a message calls it. Raises PlateError for what can't be read, for
    a Cryptomatte, which holds ids, and for a picture in colour without alpha.
    """
    place = Path(path)
    if not _is_exr(place):
        return _of_picture(place, what)
    picture_file = _opened(place)
    try:
        found = _of_header(picture_file, place)
    finally:
        picture_file.close()
    return found or _of_picture(place, what)


def chosen_slots(mattes: LayerFile, names: Sequence[str]) -> tuple[str, ...]:
    """The slots of a file that are meant, in the file's order, each once; all of them where no name is given.

    names: slots, with or without the `sm_`, or labels, which mean all slots of theirs: "person_01", "dog",
    "dining table". Raises UnknownNameError for one that nothing has.
    """
    if not names:
        return mattes.slots
    meant: set[str] = set()
    for name in names:
        word = name.strip().lower()
        exact = [slot for slot in mattes.slots if slot.lower() in (word, f"{PREFIX}_{word}")]
        # Between the prefix and the number stands the label.
        labelled = [slot for slot in mattes.slots if _word_of(slot) == label_word(name)]
        if not exact and not labelled:
            labels = sorted({_word_of(slot) for slot in mattes.slots} - {""})
            raise UnknownNameError("slot", name, [*mattes.slots, *labels])
        meant.update(exact or labelled)
    return tuple(slot for slot in mattes.slots if slot in meant)


def _word_of(slot: str) -> str:
    """The label in a slot's name: dining_table of sm_dining_table_01; "" where it isn't built so."""
    word, _, number = slot.removeprefix(f"{PREFIX}_").rpartition("_")
    return word if number.isdecimal() and slot.startswith(f"{PREFIX}_") else ""


def _of_header(picture_file: Any, place: Path) -> LayerFile | None:
    """The layers of an open EXR; None if it has none of ours. Raises PlateError."""
    spec = picture_file.spec()
    attributes = {attribute.name: attribute.value for attribute in spec.extra_attribs}
    if any(name.startswith("cryptomatte/") for name in attributes):
        better = place.with_name(place.name.replace(".cryptomatte.", ".mattes."))
        named = f"'{better}'" if better != place else "the file NAME.mattes.exr beside it"
        raise PlateError(
            f"'{place}' is a Cryptomatte, which holds ids: give {named}, which has the mattes themselves."
        )
    layers: dict[str, dict[str, int]] = {}
    for index, channel in enumerate(spec.channelnames):
        layer, _, part = channel.rpartition(".")
        if layer.startswith(f"{PREFIX}_"):
            layers.setdefault(layer, {})[part] = index
    if not layers:
        return None
    if spec.get_int_attribute("oiio:subimages", 1) > 1 or spec.deep:
        raise PlateError(
            f"'{place}' has several parts or is deep: expected flat layers in one part, as 'matte' writes them."
        )
    return LayerFile(
        path=place,
        layers=layers,
        data_window=Box(spec.x, spec.y, spec.x + spec.width, spec.y + spec.height),
        display_window=Box(
            spec.full_x, spec.full_y, spec.full_x + spec.full_width, spec.full_y + spec.full_height
        ),
        metadata={
            name.removeprefix(METADATA_PREFIX): str(value)
            for name, value in attributes.items()
            if name.startswith(METADATA_PREFIX)
        },
        colour_space=spec.get_string_attribute("oiio:ColorSpace"),
    )


def _of_picture(place: Path, what: str) -> LayerFile:
    """One alpha out of a picture of any kind. Raises PlateError."""
    picture = read_picture(place, what, PlateError)
    solid = picture.alpha is None or bool((picture.alpha >= _white(picture.alpha)).all())
    grey = bool((picture.pixels == picture.pixels[..., :1]).all())
    if solid and not grey:
        raise PlateError(
            f"The {what} '{place}' is in colour: expected layers named {PREFIX}_..., one grey channel, or an "
            "alpha channel."
        )
    stored = picture.pixels[..., 0] if solid or picture.alpha is None else picture.alpha
    return LayerFile(
        path=place,
        layers={ONLY_SLOT: {"A": 0}},
        data_window=picture.data_window,
        display_window=picture.display_window,
        has_windows=_is_exr(place),
        only=np.asarray(stored, dtype=np.float32) / np.float32(_white(stored)),
    )


def _padded(stored: FloatArray, window: Box, box: Box) -> FloatArray:
    """(box height, box width, n): what lies on a window, cut to a box and 0 around. A view where it can be."""
    common = box.intersection(window)
    if common == box:
        return stored[box.relative_to(window).slices]
    result = np.zeros((box.height, box.width, stored.shape[2]), dtype=np.float32)
    if common is not None:
        result[common.relative_to(box).slices] = stored[common.relative_to(window).slices]
    return result


def _opened(place: Path) -> Any:
    """An open OpenImageIO reader. Raises PlateError."""
    import OpenImageIO

    picture_file = OpenImageIO.ImageInput.open(str(place))
    if picture_file is None:
        raise PlateError(_damaged(place, str(OpenImageIO.geterror())))
    return picture_file


def _damaged(place: Path, complaint: str) -> str:
    lines = complaint.strip().splitlines() or ["unknown reason"]
    return f"'{place}' is damaged or incomplete ({lines[0].rstrip('.')}): copy or write it again."


def _is_exr(place: Path) -> bool:
    """By its first bytes. What can't be opened is left to `read_picture`, which says why."""
    try:
        with place.open("rb") as stream:
            return stream.read(4) == _EXR_SIGNATURE
    except (OSError, ValueError):
        return False


def _white(stored: npt.NDArray[Any]) -> float:
    return float(np.iinfo(stored.dtype).max) if stored.dtype.kind == "u" else 1.0
