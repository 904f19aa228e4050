"""A reader of Cryptomattes on its own feet: the published specification and hash, and the OpenEXR library."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import OpenEXR
import pytest

from semantic_matte.types import Box, Instance, Matte

MatteOf = Callable[..., Matte]

WORD = 0xFFFFFFFF


def murmur(name: str) -> int:
    """MurmurHash3_x86_32 with seed 0 of UTF-8, after Austin Appleby's public domain MurmurHash3.cpp."""
    octets = name.encode("utf-8")
    whole = len(octets) // 4 * 4
    state = 0
    for (block,) in struct.iter_unpack("<I", octets[:whole]):
        state ^= _mixed(block)
        state = (_rotated(state, 13) * 5 + 0xE6546B64) & WORD
    if len(octets) > whole:
        state ^= _mixed(int.from_bytes(octets[whole:], "little"))
    state ^= len(octets)
    state = (state ^ state >> 16) * 0x85EBCA6B & WORD
    state = (state ^ state >> 13) * 0xC2B2AE35 & WORD
    return state ^ state >> 16


def _mixed(block: int) -> int:
    return _rotated(block * 0xCC9E2D51 & WORD, 15) * 0x1B873593 & WORD


def _rotated(number: int, places: int) -> int:
    return (number << places | number >> (32 - places)) & WORD


def float_of(bits: int) -> float:
    """The float32 with these bits."""
    return struct.unpack("<f", struct.pack("<I", bits))[0]


def id_of(name: str) -> int:
    """The specification's id: exponents 0 and 255 become 1 and 254."""
    bits = murmur(name)
    exponent = bits >> 23 & 255
    return bits ^ (1 << 23) if exponent in (0, 255) else bits


@dataclass(frozen=True)
class Decoded:
    """What a file holds. ids: (H, W, ranks) uint32, 0 where nothing is; coverages: (H, W, ranks) float32."""

    header: dict[str, Any]
    name: str
    manifest: dict[str, str]
    ids: np.ndarray
    coverages: np.ndarray

    def coverage_of(self, name: str) -> np.ndarray:
        """(H, W) float32 on the file's data window."""
        return np.where(self.ids == id_of(name), self.coverages, 0).sum(axis=2, dtype=np.float32)


def decode(path: Path) -> Decoded:
    """Read the only Cryptomatte of a file; fails on anything that the specification forbids."""
    with OpenEXR.File(str(path), separate_channels=True) as file:
        header = dict(file.header())
        channels = {name: channel.pixels.copy() for name, channel in file.channels().items()}
    names = [key for key in header if re.fullmatch(r"cryptomatte/[0-9a-f]{7}/name", key)]
    assert len(names) == 1, names
    key, name = names[0].removesuffix("/name"), header[names[0]]
    assert header[f"{key}/hash"] == "MurmurHash3_32"
    assert header[f"{key}/conversion"] == "uint32_to_float32"
    assert key == f"cryptomatte/{id_of(name):08x}"[:-1]
    ids, coverages = [], []
    layers = sorted({channel.rpartition(".")[0] for channel in channels})
    assert layers == [f"{name}{number:02d}" for number in range(len(layers))]
    assert len(channels) == 4 * len(layers)
    for layer in layers:
        for identity, coverage in (("R", "G"), ("B", "A")):
            ids.append(channels[f"{layer}.{identity}"].view(np.uint32))
            coverages.append(channels[f"{layer}.{coverage}"])
            assert coverages[-1].dtype == channels[f"{layer}.{identity}"].dtype == np.float32
    manifest = json.loads(header[f"{key}/manifest"])
    return Decoded(header, name, manifest, np.stack(ids, axis=2), np.stack(coverages, axis=2))


@dataclass(frozen=True)
class Reader:
    """The functions above, as one fixture."""

    decode = staticmethod(decode)
    float_of = staticmethod(float_of)
    id_of = staticmethod(id_of)
    murmur = staticmethod(murmur)


@pytest.fixture(scope="session")
def reader() -> Reader:
    return Reader()


@pytest.fixture(scope="session")
def matte_of() -> MatteOf:
    """Builds a matte of a frame (H, W) from its alpha on a window."""

    def build(frame_size: tuple[int, int], slot: str, alpha: np.ndarray, window: Box | None = None) -> Matte:
        window = window or Box.of_frame(*frame_size)
        crop = np.ascontiguousarray(alpha, np.float32)
        instance = Instance(np.ones(crop.shape, np.bool_), window, frame_size, "thing", 0.9, slot)
        return Matte(instance, crop, window)

    return build


@pytest.fixture(scope="session")
def cryptomatte_api() -> ModuleType:
    """PyPI's reader of Cryptomattes, which is not to be had for every system."""
    return pytest.importorskip("cryptomatte_api")
