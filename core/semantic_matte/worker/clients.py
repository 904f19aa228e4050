"""One client of the worker: its connection, and the two threads that read from it and write to it."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import threading
from multiprocessing.connection import Connection
from typing import Protocol

from semantic_matte.worker.job_record import JobRecord, job_of
from semantic_matte.worker.logs import log
from semantic_matte.worker.loop import Loop
from semantic_matte.worker.outbox import Outbox
from semantic_matte_client import protocol, wire
from semantic_matte_client.errors import ClientError, ProtocolError
from semantic_matte_client.version import VERSION

# Seconds until a client has said who it is.
HELLO_SECONDS = 5.0

# Messages of one client that the loop has not handled yet; it is read no further until then.
_MOST_UNHANDLED = 16


class Host(Protocol):
    """What a client's thread tells the worker; each is run by the loop."""

    def joined(self, link: ClientLink) -> None:
        """A client has said who it is, in our version."""

    def came(self, link: ClientLink, message: protocol.Message | JobRecord) -> None:
        """A client asks for something; a `submit` comes as the job that it became."""

    def left(self, link: ClientLink, complaint: str) -> None:
        """A client has gone. complaint: what was wrong with its last message, or empty."""

    def closed(self, link: ClientLink) -> None:
        """Both threads of a client have ended."""


class ClientLink:
    """A connection. What is public is for the loop's thread."""

    def __init__(self, accepted: socket.socket | Connection, key: bytes, loop: Loop, host: Host) -> None:
        """accepted: a UNIX socket, or on Windows a pipe."""
        self._key, self._loop, self._host = key, loop, host
        self._socket = accepted if isinstance(accepted, socket.socket) else None
        if isinstance(accepted, socket.socket):
            self._connection = Connection(os.dup(accepted.fileno()))
        else:
            self._connection = accepted
        self._outbox = Outbox()
        self._room = threading.Semaphore(_MOST_UNHANDLED)
        self._writer: threading.Thread | None = None
        self._cut = False
        self.name = self._version = ""
        self.pid = 0
        self.is_joined = False

    def start(self) -> None:
        """Begin to read. Raises RuntimeError where the system gives no thread."""
        threading.Thread(target=self._read, name="client reader", daemon=True).start()

    def send(self, message: protocol.Message) -> None:
        """Say something; never waits."""
        self.pass_on(protocol.encode(message, protocol.ANSWERS), message["type"], message.get("job"))

    def pass_on(self, content: bytes, kind: str, job: str | None) -> None:
        """Say what is a message of that kind and job already; never waits."""
        if not self._outbox.put(content, job if kind == "progress" else None):
            log.warning("client %s: does not read, closed", self.name)
            self.cut()

    def handled(self) -> None:
        """A message of this client was handled: there is room for another."""
        self._room.release()

    def finish(self) -> None:
        """Send what waits, then close. A client that doesn't read is to be `cut` after a time."""
        self._outbox.close()
        if self._writer is None:
            self.cut()

    def cut(self) -> None:
        """Close now; whatever its threads wait for ends."""
        self._cut = True
        self._outbox.close(drop=True)
        # So that a reader ends that waits for the loop.
        self._room.release()
        self._hang_up()

    def join(self, seconds: float) -> None:
        """Wait until what waited was sent, if that comes soon."""
        if self._writer is not None:
            self._writer.join(seconds)

    def release(self) -> None:
        """Give back its descriptors, once `closed` was told."""
        with contextlib.suppress(OSError):
            self._connection.close()
        if self._socket is not None:
            self._socket.close()

    def _read(self) -> None:
        """Until the connection ends: hand over what the client says."""
        complaint = ""
        try:
            if self._greet():
                self._writer = threading.Thread(target=self._write, name="client writer", daemon=True)
                self._writer.start()
                self._loop.call(self._host.joined, self)
                self._serve()
        except ProtocolError as error:
            theirs = f" This client is of version {self._version!r}." if self._version else ""
            complaint = f"{error}{theirs}"
            self._tell_newcomer(complaint)
        except (EOFError, ClientError):
            pass
        except OSError as error:
            complaint = _complaint_of(error)
        except Exception:
            log.exception("client %s: an exception that nobody expected", self.name)
        self._loop.call(self._host.left, self, complaint)
        if self._writer is not None:
            self._writer.join()
        self._loop.call(self._host.closed, self)

    def _greet(self) -> bool:
        """Handshake, then `hello`. False if the client speaks another version, which it is told."""
        wire.shake_hands(self._connection, self._key, wire.HANDSHAKE_SECONDS, first=True)
        if not self._connection.poll(HELLO_SECONDS):
            raise EOFError
        hello = wire.receive(self._connection, {"hello": protocol.REQUESTS["hello"]})
        # On one line, for the log.
        self.name = "".join(one if one.isprintable() else " " for one in hello["client"])
        self.pid, self._version = hello["pid"], hello["version"]
        if hello["protocol"] == protocol.PROTOCOL:
            return True
        sentence = protocol.version_sentence(hello, "client", "worker")
        wire.send(self._connection, refused(sentence), protocol.ANSWERS)
        log.info("client %s refused: it speaks protocol %s", self.name, hello["protocol"])
        return False

    def _tell_newcomer(self, complaint: str) -> None:
        """Say what is wrong to one who has not joined, and so has no writer."""
        if self._writer is None:
            with contextlib.suppress(OSError):
                wire.send(self._connection, {"type": "error", "message": complaint}, protocol.ANSWERS)

    def _serve(self) -> None:
        known = {name: fields for name, fields in protocol.REQUESTS.items() if name != "hello"}
        while not self._cut:
            message = wire.receive(self._connection, known)
            asked: protocol.Message | JobRecord = message
            if message["type"] == "submit":
                # Here, not in the loop: a long one takes a while to be put into words.
                asked = job_of(message, self, self.pid, self.name)
            self._room.acquire()
            self._loop.call(self._host.came, self, asked)

    def _write(self) -> None:
        """Send until the outbox is closed and empty, or the client has gone; then end the connection."""
        try:
            while (content := self._outbox.take()) is not None:
                self._connection.send_bytes(content)
        except OSError:
            self._outbox.close(drop=True)
        self._hang_up()

    def _hang_up(self) -> None:
        """End the connection, for whichever thread waits on it too."""
        with contextlib.suppress(OSError):
            if self._socket is not None:
                self._socket.shutdown(socket.SHUT_RDWR)
            else:
                self._connection.close()


def refused(sentence: str) -> protocol.Message:
    """The answer to a client that is not taken."""
    return {
        "type": "refused",
        "protocol": protocol.PROTOCOL,
        "version": VERSION,
        "message": sentence,
    }


def _complaint_of(error: OSError) -> str:
    """What to tell a client of whom a message did not come whole; empty if it has gone."""
    if error.errno in (errno.EAGAIN, errno.EWOULDBLOCK):
        return f"A message stopped half way for {wire.MESSAGE_SECONDS:g} s: send it in one go."
    if error.errno is None and "length" in str(error):
        return f"A message is longer than {protocol.LONGEST_MESSAGE} bytes: send less at once."
    return ""
