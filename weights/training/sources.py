"""What training pictures are made of: foregrounds with true alpha, and backgrounds.

Pictures are kept in memory as bytes: foregrounds as straight sRGB-encoded colour and alpha, backgrounds as
sRGB-encoded colour. The longest side is brought down to LONGEST_SIDE pixels.
"""

from __future__ import annotations

import dataclasses
import json
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

ByteArray = npt.NDArray[np.uint8]

LONGEST_SIDE = 1024
# COCO's ids of Creative Commons licences that allow changes and commercial use: BY, BY-SA, no known
# restrictions, United States government work.
FREE_LICENCES = (4, 5, 7, 8)
# One foreground in this many is held out for validation.
HELD_OUT = 12


@dataclasses.dataclass(frozen=True, eq=False)
class Foreground:
    """colour: (H, W, 3) uint8, RGB, sRGB-encoded, straight, filled where alpha is 0. alpha: (H, W) uint16, full
    range. edge: (n, 2) int32 y, x of soft pixels, where crops are centred. folder: which of the given ones."""

    name: str
    colour: ByteArray
    alpha: npt.NDArray[np.uint16]
    edge: npt.NDArray[np.int32]
    folder: int = 0


def read_foreground(path: Path, folder: int = 0) -> Foreground:
    """An RGBA picture of 8 or 16 bits. Raises ValueError if it has no alpha or no soft pixel."""
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if picture is None or picture.ndim != 3 or picture.shape[2] != 4:
        raise ValueError(f"{path.name}: expected a picture with colour and alpha")
    deep = picture.astype(np.uint16) * 257 if picture.dtype == np.uint8 else picture
    deep = _limited(deep)
    alpha = np.ascontiguousarray(deep[..., 3])
    colour = np.round(deep[..., 2::-1] / 257.0).astype(np.uint8)
    return Foreground(path.stem, filled(colour, alpha), alpha, edge_of(alpha, path.name), folder)


def edge_of(alpha: npt.NDArray[np.uint16], name: str) -> npt.NDArray[np.int32]:
    """At most 4,096 of the pixels that are neither empty nor solid, or that lie where the two meet."""
    soft = (alpha > 1300) & (alpha < 64200)
    solid = (alpha >= 32768).astype(np.uint8)
    edge = np.argwhere(soft | rim_of(solid)).astype(np.int32)
    if len(edge) < 50:
        raise ValueError(f"{name}: has hardly any edge")
    return edge[:: max(1, len(edge) // 4096)]


def filled(colour: ByteArray, alpha: npt.NDArray[np.uint16]) -> ByteArray:
    """Colour with its faint pixels replaced by what lies around them, from fine scales to coarse."""
    weight = np.clip(alpha.astype(np.float32) / 65535.0 * 4.0, 0, 1)
    weight[alpha < 2000] = 0
    sums = [colour.astype(np.float32) * weight[..., None]]
    weights = [weight]
    while min(weights[-1].shape) > 2:
        size = ((weights[-1].shape[1] + 1) // 2, (weights[-1].shape[0] + 1) // 2)
        sums.append(cv2.resize(sums[-1], size, interpolation=cv2.INTER_AREA))
        weights.append(cv2.resize(weights[-1], size, interpolation=cv2.INTER_AREA))
    result = np.broadcast_to(sums[-1].sum((0, 1)) / max(float(weights[-1].sum()), 1e-6), sums[-1].shape).astype(
        np.float32
    )
    for total, own in zip(reversed(sums), reversed(weights), strict=True):
        raised = cv2.resize(result, own.shape[::-1], interpolation=cv2.INTER_LINEAR)
        trust = np.clip(own * 4, 0, 1)[..., None] if own.shape != weight.shape else own[..., None]
        result = trust * total / np.maximum(own, 1e-6)[..., None] + (1 - trust) * raised
    return np.clip(np.round(result), 0, 255).astype(np.uint8)


def rim_of(mask: ByteArray) -> npt.NDArray[np.bool_]:
    """(H, W): pixels on either side of where a mask (H, W) of 0 and something else changes."""
    return cv2.morphologyEx(mask, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0


def is_held_out(name: str) -> bool:
    """By name, so that a folder that grows never moves a picture from one side to the other."""
    return zlib.crc32(name.encode()) % HELD_OUT == 0


def coco_listing(folder: Path) -> tuple[dict[int, str], list[dict[str, Any]]]:
    """Of a COCO folder: file names, by id, of the photos under a free licence, and all annotations."""
    listing = json.loads((folder / "instances.json").read_text(encoding="utf-8"))
    free = {row["id"]: row["file_name"] for row in listing["images"] if row.get("license") in FREE_LICENCES}
    return free, listing["annotations"]


def foregrounds(folders: list[Path]) -> tuple[list[Foreground], list[Foreground]]:
    """All foregrounds below the folders, in order of their names: those to train on and those held out.

    Whole files only, so a folder that is still being rendered into can be read. A picture without an edge
    is left out.
    """
    train, held_out = [], []
    for number, folder in enumerate(folders):
        for path in sorted(folder.rglob("*.png")):
            try:
                found = read_foreground(path, number)
            except ValueError:
                continue
            (held_out if is_held_out(path.stem) else train).append(found)
    return train, held_out


def backgrounds(folders: list[Path], coco: list[Path]) -> list[ByteArray]:
    """Photos (H, W, 3) uint8 RGB from plain folders and from COCO folders, there only under a free licence."""
    paths = [path for folder in folders for path in sorted(folder.rglob("*.[jp][pn]g"))]
    for folder in coco:
        free, _ = coco_listing(folder)
        paths += [folder / "images" / name for name in sorted(free.values())]
    pictures = [cv2.imread(str(path), cv2.IMREAD_COLOR) for path in paths]
    return [_limited(np.ascontiguousarray(found[..., ::-1])) for found in pictures if found is not None]


def _limited(picture: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    scale = LONGEST_SIDE / max(picture.shape[:2])
    if scale >= 1:
        return picture
    size = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
