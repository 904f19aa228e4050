"""How much a matte moves when a plate gets a stop brighter.

    python tests/benchmarks/exposure.py PHOTO... [--stops 1] [--largest 640]

Each photo becomes an ACEScg plate twice: once a stop down, so that a stop up brings it back to the photo ("in
range"), and once as it is, so that a stop up sends its lights above white ("clips"). The matte of the brighter
plate is compared with that of the darker one, over all pixels of the frame: of the whole pipeline, where
objects can be lost and found anew, and of a fixed instance, where the darker plate's mask goes in as a hint.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from report import add_json_option, print_table, write_json
from rich.progress import track

import semantic_matte as sm
from semantic_matte.colour import ACESCG, from_scene_linear
from semantic_matte.evaluation import mask_iou
from semantic_matte.types import FloatArray, Hint, Matte

# Two mattes are of one object where their masks overlap so much.
SAME_OBJECT = 0.5
VISIBLE = 2 / 255


@dataclass(frozen=True)
class Difference:
    """Of two mattes of one object, over the frame."""

    mean: float
    percentile_99: float
    visible: float
    iou: float

    @classmethod
    def of(cls, one: FloatArray, other: FloatArray) -> Difference:
        """one, other: (H, W) alpha."""
        apart = np.abs(one - other)
        return cls(
            float(apart.mean()),
            float(np.percentile(apart, 99)),
            float((apart > VISIBLE).mean()),
            mask_iou(one >= 0.5, other >= 0.5),
        )


def plate_of(path: Path, largest: int, stops: float) -> FloatArray:
    """(H, W, 3) float32 ACEScg: the photo, at most `largest` pixels wide and high, `stops` brighter."""
    light = sm.read_plate(path).pixels
    scale = min(1.0, largest / max(light.shape[:2]))
    if scale < 1:
        light = cv2.resize(light, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return from_scene_linear(np.asarray(light, dtype=np.float32), ACESCG) * np.float32(2**stops)


def closest(matte: Matte, others: Sequence[Matte]) -> Matte | None:
    """The matte of the same object among others, or None."""
    overlaps = [mask_iou(matte.alpha >= 0.5, other.alpha >= 0.5) for other in others]
    best = int(np.argmax(overlaps)) if overlaps else -1
    return others[best] if best >= 0 and overlaps[best] >= SAME_OBJECT else None


def measure(engine: sm.Engine, path: Path, largest: int, start: float, stops: float) -> list[dict[str, Any]]:
    """A row for each object of the darker plate."""
    dark, bright = (plate_of(path, largest, start + more) for more in (0, stops))
    before = engine.matte(dark, colour_space=ACESCG)
    after = engine.matte(bright, colour_space=ACESCG)
    hints = [Hint(mask=matte.instance.mask, label=matte.label) for matte in before]
    fixed = [
        [engine.matte(plate, hints=[hint], colour_space=ACESCG)[0].alpha for plate in (dark, bright)]
        for hint in hints
    ]
    rows = []
    for matte, (one, other) in zip(before, fixed, strict=True):
        same = closest(matte, after)
        whole = None if same is None else Difference.of(matte.alpha, same.alpha)
        rows.append(
            {
                "photo": path.stem,
                "plate": "in range" if start < 0 else "clips",
                "object": matte.slot,
                "score": matte.instance.score,
                "whole": None if whole is None else vars(whole),
                "fixed": vars(Difference.of(one, other)),
            }
        )
    return rows


def summary(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Means and worst values for each kind of plate and of run."""
    table = []
    for plate in dict.fromkeys(row["plate"] for row in rows):
        for kind in ("whole", "fixed"):
            own = [row[kind] for row in rows if row["plate"] == plate]
            kept = [difference for difference in own if difference is not None]
            line: dict[str, Any] = {"plate": plate, "run": kind, "objects": len(own)}
            line["lost"] = len(own) - len(kept)
            for name in ("mean", "percentile_99", "visible"):
                values = [difference[name] for difference in kept]
                line[name] = float(np.mean(values)) if values else float("nan")
                line[f"worst {name}"] = max(values, default=float("nan"))
            table.append(line)
    return table


def lines(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """What is printed of each object."""
    table = []
    for row in rows:
        line = {name: row[name] for name in ("photo", "plate", "object", "score")}
        for kind in ("whole", "fixed"):
            for name in ("mean", "percentile_99", "visible"):
                line[f"{kind} {name}"] = float("nan") if row[kind] is None else row[kind][name]
        table.append(line)
    return table


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path, nargs="+", metavar="PHOTO")
    parser.add_argument("--stops", type=float, default=1.0)
    parser.add_argument("--largest", type=int, default=640, metavar="PIXELS")
    parser.add_argument("--estimator", default="network", metavar="NAME")
    add_json_option(parser)
    return parser.parse_args()


def main() -> None:
    options = arguments()
    engine = sm.Engine(sm.Settings(estimator=options.estimator))
    rows = [
        row
        for start in (-options.stops, 0.0)
        for photo in track(options.photos, description="Exposure", transient=True)
        for row in measure(engine, photo, options.largest, start, options.stops)
    ]
    print_table(f"{options.stops:g} stops up, object by object", lines(rows))
    print_table(f"{options.stops:g} stops up, {len(options.photos)} photos", summary(rows))
    write_json(options.json, {"stops": options.stops, "summary": summary(rows), "objects": rows})


if __name__ == "__main__":
    main()
