"""Every message, both ways: taken if right, refused with each of its fields missing, wrong or too much."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semantic_matte_client import message_fields, protocol
from semantic_matte_client.errors import ProtocolError
from semantic_matte_client.version import VERSION

JOB = "0123456789abcdef" * 2
TEXT = message_fields.LONGEST_TEXT
INSTANCE = {"slot": "sm_person_01", "label": "person", "score": 0.5, "box": [0, -1, 2, 3], "passes": 4}
SUBMIT = {
    "job": JOB,
    "task": "matte",
    "plates": ["/shot/plate.exr"],
    "out": "/shot/mattes",
    "hint": None,
    "trimap": None,
    "colour_space": "ACEScg",
    "frames": "1001-1050x2",
    "chunk": None,
    "ocio": None,
    "settings": {"find": ["person"], "passes": 4, "dilation": 0.1, "resume": True, "device": "cpu"},
    "roots": ["/shot"],
}
STATUS = {
    "protocol": 1,
    "version": "0.1.0",
    "pid": 5,
    "slot": "gpu",
    "python": "/engine/python",
    "seconds": 1.5,
    "engine": "busy",
    "engine_pid": 6,
    "device": "",
    "clients": 1,
    "jobs": [{"job": JOB, "task": "matte", "client": "nuke", "state": "running", "fraction": 0.5}],
    "finished": 3,
    "log": "/log",
}
PROGRESS = {
    "job": JOB,
    "stage": "matting",
    "plate": "plate.exr",
    "frame": 1,
    "frames": 2,
    "instance": "sm_person_01",
    "pass": 1,
    "fraction": 0.5,
    "seconds_left": 3.5,
    "rate": None,
    "position": None,
}
OF_JOBS: dict[str, dict[str, Any]] = {
    "progress": PROGRESS,
    "notice": {"job": JOB, "message": "said"},
    "frame": {
        "job": JOB,
        "plate": "/shot/plate.exr",
        "files": ["/a.exr"],
        "reused": False,
        "key": "k",
        "instances": [INSTANCE],
    },
    "shot": {
        "job": JOB,
        "shot": "plate",
        "frames": "1001-1003",
        "slots": [{"slot": "sm_person_01", "frames": "1001, 1003"}],
        "files": ["/a.tracks.json"],
    },
    "done": {"job": JOB, "seconds": 1},
    "failed": {"job": JOB, "kind": "work", "message": "why", "exit_code": 1},
    "cancelled": {"job": JOB},
}
GOOD: dict[str, dict[str, dict[str, Any]]] = {
    "REQUESTS": {
        "hello": {"protocol": 1, "version": "0.1.0", "client": "nuke 15.1", "pid": 12},
        "submit": {**SUBMIT, "on_disconnect": "cancel"},
        "cancel": {"job": JOB},
        "status": {},
        "stop": {"when": "now"},
    },
    "ANSWERS": {
        "welcome": {"protocol": 1, "version": "0.1.0", "pid": 5, "slot": "gpu"},
        "refused": {"protocol": 2, "version": "9", "message": "why"},
        "error": {"message": "why"},
        "accepted": {"job": JOB, "position": 0},
        **OF_JOBS,
        "status": STATUS,
        "stopping": {},
    },
    "ORDERS": {"run": SUBMIT, "cancel": {"job": JOB}, "warm": {}},
    "REPORTS": {"ready": {"version": "0.1.0", "pid": 7}, "device": {"sentence": "On the CPU."}, **OF_JOBS},
}
KINDS = [(table, kind) for table, kinds in GOOD.items() for kind in kinds]
FIELDS = [(table, kind, name) for table, kind in KINDS for name in GOOD[table][kind]]


def table_of(name: str) -> Mapping[str, Mapping[str, message_fields.Field]]:
    known: Mapping[str, Mapping[str, message_fields.Field]] = getattr(protocol, name)
    return known


def message_of(table: str, kind: str, /, **changed: Any) -> dict[str, Any]:
    return {"type": kind, **GOOD[table][kind], **changed}


def refusal_of(table: str, message: Any) -> str:
    """What both sides say of a message; they agree."""
    with pytest.raises(ProtocolError) as written:
        protocol.encode(message, table_of(table))
    with pytest.raises(ProtocolError) as read:
        protocol.decode(json.dumps(message).encode(), table_of(table))
    assert str(written.value) == str(read.value)
    return str(read.value)


def test_these_are_all_kinds_and_all_fields() -> None:
    for table, kinds in GOOD.items():
        assert kinds.keys() == table_of(table).keys()
        for kind, fields in kinds.items():
            assert fields.keys() == table_of(table)[kind].keys(), kind


@pytest.mark.parametrize(("table", "kind"), KINDS)
def test_a_message_comes_as_it_was_sent(table: str, kind: str) -> None:
    message = message_of(table, kind)
    content = protocol.encode(message, table_of(table))
    assert b"\n" not in content
    assert content.isascii()
    assert protocol.decode(content, table_of(table)) == message


@pytest.mark.parametrize(("table", "kind", "name"), FIELDS)
def test_a_field_that_is_missing(table: str, kind: str, name: str) -> None:
    message = message_of(table, kind)
    del message[name]
    if table_of(table)[kind][name].required:
        assert f"message '{kind}' lacks the field '{name}'" in refusal_of(table, message)
    else:
        assert protocol.decode(protocol.encode(message, table_of(table)), table_of(table))[name] is None


WRONG: list[Any] = [{"x": {}}, [[]], -(10**35), "\0", ["\0"], 1e300, 0.25, "x" * 5000, ["x" * 5000]]


def takes_fractions(name: str) -> bool:
    return name in ("score", "fraction", "rate") or "seconds" in name


@pytest.mark.parametrize(
    ("table", "kind", "name", "wrong"),
    [
        (*field, wrong)
        for field in FIELDS
        for wrong in WRONG
        if not (takes_fractions(field[2]) and wrong == 0.25)
    ],
)
def test_a_field_of_a_wrong_kind(table: str, kind: str, name: str, wrong: Any) -> None:
    sentence = refusal_of(table, message_of(table, kind, **{name: wrong}))
    assert f"message '{kind}' has " in sentence
    assert f" as '{name}', where " in sentence
    assert len(sentence) < 600
    assert "\n" not in sentence


@pytest.mark.parametrize(("table", "kind"), KINDS)
def test_a_field_that_nobody_knows(table: str, kind: str) -> None:
    assert 'unknown field "surprise"' in refusal_of(table, message_of(table, kind, surprise=1))


@pytest.mark.parametrize("table", GOOD)
@pytest.mark.parametrize("kind", ["fly", "", None, 1, ["done"], {"a": 1}, "x" * 10_000])
def test_a_kind_that_nobody_knows(table: str, kind: Any) -> None:
    sentence = refusal_of(table, {"type": kind})
    assert "unknown type" in sentence
    assert f"protocol {protocol.PROTOCOL} of Semantic Matte {VERSION}" in sentence
    assert len(sentence) < 400


@pytest.mark.parametrize(
    ("table", "kind", "name", "most", "more"),
    [
        ("REQUESTS", "hello", "client", "c" * 200, "c" * 201),
        ("REQUESTS", "hello", "version", "v" * 64, "v" * 65),
        ("REQUESTS", "hello", "pid", 2**53, 2**53 + 1),
        ("REQUESTS", "hello", "protocol", 0, -1),
        ("REQUESTS", "hello", "protocol", 1, True),
        ("REQUESTS", "hello", "protocol", 1, 1.0),
        ("REQUESTS", "submit", "job", JOB, JOB.upper()),
        ("REQUESTS", "submit", "job", JOB, JOB + "\n"),
        ("REQUESTS", "submit", "plates", ["p"] * 10_000, ["p"] * 10_001),
        ("REQUESTS", "submit", "plates", ["p"], []),
        ("REQUESTS", "submit", "plates", ["p" * TEXT], ["p" * (TEXT + 1)]),
        ("REQUESTS", "submit", "plates", ["é\U0001f600"], ["\ud800"]),
        ("REQUESTS", "submit", "roots", ["/"] * 64, ["/"] * 65),
        ("REQUESTS", "submit", "roots", ["/"], []),
        ("REQUESTS", "submit", "out", "o" * TEXT, "o" * (TEXT + 1)),
        ("REQUESTS", "submit", "settings", {str(n): 1 for n in range(256)}, {str(n): 1 for n in range(257)}),
        ("REQUESTS", "submit", "settings", {"n" * 64: 1}, {"n" * 65: 1}),
        ("REQUESTS", "submit", "settings", {"n": ["x"] * 1000}, {"n": ["x"] * 1001}),
        ("REQUESTS", "submit", "settings", {"n": "x"}, {"n": None}),
        ("REQUESTS", "submit", "settings", {}, {"n": {"m": 1}}),
        ("REQUESTS", "submit", "task", "refine", "guess"),
        ("REQUESTS", "submit", "on_disconnect", "finish", "wait"),
        ("REQUESTS", "stop", "when", "idle", "soon"),
        ("ANSWERS", "progress", "fraction", 1, 1.0001),
        ("ANSWERS", "progress", "fraction", 0, -0.0001),
        ("ANSWERS", "progress", "seconds_left", None, "soon"),
        ("ANSWERS", "progress", "position", 0, -1),
        ("ANSWERS", "progress", "position", None, False),
        ("ANSWERS", "progress", "rate", 12.5, -0.1),
        (
            "ANSWERS",
            "shot",
            "slots",
            [{"slot": "a", "frames": "1"}] * 1000,
            [{"slot": "a", "frames": "1"}] * 1001,
        ),
        ("ANSWERS", "shot", "slots", [], [{"slot": "a"}]),
        ("ANSWERS", "shot", "slots", [], [{"slot": "a", "frames": 1}]),
        ("REQUESTS", "submit", "frames", "1" * TEXT, "1" * (TEXT + 1)),
        ("REQUESTS", "submit", "chunk", None, 5),
        ("ANSWERS", "failed", "exit_code", 255, 256),
        ("ANSWERS", "failed", "exit_code", 1, 0),
        ("ANSWERS", "frame", "files", ["f"] * 4096, ["f"] * 4097),
        ("ANSWERS", "frame", "instances", [INSTANCE] * 1000, [INSTANCE] * 1001),
        ("ANSWERS", "frame", "instances", [INSTANCE], [{**INSTANCE, "box": [0, 1, 2]}]),
        ("ANSWERS", "frame", "instances", [INSTANCE], [{**INSTANCE, "box": [0, 1, 2, 2.5]}]),
        ("ANSWERS", "frame", "instances", [], [{**INSTANCE, "extra": 1}]),
        ("ANSWERS", "frame", "key", "k" * 200, "k" * 201),
        ("ANSWERS", "status", "jobs", STATUS["jobs"] * 4096, STATUS["jobs"] * 4097),
    ],
)
def test_a_limit_is_kept(table: str, kind: str, name: str, most: Any, more: Any) -> None:
    message = message_of(table, kind, **{name: most})
    assert protocol.decode(protocol.encode(message, table_of(table)), table_of(table)) == message
    assert f"'{name}'" in refusal_of(table, message_of(table, kind, **{name: more}))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 10**400])
def test_what_is_no_number_is_never_written(value: float) -> None:
    with pytest.raises(ProtocolError):
        protocol.encode(message_of("ANSWERS", "progress", fraction=value), protocol.ANSWERS)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"{",
        b'{"type": "status"} {}',
        b'{"type": "status", "type": "status"}',
        b'{"type": "stop", "when": Infinity}',
        b"[" * 200_000,
        b'{"type":' * 50_000,
        '{"type": "status"}'.encode("utf-16"),
        b'{"type": "done", "seconds": 1' + b"0" * 400 + b"}",
        b'{"type": "done", "seconds": 1' + b"0" * 4_000_000 + b"}",
    ],
)
def test_what_is_no_json(content: bytes) -> None:
    with pytest.raises(ProtocolError, match="A message is not JSON"):
        protocol.decode(content, protocol.REQUESTS)


@pytest.mark.parametrize("content", [b"null", b"1", b'"status"', b"[]", b"true"])
def test_what_is_no_object(content: bytes) -> None:
    with pytest.raises(ProtocolError, match="A message is not an object"):
        protocol.decode(content, protocol.REQUESTS)


def test_a_message_has_a_longest_length_both_ways() -> None:
    message = message_of("REQUESTS", "submit", plates=["é" * 4000] * 200)
    with pytest.raises(ProtocolError, match="longer than 4194304"):
        protocol.encode(message, protocol.REQUESTS)
    with pytest.raises(ProtocolError, match="longer than 4194304"):
        protocol.decode(b" " * (protocol.LONGEST_MESSAGE + 1), protocol.REQUESTS)


@pytest.mark.parametrize("kind", ["hello", "welcome", "refused"])
def test_how_versions_meet_never_changes(kind: str) -> None:
    """Any two versions must understand these: a change here cuts off every older one."""
    fields = (protocol.REQUESTS if kind == "hello" else protocol.ANSWERS)[kind]
    frozen = {
        "hello": ["protocol", "version", "client", "pid"],
        "welcome": ["protocol", "version", "pid", "slot"],
        "refused": ["protocol", "version", "message"],
    }
    assert list(fields) == frozen[kind]


def test_the_version_sentence_names_both() -> None:
    sentence = protocol.version_sentence({"protocol": 7, "version": "3.2.1"}, "client", "worker")
    assert "client speaks protocol 7 of Semantic Matte 3.2.1" in sentence
    assert f"this worker protocol {protocol.PROTOCOL} of {VERSION}" in sentence


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(KINDS), st.data())
def test_any_value_anywhere_is_taken_or_refused_and_nothing_else(
    where: tuple[str, str], chance: st.DataObject
) -> None:
    table, kind = where
    names = [*GOOD[table][kind], "type", "other"]
    message = message_of(table, kind)
    for name in chance.draw(st.lists(st.sampled_from(names), max_size=3)):
        message[name] = chance.draw(JSON)
    try:
        content = protocol.encode(message, table_of(table))
    except ProtocolError as error:
        if not 0 < len(str(error)) < 1000:
            pytest.fail(f"no sentence: {error}")
        return
    assert protocol.decode(content, table_of(table)).items() >= message.items()


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_refused(content: bytes) -> None:
    with pytest.raises(ProtocolError):
        protocol.decode(content, protocol.ANSWERS)
