"""The doctor's trial with the real worker, and of one that doesn't start, hangs, or mattes wrongly."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from semantic_matte.doctor import Finding, try_worker
from semantic_matte.outputs.layers import write_layers
from semantic_matte.types import Box, Instance, Matte, Plate
from semantic_matte.worker import trial

CommandLine = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(autouse=True)
def scratch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where the trial makes its folder; and a runtime folder of the user's that it must leave alone."""
    # Paths of sockets are limited, and pytest's are long.
    with tempfile.TemporaryDirectory(prefix="sm-test-") as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        monkeypatch.setenv("SEMANTIC_MATTE_RUNTIME", str(tmp_path / "users"))
        monkeypatch.delenv("SEMANTIC_MATTE_LOGS", raising=False)
        yield Path(folder)
        assert list(Path(folder).iterdir()) == [], "the trial leaves something behind"
        assert not (tmp_path / "users").exists() or list((tmp_path / "users").iterdir()) == []
        assert_nobody_lives(folder)


def assert_nobody_lives(folder: str) -> None:
    """No process has the trial's folder in its environment: it was ended, and waited for."""
    if sys.platform != "linux":
        return
    until = time.monotonic() + 0.5
    while found := [
        path.parent.name
        for path in Path("/proc").glob("[0-9]*/environ")
        if os.fsencode(f"{folder}/") in read_or_nothing(path)
    ]:
        assert time.monotonic() < until, f"processes {found} of the trial live on"
        time.sleep(0.05)


def read_or_nothing(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_a_sound_machine() -> None:
    found = try_worker()
    assert [row.what for row in found] == ["worker start", "worker handshake", "worker load", "worker matte"]
    assert {row.status for row in found} == {"ok"}
    for row in found:
        seconds, _, said = row.found.partition(" s: ")
        assert 0 <= float(seconds) < 150
        assert said
    assert "alpha right to" in found[-1].found


@pytest.mark.skipif(os.name != "posix", reason="the Python is a script")
@pytest.mark.parametrize(
    ("script", "said"),
    [("echo broken on purpose >&2; exit 3", "broken on purpose"), ("exit 0", "worker")],
)
def test_a_worker_that_does_not_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, said: str
) -> None:
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    python.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(python))
    [row] = try_worker()
    assert (row.what, row.status) == ("worker trial", "error")
    assert said in row.found


def test_a_worker_that_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "JOB_SECONDS", 0.05)
    *good, last = try_worker()
    assert {row.status for row in good} == {"ok"}
    assert (last.what, last.status) == ("worker matte", "error")
    assert "not done within 0.05 s" in last.found


def test_a_job_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """A damaged trimap: the worker's own sentence is told."""
    real = trial._write_task

    def damaged(folder: Path) -> object:
        truth = real(folder)
        (folder / "trimap.png").write_bytes(b"no picture")
        return truth

    monkeypatch.setattr(trial, "_write_task", damaged)
    found = try_worker()
    assert (found[-1].what, found[-1].status) == ("worker trial", "error")
    assert "trimap.png" in found[-1].found


def test_who_stops_looking_ends_the_worker() -> None:
    parts = trial.try_worker()
    assert next(parts).name == "start"
    parts.close()


WRONG: list[Callable[[np.ndarray], np.ndarray]] = [
    lambda alpha: 1 - alpha,
    np.zeros_like,
    lambda alpha: alpha > 0.5,
    lambda alpha: np.clip(alpha + 0.05, 0, 1),
    lambda alpha: np.roll(alpha, 2, axis=0),
]


def checked(
    folder: Path, change: Callable[[np.ndarray], np.ndarray]
) -> tuple[str, str, np.ndarray, np.ndarray]:
    """What is said of a file with a changed alpha, the truth, and how wrong each pixel is."""
    truth = trial._write_task(folder)
    box = Box(0, 0, trial.SIDE, trial.SIDE)
    mask = np.ones((trial.SIDE, trial.SIDE), bool)
    instance = Instance(mask, box, mask.shape, "disc", 1.0, "sm_disc_01")
    alpha = change(truth).astype(np.float32)
    write_layers(
        folder / "m.exr", Plate(np.zeros((*mask.shape, 3), np.float32)), [Matte(instance, alpha, box)], {}
    )
    return (*trial._check_alpha(folder / "m.exr", truth), truth, np.abs(alpha - truth))


def test_a_right_alpha_is_right(tmp_path: Path) -> None:
    problem, found, _, _ = checked(tmp_path, lambda alpha: alpha)
    assert (problem, found) == ("", "a plate of 96 pixels, alpha right to 0.000 at the edge")


@pytest.mark.parametrize("change", WRONG)
def test_a_wrong_alpha_is_seen(tmp_path: Path, change: Callable[[np.ndarray], np.ndarray]) -> None:
    problem, found, truth, error = checked(tmp_path, change)
    assert found == ""
    named = re.fullmatch(r"the alpha is wrong by (\S+) where it is known and by (\S+) at the edge: .*", problem)
    assert named is not None
    known, soft = truth * (1 - truth) == 0, truth * (1 - truth) > 0
    assert float(named[1]) == pytest.approx(error[known].mean(), abs=0.002)
    assert float(named[2]) == pytest.approx(error[soft].mean(), abs=0.002)


def test_the_command_writes_a_bundle(command_line: CommandLine, tmp_path: Path) -> None:
    place = tmp_path / "report.zip"
    done = command_line("doctor", "--no-trial", "--bundle", place)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "doctor.json, packages.txt, controls.sha256" in done.stdout
    assert "Read it before you send it." in done.stdout
    with zipfile.ZipFile(place) as archive:
        rows = json.loads(archive.read("doctor.json"))
    assert {"semantic-matte", "torch", "device", "memory", "runtime folder", "worker"} <= {
        r["what"] for r in rows
    }
    assert not any(row["what"].startswith("worker ") for row in rows)
    assert str(Path.home()) not in json.dumps(rows, ensure_ascii=False)


def test_the_command_with_json_prints_nothing_else(command_line: CommandLine, tmp_path: Path) -> None:
    done = command_line("doctor", "--json", "--bundle", tmp_path / "report.zip")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [Finding(**row) for row in json.loads(done.stdout)]
    assert [row.status for row in rows if row.what == "worker matte"] == ["ok"]
    assert (tmp_path / "report.zip").is_file()


def test_a_bundle_that_can_t_be_written_is_a_sentence(command_line: CommandLine, tmp_path: Path) -> None:
    done = command_line("doctor", "--no-trial", "--bundle", tmp_path / "report.txt")
    assert done.returncode == 2
    assert "give it that ending" in done.stderr
    done = command_line("doctor", "--no-trial", "--bundle", tmp_path / "nowhere" / "report.zip")
    assert done.returncode == 1
    assert "its folder does not exist" in done.stderr
