"""detectron2's instance segmentation: its zoo and models of the user's own, as its DefaultPredictor runs them.

Source: Wu, Kirillov, Massa, Lo & Girshick, "Detectron2", 2019 (https://github.com/facebookresearch/detectron2).
The default is what Hu & Clark 2019 found their objects with. Masks are pasted one at a time, so that memory
follows the plate and not its number of objects; the rest is detectron2's own.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from semantic_matte.errors import DeviceError, WeightsError
from semantic_matte.model_files import first_line
from semantic_matte.safe_loading import read_tensors
from semantic_matte.segmenters.detector import MASK_LEVEL, Detections, Detector
from semantic_matte.segmenters.detectron2_models import Detectron2Model, find_detectron2_model, split_model
from semantic_matte.settings import Settings
from semantic_matte.types import BoolArray, Box, ByteArray

if TYPE_CHECKING:
    from torch import Tensor

# Endings of weights' names as Caffe2 wrote them.
CAFFE2_ENDINGS = ("_w", "_b", "_bn_s")
# Parts of a file that detectron2 builds anew by itself.
NOT_NEEDED = ("pixel_mean", "pixel_std", "anchor_generator.cell_anchors", "num_batches_tracked")


class Detectron2Segmenter(Detector):
    """Any Mask R-CNN, cascade or panoptic network that a configuration of detectron2 states."""

    name = "detectron2"

    def __init__(self, model: str, settings: Settings, device: str) -> None:
        """model: as of `detectron2_models`; empty: the paper's.

        Raises UnknownNameError, MissingPackageError, DeviceError, or WeightsError for a model that is not here
        or can't be used.
        """
        split_model(model)
        with _quiet():
            chosen = find_detectron2_model(model, settings.accept_licence)
            super().__init__(settings, device, chosen.labels)
            with self._memory():
                self._build(chosen, device)

    def _build(self, chosen: Detectron2Model, device: str) -> None:
        """The network with its weights on its device."""
        from detectron2.data.transforms import ResizeShortestEdge
        from detectron2.modeling import build_model

        from semantic_matte.networks.half_precision import half_type, type_title

        config = chosen.config
        config.MODEL.DEVICE = "cpu"
        config.MODEL.ROI_HEADS.SCORE_THRESH_TEST = self._model_threshold
        self._own_most = int(config.TEST.DETECTIONS_PER_IMAGE)
        config.TEST.DETECTIONS_PER_IMAGE = max(self._own_most, self._most_detections)
        try:
            self._network = build_model(config).eval()
        except (KeyError, ValueError, AssertionError, NotImplementedError) as error:
            raise WeightsError(f"detectron2 can't build '{chosen.title}': {first_line(error)}.") from None
        self._notices = _load(self._network, read_tensors(chosen.weights), chosen)
        self._network.to(device)
        kind = half_type(device)
        if kind is not None:
            use_half(self._network, device, kind)
        self.models = ({**chosen.described, "dtype": type_title(kind)},)
        self._format = str(config.INPUT.FORMAT)
        shortest = config.INPUT.MIN_SIZE_TEST
        self._resize = ResizeShortestEdge([shortest, shortest], config.INPUT.MAX_SIZE_TEST)

    def _limit_model(self) -> None:
        """See `Detector`. A cascade has a predictor a stage, of which the last one's limits count."""
        from torch.nn import ModuleList

        predictor = self._network.roi_heads.box_predictor
        for one in predictor if isinstance(predictor, ModuleList) else [predictor]:
            one.test_score_thresh = self._model_threshold
            one.test_topk_per_image = max(self._own_most, self._most_detections)

    def _detect(self, picture: ByteArray) -> Detections:
        """What DefaultPredictor and the network do, less their pasting of all masks at once."""
        import torch
        from detectron2.modeling import GeneralizedRCNN
        from detectron2.modeling.postprocessing import detector_postprocess

        height, width = picture.shape[:2]
        ordered = np.ascontiguousarray(picture[..., ::-1]) if self._format == "BGR" else picture
        resized = self._resize.get_transform(ordered).apply_image(ordered)
        seen = torch.as_tensor(resized.astype("float32").transpose(2, 0, 1))
        given = [{"image": seen, "height": height, "width": width}]
        try:
            with _quiet():
                # Of a panoptic network too only the objects, which it finds in the same way.
                (found,) = GeneralizedRCNN.inference(self._network, given, do_postprocess=False)
        except NotImplementedError as error:
            raise DeviceError(
                f"detectron2 can't run this model on {self.device}: {first_line(error).rstrip('!')}."
            ) from None
        masks: Tensor = getattr(found.pred_masks, "tensor", found.pred_masks)
        found.remove("pred_masks")
        # Under a name that it does not know it drops and keeps them with their boxes, and pastes none.
        found.set("small_masks", masks[:, 0] if masks.ndim == 4 else masks)
        found = detector_postprocess(found, height, width)
        return Detections(
            [self.labels[number] for number in found.pred_classes.tolist()],
            found.scores.cpu().numpy(),
            found.pred_boxes.tensor.cpu(),
            found.small_masks.cpu(),
        )

    def _paste(self, found: Detections, row: int, size: tuple[int, int]) -> tuple[BoolArray, Box]:
        """By detectron2's function, on the CPU, where it stays within the box."""
        from detectron2.layers import paste_masks_in_image

        one = slice(row, row + 1)
        with _quiet():
            mask: Tensor = paste_masks_in_image(found.masks[one], found.boxes[one], size, threshold=MASK_LEVEL)
        return mask[0].numpy(), Box.of_frame(*size)


def use_half(network: Any, device: str, kind: Any) -> None:
    """Features are computed in half precision; anchors, boxes and scores stay single."""
    from detectron2.layers import DeformConv, ModulatedDeformConv
    from torch.nn import ModuleList

    from semantic_matte.networks.half_precision import in_half, in_single

    heads = network.roi_heads
    parts = [network.backbone, network.proposal_generator.rpn_head, getattr(heads, "res5", None)]
    for name in ("box_head", "box_predictor"):
        head = getattr(heads, name, None)
        # A cascade has one a stage.
        parts += list(head) if isinstance(head, ModuleList) else [head]
    for part in parts:
        if part is not None:
            in_half(part, "forward", device, kind)
    # What comes after its layers puts masks into their objects.
    in_half(heads.mask_head, "layers", device, kind)
    for module in network.modules():
        if isinstance(module, (DeformConv, ModulatedDeformConv)):
            in_single(module, "forward", device)


def _load(network: Any, state: dict[str, Tensor], chosen: Detectron2Model) -> tuple[str, ...]:
    """Put weights into the network by detectron2's own rules of names; returns what the user has to know.

    Raises WeightsError for a file that lacks weights of the network, or has them in other shapes.
    """
    from detectron2.checkpoint import DetectionCheckpointer

    state = {
        name.removeprefix("module."): value for name, value in state.items() if not name.endswith("_momentum")
    }
    checkpoint: dict[str, Any] = {"model": dict(state)}
    if not set(network.state_dict()) <= set(state):
        # Names of another layout, as of Caffe2 or of a backbone alone, are matched by their ends.
        checkpoint["matching_heuristics"] = True
        if any(name.endswith(CAFFE2_ENDINGS) for name in state):
            checkpoint["__author__"] = "Caffe2"
    try:
        # Its `load` opens files, and pickles without care.
        report = DetectionCheckpointer(network)._load_model(checkpoint)
    except (ValueError, RuntimeError, AssertionError, KeyError) as error:
        raise _unfit(chosen, first_line(error)) from None
    if report.incorrect_shapes:
        name, got, expected = min(report.incorrect_shapes)
        raise _unfit(chosen, f"expected '{name}' of shape {expected}, got {got}")
    if report.missing_keys:
        raise _unfit(chosen, f"'{min(report.missing_keys)}' is not there")
    more = [name for name in report.unexpected_keys if not any(part in name for part in NOT_NEEDED)]
    if not more:
        return ()
    return (
        f"{len(more)} of the weights in '{chosen.weights.name}' have no place in '{chosen.title}', as "
        f"'{min(more)}'; they are not used.",
    )


def _unfit(chosen: Detectron2Model, reason: str) -> WeightsError:
    return WeightsError(f"The weights '{chosen.weights.name}' do not fit '{chosen.title}': {reason}.")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without Python's warnings, which here are of libraries to each other, and without detectron2's log."""
    import logging

    loggers = [logging.getLogger(name) for name in ("detectron2", "fvcore", "torch.fx._symbolic_trace")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
