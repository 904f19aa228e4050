"""Pictures on disk by OpenImageIO: EXR's names of channels <-> Nuke's, windows with y up, frames and views."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio

from .picture import Picture, RenderError

_NUMBER = re.compile(r"%(\d*)d|#+")
_OF_ROOT = {"R": "rgba.red", "G": "rgba.green", "B": "rgba.blue", "A": "rgba.alpha", "Z": "depth.Z"}
_OF_LAYER = {"r": "red", "g": "green", "b": "blue", "a": "alpha"}
_COMPRESSIONS = {
    "none": "none", "Zip (1 scanline)": "zips", "Zip (16 scanlines)": "zip",
    "PIZ Wavelet (32 scanlines)": "piz",
    "RLE": "rle", "B44": "b44", "B44A": "b44a", "DWAA": "dwaa", "DWAB": "dwab", "PXR24": "pxr24",
}  # fmt: skip


def path_at(pattern: str, frame: int, view: str) -> str:
    """The file of a frame and a view: %V, %v, %04d and ####."""

    def number(found: re.Match) -> str:
        width = len(found[0]) if found[0][0] == "#" else int(found[1] or 0)
        return f"{frame:0{width}d}"

    return _NUMBER.sub(number, pattern.replace("%V", view).replace("%v", view[:1]))


def is_sequence(pattern: str) -> bool:
    """Whether a pattern names another file for each frame."""
    return _NUMBER.search(pattern) is not None


def nuke_channel(name: str) -> str:
    """Nuke's name of a channel of an EXR: R is rgba.red, layer.A is layer.alpha; other names stay."""
    layer, _, channel = name.rpartition(".")
    if not layer:
        return _OF_ROOT.get(channel.upper(), f"other.{channel}")
    return f"{layer}.{_OF_LAYER.get(channel.lower(), channel)}"


def exr_channel(name: str) -> str:
    """The name that a Write gives a channel: rgba.red is R, those of other layers stay."""
    for short, full in _OF_ROOT.items():
        if full == name and short != "Z":
            return short
    return name


def read_picture(path: str, raw: bool, with_pixels: bool = True) -> Picture:
    """A file as a Read gives it; a byte picture is made linear unless it's raw."""
    if not Path(path).exists():
        raise RenderError(f"{path}: Read error: No such file or directory")
    opened = oiio.ImageInput.open(path)
    if opened is None:
        raise RenderError(f"{path}: Read error: {oiio.geterror() or 'unknown format'}")
    try:
        return _picture_of(opened, path, raw, with_pixels)
    finally:
        opened.close()


def _picture_of(opened: Any, path: str, raw: bool, with_pixels: bool) -> Picture:
    """The first part's windows with all parts' channels."""
    spec = opened.spec()
    bottom = spec.full_y + spec.full_height
    box = (
        spec.x - spec.full_x, bottom - (spec.y + spec.height),
        spec.x - spec.full_x + spec.width, bottom - spec.y,
    )  # fmt: skip
    channels: dict[str, np.ndarray] = {}
    part = 0
    while opened.seek_subimage(part, 0):
        spec_of_part = opened.spec()
        names = [
            _in_part(name, spec_of_part.getattribute("oiio:subimagename") if part else None)
            for name in spec_of_part.channelnames
        ]
        if with_pixels:
            pixels = opened.read_image(part, 0, 0, spec_of_part.nchannels, "float")
            if pixels is None:
                raise RenderError(f"{path}: Read error: {opened.geterror()}")
            pixels = np.asarray(pixels, np.float32).reshape(spec_of_part.height, spec_of_part.width, -1)
            if not raw and spec_of_part.format.basetype in (oiio.UINT8, oiio.UINT16):
                pixels = _linear(pixels, names)
        else:
            pixels = np.broadcast_to(
                np.float32(0), (spec_of_part.height, spec_of_part.width, spec_of_part.nchannels)
            )
        channels.update({name: pixels[..., place] for place, name in enumerate(names)})
        part += 1
    aspect = float(spec.getattribute("PixelAspectRatio") or 1.0)
    return Picture(channels, box, (0, 0, spec.full_width, spec.full_height), aspect, _metadata(spec, path))


def _in_part(name: str, part: Any) -> str:
    """A channel of a later part without a layer of its own belongs to the part's."""
    return nuke_channel(name if not part or "." in name else f"{part}.{name}")


def _linear(pixels: np.ndarray, names: list[str]) -> np.ndarray:
    """sRGB's curve taken off the colours; alpha has none."""
    made = np.where(pixels <= 0.04045, pixels / 12.92, ((pixels + 0.055) / 1.055) ** 2.4).astype(np.float32)
    for place, name in enumerate(names):
        if name.endswith(".alpha"):
            made[..., place] = pixels[..., place]
    return made


def _metadata(spec: Any, path: str) -> dict[str, Any]:
    """What a Read says of its file: input/..., and an EXR's own attributes under exr/."""
    found: dict[str, Any] = {
        "input/filename": path, "input/width": spec.full_width, "input/height": spec.full_height,
        "input/filesize": Path(path).stat().st_size,
    }  # fmt: skip
    if path.lower().endswith(".exr"):
        for attribute in spec.extra_attribs:
            if isinstance(attribute.value, (str, int, float)):
                found[f"exr/{attribute.name}"] = attribute.value
    return found


def write_picture(picture: Picture, names: list[str], path: str, half: bool, compression: str) -> None:
    """An EXR whose data window is the picture's; the format is its display window."""
    height = picture.display_window[3] - picture.display_window[1]
    rows, columns = picture.shape
    if not rows or not columns:
        # An EXR has no empty data window: one black pixel stands for it.
        picture = picture.on((0, height - 1, 1, height))
        rows, columns = 1, 1
    spec = oiio.ImageSpec(columns, rows, len(names), "half" if half else "float")
    spec.x, spec.y = picture.data_window[0], height - picture.data_window[3]
    spec.full_width, spec.full_height = picture.display_window[2], height
    spec.channelnames = tuple(exr_channel(name) for name in names)
    spec.attribute("PixelAspectRatio", float(picture.pixel_aspect))
    spec.attribute("compression", _COMPRESSIONS.get(compression, "zip"))
    for name, value in picture.metadata.items():
        if name.startswith("exr/cryptomatte/") and isinstance(value, str):
            spec.attribute(name[4:], value)
    _written(path, spec, np.stack([picture.channel(name) for name in names], -1))


def write_bytes(picture: Picture, names: list[str], path: str, raw: bool) -> None:
    """A PNG, JPEG or TIFF of the format, with sRGB's curve unless it's raw."""
    whole = picture.over_format()
    rows, columns = whole.shape
    pixels = np.clip(np.stack([whole.channel(name) for name in names], -1), 0, 1)
    if not raw:
        curved = np.where(pixels <= 0.0031308, pixels * 12.92, 1.055 * np.power(pixels, 1 / 2.4) - 0.055)
        pixels = np.where([name.endswith(".alpha") for name in names], pixels, curved)
    _written(path, oiio.ImageSpec(columns, rows, len(names), "uint8"), pixels)


def _written(path: str, spec: Any, pixels: np.ndarray) -> None:
    """Writes all or raises with the library's words."""
    target = oiio.ImageOutput.create(path)
    if target is None or not target.open(path, spec):
        raise RenderError(f"{path}: Write error: {target.geterror() if target else oiio.geterror()}")
    good = target.write_image(np.ascontiguousarray(pixels, np.float32))
    problem = target.geterror()
    target.close()
    if not good:
        raise RenderError(f"{path}: Write error: {problem}")


def nearest_file(pattern: str, frame: int, view: str, limits: tuple[int, int]) -> int:
    """The frame nearest to one whose file is missing; RenderError where there is none in the range."""
    for distance in range(1, max(abs(frame - limits[0]), abs(limits[1] - frame)) + 1):
        for near in (frame - distance, frame + distance):
            if limits[0] <= near <= limits[1] and Path(path_at(pattern, near, view)).exists():
                return near
    raise RenderError(f"{path_at(pattern, frame, view)}: Read error: No such file or directory")
