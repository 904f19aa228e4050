"""Foreground colour against known truth: objects with known colour and alpha, composed in linear light.

    python tests/benchmarks/foregrounds.py CUT_OUTS... --backgrounds PHOTOS [--lemur FOLDER] [--engine]

CUT_OUTS are folders of RGBA pictures (straight, sRGB-encoded colour), PHOTOS of plain ones. Each object is
composed over a photo, a green screen, a bright sky, and a photo with lamps of 1000 and holes of -0.5 in it,
with grain, and its colour is found again: from its true alpha and, with --engine, from the alpha that the
engine finds in a band around its edge. FOLDER holds lemur_foreground.png and lemur_alpha.png, whose colours are
then taken for true.

"plate" is the plate's colour itself. SAD and MSE are those of `semantic_matte.evaluation`, in linear light.
Bleed is the green beyond the greater of red and blue that is there too much, weighted by alpha. Seen is the
difference of composites over a dark ground, sRGB-encoded, in 1/255. Ratio is of SAD, to the reference,
multi_level. Seconds are per megapixel, one after the other in one process.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from report import add_json_option, print_table, write_json
from rich.progress import track

import semantic_matte
from semantic_matte.colour import decode_srgb, encode_srgb
from semantic_matte.devices import choose_device
from semantic_matte.evaluation import foreground_mse, foreground_sad
from semantic_matte.foregrounds import FOREGROUND_ESTIMATORS
from semantic_matte.types import BACKGROUND, FOREGROUND, UNKNOWN, ByteArray, FloatArray

REFERENCE = "multi_level"
LONGEST_SIDE = 512
NEW_GROUND = decode_srgb(np.array([0.25, 0.22, 0.28], dtype=np.float32))
MEASURES = ("sad", "mse", "bleed", "seen", "seconds")

Method = Callable[[FloatArray, FloatArray], FloatArray]


@dataclass(frozen=True, eq=False)
class CutOut:
    """colour: (H, W, 3) float32 linear, straight. alpha: (H, W) float32."""

    group: str
    colour: FloatArray
    alpha: FloatArray


def read(path: Path, flags: int) -> Any:
    """A picture in RGB or RGBA order, in [0, 1]."""
    picture = cv2.imread(str(path), flags)
    if picture is None:
        raise SystemExit(f"{path}: not there, or no picture.")
    shares = picture.astype(np.float32) / np.iinfo(picture.dtype).max
    return shares if shares.ndim == 2 else shares[..., [2, 1, 0, 3][: shares.shape[2]]]


def cut_outs(folders: list[Path], lemur: Path | None, count: int) -> list[CutOut]:
    """`count` of each folder, evenly taken, and the lemur."""
    found = []
    for folder in folders:
        paths = sorted(folder.glob("*.png"))
        if not paths:
            raise SystemExit(f"{folder}: expected RGBA pictures, *.png.")
        # Folders go in sets of one of each kind: neighbours by name are alike.
        for path in paths[:: max(1, len(paths) // count)][:count]:
            picture = read(path, cv2.IMREAD_UNCHANGED)
            found.append(shrunk(folder.name, decode_srgb(picture[..., :3]), picture[..., 3]))
    if lemur is not None:
        colour = decode_srgb(read(lemur / "lemur_foreground.png", cv2.IMREAD_COLOR))
        found.append(shrunk("lemur", colour, read(lemur / "lemur_alpha.png", cv2.IMREAD_GRAYSCALE)))
    return found


def shrunk(group: str, colour: FloatArray, alpha: FloatArray) -> CutOut:
    """Brought down by area, premultiplied, where it is larger than LONGEST_SIDE."""
    scale = LONGEST_SIDE / max(alpha.shape)
    if scale >= 1:
        return CutOut(group, colour, alpha)
    size = (round(alpha.shape[1] * scale), round(alpha.shape[0] * scale))
    light = cv2.resize(colour * alpha[..., np.newaxis], size, interpolation=cv2.INTER_AREA)
    small = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)
    straight = light / np.maximum(small, 1e-4)[..., np.newaxis]
    return CutOut(group, straight.astype(np.float32), small.clip(0, 1))


def grounds(
    photo: FloatArray, alpha: FloatArray, random: np.random.Generator
) -> Iterator[tuple[str, FloatArray]]:
    """What to compose over, by name: (H, W, 3) float32 linear each."""
    yield "photo", photo
    across = np.linspace(0.8, 1.2, alpha.shape[1], dtype=np.float32)[:, np.newaxis]
    yield "green", np.broadcast_to(across * np.array([0.03, 0.45, 0.05], np.float32), photo.shape).copy()
    yield "sky", 0.3 * photo + 6
    lamps, soft = photo.copy(), np.argwhere((alpha > 0.05) & (alpha < 0.95))
    rows, columns = np.indices(alpha.shape)
    for number, (y, x) in enumerate(soft[random.integers(len(soft), size=8)]):
        spot = np.hypot(rows - y, columns - x) <= 2.5
        lamps[spot] = (1000, 800, 500) if number % 2 else -0.5
    yield "1000, -0.5", lamps


def grainy(plate: FloatArray, random: np.random.Generator) -> FloatArray:
    """With a sensor's noise: some that is always there, and some that grows with light."""
    noise = random.normal(size=plate.shape) * np.sqrt(0.003**2 + 1e-4 * np.maximum(plate, 0))
    return (plate + noise).astype(np.float32)


def photo_of(path: Path, shape: tuple[int, int]) -> FloatArray:
    """(H, W, 3) linear, filling the shape."""
    whole = read(path, cv2.IMREAD_COLOR)
    scale = max(shape[0] / whole.shape[0], shape[1] / whole.shape[1])
    size = (max(shape[1], round(whole.shape[1] * scale)), max(shape[0], round(whole.shape[0] * scale)))
    return decode_srgb(cv2.resize(whole, size, interpolation=cv2.INTER_AREA)[: shape[0], : shape[1]])


def band_around(alpha: FloatArray) -> ByteArray:
    """A trimap from a true alpha: all that is soft, and four pixels more."""
    soft = ((alpha > 0.02) & (alpha < 0.98)).astype(np.uint8)
    rim = cv2.morphologyEx((alpha > 0.5).astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    unknown = cv2.dilate(soft | rim, np.ones((9, 9), np.uint8)) > 0
    return np.where(unknown, UNKNOWN, np.where(alpha > 0.5, FOREGROUND, BACKGROUND)).astype(np.uint8)


def measure(colour: FloatArray, truth: CutOut, alpha: FloatArray) -> dict[str, float]:
    """All errors but seconds. alpha: the one that the colour was found from."""
    soft = (alpha > 0) & (alpha < 1)
    weight, true_weight = alpha[soft][:, np.newaxis], truth.alpha[soft][:, np.newaxis]

    def green(colours: FloatArray) -> FloatArray:
        return np.maximum(0, colours[:, 1] - np.maximum(colours[:, 0], colours[:, 2]))

    def shown(colours: FloatArray, share: FloatArray) -> FloatArray:
        return encode_srgb((share * colours + (1 - share) * NEW_GROUND).clip(0, None))

    spilled = np.maximum(0, green(colour[soft]) - green(truth.colour[soft]))
    difference = shown(colour[soft], weight) - shown(truth.colour[soft], true_weight)
    return {
        "sad": foreground_sad(colour, truth.colour, alpha),
        "mse": foreground_mse(colour, truth.colour, alpha),
        "bleed": float((weight[:, 0] * spilled).sum() / weight.sum()),
        "seen": float(np.abs(difference).mean()) * 255,
    }


def rows_of(
    objects: list[CutOut], photos: list[Path], methods: dict[str, Method], engine: semantic_matte.Engine | None
) -> Iterator[dict[str, Any]]:
    """A row for each object, ground, alpha and method."""
    for number, truth in enumerate(track(objects, description="Unmixing", transient=True)):
        random = np.random.default_rng(number)
        photo = photo_of(photos[number % len(photos)], truth.alpha.shape)
        for ground, behind in grounds(photo, truth.alpha, random):
            share = truth.alpha[..., np.newaxis]
            plate = grainy(share * truth.colour + (1 - share) * behind, random)
            alphas = {"true": truth.alpha}
            levels = band_around(truth.alpha)
            if engine is not None and (levels == FOREGROUND).any() and (levels == BACKGROUND).any():
                alphas["engine's"] = engine.refine(plate, levels)
            for kind, alpha in alphas.items():
                for name, method in methods.items():
                    start = time.perf_counter()
                    colour = method(plate, alpha)
                    seconds = (time.perf_counter() - start) / (alpha.size / 1e6)
                    keys = {"objects": truth.group, "over": ground, "alpha": kind, "method": name}
                    yield keys | measure(colour, truth, alpha) | {"seconds": seconds}


def means_of(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Means over the objects of each group, with the ratio of each SAD to the reference's."""
    table = []
    for keys in dict.fromkeys((row["objects"], row["over"], row["alpha"], row["method"]) for row in rows):
        own = [row for row in rows if (row["objects"], row["over"], row["alpha"], row["method"]) == keys]
        means = {name: float(np.mean([row[name] for row in own])) for name in MEASURES}
        named = dict(zip(("objects", "over", "alpha", "method"), keys, strict=True))
        table.append(named | {"count": len(own)} | means)
    order = {
        key: place
        for place, key in enumerate(dict.fromkeys((r["objects"], r["alpha"], r["over"]) for r in table))
    }
    table.sort(key=lambda row: order[row["objects"], row["alpha"], row["over"]])
    bases = {
        (row["objects"], row["over"], row["alpha"]): row["sad"] for row in table if row["method"] == REFERENCE
    }
    return [row | {"ratio": row["sad"] / bases[row["objects"], row["over"], row["alpha"]]} for row in table]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+", metavar="CUT_OUTS")
    parser.add_argument("--backgrounds", type=Path, required=True, metavar="PHOTOS")
    parser.add_argument("--lemur", type=Path, metavar="FOLDER")
    parser.add_argument("--count", type=int, default=44, help="objects a folder")
    parser.add_argument("--engine", action="store_true", help="also with the alpha that the engine finds")
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda", "mps"])
    add_json_option(parser)
    return parser.parse_args()


def main() -> None:
    options = arguments()
    device, sentence = choose_device(options.device)
    print(sentence)
    methods: dict[str, Method] = {"plate": lambda plate, alpha: plate}
    for name in sorted(FOREGROUND_ESTIMATORS, key=lambda name: name != REFERENCE):
        methods[name] = FOREGROUND_ESTIMATORS[name](device).estimate
        # The first call loads libraries; that is not the method's time.
        methods[name](np.ones((64, 64, 3), np.float32), np.full((64, 64), 0.5, np.float32))
    photos = sorted(options.backgrounds.glob("*.[jp][pn]g"))
    if not photos:
        raise SystemExit(f"{options.backgrounds}: expected photos, *.jpg or *.png.")
    engine = semantic_matte.Engine(semantic_matte.Settings(device=options.device)) if options.engine else None
    objects = cut_outs(options.folders, options.lemur, options.count)
    rows = list(rows_of(objects, photos, methods, engine))
    means = means_of(rows)
    print_table("Foreground colour against known truth, means over the objects", means)
    write_json(options.json, {"means": means, "rows": rows})


if __name__ == "__main__":
    main()
