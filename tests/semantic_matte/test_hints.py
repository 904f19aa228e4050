"""Hint files: pictures, JSON, YAML, and what is wrong with broken ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

import semantic_matte as sm
from semantic_matte.errors import HintError
from semantic_matte.types import Box

ROWS: list[dict[str, Any]] = [
    {"label": "person", "box": [120, 40.4, 380, 599.6]},
    {"label": "dog", "points": [[500.5, 420, 1], [610, 300, 0]]},
    {"label": "car", "mask": "masks/car.png"},
    {"box": [1, 2, 3, 4]},
]
MASK = np.zeros((20, 30), np.uint8)
MASK[4:9, 5:25] = 200


@pytest.mark.parametrize("name", ["hints.json", "hints.yaml", "hints.yml", "HINTS.JSON"])
def test_a_list_of_hints(tmp_path: Path, name: str) -> None:
    (tmp_path / "masks").mkdir()
    cv2.imwrite(str(tmp_path / "masks" / "car.png"), MASK)
    dump = json.dumps if name.lower().endswith("json") else yaml.safe_dump
    (tmp_path / name).write_text(dump({"instances": ROWS}), encoding="utf-8")
    person, dog, car, other = sm.read_hints(tmp_path / name)
    assert (person.label, person.box) == ("person", Box(120, 40, 380, 600))
    assert (dog.label, dog.points) == ("dog", ((500.5, 420.0, True), (610.0, 300.0, False)))
    assert car.mask is not None
    np.testing.assert_array_equal(car.mask, MASK > 127)
    assert (other.label, other.box) == ("object", Box(1, 2, 3, 4))
    assert "object 2" in dog.source
    assert name in dog.source


def test_a_picture_is_a_mask(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "mask.png"), MASK)
    (hint,) = sm.read_hints(tmp_path / "mask.png")
    assert hint.mask is not None
    np.testing.assert_array_equal(hint.mask, MASK > 127)
    assert hint.label == "object"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no list 'instances'"),
        ("[]", "no list 'instances'"),
        ("instances: []", "no list 'instances'"),
        ("instances: {box: [1, 2, 3, 4]}", "no list 'instances'"),
        ("instances: [", "not valid JSON or YAML"),
        ("instances: [{label: 2024-13-45, box: [0, 0, 5, 5]}]", "not valid JSON or YAML"),
        ("[" * 5000, "not valid JSON or YAML"),
        ("instances: [!!python/object/apply:os.getcwd []]", "not valid JSON or YAML"),
        ("instances: [5]", "object 1: expected label and one of"),
        ("instances: [{label: cat}]", "object 1: expected one of box, points or mask, got none"),
        ("instances: [{box: [0, 0, 5, 5], mask: a.png}]", "object 1: expected one of"),
        ("instances: [{box: [0, 0, 5, 5]}, {bix: [0, 0, 5, 5]}]", "object 2: expected label and one of"),
        ("instances: [{box: [0, 0, 5]}]", "four numbers x0, y0, x1, y1"),
        ("instances: [{box: 5}]", "four numbers"),
        ("instances: [{box: null}]", "four numbers"),
        ("instances: [{box: [a, b, c, d]}]", "four numbers"),
        ("instances: [{box: [0, 0, .nan, 5]}]", "four numbers"),
        ("instances: [{box: [0, 0, .inf, 5]}]", "four numbers"),
        ("instances: [{box: [5, 0, 5, 5]}]", "x0 < x1"),
        ("instances: [{points: [[1, 2]]}]", "rows of x, y and 1 or 0"),
        ("instances: [{points: [[1, 2, .inf]]}]", "rows of x, y and 1 or 0"),
        ("instances: [{points: []}]", "object 1: expected one of"),
        ("instances: [{points: [[1, 2, 0]]}]", "at least one point on the object"),
        ("instances: [{mask: nowhere.png}]", "nowhere.png' does not exist"),
        ("instances: [{mask: .}]", "is a folder"),
    ],
)
def test_a_malformed_list_says_where(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "hints.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(HintError) as raised:
        sm.read_hints(path)
    assert said in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: None, "No such file"),
        (lambda path: path.mkdir(), "Is a directory"),
        (lambda path: path.write_bytes(b"\xff\xfe\x00\x80"), "not valid JSON or YAML"),
    ],
    ids=["missing", "folder", "binary"],
)
def test_a_list_that_cannot_be_read(tmp_path: Path, make: Any, said: str) -> None:
    make(tmp_path / "hints.json")
    with pytest.raises(HintError, match=said):
        sm.read_hints(tmp_path / "hints.json")


def test_an_empty_mask_says_what_to_paint(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "mask.png"), MASK // 3)
    with pytest.raises(HintError, match="brighter than half grey"):
        sm.read_hints(tmp_path / "mask.png")
