"""Networks of transformers with a head for instances: queries, each with a class and a mask of the frame.

Sources: Cheng et al., "Masked-attention Mask Transformer for Universal Image Segmentation", CVPR 2022
(Mask2Former), and the same authors' MaskFormer, NeurIPS 2021; Jain et al., "OneFormer", CVPR 2023; Kerssies et
al., "Your ViT is Secretly an Image Segmentation Model", CVPR 2025 (EoMT); Carion et al., "End-to-End Object
Detection with Transformers", ECCV 2020 (DETR); Robinson et al., "RF-DETR", 2025.

Pictures are prepared by the model's own processor. Scores are made as in transformers' own
`post_process_instance_segmentation`, with a mask's certainty taken at the network's size; masks are the
queries' maps, carried up smoothly as in the papers' code. The library cuts maps at the network's size (384
pixels a side for Mask2Former), enlarges the steps, and holds all queries at the plate's size at once. A query
is one object: it gives its best class only.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PIL import Image

from semantic_matte.errors import ValueShapeError, WeightsError
from semantic_matte.ports import Progress, ProgressEvent
from semantic_matte.segmenters.choice import Wanted
from semantic_matte.segmenters.mask_maps import Lie, instance_of_map
from semantic_matte.segmenters.picture import shown_bytes
from semantic_matte.segmenters.transformers_running import USER, numbers, on_device, running
from semantic_matte.settings import Settings
from semantic_matte.transformers_folders import ModelFolder, load_network, load_part, transformers_class
from semantic_matte.types import FloatArray, Instance, Plate

if TYPE_CHECKING:
    from torch import Tensor
    from typing_extensions import Self


@dataclass(frozen=True)
class Head:
    """How a family of networks answers.

    network: transformers' class. classes, masks: fields of its output, (1, Q, C) and (1, Q, h, w) of logits.
    has_nothing: whether the last class stands for nothing, and classes exclude each other. weighs_mask: whether
    the score is the class's times the mean of the mask's own certainty.
    """

    network: str
    classes: str = "class_queries_logits"
    masks: str = "masks_queries_logits"
    has_nothing: bool = True
    weighs_mask: bool = True


HEADS: dict[str, Head] = {
    "mask2former": Head("Mask2FormerForUniversalSegmentation"),
    "maskformer": Head("MaskFormerForInstanceSegmentation"),
    "oneformer": Head("OneFormerForUniversalSegmentation", weighs_mask=False),
    "eomt": Head("EomtForUniversalSegmentation"),
    "eomt_dinov3": Head("EomtDinov3ForUniversalSegmentation"),
    "detr": Head("DetrForSegmentation", "logits", "pred_masks", weighs_mask=False),
    "rf_detr": Head("RfDetrForInstanceSegmentation", "logits", "pred_masks", False, False),
}


class InstanceHeads:
    """Finds what one of these networks was trained for. Masks may overlap."""

    name = "transformers"

    def __init__(self, folder: ModelFolder, settings: Settings, device: str) -> None:
        """Raises MissingPackageError, WeightsError, or UnknownNameError for a name in `find` that it lacks."""
        self.device = device
        self._type = folder.model_type
        self._head = HEADS[self._type]
        self._network = _load(folder, self._head).to(device)
        self._names = _names(self._network.config, folder)
        self._processor = _processor(folder, self._type, self._network.config)
        self.labels: Sequence[str] = tuple(dict.fromkeys(self._names.values()))
        self._wanted = Wanted.of(settings, self.labels)
        self.models: Sequence[Mapping[str, str]] = tuple(folder.describe())

    def with_settings(self, settings: Settings) -> Self:
        """See `ports.TakesSettings`. Raises UnknownNameError as the constructor does."""
        other = copy.copy(self)
        other._wanted = Wanted.of(settings, self.labels)
        return other

    def segment(self, plate: Plate, progress: Progress) -> list[Instance]:
        """See `ports.Segmenter`. Raises ValueShapeError if the model fails, DeviceError without memory."""
        progress.advance(ProgressEvent("segmenting", 0, 1))
        with running(self.device):
            encoding, content = self._prepare(Image.fromarray(shown_bytes(plate)))
            height, width = encoding["pixel_values"].shape[-2:]
            output = self._network(**on_device(encoding, self.device))
            masks = getattr(output, self._head.masks)[0].float()
            lie = Lie(
                plate.size,
                0.0,
                0.0,
                content[0] * masks.shape[-2] / height,
                content[1] * masks.shape[-1] / width,
            )
            # What a network says of its padding is no part of the object.
            masks = masks[:, : math.ceil(lie.bottom), : math.ceil(lie.right)]
            scores, classes = self._scores(getattr(output, self._head.classes)[0].float(), masks)
        chosen = self._chosen(scores, classes)
        rows = chosen[: self._wanted.limit(len(chosen), progress)]
        instances = []
        for done, (row, label) in enumerate(rows):
            progress.advance(ProgressEvent("segmenting", done, len(rows)))
            score = min(max(float(scores[row]), 0.0), 1.0)
            instance = instance_of_map(numbers(masks[row]), 0.0, lie, label, score)
            if instance is not None:
                instances.append(instance)
        return instances

    def _prepare(self, picture: Image.Image) -> tuple[dict[str, Any], tuple[int, int]]:
        """What the network takes, and how many rows and columns of its pixels are picture and not padding."""
        given: dict[str, Any] = {"images": picture, "return_tensors": "pt"}
        if self._type == "oneformer":
            given |= {"images": [picture], "task_inputs": ["instance"]}
        size = None
        if self._type.startswith("eomt"):
            # It pads on the right and below, and does not tell how much.
            plain = {"do_split_image": False, "do_pad": False}
            size = self._processor(**given, **plain)["pixel_values"].shape[-2:]
            given |= {"do_split_image": False, "do_pad": True}
        encoding = dict(self._processor(**given))
        encoding.pop("patch_offsets", None)
        if size is None and "pixel_mask" in encoding:
            real = encoding["pixel_mask"][0].bool()
            size = int(real.any(dim=1).sum()), int(real.any(dim=0).sum())
        rows, columns = size or encoding["pixel_values"].shape[-2:]
        return encoding, (int(rows), int(columns))

    def _scores(self, classes: Tensor, masks: Tensor) -> tuple[FloatArray, FloatArray]:
        """The score of each query and the number of its best class, both (Q,).

        classes: (Q, C) logits. masks: (Q, h, w) logits.
        """
        chances = classes.softmax(-1)[:, :-1] if self._head.has_nothing else classes.sigmoid()
        scores, best = chances.max(-1)
        if self._head.weighs_mask:
            inside = (masks > 0).float()
            certain = (masks.sigmoid() * inside).flatten(1).sum(1) / (inside.flatten(1).sum(1) + 1e-6)
            scores = scores * certain
        return numbers(scores), numbers(best)

    def _chosen(self, scores: FloatArray, classes: FloatArray) -> list[tuple[int, str]]:
        """Queries that were asked for, surest first, with their labels."""
        rows = []
        for row in (-scores).argsort(kind="stable").tolist():
            if scores[row] < self._wanted.least_confidence:
                break
            number = int(classes[row])
            if number not in self._names:
                raise ValueShapeError(f"{USER}: its model gave class {number}, which its config does not name.")
            if scores[row] >= self._wanted.threshold(self._names[number]):
                rows.append((row, self._names[number]))
        return rows


def _load(folder: ModelFolder, head: Head) -> Any:
    """The network on the CPU. Backbones come from the folder, never from elsewhere. Raises WeightsError."""
    network = transformers_class(head.network, USER)
    config = load_part(transformers_class("AutoConfig", USER), folder.path, "config")
    if getattr(config, "use_pretrained_backbone", False):
        config.use_pretrained_backbone = False
    return load_network(network, folder.path, folder.model_type, config=config)


def _names(config: Any, folder: ModelFolder) -> dict[int, str]:
    """The label of each class by number. Raises WeightsError if the config has none."""
    try:
        names = {int(number): str(name).strip() for number, name in dict(config.id2label).items()}
    except (TypeError, ValueError, AttributeError):
        names = {}
    if not names or not all(names.values()):
        raise WeightsError(f"'{folder.path}': expected a name for each class in its config's 'id2label'.")
    return names


def _processor(folder: ModelFolder, model_type: str, config: Any) -> Any:
    """What prepares pictures for the network, as its folder says. Raises WeightsError."""
    automatic = transformers_class("AutoImageProcessor", USER)
    if model_type != "oneformer":
        return load_part(automatic, folder.path, "image processor")
    # Its list of classes is for training and lies in a repository of its own, which would be fetched.
    folder.require_tokenizer()
    images = load_part(automatic, folder.path, "image processor", class_info_file=None)
    words = load_part(transformers_class("AutoTokenizer", USER), folder.path, "tokenizer")
    return transformers_class("OneFormerProcessor", USER)(
        image_processor=images, tokenizer=words, task_seq_length=config.task_seq_len
    )
