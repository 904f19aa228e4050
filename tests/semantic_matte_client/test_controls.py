"""What a host builds its knobs from."""

from __future__ import annotations

import semantic_matte_client

KINDS = {"bool", "int", "float", "string", "choice", "names"}


def test_every_control_can_become_a_knob() -> None:
    rows = semantic_matte_client.controls()
    names = [row["name"] for row in rows]
    assert len(names) == len(set(names)) > 10
    for row in rows:
        assert row["kind"] in KINDS, row["name"]
        assert row["label"], row["name"]
        assert row["group"] in {"find", "edge", "shot", "output", "process"}, row["name"]
        assert row["tooltip"].endswith("."), row["name"]


def test_defaults_lie_within_their_own_ranges() -> None:
    for row in semantic_matte_client.controls():
        if row["kind"] in {"int", "float"}:
            assert row["minimum"] <= row["default"] <= row["maximum"], row["name"]
        if row["kind"] == "choice":
            assert row["default"] in row["choices"], row["name"]


def test_what_is_returned_is_the_callers_own() -> None:
    semantic_matte_client.controls()[0]["default"] = "changed"
    assert semantic_matte_client.controls()[0]["default"] != "changed"
