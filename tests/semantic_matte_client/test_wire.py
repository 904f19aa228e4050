"""The handshake and its time limits, between two ends of one process and on other Pythons."""

from __future__ import annotations

import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from semantic_matte_client import protocol, wire
from semantic_matte_client.errors import AuthenticationError, ProtocolError, WorkerLostError

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the limits are set on sockets")

CORE = Path(__file__).parents[2] / "core"
KEY = bytes(range(32))


@pytest.fixture
def ends() -> Iterator[tuple[Connection, Connection]]:
    """Two ends of a connection: worker's, client's."""
    one, two = (Connection(end.detach()) for end in socket.socketpair())
    yield one, two
    one.close()
    two.close()


def in_thread(
    work: Callable[..., object], *arguments: object, **named: object
) -> tuple[threading.Thread, list[BaseException | None]]:
    """Start something and keep what it raises."""
    raised: list[BaseException | None] = []

    def run() -> None:
        try:
            work(*arguments, **named)
        except BaseException as error:
            raised.append(error)
        else:
            raised.append(None)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, raised


def test_two_that_hold_the_key_meet(ends: tuple[Connection, Connection]) -> None:
    thread, raised = in_thread(wire.shake_hands, ends[0], KEY, 5.0, first=True)
    wire.shake_hands(ends[1], KEY, 5.0, first=False)
    thread.join(5)
    assert raised == [None]
    wire.send(ends[1], {"type": "status"}, protocol.REQUESTS)
    assert wire.receive(ends[0], protocol.REQUESTS) == {"type": "status"}


@pytest.mark.parametrize("theirs", [b"", b"x", KEY[:-1], KEY + b"x", bytes(32)])
def test_two_keys_do_not_meet(ends: tuple[Connection, Connection], theirs: bytes) -> None:
    thread, raised = in_thread(wire.shake_hands, ends[0], KEY, 2.0, first=True)
    with pytest.raises((AuthenticationError, WorkerLostError)):
        wire.shake_hands(ends[1], theirs, 2.0, first=False)
    ends[1].close()
    thread.join(5)
    assert isinstance(raised[0], (AuthenticationError, WorkerLostError))


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0",
        struct.pack("!i", 5),
        struct.pack("!i", 50) + b"x" * 10,
        struct.pack("!i", 1 << 30) + b"x" * 10,
    ],
    ids=["nothing", "a byte", "a length", "half", "huge"],
)
def test_silence_has_an_end(ends: tuple[Connection, Connection], content: bytes, first: bool) -> None:
    if content:
        os.write(ends[1].fileno(), content)
    begun = time.monotonic()
    with pytest.raises((AuthenticationError, WorkerLostError)):
        wire.shake_hands(ends[0], KEY, 0.3, first=first)
    assert time.monotonic() - begun < 1


@pytest.mark.parametrize("content", [b"", b"#WELCOME#", b"#FAILURE#", b"#CHALLENGE#", b"\xff" * 200])
@pytest.mark.parametrize("first", [True, False])
def test_nonsense_is_no_handshake(ends: tuple[Connection, Connection], content: bytes, first: bool) -> None:
    for _ in range(3):
        ends[1].send_bytes(content)
    with pytest.raises((AuthenticationError, WorkerLostError)):
        wire.shake_hands(ends[0], KEY, 0.3, first=first)


def test_one_who_leaves_is_lost(ends: tuple[Connection, Connection]) -> None:
    ends[1].close()
    with pytest.raises(WorkerLostError):
        wire.shake_hands(ends[0], KEY, 5.0, first=True)


def test_a_message_that_has_begun_must_go_on(ends: tuple[Connection, Connection]) -> None:
    wire.limit_message_time(ends[0], 0.3)
    os.write(ends[1].fileno(), struct.pack("!i", 100) + b"{")
    begun = time.monotonic()
    with pytest.raises(BlockingIOError):
        wire.receive(ends[0], protocol.REQUESTS)
    assert 0.2 < time.monotonic() - begun < 1


def test_waiting_for_a_message_to_begin_has_no_end(ends: tuple[Connection, Connection]) -> None:
    wire.limit_message_time(ends[0], 0.1)
    threading.Timer(0.4, ends[1].send_bytes, (b'{"type":"status"}',)).start()
    assert wire.receive(ends[0], protocol.REQUESTS) == {"type": "status"}


@pytest.mark.parametrize("seconds", [0.25, 1.0, 2.75])
def test_the_limit_is_what_was_asked(ends: tuple[Connection, Connection], seconds: float) -> None:
    wire.limit_message_time(ends[0], seconds)
    with socket.socket(fileno=os.dup(ends[0].fileno())) as same:
        told = struct.unpack(
            "@ll", same.getsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.calcsize("@ll"))
        )
    assert told[0] + told[1] / 1e6 == pytest.approx(seconds, abs=0.01)


def test_a_message_over_the_limit_is_not_read(ends: tuple[Connection, Connection]) -> None:
    os.write(ends[1].fileno(), struct.pack("!i", protocol.LONGEST_MESSAGE + 1))
    with pytest.raises(OSError, match="length"):
        wire.receive(ends[0], protocol.REQUESTS)


def test_what_is_sent_is_checked(ends: tuple[Connection, Connection]) -> None:
    with pytest.raises(ProtocolError):
        wire.send(ends[0], {"type": "status", "x": 1}, protocol.REQUESTS)
    assert not ends[1].poll(0)


def test_nobody_listens(tmp_path: Path) -> None:
    with pytest.raises(WorkerLostError, match="No worker answers"):
        wire.connect(str(tmp_path / "none.sock"), KEY)


def test_no_descriptor_is_left_of_a_connection_that_failed() -> None:
    folder = Path(tempfile.mkdtemp(prefix="sm-"))
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(folder / "s"))
    listener.listen(16)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        with pytest.raises(WorkerLostError):
            wire.connect(str(folder / "s"), KEY, 0.1)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    listener.close()
    shutil.rmtree(folder)


MEET = """
import json, sys
from semantic_matte_client import protocol, wire
connection = wire.connect(sys.argv[1], bytes(range(32)))
hello = {"type": "hello", "protocol": 1, "version": "0.1.0", "client": "x", "pid": 1}
wire.send(connection, hello, protocol.REQUESTS)
print(json.dumps(wire.receive(connection, protocol.ANSWERS)))
try:
    protocol.decode(b'{"type": "done", "seconds": 1' + b"0" * 100000 + b"}", protocol.ANSWERS)
except protocol.ProtocolError as error:
    print(error)
"""


def pythons() -> list[str]:
    """The oldest and the newest that hosts have, where they are installed; this one besides."""
    found = [sys.executable]
    for version in ("3.9", "3.10", "3.12", "3.13"):
        installed = sorted(Path("~/.pyenv/versions").expanduser().glob(f"{version}.*/bin/python"))
        found += [str(installed[-1])] if installed else []
    return found


@pytest.mark.parametrize("python", pythons(), ids=lambda path: Path(path).parents[1].name)
def test_another_python_meets_this_one(python: str) -> None:
    """The handshake's hash changed with Python 3.12: older and newer ones must still meet."""
    folder = Path(tempfile.mkdtemp(prefix="sm-"))
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(folder / "s"))
    listener.listen(1)
    with subprocess.Popen(
        [python, "-W", "error", "-c", MEET, str(folder / "s")],
        env={**os.environ, "PYTHONPATH": str(CORE)},
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        connection = Connection(listener.accept()[0].detach())
        wire.shake_hands(connection, KEY, 5.0, first=True)
        assert wire.receive(connection, protocol.REQUESTS)["type"] == "hello"
        welcome = {"type": "welcome", "protocol": 1, "version": "0.1.0", "pid": 5, "slot": "gpu"}
        wire.send(connection, welcome, protocol.ANSWERS)
        assert other.stdout is not None
        lines = other.stdout.read().splitlines()
    assert '"type": "welcome"' in lines[0]
    assert "not JSON" in lines[1]
    assert other.returncode == 0
    connection.close()
    listener.close()
    shutil.rmtree(folder)
