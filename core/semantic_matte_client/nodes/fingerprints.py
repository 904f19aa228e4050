"""Descriptions of what a node's results follow from: their digests, and what differs between two of them.

A description is a dict of plain values that a host makes of what flows into its node. Told in words of their
own are "frame" (of the render: its "size" and others), "settings", "files" (see `describe_file`), "nodes"
(rows with their "kind", "title" and "links"), "image", "source" and "hint" (what leads to each input), and
"host" (the program and its version); of any other part the name is told. Of the files the time counts for
nothing if the contents are the same: a copied or touched file is no other one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# A larger file is told by this many pieces of it, and by its size: films have gigabytes.
_WHOLE = 64 << 20
_PIECES, _PIECE = 16, 1 << 20
_DIGITS = 16
# Parts that are called what their inputs are: Image in Blender, Source in Nuke.
_INPUTS = ("image", "source", "hint")

Description = Mapping[str, Any]


def digest(description: Description) -> str:
    """32 hexadecimal digits, the same for the same description in any Python, whatever its keys' order."""
    files = {name: _contents(row) for name, row in description.get("files", {}).items()}
    plain = {**description, "files": files}
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=True)
    return hashlib.blake2b(text.encode("ascii"), digest_size=_DIGITS).hexdigest()


def difference(before: Description, after: Description) -> str:
    """What changed, as a part of a sentence ("the settings changed (find)"); "" where nothing did.

    Files are compared where both describe them, as a check at one frame describes that frame's alone. Between
    versions of a host only frame, settings and files are: the same nodes are described otherwise there.
    """
    if before.get("frame") != after.get("frame"):
        return _frame_words(before.get("frame") or {}, after.get("frame") or {})
    changed = _changed_keys(before.get("settings"), after.get("settings"))
    if changed:
        return f"the settings changed ({', '.join(changed)})"
    words = _file_words(before.get("files") or {}, after.get("files") or {})
    if words or before.get("host") != after.get("host"):
        return words
    return _node_words(before, after) or _other_words(before, after)


def describe_file(path: str, known: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A file's size, time and a digest of its contents; {"missing": True} if it can't be read.

    known: an earlier description of it, whose digest is taken where size and time are as they were.
    """
    try:
        stat = Path(path).stat()
        row = {"size": stat.st_size, "time": stat.st_mtime_ns}
        same = known is not None and all(known.get(name) == value for name, value in row.items())
        return {**row, "digest": known["digest"] if same and known else _digest_of(Path(path), stat.st_size)}
    except OSError:
        return {"missing": True}


def digest_of_bytes(contents: Any) -> str:
    """A digest of anything that is bytes, such as a packed picture."""
    return hashlib.blake2b(contents, digest_size=_DIGITS).hexdigest()


def _digest_of(path: Path, size: int) -> str:
    """The digest of a file, or of pieces that are spread evenly over a large one, its ends among them."""
    found = hashlib.blake2b(digest_size=_DIGITS)
    with path.open("rb") as file:
        if size <= _WHOLE:
            found.update(file.read())
        else:
            for piece in range(_PIECES):
                file.seek((size - _PIECE) * piece // (_PIECES - 1))
                found.update(file.read(_PIECE))
    return found.hexdigest()


def _contents(row: Mapping[str, Any]) -> dict[str, Any]:
    """What counts of a file."""
    return {name: value for name, value in row.items() if name != "time"}


def _frame_words(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """What differs between two render frames."""
    sizes = ["x".join(map(str, row.get("size", ()))) for row in (before, after)]
    if sizes[0] != sizes[1]:
        return f"the resolution changed from {sizes[0]} to {sizes[1]}"
    return f"the render's {' and '.join(_changed_keys(before, after))} changed"


def _file_words(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """What differs between files that both descriptions have."""
    for name in sorted(before.keys() & after.keys()):
        if "missing" in after[name] and "missing" not in before[name]:
            return f"{name} is gone from disk"
        if _contents(before[name]) != _contents(after[name]):
            return f"{name} changed on disk"
    return ""


def _node_words(before: Description, after: Description) -> str:
    """What differs between the nodes and their links."""
    old, new = before.get("nodes") or [], after.get("nodes") or []
    kinds = [[row.get("kind") for row in rows] for rows in (old, new)]
    if kinds[0] != kinds[1]:
        return "other nodes lead to it now"
    # As long as one another, since their kinds are the same: Python 3.9 can't check that.
    for one, other in zip(old, new):  # noqa: B905
        if one != other:
            if one.get("links") != other.get("links"):
                return f"other links lead to the node {one.get('title')}"
            return f"the node {one.get('title')} changed"
    for name in _INPUTS:
        if before.get(name) != after.get(name):
            return f"something else flows into {name.title()}"
    return ""


def _other_words(before: Description, after: Description) -> str:
    """What differs of parts that others added."""
    changed = _changed_keys(
        *({key: row[key] for key in row if key not in ("files", "nodes", "host")} for row in (before, after))
    )
    return f"the {' and '.join(changed)} changed" if changed else ""


def _changed_keys(before: Any, after: Any) -> list[str]:
    """The keys whose values differ between two mappings, None being an empty one."""
    old, new = before or {}, after or {}
    nothing = object()
    return sorted(key for key in old.keys() | new.keys() if old.get(key, nothing) != new.get(key, nothing))
