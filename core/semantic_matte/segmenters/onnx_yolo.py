"""A YOLO segmentation network of the user's own in an ONNX file, by ONNX Runtime.

Source: Bolya et al., "YOLACT: Real-time Instance Segmentation", ICCV 2019 (masks as sums of prototypes) and
Ultralytics' YOLO (https://docs.ultralytics.com/tasks/segment), whose way of preparing a picture is followed to
the pixel. Layouts, sizes and names are read from the file; see `yolo_layout`. Weights by Ultralytics are
AGPL-3.0 unless they were licensed otherwise: what a user brings is the user's to answer for.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt

from semantic_matte.device_memory import memory_told
from semantic_matte.errors import UsageError, WeightsError
from semantic_matte.model_files import describe_model_file, find_model_file
from semantic_matte.onnx_sessions import OnnxModel, open_onnx
from semantic_matte.ports import Progress, ProgressEvent
from semantic_matte.segmenters.choice import Wanted
from semantic_matte.segmenters.mask_maps import Lie, instance_of_map
from semantic_matte.segmenters.overlap import without_duplicates
from semantic_matte.segmenters.picture import shown_bytes
from semantic_matte.segmenters.yolo_layout import Candidates, Size, YoloLayout, read_layout, read_number
from semantic_matte.settings import Settings
from semantic_matte.types import Box, ByteArray, FloatArray, Instance, Plate

if TYPE_CHECKING:
    from typing_extensions import Self

# The grey that a picture is padded with, of 255.
PADDING = 114
# For models that take any size: the longer side of what they are given, and what both sides are multiples of.
LONG_SIDE = 640
STRIDE = 32
# Boxes of one class that overlap more than this are one object.
DUPLICATE_IOU = 0.7
# The surest candidates that are compared with each other at all.
MOST_CANDIDATES = 30_000


@dataclass(frozen=True)
class Letterbox:
    """How a frame lies in a network's input: scaled to fit, centred, padded.

    frame_size, input_size: (h, w). content: the frame's place in the input.
    """

    frame_size: tuple[int, int]
    input_size: tuple[int, int]
    content: Box

    @classmethod
    def fit(cls, frame_size: tuple[int, int], largest: tuple[int, int], stride: int | None) -> Letterbox:
        """The frame scaled to fit into `largest` (h, w).

        stride: None pads to all of `largest`, a number to the next multiple of it.
        """
        height, width = frame_size
        scale = min(largest[0] / height, largest[1] / width)
        inner = max(1, round(height * scale)), max(1, round(width * scale))
        spare = largest[0] - inner[0], largest[1] - inner[1]
        if stride is not None:
            spare = spare[0] % stride, spare[1] % stride
        # Ultralytics' rounding: an odd pixel of padding goes below and to the right.
        top, left = (round(side / 2 - 0.1) for side in spare)
        content = Box(left, top, left + inner[1], top + inner[0])
        return cls(frame_size, (inner[0] + spare[0], inner[1] + spare[1]), content)

    def place(self, picture: ByteArray) -> FloatArray:
        """(1, 3, h, w) float32 in [0, 1] of a picture (H, W, 3) uint8; the order of colours stays."""
        size = self.content.width, self.content.height
        if picture.shape[1::-1] != size:
            picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR), dtype=np.uint8)
        canvas = np.full((*self.input_size, 3), PADDING, dtype=np.uint8)
        canvas[self.content.slices] = picture
        return np.ascontiguousarray(canvas.transpose(2, 0, 1)[None]).astype(np.float32) / np.float32(255)

    def to_frame(self, corners: FloatArray) -> FloatArray:
        """Corners (n, 4) in pixels of the input as such of the frame, not clipped to it."""
        offset = np.array([self.content.x0, self.content.y0] * 2, dtype=np.float32)
        height, width = self.frame_size
        stretch = np.array([width / self.content.width, height / self.content.height] * 2, dtype=np.float32)
        return np.asarray((corners - offset) * stretch, dtype=np.float32)

    def lie(self, cells: tuple[int, int]) -> Lie:
        """Where the frame lies in a map of (h, w) cells over the whole input."""
        down, right = cells[0] / self.input_size[0], cells[1] / self.input_size[1]
        box = self.content
        return Lie(self.frame_size, box.y0 * down, box.x0 * right, box.y1 * down, box.x1 * right)


class OnnxYoloSegmenter:
    """Finds what a YOLO segmentation network was trained for. Masks may overlap."""

    name = "onnx"

    def __init__(self, model: str, settings: Settings) -> None:
        """model: the file's path.

        Raises UsageError without a path, MissingPackageError, DeviceError, WeightsError for a file that can't
        be understood, or UnknownNameError for a name in `find` that the network doesn't have.
        """
        if not model:
            raise UsageError("Segmenter 'onnx' needs its model: name it as onnx:path/to/model.onnx.")
        path = find_model_file(Path(model), f"Segmenter '{self.name}'")
        self._model = open_onnx(path, settings.device, f"segmenter '{self.name}'")
        self._input = _picture_input(self._model)
        self._kind = self._model.picture_kind(self._input)
        self._layout = self._read_layout()
        self._wanted = Wanted.of(settings, self._layout.names)
        self.labels: Sequence[str] = self._layout.names
        self.device = self._model.device
        self.models: Sequence[Mapping[str, str]] = (describe_model_file(path),)

    def with_settings(self, settings: Settings) -> Self:
        """See `ports.TakesSettings`. Raises UnknownNameError as the constructor does."""
        other = copy.copy(self)
        other._wanted = Wanted.of(settings, self._layout.names)
        return other

    def segment(self, plate: Plate, progress: Progress) -> list[Instance]:
        """See `ports.Segmenter`. Raises ValueShapeError or WeightsError if the model fails, DeviceError without
        memory."""
        progress.advance(ProgressEvent("segmenting", 0, 1))
        for notice in self._model.notices:
            progress.notice(notice)
        box = self._letterbox(plate.size)
        with memory_told(f"Segmenter '{self.name}'", self.device, "take a smaller model"):
            found, prototypes = self._run(box.place(shown_bytes(plate)))
        candidates = self._layout.read(found, self._model.name)
        thresholds = np.array([self._wanted.threshold(name) for name in self._layout.names], dtype=np.float32)
        candidates = candidates[candidates.scores >= thresholds[candidates.classes]]
        if self._layout.kind != "corners":
            candidates = candidates[_without_duplicates(candidates)]
        else:
            candidates = candidates[np.argsort(-candidates.scores, kind="stable")]
        candidates = candidates[np.arange(self._wanted.limit(len(candidates.scores), progress))]
        return self._instances(plate, box, candidates, np.asarray(prototypes[0], dtype=np.float32), progress)

    def _instances(
        self, plate: Plate, box: Letterbox, candidates: Candidates, prototypes: FloatArray, progress: Progress
    ) -> list[Instance]:
        """Those of the candidates that have a mask inside their box and the frame. prototypes: (P, h, w)."""
        lie = box.lie((prototypes.shape[1], prototypes.shape[2]))
        instances = []
        for number, corners in enumerate(box.to_frame(candidates.corners)):
            progress.advance(ProgressEvent("segmenting", number, len(candidates.scores)))
            x0, y0, x1, y1 = np.ceil(corners).astype(int).tolist()
            inside = Box(x0, y0, x1, y1).intersection(plate.box) if x0 < x1 and y0 < y1 else None
            if inside is None:
                continue
            soft = np.tensordot(candidates.coefficients[number], prototypes, axes=1)
            label = self._layout.names[candidates.classes[number]]
            score = float(np.clip(candidates.scores[number], 0.0, 1.0))
            instance = instance_of_map(soft, 0.0, lie, label, score, inside)
            if instance is not None:
                instances.append(instance)
        return instances

    def _letterbox(self, frame_size: tuple[int, int]) -> Letterbox:
        """For a model of one size: all of it. Else the size that it was exported for, as far as it is
        needed."""
        fixed = _fixed_size(self._input)
        if fixed is not None:
            return Letterbox.fit(frame_size, fixed, None)
        stride = read_number(self._model, "stride", STRIDE)
        long_side = read_number(self._model, "imgsz", LONG_SIDE)
        long_side = -(-long_side // stride) * stride
        return Letterbox.fit(frame_size, (long_side, long_side), stride)

    def _run(self, picture: FloatArray) -> tuple[npt.NDArray[np.generic], npt.NDArray[np.generic]]:
        """The network's found objects (1, ., .) and prototypes (1, P, h, w) for a picture (1, 3, h, w)."""
        outputs = [self._layout.found, self._layout.prototypes]
        found, prototypes = self._model.run(outputs, self._fed(picture))
        return found[:1], prototypes[:1]

    def _fed(self, picture: FloatArray) -> dict[str, npt.NDArray[Any]]:
        """The picture in the model's kind of numbers, as often as its batch, if that is fixed."""
        batch = self._input.shape[0]
        count = batch if isinstance(batch, int) and batch > 0 else 1
        return {self._input.name: np.repeat(picture, count, axis=0).astype(self._kind)}

    def _read_layout(self) -> YoloLayout:
        """From the shapes that the file states; what it leaves open is seen on a grey picture."""
        fixed = _fixed_size(self._input)
        shapes = {one.name: [_size(side) for side in one.shape or ()] for one in self._model.outputs}
        settled = [shape for shape in shapes.values() if len(shape) == 3 and all(shape[1:])]
        settled += [shape for shape in shapes.values() if len(shape) == 4 and shape[1]]
        if len(settled) == len(shapes) == 2:
            return read_layout(self._model, shapes, fixed)
        size = self._letterbox((LONG_SIDE, LONG_SIDE)).input_size
        answers = self._model.run(list(shapes), self._fed(np.full((1, 3, *size), 0.5, dtype=np.float32)))
        seen = {name: list(answer.shape) for name, answer in zip(shapes, answers, strict=True)}
        return read_layout(self._model, seen, size)


def _size(side: object) -> Size:
    """A fixed size, or None."""
    return side if isinstance(side, int) and side > 0 else None


def _fixed_size(one: Any) -> tuple[int, int] | None:
    """(h, w) of a model's input, if both are fixed; one of two counts for both."""
    sides = [side for side in map(_size, one.shape[2:]) if side is not None]
    return (sides[0], sides[-1]) if sides else None


def _picture_input(model: OnnxModel) -> Any:
    """The model's only input. Raises WeightsError unless it is a picture (N, 3, H, W)."""
    inputs = model.inputs
    if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].shape[1] != 3:
        told = ", ".join(f"'{one.name}' {tuple(one.shape)}" for one in inputs)
        raise WeightsError(
            f"The ONNX model '{model.name}': expected one input, a picture of shape (N, 3, H, W), got {told}."
        )
    return inputs[0]


def _without_duplicates(candidates: Candidates) -> npt.NDArray[np.intp]:
    """Greedy non-maximum suppression class by class: rows to keep, surest first."""
    order = np.argsort(-candidates.scores, kind="stable")[:MOST_CANDIDATES]
    kept = [np.empty(0, dtype=np.intp)]
    for number in np.unique(candidates.classes[order]):
        rows = order[candidates.classes[order] == number]
        kept.append(rows[without_duplicates(candidates.corners[rows], candidates.scores[rows], DUPLICATE_IOU)])
    surest = np.concatenate(kept)
    return surest[np.argsort(-candidates.scores[surest], kind="stable")]
