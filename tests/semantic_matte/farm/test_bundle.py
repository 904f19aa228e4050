"""The bundle: in the form that OpenJD and Deadline Cloud read, whole, or refused in a sentence."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from semantic_matte.errors import UsageError
from semantic_matte.farm.shots import plates_of
from semantic_matte.frame_patterns import FramePattern
from semantic_matte.shot_sources import PictureShot

Send = Callable[..., Any]
Made = Callable[..., dict[str, Any]]
Plates = Callable[[Path, Iterable[int]], Path]
OpenJD = Callable[..., "subprocess.CompletedProcess[str]"]

posix = pytest.mark.skipif(sys.platform == "win32", reason="the recorder is a script with a first line")


def test_a_bundle_is_what_openjd_and_deadline_cloud_read(
    tmp_path: Path, made: Made, plates: Plates, openjd: OpenJD, bundle_files: Callable[[Path], dict[str, Any]]
) -> None:
    pattern = plates(tmp_path / "plates" / "shot.####.png", range(1001, 1006))
    told = made(pattern, "-o", tmp_path / "bundle", "--out", tmp_path / "out")
    assert told["checked"] is True
    assert (told["shot"], told["frames"]) == ("shot", "1001-1005")
    checked = openjd("check", tmp_path / "bundle" / "template.yaml")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    found = bundle_files(tmp_path / "bundle")
    assert set(found) == {"template", "parameter_values", "asset_references", "openjd_values"}
    template = found["template"]
    assert template["specificationVersion"] == "jobtemplate-2023-09"
    assert template["extensions"] == ["TASK_CHUNKING"]
    assert [step["name"] for step in template["steps"]] == ["FindAndTie", "Matte", "Collect"]
    after = [[row["dependsOn"] for row in step.get("dependencies", ())] for step in template["steps"]]
    assert after == [[], ["FindAndTie"], ["FindAndTie", "Matte"]]
    rows = {row["name"]: row["value"] for row in found["parameter_values"]["parameterValues"]}
    assert rows == found["openjd_values"]
    assert rows["Plates"] == str(pattern)
    assert rows["OutputFolder"] == str(tmp_path / "out")
    assets = found["asset_references"]["assetReferences"]
    assert assets["inputs"]["filenames"] == [
        str(tmp_path / "plates" / f"shot.{frame}.png") for frame in range(1001, 1006)
    ]
    assert assets["outputs"]["directories"] == [str(tmp_path / "out")]
    assert assets["referencedPaths"] == [str(pattern)]


def test_deadline_cloud_needs_values_that_paths_have_no_default_for(
    tmp_path: Path, made: Made, plates: Plates, bundle_files: Callable[[Path], dict[str, Any]]
) -> None:
    # It refuses absolute defaults, and takes only these kinds of dialogue for each type.
    dialogues = {
        "STRING": {"LINE_EDIT", "DROPDOWN_LIST"},
        "PATH": {"CHOOSE_INPUT_FILE", "CHOOSE_DIRECTORY"},
        "INT": {"SPIN_BOX"},
        "FLOAT": {"SPIN_BOX"},
    }
    pattern = plates(tmp_path / "shot.####.png", [1, 2])
    made(pattern, "-o", tmp_path / "bundle", "--out", tmp_path / "out")
    found = bundle_files(tmp_path / "bundle")
    definitions = found["template"]["parameterDefinitions"]
    # OpenJD's base form, without extensions for longer ones.
    assert len(definitions) <= 50
    for one in definitions:
        assert one["userInterface"]["control"] in dialogues[one["type"]]
        assert len(one["userInterface"]["label"]) <= 64
        assert ("default" in one) == (one["name"] not in ("Plates", "OutputFolder", "Frames"))
        assert one["name"] in found["openjd_values"]


def test_shots_get_a_job_each(
    tmp_path: Path, send: Send, plates: Plates, bundle_files: Callable[[Path], dict[str, Any]]
) -> None:
    first = plates(tmp_path / "one.####.png", [1, 2])
    plates(tmp_path / "two.####.png", [7, 8, 9])
    files = sorted(tmp_path.glob("two.*.png"))
    sent = send(first, *files, "-o", tmp_path / "bundles", "--out", tmp_path / "out")
    assert sent.exit_code == 0, sent.output
    assert f"deadline bundle submit {tmp_path / 'bundles' / 'two'}" in sent.stdout
    found = {name: bundle_files(tmp_path / "bundles" / name) for name in ("one", "two")}
    assert found["one"]["template"]["name"] == "Semantic Matte: one"
    assert found["two"]["openjd_values"]["Plates"] == str(tmp_path / "two.####.png")
    assert found["two"]["openjd_values"]["Frames"] == "7-9"


def test_hints_and_tracks_travel_with_the_job(
    tmp_path: Path, made: Made, plates: Plates, bundle_files: Callable[[Path], dict[str, Any]]
) -> None:
    pattern = plates(tmp_path / "shot.####.png", [1, 2])
    plates(tmp_path / "mask.png", [200])
    hint = tmp_path / "hint.json"
    hint.write_text(json.dumps({"instances": [{"label": "cat", "mask": "mask.png"}]}))
    out = tmp_path / "out"
    out.mkdir()
    (out / "shot.tracks.json").write_text("{}")
    made(pattern, "-o", tmp_path / "bundle", "--out", out, "--hint", hint)
    found = bundle_files(tmp_path / "bundle")
    names = [Path(name).name for name in found["asset_references"]["assetReferences"]["inputs"]["filenames"]]
    assert names == ["shot.0001.png", "shot.0002.png", "hint.json", "mask.png", "shot.tracks.json"]
    assert found["openjd_values"]["Hint"] == str(hint)


def test_the_same_request_gives_the_same_bytes(tmp_path: Path, made: Made, plates: Plates) -> None:
    pattern = plates(tmp_path / "shot.####.png", [1, 2])
    kept = []
    for _ in range(2):
        made(pattern, "-o", tmp_path / "bundle", "--out", tmp_path / "out")
        kept.append({path.name: path.read_bytes() for path in (tmp_path / "bundle").iterdir()})
    assert kept[0] == kept[1]


def test_missing_frames_are_refused_or_named(
    tmp_path: Path, send: Send, plates: Plates, bundle_files: Callable[[Path], dict[str, Any]]
) -> None:
    pattern = plates(tmp_path / "shot.####.png", [1, 2, 4, 5])
    place = ("-o", tmp_path / "bundle", "--out", tmp_path / "out")
    refused = send(pattern, *place)
    assert refused.exit_code == 1
    assert "missing: 3" in refused.output
    assert not (tmp_path / "bundle").exists()
    sent = send(pattern, *place, "--missing-frames", "skip")
    assert sent.exit_code == 0, sent.output
    assert "missing and left out: 3" in sent.output
    # As in a run without a farm: what is missing may be there when the job runs, and is told if not.
    assert bundle_files(tmp_path / "bundle")["openjd_values"]["Frames"] == "1-5"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("PLATES", "--no-track"), 2, "leave --no-track out"),
        (("PLATES", "--engine", " "), 2, "--engine is empty"),
        (("PLATES", "--passes", "99"), 2, "passes"),
        (("PLATES", "--frames", "7-9"), 2, "None of the frames"),
        (("PLATES", "--chunk-size", "0"), 2, "chunk-size"),
        (("PLATES", "--trimap", "x.png"), 2, "No such option"),
        (("PLATES", "--hint", "nowhere.png"), 1, "nowhere.png"),
        (("STILL",), 2, "is one picture"),
        (("PLATES", "TWIN"), 2, "Two shots are named 'shot'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_what_can_be_no_job_is_said_before_anything_is_written(
    tmp_path: Path, send: Send, plates: Plates, arguments: tuple[str, ...], code: int, said: str
) -> None:
    places = {
        "PLATES": plates(tmp_path / "shot.####.png", [1, 2]),
        "TWIN": plates(tmp_path / "twin" / "shot.####.png", [1, 2]),
        "STILL": plates(tmp_path / "still.png", [1]),
    }
    given = [places.get(argument, argument) for argument in arguments]
    sent = send(*given, "-o", tmp_path / "bundle", "--out", tmp_path / "out")
    assert (sent.exit_code, "Traceback" in sent.output) == (code, False), sent.output
    assert said in sent.output
    assert not (tmp_path / "bundle").exists()


def test_a_text_longer_than_openjd_allows_is_said(tmp_path: Path, send: Send, plates: Plates) -> None:
    pattern = plates(tmp_path / "shot.####.png", [1, 2])
    sent = send(pattern, "-o", tmp_path / "bundle", "--out", tmp_path / "out", "--find", "person," * 200)
    assert sent.exit_code == 2
    assert "Find would be 1399 signs long" in sent.output
    assert not (tmp_path / "bundle").exists()


def test_another_bundles_template_is_not_mixed_with_ours(tmp_path: Path, send: Send, plates: Plates) -> None:
    pattern = plates(tmp_path / "shot.####.png", [1, 2])
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "template.json").write_text("{}")
    sent = send(pattern, "-o", tmp_path / "bundle", "--out", tmp_path / "out")
    assert sent.exit_code == 2
    assert "another bundle" in sent.output
    assert [path.name for path in (tmp_path / "bundle").iterdir()] == ["template.json"]


def test_without_openjd_the_bundle_is_written_and_its_check_is_missed(
    tmp_path: Path, send: Send, plates: Plates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openjd.model", None)
    pattern = plates(tmp_path / "shot.####.png", [1, 2])
    sent = send(pattern, "-o", tmp_path / "bundle", "--out", tmp_path / "out", "--json")
    assert json.loads(sent.stdout.splitlines()[-1])["checked"] is False
    assert "semantic-matte[farm]" in sent.output
    assert (tmp_path / "bundle" / "template.yaml").is_file()


def test_a_film_is_one_file_that_travels(
    tmp_path: Path, made: Made, bundle_files: Callable[[Path], dict[str, Any]]
) -> None:
    import av
    import numpy as np

    film = tmp_path / "a film.mp4"
    with av.open(str(film), "w") as container:
        stream = container.add_stream("mpeg4", rate=24)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        for level in (20, 90, 200):
            frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), level, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    made(film, "-o", tmp_path / "bundle", "--out", tmp_path / "out")
    found = bundle_files(tmp_path / "bundle")
    assert (found["openjd_values"]["Plates"], found["openjd_values"]["Frames"]) == (str(film), "1-3")
    assert found["template"]["parameterDefinitions"][0]["dataFlow"] == "IN"
    assets = found["asset_references"]["assetReferences"]
    assert (assets["inputs"]["filenames"], assets["referencedPaths"]) == ([str(film)], [])


def test_frames_too_scattered_for_a_parameter_are_said(tmp_path: Path, send: Send, plates: Plates) -> None:
    # No three of them in even steps.
    frames = [number * number for number in range(2, 200)]
    pattern = plates(tmp_path / "shot.####.png", frames)
    given = ("--frames", ",".join(map(str, frames)))
    sent = send(pattern, "-o", tmp_path / "bundle", "--out", tmp_path / "out", *given)
    assert sent.exit_code == 2
    assert "so many gaps" in sent.output


@posix
def test_a_path_that_is_no_text_is_said(tmp_path: Path, send: Send, plates: Plates) -> None:
    out = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")
    pattern = plates(tmp_path / "shot.####.png", [1, 2])
    sent = send(pattern, "-o", tmp_path / "bundle", "--out", out)
    assert sent.exit_code == 2
    assert "is not UTF-8" in sent.output
    assert not (tmp_path / "bundle").exists()


def test_files_that_no_pattern_stands_for_are_said(tmp_path: Path, made: Made, plates: Plates) -> None:
    plates(tmp_path / "shot.####.50%d.png", [1, 2])
    pattern = FramePattern(tmp_path, "shot.", ".50%d.png", 4)
    shot = PictureShot.of(pattern, {1: tmp_path / "shot.0001.50%d.png"})
    with pytest.raises(UsageError, match="can't be named by one frame pattern"):
        plates_of(shot)
    # Where the sign stands before the number, it does no harm.
    odd = plates(tmp_path / "50%d #2.####.png", [1, 2])
    told = made(*sorted(tmp_path.glob("50*")), "-o", tmp_path / "bundle", "--out", tmp_path)
    assert told["shot"] == "50%d #2"
    assert json.loads((tmp_path / "bundle" / "openjd_values.json").read_text())["Plates"] == str(odd)
