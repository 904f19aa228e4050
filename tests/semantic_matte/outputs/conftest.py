"""Mattes to write, and two readers of EXR files that know nothing of what wrote them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import OpenImageIO as oiio
import pytest

from semantic_matte.types import Box, FloatArray, Instance, Matte

MakeMatte = Callable[..., Matte]


def soft_ellipse(height: int, width: int) -> FloatArray:
    """(H, W) float32: 1 in the middle, a soft edge, 0 outside; steps of 1/64, so exact in half."""
    y, x = np.indices((height, width)) + 0.5
    radius = np.hypot((x / width - 0.5) * 2, (y / height - 0.5) * 2)
    return (np.rint(((1 - radius) * 4).clip(0, 1) * 64) / 64).astype(np.float32)


@pytest.fixture
def make_matte() -> MakeMatte:
    def make(
        frame_size: tuple[int, int],
        window: Box,
        slot: str = "sm_person_01",
        label: str = "person",
        score: float = 0.9,
        spread: float | None = None,
    ) -> Matte:
        crop = soft_ellipse(window.height, window.width)
        instance = Instance(np.ones(crop.shape, np.bool_), window, frame_size, label, score, slot)
        spread_crop = None if spread is None else np.full(crop.shape, spread, np.float32)
        return Matte(instance, crop, window, spread_crop, passes=3)

    return make


@dataclass(frozen=True, eq=False)
class Stored:
    """What a reader found: channels in the file's order, windows half-open, the header as it names things."""

    channels: dict[str, np.ndarray]
    data: Box
    display: Box
    aspect: float
    header: dict[str, Any]
    tiles: tuple[int, int] | None


def read_with_openexr(path: Path) -> Stored:
    with OpenEXR.File(str(path), separate_channels=True) as file:
        header = dict(file.header())
        pixels = {name: channel.pixels.copy() for name, channel in file.channels().items()}
    boxes = []
    for name in ("dataWindow", "displayWindow"):
        (x0, y0), (x1, y1) = header[name]
        boxes.append(Box(int(x0), int(y0), int(x1) + 1, int(y1) + 1))
    tiles = (header["tiles"].xSize, header["tiles"].ySize) if "tiles" in header else None
    in_order = {channel.name: pixels[channel.name] for channel in header["channels"]}
    return Stored(in_order, *boxes, header["pixelAspectRatio"], header, tiles)


def read_with_openimageio(path: Path) -> Stored:
    file = oiio.ImageInput.open(str(path))
    assert file, oiio.geterror()
    spec = file.spec()
    formats = spec.channelformats or (spec.format,) * spec.nchannels
    pixels = file.read_image(0, 0, 0, spec.nchannels, oiio.UNKNOWN)
    assert pixels is not None, file.geterror()
    pixels = pixels.reshape(spec.height, spec.width, spec.nchannels)
    assert {str(kind) for kind in formats} == {{"float16": "half", "float32": "float"}[pixels.dtype.name]}
    channels = {name: pixels[..., index] for index, name in enumerate(spec.channelnames)}
    header = {attribute.name: attribute.value for attribute in spec.extra_attribs}
    file.close()
    data = Box(spec.x, spec.y, spec.x + spec.width, spec.y + spec.height)
    display = Box(spec.full_x, spec.full_y, spec.full_x + spec.full_width, spec.full_y + spec.full_height)
    tiles = (spec.tile_width, spec.tile_height) if spec.tile_width else None
    return Stored(channels, data, display, header["PixelAspectRatio"], header, tiles)


READERS = {"OpenEXR": read_with_openexr, "OpenImageIO": read_with_openimageio}


@pytest.fixture(params=list(READERS))
def read_exr(request: pytest.FixtureRequest) -> Callable[[Path], Stored]:
    """A test that reads with it runs twice, once with each reader."""
    return READERS[request.param]


@pytest.fixture
def read_by_openexr() -> Callable[[Path], Stored]:
    return read_with_openexr


@pytest.fixture(scope="session")
def read_by_both() -> Callable[[Path], list[Stored]]:
    return lambda path: [read(path) for read in READERS.values()]
