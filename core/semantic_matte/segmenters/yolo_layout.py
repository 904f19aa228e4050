"""What the outputs of an exported YOLO segmentation network mean, read from its shapes and its metadata.

Three layouts of found objects are known, with one row of mask coefficients each (their count is the number of
prototypes, usually 32):

- (1, 4 + classes + 32, N): centre, size, a score a class. Ultralytics' YOLOv8 and YOLO11
  (docs.ultralytics.com).
- (1, N, 5 + classes + 32): centre, size, objectness, a score a class. YOLOv5 (github.com/ultralytics/yolov5),
  YOLOv7.
- (1, N, 6 + 32): corners, score, class. Exports that have suppressed duplicates themselves.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from semantic_matte.errors import ValueShapeError, WeightsError
from semantic_matte.onnx_sessions import OnnxModel
from semantic_matte.segmenters.coco import COCO_NAMES
from semantic_matte.types import FloatArray

Kind = Literal["centres", "objectness", "corners"]
Size = int | None

# Numbers of a row before its class scores.
_BEFORE_CLASSES: dict[Kind, int] = {"centres": 4, "objectness": 5}
# What a row of corners holds besides coefficients: four corners, score, class.
_CORNERS_ROW = 6
# Nobody's list of names is longer.
_LONGEST_NAMES = 1_000_000


@dataclass(frozen=True, eq=False)
class Candidates:
    """Rows of a network's answer: corners (n, 4) x0, y0, x1, y1 in pixels of its input, scores (n,) in [0, 1],
    classes (n,), mask coefficients (n, prototypes)."""

    corners: FloatArray
    scores: FloatArray
    classes: npt.NDArray[np.intp]
    coefficients: FloatArray

    def __getitem__(self, rows: npt.NDArray[Any]) -> Candidates:
        """Some of the rows, by index or by mask."""
        return Candidates(self.corners[rows], self.scores[rows], self.classes[rows], self.coefficients[rows])


@dataclass(frozen=True)
class YoloLayout:
    """How to read one model. found, prototypes: names of its outputs. names: of its classes, by index."""

    kind: Kind
    names: tuple[str, ...]
    coefficients: int
    found: str
    prototypes: str

    def read(self, found: npt.NDArray[np.generic], model: str) -> Candidates:
        """The rows of the output `found` (1, ., .), each with its best class.

        Raises ValueShapeError where a number is not finite or a class has no name.
        """
        rows = np.asarray(found[0], dtype=np.float32)
        rows = rows.T if self.kind == "centres" else rows
        if not np.isfinite(rows).all():
            raise ValueShapeError(f"The ONNX model '{model}' gave numbers that are not finite.")
        coefficients = rows[:, rows.shape[1] - self.coefficients :]
        if self.kind == "corners":
            classes = rows[:, 5].astype(np.intp)
            real = rows[:, 4] > 0
            if real.any() and not 0 <= classes[real].min() <= classes[real].max() < len(self.names):
                raise ValueShapeError(
                    f"The ONNX model '{model}' gave a class that its {len(self.names)} names don't have."
                )
            return Candidates(rows[:, :4], rows[:, 4], classes, coefficients)[real]
        start = _BEFORE_CLASSES[self.kind]
        scores = rows[:, start : start + len(self.names)]
        classes = scores.argmax(axis=1)
        best = scores[np.arange(len(rows)), classes]
        if self.kind == "objectness":
            best = best * rows[:, 4]
        half = rows[:, 2:4] / 2
        corners = np.concatenate((rows[:, :2] - half, rows[:, :2] + half), axis=1)
        return Candidates(corners.astype(np.float32), best, classes, coefficients)


def read_layout(
    model: OnnxModel, shapes: Mapping[str, Sequence[Size]], input_size: tuple[int, int] | None
) -> YoloLayout:
    """The layout of a model whose outputs have these shapes; None for a size that is not fixed.

    input_size: (h, w) that the shapes belong to, or None for any. Raises WeightsError if it is no YOLO
    segmentation network, or if its classes have no names.
    """
    found = [name for name, shape in shapes.items() if len(shape) == 3]
    prototypes = [name for name, shape in shapes.items() if len(shape) == 4]
    if len(found) != 1 or len(prototypes) != 1:
        raise _not_understood(model, shapes)
    rows, columns = shapes[found[0]][1:]
    channels = shapes[prototypes[0]][1]
    if channels is None:
        raise _not_understood(model, shapes)
    names = read_names(model)
    kind = _kind(rows, columns, channels, names, model, input_size)
    if kind is None:
        raise _not_understood(model, shapes, names)
    return YoloLayout(kind, names or COCO_NAMES, channels, found[0], prototypes[0])


def read_names(model: OnnxModel) -> tuple[str, ...] | None:
    """The classes' names in the model's metadata: a Python literal, {0: 'person', ...} or a list.

    None if there are none. Raises WeightsError for what is no such text; nothing in it is run.
    """
    text = model.metadata.get("names", "").strip()
    if not text:
        return None
    given: object = None
    if len(text) <= _LONGEST_NAMES:
        try:
            given = ast.literal_eval(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            given = None
    if isinstance(given, dict) and sorted(map(str, given)) == sorted(map(str, range(len(given)))):
        by_number = {int(key): name for key, name in given.items()}
        given = [by_number[number] for number in range(len(by_number))]
    names = tuple(given) if isinstance(given, (list, tuple)) else ()
    if not names or not all(isinstance(name, str) and name.strip() for name in names):
        raise WeightsError(
            f"The ONNX model '{model.name}': its metadata 'names' has to be a list of names, or numbers "
            f"from 0 with names, as in {{0: 'person', 1: 'car'}}, got '{text[:60]}'."
        )
    return tuple(name.strip() for name in names)


def read_number(model: OnnxModel, key: str, otherwise: int) -> int:
    """A whole number of the model's metadata, or the largest of several as in `imgsz`: "[384, 640]"."""
    text = model.metadata.get(key, "").strip("[]() ")
    parts = [part.strip() for part in text.split(",")]
    numbers = [int(part) for part in parts if part.isdecimal()]
    if not numbers or len(numbers) != len(parts) or not 0 < max(numbers) <= 1 << 14:
        return otherwise
    return max(numbers)


def _kind(
    rows: Size,
    columns: Size,
    channels: int,
    names: tuple[str, ...] | None,
    model: OnnxModel,
    input_size: tuple[int, int] | None,
) -> Kind | None:
    """Which layout an output (1, rows, columns) has, given the number of prototypes; None for none of them."""
    classes = len(names or COCO_NAMES)
    kinds: list[Kind] = []
    if rows == _BEFORE_CLASSES["centres"] + classes + channels:
        kinds.append("centres")
    if columns == _BEFORE_CLASSES["objectness"] + classes + channels:
        kinds.append("objectness")
    # Its rows say nothing of how many classes there are: without names they mean nothing.
    if columns == _CORNERS_ROW + channels and names is not None:
        kinds.append("corners")
    if len(kinds) < 2:
        return kinds[0] if kinds else None
    # Sizes that fit two layouts, as of a network of one class: its number of places tells.
    if "corners" in kinds and _suppresses(model):
        return "corners"
    if input_size is not None:
        places = [sum((input_size[0] // step) * (input_size[1] // step) for step in s) for s in _STEPS]
        if "centres" in kinds and columns in places:
            return "centres"
        if "objectness" in kinds and rows in [3 * count for count in places]:
            return "objectness"
        if "corners" in kinds and rows is not None:
            return "corners"
    return kinds[0]


# Pixels from place to place on each level of the networks: of the common ones, and of those for large pictures.
_STEPS = ((8, 16, 32), (8, 16, 32, 64))


def _suppresses(model: OnnxModel) -> bool:
    """Whether the metadata says that duplicates are suppressed in the model."""
    arguments = model.metadata.get("args", "").replace(" ", "")
    return model.metadata.get("end2end", "").strip() == "True" or "'nms':True" in arguments


def _not_understood(
    model: OnnxModel, shapes: Mapping[str, Sequence[Size]], names: Sequence[str] | None = None
) -> WeightsError:
    """The sentence for outputs that fit no layout."""
    told = "; ".join(
        f"'{name}' ({', '.join('any' if side is None else str(side) for side in shape)})"
        for name, shape in shapes.items()
    )
    classes = f"its {len(names)} names" if names else "COCO's 80, as its metadata has no 'names'"
    return WeightsError(
        f"The ONNX model '{model.name}': expected a YOLO segmentation network, with objects of shape "
        "(1, 4 + classes + P, N), (1, N, 5 + classes + P) or (1, N, 6 + P) and prototypes of shape "
        f"(1, P, h, w), where the classes are {classes}; got {told}. Export a -seg model with its names."
    )
