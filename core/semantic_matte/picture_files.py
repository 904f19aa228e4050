"""Reading one picture from a file with OpenImageIO, as it is stored, or saying in one sentence why not.

No colour is converted here; `plates.py` gives the numbers their meaning. Libraries print nothing:
their messages are fetched and become part of ours.
"""

from __future__ import annotations

import os
import re
import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from semantic_matte.colour_tags import ColourTags, tags_of
from semantic_matte.errors import SemanticMatteError
from semantic_matte.types import Box

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_KNOWN_FORMATS = "JPEG, PNG, TIFF, DPX or EXR"


@dataclass(frozen=True, eq=False)
class Picture:
    """What a file holds. pixels: (H, W, 3) RGB or (H, W, 1) grey, in the file's type where that is
    uint8 or uint16, else float32. alpha: (H, W), same type, or None. Windows in file coordinates.
    colour: what the header says of colours. timecode: as of `Plate`."""

    pixels: npt.NDArray[Any]
    alpha: npt.NDArray[Any] | None
    data_window: Box
    display_window: Box
    pixel_aspect: float = 1.0
    colour: ColourTags = field(default_factory=ColourTags)
    orientation: int = 1
    view: str = ""
    timecode: str = ""
    notices: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Choice:
    """Which channels of which part are the picture: indices of red, green, blue (or grey), alpha."""

    part: int
    colour: tuple[int, ...]
    alpha: int | None
    notices: tuple[str, ...] = ()


def read_picture(path: str | os.PathLike[str], what: str, error: type[SemanticMatteError]) -> Picture:
    """Read the red, green and blue (or the grey) channel of a picture file.

    path: JPEG, PNG, TIFF, DPX, EXR, or what else OpenImageIO reads. what: how a message calls it
    ("plate", "trimap"). error: what is raised, with one sentence, when the file can't be read whole.
    """
    import OpenImageIO

    _check_file(path, what, error)
    as_stored = OpenImageIO.ImageSpec()
    # Without this, colours of a PNG or TIFF with alpha come multiplied by it: darkened where the
    # artist sees full colour.
    as_stored.attribute("oiio:UnassociatedAlpha", 1)
    try:
        picture_file = OpenImageIO.ImageInput.open(os.fspath(path), as_stored)
    except (TypeError, UnicodeError):
        raise error(f"The {what} '{path!s}' has a name that is not Unicode: rename it.") from None
    if picture_file is None:
        raise error(
            f"The {what} '{path}' is not a picture that can be read ({_first_line(OpenImageIO.geterror())}): "
            f"expected {_KNOWN_FORMATS}."
        )
    try:
        return _read_open(picture_file, path, what, error)
    finally:
        picture_file.close()


def _read_open(
    picture_file: Any, path: str | os.PathLike[str], what: str, error: type[SemanticMatteError]
) -> Picture:
    # A progressive JPEG is decoded, and complained about, when it is opened.
    early_complaint = picture_file.geterror()
    choice = _choose_channels(picture_file, path, what, error)
    picture_file.seek_subimage(choice.part, 0)
    spec = picture_file.spec()
    if spec.deep:
        raise error(f"The {what} '{path}' is a deep picture: flatten it and give that one.")
    if spec.depth > 1:
        raise error(f"The {what} '{path}' is a volume: expected a flat picture.")
    stored, first, warning = _read_channels(picture_file, choice, early_complaint, path, what, error)
    return Picture(
        pixels=_channels(stored, [index - first for index in choice.colour]),
        alpha=None if choice.alpha is None else stored[..., choice.alpha - first],
        data_window=Box(spec.x, spec.y, spec.x + spec.width, spec.y + spec.height),
        display_window=Box(
            spec.full_x,
            spec.full_y,
            spec.full_x + spec.full_width,
            spec.full_y + spec.full_height,
        ),
        pixel_aspect=_pixel_aspect(spec),
        colour=tags_of(spec, picture_file.format_name()),
        orientation=spec.get_int_attribute("Orientation", 1),
        view=spec.get_string_attribute("view"),
        timecode=_timecode(spec),
        notices=choice.notices + warning,
    )


def _read_channels(
    picture_file: Any,
    choice: _Choice,
    early_complaint: str,
    path: str | os.PathLike[str],
    what: str,
    error: type[SemanticMatteError],
) -> tuple[npt.NDArray[Any], int, tuple[str, ...]]:
    """(H, W, n) of the channels from the first chosen one to the last, that first one's index, and a
    warning of the reader, if it gave one."""
    spec = picture_file.spec()
    wanted = [*choice.colour] if choice.alpha is None else [*choice.colour, choice.alpha]
    first, last = min(wanted), max(wanted) + 1
    kind = spec.format if spec.format.basetype in _integer_types() else "float"
    try:
        stored = picture_file.read_image(choice.part, 0, first, last, kind)
    except MemoryError:
        raise error(
            f"The {what} '{path}' of {spec.width}x{spec.height} does not fit in memory: give a smaller one."
        ) from None
    complaint = _first_line(f"{early_complaint}\n{picture_file.geterror()}")
    # A cut JPEG comes back filled with grey, and only the complaint tells.
    if stored is None or "premature end" in complaint.lower():
        reason = complaint or "unknown reason"
        raise error(f"The {what} '{path}' is damaged or incomplete ({reason}): copy or export it again.")
    stored = stored.reshape(spec.height, spec.width, last - first)
    warning = (f"The file was read with a warning: {complaint}.",) if complaint else ()
    return stored, first, warning


def _integer_types() -> tuple[Any, ...]:
    import OpenImageIO

    return (OpenImageIO.UINT8, OpenImageIO.UINT16)


def _channels(stored: npt.NDArray[Any], indices: list[int]) -> npt.NDArray[Any]:
    """These channels in this order, without a copy where they already lie so."""
    if indices == list(range(indices[0], indices[0] + len(indices))):
        return stored[..., indices[0] : indices[0] + len(indices)]
    return stored[..., indices]


def _pixel_aspect(spec: Any) -> float:
    aspect = float(spec.get_float_attribute("PixelAspectRatio", 1.0))
    return aspect if np.isfinite(aspect) and aspect > 0 else 1.0


def _timecode(spec: Any) -> str:
    """ "01:02:03:04", with ";" before the frames where it is drop-frame; "" without one, or for nonsense.

    Two decimal digits a byte, frames lowest; bit 6 marks drop-frame (SMPTE ST 12-1). The bits between them are
    flags of fields and users.
    """
    packed = spec.getattribute("smpte:TimeCode")
    if not isinstance(packed, tuple) or not packed:
        return ""
    word = int(packed[0])
    parts = []
    for shift, tens in ((24, 0x30), (16, 0x70), (8, 0x70), (0, 0x30)):
        digits = word >> shift & 0xFF
        parts.append(((digits & tens) >> 4, digits & 0x0F))
    numbers = [10 * tens + units for tens, units in parts]
    if any(units > 9 for _, units in parts) or numbers[0] > 23 or numbers[1] > 59 or numbers[2] > 59:
        return ""
    hours, minutes, seconds, frames = (f"{number:02d}" for number in numbers)
    return f"{hours}:{minutes}:{seconds}{';' if word & 0x40 else ':'}{frames}"


def _choose_channels(
    picture_file: Any, path: str | os.PathLike[str], what: str, error: type[SemanticMatteError]
) -> _Choice:
    """The first part with R, G, B by name wins; then the first one that can be read as grey."""
    parts: list[list[str]] = []
    while picture_file.seek_subimage(len(parts), 0):
        parts.append(list(picture_file.spec().channelnames))
    picture_file.geterror()  # the complaint that there is no further part
    for part, names in enumerate(parts):
        colour = _find(names, "r", "g", "b") or _find(names, "red", "green", "blue")
        if colour:
            return _Choice(part, colour, _alpha_of(names), _notices(parts, part, colour))
    for part, names in enumerate(parts):
        alpha = _alpha_of(names)
        grey = [index for index in range(len(names)) if index != alpha]
        if len(grey) == 1 and (len(names) == 1 or alpha is not None):
            return _Choice(part, (grey[0],), alpha, _notices(parts, part, (grey[0],)))
    for part, names in enumerate(parts):
        colour = _only_layer(names)
        if colour:
            return _Choice(part, colour, None, _notices(parts, part, colour))
    found = "; ".join(", ".join(names) for names in parts)
    raise error(
        f"The {what} '{path}' has channels that can't be understood: expected R, G, B or one grey "
        f"channel, got {found}."
    )


def _find(names: list[str], *wanted: str) -> tuple[int, ...]:
    lower = [name.lower() for name in names]
    return tuple(lower.index(name) for name in wanted) if all(n in lower for n in wanted) else ()


def _only_layer(names: list[str]) -> tuple[int, ...]:
    """R, G, B of the one layer that has them ("beauty.R", ...), where there is just one."""
    layers = {name.rpartition(".")[0] for name in names if name.lower().endswith(".r")}
    if len(layers) != 1:
        return ()
    layer = layers.pop().lower()
    return _find(names, f"{layer}.r", f"{layer}.g", f"{layer}.b")


def _alpha_of(names: list[str]) -> int | None:
    lower = [name.lower() for name in names]
    alphas = [index for index, name in enumerate(lower) if name in ("a", "alpha")]
    return alphas[0] if alphas and len(names) > 1 else None


def _notices(parts: list[list[str]], part: int, colour: tuple[int, ...]) -> tuple[str, ...]:
    """What was left out, if anything was besides an alpha channel."""
    names = parts[part]
    used = {*colour, _alpha_of(names)}
    extra = [name for index, name in enumerate(names) if index not in used]
    taken = ", ".join(names[index] for index in colour)
    notices = []
    if len(parts) > 1:
        notices.append(f"The file has {len(parts)} parts; part {part + 1} was read.")
    if extra:
        shown = ", ".join(extra[:6]) + (", ..." if len(extra) > 6 else "")
        notices.append(f"Of the file's channels, {taken} were read and {shown} ignored.")
    return tuple(notices)


def _check_file(path: str | os.PathLike[str], what: str, error: type[SemanticMatteError]) -> None:
    """What can be told without decoding, told better than a decoder would."""
    try:
        file_path = Path(path)
        if file_path.is_dir():
            raise error(f"The {what} '{path}' is a folder: give one picture file.")
        if file_path.exists() and not file_path.is_file():
            raise error(f"The {what} '{path}' is not a regular file: give one picture file.")
        with file_path.open("rb") as stream:
            start = stream.read(8)
            if not start:
                raise error(f"The {what} '{path}' is empty (0 bytes): copy or export it again.")
            if start == _PNG_SIGNATURE:
                _check_png(stream, path, what, error)
    except FileNotFoundError:
        raise error(f"The {what} '{path}' does not exist: check the path.") from None
    except PermissionError:
        raise error(f"The {what} '{path}' may not be read: ask for permission to read it.") from None
    except (OSError, ValueError) as reason:
        said = getattr(reason, "strerror", None) or str(reason)
        raise error(f"The {what} '{path}' can't be opened ({said}): check the path.") from None


def _check_png(
    stream: BinaryIO, path: str | os.PathLike[str], what: str, error: type[SemanticMatteError]
) -> None:
    """Walk the chunks with their checksums: libpng would print its complaint on the terminal."""
    while True:
        header = stream.read(8)
        if len(header) == 8:
            size, kind = struct.unpack(">I4s", header)
            body = stream.read(size + 4)
            if len(body) == size + 4:
                checksum = zlib.crc32(body[:-4], zlib.crc32(kind))
                if checksum == int.from_bytes(body[-4:], "big"):
                    if kind == b"IEND":
                        return
                    continue
        raise error(
            f"The {what} '{path}' is damaged or incomplete (the PNG ends or breaks off after "
            f"{stream.tell()} bytes): copy or export it again."
        )


def _first_line(message: str) -> str:
    """One line of a library's complaint, without addresses and the final full stop."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return re.sub(r"\s+", " ", lines[0]).rstrip(".?") if lines else ""
