"""Keys of results: the same where the same plate is matted by the same means, another one where anything
differs that the written pixels follow from.

A key is SHA-256 over what goes in, each part with its name and its length before it, so that no two different
inputs read the same. No path, folder, time, process or machine is part of it, nor how Python is built.

What a key does not tell apart moves last bits at most: versions of torch and other libraries, the number of
threads, `batch`, and which GPU was there. Where `device` is auto, the artist left the choice to the machine,
and a result that was made on a CPU stands for one made on a GPU and the reverse; the sidecar says where it was
made. A device that the artist names is part of the key.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from semantic_matte import __version__
from semantic_matte.colour import convert
from semantic_matte.errors import ValueShapeError
from semantic_matte.settings import Settings
from semantic_matte.types import Box, Hint, Plate, Trimap

# Controls that leave every pixel as it is. `batch` is among them by measurement: on a CPU 1, 2 and 8 patches a
# call give the same bytes with every estimator of the house.
NOT_OF_THE_RESULT = frozenset({"accept_licence", "batch", "missing_frames", "reuse"})
# Controls that may name a model by its path. What counts of one is its kind, and its files' names and contents,
# which `content_key` is given.
_NAMES_A_MODEL = ("segmenter", "estimator")
_WHOLE_SHA256 = 64
# Rows of a picture are taken in strips of about as many bytes, so that a strided one is never copied whole.
_STRIP_BYTES = 1 << 22


def content_key(
    plate: Plate,
    settings: Settings,
    models: Sequence[Mapping[str, str]],
    *,
    schema: int,
    hints: Sequence[Hint] = (),
    trimap: Trimap | None = None,
    version: str = __version__,
) -> str:
    """The key of a plate's results: 64 hexadecimal digits.

    models: what `planned_models` gives: part, name and whole sha256 of each file that may be used, in any
    order. schema: the sidecar's, `sidecar_model.SCHEMA_VERSION`. hints, trimap: the artist's own. version: of
    this package. Where foreground colours are asked for in a space other than the plate's own, what the
    OpenColorIO configuration in use makes of colours counts too.
    Raises ValueShapeError for a model without a whole sha256, which a key must not leave open;
    UnknownNameError or UsageError for a foreground space that is none.
    """
    digest = Digest("result")
    digest.value("schema", schema)
    digest.value("version", version)
    digest.value("plate", plate_digest(plate))
    digest.value("settings", settings_digest(settings))
    digest.value("hints", hints_digest(hints))
    digest.value("trimap", None if trimap is None else trimap_digest(trimap))
    digest.value("models", model_rows(models))
    if settings.foreground and settings.foreground_space != "auto":
        digest.value("conversion", conversion(plate.own[1], settings.foreground_space))
    return digest.hexadecimal


def plate_digest(plate: Plate) -> str:
    """64 hexadecimal digits of a plate: pixels as they are in memory, windows, pixel aspect, colour spaces,
    name, frame, view and timecode.

    Not its notices: they tell how it was read, and may name the file that it came from.
    """
    digest = Digest("plate")
    digest.value("name", plate.name)
    digest.value("colour_space", plate.colour_space)
    digest.value("data_window", _corners(plate.data_window))
    digest.value("display_window", _corners(plate.display_window))
    digest.value("pixel_aspect", float(plate.pixel_aspect))
    digest.value("frame", None if plate.frame is None else int(plate.frame))
    digest.value("view", plate.view)
    digest.value("timecode", plate.timecode)
    digest.value("own_space", plate.own_space)
    digest.array("pixels", plate.pixels, "<f4")
    digest.array("own_pixels", plate.own_pixels, "<f4")
    return digest.hexadecimal


def settings_digest(settings: Settings) -> str:
    """64 hexadecimal digits of the controls that a result follows from; the sidecar's `settings_hash`.

    Left out are those of NOT_OF_THE_RESULT. `device` is taken as it was asked for. Of a segmenter or an
    estimator only its kind is taken, as "onnx" of "onnx:models/mine.onnx", so that a model may lie anywhere.
    """
    controls = settings.model_dump(mode="json", exclude=set(NOT_OF_THE_RESULT))
    for name in _NAMES_A_MODEL:
        controls[name] = controls[name].partition(":")[0].strip()
    digest = Digest("settings")
    for name in sorted(controls):
        digest.value(name, controls[name])
    return digest.hexadecimal


def hints_digest(hints: Sequence[Hint]) -> str:
    """64 hexadecimal digits of an artist's hints, in their order, which is that of their slots.

    Not their `source`, which names a file.
    """
    digest = Digest("hints")
    for hint in hints:
        digest.value("label", hint.label)
        digest.value("box", _corners(hint.box))
        digest.value("points", [[*_point(x, y), bool(inside)] for x, y, inside in hint.points])
        digest.array("mask", hint.mask, "|b1")
    return digest.hexadecimal


def trimap_digest(trimap: Trimap) -> str:
    """64 hexadecimal digits of a trimap: its levels, and where they lie in a frame of which size."""
    digest = Digest("trimap")
    digest.value("window", _corners(trimap.window))
    digest.value("frame_size", [int(side) for side in trimap.frame_size])
    digest.array("levels", trimap.levels, "|u1")
    return digest.hexadecimal


class Digest:
    """SHA-256 over named parts. kind: what is digested, so that a plate never looks like a trimap."""

    def __init__(self, kind: str) -> None:
        self._hash = hashlib.sha256()
        self.value("kind", kind)

    @property
    def hexadecimal(self) -> str:
        """What was digested so far: 64 digits in lower case."""
        return self._hash.hexdigest()

    def value(self, name: str, value: Any) -> None:
        """Take in a value of JSON: text of any kind, numbers, lists; NaN and infinity raise ValueError.

        JSON writes a float by its shortest decimal form that reads back as the same bits: every Python does so.
        """
        content = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")
        self._head(name, len(content))
        self._hash.update(content)

    def array(self, name: str, array: npt.NDArray[Any] | None, kind: str) -> None:
        """Take in the shape and the numbers of an array, row by row, or that there is none.

        kind: numpy's name of the type, with its order of bytes, that the array is digested as.
        """
        if array is None:
            self.value(name, None)
            return
        self.value(f"{name} of", [kind, *array.shape])
        row_bytes = max(1, array[:1].nbytes)
        rows = max(1, _STRIP_BYTES // row_bytes)
        self._head(name, array.nbytes)
        for top in range(0, array.shape[0], rows):
            # No copy where the rows lie one after the other, as they do in nearly all arrays.
            strip = np.ascontiguousarray(array[top : top + rows], dtype=np.dtype(kind))
            self._hash.update(strip.reshape(-1).view(np.uint8).data)

    def _head(self, name: str, length: int) -> None:
        """The name of a part and how many bytes follow."""
        said = name.encode("utf-8")
        self._hash.update(len(said).to_bytes(8, "little") + said + length.to_bytes(8, "little"))


def conversion(source: str, target: str) -> list[list[str]]:
    """What becomes of some light on the way from one linear space to another, to five digits.

    Names alone don't tell: what they stand for is in a configuration, which may be changed.
    """
    light = np.array([[[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.2, 0.3, 0.1]]], dtype=np.float32)
    return [[f"{value:.5g}" for value in pixel] for pixel in convert(light, source, target)[0].tolist()]


def _point(*place: float) -> list[float | str]:
    """A point for JSON, which has no infinity and no NaN: the run itself will refuse such a hint."""
    return [float(value) if math.isfinite(value) else str(float(value)) for value in place]


def _corners(box: Box | None) -> list[int] | None:
    return None if box is None else [int(corner) for corner in box.as_list()]


def model_rows(models: Sequence[Mapping[str, str]]) -> list[list[str]]:
    """Part, name and sha256 of each model, in whatever order they are given. Raises ValueShapeError."""
    return sorted(_row(model) for model in models)


def _row(model: Mapping[str, str]) -> list[str]:
    """Part, name and sha256 of a model's file. Raises ValueShapeError."""
    digits = model["sha256"]
    if len(digits) != _WHOLE_SHA256 or not set(digits) <= set("0123456789abcdef"):
        raise ValueShapeError(
            f"Content key: expected the whole sha256 of model '{model['name']}', got '{digits}'."
        )
    return [model["part"], model["name"], digits]
