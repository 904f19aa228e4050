"""The messages between client and worker: JSON objects, every field checked, on both sides.

A message is UTF-8 JSON of one object with a `type`. What each type holds is stated once, in the tables below;
an unknown type, an unknown or missing field, a wrong kind, a text or list over its limit is a ProtocolError
that names both sides' versions. `hello`, `welcome` and `refused` keep their fields for ever, so that any two
versions can tell each other who they are.
"""

from __future__ import annotations

import json
import re
from typing import Any, Dict, List, Mapping, NoReturn

from semantic_matte_client.errors import ProtocolError
from semantic_matte_client.message_fields import (
    Field,
    complaint,
    is_number,
    is_text,
    number,
    one_of,
    optional_text,
    optional_whole,
    shown,
    text,
    texts,
    whole,
)
from semantic_matte_client.version import VERSION

# Raised with every change of a message's fields or meaning.
PROTOCOL = 2

# The longest message in bytes; the most plates of a job; the most roots of a job.
LONGEST_MESSAGE = 4 << 20
MOST_PLATES = 10_000
MOST_ROOTS = 64
MOST_SETTINGS = 256
MOST_NAMES = 1000
# A result's lists: files of a frame, and objects in it.
MOST_FILES = 4096
MOST_INSTANCES = 1000
MOST_QUEUED = 4096

TASKS = ("matte", "segment", "refine", "track", "collect")
# Why a job failed. usage: the request; work: a file, a model, a disk; memory: the device's or the machine's;
# crash: a bug, or the engine process was ended; start: the engine can't be loaded; ended: the worker stops.
FAILURES = ("usage", "work", "memory", "crash", "start", "ended")
ON_DISCONNECT = ("cancel", "finish")
# What the engine process is doing, as `status` tells.
ENGINE_STATES = ("none", "starting", "idle", "busy")

_MOST_DIGITS = 40

_JOB = re.compile(r"[0-9a-f]{32}")

Message = Dict[str, Any]


def _is_setting(value: Any) -> bool:
    if isinstance(value, list):
        return len(value) <= MOST_NAMES and all(is_text(one) for one in value)
    return isinstance(value, bool) or is_number(value) or is_text(value)


def _are_settings(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and len(value) <= MOST_SETTINGS
        and all(is_text(name, 64) and _is_setting(one) for name, one in value.items())
    )


def _is_instance(value: Any) -> bool:
    return isinstance(value, dict) and not complaint(value, _INSTANCE)


def _is_shot_slot(value: Any) -> bool:
    return isinstance(value, dict) and not complaint(value, _SHOT_SLOT)


def _is_queued(value: Any) -> bool:
    return isinstance(value, dict) and not complaint(value, _QUEUED)


_IDENTITY = Field(lambda value: isinstance(value, str) and bool(_JOB.fullmatch(value)), "32 digits of 0-9a-f")
_FLAG = Field(lambda value: isinstance(value, bool), "true or false")
_BOX = Field(
    lambda value: isinstance(value, list) and len(value) == 4 and all(map(whole(-(2**31)).check, value)),
    "a list of four whole numbers x0, y0, x1, y1",
)
_INSTANCE: Dict[str, Field] = {
    "slot": text(),
    "label": text(),
    "score": number(0, 1),
    "box": _BOX,
    "passes": whole()._replace(required=False),
}
_QUEUED: Dict[str, Field] = {
    "job": _IDENTITY,
    "task": one_of(*TASKS),
    "client": text(200),
    "state": one_of("running", "waiting", "cancelling"),
    "fraction": number(0, 1),
}
_SHOT_SLOT: Dict[str, Field] = {"slot": text(), "frames": text()}
_SHOT_SLOTS = Field(
    lambda value: isinstance(value, list) and len(value) <= MOST_INSTANCES and all(map(_is_shot_slot, value)),
    f"a list of at most {MOST_INSTANCES} objects with slot and frames",
)
_INSTANCES = Field(
    lambda value: isinstance(value, list) and len(value) <= MOST_INSTANCES and all(map(_is_instance, value)),
    f"a list of at most {MOST_INSTANCES} objects with slot, label, score and box",
)

# What a client says.
REQUESTS: Dict[str, Dict[str, Field]] = {
    "hello": {
        "protocol": whole(),
        "version": text(64),
        # What the host is called, for status and logs: "nuke 15.1", "blender 4.2", "shell".
        "client": text(200),
        "pid": whole(),
    },
    "submit": {
        "job": _IDENTITY,
        "task": one_of(*TASKS),
        "plates": texts(MOST_PLATES, 1),
        # matte, track, collect: a folder. refine: the alpha's file. segment: a file of COCO results, or null.
        "out": optional_text(),
        "hint": optional_text(),
        "trimap": optional_text(),
        "colour_space": optional_text(),
        # matte, track, collect: which frames of a shot there are, "1001-1050x2". matte: which of these are to
        # be done now, after `track`.
        "frames": optional_text(),
        "chunk": optional_text(),
        # The OCIO configuration of the host; null: none is set there.
        "ocio": optional_text(),
        "settings": Field(
            _are_settings, f"at most {MOST_SETTINGS} settings: texts, numbers, true, false, lists"
        ),
        # Folders (absolute): nothing outside them is read or written for this job, links resolved.
        "roots": texts(MOST_ROOTS, 1),
        "on_disconnect": one_of(*ON_DISCONNECT),
    },
    "cancel": {"job": _IDENTITY},
    "status": {},
    # now: running jobs are cancelled. idle: running and waiting jobs are finished first.
    "stop": {"when": one_of("now", "idle")},
}

# What a worker answers; those of a job are also what its engine process says.
ANSWERS: Dict[str, Dict[str, Field]] = {
    "welcome": {"protocol": whole(), "version": text(64), "pid": whole(), "slot": text(200)},
    "refused": {"protocol": whole(), "version": text(64), "message": text()},
    # The client's last message was not understood; the connection is then closed.
    "error": {"message": text()},
    # position: how many jobs run or wait before it.
    "accepted": {"job": _IDENTITY, "position": whole()},
    "progress": {
        "job": _IDENTITY,
        # queued, starting (the engine loads), then as in ports.ProgressEvent: reading, segmenting, matting, ...
        # Of a shot: finding, then matting and frames, whose `frame` is done.
        "stage": text(64),
        "plate": text(),
        # Counted from 1.
        "frame": whole(),
        "frames": whole(),
        "instance": text(),
        # Counted from 1; 0 outside of passes.
        "pass": whole(),
        # Of the whole job; never falls.
        "fraction": number(0, 1),
        "seconds_left": number(0, 1e9, optional=True),
        # Frames of a shot a minute, once that is known.
        "rate": number(0, 1e9, optional=True),
        # How many jobs run or wait before it, while it is queued.
        "position": optional_whole(),
    },
    "notice": {"job": _IDENTITY, "message": text()},
    "frame": {
        "job": _IDENTITY,
        "plate": text(),
        "files": texts(MOST_FILES),
        "reused": _FLAG,
        # Of the content (see the sidecar); null where there is none.
        "key": optional_text(200),
        "instances": _INSTANCES,
    },
    # track, collect: a shot's objects and the files that stand for it.
    "shot": {
        "job": _IDENTITY,
        "shot": text(),
        "frames": text(),
        "slots": _SHOT_SLOTS,
        "files": texts(MOST_FILES),
    },
    "done": {"job": _IDENTITY, "seconds": number(0, 1e9)},
    "failed": {
        "job": _IDENTITY,
        "kind": one_of(*FAILURES),
        "message": text(),
        "exit_code": whole(1, 255),
    },
    "cancelled": {"job": _IDENTITY},
    "status": {
        "protocol": whole(),
        "version": text(64),
        "pid": whole(),
        "slot": text(200),
        "python": text(),
        "seconds": number(0, 1e12),
        "engine": one_of(*ENGINE_STATES),
        # Process number of the engine process; 0 where there is none.
        "engine_pid": whole(),
        # One sentence of what networks run on; empty before the first job.
        "device": text(),
        "clients": whole(),
        "jobs": Field(
            lambda value: isinstance(value, list) and len(value) <= MOST_QUEUED and all(map(_is_queued, value)),
            "a list of jobs",
        ),
        "finished": whole(),
        "log": text(),
    },
    "stopping": {},
}

# What the worker tells its engine process, besides closing its standard input to end it.
ORDERS: Dict[str, Dict[str, Field]] = {
    "run": {name: field for name, field in REQUESTS["submit"].items() if name != "on_disconnect"},
    "cancel": {"job": _IDENTITY},
    # Load what every job needs, for the next one.
    "warm": {},
}

# What the engine process says: `ready` once, when it may be given a job, and what belongs to jobs.
REPORTS: Dict[str, Dict[str, Field]] = {
    "ready": {"version": text(64), "pid": whole()},
    # Once the device is chosen: the sentence for `status`.
    "device": {"sentence": text()},
    **{name: ANSWERS[name] for name in ("progress", "notice", "frame", "shot", "done", "failed", "cancelled")},
}

# The ends of a job.
ENDS = ("done", "failed", "cancelled")


def encode(message: Mapping[str, Any], known: Mapping[str, Mapping[str, Field]]) -> bytes:
    """A message as bytes, checked as the receiver will. known: REQUESTS, ANSWERS, ORDERS or REPORTS.

    Raises ProtocolError.
    """
    check(message, known)
    # ASCII: no line separator of any reader, and no half characters.
    content = json.dumps(message, allow_nan=False, separators=(",", ":")).encode("ascii")
    if len(content) > LONGEST_MESSAGE:
        refuse(f"a message of {len(content)} bytes is longer than {LONGEST_MESSAGE}")
    return content


def decode(content: bytes, known: Mapping[str, Mapping[str, Field]]) -> Message:
    """The message in some bytes. Raises ProtocolError for anything that isn't one of the known kinds."""
    if len(content) > LONGEST_MESSAGE:
        refuse(f"a message of {len(content)} bytes is longer than {LONGEST_MESSAGE}")
    try:
        message = json.loads(
            content.decode("utf-8"), parse_int=_integer, parse_constant=_no_constant, object_pairs_hook=_once
        )
    except (ValueError, RecursionError):
        refuse("a message is not JSON")
    check(message, known)
    fields = known[message["type"]]
    # Optional fields are always there for the reader.
    return {**dict.fromkeys(fields), **message}


def check(message: Any, known: Mapping[str, Mapping[str, Field]]) -> None:
    """Raise ProtocolError unless it is a message of a known kind with just its fields."""
    if not isinstance(message, Mapping):
        refuse("a message is not an object")
    kind = message.get("type")
    if not isinstance(kind, str) or kind not in known:
        refuse(f"a message has the unknown type {shown(kind)}")
    wrong = complaint({name: value for name, value in message.items() if name != "type"}, known[kind])
    if wrong:
        refuse(f"a message '{kind}' {wrong}")


def refuse(what: str) -> NoReturn:
    """Raise ProtocolError: what came, and the version of this side."""
    raise ProtocolError(
        f"{what[0].upper()}{what[1:]}; this side speaks protocol {PROTOCOL} of Semantic Matte {VERSION}. "
        "If the other side is of another version, install the same on both."
    )


def version_sentence(theirs: Mapping[str, Any], who: str, mine: str) -> str:
    """What is said when protocols differ. who, mine: "client", "worker"."""
    return (
        f"The {who} speaks protocol {theirs.get('protocol')} of Semantic Matte {theirs.get('version')}, this "
        f"{mine} protocol {PROTOCOL} of {VERSION}: install the same version for the host and the engine, and "
        "stop the old worker (semantic-matte worker stop)."
    )


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _integer(digits: str) -> int:
    """A whole number. Very long ones take some Pythons minutes, and no float holds them."""
    if len(digits) > _MOST_DIGITS:
        raise ValueError("a number is too long")
    return int(digits)


def _once(pairs: List[Any]) -> Dict[str, Any]:
    """An object without a name that stands twice."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found
