"""How `class_shapes.safetensors` was made: the mean mask of each COCO class inside its own box.

From COCO's annotations (Lin et al. 2014, CC-BY-4.0): every labelled object's polygon is drawn on a 32x32 grid
that its box fills, and the grids of a class are averaged. A class with few objects leans on the mean of
all: it counts as many objects of that as PULL says. No photo is used.

    python weights/training/class_shapes.py INSTANCES.json [INSTANCES.json ...] -o class_shapes.safetensors
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import cv2
import numpy as np
import torch
from conversion import write_safetensors

from semantic_matte.segmenters.coco import COCO_IDS

SIDE = 32
PULL = 20
SMALLEST_SIDE = 16


def draw(annotation: dict) -> np.ndarray:
    """(32, 32) float64 of 0 and 1: the object's polygons in its box."""
    x, y, width, height = annotation["bbox"]
    grid = np.zeros((SIDE, SIDE), dtype=np.uint8)
    for polygon in annotation["segmentation"]:
        corners = (np.asarray(polygon).reshape(-1, 2) - [x, y]) / [width, height] * SIDE
        cv2.fillPoly(grid, [np.round(corners).astype(np.int32)], 1)
    return grid.astype(np.float64)


def mean_shapes(annotations: list[dict]) -> np.ndarray:
    """(80, 32, 32) float64 in [0, 1], classes in the order of COCO_IDS."""
    order = {category: index for index, category in enumerate(COCO_IDS.values())}
    sums = np.zeros((len(order), SIDE, SIDE))
    counts = np.zeros(len(order))
    for annotation in annotations:
        polygons = isinstance(annotation["segmentation"], list) and not annotation.get("iscrowd")
        if polygons and min(annotation["bbox"][2:]) >= SMALLEST_SIDE:
            index = order[annotation["category_id"]]
            sums[index] += draw(annotation)
            counts[index] += 1
    overall = sums.sum(axis=0) / counts.sum()
    return (sums + PULL * overall) / (counts + PULL)[:, None, None]


def main() -> None:
    """Read annotation files and write the shapes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("annotations", type=Path, nargs="+")
    parser.add_argument("-o", "--out", type=Path, required=True)
    arguments = parser.parse_args()
    rows: list[dict] = []
    for path in arguments.annotations:
        rows += json.loads(path.read_text(encoding="utf-8"))["annotations"]
    shapes = torch.from_numpy(mean_shapes(rows)).to(torch.float16)
    metadata = {
        "origin": "mean masks of COCO annotations",
        "licence": "CC-BY-4.0",
        "objects": str(len(rows)),
    }
    write_safetensors(arguments.out, {"shapes": shapes}, metadata)


if __name__ == "__main__":
    main()
