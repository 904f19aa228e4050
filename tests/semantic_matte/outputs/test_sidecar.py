"""The record of a run."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from semantic_matte.content_keys import settings_digest
from semantic_matte.errors import OutputError, ValueShapeError
from semantic_matte.outputs.sidecar import describe, file_record, write_json
from semantic_matte.outputs.sidecar_model import FileRecord
from semantic_matte.settings import Settings
from semantic_matte.types import Box, Plate

PLATE = Plate(
    np.zeros((20, 30, 3), np.float32),
    name="Café",
    data_window=Box(-1, -2, 29, 18),
    frame=1001,
    view="left",
    timecode="10:20:30;12",
    notices=("3 pixels were NaN and count as black.",),
)
MODELS = [{"name": "starter", "licence": "MIT", "sha256": "0" * 64, "origin": "here"}]


def test_what_is_described(make_matte) -> None:
    matte = make_matte(PLATE.size, Box(4, 5, 14, 15), score=0.123456789)
    settings = Settings(seed=9)
    record = describe(PLATE, [matte], settings, MODELS, "cpu", ["Said.", *PLATE.notices], read_as="srgb")
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
        "timecode": "10:20:30;12",
        "read_as": "srgb",
    }
    assert record["slots"] == [
        {
            "slot": "sm_person_01",
            "source": "found",
            "label": "person",
            "score": 0.123457,
            "box": [4, 5, 14, 15],
            "area": 100,
            "alpha_area": round(float(matte.crop.sum()), 3),
            "passes": 3,
            "spread_mean": None,
            "flicker": None,
            "alpha": "sm_person_01.A",
            "spread": None,
            "foreground": None,
            "png": None,
            "cryptomatte": None,
        }
    ]
    assert (record["seed"], record["device"], record["models"]) == (9, "cpu", MODELS)
    assert record["settings"]["passes"] == Settings().passes
    assert record["settings_hash"] == settings_digest(settings)
    assert (record["key"], record["files"], record["foreground"], record["cryptomatte"]) == (
        None,
        [],
        None,
        None,
    )
    assert record["estimator_device"] == "cpu"
    assert record["versions"]["numpy"] == np.__version__
    assert record["notices"] == ["3 pixels were NaN and count as black.", "Said."]


def test_each_part_says_where_it_ran(make_matte: Any) -> None:
    given = (PLATE, [make_matte(PLATE.size, Box(4, 5, 14, 15))], Settings(), MODELS, "cuda:0", [])
    assert describe(*given)["estimator_device"] == "cuda:0"
    record = describe(*given, estimator_device="cpu")
    assert (record["device"], record["estimator_device"]) == ("cuda:0", "cpu")


def test_a_file_is_recorded_as_it_lies_on_disk(tmp_path: Path) -> None:
    (tmp_path / "a.mattes.exr").write_bytes(b"pixels")
    record = file_record("layers", tmp_path / "a.mattes.exr")
    assert record.model_dump() == {
        "name": "a.mattes.exr",
        "kind": "layers",
        "bytes": 6,
        "sha256": hashlib.sha256(b"pixels").hexdigest(),
    }
    with pytest.raises(OutputError, match="can't be read again"):
        file_record("layers", tmp_path / "b.mattes.exr")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"models": [{"name": "a"}]}, "'models.0.licence': field required"),
        ({"models": [MODELS[0] | {"colour": "red"}]}, "'models.0.colour': extra inputs are not permitted"),
        ({"models": [MODELS[0] | {"sha256": "bf2d"}]}, "'models.0.sha256': string should match pattern"),
        ({"key": "abc"}, "'key': string should match pattern"),
        ({"device": ""}, "'device': string should have at least 1 character"),
        ({"mattes": 2}, "expected slots of different names"),
    ],
    ids=lambda given: next(iter(given)) if isinstance(given, dict) else "",
)
def test_what_is_no_sidecar_is_not_made(make_matte: Any, changes: dict[str, Any], said: str) -> None:
    matte = make_matte(PLATE.size, Box(4, 5, 14, 15))
    given = {"models": MODELS, "device": "cpu"} | changes
    mattes = [matte] * given.pop("mattes", 1)
    with pytest.raises(ValueShapeError, match=said):
        describe(PLATE, mattes, Settings(), notices=[], **given)


def test_a_png_is_of_each_matte_or_of_none(make_matte: Any) -> None:
    row = {"kind": "png", "bytes": 1, "sha256": "0" * 64}
    files = [FileRecord(name=f"{name}.png", **row) for name in "ab"]
    mattes = [make_matte(PLATE.size, Box(4, 5, 14, 15), slot=f"sm_dog_0{number}") for number in (1, 2)]
    given = (Settings(png=True), MODELS, "cpu", [])
    record = describe(PLATE, mattes, *given, files=files)
    assert [(slot["slot"], slot["png"]) for slot in record["slots"]] == [
        ("sm_dog_01", "a.png"),
        ("sm_dog_02", "b.png"),
    ]
    with pytest.raises(ValueShapeError, match="expected a PNG for each matte, got 1 for 2"):
        describe(PLATE, mattes, *given, files=files[:1])


def test_names_that_are_not_unicode_are_recorded(make_matte: Any) -> None:
    odd = os.fsdecode(b"caf\xe9")
    plate = replace(PLATE, name=odd, notices=(f"'{odd}' is odd.",))
    matte = make_matte(plate.size, Box(4, 5, 14, 15), label=odd)
    record = describe(plate, [matte], Settings(), [MODELS[0] | {"name": odd}], "cpu", [])
    assert record["plate"]["name"] == record["models"][0]["name"] == record["slots"][0]["label"] == "caf?"
    assert record["notices"] == ["'caf?' is odd."]


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
