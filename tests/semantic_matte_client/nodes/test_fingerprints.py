"""Digests of descriptions, and what differs between two of them."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from semantic_matte_client.nodes import fingerprints

Description = dict[str, Any]


def description() -> Description:
    """One as `upstream.describe` makes them, with settings added."""
    return {
        "layout": 1,
        "host": ["Blender", 5, 2],
        "frame": {"size": [64, 48]},
        "settings": {"find": ["person"], "passes": 4},
        "nodes": [
            {
                "kind": "CompositorNodeBlur",
                "title": "Blur",
                "links": {"Image": [1, "Image"]},
                "set": {"Size": 0.5},
            },
            {"kind": "CompositorNodeImage", "title": "Image", "links": {}, "values": {"name": "plate.exr"}},
        ],
        "image": [0, "Image"],
        "hint": None,
        "files": {"plate.exr": {"size": 5, "time": 17, "digest": "ab"}, "b.exr": {"missing": True}},
    }


def set_at(*keys: Any, to: Any) -> Callable[[Description], None]:
    """A change of one value of a description."""

    def change(one: Description) -> None:
        place: Any = one
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = to

    return change


CHANGES = [
    (set_at("frame", "size", to=[32, 24]), "the resolution changed from 64x48 to 32x24"),
    (set_at("frame", "crop", to=[0, 0, 1, 1]), "the render's crop changed"),
    (set_at("settings", "find", to=["dog"]), "the settings changed (find)"),
    (set_at("settings", "seed", to=1), "the settings changed (seed)"),
    (set_at("files", "plate.exr", "digest", to="cd"), "plate.exr changed on disk"),
    (set_at("files", "plate.exr", "size", to=6), "plate.exr changed on disk"),
    (set_at("files", "plate.exr", to={"missing": True}), "plate.exr is gone from disk"),
    (set_at("files", "b.exr", to={"size": 1, "time": 1, "digest": "x"}), "b.exr changed on disk"),
    (set_at("nodes", 0, "set", "Size", to=0.6), "the node Blur changed"),
    (set_at("nodes", 1, "values", "name", to="other.exr"), "the node Image changed"),
    (set_at("nodes", 0, "links", to={}), "other links lead to the node Blur"),
    (set_at("nodes", to=[]), "other nodes lead to it now"),
    (set_at("image", to=[1, "Image"]), "something else flows into Image"),
    (set_at("hint", to=[1, "Alpha"]), "something else flows into Hint"),
    (set_at("layout", to=2), "the layout changed"),
]


@pytest.mark.parametrize(("change", "words"), CHANGES, ids=[words for _, words in CHANGES])
def test_a_change_is_told_and_changes_the_digest(change: Callable[[Description], None], words: str) -> None:
    before, after = description(), description()
    change(after)
    assert fingerprints.difference(before, after) == words
    assert fingerprints.digest(before) != fingerprints.digest(after)


def test_nothing_changed() -> None:
    before, after = description(), json.loads(json.dumps(description()))
    assert fingerprints.difference(before, after) == ""
    assert fingerprints.digest(before) == fingerprints.digest(dict(reversed(after.items())))


def test_the_time_of_a_file_counts_for_nothing() -> None:
    before, after = description(), description()
    after["files"]["plate.exr"]["time"] = 18
    assert fingerprints.difference(before, after) == ""
    assert fingerprints.digest(before) == fingerprints.digest(after)


def test_files_that_only_one_names_are_not_compared() -> None:
    before, after = description(), description()
    before["files"]["plate.0001.exr"] = {"size": 1, "time": 1, "digest": "a"}
    after["files"] = {"plate.0002.exr": {"size": 1, "time": 1, "digest": "b"}}
    assert fingerprints.difference(before, after) == ""


def test_another_version_of_the_host_describes_nodes_otherwise() -> None:
    before, after = description(), description()
    after["host"], after["nodes"] = ["Blender", 4, 2], []
    assert fingerprints.difference(before, after) == ""
    after["files"]["plate.exr"]["digest"] = "cd"
    assert fingerprints.difference(before, after) == "plate.exr changed on disk"
    after = {**description(), "host": ["Blender", 4, 2], "frame": {"size": [1, 1]}}
    assert "resolution" in fingerprints.difference(before, after)


def test_nothing_known_before() -> None:
    assert fingerprints.difference({}, description()) == "the resolution changed from  to 64x48"


def test_digests_do_not_follow_pythons_hashing() -> None:
    script = (
        "import json, sys, importlib.util as u;"
        "s = u.spec_from_file_location('f', sys.argv[1]); m = u.module_from_spec(s); s.loader.exec_module(m);"
        "print(m.digest(json.loads(sys.argv[2])))"
    )
    arguments = [str(fingerprints.__file__), json.dumps(description())]
    found = {
        subprocess.run(
            [sys.executable, "-c", script, *arguments],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert found == {fingerprints.digest(description())}


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "plate.exr"
    path.write_bytes(b"first")
    first = fingerprints.describe_file(str(path))
    os.utime(path, ns=(1, 1))
    touched = fingerprints.describe_file(str(path), first)
    assert touched["time"] == 1
    assert touched["digest"] == first["digest"]
    path.write_bytes(b"other")
    assert fingerprints.describe_file(str(path), first)["digest"] != first["digest"]
    assert fingerprints.describe_file(str(tmp_path / "none")) == {"missing": True}
    assert fingerprints.describe_file(str(tmp_path), {"missing": True}) == {"missing": True}


def test_a_file_that_is_known_is_not_read_again(tmp_path: Path) -> None:
    path = tmp_path / "plate.exr"
    path.write_bytes(b"first")
    known = {**fingerprints.describe_file(str(path)), "digest": "of before"}
    assert fingerprints.describe_file(str(path), known) == known


def test_large_files_are_told_by_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fingerprints, "_WHOLE", 1000)
    monkeypatch.setattr(fingerprints, "_PIECE", 10)
    path = tmp_path / "film.mov"
    contents = bytearray(os.urandom(4000))
    digests = set()
    for place in (0, 3999, 2660 + 3):
        changed = copy.copy(contents)
        changed[place] ^= 1
        path.write_bytes(changed)
        digests.add(fingerprints.describe_file(str(path))["digest"])
    path.write_bytes(contents)
    digests.add(fingerprints.describe_file(str(path))["digest"])
    assert len(digests) == 4
