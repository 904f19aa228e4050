"""What samples and the median are worth: error, seams and flicker of ways to fuse the same network's patches.

    python tests/benchmarks/samples.py FOLDER [--patch-size 256] [--samples 5] [--photos N]

FOLDER is laid out as alphamatting.com's training photos. One pass over the wide trimap. Ways: `whole` (the band
in one patch, no fusion), `1 sample`, `median` and `mean` of the samples, all with patches that cover the band
evenly and soft borders; `paper mean` with random centres and plain averages of patches and samples. `sad`
(thousands) and `mse` are over the unknown region; `seams` is the mean step of the error across the patches'
borders over its mean step elsewhere, less 1 (0: no seams); `flicker` the mean change of alpha, of 255, where
the picture is moved by one pixel and the alpha moved back.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from alphamatting import Photo, photos
from report import add_json_option, print_table, write_json
from rich.progress import track

import semantic_matte
from semantic_matte import patches
from semantic_matte.estimators.network import Network
from semantic_matte.evaluation import matting_score
from semantic_matte.fusion import Band, fuse
from semantic_matte.plates import as_plate
from semantic_matte.ports import SilentProgress
from semantic_matte.types import UNKNOWN, BoolArray, Box, ByteArray, FloatArray, Patch, Plate, Trimap

KIND = "trimap2"


def sample_alphas(
    plate: Plate, levels: ByteArray, network: Network, samples: int, coverage: str
) -> tuple[list[FloatArray], list[list[Patch]]]:
    """Alpha (H, W) of each sample by itself, and its patches."""
    size = levels.shape
    trimap = Trimap(levels, Box.of_frame(*size), size)
    found, boxes = [], []
    for sample in range(samples):
        cut = patches.cover(
            trimap.unknown,
            trimap.window,
            size,
            network.patch_size,
            samples=1,
            seed=[sample],
            coverage=coverage,
        )
        band = Band(trimap, tuple(cut))
        (fused,) = fuse(plate.pixels, [band], network, SilentProgress(), soft_borders=coverage == "even")
        found.append(fused.alpha)
        boxes.append(cut)
    return found, boxes


def whole_alpha(plate: Plate, levels: ByteArray, network: Network) -> FloatArray:
    """Alpha (H, W) of the band in one patch."""
    size = levels.shape
    trimap = Trimap(levels, Box.of_frame(*size), size)
    one = patches.whole(trimap.unknown, trimap.window, size, network.patch_size, size[0] * size[1])
    (fused,) = fuse(plate.pixels, [Band(trimap, tuple(one))], network, SilentProgress())
    return fused.alpha


def every_way(plate: Plate, levels: ByteArray, network: Network, samples: int) -> dict[str, Any]:
    """Alpha and patches by the way's name."""
    even, cuts = sample_alphas(plate, levels, network, samples, "even")
    random, random_cuts = sample_alphas(plate, levels, network, samples, "paper")
    joined = [patch for cut in cuts for patch in cut]
    return {
        "whole": (whole_alpha(plate, levels, network), []),
        "1 sample": (even[0], cuts[0]),
        "median": (np.median(even, axis=0).astype(np.float32), joined),
        "mean": (np.mean(even, axis=0).astype(np.float32), joined),
        "paper mean": (
            np.mean(random, axis=0).astype(np.float32),
            [patch for cut in random_cuts for patch in cut],
        ),
    }


def seams(error: FloatArray, unknown: BoolArray, cut: list[Patch]) -> float:
    """Mean step of the error across patch borders, over that elsewhere in the band, less 1."""
    height, width = error.shape
    steps = [np.abs(np.diff(error, axis=axis)) for axis in (0, 1)]
    inside = [unknown[1:] & unknown[:-1], unknown[:, 1:] & unknown[:, :-1]]
    borders = [np.zeros(step.shape, np.bool_) for step in steps]
    for patch in cut:
        box = patch.box
        rows, columns = slice(max(box.y0, 0), box.y1), slice(max(box.x0, 0), box.x1)
        for edge in (box.y0 - 1, box.y1 - 1):
            if 0 <= edge < height - 1:
                borders[0][edge, columns] = True
        for edge in (box.x0 - 1, box.x1 - 1):
            if 0 <= edge < width - 1:
                borders[1][rows, edge] = True
    on = np.concatenate(
        [step[near & border] for step, near, border in zip(steps, inside, borders, strict=True)]
    )
    off = np.concatenate(
        [step[near & ~border] for step, near, border in zip(steps, inside, borders, strict=True)]
    )
    return float(on.mean() / off.mean() - 1) if on.size and off.mean() > 0 else 0.0


def measure(photo: Photo, network: Network, samples: int) -> list[dict[str, Any]]:
    """A row for each way."""
    picture, levels, truth = photo.image(), photo.levels(KIND), photo.truth()
    plates = [as_plate(np.ascontiguousarray(shown)) for shown in (picture[:, 1:], picture[:, :-1])]
    first, moved = (
        every_way(plate, np.ascontiguousarray(shown), network, samples)
        for plate, shown in zip(plates, (levels[:, 1:], levels[:, :-1]), strict=True)
    )
    rows = []
    for name, (alpha, cut) in first.items():
        score = matting_score(alpha, np.ascontiguousarray(truth[:, 1:]), np.ascontiguousarray(levels[:, 1:]))
        unknown = levels[:, 1:] == UNKNOWN
        change = np.abs(alpha[:, :-1] - moved[name][0][:, 1:])[unknown[:, :-1]]
        rows.append(
            {
                "photo": photo.name,
                "way": name,
                "sad": score.sad,
                "mse": score.mse,
                "seams": seams(alpha - truth[:, 1:], unknown, cut),
                "flicker": 255 * float(change.mean()),
            }
        )
    return rows


def means_of(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Means over the photos, and each error over that of one sample."""
    table = []
    measures = ("sad", "mse", "seams", "flicker")
    for name in dict.fromkeys(row["way"] for row in rows):
        own = [row for row in rows if row["way"] == name]
        table.append({"way": name} | {key: float(np.mean([row[key] for row in own])) for key in measures})
    one = next(row for row in table if row["way"] == "1 sample")
    return [
        row | {f"{key} ratio": row[key] / one[key] if one[key] else None for key in ("sad", "mse", "flicker")}
        for row in table
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--patch-size", type=int, default=256)
    parser.add_argument("--samples", type=int, default=5)
    parser.add_argument("--photos", type=int, metavar="N", help="only the first N")
    parser.add_argument("--device", default="auto")
    add_json_option(parser)
    options = parser.parse_args()
    network = Network(semantic_matte.Settings(device=options.device), patch_size=options.patch_size)
    chosen = photos(options.folder, options.photos)
    rows = [
        row
        for photo in track(chosen, description="Fusing", transient=True)
        for row in measure(photo, network, options.samples)
    ]
    table = means_of(rows)
    print_table(f"Means over {len(chosen)} photos, {KIND}, patches of {options.patch_size}", table)
    write_json(options.json, {"means": table, "photos": rows})


if __name__ == "__main__":
    main()
