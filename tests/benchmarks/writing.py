"""Seconds to write a layers file, against OpenImageIO writing the same pixels raw in the same run.

    python tests/benchmarks/writing.py [--instances 64] [--width 4096] [--height 2160] [--folder DIR]

Mattes are soft-edged blobs with hair, spread over the frame, in windows of 5% to 20% of its height that
overlap. `layers` is `write_layers` from the mattes to the file under its final name: conversion to half, ZIP,
fsync and rename, with the plate's data window and with the one cut by default. `raw` is one call of
OpenImageIO's ImageOutput.write_image with the same (height, width, instances) half array, made before the clock
starts, into an uncompressed EXR, without fsync or rename; `raw ZIP` is that with ZIP. Runs take turns and the
best of each counts. `beyond MB` is what writing needed on top of the mattes: the rise of the process's peak
resident size, taken in the first run, before the array is made. The folder needs room for that array.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import OpenImageIO
from report import add_json_option, print_table, write_json
from speed_memory import MEGABYTE, peak_bytes

from semantic_matte.outputs.layers import write_layers
from semantic_matte.outputs.names import slot_names
from semantic_matte.types import Box, FloatArray, Instance, Matte, Plate

# Sides of windows, as shares of the frame's height.
SMALLEST, LARGEST = 0.05, 0.2
# The bar of the project: the layers file in at most this many times the seconds of `raw`.
BAR = 2.0


def hairy_blob(size: int, generator: np.random.Generator) -> FloatArray:
    """(size, size) float32 in 0..1: solid in the middle, strands and grain in a band around it, 0 outside."""
    y, x = (np.indices((size, size), dtype=np.float32) + 0.5) / size * 2 - 1
    angle, radius = np.arctan2(y, x), np.hypot(x, y)
    phases = generator.uniform(0, 6.28, 3)
    edge = 0.68 + 0.08 * np.sin(3 * angle + phases[0]) + 0.04 * np.sin(7 * angle + phases[1])
    strands = 0.5 + 0.5 * np.sin(size / 6 * angle + 9 * radius + phases[2])
    grain = generator.random((size, size), dtype=np.float32)
    solid = (edge - radius) / 0.06
    alpha = np.clip(solid + 0.5, 0, 1) + np.clip(1 + solid / 3, 0, 1) * (solid < -0.5) * strands * grain
    return np.clip(alpha, 0, 1).astype(np.float32)


def mattes_of(height: int, width: int, count: int, seed: int = 0) -> list[Matte]:
    """Mattes at random places of a frame; the same for the same arguments."""
    generator = np.random.default_rng(seed)
    mattes = []
    for slot in slot_names(["person"] * count):
        size = round(height * generator.uniform(SMALLEST, LARGEST))
        x, y = (int(generator.integers(0, side - size)) for side in (width, height))
        box = Box(x, y, x + size, y + size)
        crop = hairy_blob(size, generator)
        instance = Instance(crop >= 0.5, box, (height, width), "person", 0.9, slot)
        mattes.append(Matte(instance, crop, box))
    return mattes


def raw_array(mattes: list[Matte]) -> npt.NDArray[np.float16]:
    """(H, W, mattes) half, in the order in which the layers file has its channels."""
    array = np.zeros((*mattes[0].frame_size, len(mattes)), np.float16)
    for index, matte in enumerate(sorted(mattes, key=lambda matte: matte.slot)):
        array[(*matte.window.slices, index)] = matte.crop
    return array


def write_raw(place: Path, array: npt.NDArray[np.float16], names: list[str], compression: str) -> None:
    """One write of the whole array by OpenImageIO."""
    height, width, count = array.shape
    spec = OpenImageIO.ImageSpec(width, height, count, OpenImageIO.HALF)
    spec.channelnames = tuple(names)
    spec.attribute("compression", compression)
    output = OpenImageIO.ImageOutput.create(str(place))
    if not (output and output.open(str(place), spec) and output.write_image(array) and output.close()):
        raise SystemExit(f"OpenImageIO can't write {place}: {OpenImageIO.geterror()}")


def seconds_of(write: Callable[[], object]) -> float:
    """One run."""
    start = time.perf_counter()
    write()
    return time.perf_counter() - start


def measure(folder: Path, height: int, width: int, count: int, repeat: int) -> list[dict[str, Any]]:
    """A row for each way of writing."""
    mattes = mattes_of(height, width, count)
    plate = Plate(np.zeros((height, width, 3), np.float32))
    write_layers(folder / "warm.exr", Plate(np.zeros((64, 64, 3), np.float32)), [], {})
    before = peak_bytes()
    write_layers(folder / "layers.exr", plate, mattes, {})
    beyond = (peak_bytes() - before) / MEGABYTE
    array = raw_array(mattes)
    names = sorted(f"{matte.slot}.A" for matte in mattes)
    ways: Mapping[str, Callable[[Path], object]] = {
        "layers": lambda place: write_layers(place, plate, mattes, {}),
        "layers, centred window": lambda place: write_layers(place, plate, mattes, {}, data_window="centred"),
        "raw": lambda place: write_raw(place, array, names, "none"),
        "raw ZIP": lambda place: write_raw(place, array, names, "zip"),
    }
    seconds: dict[str, float] = {}
    sizes: dict[str, int] = {}
    for _ in range(repeat):
        for name, write in ways.items():
            place = folder / "file.exr"
            taken = seconds_of(lambda write=write, place=place: write(place))
            seconds[name] = min(taken, seconds.get(name, taken))
            sizes[name] = place.stat().st_size
            place.unlink()
    return [
        {
            "written": name,
            "seconds": seconds[name],
            "/ raw": seconds[name] / seconds["raw"],
            "/ raw ZIP": seconds[name] / seconds["raw ZIP"],
            "file MB": round(sizes[name] / MEGABYTE, 1),
            "beyond MB": round(beyond) if name == "layers" else None,
        }
        for name in ways
    ]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--instances", type=int, default=64)
    parser.add_argument("--width", type=int, default=4096)
    parser.add_argument("--height", type=int, default=2160)
    parser.add_argument("--repeat", type=int, default=3, help="runs of each way; the best counts")
    parser.add_argument("--folder", type=Path, help="where to write; default: the system's temporary folder")
    add_json_option(parser)
    return parser.parse_args()


def main() -> None:
    options = arguments()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        rows = measure(Path(folder), options.height, options.width, options.instances, options.repeat)
    size = f"{options.instances} mattes at {options.width}x{options.height}"
    print_table(size, rows)
    ratio = rows[0]["/ raw"]
    print(f"Bar: at most {BAR:g} times raw; {'kept' if ratio <= BAR else 'MISSED'} with {ratio:.2f}.")
    write_json(options.json, {"case": size, "rows": rows})


if __name__ == "__main__":
    main()
