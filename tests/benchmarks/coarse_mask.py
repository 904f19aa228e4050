"""The whole pipeline from a coarse mask, for every pair of edge width and passes.

    python tests/benchmarks/coarse_mask.py FOLDER [--dilation .02 .05 .1 .2] [--passes 1 2 4]

FOLDER is laid out as alphamatting.com's training photos. True alpha is cut at .5 and then, as a
segmenter errs, eroded or dilated by 2% of the object's size (mean of its box's sides); which of the
two is drawn for each photo. That mask goes in as an artist's hint. SAD and MSE are over the whole
frame, so that a band too narrow to hold the true edge pays for it. Beside them: closed form once,
by PyMatting on the whole photo, from the same first trimap.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from alphamatting import Photo, photos
from report import add_json_option, print_table, write_json
from rich.progress import track

import semantic_matte
from semantic_matte import trimap
from semantic_matte.evaluation import mask_iou, mse, sad
from semantic_matte.types import FOREGROUND, UNKNOWN, BoolArray, Box, FloatArray, Hint, Instance

LABEL = "object"
ONCE = "cf once"


def coarse_mask(truth: FloatArray, error: float, generator: np.random.Generator) -> BoolArray:
    """(H, W) bool: alpha cut at .5, its edge moved in or out by `error` of the object's size."""
    mask: BoolArray = truth >= 0.5
    box = Box.around(mask)
    if box is None:
        raise SystemExit("The true alpha never reaches .5: nothing to start from.")
    distance = error * box.mean_side
    grown = bool(generator.integers(2))
    # Distance to the other side of the edge: outwards for growing, inwards for shrinking.
    source = (~mask if grown else mask).astype(np.uint8)
    depth = cv2.distanceTransform(source, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    moved = mask | (depth <= distance) if grown else depth > distance
    return moved if moved.any() else mask


def closed_form_once(photo: Photo, mask: BoolArray, dilation: float) -> FloatArray:
    """PyMatting's closed form from the trimap that the first pass starts from."""
    import pymatting

    first = trimap.from_instance(Instance.from_mask(mask, LABEL, 1.0), dilation, dilation)
    values = np.zeros(mask.shape)
    values[first.window.slices][first.levels == UNKNOWN] = 0.5
    values[first.window.slices][first.levels == FOREGROUND] = 1.0
    with contextlib.redirect_stdout(sys.stderr):
        alpha = pymatting.estimate_alpha_cf(photo.image() / 255.0, values)
    return np.asarray(np.clip(alpha, 0, 1), dtype=np.float32)


def whole_pipeline(photo: Photo, mask: BoolArray, settings: semantic_matte.Settings) -> FloatArray:
    """The matte of the hinted object."""
    hint = Hint(mask=mask, label=LABEL)
    mattes = semantic_matte.matte(photo.image_path, settings, hints=[hint])
    return next(matte.alpha for matte in mattes if matte.label == LABEL)


def measure(
    photo: Photo, mask: BoolArray, dilation: float, passes: int | None, estimator: str
) -> dict[str, Any]:
    """Errors and seconds of one run; passes None is closed form once."""
    start = time.perf_counter()
    if passes is None:
        alpha = closed_form_once(photo, mask, dilation)
    else:
        settings = semantic_matte.Settings(
            dilation_outer=dilation, dilation_inner=dilation, passes=passes, estimator=estimator
        )
        alpha = whole_pipeline(photo, mask, settings)
    seconds = time.perf_counter() - start
    truth = photo.truth()
    return {
        "photo": photo.name,
        "dilation": dilation,
        "passes": ONCE if passes is None else str(passes),
        "mask_iou": mask_iou(mask, truth >= 0.5),
        "sad": sad(alpha, truth),
        "mse": mse(alpha, truth),
        "seconds": seconds,
    }


def sweep_table(rows: list[dict[str, Any]], measured: str) -> list[dict[str, Any]]:
    """Means over the photos: a row for each dilation, a column for each number of passes."""
    table = []
    for dilation in dict.fromkeys(row["dilation"] for row in rows):
        line: dict[str, Any] = {"dilation": str(dilation)}
        for passes in dict.fromkeys(row["passes"] for row in rows):
            own = [row[measured] for row in rows if (row["dilation"], row["passes"]) == (dilation, passes)]
            name = passes if passes == ONCE else f"{passes} passes"
            line[name] = float(np.mean(own))
        table.append(line)
    return table


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--dilation", type=float, nargs="+", default=[0.02, 0.05, 0.1, 0.2])
    parser.add_argument("--passes", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--estimator", default="closed_form", metavar="NAME")
    parser.add_argument("--error", type=float, default=0.02, help="fraction of the object's size")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--photos", type=int, metavar="N", help="only the first N")
    add_json_option(parser)
    return parser.parse_args()


def main() -> None:
    options = arguments()
    generator = np.random.default_rng(options.seed)
    chosen = photos(options.folder, options.photos)
    masks = [coarse_mask(photo.truth(), options.error, generator) for photo in chosen]
    work = list(itertools.product(options.dilation, [None, *options.passes], zip(chosen, masks, strict=True)))
    rows = [
        measure(photo, mask, dilation, passes, options.estimator)
        for dilation, passes, (photo, mask) in track(work, description="Sweep", transient=True)
    ]
    tables = {measured: sweep_table(rows, measured) for measured in ("sad", "mse", "seconds")}
    for measured, table in tables.items():
        print_table(f"{measured}, means over {len(chosen)} photos, whole frame", table)
    write_json(options.json, {"estimator": options.estimator, "tables": tables, "photos": rows})


if __name__ == "__main__":
    main()
