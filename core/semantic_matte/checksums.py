"""Checksums of files, against whole ones and against official first digits of one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

# How many hexadecimal digits a whole checksum has.
WHOLE = {"sha256": 64, "md5": 32}
BLOCK_BYTES = 1 << 20


def digests(path: Path, algorithms: Iterable[str]) -> dict[str, str]:
    """The file's checksums by algorithm ("sha256", "md5"), in lower-case hexadecimal. Raises OSError."""
    hashes = {name: hashlib.new(name, usedforsecurity=False) for name in algorithms}
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            for one in hashes.values():
                one.update(block)
    return {name: one.hexdigest() for name, one in hashes.items()}


def difference(expected: Mapping[str, str], found: Mapping[str, str]) -> str:
    """A clause that says which checksum is another one than expected; empty if all agree.

    expected: by algorithm, whole or as the first digits that an official file name carries. found: as of
    `digests`, with every algorithm of `expected`.
    """
    for algorithm, wanted in expected.items():
        if not found[algorithm].startswith(wanted):
            return f"expected {algorithm} {_shown(wanted)}, got {_shown(found[algorithm])}"
    return ""


def is_checksum(algorithm: str, digits: str) -> bool:
    """Whether these are hexadecimal digits of such a checksum, all of them or enough first ones to tell."""
    return 6 <= len(digits) <= WHOLE[algorithm] and set(digits) <= set("0123456789abcdef")


def _shown(digits: str) -> str:
    return digits if len(digits) <= 12 else f"{digits[:12]}..."
