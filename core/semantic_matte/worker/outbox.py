"""What waits to be sent to a client: in order, and of each job's progress only the newest."""

from __future__ import annotations

import threading
from collections import OrderedDict

# Bytes that may wait for a client that doesn't read; results of some ten thousand frames.
MOST_WAITING = 64 << 20


class Outbox:
    """Messages, as bytes, between the worker's loop and the thread that sends to a client."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[object, bytes] = OrderedDict()
        self._bytes = 0
        self._changed = threading.Condition()
        self._closed = False

    def put(self, content: bytes, replaces: str | None = None) -> bool:
        """Add a message; nothing once it is closed. False if too much waits: the client doesn't read.

        replaces: the job of which it is the progress; one that waits is dropped for it.
        """
        with self._changed:
            if self._closed:
                return True
            name: object = object() if replaces is None else replaces
            # Behind what came since: a progress must not pass the frames that it counts.
            self._bytes -= len(self._waiting.pop(name, b""))
            if self._bytes + len(content) > MOST_WAITING:
                return False
            self._bytes += len(content)
            self._waiting[name] = content
            self._changed.notify()
        return True

    def take(self) -> bytes | None:
        """The next message; waits for one. None once it is closed and empty."""
        with self._changed:
            while not self._waiting and not self._closed:
                self._changed.wait()
            if not self._waiting:
                return None
            _, content = self._waiting.popitem(last=False)
            self._bytes -= len(content)
            return content

    def close(self, *, drop: bool = False) -> None:
        """Take nothing more. drop: what waits is not sent either."""
        with self._changed:
            self._closed = True
            if drop:
                self._waiting.clear()
                self._bytes = 0
            self._changed.notify()
