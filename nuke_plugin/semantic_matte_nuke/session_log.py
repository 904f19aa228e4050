"""What the node said in this session, with times, for Copy Log. Bounded, and safe to use from any thread."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Deque, Tuple

# A day of work; a render on a farm says a sentence a frame at most.
MOST_LINES = 2000
_MOST_SIGNS = 4000

_lines: Deque[Tuple[float, str]] = deque(maxlen=MOST_LINES)
_lock = threading.Lock()


def add(sentence: str) -> None:
    """Keep what was said; a very long text is cut, its beginning and its end stay."""
    if len(sentence) > _MOST_SIGNS:
        half = _MOST_SIGNS // 2
        sentence = f"{sentence[:half]} [...] {sentence[-half:]}"
    with _lock:
        _lines.append((time.time(), sentence))


def text() -> str:
    """All that is kept, oldest first, a line each with its local time; further lines of a text are indented."""
    with _lock:
        kept = list(_lines)
    rows = (f"{time.strftime('%H:%M:%S', time.localtime(when))}  {said}" for when, said in kept)
    return "\n".join("\n          ".join(row.splitlines()) for row in rows)


def clear() -> None:
    """Forget all."""
    with _lock:
        _lines.clear()
