"""The receipt in each installed folder: which files an install wrote, so that nothing else is ever removed."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from semantic_matte.errors import UsageError

RECEIPT = "semantic_matte.receipt.json"
FORMAT = 1
_LINK = "link:"
_BYTECODE = "__pycache__"


@dataclass(frozen=True)
class Receipt:
    """host: as in `host_folders.HOSTS`. version: what was installed. made: how many folders above it were made
    for it. files: path inside the folder, with slashes -> its sha256, or "link:" and where a link leads."""

    host: str
    version: str
    made: int
    files: Mapping[str, str]

    def as_json(self) -> str:
        """The text of the receipt."""
        record = {
            "semantic_matte_receipt": FORMAT,
            "host": self.host,
            "version": self.version,
            "made": self.made,
            "files": dict(sorted(self.files.items())),
        }
        return json.dumps(record, indent=2, ensure_ascii=False) + "\n"


@dataclass(frozen=True)
class Standing:
    """How a folder stands to its receipt; paths inside it, with slashes, sorted.

    unchanged, changed: files of the receipt that are there. gone: those that are not. others: files that no
    install wrote; the receipt itself and the bytecode of its files count as neither.
    """

    unchanged: tuple[str, ...]
    changed: tuple[str, ...]
    gone: tuple[str, ...]
    others: tuple[str, ...]


def read_receipt(folder: Path) -> Receipt | None:
    """The receipt in a folder; None where there is none. Raises UsageError where it can't be trusted."""
    path = folder / RECEIPT
    try:
        content = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as reason:
        raise UsageError(_untrusted(path, str(reason))) from None
    try:
        record = json.loads(content)
        files = dict(record["files"])
        receipt = Receipt(record["host"], record["version"], record["made"], files)
    except (ValueError, TypeError, KeyError, RecursionError):
        raise UsageError(_untrusted(path, "it is no receipt")) from None
    if record.get("semantic_matte_receipt") != FORMAT:
        raise UsageError(_untrusted(path, "another version wrote it"))
    if not all(isinstance(text, str) for text in (receipt.host, receipt.version, *files, *files.values())):
        raise UsageError(_untrusted(path, "it is no receipt"))
    if type(receipt.made) is not int or not 0 <= receipt.made < 100:
        raise UsageError(_untrusted(path, "it is no receipt"))
    outside = [name for name in files if not is_inside(name)]
    if outside:
        raise UsageError(_untrusted(path, f"it names '{outside[0]}', which is not inside the folder"))
    return receipt


def is_inside(name: str) -> bool:
    """Whether a path of a receipt stays in its folder: relative, without "..", the same on every system."""
    parts = PurePosixPath(name).parts
    odd = "\\" in name or ":" in name or "\0" in name
    return bool(parts) and not odd and not name.startswith("/") and ".." not in parts


def stand(folder: Path, receipt: Receipt) -> Standing:
    """Compare a folder with its receipt. Raises OSError for what can't be read."""
    present = set(files_in(folder)) - {RECEIPT}
    named = set(receipt.files)
    unchanged = {name for name in named & present if mark_of(folder / name) == receipt.files[name]}
    others = {name for name in present - named if not _is_bytecode_of(name, named)}
    rows = (unchanged, (named & present) - unchanged, named - present, others)
    return Standing(*(tuple(sorted(row)) for row in rows))


def mark_of(path: Path) -> str:
    """What a receipt says of a file: its sha256, or where the link leads. Raises OSError."""
    if path.is_symlink():
        return _LINK + os.readlink(path)  # noqa: PTH115 - as it stands, not as a Path would put it.
    return hashlib.sha256(path.read_bytes()).hexdigest()


def files_in(folder: Path) -> Iterator[str]:
    """Every file and link under a folder, by its path inside, with slashes. Raises OSError."""
    for entry in sorted(folder.iterdir()):
        if entry.is_dir() and not entry.is_symlink():
            yield from (f"{entry.name}/{name}" for name in files_in(entry))
        else:
            yield entry.name


def _is_bytecode_of(name: str, sources: set[str]) -> bool:
    """Whether a file is what a Python made of one of these sources (PEP 3147), so that it can go with it."""
    path = PurePosixPath(name)
    if path.parent.name != _BYTECODE or path.suffix != ".pyc":
        return False
    source = path.parent.parent / f"{path.name.partition('.')[0]}.py"
    return str(source) in sources


def _untrusted(path: Path, reason: str) -> str:
    return (
        f"The receipt '{path}' can't be used ({reason}), so nothing in its folder is touched: remove the "
        "folder by hand, or name another one with --to FOLDER."
    )
