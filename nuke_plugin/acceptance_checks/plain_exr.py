"""Small OpenEXR files read and written with the standard library alone, to have a word on pixels beside Nuke's.

One part, scanlines, half or float channels; written without compression, read without or with ZIP. The format
is laid down in "OpenEXR File Layout", https://openexr.com/en/latest/OpenEXRFileLayout.html.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_MAGIC, _VERSION = 20000630, 2
# With names longer than 31 characters the second byte says so.
_LONG_NAMES = 0x400
_HALF, _FLOAT = 1, 2
_SIZES = {_HALF: 2, _FLOAT: 4}
_LETTERS = {_HALF: "e", _FLOAT: "f"}
# Compression's number in the file: how many lines lie in one block.
_LINES = {0: 1, 2: 1, 3: 16}

Window = tuple[int, int, int, int]
Rows = list[list[float]]


class PlainExrError(Exception):
    """It is no file that can be read here; the text says why."""


@dataclass(frozen=True)
class Picture:
    """Channels by the name that they have in the file, each a list of rows, the top row first.

    Windows are (x0, y0, x1, y1) in pixels, half-open, y down, as the engine has them.
    """

    channels: Mapping[str, Rows]
    data_window: Window
    display_window: Window
    pixel_aspect: float = 1.0
    attributes: Mapping[str, str] = field(default_factory=dict)

    def at(self, channel: str, x: int, y: int) -> float:
        """Value at a place of the display window, y down."""
        x0, y0, _, _ = self.data_window
        return self.channels[channel][y - y0][x - x0]


def picture(channels: Mapping[str, Rows]) -> Picture:
    """Of channels alone: both windows are as large as they are."""
    rows = next(iter(channels.values()))
    window = (0, 0, len(rows[0]), len(rows))
    return Picture(dict(channels), window, window)


def write(path: Path, content: Picture, half: bool = True) -> None:
    """Write a file without compression."""
    kind = _HALF if half else _FLOAT
    names = sorted(content.channels)
    listed = b"".join(_text(name) + struct.pack("<iBxxxii", kind, 0, 1, 1) for name in names) + b"\0"
    header = struct.pack(
        "<ii", _MAGIC, _VERSION | (_LONG_NAMES if any(len(name) > 31 for name in names) else 0)
    )
    header += _attribute("channels", "chlist", listed)
    header += _attribute("compression", "compression", b"\0")
    header += _attribute("dataWindow", "box2i", _box(content.data_window))
    header += _attribute("displayWindow", "box2i", _box(content.display_window))
    header += _attribute("lineOrder", "lineOrder", b"\0")
    header += _attribute("pixelAspectRatio", "float", struct.pack("<f", content.pixel_aspect))
    header += _attribute("screenWindowCenter", "v2f", struct.pack("<ff", 0, 0))
    header += _attribute("screenWindowWidth", "float", struct.pack("<f", 1))
    for name, value in content.attributes.items():
        header += _attribute(name, "string", value.encode())
    header += b"\0"
    x0, y0, x1, y1 = content.data_window
    line = f"<{x1 - x0}{_LETTERS[kind]}"
    blocks = [
        b"".join(struct.pack(line, *content.channels[name][row]) for name in names) for row in range(y1 - y0)
    ]
    place, offsets, body = len(header) + 8 * len(blocks), b"", b""
    for row, block in enumerate(blocks):
        offsets += struct.pack("<Q", place + len(body))
        body += struct.pack("<ii", y0 + row, len(block)) + block
    path.write_bytes(header + offsets + body)


def read(path: Path) -> Picture:
    """Read a file of one part. Raises PlainExrError."""
    raw = path.read_bytes()
    if len(raw) < 8 or struct.unpack_from("<i", raw)[0] != _MAGIC:
        raise PlainExrError(f"'{path}' is no OpenEXR file.")
    if raw[5] & ~(_LONG_NAMES >> 8):
        raise PlainExrError(f"'{path}' has tiles, several parts or deep pixels, which are not read here.")
    attributes, place = _header(raw)
    compression = attributes["compression"][1][0]
    if compression not in _LINES:
        raise PlainExrError(f"'{path}' has compression {compression}, which is not read here.")
    channels = _channels(attributes["channels"][1], path)
    window = _unboxed(attributes["dataWindow"][1])
    height = window[3] - window[1]
    blocks = -(-height // _LINES[compression])
    rows: dict[str, Rows] = {name: [[] for _ in range(height)] for name, _ in channels}
    for offset in struct.unpack_from(f"<{blocks}Q", raw, place):
        first, size = struct.unpack_from("<ii", raw, offset)
        _unpack(raw[offset + 8 : offset + 8 + size], first - window[1], compression, window, channels, rows)
    texts = {
        name: value.decode(errors="replace") for name, (kind, value) in attributes.items() if kind == "string"
    }
    return Picture(
        rows,
        window,
        _unboxed(attributes["displayWindow"][1]),
        struct.unpack("<f", attributes["pixelAspectRatio"][1])[0],
        texts,
    )


def _unpack(
    block: bytes,
    first: int,
    compression: int,
    window: Window,
    channels: list[tuple[str, int]],
    rows: dict[str, Rows],
) -> None:
    """Put one block's lines into the rows."""
    width, height = window[2] - window[0], window[3] - window[1]
    lines = min(_LINES[compression], height - first)
    wanted = lines * width * sum(_SIZES[kind] for _, kind in channels)
    # A block that would not get smaller is left as it is.
    if compression and len(block) < wanted:
        block = _uncompressed(block)
    at = 0
    for line in range(lines):
        for name, kind in channels:
            rows[name][first + line] = list(struct.unpack_from(f"<{width}{_LETTERS[kind]}", block, at))
            at += width * _SIZES[kind]


def _uncompressed(block: bytes) -> bytes:
    """ZIP: differences of bytes, the even ones before the odd ones."""
    data = bytearray(zlib.decompress(block))
    for index in range(1, len(data)):
        data[index] = (data[index - 1] + data[index] - 128) & 0xFF
    half = (len(data) + 1) // 2
    whole = bytearray(len(data))
    whole[0::2], whole[1::2] = data[:half], data[half:]
    return bytes(whole)


def _header(raw: bytes) -> tuple[dict[str, tuple[str, bytes]], int]:
    """Attributes by name as (type, value), and where the table of blocks begins."""
    found, place = {}, 8
    while raw[place]:
        name, place = _word(raw, place)
        kind, place = _word(raw, place)
        size = struct.unpack_from("<i", raw, place)[0]
        found[name] = (kind, raw[place + 4 : place + 4 + size])
        place += 4 + size
    return found, place + 1


def _channels(value: bytes, path: Path) -> list[tuple[str, int]]:
    """(name, kind) of each channel, in the file's order."""
    found, place = [], 0
    while value[place]:
        name, place = _word(value, place)
        kind = struct.unpack_from("<i", value, place)[0]
        if kind not in _SIZES:
            raise PlainExrError(f"'{path}' has whole numbers in its channel '{name}', which are not read here.")
        found.append((name, kind))
        place += 16
    return found


def _word(raw: bytes, place: int) -> tuple[str, int]:
    """A text that ends with a zero, and the place after it."""
    end = raw.index(b"\0", place)
    return raw[place:end].decode(), end + 1


def _text(word: str) -> bytes:
    """A text as it lies in the file."""
    return word.encode() + b"\0"


def _attribute(name: str, kind: str, value: bytes) -> bytes:
    """One attribute as it lies in the file."""
    return _text(name) + _text(kind) + struct.pack("<i", len(value)) + value


def _box(window: Window) -> bytes:
    """A window as it lies in the file, both ends belonging to it."""
    return struct.pack("<iiii", window[0], window[1], window[2] - 1, window[3] - 1)


def _unboxed(value: bytes) -> Window:
    """The window that lies in the file, half-open."""
    x0, y0, x1, y1 = struct.unpack("<iiii", value)
    return x0, y0, x1 + 1, y1 + 1
