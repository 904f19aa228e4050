"""COCO results, read back by pycocotools."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

from semantic_matte.errors import MissingPackageError
from semantic_matte.outputs.coco_results import coco_results
from semantic_matte.types import Instance

coco_mask = pytest.importorskip("pycocotools.mask", reason="pycocotools is an optional package")

MASK = np.zeros((30, 47), np.bool_)
MASK[4:20, 9:40] = np.random.default_rng(0).random((16, 31)) > 0.3
MASK[4, 9] = MASK[19, 39] = True


def test_masks_boxes_and_scores_come_back() -> None:
    instances = [Instance.from_mask(MASK, "person", 0.75), Instance.from_mask(~MASK, "dog", 0.5)]
    results, unknown = coco_results(instances, 42, {"person": 1, "dog": 18})
    assert unknown == []
    assert json.loads(json.dumps(results)) == results
    assert [entry["category_id"] for entry in results] == [1, 18]
    assert results[0]["image_id"] == 42
    assert results[0]["bbox"] == [9, 4, 31, 16]
    assert results[0]["score"] == 0.75
    assert results[0]["segmentation"]["size"] == [30, 47]
    for entry, mask in zip(results, (MASK, ~MASK), strict=True):
        np.testing.assert_array_equal(coco_mask.decode(entry["segmentation"]), mask)
        assert coco_mask.area(entry["segmentation"]) == mask.sum()
    assert coco_mask.toBbox(results[0]["segmentation"]).tolist() == [9, 4, 31, 16]


def test_labels_without_a_category_are_left_out_and_named_once() -> None:
    instances = [Instance.from_mask(MASK, label, 0.5) for label in ("owl", "cat", "owl", "elk")]
    results, unknown = coco_results(instances, "photo", {"cat": 17})
    assert [entry["category_id"] for entry in results] == [17]
    assert unknown == ["owl", "elk"]


def test_nothing_found() -> None:
    assert coco_results([], 1, {}) == ([], [])


def test_without_pycocotools_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pycocotools", None)
    with pytest.raises(MissingPackageError, match="pip install pycocotools"):
        coco_results([], 1, {})
