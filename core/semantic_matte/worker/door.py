"""Where clients come in: taken from the socket or the pipe as they come, strangers turned away."""

from __future__ import annotations

import os
import socket
import struct
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection, Listener

from semantic_matte.worker.logs import log
from semantic_matte.worker.loop import Loop
from semantic_matte.worker.presence import BACKLOG, Presence
from semantic_matte_client import wire

# Seconds until a new try where the system gives no connection.
_PAUSE_SECONDS = 0.5


class Door:
    """Takes connections, without a word said on them yet."""

    def __init__(
        self, loop: Loop, presence: Presence, on_arrival: Callable[[socket.socket | Connection], None]
    ) -> None:
        """presence: published. on_arrival: run by the loop with each connection, which is then the callee's."""
        self._loop, self._presence, self._on_arrival = loop, presence, on_arrival
        self._is_open = False

    def open(self) -> None:
        """Take who comes, from now on. Raises OSError."""
        self._is_open = True
        if self._presence.listener is not None:
            self._loop.watch(self._presence.listener, self._accept)
            return
        listener = Listener(self._presence.address, wire.FAMILY, BACKLOG)
        threading.Thread(target=self._accept_pipes, args=(listener,), name="door", daemon=True).start()

    def close(self) -> None:
        """Take nobody any more."""
        self._is_open = False
        self._loop.forget("door")
        if self._presence.listener is not None:
            self._loop.unwatch(self._presence.listener)

    def _accept(self) -> None:
        """Take who waits at the socket."""
        listener = self._presence.listener
        while listener is not None and self._is_open:
            try:
                accepted, _ = listener.accept()
            except BlockingIOError:
                return
            except OSError as reason:
                # No descriptors, most likely; they who are here go on.
                log.warning("no connection can be taken: %s", reason)
                self._loop.unwatch(listener)
                self._loop.after("door", _PAUSE_SECONDS, self.open)
                return
            accepted.setblocking(True)
            if is_stranger(accepted):
                log.warning("a connection of another user was refused")
                accepted.close()
            else:
                self._on_arrival(accepted)

    def _accept_pipes(self, listener: Listener) -> None:
        """On Windows: take who opens the pipe."""
        while self._is_open:
            try:
                accepted = listener.accept()
            except OSError:
                continue
            self._loop.call(self._on_arrival, accepted)


def is_stranger(accepted: socket.socket) -> bool:
    """Whether the system says that another user is at the other end; False where it says nothing."""
    if not hasattr(socket, "SO_PEERCRED"):
        return False
    told = accepted.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, user, _ = struct.unpack("3i", told)
    return bool(user != os.geteuid())
