"""What a farm's hosts are told: every name, path, control and frame as it was given, by OpenJD's own runner."""

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

Made = Callable[..., dict[str, Any]]
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


@posix
def test_every_control_means_the_same_on_the_farm(
    tmp_path: Path, made: Made, plates: Plates, openjd: OpenJD, recorder: Any
) -> None:
    assert set(OTHERS) == set(Settings.model_fields) - {"track"}
    pattern = plates(tmp_path / "shot.####.png", range(1, 4))
    out, bundle = tmp_path / "out", tmp_path / "bundle"
    given = options(OTHERS)
    made(pattern, "-o", bundle, "--out", out, "--engine", recorder.program, *given)
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
    tmp_path: Path, made: Made, plates: Plates, openjd: OpenJD, recorder: Any
) -> None:
    place = tmp_path / "a {{Param.Frames}} 'q' \"d\" $HOME `id` %d%20; é日 #x" / "-plates"
    pattern = plates(place / "{{{Task}} 100% é.####.png", range(1, 3))
    model, hint = place / "my 'model' {{x}}.onnx", place / "hint {{Param.Engine}}.png"
    model.touch()
    plates(hint, [200])
    out = place / "the $OUT {{Param.OutputFolder}}"
    bundle = tmp_path / "bundle"
    given = ("--engine", recorder.program, "--segmenter", f"onnx:{model}", "--hint", hint)
    told = made(pattern, "-o", bundle, "--out", out, *given, "--colour-space", "ACES {{Param.Find}} 'x'")
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


def test_models_are_named_by_whole_paths(
    tmp_path: Path,
    made: Made,
    plates: Plates,
    bundle_files: Callable[[Path], dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    pattern = plates(Path("shot.####.png"), [1, 2])
    for name in ("sam", "boxes.onnx", "my.onnx", "config.yaml", "weights.pth"):
        Path(name).touch()
    models = {
        "transformers:sam+onnx:boxes.onnx": f"transformers:{tmp_path}/sam+onnx:{tmp_path}/boxes.onnx",
        "detectron2:config.yaml,weights.pth": f"detectron2:{tmp_path}/config.yaml,{tmp_path}/weights.pth",
        "transformers:facebook/sam2": "transformers:facebook/sam2",
    }
    for named, whole in models.items():
        made(pattern, "-o", "bundle", "--out", "out", "--segmenter", named, "--estimator", "onnx:my.onnx")
        values = bundle_files(tmp_path / "bundle")["openjd_values"]
        assert (values["Segmenter"], values["Estimator"]) == (whole, f"onnx:{tmp_path}/my.onnx")
        assert values["OutputFolder"] == str(tmp_path / "out")


@posix
def test_paths_are_mapped_to_where_a_host_sees_them(
    tmp_path: Path, made: Made, plates: Plates, openjd: OpenJD, recorder: Any
) -> None:
    pattern = plates(tmp_path / "here" / "shot.####.png", range(1, 3))
    bundle = tmp_path / "bundle"
    out = tmp_path / "here" / "out"
    made(pattern, "-o", bundle, "--out", out, "--engine", recorder.program)
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
    made: Made,
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
    made(pattern, "-o", tmp_path / "bundle", "--out", tmp_path / "out", *given)
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
