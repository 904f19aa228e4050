"""The record of a run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from semantic_matte.outputs.sidecar import describe, write_json
from semantic_matte.settings import Settings
from semantic_matte.types import Box, Plate

PLATE = Plate(
    np.zeros((20, 30, 3), np.float32),
    name="Café",
    data_window=Box(-1, -2, 29, 18),
    frame=1001,
    view="left",
    notices=("3 pixels were NaN and count as black.",),
)
MODELS = [{"name": "starter", "licence": "MIT", "sha256": "00"}]


def test_what_is_described(make_matte) -> None:
    matte = make_matte(PLATE.size, Box(4, 5, 14, 15), score=0.123456789)
    record = describe(PLATE, [matte], Settings(seed=9), MODELS, "cpu", ["Said.", *PLATE.notices])
    assert record["schema"] == 1
    assert record["plate"] == {
        "name": "Café",
        "size": [30, 20],
        "data_window": [-1, -2, 29, 18],
        "display_window": [-1, -2, 29, 18],
        "pixel_aspect": 1.0,
        "frame": 1001,
        "view": "left",
        "colour_space": "scene_linear_rec709",
    }
    assert record["slots"] == [
        {
            "slot": "sm_person_01",
            "label": "person",
            "score": 0.123457,
            "box": [4, 5, 14, 15],
            "area": 100,
            "alpha_area": round(float(matte.crop.sum()), 3),
            "passes": 3,
        }
    ]
    assert (record["seed"], record["device"], record["models"]) == (9, "cpu", MODELS)
    assert record["settings"]["passes"] == Settings().passes
    assert record["versions"]["numpy"] == np.__version__
    assert record["notices"] == ["3 pixels were NaN and count as black.", "Said."]


def test_the_file_is_utf8_sorted_and_the_same_each_time(tmp_path: Path, make_matte) -> None:
    matte = make_matte(PLATE.size, Box(4, 5, 14, 15))
    for name in ("a.json", "b.json"):
        write_json(tmp_path / name, describe(PLATE, [matte], Settings(), MODELS, "cpu", []))
    content = (tmp_path / "a.json").read_bytes()
    assert content == (tmp_path / "b.json").read_bytes()
    assert "Café" in content.decode("utf-8")
    assert content.endswith(b"}\n")
    record = json.loads(content)
    assert list(record) == sorted(record)


def test_order_of_keys_makes_no_difference(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"b": 1, "a": {"d": 1, "c": 2}})
    write_json(tmp_path / "b.json", {"a": {"c": 2, "d": 1}, "b": 1})
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_nan_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"score": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_not_unicode_can_be_written(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"name": os.fsdecode(b"caf\xe9")})
    assert json.loads((tmp_path / "a.json").read_text("utf-8"))["name"] == "caf?"


def test_no_output_module_loads_torch() -> None:
    modules = "alpha atomic coco_results contact_sheet layers names sidecar"
    code = "import sys; " + "; ".join(f"import semantic_matte.outputs.{module}" for module in modules.split())
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", f"{code}; sys.exit('torch' in sys.modules)"]
    assert subprocess.run(command, env=environment, check=False).returncode == 0
