"""Estimators against PyMatting's solvers on photos with true alpha.

    python tests/benchmarks/matting.py FOLDER [--estimators closed_form ...] [--solvers cf knn lbdm]

FOLDER is laid out as alphamatting.com's training photos. Errors are those of
`semantic_matte.evaluation` over each trimap's unknown pixels, means over the photos; seconds are
wall-clock per photo, one after the other in one process, after a first run on a small picture (ours
include reading the files).
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from alphamatting import Photo, photos
from report import add_json_option, print_table, write_json
from rich.progress import track

import semantic_matte
from semantic_matte.evaluation import matting_score
from semantic_matte.types import BACKGROUND, FOREGROUND, ByteArray, FloatArray

TRIMAPS = ("trimap1", "trimap2")
SOLVERS = ("cf", "knn", "lbdm")
MEASURES = ("sad", "mse", "gradient", "connectivity", "seconds")
BASE = "pymatting cf"

# photo, which trimap -> (H, W) float32 and the seconds that it took
Method = Callable[[Photo, str], tuple[FloatArray, float]]


def known_values(levels: ByteArray) -> npt.NDArray[np.float64]:
    """A trimap as PyMatting wants it: (H, W) float64 of 0, .5 and 1."""
    values = np.full(levels.shape, 0.5)
    values[levels == BACKGROUND] = 0
    values[levels == FOREGROUND] = 1
    return values


def solver_method(name: str) -> Method:
    """One of PyMatting's solvers, on the sRGB picture as PyMatting's own examples do."""
    import pymatting

    solve = getattr(pymatting, f"estimate_alpha_{name}")

    def run(photo: Photo, kind: str) -> tuple[FloatArray, float]:
        colour, values = photo.image() / 255.0, known_values(photo.levels(kind))
        start = time.perf_counter()
        # Its hints about preconditioners would break into the table.
        with contextlib.redirect_stdout(sys.stderr):
            alpha = solve(colour, values)
        seconds = time.perf_counter() - start
        return np.asarray(np.clip(alpha, 0, 1), dtype=np.float32), seconds

    # The first call compiles; that is not the solver's time.
    values = np.full((32, 32), 0.5)
    values[:4], values[-4:] = 0, 1
    with contextlib.redirect_stdout(sys.stderr):
        solve(np.random.default_rng(0).random((32, 32, 3)), values)
    return run


def estimator_method(name: str) -> Method:
    """One of our estimators through the public `refine`, weights kept loaded between photos."""
    engine = semantic_matte.Engine(semantic_matte.Settings(estimator=name))

    def run(photo: Photo, kind: str) -> tuple[FloatArray, float]:
        start = time.perf_counter()
        alpha = engine.refine(photo.image_path, photo.trimap_path(kind))
        return alpha, time.perf_counter() - start

    levels = np.full((64, 64), 128, dtype=np.uint8)
    levels[:8], levels[-8:] = BACKGROUND, FOREGROUND
    engine.refine(np.random.default_rng(0).random((64, 64, 3)).astype(np.float32), levels)
    return run


def measure(method: Method, photo: Photo, kind: str) -> dict[str, float]:
    alpha, seconds = method(photo, kind)
    score = matting_score(alpha, photo.truth(), photo.levels(kind))
    return {**dataclasses.asdict(score), "seconds": seconds}


def means_of(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Means over the photos for each trimap and method."""
    table = []
    for kind, name in dict.fromkeys((row["trimap"], row["method"]) for row in rows):
        own = [row for row in rows if (row["trimap"], row["method"]) == (kind, name)]
        means = {measured: float(np.mean([row[measured] for row in own])) for measured in MEASURES}
        table.append({"trimap": kind, "method": name, **means})
    return table


def ratios_of(means: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same, divided by PyMatting's closed form on the same trimaps; empty if it did not run."""
    bases = {row["trimap"]: row for row in means if row["method"] == BASE}
    return [
        {"trimap": row["trimap"], "method": row["method"]}
        | {measured: row[measured] / bases[row["trimap"]][measured] for measured in MEASURES}
        for row in means
        if row["trimap"] in bases
    ]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--estimators", nargs="*", default=["network", "closed_form"], metavar="NAME")
    parser.add_argument("--solvers", nargs="*", default=list(SOLVERS), choices=SOLVERS)
    parser.add_argument("--trimaps", nargs="+", default=list(TRIMAPS), choices=TRIMAPS)
    parser.add_argument("--photos", type=int, metavar="N", help="only the first N")
    add_json_option(parser)
    return parser.parse_args()


def main() -> None:
    options = arguments()
    methods = {f"pymatting {name}": solver_method(name) for name in options.solvers}
    methods |= {name: estimator_method(name) for name in options.estimators}
    work = [
        (kind, photo, name)
        for kind in options.trimaps
        for photo in photos(options.folder, options.photos)
        for name in methods
    ]
    rows = [
        {"trimap": kind, "photo": photo.name, "method": name} | measure(methods[name], photo, kind)
        for kind, photo, name in track(work, description="Matting", transient=True)
    ]
    means = means_of(rows)
    ratios = ratios_of(means)
    print_table("Errors over the unknown region, means over the photos", means)
    if ratios:
        print_table(f"Ratios to {BASE}", ratios)
    write_json(options.json, {"means": means, "ratios": ratios, "photos": rows})


if __name__ == "__main__":
    main()
