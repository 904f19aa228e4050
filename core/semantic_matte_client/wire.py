"""Bytes between client and worker: multiprocessing.connection, its handshake with a key, and time limits.

The library's own `Client` and `accept` wait for ever for somebody who says nothing. Here each step of a
handshake has a limit, and so has a message that has begun: on POSIX through the socket's own time-outs, on
Windows by a pipe that hands over whole messages.
"""

from __future__ import annotations

import multiprocessing.connection as transport
import os
import socket
import struct
from multiprocessing.connection import Connection
from typing import Any, Mapping

from semantic_matte_client.errors import AuthenticationError, WorkerLostError
from semantic_matte_client.message_fields import Field
from semantic_matte_client.protocol import LONGEST_MESSAGE, Message, decode, encode

FAMILY = "AF_PIPE" if os.name == "nt" else "AF_UNIX"
# Seconds for each step of a handshake, and for the rest of a message that has begun.
HANDSHAKE_SECONDS = 5.0
MESSAGE_SECONDS = 5.0


def connect(address: str, key: bytes, seconds: float = HANDSHAKE_SECONDS) -> Connection:
    """Reach a worker and prove to each other that both hold the key.

    Raises WorkerLostError if nobody listens or answers, AuthenticationError if the keys differ.
    """
    try:
        connection = reach(address, seconds)
    except OSError as reason:
        raise WorkerLostError(f"No worker answers at '{address}' ({reason}).") from reason
    try:
        shake_hands(connection, key, seconds, first=False)
    except BaseException:
        connection.close()
        raise
    return connection


def shake_hands(connection: Connection, key: bytes, seconds: float, *, first: bool) -> None:
    """Both sides prove that they hold the key, which itself is never sent. first: who challenges first.

    Raises AuthenticationError, or WorkerLostError if the other side ends or is silent for so long.
    """
    limit_message_time(connection, seconds)
    watched: Any = _Watched(connection, seconds)
    steps = [transport.deliver_challenge, transport.answer_challenge]
    try:
        for step in steps if first else reversed(steps):
            step(watched, key)
    except (EOFError, OSError) as reason:
        raise WorkerLostError(f"The other side ended in the handshake, or said nothing ({reason}).") from reason
    except Exception as reason:
        # Depending on its version Python says that by AuthenticationError, AssertionError or ValueError.
        raise AuthenticationError(
            "The other side does not hold the worker's key: it is of another user, or the worker was just "
            "started anew. Try again."
        ) from reason
    limit_message_time(connection, MESSAGE_SECONDS)


def limit_message_time(connection: Connection, seconds: float) -> None:
    """From now on, the rest of a message that has begun may take so long; sending is not limited."""
    if os.name != "posix":
        return
    _limit(connection, socket.SO_RCVTIMEO, seconds)


def limit_sending(connection: Connection, seconds: float) -> None:
    """From now on, sending fails (OSError) once the other side has taken nothing for so long. POSIX alone."""
    if os.name != "posix":
        return
    _limit(connection, socket.SO_SNDTIMEO, seconds)


def send(connection: Connection, message: Mapping[str, Any], known: Mapping[str, Mapping[str, Field]]) -> None:
    """Check and send a message. Raises ProtocolError, or OSError if the other side has gone."""
    connection.send_bytes(encode(message, known))


def receive(connection: Connection, known: Mapping[str, Mapping[str, Field]]) -> Message:
    """The next message; waits for its beginning for ever (ask `poll` before) and for its rest MESSAGE_SECONDS.

    Raises ProtocolError, EOFError if the other side has gone, OSError for a message over the limit or one that
    stops half way.
    """
    connection.poll(None)
    return decode(connection.recv_bytes(LONGEST_MESSAGE), known)


class _Watched:
    """A connection in its handshake: what it receives must begin within a time."""

    def __init__(self, connection: Connection, seconds: float) -> None:
        self._connection = connection
        self._seconds = seconds

    def recv_bytes(self, longest: int) -> bytes:
        if not self._connection.poll(self._seconds):
            raise TimeoutError(f"nothing came within {self._seconds:g} s")
        return self._connection.recv_bytes(longest)

    def send_bytes(self, content: bytes) -> None:
        self._connection.send_bytes(content)


def reach(address: str, seconds: float) -> Connection:
    """A connection without a handshake: for a caller that waits for the first challenge without blocking.

    Raises OSError if nobody listens there.
    """
    if os.name == "nt":
        return transport.Client(address, FAMILY)
    with socket.socket(socket.AF_UNIX) as reached:
        reached.settimeout(seconds)
        reached.connect(address)
        reached.setblocking(True)
        return Connection(reached.detach())


def _limit(connection: Connection, option: int, seconds: float) -> None:
    """Set one of a socket's own time limits."""
    whole = int(seconds)
    with socket.socket(fileno=os.dup(connection.fileno())) as same:
        same.setsockopt(socket.SOL_SOCKET, option, struct.pack("@ll", whole, int((seconds - whole) * 1e6)))
