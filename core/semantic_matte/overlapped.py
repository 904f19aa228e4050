"""Reading and writing in threads of their own, so that the device does not wait for disks and codecs.

One thread reads a few items ahead, one finishes and writes a few behind; both keep the order. Who waits for
them is counted, so that a benchmark can say what the device lost.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Generic, TypeVar

Item = TypeVar("Item")
Key = TypeVar("Key")


class ReadAhead(Generic[Key, Item]):
    """Items in order, made in a thread, at most `ahead` of them before they are asked for.

    A context manager: what is not taken is let go of at its end. waited: seconds that the taker spent waiting.
    """

    def __init__(self, make: Callable[[Key], Item], keys: Sequence[Key], ahead: int = 2) -> None:
        """make: called in the thread, in the order of keys; what it raises is raised where the item is
        taken."""
        self._make = make
        self._keys = deque(keys)
        self._ahead = ahead
        self._coming: deque[tuple[Key, Future[Item]]] = deque()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="reading")
        self.waited = 0.0

    def __enter__(self) -> ReadAhead[Key, Item]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._keys.clear()
        self._coming.clear()
        self._thread.shutdown(wait=True, cancel_futures=True)

    def __iter__(self) -> Iterator[tuple[Key, Item]]:
        """Each key with its item. One goes over it once."""
        while self._keys or self._coming:
            # One is being taken, the others are ahead.
            while self._keys and len(self._coming) <= self._ahead:
                key = self._keys.popleft()
                self._coming.append((key, self._thread.submit(self._make, key)))
            key, coming = self._coming.popleft()
            began = time.monotonic()
            item = coming.result()
            self.waited += time.monotonic() - began
            # Not held here while the taker works with it.
            del coming
            yield key, item
            del item


class WriteBehind(Generic[Item]):
    """Work done in a thread, in order, at most `behind` pieces of it waiting.

    A context manager: at its end everything is done; where an error ends it, what has not begun is dropped and
    what has begun is waited for. waited: seconds that the giver spent waiting.
    """

    def __init__(self, done: Callable[[Item], None], behind: int = 2) -> None:
        """done: called in the giver's thread with each result, in order, as soon as the giver comes by."""
        self._done, self._behind = done, behind
        self._going: deque[Future[Item]] = deque()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="writing")
        self.waited = 0.0

    def __enter__(self) -> WriteBehind[Item]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._reap(0)
        finally:
            self._going.clear()
            self._thread.shutdown(wait=True, cancel_futures=True)

    def give(self, work: Callable[[], Item]) -> None:
        """Take a piece of work; waits while `behind` others are not done. Raises what one before it raised."""
        self._reap(self._behind)
        self._going.append(self._thread.submit(work))
        self._reap(self._behind + 1)

    def _reap(self, leaving: int) -> None:
        """Pass on the results of all that is done, and wait until at most `leaving` pieces are not."""
        while self._going and (len(self._going) > leaving or self._going[0].done()):
            began = time.monotonic()
            result = self._going.popleft().result()
            self.waited += time.monotonic() - began
            self._done(result)
