"""Which files the nodes before ours show, and at which frames: images, sequences, films, movie clips."""

from __future__ import annotations

import re
from array import array
from collections.abc import Sequence
from typing import Any, NamedTuple

import bpy

from semantic_matte_client.nodes import fingerprints

# Of a file's name in a sequence, the last number is the frame's.
_NUMBER = re.compile(r"(\d+)(?=\D*$)")
_MOVING = ("SEQUENCE", "MOVIE")


class SourceFile(NamedTuple):
    """A file that a node shows. title: as a sentence calls it. frame: the scene's that shows it, or None."""

    path: str
    title: str
    frame: int | None = None


def source_of_node(node: bpy.types.Node) -> bpy.types.ID | None:
    """The image or movie clip that a node shows, by whatever property."""
    for name in ("image", "clip"):
        found = getattr(node, name, None)
        if isinstance(found, (bpy.types.Image, bpy.types.MovieClip)):
            return found
    return None


def is_moving(node: bpy.types.Node) -> bool:
    """Whether a node's picture is another one at another frame: sequences and films longer than a frame."""
    source = source_of_node(node)
    if isinstance(source, bpy.types.MovieClip):
        return source.source in _MOVING and source.frame_duration != 1
    return source is not None and source.source in _MOVING and getattr(node, "frame_duration", 2) != 1


def files_of(node: bpy.types.Node, frames: Sequence[int]) -> list[SourceFile]:
    """The files that a node shows at these scene frames; packed and generated pictures have none."""
    source = source_of_node(node)
    if source is None or not source.filepath or getattr(source, "packed_file", None):
        return []
    path = bpy.path.abspath(source.filepath, library=source.library)
    if source.source == "SEQUENCE":
        numbers = {frame: _number_at(node, source, path, frame) for frame in frames}
        return [_numbered(path, number, frame) for frame, number in numbers.items() if number is not None]
    return [SourceFile(path, bpy.path.basename(path))] if source.source in ("FILE", "MOVIE", "TILED") else []


def description_of(source: bpy.types.ID) -> dict[str, Any]:
    """An image or a clip without its files: what of it makes other pixels. Its own name is left out."""
    row: dict[str, Any] = {"source": source.source, "space": source.colorspace_settings.name}
    names = {
        "Image": ("alpha_mode", "use_view_as_render", "use_deinterlace", "use_multiview", "use_half_precision"),
        "MovieClip": ("frame_start", "frame_offset", "use_proxy"),
    }
    kind = "MovieClip" if isinstance(source, bpy.types.MovieClip) else "Image"
    row |= {name: getattr(source, name) for name in names[kind] if hasattr(source, name)}
    packed = getattr(source, "packed_file", None)
    if packed is not None:
        row["packed"] = fingerprints.digest_of_bytes(packed.data)
    elif source.source == "GENERATED" or (kind == "Image" and source.is_dirty):
        row["painted"] = _painted(source)
    elif source.source == "SEQUENCE":
        row["name"] = _NUMBER.sub("#", bpy.path.basename(source.filepath))
    else:
        row["name"] = bpy.path.basename(source.filepath)
    return row


def _painted(image: bpy.types.Image) -> str:
    """A digest of the pixels of a picture that lies in no file."""
    pixels = array("f", bytes(4 * len(image.pixels)))
    image.pixels.foreach_get(pixels)
    return fingerprints.digest_of_bytes(pixels)


def _number_at(node: bpy.types.Node, source: bpy.types.ID, path: str, frame: int) -> int | None:
    """The number of the file of a sequence at a scene's frame; None where the sequence shows nothing."""
    if isinstance(source, bpy.types.MovieClip):
        first = _NUMBER.search(bpy.path.basename(path))
        return None if first is None else int(first[1]) + frame - source.frame_start + source.frame_offset
    length = node.frame_duration
    if length < 1:
        return None
    place = frame - node.frame_start + 1
    place = (place - 1) % length + 1 if node.use_cyclic else min(max(place, 0), length)
    return place + node.frame_offset


def _numbered(path: str, number: int, frame: int) -> SourceFile:
    """The file of a sequence with this number, as many digits as the named one has."""
    folder, name = path[: -len(bpy.path.basename(path))], bpy.path.basename(path)
    name = _NUMBER.sub(lambda found: str(number).zfill(len(found[1])), name, count=1)
    return SourceFile(folder + name, name, frame)
