"""Shots through the real worker: the bytes of the shell, whole or in steps, from pictures and from a film."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import semantic_matte_client as sm
from semantic_matte_client.errors import JobFailedError

if sys.platform != "linux":
    pytest.skip("processes are found through /proc", allow_module_level=True)

ASKED = {"find": "person", "passes": 1, "samples": 1, "shortest_track": 1}
OPTIONS = [f"--{name.replace('_', '-')}={value}" for name, value in ASKED.items()]


@pytest.fixture(scope="module")
def shot(warm: Any) -> Path:
    """The pattern of three frames, over which the photo moves."""
    photo = cv2.imread(str(warm.plate))
    for number in (1001, 1002, 1003):
        moved = np.roll(photo, 2 * number, axis=1)
        assert cv2.imwrite(str(warm.plate.parent / f"take.{number}.png"), moved)
    return Path(warm.plate.parent / "take.####.png")


@pytest.fixture(scope="module")
def shell(warm: Any, shot: Path) -> dict[str, bytes]:
    """What the shell writes in a process of its own."""
    command = [sys.executable, "-m", "semantic_matte", "matte", shot, "-o", warm.out / "shell", "--device=cpu"]
    done = subprocess.run([*command, *OPTIONS], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return contents(warm.out / "shell")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_shot_at_once(warm: Any, shot: Path, shell: dict[str, bytes]) -> None:
    events: list[dict[str, Any]] = []
    result = sm.matte(shot, warm.out / "whole", device="cpu", on_event=events.append, **ASKED)
    assert contents(warm.out / "whole") == shell
    assert [Path(frame.plate).name for frame in result] == [f"take.{n}.png" for n in (1001, 1002, 1003)]
    assert result.names == ("person",)
    progress = [event for event in events if event["type"] == "progress"]
    fractions = [event["fraction"] for event in progress]
    assert fractions == sorted(fractions)
    assert any(event["stage"] == "finding" and event["frames"] == 3 for event in progress)
    again = sm.matte(shot, warm.out / "whole", device="cpu", **ASKED)
    assert [frame.reused for frame in again] == [True] * 3
    assert contents(warm.out / "whole") == shell


def test_a_shot_in_steps(warm: Any, shot: Path, shell: dict[str, bytes]) -> None:
    out = warm.out / "steps"
    [tracked] = sm.track(shot, out, device="cpu", **ASKED)
    assert (tracked.name, tracked.tracks) == ("take", str(out / "take.tracks.json"))
    assert all(slot.startswith("sm_person_") for slot in tracked.slots)
    assert tracked.slots
    for chunk, count in (("1002-1003", 2), (1001, 1)):
        assert len(sm.matte(shot, out, chunk=chunk, device="cpu", **ASKED)) == count
    [collected] = sm.collect(shot, out, device="cpu")
    assert collected.slots.keys() == tracked.slots.keys()
    assert str(out / "take.matte.json") in collected.files
    assert contents(out) == shell


def test_what_a_shot_lacks_is_told(warm: Any, shot: Path) -> None:
    out = warm.out / "lacking"
    with pytest.raises(JobFailedError, match="track") as caught:
        sm.matte(shot, out, chunk="1001", device="cpu", **ASKED)
    assert caught.value.exit_code == 1
    with pytest.raises(JobFailedError, match="1004: put it there"):
        sm.matte(shot, out, frames="1001-1004", device="cpu", **ASKED)
    with pytest.raises(JobFailedError, match="'5-9'") as caught:
        sm.track(shot, out, frames="5-9", device="cpu", **ASKED)
    assert caught.value.exit_code == 2


def test_a_film(warm: Any, shot: Path) -> None:
    av = pytest.importorskip("av")
    path = warm.plate.parent / "film.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=24)
        stream.width = stream.height = 96
        stream.pix_fmt = "bgr0"
        for number in (1001, 1002, 1003):
            picture = cv2.imread(str(shot.with_name(f"take.{number}.png")))
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture[..., ::-1]), format="rgb24")
            container.mux(stream.encode(frame.reformat(format="bgr0")))
        container.mux(stream.encode())
    result = sm.matte(path, warm.out / "film", frames="1-2", colour_space="srgb", device="cpu", **ASKED)
    assert [Path(frame.plate).name for frame in result] == ["film.0001.mkv", "film.0002.mkv"]
    assert str(warm.out / "film" / "film.mattes.0002.exr") in result.files
    assert [one.box for one in result[0].instances]
