"""Frames of results and frames of truth, found in their folders and put side by side.

Of results there are the files of mattes, `NAME.mattes.1001.exr`, of one shot or one still. Truth is a picture a
frame. They belong together by the number in their names; where the numbers differ but the counts agree, as of a
shot that was numbered anew, by their order.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from semantic_matte.earlier_results import read_sidecar
from semantic_matte.errors import PlateError, UsageError, ValueShapeError
from semantic_matte.frame_patterns import expand_plates
from semantic_matte.frame_ranges import range_text
from semantic_matte.layer_files import LayerFile, read_layers
from semantic_matte.picture_files import read_picture
from semantic_matte.plates import read_trimap
from semantic_matte.types import BACKGROUND, FOREGROUND, BoolArray, Box, FloatArray

Pixels = TypeVar("Pixels", bound=npt.NDArray[Any])

_MATTES = re.compile(r"(?P<name>.+)\.mattes(?:\.(?P<number>-?[0-9]+))?\.exr")
_LAST_NUMBER = re.compile(r"-?[0-9]+(?=[^0-9]*$)")
# What counts as a frame of truth in a folder: notes and films may lie beside them.
_PICTURES = frozenset({".png", ".exr", ".tif", ".tiff", ".jpg", ".jpeg"})


@dataclass(frozen=True)
class ResultFrame:
    """The mattes of one frame. number: of the frame, None for a still."""

    number: int | None
    mattes: Path

    def open(self) -> OpenFrame:
        """Its layers, and where they lie in the plate. Raises PlateError."""
        layers = read_layers(self.mattes)
        name = self.mattes.name.replace(".mattes.", ".matte.").removesuffix(".exr")
        sidecar = read_sidecar(self.mattes.with_name(f"{name}.json"))
        window = Box(*sidecar.plate.data_window) if sidecar is not None else layers.display_window
        return OpenFrame(self, layers, window)


@dataclass(frozen=True, eq=False)
class OpenFrame:
    """A frame whose layers can be read. window: of the plate, in file coordinates."""

    frame: ResultFrame
    layers: LayerFile
    window: Box

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of the plate."""
        return self.window.height, self.window.width

    def alpha(self, slot: str) -> FloatArray:
        """(H, W) float32 in [0, 1]: a slot's alpha; zeros if the file has no such slot. Raises PlateError."""
        if slot not in self.layers.slots:
            return np.zeros(self.size, dtype=np.float32)
        with self.layers.reading([(slot, "A")]) as read:
            return np.clip(read(self.window)[..., 0], 0.0, 1.0)


def result_frames(results: Path) -> list[ResultFrame]:
    """The frames of a folder of results, of a pattern of mattes files, or of one such file; by their numbers.

    Raises UsageError for a folder with several shots, PlateError where there are none.
    """
    paths = _mattes_in(results) if results.is_dir() else list(expand_plates([results]))
    if not paths[0].exists():
        raise PlateError(f"There are no mattes at '{results}': expected a folder, or NAME.mattes.####.exr.")
    rows: dict[str, list[ResultFrame]] = {}
    for path in paths:
        named = _MATTES.fullmatch(path.name)
        if named is None and len(paths) > 1:
            raise UsageError(f"'{path}' is no file of mattes: expected NAME.mattes.####.exr.")
        number = named["number"] if named is not None else None
        frame = ResultFrame(None if number is None else int(number), path)
        rows.setdefault(named["name"] if named is not None else path.name, []).append(frame)
    if len(rows) > 1:
        offer = results / f"{min(rows)}.mattes.####.exr"
        raise UsageError(
            f"'{results}' has results of {len(rows)} plates or shots ({', '.join(sorted(rows)[:5])}"
            f"{', ...' if len(rows) > 5 else ''}): name the one that is meant, as in '{offer}'."
        )
    (frames,) = rows.values()
    return sorted(frames, key=lambda frame: (frame.number is not None, frame.number or 0))


def _mattes_in(folder: Path) -> list[Path]:
    """The mattes files of a folder. Raises PlateError if there is none."""
    found = sorted(path for path in _files_of(folder) if _MATTES.fullmatch(path.name))
    if not found:
        raise PlateError(f"There are no mattes in '{folder}': expected files called NAME.mattes.####.exr.")
    return found


def _files_of(folder: Path) -> list[Path]:
    """The files of a folder, hidden ones left out. Raises PlateError."""
    try:
        with os.scandir(folder) as entries:
            return [Path(entry.path) for entry in entries if entry.is_file() and not entry.name.startswith(".")]
    except OSError as error:
        raise PlateError(f"The folder '{folder}' can't be read: {error.strerror or error}.") from None


def matched(frames: Sequence[ResultFrame], truth: Path, what: str) -> Mapping[ResultFrame, Path]:
    """The picture of truth for each frame.

    truth: a folder with a picture a frame, or one picture for one frame. what: the pictures' name in a
    sentence, as "masks". By number where every frame has one of its own, else by order where the counts agree.
    Raises UsageError where neither can be done, PlateError where there are no pictures.
    """
    if not truth.is_dir():
        if len(frames) > 1:
            raise UsageError(f"'{truth}' is one picture for {len(frames)} frames: give the folder of {what}.")
        return {frames[0]: truth}
    pictures = sorted(path for path in _files_of(truth) if path.suffix.lower() in _PICTURES)
    if not pictures:
        raise PlateError(f"There are no {what} in '{truth}': expected a picture a frame.")
    by_number = {_number_of(path): path for path in pictures}
    has_own = len(by_number) == len(pictures) and None not in by_number
    if has_own and all(frame.number in by_number for frame in frames):
        return {frame: by_number[frame.number] for frame in frames}
    if len(pictures) == len(frames):
        in_order = (
            sorted(pictures, key=lambda path: (_number_of(path) or 0, path.name)) if has_own else pictures
        )
        return dict(zip(frames, in_order, strict=True))
    lacking = [frame.number for frame in frames if frame.number is not None and frame.number not in by_number]
    named = f", none of frame{'s' if len(lacking) > 1 else ''} {range_text(lacking)}" if lacking else ""
    raise UsageError(
        f"Frames of mattes: {len(frames)}; {what} in '{truth}': {len(pictures)}{named}. Give one "
        "for each frame, with the frame's number in its name."
    )


def _number_of(path: Path) -> int | None:
    """The last number in a file's name."""
    found = _LAST_NUMBER.search(path.stem)
    return int(found[0]) if found else None


def true_mask(path: Path, size: tuple[int, int]) -> BoolArray:
    """(H, W) bool: true where a picture is not black, as DAVIS has its masks, whose objects have any colours.

    size: that it has to have. Raises PlateError, or ValueShapeError for another size.
    """
    pixels = read_picture(path, "mask", PlateError).pixels
    return np.asarray((_sized(pixels, size, path, "mask") != 0).any(axis=2), dtype=np.bool_)


def true_alpha(path: Path, size: tuple[int, int]) -> FloatArray:
    """(H, W) float32 in [0, 1]: one alpha as `read_layers` reads it of any picture.

    Raises PlateError, or ValueShapeError for another size.
    """
    layers = read_layers(path, "true alpha")
    (slot,) = layers.slots[:1] or ("",)
    if len(layers.slots) != 1:
        raise PlateError(f"The true alpha '{path}' has {len(layers.slots)} layers: expected one.")
    window = layers.display_window if layers.has_windows else layers.data_window
    with layers.reading([(slot, "A")]) as read:
        return np.clip(_sized(read(window)[..., 0], size, path, "true alpha"), 0.0, 1.0)


def unknown_of_trimap(path: Path, size: tuple[int, int]) -> BoolArray:
    """(H, W) bool: what a trimap leaves unknown. Raises TrimapError, or ValueShapeError for another size."""
    levels = _sized(read_trimap(path).levels, size, path, "trimap")
    return np.asarray((levels != BACKGROUND) & (levels != FOREGROUND), dtype=np.bool_)


def _sized(pixels: Pixels, size: tuple[int, int], path: Path, what: str) -> Pixels:
    """The pixels, once they are known to be of the mattes' size. Raises ValueShapeError."""
    if pixels.shape[:2] != size:
        height, width = pixels.shape[:2]
        raise ValueShapeError(
            f"The {what} '{path}' has {width}x{height} pixels, and its mattes have {size[1]}x{size[0]}: "
            "expected the same size."
        )
    return pixels
