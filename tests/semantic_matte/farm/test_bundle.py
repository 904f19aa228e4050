"""The bundle: taken by OpenJD's own tools, true to every name, value and control, and refused in a sentence."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from semantic_matte.cli_farm import shot_commands
from semantic_matte.cli_matte import matte
from semantic_matte.cli_options import settings_of
from semantic_matte.cli_shot import collect, track
from semantic_matte.farm.shots import openjd_range
from semantic_matte.frame_ranges import parse_frames
from semantic_matte.settings import Settings

Send = Callable[..., Any]
Plates = Callable[[Path, Iterable[int]], Path]
OpenJD = Callable[..., "subprocess.CompletedProcess[str]"]

posix = pytest.mark.skipif(sys.platform == "win32", reason="the recorder is a script with a first line")
COMMANDS: dict[str, Callable[..., None]] = {"track": track, "matte": matte, "collect": collect}
# Another value than the default for every control.
OTHERS = {
    "find": "person,dog:at(3,4),:in(0,0,9,9)",
    "confidence": 0.125,
    "label_confidence": "person=0.6,vehicle=0.2",
    "merge": "person+handbag+tie,horse+person",
    "smallest": 0.00025,
    "max_instances": 7,
    "segmenter": "starter",
    "dilation_outer": 0.0625,
    "dilation_inner": 0.1,
    "passes": 2,
    "samples": 3,
    "coverage": "paper",
    "estimator": "closed_form",
    "overlaps": "front_to_back",
    "order": "person,sm_dog_02",
    "tracker": "transformers:somewhere else",
    "shortest_track": 2,
    "carry": 5,
    "steadiness": 0.5,
    "missing_frames": "skip",
    "png": True,
    "spread": True,
    "contact_sheet": False,
    "cryptomatte": False,
    "foreground": True,
    "foreground_method": "multi_level",
    "foreground_space": "ACEScg",
    "data_window": "tight",
    "storage": "tiled",
    "reuse": False,
    "device": "cpu",
    "batch": 3,
    "seed": 17,
    "accept_licence": "one,two",
}


def options(values: dict[str, Any]) -> list[str]:
    """What a user types for some controls."""
    found = []
    for name, value in values.items():
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            found.append(f"--{flag}" if value else f"--no-{flag}")
        else:
            found += [f"--{flag}", str(value)]
    return found


def meant(command: str, arguments: list[str]) -> tuple[dict[str, Any], Settings]:
    """What a step's command line means to the real command: its parameters, and the settings that follow."""
    application = typer.Typer()
    application.command()(COMMANDS[command])
    context = typer.main.get_command(application).make_context(command, list(arguments))
    controls = {name: value for name, value in context.params.items() if name in Settings.model_fields}
    return context.params, settings_of(**controls)


def result(sent: Any) -> dict[str, Any]:
    assert sent.exit_code == 0, sent.output
    return dict(json.loads(sent.stdout.splitlines()[-1]))


def test_a_bundle_is_what_openjd_and_deadline_cloud_read(
    tmp_path: Path, send: Send, plates: Plates, openjd: OpenJD, bundle_files: Callable[[Path], dict[str, Any]]
) -> None:
    pattern = plates(tmp_path / "plates" / "shot.####.png", range(1001, 1006))
    told = result(send(pattern, "-o", tmp_path / "bundle", "--out", tmp_path / "out", "--json"))
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
    tmp_path: Path, send: Send, plates: Plates, bundle_files: Callable[[Path], dict[str, Any]]
) -> None:
    # It refuses absolute defaults, and takes only these kinds of dialogue for each type.
    dialogues = {
        "STRING": {"LINE_EDIT", "DROPDOWN_LIST"},
        "PATH": {"CHOOSE_INPUT_FILE", "CHOOSE_DIRECTORY"},
        "INT": {"SPIN_BOX"},
        "FLOAT": {"SPIN_BOX"},
    }
    pattern = plates(tmp_path / "shot.####.png", [1, 2])
    result(send(pattern, "-o", tmp_path / "bundle", "--out", tmp_path / "out", "--json"))
    found = bundle_files(tmp_path / "bundle")
    definitions = found["template"]["parameterDefinitions"]
    # OpenJD's base form, without extensions for longer ones.
    assert len(definitions) <= 50
    for one in definitions:
        assert one["userInterface"]["control"] in dialogues[one["type"]]
        assert len(one["userInterface"]["label"]) <= 64
        assert ("default" in one) == (one["name"] not in ("Plates", "OutputFolder", "Frames"))
        assert one["name"] in found["openjd_values"]


@posix
def test_every_control_means_the_same_on_the_farm(
    tmp_path: Path, send: Send, plates: Plates, openjd: OpenJD, recorder: Any
) -> None:
    assert set(OTHERS) == set(Settings.model_fields) - {"track"}
    pattern = plates(tmp_path / "shot.####.png", range(1, 4))
    out, bundle = tmp_path / "out", tmp_path / "bundle"
    given = options(OTHERS)
    result(send(pattern, "-o", bundle, "--out", out, "--engine", recorder.program, *given, "--json"))
    run = openjd("run", bundle / "template.yaml", "-p", f"file://{bundle / 'openjd_values.json'}")
    assert run.returncode == 0, run.stdout + run.stderr
    _, wanted = meant("matte", [str(pattern), "-o", str(out), *given])
    assert wanted != Settings()
    (matted,) = recorder.calls("matte")
    parameters, settings = meant("matte", matted)
    assert settings == wanted
    assert (parameters["plates"], parameters["out"]) == ([pattern], out)
    assert (parameters["frames"], parameters["chunk"]) == ("1-3", "1-3")
    assert parameters["worker"] is parameters["as_json"] is True
    (tracked,) = recorder.calls("track")
    (collected,) = recorder.calls("collect")
    for command, arguments in (("track", tracked), ("collect", collected)):
        parameters, settings = meant(command, arguments)
        # What it takes at all, as it was given.
        taken = set(shot_commands().track.controls if command == "track" else shot_commands().collect.controls)
        assert taken
        assert settings == wanted.model_copy(
            update={name: field.default for name, field in Settings.model_fields.items() if name not in taken}
        )
        assert (parameters["plates"], parameters["out"], parameters["frames"]) == ([pattern], out, "1-3")
    # Every step's worker, and the progress that OpenJD's hosts read.
    assert [row[1:3] for row in recorder.all() if row[1] == "farm-worker"] == [
        ["farm-worker", "start"],
        ["farm-worker", "stop"],
    ] * 2
    assert {row[0] for row in recorder.all()} == {"openjd"}


@posix
def test_names_of_all_kinds_come_through_unchanged(
    tmp_path: Path, send: Send, plates: Plates, openjd: OpenJD, recorder: Any
) -> None:
    place = tmp_path / "a {{Param.Frames}} 'q' \"d\" $HOME `id` %d%20; é日 #x" / "-plates"
    pattern = plates(place / "{{{Task}} 100% é.####.png", range(1, 3))
    model, hint = place / "my 'model' {{x}}.onnx", place / "hint {{Param.Engine}}.png"
    model.touch()
    plates(hint, [200])
    out = place / "the $OUT {{Param.OutputFolder}}"
    bundle = tmp_path / "bundle"
    given = ("--engine", recorder.program, "--segmenter", f"onnx:{model}", "--hint", hint)
    told = result(
        send(pattern, "-o", bundle, "--out", out, *given, "--colour-space", "ACES {{Param.Find}} 'x'", "--json")
    )
    assert told["shot"] == "{{{Task}} 100% é"
    run = openjd("run", bundle / "template.yaml", "-p", f"file://{bundle / 'openjd_values.json'}")
    assert run.returncode == 0, run.stdout + run.stderr
    for command in ("track", "matte"):
        (arguments,) = recorder.calls(command)
        parameters, settings = meant(command, arguments)
        assert (parameters["plates"], parameters["out"]) == ([pattern], out)
        assert parameters["hint"] == hint
        assert settings.segmenter == f"onnx:{model}"
        assert parameters["colour_space"] == "ACES {{Param.Find}} 'x'"


@posix
def test_paths_are_mapped_to_where_a_host_sees_them(
    tmp_path: Path, send: Send, plates: Plates, openjd: OpenJD, recorder: Any
) -> None:
    pattern = plates(tmp_path / "here" / "shot.####.png", range(1, 3))
    bundle = tmp_path / "bundle"
    out = tmp_path / "here" / "out"
    result(send(pattern, "-o", bundle, "--out", out, "--engine", recorder.program, "--json"))
    rule = {
        "source_path_format": "POSIX",
        "source_path": str(tmp_path / "here"),
        "destination_path": str(tmp_path / "t h e r e"),
    }
    rules = json.dumps({"version": "pathmapping-1.0", "path_mapping_rules": [rule]})
    values = f"file://{bundle / 'openjd_values.json'}"
    run = openjd("run", bundle / "template.yaml", "-p", values, "--path-mapping-rules", rules)
    assert run.returncode == 0, run.stdout + run.stderr
    parameters, _ = meant("matte", recorder.calls("matte")[0])
    assert parameters["plates"] == [tmp_path / "t h e r e" / "shot.####.png"]
    assert parameters["out"] == tmp_path / "t h e r e" / "out"


@pytest.mark.parametrize(
    ("frames", "size", "expected"),
    [
        ("1001-1007", 3, [[1001, 1002, 1003], [1004, 1005], [1006, 1007]]),
        ("1001-1011x2", 3, [[1001, 1003, 1005], [1007, 1009, 1011]]),
        ("1-2,1004,1010-1016x3", 4, [[1, 2, 1004], [1010, 1013, 1016]]),
        ("5", 10, [[5]]),
    ],
)
def test_chunks_hold_every_frame_once(
    tmp_path: Path,
    send: Send,
    plates: Plates,
    bundle_files: Callable[[Path], dict[str, Any]],
    frames: str,
    size: int,
    expected: list[list[int]],
) -> None:
    from openjd.model import (
        StepParameterSpaceIterator,
        create_job,
        decode_job_template,
        preprocess_job_parameters,
    )

    pattern = plates(tmp_path / "shot.####.png", parse_frames(frames))
    given = ("--frames", frames, "--chunk-size", size)
    result(send(pattern, "-o", tmp_path / "bundle", "--out", tmp_path / "out", *given, "--json"))
    found = bundle_files(tmp_path / "bundle")
    template = decode_job_template(template=found["template"], supported_extensions=["TASK_CHUNKING"])
    values = preprocess_job_parameters(
        job_template=template,
        job_parameter_values={name: str(value) for name, value in found["openjd_values"].items()},
        job_template_dir=tmp_path,
        current_working_dir=tmp_path,
    )
    job = create_job(job_template=template, job_parameter_values=values)
    tasks = StepParameterSpaceIterator(space=job.steps[1].parameterSpace)
    # As `--chunk` reads what the farm writes.
    assert [list(parse_frames(task["Frame"].value)) for task in tasks] == expected
    assert parse_frames(found["openjd_values"]["Frames"]) == parse_frames(frames)


@given(st.sets(st.integers(-50, 200), min_size=1, max_size=40))
def test_openjd_and_we_mean_the_same_frames(frames: set[int]) -> None:
    from openjd.model import IntRangeExpr

    text = openjd_range(frames)
    assert sorted(IntRangeExpr.from_str(text)) == sorted(frames) == list(parse_frames(text))
    # What a farm writes into a chunk, read by `--chunk`.
    assert list(parse_frames(str(IntRangeExpr.from_list(sorted(frames))))) == sorted(frames)


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
    tmp_path: Path, send: Send, plates: Plates, bundle_files: Callable[[Path], dict[str, Any]]
) -> None:
    pattern = plates(tmp_path / "shot.####.png", [1, 2])
    plates(tmp_path / "mask.png", [200])
    hint = tmp_path / "hint.json"
    hint.write_text(json.dumps({"instances": [{"label": "cat", "mask": "mask.png"}]}))
    out = tmp_path / "out"
    out.mkdir()
    (out / "shot.tracks.json").write_text("{}")
    result(send(pattern, "-o", tmp_path / "bundle", "--out", out, "--hint", hint, "--json"))
    found = bundle_files(tmp_path / "bundle")
    names = [Path(name).name for name in found["asset_references"]["assetReferences"]["inputs"]["filenames"]]
    assert names == ["shot.0001.png", "shot.0002.png", "hint.json", "mask.png", "shot.tracks.json"]
    assert found["openjd_values"]["Hint"] == str(hint)


def test_the_same_request_gives_the_same_bytes(tmp_path: Path, send: Send, plates: Plates) -> None:
    pattern = plates(tmp_path / "shot.####.png", [1, 2])
    kept = []
    for _ in range(2):
        result(send(pattern, "-o", tmp_path / "bundle", "--out", tmp_path / "out", "--json"))
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
    assert result(sent)["checked"] is False
    assert "semantic-matte[farm]" in sent.output
    assert (tmp_path / "bundle" / "template.yaml").is_file()
