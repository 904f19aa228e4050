"""The worker's one loop: what happens to its queue, clients and engine happens here, one thing after another.

Threads that wait for a client or for the engine process hand over what came by `call`; no state is shared and
no lock is held. Not asyncio, which takes longer to import than the rest of the worker, and can't wait for a
pipe of multiprocessing.connection on Windows. All waiting is by the monotonic clock.
"""

from __future__ import annotations

import contextlib
import selectors
import signal
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

Action = Callable[[], object]


class Loop:
    """Runs actions on the thread that called `run`, until `end`."""

    def __init__(self) -> None:
        self._calls: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        self._timers: dict[object, tuple[float, Action]] = {}
        self._selector = selectors.DefaultSelector()
        self._heard, self._bell = socket.socketpair()
        for end in (self._heard, self._bell):
            end.setblocking(False)
        self._selector.register(self._heard, selectors.EVENT_READ, self._hear)
        self._ended = False

    def call(self, action: Callable[..., object], *arguments: Any) -> None:
        """Have an action run by the loop, soon and in order. From any thread, and from signal handlers."""
        self._calls.append((action, arguments))
        # Full: the loop is about to wake anyway. Closed: there is no loop any more.
        with contextlib.suppress(OSError):
            self._bell.send(b"\0")

    def on_signal(self, number: int, action: Action) -> None:
        """Run an action when that signal comes. Only on the process's main thread."""
        # The system may hand a signal to any thread; without this the waiting one would not wake for it.
        signal.set_wakeup_fd(self._bell.fileno(), warn_on_full_buffer=False)
        signal.signal(number, lambda *_: self.call(action))

    def after(self, name: object, seconds: float, action: Action) -> None:
        """Run an action once after a time. One of the same name that waits is replaced."""
        self._timers[name] = (time.monotonic() + seconds, action)

    def forget(self, name: object) -> None:
        """Drop the timer of that name, if it waits."""
        self._timers.pop(name, None)

    def waits(self, name: object) -> bool:
        """Whether a timer of that name waits."""
        return name in self._timers

    def watch(self, source: socket.socket, action: Action) -> None:
        """Run an action whenever there is something to read."""
        self._selector.register(source, selectors.EVENT_READ, action)

    def unwatch(self, source: socket.socket) -> None:
        """No longer watch it, if it is watched."""
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(source)

    def end(self) -> None:
        """Have `run` return."""
        self._ended = True

    def run(self) -> None:
        """Serve until `end`. An action's exception ends it too, and is the caller's."""
        while not self._ended:
            for key, _ in self._selector.select(self._seconds_to_next()):
                key.data()
            # Only what waits now: calls that keep coming must not hold up the timers.
            for _ in range(len(self._calls)):
                action, arguments = self._calls.popleft()
                action(*arguments)
            self._run_due()

    def close(self) -> None:
        """Give back what it holds; nothing is run any more."""
        if threading.current_thread() is threading.main_thread():
            signal.set_wakeup_fd(-1)
        self._selector.close()
        self._heard.close()
        self._bell.close()

    def _hear(self) -> None:
        with contextlib.suppress(OSError):
            while self._heard.recv(4096):
                pass

    def _seconds_to_next(self) -> float | None:
        """How long nothing will have to be done; None for ever."""
        if self._calls or self._ended:
            return 0
        if not self._timers:
            return None
        return max(0.0, min(due for due, _ in self._timers.values()) - time.monotonic())

    def _run_due(self) -> None:
        now = time.monotonic()
        due = sorted((moment, repr(name), name) for name, (moment, _) in self._timers.items() if moment <= now)
        for moment, _, name in due:
            found = self._timers.get(name)
            # An earlier one of these may have dropped it or set it anew.
            if found is not None and found[0] == moment:
                del self._timers[name]
                found[1]()
