"""What steadying is worth: flicker and error of mattes, each frame by itself and steadied by its neighbours.

    python tests/benchmarks/steadiness.py FOREGROUNDS --backgrounds PHOTOS [--names N... | --sample 16 --seed 3]
    python tests/benchmarks/steadiness.py --davis FOLDER [--sequences dog dance-twirl] [--pictures OUT]

The first makes shots with known moving alpha (see synthetic_shots.py) and mattes them from masks that jump:
`each frame` from its own mask alone; `masks` with masks steadied; `steadied` with masks and alphas steadied,
as a shot is matted. `dtssd` and `sad` are those of `semantic_matte.evaluation`, SAD a frame's over the whole
frame; `warped` is `semantic_matte.evaluation_motion.warped_error`, of 255. Ratios are to `each frame`; bars:
dtSSD at most .7, SAD at most 1. The second does the same without truth on real frames, on the object that
fits their masks best.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from report import add_json_option, print_table, write_json
from rich.progress import track
from synthetic_shots import SLOT, foregrounds, make_shot

import semantic_matte
from semantic_matte import pipeline
from semantic_matte.errors import SemanticMatteError
from semantic_matte.evaluation import dtssd, mask_iou, sad
from semantic_matte.evaluation_motion import warped_error
from semantic_matte.plates import as_plate
from semantic_matte.ports import SilentProgress
from semantic_matte.shots.flow import Flow, flow_between, flow_picture
from semantic_matte.shots.steady_alphas import ALPHA_REACH, Neighbour, band_of, display_picture, steady_matte
from semantic_matte.shots.steady_masks import MASK_REACH, steady_instance
from semantic_matte.types import FloatArray, Instance, Matte, Plate

# What the weights were chosen on: name others to learn what they are worth on what they have not seen.
NAMES = ["hair_curly_0001", "fur_tufts_0000", "hair_wisps_0000", "cloth_fringe_0001", "fur_short_0000"]
# Transparent far from any edge: for a hint, not for a band.
WIDE = ("glass", "lace", "net", "plastic", "smoke", "veil")
WAYS = ("each frame", "masks", "steadied")


@dataclass(frozen=True, eq=False)
class Shot:
    """plates and, for each, the mask that it is matted from. truths: (T, H, W) float32, None where unknown."""

    name: str
    plates: Sequence[Plate]
    instances: Sequence[Instance]
    truths: FloatArray | None


class Steadier:
    """The whole work on one shot, as a shot's window does it, with every frame in memory."""

    def __init__(self, shot: Shot, engine: semantic_matte.Engine, strength: float) -> None:
        self.shot, self.engine, self.strength = shot, engine, strength
        self._small = [flow_picture(plate) for plate in shot.plates]
        self._flows: dict[tuple[int, int], Flow] = {}

    def flow(self, here: int, there: int) -> Flow:
        if (here, there) not in self._flows:
            self._flows[here, there] = flow_between(self._small[here], self._small[there])
        return self._flows[here, there]

    def around(self, frame: int, reach: int) -> list[int]:
        last = len(self.shot.plates) - 1
        return [near for near in range(max(0, frame - reach), min(last, frame + reach) + 1) if near != frame]

    def mattes(self, instances: Sequence[Instance]) -> list[Matte]:
        """A matte a frame, each by itself."""
        settings, estimator = self.engine.settings, self.engine.estimator
        return [
            pipeline.matte_frame(plate, [instance], estimator, settings, SilentProgress())[0]
            for plate, instance in zip(self.shot.plates, instances, strict=True)
        ]

    def masks(self) -> list[Instance]:
        """The shot's masks, steadied."""
        masks = self.shot.instances
        return [
            steady_instance(
                mask,
                [(self.flow(frame, near), masks[near]) for near in self.around(frame, MASK_REACH)],
                self.strength,
            )
            for frame, mask in enumerate(masks)
        ]

    def steadied(self, mattes: Sequence[Matte]) -> list[Matte]:
        """Alphas steadied by their neighbours'."""
        settings = self.engine.settings
        pictures = [display_picture(plate) for plate in self.shot.plates]
        results = []
        for frame, matte in enumerate(mattes):
            band = band_of(matte.instance, matte.window, settings.dilation_outer, settings.dilation_inner)
            neighbours = [
                Neighbour(self.flow(frame, near), mattes[near], pictures[near])
                for near in self.around(frame, ALPHA_REACH)
            ]
            results.append(steady_matte(matte, band, pictures[frame], neighbours, self.strength))
        return results

    def alphas(self) -> dict[str, FloatArray]:
        """(T, H, W) float32 by the way's name."""
        from_steady_masks = self.mattes(self.masks())
        ways = {
            "each frame": self.mattes(self.shot.instances),
            "masks": from_steady_masks,
            "steadied": self.steadied(from_steady_masks),
        }
        return {way: np.stack([matte.alpha for matte in mattes]) for way, mattes in ways.items()}

    def warped(self, alphas: FloatArray) -> float:
        """Mean warping error over the shot's steps, of 255."""
        steps = [
            warped_error(alphas[frame], alphas[frame - 1], self.flow(frame, frame - 1))
            for frame in range(1, len(alphas))
        ]
        return 255 * float(np.mean([step for step in steps if step is not None]))


def measure(steadier: Steadier, alphas: dict[str, FloatArray]) -> Iterator[dict[str, Any]]:
    """A row for each way."""
    truths = steadier.shot.truths
    for way in WAYS:
        row = {"shot": steadier.shot.name, "way": way, "warped": steadier.warped(alphas[way])}
        if truths is not None:
            row["dtssd"] = dtssd(alphas[way], truths)
            row["sad"] = float(np.mean([sad(*pair) for pair in zip(alphas[way], truths, strict=True)]))
        yield row


def with_ratios(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each row with its figures over those of `each frame` of the same shot, and their means over the shots."""
    base = {row["shot"]: row for row in rows if row["way"] == WAYS[0]}
    names = [name for name in ("dtssd", "sad", "warped") if name in rows[0]]
    told = [
        row | {f"{name} ratio": row[name] / max(base[row["shot"]][name], 1e-9) for name in names}
        for row in rows
    ]
    keys = [key for key in told[0] if key not in ("shot", "way")]
    means = [
        {"shot": "mean", "way": way}
        | {key: float(np.mean([r[key] for r in told if r["way"] == way])) for key in keys}
        for way in WAYS
    ]
    return told + means


def synthetic(options: argparse.Namespace) -> Iterator[Callable[[], Shot]]:
    """Shots of the foregrounds over the photos, made one at a time."""
    photos = sorted(options.backgrounds.glob("*.[jp][pn]g")) if options.backgrounds else []
    if not photos:
        raise SystemExit("Expected --backgrounds, a folder of photos, *.jpg or *.png.")
    names = drawn(options.foregrounds, options.sample, options.seed) if options.sample else options.names
    chosen = list(foregrounds(options.foregrounds, names))
    if options.lemur:
        chosen += foregrounds(options.lemur, [])
    size = (options.height, options.height * 3 // 2)
    for number, foreground in enumerate(chosen):
        photo = photos[(number + options.seed + 3) % len(photos)]

        def make(foreground=foreground, photo=photo, seed=options.seed + number) -> Shot:
            made = make_shot(foreground, photo, size=size, frames=options.frames, seed=seed)
            return Shot(made.name, made.plates, made.instances, made.truths)

        yield make


def drawn(folder: Path, count: int, seed: int) -> list[str]:
    """So many of the folder's foregrounds, but for kinds that no band around a mask can hold."""
    stems = sorted(path.stem for path in folder.glob("*.png") if not path.stem.startswith(WIDE))
    return random.Random(seed).sample(stems, min(count, len(stems)))


def davis(options: argparse.Namespace, engine: semantic_matte.Engine) -> Iterator[Callable[[], Shot]]:
    """Shots of the sequences, with the masks that the engine finds."""
    for name in options.sequences:

        def make(root: Path = options.davis / name) -> Shot:
            paths = sorted((root / "frames").glob("*.jpg"))[options.first :][: options.frames]
            if not paths:
                raise SystemExit(f"{root}: expected frames/*.jpg.")
            plates, found = [as_plate(str(path), None) for path in paths], []
            for path, plate in zip(paths, plates, strict=True):
                truth = cv2.imread(str(root / "masks" / f"{path.stem}.png"), cv2.IMREAD_GRAYSCALE) > 0
                best = max(engine.segment(plate), key=lambda one, truth=truth: mask_iou(one.mask, truth))
                found.append(replace(best, slot=SLOT))
            return Shot(root.name, plates, found, None)

        yield make


def write_pictures(folder: Path, steadier: Steadier, alphas: dict[str, FloatArray]) -> None:
    """Three frames of the middle, plate over alphas of each way, around the object."""
    folder.mkdir(parents=True, exist_ok=True)
    middle = len(steadier.shot.plates) // 2
    frames = range(middle - 1, middle + 2)
    box = steadier.shot.instances[middle].box
    for frame in frames:
        box = box.union(steadier.shot.instances[frame].box)
    cut = box.padded(20).intersection(steadier.shot.plates[0].box).slices
    rows = [np.hstack([display_picture(steadier.shot.plates[frame])[cut][..., ::-1] for frame in frames])]
    for way in WAYS:
        levels = np.hstack([np.rint(alphas[way][frame][cut] * 255).astype(np.uint8) for frame in frames])
        rows.append(cv2.cvtColor(levels, cv2.COLOR_GRAY2BGR))
    cv2.imwrite(str(folder / f"steadiness_{steadier.shot.name}.png"), np.vstack(rows))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("foregrounds", type=Path, nargs="?")
    parser.add_argument("--backgrounds", type=Path)
    parser.add_argument("--names", nargs="*", default=NAMES, help="stems of the foregrounds' files; none: all")
    parser.add_argument("--sample", type=int, default=0, metavar="COUNT", help="draw so many, by --seed")
    parser.add_argument("--lemur", type=Path, metavar="FOLDER")
    parser.add_argument("--davis", type=Path, metavar="FOLDER")
    parser.add_argument("--sequences", nargs="+", default=["dog", "dance-twirl"])
    parser.add_argument("--first", type=int, default=10, help="DAVIS: frames left out at the start")
    parser.add_argument("--height", type=int, default=240)
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--passes", type=int, default=2)
    parser.add_argument("--samples", type=int, default=1)
    parser.add_argument("--estimator", default="network")
    parser.add_argument("--steadiness", type=float, default=semantic_matte.Settings().steadiness)
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda", "mps"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--pictures", type=Path, metavar="FOLDER", help="also write three frames of each shot here"
    )
    add_json_option(parser)
    options = parser.parse_args()
    if (options.foregrounds is None) == (options.davis is None):
        parser.error("expected FOREGROUNDS or --davis")
    return options


def main() -> None:
    options = arguments()
    settings = semantic_matte.Settings(
        estimator=options.estimator, passes=options.passes, samples=options.samples, device=options.device
    )
    engine = semantic_matte.Engine(settings)
    work = list(davis(options, engine) if options.davis else synthetic(options))
    rows = []
    for make in track(work, description="Matting", transient=True):
        try:
            steadier = Steadier(make(), engine, options.steadiness)
            alphas = steadier.alphas()
        except SemanticMatteError as error:
            raise SystemExit(str(error)) from None
        rows += measure(steadier, alphas)
        if options.pictures:
            write_pictures(options.pictures, steadier, alphas)
    table = with_ratios(rows)
    print_table(f"Steadiness {options.steadiness}, {options.frames} frames a shot", table)
    write_json(options.json, {"steadiness": options.steadiness, "shots": table})
    met = [row for row in table if row["shot"] == "mean" and row["way"] == WAYS[2] and "dtssd" in row]
    for row in met:
        verdict = "met" if row["dtssd ratio"] <= 0.7 and row["sad ratio"] <= 1 else "MISSED"
        print(f"Bar (dtSSD <= .7, SAD <= 1): {row['dtssd ratio']:.3f}, {row['sad ratio']:.3f}: {verdict}")


if __name__ == "__main__":
    main()
