"""Mask AP and class-free recall of segmenters on photos with COCO's polygons.

    python tests/benchmarks/segmentation.py FOLDER [--segmenter starter onnx:yolov8n-seg.onnx]

Each photo goes through all of them in turn, so that their seconds can be compared; the first is the measure.

FOLDER holds images/*.jpg, labels/NAME.txt with an object a line (`category_id x y x y ...`, corners
of one polygon in 0..1 of width and height) and classes.yaml (`names:` from category id to name).
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml
from pycocotools import mask as run_lengths
from report import add_json_option, print_table, write_json
from rich.progress import track

import semantic_matte
from semantic_matte.evaluation import segmentation_score
from semantic_matte.types import Instance


def ground_truth(folder: Path, limit: int | None = None) -> dict[str, Any]:
    """The folder as what a COCO instances file holds; ids from 1, photos in order of names."""
    names = yaml.safe_load((folder / "classes.yaml").read_text(encoding="utf-8"))["names"]
    paths = sorted((folder / "images").glob("*.jpg"))[:limit]
    if not paths:
        raise SystemExit(f"{folder}: expected images/*.jpg.")
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, path in enumerate(paths, start=1):
        picture = cv2.imread(str(path))
        if picture is None:
            raise SystemExit(f"{path}: no picture.")
        height, width = picture.shape[:2]
        images.append({"id": number, "file_name": path.name, "height": height, "width": width})
        labels = folder / "labels" / f"{path.stem}.txt"
        for line in labels.read_text(encoding="utf-8").splitlines() if labels.exists() else []:
            if line.strip():
                row = {"id": len(annotations) + 1, "image_id": number}
                annotations.append(row | annotation(line, height, width))
    categories = [{"id": int(key), "name": str(name)} for key, name in names.items()]
    return {"images": images, "categories": categories, "annotations": annotations}


def annotation(line: str, height: int, width: int) -> dict[str, Any]:
    """One label line as COCO's category, polygon in pixels, area and box (x, y, width, height)."""
    category, *corners = line.split()
    polygon = np.array(corners, dtype=np.float64).reshape(-1, 2) * (width, height)
    flat = polygon.ravel().tolist()
    low, high = polygon.min(axis=0), polygon.max(axis=0)
    area = int(run_lengths.area(run_lengths.merge(run_lengths.frPyObjects([flat], height, width))))
    return {
        "category_id": int(category),
        "segmentation": [flat],
        "area": area,
        "bbox": [*low.tolist(), *(high - low).tolist()],
        "iscrowd": 0,
    }


def coco_results(
    instances: Sequence[Instance], image_id: int, categories: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Instances as COCO results. A label that is no class gets a category of its own.

    Such a mask can't be right by name, but it still counts where names are left aside.
    """
    numbers = {category["name"]: category["id"] for category in categories}
    rows = []
    for instance in instances:
        if instance.label not in numbers:
            numbers[instance.label] = max(numbers.values()) + 1
            categories.append({"id": numbers[instance.label], "name": instance.label})
        rows.append(
            {
                "image_id": image_id,
                "category_id": numbers[instance.label],
                "score": instance.score,
                "segmentation": run_lengths.encode(np.asfortranarray(instance.mask.view(np.uint8))),
            }
        )
    return rows


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--segmenter", nargs="+", default=["starter"], metavar="NAME")
    parser.add_argument("--confidence", type=float, default=0.05)
    parser.add_argument("--photos", type=int, metavar="N", help="only the first N")
    add_json_option(parser)
    return parser.parse_args()


def main() -> None:
    options = arguments()
    truth = ground_truth(options.folder, options.photos)
    engines = {
        name: semantic_matte.Engine(
            semantic_matte.Settings(
                segmenter=name, confidence=options.confidence, max_instances=100, smallest=0.0
            )
        )
        for name in options.segmenter
    }
    for engine in engines.values():
        # Loads the models: not counted.
        engine.segment(np.zeros((64, 64, 3), dtype=np.float32))
    results: dict[str, list[dict[str, Any]]] = {name: [] for name in engines}
    seconds: dict[str, list[float]] = {name: [] for name in engines}
    for image in track(truth["images"], description="Segmenting", transient=True):
        plate = semantic_matte.read_plate(options.folder / "images" / image["file_name"])
        for name, engine in engines.items():
            start = time.perf_counter()
            found = engine.segment(plate)
            seconds[name].append(time.perf_counter() - start)
            results[name] += coco_results(found, image["id"], truth["categories"])
    measure = float(np.mean(seconds[options.segmenter[0]]))
    rows = [
        {
            "segmenter": name,
            **dataclasses.asdict(segmentation_score(results[name], truth)),
            "seconds": float(np.mean(seconds[name])),
            "times_first": float(np.mean(seconds[name])) / measure,
            "photos": len(seconds[name]),
            "objects": len(truth["annotations"]),
            "found": len(results[name]),
        }
        for name in engines
    ]
    print_table("Masks against the truth", rows)
    write_json(options.json, {"segmenters": rows})


if __name__ == "__main__":
    main()
