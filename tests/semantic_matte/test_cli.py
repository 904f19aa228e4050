"""Each command from end to end, as processes of their own, on a photo of 200 pixels."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from typer.testing import CliRunner

import semantic_matte as sm
from semantic_matte import doctor
from semantic_matte.cli import app
from semantic_matte.weights import manifest

CommandLine = Callable[..., "subprocess.CompletedProcess[str]"]
ReadLayers = Callable[[Path], dict[str, np.ndarray]]


def json_lines(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


MATTE = ("--passes", "2", "--samples", "2", "--png", "--spread")


@pytest.fixture(scope="module")
def with_json(
    command_line: CommandLine, small_photos: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, subprocess.CompletedProcess[str]]:
    folder = tmp_path_factory.mktemp("with_json")
    return folder, command_line("matte", small_photos / "astronaut.png", "-o", folder, *MATTE, "--json")


@pytest.fixture(scope="module")
def with_text(
    command_line: CommandLine, small_photos: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, subprocess.CompletedProcess[str]]:
    folder = tmp_path_factory.mktemp("with_text") / "made" / "by the command"
    return folder, command_line("matte", small_photos / "astronaut.png", "-o", folder, *MATTE)


FILES = {
    "astronaut.mattes.exr",
    "astronaut.cryptomatte.exr",
    "astronaut.sm_person_01.png",
    "astronaut.contact.png",
    "astronaut.matte.json",
}


@pytest.mark.slow
def test_matte_writes_the_files_of_the_contract(
    with_text: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder, done = with_text
    assert done.returncode == 0, done.stderr
    assert {path.name for path in folder.iterdir()} == FILES
    assert "1 object\n" in done.stdout
    assert "sm_person_01" in done.stdout
    for name in FILES:
        assert str(folder / name) in done.stdout
    assert "Networks run on" in done.stderr
    # No bar where nobody watches.
    assert "\x1b" not in done.stdout + done.stderr


def test_layers_have_the_names_of_the_contract_and_the_alpha_of_the_api(
    with_text: tuple[Path, subprocess.CompletedProcess[str]], small_photos: Path, layers_on_frame: ReadLayers
) -> None:
    folder, _ = with_text
    layers = layers_on_frame(folder / "astronaut.mattes.exr")
    assert set(layers) == {"sm_person_01.A", "sm_person_01_spread.A"}
    (matte,) = sm.matte(small_photos / "astronaut.png", sm.Settings(passes=2, samples=2))
    assert matte.slot == "sm_person_01"
    np.testing.assert_array_equal(layers["sm_person_01.A"], matte.alpha.astype(np.float16))
    np.testing.assert_array_equal(layers["sm_person_01_spread.A"], matte.spread.astype(np.float16))
    grey = cv2.imread(str(folder / "astronaut.sm_person_01.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(grey, np.rint(matte.alpha * np.float32(65535)).astype(np.uint16))


def test_the_sidecar_tells_how_it_came_about(
    with_text: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder, _ = with_text
    record = json.loads((folder / "astronaut.matte.json").read_text(encoding="utf-8"))
    assert [slot["slot"] for slot in record["slots"]] == ["sm_person_01"]
    assert record["settings"]["passes"] == 2
    assert [model["name"] for model in record["models"]] == ["nanodet", "box_mask", "class_shapes", "matting"]
    assert all(model["licence"] and len(model["sha256"]) == 64 for model in record["models"])


def test_json_lines_have_progress_notices_and_a_result(
    with_json: tuple[Path, subprocess.CompletedProcess[str]], small_photos: Path
) -> None:
    folder, done = with_json
    events = json_lines(done)
    assert {event["event"] for event in events} == {"progress", "notice", "result"}
    progress = [event for event in events if event["event"] == "progress"]
    stages = list(dict.fromkeys(event["stage"] for event in progress))
    assert stages == ["reading", "segmenting", "matting", "writing"]
    assert all(0 <= event["done"] <= event["total"] for event in progress)
    assert progress[-1]["done"] == progress[-1]["total"]
    assert {event["pass"] for event in progress if event["stage"] == "matting"} == {1, 2}
    result = events[-1]
    assert result["event"] == "result"
    assert result["plate"] == str(small_photos / "astronaut.png")
    assert {Path(path).name for path in result["files"]} == FILES
    assert all(Path(path).parent == folder for path in result["files"])
    (instance,) = result["instances"]
    assert (instance["slot"], instance["label"], instance["passes"]) == ("sm_person_01", "person", 2)


def test_the_same_command_gives_the_same_bytes(
    with_json: tuple[Path, subprocess.CompletedProcess[str]],
    with_text: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    for name in FILES:
        assert (with_json[0] / name).read_bytes() == (with_text[0] / name).read_bytes(), name


@pytest.mark.slow
def test_files_that_were_not_asked_for_are_not_written(
    command_line: CommandLine, small_photos: Path, tmp_path: Path, layers_on_frame: ReadLayers
) -> None:
    plates = [small_photos / "chelsea.png", small_photos / "astronaut.png"]
    more = ("--no-contact-sheet", "--no-cryptomatte", "--passes", "1", "--find", "Cats")
    events = json_lines(command_line("matte", *plates, "-o", tmp_path, *more, "--json"))
    assert {path.name for path in tmp_path.iterdir()} == {
        f"{name}.{ending}" for name in ("chelsea", "astronaut") for ending in ("mattes.exr", "matte.json")
    }
    results = [event for event in events if event["event"] == "result"]
    assert [Path(result["plate"]).stem for result in results] == ["chelsea", "astronaut"]
    assert [len(result["instances"]) for result in results] == [1, 0]
    assert set(layers_on_frame(tmp_path / "chelsea.mattes.exr")) == {"sm_cat_01.A"}
    # Nothing found is a whole result, and said.
    empty = layers_on_frame(tmp_path / "astronaut.mattes.exr")
    assert set(empty) == {"sm_none_00.A"}
    assert not empty["sm_none_00.A"].any()
    notices = json.loads((tmp_path / "astronaut.matte.json").read_text(encoding="utf-8"))["notices"]
    assert any("Nothing found" in notice for notice in notices)
    assert any("Nothing found" in event.get("message", "") for event in events)


@pytest.mark.slow
def test_segment_writes_coco_results(command_line: CommandLine, small_photos: Path, tmp_path: Path) -> None:
    plate = small_photos / "astronaut.png"
    numbered = tmp_path / "000000000139.png"
    numbered.write_bytes((small_photos / "chelsea.png").read_bytes())
    coco = tmp_path / "made" / "results.json"
    events = json_lines(command_line("segment", plate, numbered, "--coco", coco, "--json"))
    rows = json.loads(coco.read_text(encoding="utf-8"))
    assert [(row["image_id"], row["category_id"]) for row in rows] == [("astronaut", 1), (139, 17)]
    found = sm.segment(plate) + sm.segment(numbered)
    for row, instance in zip(rows, found, strict=True):
        np.testing.assert_array_equal(coco_mask.decode(row["segmentation"]), instance.mask)
        assert row["bbox"] == coco_mask.toBbox(row["segmentation"]).tolist()
        assert row["score"] == pytest.approx(instance.score)
    truth = COCO()
    truth.dataset = {
        "info": {},
        "images": [{"id": name, "height": 133, "width": 200} for name in ("astronaut", 139)],
        "categories": [{"id": 1, "name": "person"}, {"id": 17, "name": "cat"}],
        "annotations": [],
    }
    truth.createIndex()
    loaded = truth.loadRes(str(coco))
    (cat,) = loaded.loadAnns(loaded.getAnnIds(catIds=[17]))
    np.testing.assert_array_equal(loaded.annToMask(cat), found[1].mask)
    told = [row for event in events if event["event"] == "result" for row in event["instances"]]
    assert [row["box"] for row in told] == [instance.box.as_list() for instance in found]


@pytest.fixture(scope="module")
def trimap(tmp_path_factory: pytest.TempPathFactory) -> Path:
    levels = np.zeros((200, 200), np.uint8)
    levels[30:, 15:125] = 128
    levels[130:, 50:90] = 255
    path = tmp_path_factory.mktemp("trimap") / "trimap.png"
    cv2.imwrite(str(path), levels)
    return path


@pytest.mark.parametrize("suffix", [".exr", ".png"])
def test_refine_writes_the_alpha_of_the_api(
    command_line: CommandLine,
    small_photos: Path,
    trimap: Path,
    tmp_path: Path,
    suffix: str,
    layers_on_frame: ReadLayers,
) -> None:
    out = tmp_path / f"alpha{suffix}"
    done = command_line("refine", small_photos / "astronaut.png", trimap, "-o", out)
    assert (done.returncode, done.stdout) == (0, f"{out}\n"), done.stderr
    assert [path.name for path in tmp_path.iterdir()] == [out.name]
    alpha = sm.refine(small_photos / "astronaut.png", trimap)
    if suffix == ".exr":
        layers = layers_on_frame(out)
        assert set(layers) == {"A"}
        np.testing.assert_array_equal(layers["A"], alpha.astype(np.float16))
    else:
        grey = cv2.imread(str(out), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(grey, np.rint(alpha * np.float32(65535)).astype(np.uint16))


def test_matte_takes_a_trimap_as_the_whole_word(
    command_line: CommandLine, small_photos: Path, trimap: Path, tmp_path: Path, layers_on_frame: ReadLayers
) -> None:
    more = ("--trimap", trimap, "--passes", "1", "--json")
    events = json_lines(command_line("matte", small_photos / "astronaut.png", "-o", tmp_path, *more))
    assert events[-1]["instances"][0]["slot"] == "sm_object_01"
    alpha = layers_on_frame(tmp_path / "astronaut.mattes.exr")["sm_object_01.A"]
    levels = cv2.imread(str(trimap), cv2.IMREAD_UNCHANGED)
    assert (alpha[levels == 0] == 0).all()
    assert (alpha[levels == 255] == 1).all()


def test_doctor_names_every_model(command_line: CommandLine) -> None:
    done = command_line("doctor")
    assert done.returncode == 0, done.stdout
    for name in manifest():
        assert f"model {name}" in done.stdout
    rows = json.loads(command_line("doctor", "--json").stdout)
    assert all(set(row) == {"what", "status", "found"} for row in rows)
    assert {row["status"] for row in rows} <= {"ok", "warning"}
    assert {f"model {name}" for name in manifest()} <= {row["what"] for row in rows}


def test_version(command_line: CommandLine) -> None:
    done = command_line("--version")
    assert (done.returncode, done.stdout) == (0, f"semantic-matte {sm.__version__}\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("matte", "PLATE"), "--out"),
        (("matte",), "PLATE"),
        (("matte", "PLATE", "-o", "OUT", "--nonsense"), "--nonsense"),
        (("matte", "PLATE", "-o", "OUT", "--passes", "many"), "--passes"),
        (("matte", "PLATE", "-o", "OUT", "--passes", "99"), "'passes'"),
        (("matte", "PLATE", "-o", "OUT", "--device", "abacus"), "'device'"),
        (("matte", "PLATE", "-o", "OUT", "--find", "persn"), "Did you mean 'person'"),
        (("matte", "PLATE", "-o", "OUT", "--segmenter", "startr"), "Known: starter, hint"),
        (("matte", "PLATE", "-o", "OUT", "--estimator", "magic"), "closed_form"),
        (("matte", "PLATE", "-o", "OUT", "--colour-space", "sepia"), "Known: "),
        (("matte", "PLATE", "-o", "OUT", "--hint", "PLATE", "--trimap", "PLATE"), "hint or a trimap"),
        (("paint",), "paint"),
    ],
)
def test_bad_usage(
    command_line: CommandLine, small_photos: Path, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    places = {"PLATE": str(small_photos / "chelsea.png"), "OUT": str(tmp_path)}
    done = command_line(*(places.get(argument, argument) for argument in arguments))
    assert done.returncode == 2, done.stderr
    assert said in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_failure_in_json_is_one_event(command_line: CommandLine, tmp_path: Path) -> None:
    done = command_line("matte", tmp_path / "missing.png", "-o", tmp_path / "out", "--json")
    last = json.loads(done.stdout.splitlines()[-1])
    assert last == {"event": "error", "message": last["message"], "exit_code": 1}
    assert "missing.png" in last["message"]
    assert (done.returncode, done.stderr) == (1, "")


def test_a_long_sentence_stays_on_one_line(command_line: CommandLine, tmp_path: Path) -> None:
    missing = tmp_path / ("long " * 30) / "missing.png"
    done = command_line("segment", missing)
    assert done.returncode == 1
    assert str(missing) in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_doctor_shows_brackets(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name of an extra is not taken for the console's own markup."""
    row = doctor.Finding("estimator onnx", "ok", "pip install 'semantic-matte[onnx]'")
    monkeypatch.setattr(doctor, "examine", lambda: [row])
    done = CliRunner().invoke(app, ["doctor"])
    assert done.exit_code == 0
    assert "pip install 'semantic-matte[onnx]'" in done.stdout
