"""Results as the engine writes them, made by OpenEXR alone: a layer a slot in half float, and a Cryptomatte."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import OpenEXR

from semantic_matte_client.nodes.result_records import Results, SlotFound

SIZE = (64, 48)
STEM = "plate"

Alphas = dict[str, np.ndarray]


def alphas(slots: Sequence[str], seed: int = 0, size: tuple[int, int] = SIZE) -> Alphas:
    """An alpha (H, W) a slot, another one at each pixel, in steps that half holds; together below 1."""
    random = np.random.default_rng(seed)
    most = 1024 // max(1, len(slots))
    shape = (size[1], size[0])
    return {slot: random.integers(0, most, shape).astype(np.float16) / np.float16(1024) for slot in slots}


def write_frame(folder: Path, number: int, layers: Mapping[str, np.ndarray]) -> np.ndarray:
    """Write one frame's two files; returns what the Cryptomatte's first ranks hold, (H, W, 4) float32."""
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    shape = next(iter(layers.values())).shape
    channels = {f"{slot}.A": alpha.astype(np.float16) for slot, alpha in layers.items()}
    folder.mkdir(parents=True, exist_ok=True)
    OpenEXR.File(header, channels).write(str(folder / f"{STEM}.mattes.{number:04d}.exr"))
    random = np.random.default_rng(number)
    # Ids are any bits that make a finite number, tiny and huge ones too.
    ranks = random.integers(0x00800000, 0x7F000000, (*shape, 4), dtype=np.uint32).view(np.float32)
    ranks[..., 1::2] = random.random((*shape, 2), dtype=np.float32)
    crypto = {
        f"SemanticMatte{rank:02d}.{name}": ranks[..., place].copy()
        for rank in range(2)
        for place, name in enumerate("RGBA")
    }
    OpenEXR.File(header, crypto).write(str(folder / f"{STEM}.cryptomatte.{number:04d}.exr"))
    return ranks


def results(
    folder: Path,
    slots: Sequence[str],
    frames: Sequence[int] = (1,),
    offset: int = 0,
    hold: bool = False,
    size: tuple[int, int] = SIZE,
) -> Results:
    """What `read_results` would return of such files."""
    found = tuple(SlotFound(slot, slot.split("_")[1], 0.5, str(frames[0])) for slot in slots)
    return Results(str(folder), STEM, tuple(frames), offset, hold, found, size, "Made for a test.")


def made(
    folder: Path, slots: Sequence[str], seed: int = 0, frame: int = 1, hold: bool = False
) -> tuple[Results, Alphas]:
    """One frame's files of these slots: the result, and what each layer holds."""
    layers = alphas(slots, seed)
    write_frame(folder, frame, layers)
    return results(folder, slots, (frame,), hold=hold), layers


def write_picture(path: Path, pixels: np.ndarray) -> Path:
    """A 32-bit EXR of (H, W, 4) float32."""
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    OpenEXR.File(header, {"RGBA": pixels}).write(str(path))
    return path
