"""What segmenters by a library's detector (boxes, names, scores, small masks in boxes) have in common."""

from __future__ import annotations

import contextlib
import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from semantic_matte.device_memory import memory_told
from semantic_matte.ports import Progress, ProgressEvent
from semantic_matte.segmenters.choice import Wanted
from semantic_matte.segmenters.picture import shown_bytes
from semantic_matte.settings import Settings
from semantic_matte.types import BoolArray, Box, ByteArray, FloatArray, Instance, Plate

if TYPE_CHECKING:
    from torch import Tensor
    from typing_extensions import Self

# Detections that a model is let keep for one picture; its own number if that is larger.
LEAST_DETECTIONS = 100
# A pixel is of the object from this value of its mask on, as both libraries have it.
MASK_LEVEL = 0.5


@dataclass(frozen=True, eq=False)
class Detections:
    """What a detector found in a picture, in its order.

    labels: (n) names; empty where the network gave a class that has none. scores: (n,) float32 in [0, 1].
    boxes: (n, 4) float32, x0, y0, x1, y1 in pixels of the picture. masks: (n, m, m) float32 in [0, 1], each
    over its box.
    """

    labels: Sequence[str]
    scores: FloatArray
    boxes: Tensor
    masks: Tensor


class Detector(ABC):
    """A segmenter whose subclass detects and pastes, each as its library does."""

    name: str

    def __init__(self, settings: Settings, device: str, labels: Sequence[str]) -> None:
        """Raises UnknownNameError for a name in `find` that is not among the labels."""
        self.device = device
        self.labels = tuple(labels)
        self.models: Sequence[Mapping[str, str]] = ()
        self._notices: tuple[str, ...] = ()
        self._settings = settings
        self._wanted = Wanted.of(settings, self.labels)

    def with_settings(self, settings: Settings) -> Self:
        """See `ports.TakesSettings`. Raises UnknownNameError as the constructor does."""
        other = copy.copy(self)
        other._settings = settings
        other._wanted = Wanted.of(settings, self.labels)
        return other

    def segment(self, plate: Plate, progress: Progress) -> list[Instance]:
        """See `ports.Segmenter`. Masks of different instances may overlap. Raises DeviceError."""
        import torch

        for sentence in self._notices:
            progress.notice(sentence)
        progress.advance(ProgressEvent("segmenting", 0, 1))
        instances = []
        with self._memory(), torch.inference_mode():
            self._limit_model()
            found = self._detect(shown_bytes(plate))
            rows = self._chosen(found, progress)
            for done, row in enumerate(rows, start=1):
                mask, window = self._paste(found, row, plate.size)
                if mask.any():
                    score, frame = min(float(found.scores[row]), 1.0), plate.box.relative_to(window)
                    instances.append(Instance.from_mask(mask, found.labels[row], score, offset=frame))
                progress.advance(ProgressEvent("segmenting", done, len(rows)))
        return instances

    @abstractmethod
    def _limit_model(self) -> None:
        """Give the model `_model_threshold` and `_most_detections`: it may be shared with segmenters of other
        settings."""

    @abstractmethod
    def _detect(self, picture: ByteArray) -> Detections:
        """picture: (H, W, 3) uint8 RGB, display-referred."""

    @abstractmethod
    def _paste(self, found: Detections, row: int, size: tuple[int, int]) -> tuple[BoolArray, Box]:
        """The mask of one detection on a window of the frame, and the window. size: (H, W) of the frame."""

    @property
    def _model_threshold(self) -> float:
        """What the model itself has to cut below: the lowest score asked for passes its `>`."""
        least = np.float32(self._wanted.least_confidence)
        return float(np.nextafter(least, np.float32(0.0)))

    @property
    def _most_detections(self) -> int:
        """How many detections of a picture the model has to keep."""
        return max(LEAST_DETECTIONS, self._settings.max_instances)

    def _chosen(self, found: Detections, progress: Progress) -> list[int]:
        """Rows that were asked for, surest first."""
        rows = [
            row
            for row in np.argsort(-found.scores, kind="stable").tolist()
            if found.labels[row] and found.scores[row] >= np.float32(self._wanted.threshold(found.labels[row]))
        ]
        return rows[: self._wanted.limit(len(rows), progress)]

    def _memory(self) -> contextlib.AbstractContextManager[None]:
        """Inside, running out of memory is a DeviceError. A picture can't be taken in parts: an object may be
        as large as the frame."""
        return memory_told(f"Segmenter '{self.name}'", self.device, "take a smaller model")
