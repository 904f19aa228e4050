"""The embedded segmenter: NanoDet finds boxes with COCO names, a network of our own draws each one's mask.

Where nothing that has a name is found, U^2-Net-p gives what stands out of the frame, under the name `subject`.
All three are small and licence-clean; see `weights/manifest.yaml`.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from semantic_matte.device_memory import Room, memory_told
from semantic_matte.ports import Progress, ProgressEvent
from semantic_matte.segmenters.choice import Wanted
from semantic_matte.segmenters.coco import COCO_NAMES
from semantic_matte.segmenters.starter_boxes import detect
from semantic_matte.segmenters.starter_masks import draw_masks, settle
from semantic_matte.segmenters.subject import SUBJECT, find_subject
from semantic_matte.settings import Settings
from semantic_matte.types import Box, FloatArray, Instance, Plate
from semantic_matte.weights import find_model, load_network, load_weights

if TYPE_CHECKING:
    from typing_extensions import Self

    from semantic_matte.networks.u2netp import U2NetP

# The most objects that are looked at in one frame where `find` chooses among them.
MOST_CANDIDATES = 300
# What is used in every frame, and what only where nothing that has a name is found.
MODELS, SUBJECT_MODEL = ("nanodet", "box_mask", "class_shapes"), "u2netp"


class _Networks:
    """The loaded models, which segmenters with different controls share."""

    def __init__(self, device: str) -> None:
        """Loads those that every frame needs. Raises WeightsError."""
        import torch

        from semantic_matte.networks.box_mask import BoxMask
        from semantic_matte.networks.nanodet import NanoDet

        self.device = device
        self.detector = NanoDet()
        load_network(self.detector, "nanodet", device)
        self.masks = BoxMask()
        load_network(self.masks, "box_mask", device)
        # Channels last: on a CPU that halves both networks' time.
        for network in (self.detector, self.masks):
            network.to(memory_format=torch.channels_last)
        self.shapes: FloatArray = load_weights("class_shapes")["shapes"].float().numpy()

    @functools.cached_property
    def saliency(self) -> U2NetP:
        """Loaded when first needed: most frames show something that has a name."""
        from semantic_matte.networks.u2netp import U2NetP

        network = U2NetP()
        load_network(network, SUBJECT_MODEL, self.device)
        return network


class StarterSegmenter:
    """Finds the 80 kinds of objects of COCO, and the subject of a picture that shows none of them."""

    name = "starter"
    labels: Sequence[str] = (*COCO_NAMES, SUBJECT)

    def __init__(self, settings: Settings, device: str) -> None:
        """Loads the networks. Raises UnknownNameError for a name in `find` that COCO lacks."""
        self.device = device
        self._take(settings)
        self._networks = _Networks(device)

    def _take(self, settings: Settings) -> None:
        """Begin a run with these controls."""
        self._settings = settings
        self._wanted = Wanted.of(settings, self.labels)
        self._room = Room(f"Segmenter '{self.name}'", self.device)
        self._used = [*MODELS]

    def with_settings(self, settings: Settings) -> Self:
        """See `ports.TakesSettings`. Raises UnknownNameError as the constructor does."""
        other = copy.copy(self)
        other._take(settings)
        return other

    @property
    def models(self) -> Sequence[Mapping[str, str]]:
        """The model files that were needed so far."""
        return tuple(find_model(name).describe() for name in self._used)

    def segment(self, plate: Plate, progress: Progress) -> list[Instance]:
        """See `ports.Segmenter`. Masks of different instances share no pixel. Raises DeviceError without
        memory."""
        progress.advance(ProgressEvent("segmenting", 0, 1))
        with memory_told(f"Segmenter '{self.name}'", self.device):
            return self._segment(plate, progress)

    def _segment(self, plate: Plate, progress: Progress) -> list[Instance]:
        """As `segment`."""
        instances = self._named(plate, progress)
        labels = self._wanted.labels
        asked = bool(self._settings.find) and labels is not None and SUBJECT in labels
        if asked or (not instances and labels is None):
            network = self._networks.saliency
            if SUBJECT_MODEL not in self._used:
                self._used.append(SUBJECT_MODEL)
            found = find_subject(network, self.device, plate)
            if found is not None and found.score >= self._wanted.threshold(SUBJECT):
                if not asked:
                    progress.notice(
                        f"No object that has a name was found; what stands out of the frame is taken as "
                        f"'{SUBJECT}'."
                    )
                instances = sorted([*instances, found], key=lambda one: -one.score)
        return instances

    def _named(self, plate: Plate, progress: Progress) -> list[Instance]:
        """Objects of COCO's classes, surest first."""
        thresholds = [self._wanted.threshold(label) for label in COCO_NAMES]
        if min(thresholds) > 1:
            return []
        networks = self._networks
        detections = detect(networks.detector, self.device, plate, thresholds, MOST_CANDIDATES)
        detections = detections[: self._wanted.limit(len(detections), progress)]
        claims: dict[int, tuple[Box, FloatArray]] = {}
        for place, window, claim in draw_masks(networks.masks, self._room, plate, detections, networks.shapes):
            claims[place] = (window, claim)
            progress.advance(ProgressEvent("segmenting", len(claims), len(detections)))
        for sentence in self._room.notices:
            progress.notice(sentence)
        return settle(plate, detections, [claims[place] for place in range(len(detections))])
