"""Mask R-CNN by torchvision: its official weights, or a state dictionary of the user's own.

Source: He, Gkioxari, Dollár & Girshick, "Mask R-CNN", ICCV 2017; torchvision's `maskrcnn_resnet50_fpn` and
`maskrcnn_resnet50_fpn_v2`. A file of one's own is a state dictionary of either, whatever its number of classes;
the file beside it that names them (see `class_names`) may also say `batch_norm_eps`, which no state dictionary
tells.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semantic_matte.errors import MissingPackageError, UnknownNameError, WeightsError
from semantic_matte.model_files import describe_model_file, find_model_file, first_line
from semantic_matte.safe_loading import read_tensors
from semantic_matte.segmenters.class_names import ENDING, class_names, read_notes, unnamed
from semantic_matte.segmenters.detector import MASK_LEVEL, Detections, Detector
from semantic_matte.settings import Settings
from semantic_matte.types import BoolArray, Box, ByteArray
from semantic_matte.weights import find_model, local_model

if TYPE_CHECKING:
    from torch import Tensor

# torchvision's names of its models, of their weights, and ours in the manifest.
V1, V2 = "maskrcnn_resnet50_fpn", "maskrcnn_resnet50_fpn_v2"
WEIGHTS = {V1: "MaskRCNN_ResNet50_FPN_Weights", V2: "MaskRCNN_ResNet50_FPN_V2_Weights"}
MANIFEST = {V1: "torchvision_mask_rcnn_v1", V2: "torchvision_mask_rcnn_v2"}
VERSIONS = ("COCO_V1", "DEFAULT")
# torchvision lists names for all of COCO's category ids, and calls those that COCO never used so.
NO_CLASS = "N/A"
COCO_CLASSES = 91
# Of the layers whose statistics are frozen: what the official weights of v1 were trained with.
OFFICIAL_EPS = 0.0
# Keys that tell one model from the other, and how many classes a file has.
V1_KEY = "roi_heads.box_head.fc6.weight"
SCORES_KEY = "roi_heads.box_predictor.cls_score.weight"
FROZEN_UNLESS = "backbone.body.bn1.num_batches_tracked"


@dataclass(frozen=True)
class _Layout:
    """Which network a state dictionary is of. classes: with the background. eps: None if nothing is frozen."""

    architecture: str
    classes: int
    eps: float | None


class TorchvisionMaskRcnn(Detector):
    """torchvision's own network and boxes; masks are pasted by its own function, one at a time."""

    name = "torchvision"

    def __init__(self, model: str, settings: Settings, device: str) -> None:
        """model: a name of torchvision's model or its weights, or a file; empty: v2.

        Raises UnknownNameError, MissingPackageError, DeviceError, or WeightsError for weights that are not here
        or do not fit.
        """
        _require_torchvision()
        from semantic_matte.networks.half_precision import half_type, type_title

        architecture = _official(model)
        if architecture:
            layout = _Layout(architecture, COCO_CLASSES, OFFICIAL_EPS if architecture == V1 else None)
            self._classes = _coco_classes(architecture)
            self._start(settings, device)
            row = local_model(MANIFEST[architecture], settings.accept_licence)
            described, state = row.describe(), read_tensors(row.path)
        else:
            path = _own_file(model)
            state, notes = _without_prefix(read_tensors(path)), read_notes(path)
            layout = _layout(state, notes, path)
            self._classes = _own_classes(layout, notes, path)
            self._start(settings, device)
            described = describe_model_file(path)
            official = described["sha256"].startswith(find_model(MANIFEST[V1]).sha256)
            if layout.eps is not None and "batch_norm_eps" not in notes and not official:
                self._notices = (_eps_notice(path),)
        kind = half_type(device)
        self.models = ({**described, "dtype": type_title(kind)},)
        with self._memory():
            self._model = _build(layout, self._model_threshold, self._most_detections)
            _load(self._model, state, described["name"])
            self._model.eval().to(device)
        if kind is not None:
            _use_half(self._model, device, kind)

    def _start(self, settings: Settings, device: str) -> None:
        """Names are checked before weights are read."""
        super().__init__(settings, device, [name for name in self._classes if name])

    def _limit_model(self) -> None:
        """See `Detector`."""
        self._model.roi_heads.score_thresh = self._model_threshold
        self._model.roi_heads.detections_per_img = self._most_detections

    def _detect(self, picture: ByteArray) -> Detections:
        """What `torchvision.models.detection.MaskRCNN` does, less its pasting of all masks at once."""
        import torch
        from torchvision.models.detection.transform import resize_boxes

        seen = torch.from_numpy(picture).to(self.device).permute(2, 0, 1).float() / 255
        images, _ = self._model.transform([seen])
        features = self._model.backbone(images.tensors)
        proposals, _ = self._model.rpn(images, features)
        (found,), _ = self._model.roi_heads(features, proposals, images.image_sizes)
        boxes = resize_boxes(found["boxes"], images.image_sizes[0], picture.shape[:2])
        return Detections(
            [self._classes[label] for label in found["labels"].tolist()],
            found["scores"].cpu().numpy(),
            boxes,
            found["masks"][:, 0],
        )

    def _paste(self, found: Detections, row: int, size: tuple[int, int]) -> tuple[BoolArray, Box]:
        """By torchvision's function, on the part of the frame that the box can reach."""
        import torch
        from torchvision.models.detection.roi_heads import expand_boxes, expand_masks, paste_mask_in_image

        mask, scale = expand_masks(found.masks[row][None, None], padding=1)
        corners = expand_boxes(found.boxes[row][None], scale).to(torch.int64)[0].cpu()
        x0, y0, x1, y1 = corners.tolist()
        # A box at the very edge may round to beyond it; the window then shows the last row or column, unset.
        left, top = min(max(x0, 0), size[1] - 1), min(max(y0, 0), size[0] - 1)
        window = Box(left, top, max(min(x1 + 1, size[1]), left + 1), max(min(y1 + 1, size[0]), top + 1))
        inside = corners - torch.tensor([left, top, left, top])
        soft: Tensor = paste_mask_in_image(mask[0, 0], inside, window.height, window.width)
        return (soft >= MASK_LEVEL).cpu().numpy(), window


def _require_torchvision() -> None:
    """Raises MissingPackageError where torchvision can't be loaded, as with another torch than its own."""
    import torch

    try:
        import torchvision.models.detection  # noqa: F401
    except (ImportError, RuntimeError, AttributeError) as error:
        raise MissingPackageError(
            f"Segmenter 'torchvision' needs the torchvision that belongs to torch {torch.__version__}: install "
            f"the two together ({first_line(error)})."
        ) from None


def _official(model: str) -> str:
    """The architecture that a name stands for, empty if it is not among torchvision's names of any."""
    if not model:
        return V2
    for architecture, weights in WEIGHTS.items():
        if model in (architecture, weights, *(f"{weights}.{version}" for version in VERSIONS)):
            return architecture
    return ""


def _own_file(model: str) -> Path:
    """The user's file. Raises UnknownNameError for a text that rather is a name, WeightsError for no file."""
    path = Path(model)
    if path.suffix.lower() not in (".pth", ".pt", ".bin", ".safetensors") and not path.expanduser().is_file():
        known = [V1, V2, *(f"{weights}.{VERSIONS[0]}" for weights in WEIGHTS.values()), "path/to/weights.pth"]
        raise UnknownNameError("torchvision model", model, known)
    return find_model_file(path, "Segmenter 'torchvision'")


def _coco_classes(architecture: str) -> tuple[str, ...]:
    """Names by the network's class numbers, from torchvision's metadata; empty: no name."""
    from torchvision.models import detection

    categories = getattr(detection, WEIGHTS[architecture])[VERSIONS[0]].meta["categories"]
    return ("", *("" if name == NO_CLASS else str(name) for name in categories[1:]))


def _own_classes(layout: _Layout, notes: Mapping[str, Any], path: Path) -> tuple[str, ...]:
    """The same for the user's file: by the notes beside it, else COCO's if it has as many."""
    names = class_names(notes, layout.classes - 1)
    if names is not None:
        return ("", *names)
    if layout.classes != COCO_CLASSES:
        raise unnamed(path, layout.classes - 1)
    return _coco_classes(layout.architecture)


def _without_prefix(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Without the "module." that a model trained on several GPUs has before every name."""
    if all(name.startswith("module.") for name in state):
        return {name.removeprefix("module."): value for name, value in state.items()}
    return state


def _layout(state: Mapping[str, Tensor], notes: Mapping[str, Any], path: Path) -> _Layout:
    """Raises WeightsError for a file that is of neither network."""
    scores = state.get(SCORES_KEY)
    if scores is None or scores.ndim != 2:
        raise WeightsError(
            f"'{path}' is no state dictionary of torchvision's Mask R-CNN: it has no '{SCORES_KEY}'."
        )
    architecture = V1 if V1_KEY in state else V2
    if architecture == V2 or FROZEN_UNLESS in state:
        return _Layout(architecture, len(scores), None)
    told = notes.get("batch_norm_eps", OFFICIAL_EPS)
    try:
        # YAML takes 1e-5 for text.
        eps = float(told)
    except (TypeError, ValueError):
        eps = -1.0
    if not 0.0 <= eps < 1.0:
        raise WeightsError(
            f"'{notes['file']}': expected a number from 0 to 1 as 'batch_norm_eps', got {told!r}."
        )
    return _Layout(architecture, len(scores), eps)


def _eps_notice(path: Path) -> str:
    return (
        f"'{path.name}' is taken as trained from torchvision's COCO_V1, whose frozen batch normalisation has "
        "an epsilon of 0; if it was trained from ImageNet alone, say 'batch_norm_eps: 1e-5' in "
        f"'{path.stem}{ENDING}' beside it."
    )


def _build(layout: _Layout, threshold: float, most: int) -> Any:
    """The network with random weights, as torchvision builds it for such weights; nothing is fetched."""
    from torch.nn import BatchNorm2d
    from torchvision.models.detection import MaskRCNN, maskrcnn_resnet50_fpn_v2
    from torchvision.models.detection.backbone_utils import resnet_fpn_backbone
    from torchvision.ops import FrozenBatchNorm2d

    limits: dict[str, Any] = {"box_score_thresh": threshold, "box_detections_per_img": most}
    if layout.architecture == V2:
        return maskrcnn_resnet50_fpn_v2(
            weights=None, weights_backbone=None, num_classes=layout.classes, **limits
        )
    norm: Any = BatchNorm2d if layout.eps is None else functools.partial(FrozenBatchNorm2d, eps=layout.eps)
    backbone = resnet_fpn_backbone(backbone_name="resnet50", weights=None, norm_layer=norm)
    return MaskRCNN(backbone, num_classes=layout.classes, **limits)


def _load(network: Any, state: dict[str, Tensor], name: str) -> None:
    """Raises WeightsError unless the file has every weight of the network, and no other."""
    try:
        report = network.load_state_dict(state, strict=False)
    except RuntimeError as error:
        raise WeightsError(
            f"'{name}' does not fit torchvision's Mask R-CNN: {str(error).splitlines()[-1].strip()}"
        ) from None
    for keys, said in ((report.missing_keys, "lacks"), (report.unexpected_keys, "has beyond what it needs")):
        if keys:
            raise WeightsError(f"'{name}' does not fit torchvision's Mask R-CNN: it {said} '{min(keys)}'.")


def _use_half(network: Any, device: str, kind: Any) -> None:
    """Features are computed in half precision; anchors, boxes and scores stay single."""
    from semantic_matte.networks.half_precision import in_half

    heads = network.roi_heads
    parts = [network.backbone, network.rpn.head, heads.box_head, heads.box_predictor, heads.mask_head]
    for part in (*parts, heads.mask_predictor):
        in_half(part, "forward", device, kind)
