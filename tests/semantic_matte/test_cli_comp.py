"""`semantic-matte comp` from end to end, as a process of its own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import OpenEXR
import pytest

from semantic_matte.layer_files import read_layers
from semantic_matte.plates import read_plate
from semantic_matte.types import Box

CommandLine = Callable[..., "subprocess.CompletedProcess[str]"]


def half_of(path: Path, names: str = "RGB") -> np.ndarray:
    with OpenEXR.File(str(path), separate_channels=True) as file:
        return np.stack([file.channels()[name].pixels for name in names], axis=2).astype(np.float32)


@pytest.fixture(scope="module")
def mattes(command_line: CommandLine, small_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `matte --foreground` makes of the astronaut."""
    folder = tmp_path_factory.mktemp("mattes")
    plate = small_photos / "astronaut.png"
    done = command_line("matte", plate, "-o", folder, "--passes", "2", "--samples", "2", "--foreground")
    assert done.returncode == 0, done.stderr
    return folder / "astronaut.mattes.exr"


def test_an_astronaut_over_coffee(
    command_line: CommandLine, small_photos: Path, mattes: Path, tmp_path: Path
) -> None:
    plate, coffee = small_photos / "astronaut.png", small_photos / "coffee.png"
    result = tmp_path / "made" / "over.exr"
    done = command_line("comp", plate, mattes, "--over", coffee, "-o", result, "--slots", "person", "--json")
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert {event["event"] for event in events} == {"progress", "notice", "result"}
    stages = list(dict.fromkeys(event["stage"] for event in events if event["event"] == "progress"))
    assert stages == ["reading", "writing"]
    assert events[-1] == {
        "event": "result",
        "composite": str(result),
        "slots": ["sm_person_01"],
        "colours": "foreground file",
        "colour_space": "scene_linear_rec709",
    }
    notices = [event["message"] for event in events if event["event"] == "notice"]
    assert "Colours are taken from 'astronaut.foreground.exr' beside the mattes." in notices
    assert any("coffee.png: The background of 200x133 was scaled to cover" in notice for notice in notices)
    with OpenEXR.File(str(mattes), separate_channels=True) as file:
        alpha = file.channels()["sm_person_01.A"].pixels.astype(np.float32)
    whole = np.zeros((200, 200), np.float32)
    with OpenEXR.File(str(mattes)) as file:
        x, y = file.header()["dataWindow"][0]
    whole[y : y + alpha.shape[0], x : x + alpha.shape[1]] = alpha
    light = read_plate(plate).pixels
    over = half_of(result)
    # The file was unmixed by alphas that half then rounded: .9999 is 1 here.
    np.testing.assert_allclose(over[whole == 1], light[whole == 1], atol=1e-3)
    # The same, cut out and laid over by hand.
    assert command_line("comp", plate, mattes, "-o", tmp_path / "cut.exr").returncode == 0
    cut = half_of(tmp_path / "cut.exr", "RGBA")
    np.testing.assert_array_equal(cut[..., 3], whole)
    behind = read_plate(coffee).pixels
    height, width = behind.shape[:2]
    left = (width - height) // 2
    square = cv2.resize(behind[:, left : left + height], (200, 200), interpolation=cv2.INTER_LINEAR)
    by_hand = cut[..., :3] + (1 - whole[..., None]) * square
    assert np.abs(over - by_hand).mean() < 0.01


def test_unmixed_here_it_is_the_same_as_by_the_foreground_file(
    command_line: CommandLine, small_photos: Path, mattes: Path, tmp_path: Path
) -> None:
    plate = small_photos / "astronaut.png"
    alone = shutil.copy(mattes, tmp_path / "alone.mattes.exr")
    foreground = mattes.with_name("astronaut.foreground.exr")
    for name, source, more in (("here", alone, ()), ("file", alone, ("--foreground", foreground))):
        result = tmp_path / f"{name}.exr"
        done = command_line("comp", plate, source, "-o", result, "--over", "0,0.5,0", "--json", *more)
        assert done.returncode == 0, done.stderr
        events = [json.loads(line) for line in done.stdout.splitlines()]
        assert events[-1]["colours"] == ("unmixed" if name == "here" else "foreground file")
        assert any(event.get("stage") == "unmixing" for event in events) == (name == "here")
    here, file = half_of(tmp_path / "here.exr"), half_of(tmp_path / "file.exr")
    np.testing.assert_allclose(here, file, rtol=2**-9, atol=1e-3)
    with read_layers(mattes).reading([("sm_person_01", "A")]) as read:
        solid = read(Box.of_frame(*here.shape[:2]))[..., 0] == 1
    assert solid.sum() > 10_000
    np.testing.assert_array_equal(here[solid], read_plate(plate).pixels[solid].astype(np.float16))


def test_plate_colours_need_no_torch(small_photos: Path, mattes: Path, tmp_path: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from semantic_matte.composites import CompositeRequest, compose_file
from semantic_matte.ports import SilentProgress
request = CompositeRequest(
    Path({str(small_photos / "astronaut.png")!r}), Path({str(mattes)!r}), Path({str(tmp_path / "a.png")!r}),
    over="black", plate_colours=True,
)
compose_file(request, SilentProgress())
print("torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "False", done.stderr
    assert cv2.imread(str(tmp_path / "a.png")).shape == (200, 200, 3)


def test_text_is_the_files_name_and_notices_go_to_the_other_stream(
    command_line: CommandLine, small_photos: Path, mattes: Path, tmp_path: Path
) -> None:
    plate = small_photos / "astronaut.png"
    result = tmp_path / "a.jpg"
    done = command_line(
        "comp", plate, mattes, "-o", result, "--over", small_photos / "chelsea.png", "--plate-colours"
    )
    assert (done.returncode, done.stdout) == (0, f"{result}\n")
    assert "chelsea.png: The background of 200x133 was scaled" in done.stderr


@pytest.mark.parametrize(
    ("result", "arguments", "code", "message"),
    [
        ("a.exr", ("--slots", "dog"), 2, "Unknown slot 'dog'. Known: sm_person_01, person."),
        ("a.jpg", (), 2, "can't be written with alpha: expected a name that ends in one of .exr, .png"),
        ("a.exr", ("--over", "no.png"), 1, "The background can't be used. The plate 'no.png' does not exist"),
        ("a.exr", ("--over", "black", "--colour-space", "rgb"), 2, "Unknown colour space 'rgb'"),
        ("a.exr", ("--foreground", "f.exr"), 1, "The foreground 'f.exr' does not exist"),
        ("a.exr", ("--foreground", "f.exr", "--plate-colours"), 2, "not both"),
    ],
)
def test_what_is_wrong_is_one_sentence(
    command_line: CommandLine,
    small_photos: Path,
    mattes: Path,
    tmp_path: Path,
    result: str,
    arguments: tuple[str, ...],
    code: int,
    message: str,
) -> None:
    done = command_line("comp", small_photos / "astronaut.png", mattes, "-o", tmp_path / result, *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []
