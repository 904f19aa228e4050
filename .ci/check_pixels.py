"""Check what a run of the README's first command left behind: files, layers, and the pixels in them.

    python .ci/check_pixels.py FOLDER NAME LABEL "inside:X,Y;X,Y..." "outside:X,Y;X,Y..."

FOLDER holds NAME.mattes.exr, NAME.cryptomatte.exr, NAME.matte.json and NAME.contact.png. The first layer of
LABEL has an alpha over 0.9 at the inside points, under 0.1 at the outside ones, and soft pixels in between; its
coverage in the Cryptomatte is the same to half a step of half float. The sidecar's checksums are the files'.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import OpenImageIO


def points(argument: str) -> list[tuple[int, int]]:
    """inside:1,2;3,4 -> [(1, 2), (3, 4)]."""
    return [tuple(int(value) for value in pair.split(",")) for pair in argument.split(":")[1].split(";")]


def whole(path: Path) -> dict[str, np.ndarray]:
    """Channels on the display window, of which the file may hold a part."""
    picture = OpenImageIO.ImageBuf(str(path))
    window = picture.roi_full
    pixels = picture.get_pixels(OpenImageIO.FLOAT, window)
    return {channel: pixels[..., index] for index, channel in enumerate(picture.spec().channelnames)}


def coverage(path: Path, slot: str) -> np.ndarray:
    """What the Cryptomatte says of an object, summed over its ranks."""
    header = OpenImageIO.ImageBuf(str(path)).spec()
    (manifest,) = (one.value for one in header.extra_attribs if one.name.endswith("/manifest"))
    # Ids are compared as bits: read as numbers, some would be equal to others.
    wanted = int(json.loads(manifest)[slot], 16)
    channels = whole(path)
    total = np.zeros(next(iter(channels.values())).shape, np.float32)
    for identity, share in (("R", "G"), ("B", "A")):
        for name in [name for name in channels if name.endswith(f".{identity}")]:
            bits = np.ascontiguousarray(channels[name]).view(np.uint32)
            total += np.where(bits == wanted, channels[f"{name[:-1]}{share}"], 0)
    return total


def main() -> None:
    """End with a message and 1 on the first thing that is wrong."""
    folder, name, label = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    inside, outside = points(sys.argv[4]), points(sys.argv[5])
    record = json.loads((folder / f"{name}.matte.json").read_text(encoding="utf-8"))
    slots = [slot["slot"] for slot in record["slots"] if slot["label"] == label]
    if not slots:
        raise SystemExit(f"no '{label}' among {[slot['label'] for slot in record['slots']]}")
    for file in record["files"]:
        if hashlib.sha256((folder / file["name"]).read_bytes()).hexdigest() != file["sha256"]:
            raise SystemExit(f"{file['name']} is not what the sidecar says")
    alpha = whole(folder / f"{name}.mattes.exr")[f"{slots[0]}.A"]
    covered = coverage(folder / f"{name}.cryptomatte.exr", slots[0])
    if abs(alpha - covered).max() > 2**-12:
        raise SystemExit(f"alpha and coverage differ by up to {abs(alpha - covered).max()}")
    for x, y in inside:
        if not alpha[y, x] > 0.9:
            raise SystemExit(f"alpha at ({x}, {y}) is {alpha[y, x]:.3f}, expected over 0.9")
    for x, y in outside:
        if not alpha[y, x] < 0.1:
            raise SystemExit(f"alpha at ({x}, {y}) is {alpha[y, x]:.3f}, expected under 0.1")
    soft = int(np.count_nonzero((alpha > 0.05) & (alpha < 0.95)))
    if soft < 100:
        raise SystemExit(f"only {soft} soft pixels: that is a mask, not a matte")
    sheet = OpenImageIO.ImageBuf(str(folder / f"{name}.contact.png"))
    if sheet.spec().width < 600:
        raise SystemExit("the contact sheet is missing or tiny")
    print(f"{name}: {slots[0]} has {alpha.mean():.3f} mean alpha, {soft} soft pixels: good")


if __name__ == "__main__":
    main()
