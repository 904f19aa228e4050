"""Instances in the results format of COCO, with run-length encoded masks.

The format: https://cocodataset.org/#format-results. The encoding: pycocotools.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from semantic_matte.errors import MissingPackageError
from semantic_matte.types import Instance


def coco_results(
    instances: Sequence[Instance], image_id: int | str, category_ids: Mapping[str, int]
) -> tuple[list[dict[str, Any]], list[str]]:
    """Entries of a results file for one image, and the labels that have no category.

    category_ids: label -> id in the annotations that the results will be scored against. An instance
    whose label is not in it has no place in such a file: it is left out, and its label returned, once,
    for the caller to tell. Each entry: image_id, category_id, bbox [x, y, w, h] in pixels, score,
    segmentation {"size": [h, w], "counts": compressed RLE, ASCII}. Raises MissingPackageError.
    """
    try:
        from pycocotools import mask as coco_mask
    except ImportError:
        raise MissingPackageError(
            "COCO results need the package pycocotools: install it with 'pip install pycocotools'."
        ) from None

    results: list[dict[str, Any]] = []
    unknown: dict[str, None] = {}
    for instance in instances:
        if instance.label not in category_ids:
            unknown[instance.label] = None
            continue
        encoded = coco_mask.encode(np.asfortranarray(instance.mask.astype(np.uint8)))
        box = instance.box
        results.append(
            {
                "image_id": image_id,
                "category_id": category_ids[instance.label],
                "bbox": [box.x0, box.y0, box.width, box.height],
                "score": float(instance.score),
                "segmentation": {
                    "size": [int(side) for side in encoded["size"]],
                    "counts": encoded["counts"].decode("ascii"),
                },
            }
        )
    return results, list(unknown)
