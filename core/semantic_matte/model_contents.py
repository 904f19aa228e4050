"""What lies in the model files that a user brings: whole checksums, read once in a process, and the files
beside a model that belong to it.
"""

from __future__ import annotations

import mmap
import os
import re
from collections.abc import Iterator
from pathlib import Path

from semantic_matte.checksums import digests
from semantic_matte.errors import WeightsError

# How protobuf writes the entry of a tensor that says in which file its numbers are: key "location", then a
# value of a length in one byte or two. https://onnx.ai/onnx/repo-docs/ExternalData.html
_ONNX_LOCATION = re.compile(rb"\x0a\x08location\x12([\x00-\x7f]|[\x80-\xff][\x00-\x7f])")
_SEVEN_BITS = 0x7F

# A file's checksum by its path and what shows that it is still the same file.
_known: dict[tuple[str, int, int, int], str] = {}


def file_sha256(path: Path) -> str:
    """The file's whole sha256. A file of the same path, size, time and place on the disk is read once in a
    process: hashing a large model takes a second, and a shot has a thousand frames. Raises WeightsError."""
    try:
        seen = _identity(path)
        if seen not in _known:
            digits = digests(path, ["sha256"])["sha256"]
            if _identity(path) != seen:
                raise WeightsError(f"The model '{path}' was changed while it was read: run again.")
            _known[seen] = digits
    except OSError as error:
        raise WeightsError(f"The model '{path}' can't be read ({error.strerror or error}).") from None
    return _known[seen]


def _identity(path: Path) -> tuple[str, int, int, int]:
    """What changes when the file does. Raises OSError."""
    now = path.stat()
    return os.path.realpath(path), now.st_size, now.st_mtime_ns, now.st_ino


def folder_files(folder: Path) -> list[Path]:
    """Every file below a model's folder, by name, but hidden ones: configs, tokenizers and weights alike,
    because which of them a library reads is its own affair. Links to files are followed, as the hub's cache has
    them; links to folders are not. Raises WeightsError if there is none."""
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [Path(place, name) for name in names if not name.startswith(".")]
    files = sorted(path for path in found if path.is_file())
    if not files:
        raise WeightsError(f"Expected a folder with a model, got '{folder}', which has no files.")
    return files


def onnx_files(path: Path) -> list[Path]:
    """An ONNX file and the files beside it that hold its larger tensors, by name. Raises WeightsError."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            named = set(_locations(content))
    # ValueError: an empty file can't be mapped; that it is no model is for its reader to say.
    except ValueError:
        named = set()
    except OSError as error:
        raise WeightsError(f"The model '{path}' can't be read ({error.strerror or error}).") from None
    # Not Path.is_file, which raises for a name that is too long, as one that only looks like a name may be.
    beside = {place for name in named if os.path.isfile(place := path.parent / name)}  # noqa: PTH113
    return [path, *sorted(beside - {path})]


def _locations(content: mmap.mmap) -> Iterator[str]:
    """Names of files out of an ONNX file's bytes; more than there are may be found, never fewer."""
    for entry in _ONNX_LOCATION.finditer(content):
        length = sum((byte & _SEVEN_BITS) << 7 * place for place, byte in enumerate(entry[1]))
        name = content[entry.end() : entry.end() + length]
        if b"\0" not in name:
            yield os.fsdecode(name)
