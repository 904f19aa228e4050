"""What came so far of a file that is being fetched, and what it is a part of."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from semantic_matte.outputs.atomic import replacing


class PartialFile:
    """NAME.partial beside its place, and NAME.partial.json with its address, its whole length and its
    validator.

    Without a validator (a strong ETag, or a time of last change) nobody can tell whether the rest that a server
    has belongs to what is here: such a part is not gone on with.
    """

    def __init__(self, place: Path, url: str) -> None:
        """Looks at what is here. What belongs to another address is left alone until `begin`."""
        self.place = place
        self.path = place.with_name(f"{place.name}.partial")
        self._note = place.with_name(f"{place.name}.partial.json")
        self._url = url
        self.validator = ""
        self.total: int | None = None
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            # A note that can't be read is none: the file is begun anew.
            note = json.loads(self._note.read_text(encoding="utf-8"))
            total = note["total"]
            if note["url"] == url and self.path.is_file() and (total is None or int(total) >= 0):
                self.validator, self.total = str(note["validator"]), total

    @property
    def length(self) -> int:
        """Bytes here that can be gone on from; 0 if it has to begin anew."""
        if not self.validator and not self.complete:
            return 0
        return self._size()

    @property
    def complete(self) -> bool:
        """Whether every byte is here: an earlier run was ended between the last one and the check."""
        return self.total is not None and self.path.is_file() and self._size() == self.total

    def request_headers(self) -> dict[str, str]:
        """Of a request for what is missing (RFC 9110, 13.1.5 and 14.2); unpacked, as bytes are counted."""
        headers = {"Accept-Encoding": "identity"}
        if self.length:
            headers |= {"Range": f"bytes={self.length}-", "If-Range": self.validator}
        return headers

    def begin(self, validator: str, total: int | None) -> None:
        """Begin anew with a file of this validator and length (None: not told). Raises OSError or
        OutputError."""
        self.path.unlink(missing_ok=True)
        self.validator, self.total = validator, total
        with replacing(self._note) as temporary:
            note = {"url": self._url, "validator": validator, "total": total}
            temporary.write_text(json.dumps(note, indent=2) + "\n", encoding="utf-8")

    def discard(self) -> None:
        """Remove both files, as far as they are there."""
        self.validator, self.total = "", None
        for path in (self.path, self._note):
            with contextlib.suppress(OSError):
                path.unlink()

    def _size(self) -> int:
        """Bytes in the partial file, whatever they are a part of; 0 without one."""
        try:
            return self.path.stat().st_size
        except OSError:
            return 0
