"""How far mattes and masks are from the truth: the published measures, and nothing made up here.

Matting errors follow Rhemann et al. 2009, "A Perceptually Motivated Online Benchmark for Image
Matting" (alphamatting.com), with the constants of the evaluation code that Xu et al. 2017, "Deep
Image Matting", published. That code stretches each alpha to 0..1 before the gradient error; an
alpha with known foreground and background fills that range already, so it is left out here.

Unless said otherwise `alpha` and `truth` are (H, W) float32 in [0, 1] (linear coverage) and
`unknown` is (H, W) bool, the band to measure on, or None for the whole frame. Smaller is better, 0
is perfect. ValueShapeError is raised for any other dtype, shape or range, or an empty band.
"""

from __future__ import annotations

import contextlib
import copy
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from semantic_matte.errors import MissingPackageError, ValueShapeError
from semantic_matte.types import (
    BACKGROUND,
    FOREGROUND,
    BoolArray,
    ByteArray,
    FloatArray,
    require_array,
)

GRADIENT_SIGMA = 1.4
CONNECTIVITY_STEPS = 10
CONNECTIVITY_THETA = 0.15
MATCH_IOU = 0.5


@dataclass(frozen=True)
class MattingScore:
    """The four errors of one matte; sad, gradient, connectivity in thousands, as in print."""

    sad: float
    mse: float
    gradient: float
    connectivity: float


@dataclass(frozen=True)
class SegmentationScore:
    """Mask quality over a set of photos, each in [0, 1], larger is better.

    ap: mean over IoU .50:.05:.95 and over classes; ap50, ap75: at one IoU.
    class_free_recall: share of true objects that a mask of any class matches at IoU >= .5.
    mean_iou: mean IoU of those matched pairs; 0 if there is none.
    """

    ap: float
    ap50: float
    ap75: float
    class_free_recall: float
    mean_iou: float


def sad(alpha: FloatArray, truth: FloatArray, unknown: BoolArray | None = None) -> float:
    """Sum of absolute differences over the unknown pixels, in thousands (Rhemann et al. 2009)."""
    band = _checked_band(alpha, truth, unknown)
    return float(np.abs(alpha[band] - truth[band]).sum(dtype=np.float64)) / 1000


def mse(alpha: FloatArray, truth: FloatArray, unknown: BoolArray | None = None) -> float:
    """Mean squared difference over the unknown pixels, in [0, 1] (Rhemann et al. 2009)."""
    band = _checked_band(alpha, truth, unknown)
    return float(np.square(alpha[band] - truth[band]).mean(dtype=np.float64))


def gradient(alpha: FloatArray, truth: FloatArray, unknown: BoolArray | None = None) -> float:
    """Sum of squared differences of the gradient magnitudes, in thousands (Rhemann et al. 2009).

    Gradients are taken with first-order Gaussian derivatives of sigma 1.4, cut to 9x9 and scaled to
    unit Euclidean norm; the frame's border pixels are repeated outwards.
    """
    band = _checked_band(alpha, truth, unknown)
    difference = _gradient_magnitude(alpha) - _gradient_magnitude(truth)
    return float(np.square(difference[band]).sum()) / 1000


def connectivity(alpha: FloatArray, truth: FloatArray, unknown: BoolArray | None = None) -> float:
    """Difference in how pixels hang on the object's body, in thousands (Rhemann et al. 2009).

    The body at a threshold is the largest 4-connected region where alpha and truth both reach it. A
    pixel's level is the last threshold (step .1) before it leaves the body; what its alpha has
    above that level counts as disconnected from .15 up (theta).
    """
    band = _checked_band(alpha, truth, unknown)
    level = _connected_level(np.minimum(alpha, truth))
    difference = _disconnected(alpha, level) - _disconnected(truth, level)
    return float(np.abs(difference[band]).sum(dtype=np.float64)) / 1000


def matting_score(alpha: FloatArray, truth: FloatArray, trimap_levels: ByteArray) -> MattingScore:
    """All four errors over a trimap's band.

    trimap_levels: (H, W) uint8; 0 is known background, 255 known foreground, anything else unknown.
    """
    require_array("Trimap", trimap_levels, np.uint8, (None, None))
    unknown = (trimap_levels != BACKGROUND) & (trimap_levels != FOREGROUND)
    return MattingScore(
        sad=sad(alpha, truth, unknown),
        mse=mse(alpha, truth, unknown),
        gradient=gradient(alpha, truth, unknown),
        connectivity=connectivity(alpha, truth, unknown),
    )


def foreground_sad(colour: FloatArray, truth: FloatArray, alpha: FloatArray) -> float:
    """How far an object's own colours are off where it is soft: the sum of absolute differences, in thousands.

    colour, truth: (H, W, 3) float32, linear light, unpremultiplied. alpha: (H, W) float32 in [0, 1]. Mean over
    channels, weighted by alpha, over pixels with 0 < alpha < 1: in linear light that is how far a composite is
    off, whatever lies behind. Raises ValueShapeError if there are no such pixels.
    """
    difference, weight = _soft_difference(colour, truth, alpha)
    return float((weight * np.abs(difference).mean(axis=1)).sum()) / 1000


def foreground_mse(colour: FloatArray, truth: FloatArray, alpha: FloatArray) -> float:
    """The mean squared difference of an object's own colours where it is soft; see `foreground_sad`."""
    difference, weight = _soft_difference(colour, truth, alpha)
    return float((weight * np.square(difference).mean(axis=1)).sum() / weight.sum())


def _soft_difference(
    colour: FloatArray, truth: FloatArray, alpha: FloatArray
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Differences (n, 3) and alphas (n,) of the pixels with 0 < alpha < 1."""
    _require_unit_range("Alpha", alpha, 2)
    require_array("Colour", colour, np.float32, (*alpha.shape, 3))
    require_array("Truth", truth, np.float32, colour.shape)
    soft = (alpha > 0) & (alpha < 1)
    if not soft.any():
        raise ValueShapeError("Alpha: expected at least one pixel between 0 and 1, got none.")
    return colour[soft].astype(np.float64) - truth[soft], alpha[soft].astype(np.float64)


def dtssd(alphas: FloatArray, truths: FloatArray) -> float:
    """Flicker: how far alpha's change from frame to frame is from the truth's change, times 100.

    alphas, truths: (T, H, W) float32 in [0, 1], T >= 2. Erofeev et al. 2015, "Perceptually
    Motivated Benchmark for Video Matting", sum squares over a frame's pixels and take the root;
    here, as in Lin et al. 2022, "Robust High-Resolution Video Matting", it is a mean over pixels
    and then over steps, so that shots of any size and length compare. Wrong but steady scores 0.
    """
    _require_unit_range("Alphas", alphas, 3)
    _require_unit_range("Truths", truths, 3)
    _require_same_shape(alphas, truths)
    if alphas.shape[0] < 2:
        raise ValueShapeError(f"Alphas: expected at least 2 frames, got {alphas.shape[0]}.")
    change = np.diff(alphas.astype(np.float64) - truths, axis=0)
    return 100 * float(np.sqrt(np.square(change).mean(axis=(1, 2))).mean())


def mask_iou(first: BoolArray, second: BoolArray) -> float:
    """Intersection over union of two masks (H, W) bool, in [0, 1]; larger is better.

    Two empty masks give 1, as in the DAVIS measure (Perazzi et al. 2016).
    """
    require_array("First mask", first, np.bool_, (None, None))
    require_array("Second mask", second, np.bool_, first.shape)
    union = np.count_nonzero(first | second)
    return 1.0 if union == 0 else np.count_nonzero(first & second) / union


def segmentation_score(
    results: Sequence[Mapping[str, Any]], ground_truth: Mapping[str, Any]
) -> SegmentationScore:
    """Mask AP and class-free recall, measured by pycocotools (Lin et al. 2014, "Microsoft COCO").

    results: COCO results, one mapping a mask: image_id, category_id, score, segmentation (RLE).
    ground_truth: what a COCO instances file holds: images, categories, annotations (ids from 1,
    area, iscrowd). At most 100 masks a photo count, the surest first. Raises ValueShapeError if
    there is nothing to find and MissingPackageError without pycocotools.
    """
    try:
        from pycocotools.coco import COCO  # type: ignore[import-untyped, unused-ignore]
        from pycocotools.cocoeval import COCOeval  # type: ignore[import-untyped, unused-ignore]
    except ImportError as error:
        raise MissingPackageError(
            "Measuring masks needs the package pycocotools: install it and try again."
        ) from error
    _require_objects(ground_truth)
    if not results:
        return SegmentationScore(0.0, 0.0, 0.0, 0.0, 0.0)
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        # COCO writes into what it loads.
        truth.dataset = copy.deepcopy(dict(ground_truth))
        truth.createIndex()
        found = truth.loadRes([copy.deepcopy(dict(result)) for result in results])
        by_class = COCOeval(truth, found, "segm")
        by_class.evaluate()
        by_class.accumulate()
        by_class.summarize()
        class_free = COCOeval(truth, found, "segm")
        class_free.params.useCats = 0
        class_free.evaluate()
    ap, ap50, ap75 = (float(value) for value in by_class.stats[:3])
    return SegmentationScore(ap, ap50, ap75, *_class_free_matches(class_free))


def _checked_band(alpha: FloatArray, truth: FloatArray, unknown: BoolArray | None) -> BoolArray:
    _require_unit_range("Alpha", alpha, 2)
    _require_unit_range("Truth", truth, 2)
    _require_same_shape(alpha, truth)
    if unknown is None:
        return np.ones(alpha.shape, dtype=np.bool_)
    require_array("Unknown", unknown, np.bool_, alpha.shape)
    if not unknown.any():
        raise ValueShapeError("Unknown: expected at least one unknown pixel, got none.")
    return unknown


def _require_unit_range(what: str, array: FloatArray, dimensions: int) -> None:
    require_array(what, array, np.float32, (None,) * dimensions)
    if array.size == 0:
        raise ValueShapeError(f"{what}: expected at least one pixel, got {array.shape}.")
    low, high = float(array.min()), float(array.max())
    # Written so that NaN fails too.
    if not (low >= 0.0 and high <= 1.0):
        raise ValueShapeError(f"{what}: expected values in 0..1, got {low}..{high}.")


def _require_same_shape(alpha: FloatArray, truth: FloatArray) -> None:
    if alpha.shape != truth.shape:
        raise ValueShapeError(f"Alpha and truth: expected one shape, got {alpha.shape} and {truth.shape}.")


def _gaussian_kernels(sigma: float) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """A Gaussian and its derivative, (2r + 1,) each, of unit Euclidean norm.

    The published kernel is their outer product of unit norm: one pass along each axis gives it.
    """
    # Cut where the Gaussian falls below .01.
    radius = math.ceil(sigma * math.sqrt(-2 * math.log(math.sqrt(2 * math.pi) * sigma * 0.01)))
    position = np.arange(-radius, radius + 1, dtype=np.float64)
    smooth = np.exp(-np.square(position) / (2 * sigma**2))
    slope = -position * smooth
    return smooth / np.linalg.norm(smooth), slope / np.linalg.norm(slope)


def _gradient_magnitude(alpha: FloatArray) -> npt.NDArray[np.float64]:
    smooth, slope = _gaussian_kernels(GRADIENT_SIGMA)
    exact = alpha.astype(np.float64)
    slopes: list[npt.NDArray[np.float64]] = []
    for axis in (0, 1):
        steep = ndimage.convolve1d(exact, slope, axis=axis, mode="nearest")
        slopes.append(ndimage.convolve1d(steep, smooth, axis=1 - axis, mode="nearest"))
    magnitude: npt.NDArray[np.float64] = np.hypot(slopes[0], slopes[1])
    return magnitude


def _connected_level(common: FloatArray) -> FloatArray:
    """(H, W) float32: the last threshold at which each pixel is still in the body of `common`."""
    level = np.zeros(common.shape, dtype=np.float32)
    inside = np.ones(common.shape, dtype=np.bool_)
    for step in range(1, CONNECTIVITY_STEPS + 1):
        # Compared as float32, so that an 8-bit 153 / 255 reaches .6.
        threshold = np.float32(step / CONNECTIVITY_STEPS)
        inside &= _largest_component(common >= threshold)
        level[inside] = threshold
    return level


def _largest_component(mask: BoolArray) -> BoolArray:
    """(H, W) bool: the largest 4-connected region; of equals, the one that starts furthest left."""
    # Transposed, because the published code numbers regions down the columns.
    labels, count = ndimage.label(np.ascontiguousarray(mask.T))
    if count == 0:
        return np.zeros_like(mask)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    largest: BoolArray = (labels == sizes.argmax()).T
    return largest


def _disconnected(alpha: FloatArray, level: FloatArray) -> FloatArray:
    """(H, W) float32: 1 - phi, the part of alpha that hangs on nothing."""
    above = alpha - level
    return np.where(above >= np.float32(CONNECTIVITY_THETA), above, np.float32(0))


def _require_objects(ground_truth: Mapping[str, Any]) -> None:
    missing = [key for key in ("images", "annotations", "categories") if key not in ground_truth]
    if missing:
        raise ValueShapeError(f"Ground truth: expected COCO's {missing[0]}, got none.")
    if all(row.get("iscrowd", 0) for row in ground_truth["annotations"]):
        raise ValueShapeError("Ground truth: expected at least one object to find, got none.")
    # pycocotools takes a match with id 0 for no match.
    if any(row["id"] < 1 for row in ground_truth["annotations"]):
        raise ValueShapeError("Ground truth: expected annotation ids from 1 up.")


def _class_free_matches(evaluator: Any) -> tuple[float, float]:
    """Recall at IoU .5 and the mean IoU of the matches, from a COCOeval that ignored classes."""
    from pycocotools import mask as run_lengths  # type: ignore[import-untyped, unused-ignore]

    truth, found = evaluator.cocoGt, evaluator.cocoDt
    every_area = evaluator.params.areaRng[evaluator.params.areaRngLbl.index("all")]
    at_match_iou = int(np.argmin(np.abs(evaluator.params.iouThrs - MATCH_IOU)))
    objects, overlaps = 0, []
    for photo in evaluator.evalImgs:
        if photo is None or photo["aRng"] != every_area:
            continue
        wanted = ~photo["gtIgnore"].astype(bool)
        objects += int(np.count_nonzero(wanted))
        matches = photo["gtMatches"][at_match_iou]
        for object_id, match in zip(photo["gtIds"], matches * wanted, strict=True):
            if match > 0:
                mask = found.annToRLE(found.anns[int(match)])
                true_mask = truth.annToRLE(truth.anns[object_id])
                overlaps.append(float(run_lengths.iou([mask], [true_mask], [0])[0, 0]))
    return len(overlaps) / objects, float(np.mean(overlaps)) if overlaps else 0.0
