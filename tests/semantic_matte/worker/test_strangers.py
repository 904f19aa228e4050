"""Whoever comes without the key, or says what is no message, gets nothing and disturbs nobody."""

from __future__ import annotations

import json
import os
import random
import socket
import struct
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from semantic_matte_client import protocol, wire
from semantic_matte_client.errors import AuthenticationError, WorkerLostError
from semantic_matte_client.version import VERSION

Eventually = Callable[..., Any]

HELLO = {"type": "hello", "protocol": protocol.PROTOCOL, "version": VERSION, "client": "c", "pid": 7}


def raw(place: Any) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(place.files.socket))
    connection.settimeout(20)
    return connection


def is_served(place: Any) -> bool:
    talker = place.talker()
    served = talker.end_of(talker.submit())["type"] == "done"
    talker.close()
    return served


def read_to_the_end(connection: socket.socket) -> bytes:
    content = b""
    try:
        while piece := connection.recv(1 << 16):
            content += piece
    except ConnectionResetError:
        pass
    return content


def test_a_wrong_key_gets_nothing(place: Any) -> None:
    place.start()
    for key in (b"", b"wrong", bytes(32), place.files.key.read_bytes()[:-1]):
        with pytest.raises((AuthenticationError, WorkerLostError)):
            wire.connect(str(place.files.socket), key)
    assert is_served(place)


def test_a_worker_with_a_wrong_key_is_not_believed(place: Any) -> None:
    """The client's own half: one that took the place of the socket does not know the key."""
    place.start()
    place.files.key.write_bytes(bytes(32))
    with pytest.raises(AuthenticationError):
        place.connect()
    # It is not the worker's any more, which leaves it.
    place.files.key.unlink()


@pytest.mark.parametrize("count", [1, 12])
def test_silent_strangers_delay_nobody_and_are_let_go(place: Any, count: int) -> None:
    place.start()
    silent = [raw(place) for _ in range(count)]
    begun = time.monotonic()
    assert is_served(place)
    assert time.monotonic() - begun < 3
    begun = time.monotonic()
    for connection in silent:
        read_to_the_end(connection)
        connection.close()
    assert time.monotonic() - begun < wire.HANDSHAKE_SECONDS + 3
    assert is_served(place)


def test_more_silent_strangers_than_there_is_room_for(place: Any, eventually: Eventually) -> None:
    place.start()
    silent = [raw(place) for _ in range(100)]
    # The last of them are closed at once; once the others had a second, they make room.
    eventually(lambda: read_to_the_end(silent[-1]) == b"", "it is closed")
    time.sleep(1.5)
    for _ in range(10):
        assert is_served(place)
    for connection in silent:
        connection.close()


def test_a_hello_that_never_comes(place: Any) -> None:
    place.start()
    connection = place.connect()
    begun = time.monotonic()
    assert connection.poll(20)
    with pytest.raises(EOFError):
        connection.recv_bytes()
    assert 4 < time.monotonic() - begun < 8
    connection.close()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"GET / HTTP/1.1\r\n\r\n",
        bytes(1000),
        b"\xff" * 1000,
        struct.pack("!i", 2**31 - 1),
        b"\x00\x00",
    ],
    ids=["nothing", "line", "http", "zeros", "ones", "huge length", "half a length"],
)
def test_garbage_instead_of_a_handshake(place: Any, content: bytes) -> None:
    place.start()
    connection = raw(place)
    connection.sendall(content)
    connection.shutdown(socket.SHUT_WR)
    assert b"welcome" not in read_to_the_end(connection)
    connection.close()
    assert is_served(place)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[]", "not an object"),
        (b"null", "not an object"),
        (b'{"type": "fly"}', 'unknown type "fly"'),
        (b'{"type": "status", "x": 1}', 'unknown field "x"'),
        (b'{"type": "cancel"}', "lacks the field 'job'"),
        (b'{"type": "cancel", "job": "../../etc"}', "32 digits"),
        (b'{"type": "stop", "when": NaN}', "not JSON"),
        (b'{"type": "stop", "when": "now", "when": "idle"}', "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"type": "submit", "job": 1' + b" " * (1 << 20) + b"}", "lacks|expected"),
    ],
)
def test_a_message_that_is_none_is_told_and_the_client_let_go(place: Any, content: bytes, words: str) -> None:
    place.start()
    talker, other = place.talker(), place.talker("other")
    talker.connection.send_bytes(content)
    message = talker.until("error")["message"]
    assert any(word in message for word in words.split("|")), message
    assert f"protocol {protocol.PROTOCOL} of Semantic Matte {VERSION}" in message
    assert f"This client is of version {VERSION!r}." in message
    assert talker.is_closed()
    assert other.end_of(other.submit())["type"] == "done"


def test_a_message_that_is_too_long(place: Any) -> None:
    place.start()
    talker = place.talker()
    os.write(talker.connection.fileno(), struct.pack("!i", protocol.LONGEST_MESSAGE + 1) + b"x" * 1000)
    assert "longer than" in talker.until("error")["message"]
    assert talker.is_closed()
    assert is_served(place)


def test_the_longest_message_is_taken(place: Any) -> None:
    place.start()
    talker = place.talker()
    plates = ["p" * 4000] * 1047
    assert protocol.LONGEST_MESSAGE - 10_000 < len("p" * 4003) * 1047 < protocol.LONGEST_MESSAGE
    assert talker.end_of(talker.submit(plates=plates))["type"] == "done"


def test_half_a_message_then_silence(place: Any) -> None:
    place.start()
    talker = place.talker()
    os.write(talker.connection.fileno(), struct.pack("!i", 100) + b'{"type":')
    assert is_served(place)
    assert "stopped half way" in talker.until("error")["message"]
    assert talker.is_closed()


def test_half_a_message_then_gone(place: Any) -> None:
    place.start()
    talker = place.talker()
    os.write(talker.connection.fileno(), struct.pack("!i", 100) + b'{"type":')
    talker.close()
    assert is_served(place)


def test_a_message_that_comes_slowly_delays_nobody(place: Any) -> None:
    place.start()
    talker = place.talker()
    content = b'{"type":"status"}'
    for piece in struct.pack("!i", len(content)) + content:
        os.write(talker.connection.fileno(), bytes([piece]))
        time.sleep(0.05)
        if piece == ord(":"):
            assert is_served(place)
    assert talker.until("status")["clients"] == 1


def fuzzed(seed: int) -> bytes:
    """A good message of a client with some of it spoilt."""
    chance = random.Random(seed)
    good = [
        {"type": "status"},
        {"type": "cancel", "job": "a" * 32},
        HELLO,
        {
            "type": "submit",
            "job": f"{seed:032x}",
            "task": "matte",
            "plates": ["/p.exr"],
            "settings": {"find": ["person"], "passes": 4},
            "roots": ["/"],
            "on_disconnect": "cancel",
        },
    ]
    message: dict[str, Any] = dict(chance.choice(good))
    strange = [None, True, -1, 1e308, "", "\0", "\ud800", [], {}, [[]], "x" * 5000, {"a": {"b": []}}, 2**70]
    for _ in range(chance.randrange(3)):
        message[chance.choice([*message, "strange"])] = chance.choice(strange)
    content = bytearray(json.dumps(message).encode())
    for _ in range(chance.randrange(4)):
        place = chance.randrange(len(content))
        what = chance.randrange(3)
        if what == 0:
            content[place] = chance.randrange(256)
        elif what == 1:
            del content[place:]
            content += b"}"
        else:
            content[place:place] = chance.randbytes(chance.randrange(20))
    return bytes(content)


def test_a_thousand_fuzzed_messages(place: Any, eventually: Eventually) -> None:
    worker = place.start()
    good = place.talker("good", pid=1)
    refused = 0
    talker = place.talker("fuzz", pid=2)
    for seed in range(1000):
        try:
            talker.connection.send_bytes(fuzzed(seed))
            talker.say("status")
            while (kind := talker.hear()["type"]) not in ("status", "error"):
                pass
        except (EOFError, OSError):
            kind = "error"
        if kind == "error":
            refused += 1
            talker.close()
            talker = place.talker("fuzz", pid=2)
    assert 300 < refused < 1000
    assert good.end_of(good.submit())["type"] == "done"
    talker.close()
    eventually(lambda: good.status()["clients"] == 1, "the others are gone")
    assert good.status()["jobs"] == []
    assert worker.poll() is None
    assert "Traceback" not in place.log


STRANGER = """
import json, os, socket, sys
folder = sys.argv[1]
found = {"uid": os.geteuid()}
for name in ("gpu.key", "gpu.json", "gpu.lock", "gpu.sock", "logs"):
    try:
        os.stat(os.path.join(folder, name)) and open(os.path.join(folder, name)).close()
        found[name] = "read"
    except OSError as error:
        found[name] = type(error).__name__
for name in ("gpu.sock", "open.sock"):
    reached = socket.socket(socket.AF_UNIX)
    reached.settimeout(10)
    try:
        reached.connect(os.path.join(folder, name))
        found["connect " + name] = reached.recv(100).decode("latin-1")
    except OSError as error:
        found["connect " + name] = type(error).__name__
print(json.dumps(found))
"""


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only the superuser can become another"
)
@pytest.mark.parametrize("is_open", [False, True])
def test_another_user_gets_nothing(place: Any, is_open: bool) -> None:
    place.start()
    if is_open:
        # As bad as it can be: folder and socket open to everybody.
        place.folder.chmod(0o777)
        place.files.socket.chmod(0o777)
    python = Path("/usr/bin/python3")
    if not python.exists():
        pytest.skip("no Python that another user may run")
    done = subprocess.run(
        [str(python), "-c", STRANGER, str(place.folder)],
        user=65534,
        group=65534,
        extra_groups=[],
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
        env={},
    )
    found = json.loads(done.stdout)
    assert found["uid"] == 65534
    assert found["gpu.key"] == found["gpu.json"] == found["gpu.lock"] == found["logs"] == "PermissionError"
    if is_open:
        # Nothing at all is said to them, not even a challenge.
        assert found["connect gpu.sock"] == ""
        assert "another user was refused" in place.log
        place.folder.chmod(0o700)
    else:
        assert found["connect gpu.sock"] == "PermissionError"
    assert is_served(place)
