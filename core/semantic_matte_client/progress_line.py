"""How far a job is, on one line of a terminal."""

from __future__ import annotations

import os
import sys
from typing import Any, Mapping, Optional, TextIO

from semantic_matte_client.job_course import Progress


class ProgressLine:
    """A line that is written over itself; gone when it is left."""

    def __init__(self, stream: TextIO, columns: int) -> None:
        self._stream = stream
        # The last column is left free: some terminals go to the next line behind it.
        self._width = max(10, columns - 1)
        self._shown = 0

    @classmethod
    def of_terminal(cls) -> Optional[ProgressLine]:
        """On stderr, if that is a terminal; hosts often put something else in its place, or nothing."""
        stream = sys.stderr
        try:
            if stream is None or not stream.isatty():
                return None
            return cls(stream, os.get_terminal_size(stream.fileno()).columns)
        except (AttributeError, OSError, ValueError):
            return None

    def show(self, event: Mapping[str, Any], progress: Progress) -> None:
        """A message, and how far its job now is; notices stay to be read."""
        if event["type"] == "notice":
            self._write("")
            self._stream.write(f"{event['message']}\n")
        if event["type"] in ("accepted", "progress", "notice"):
            self._write(progress.sentence())

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(self, *_: object) -> None:
        self._write("")

    def _write(self, text: str) -> None:
        """Replace what stands there."""
        text = text if len(text) <= self._width else f"{text[: self._width - 3]}..."
        self._stream.write(f"\r{text.ljust(self._shown)}")
        if not text:
            self._stream.write("\r")
        self._stream.flush()
        self._shown = len(text)
