"""Mask AP and class-free recall on two hand-made photos whose scores can be worked out on paper."""

from __future__ import annotations

import copy
import sys
from typing import Any

import numpy as np
import pytest

from semantic_matte import evaluation
from semantic_matte.errors import MissingPackageError, ValueShapeError

run_lengths = pytest.importorskip("pycocotools.mask")
CAT, DOG, BIRD = 1, 2, 3


def rectangle(x0: int, y0: int, x1: int, y1: int) -> Any:
    mask = np.zeros((40, 40), dtype=np.uint8, order="F")
    mask[y0:y1, x0:x1] = 1
    return run_lengths.encode(mask)


def truth_row(number: int, photo: int, category: int, *corners: int, crowd: int = 0) -> dict[str, Any]:
    segmentation = rectangle(*corners)
    return {
        "id": number,
        "image_id": photo,
        "category_id": category,
        "segmentation": segmentation,
        "area": int(run_lengths.area(segmentation)),
        "iscrowd": crowd,
    }


def found_row(photo: int, category: int, score: float, *corners: int) -> dict[str, Any]:
    return {
        "image_id": photo,
        "category_id": category,
        "score": score,
        "segmentation": rectangle(*corners),
    }


@pytest.fixture
def ground_truth() -> dict[str, Any]:
    return {
        "images": [{"id": 1, "height": 40, "width": 40}, {"id": 2, "height": 40, "width": 40}],
        "categories": [
            {"id": CAT, "name": "cat"},
            {"id": DOG, "name": "dog"},
            {"id": BIRD, "name": "bird"},
        ],
        "annotations": [
            truth_row(1, 1, CAT, 0, 0, 10, 10),
            truth_row(2, 1, DOG, 20, 20, 30, 30),
            truth_row(3, 2, CAT, 0, 0, 10, 8),
            truth_row(4, 2, DOG, 25, 0, 35, 10),
            truth_row(5, 2, DOG, 0, 30, 40, 40, crowd=1),
        ],
    }


RESULTS = [
    found_row(1, CAT, 0.9, 0, 0, 10, 10),  # exact
    found_row(2, CAT, 0.8, 20, 20, 26, 26),  # on nothing
    found_row(2, CAT, 0.7, 0, 0, 10, 5),  # 50 of 80 pixels: IoU .625
    found_row(1, BIRD, 0.6, 20, 20, 30, 30),  # the first dog, exact, called a bird
]


def test_scores_by_hand(ground_truth: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    score = evaluation.segmentation_score(RESULTS, ground_truth)
    # Cats, IoU .5: hit, miss, hit: precision 1 up to recall .5 (51 of COCO's 101 points) and 2/3
    # beyond (50 points). At IoU .75 only the first hit is left: 51 points of 1. No dog is found
    # under its name: 0. Birds have no truth and don't count. So halve the cats' figures.
    at_50 = (51 + 50 * 2 / 3) / 101 / 2
    at_75 = 51 / 101 / 2
    assert score.ap50 == pytest.approx(at_50)
    assert score.ap75 == pytest.approx(at_75)
    # .625 passes at .50, .55 and .60, not at the other seven.
    assert score.ap == pytest.approx((3 * at_50 + 7 * at_75) / 10)
    # Without names both cats and the first of two dogs are matched; the crowd is no object.
    assert score.class_free_recall == pytest.approx(3 / 4)
    assert score.mean_iou == pytest.approx((1 + 0.625 + 1) / 3)
    assert capsys.readouterr().out == ""


def test_the_truth_itself_scores_1(ground_truth: dict[str, Any]) -> None:
    objects = [entry for entry in ground_truth["annotations"] if not entry["iscrowd"]]
    keys = ("image_id", "category_id", "segmentation")
    results = [{**{key: entry[key] for key in keys}, "score": 0.5} for entry in objects]
    score = evaluation.segmentation_score(results, ground_truth)
    assert score == evaluation.SegmentationScore(
        *(pytest.approx(1.0) for _ in range(5))  # type: ignore[arg-type]
    )


def test_nothing_found_scores_0(ground_truth: dict[str, Any]) -> None:
    score = evaluation.segmentation_score([], ground_truth)
    assert score == evaluation.SegmentationScore(0, 0, 0, 0, 0)


def test_masks_on_nothing_score_0(ground_truth: dict[str, Any]) -> None:
    score = evaluation.segmentation_score([found_row(1, CAT, 0.9, 32, 0, 36, 4)], ground_truth)
    assert score == evaluation.SegmentationScore(0, 0, 0, 0, 0)


def test_the_input_is_left_as_it_was(ground_truth: dict[str, Any]) -> None:
    results, truth = copy.deepcopy(RESULTS), copy.deepcopy(ground_truth)
    evaluation.segmentation_score(RESULTS, ground_truth)
    assert results == RESULTS
    assert truth == ground_truth


def test_ground_truth_without_objects_is_refused(ground_truth: dict[str, Any]) -> None:
    with pytest.raises(ValueShapeError, match="categories"):
        evaluation.segmentation_score([], {"images": [], "annotations": []})
    with pytest.raises(ValueShapeError, match="object to find"):
        evaluation.segmentation_score([], {**ground_truth, "annotations": []})
    # pycocotools would count a found object with id 0 as missed.
    from_zero = [{**ground_truth["annotations"][0], "id": 0}]
    with pytest.raises(ValueShapeError, match="ids from 1"):
        evaluation.segmentation_score([], {**ground_truth, "annotations": from_zero})


def test_a_missing_package_is_named(ground_truth: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pycocotools.coco", None)
    with pytest.raises(MissingPackageError, match="pycocotools"):
        evaluation.segmentation_score(RESULTS, ground_truth)
