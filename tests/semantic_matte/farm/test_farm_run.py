"""A job really run by OpenJD's own runner: the bytes of a run without a farm, failures loud, retried alone.

The real engine on a small shot, with the solver that needs no network.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from semantic_matte.engine import Engine
from semantic_matte.jobs import MatteRequest, matte_files
from semantic_matte.ports import SilentProgress
from semantic_matte.settings import Settings

ROOT = Path(__file__).parent.parent.parent.parent
FRAMES = range(1001, 1007)
CommandLine = Callable[..., "subprocess.CompletedProcess[str]"]
OpenJD = Callable[..., "subprocess.CompletedProcess[str]"]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the engine's program is a shell's script")


@dataclass(frozen=True)
class Job:
    """A shot, what one process made of it, its bundle, and what OpenJD's runner said of the whole job."""

    plates: Path
    alone: Path
    bundle: Path
    out: Path
    run: subprocess.CompletedProcess[str]

    def again(self, openjd: OpenJD, out: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Some of the job's steps and tasks, into another folder."""
        values = ("-p", f"file://{self.bundle / 'openjd_values.json'}", "-p", f"OutputFolder={out}")
        return openjd("run", self.bundle / "template.yaml", *values, *arguments)


def write_shot(folder: Path) -> tuple[Path, Path]:
    """A soft disc that moves over a softer ground, and a mask of it in the first frame."""
    folder.mkdir()
    rows, columns = np.indices((64, 96))
    noise = np.random.default_rng(0).random((64, 140, 3)).astype(np.float32)
    ground = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 3), None, 0, 120, cv2.NORM_MINMAX)
    for step, frame in enumerate(FRAMES):
        alpha = np.clip((18 - np.hypot(rows - 32, columns - 34 - 3 * step)) / 5 + 0.5, 0, 1)[..., None]
        picture = alpha * np.array([60, 160, 235]) + (1 - alpha) * ground[:, 2 * step : 2 * step + 96]
        assert cv2.imwrite(str(folder / f"a ball.{frame}.png"), picture.round().astype(np.uint8))
        if step == 0:
            assert cv2.imwrite(str(folder / "hint.png"), ((alpha[..., 0] > 0.5) * 255).astype(np.uint8))
    return folder / "a ball.####.png", folder / "hint.png"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def said(run: subprocess.CompletedProcess[str]) -> list[str]:
    """Its log without the times."""
    return [line.partition("\t")[2] for line in run.stdout.splitlines()]


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory, command_line: CommandLine, openjd: OpenJD) -> Job:
    """The job of a shot, sent and run once."""
    folder = tmp_path_factory.mktemp("farm's job")
    plates, hint = write_shot(folder / "plates")
    engine = folder / "engine"
    core = shlex.quote(str(ROOT / "core"))
    engine.write_text(
        f'#!/bin/sh\nPYTHONPATH={core} exec {shlex.quote(sys.executable)} -m semantic_matte "$@"\n'
    )
    engine.chmod(0o755)
    controls = ("--hint", hint, "--estimator", "closed_form", "--passes", "1", "--device", "cpu")
    settings = Settings(estimator="closed_form", passes=1, device="cpu")
    matte_files(Engine(settings), MatteRequest((plates,), folder / "alone", hint), SilentProgress())
    bundle, out = folder / "bundle", folder / "out"
    given = ("--out", out, "--chunk-size", "2", "--engine", engine, *controls)
    sent = command_line("farm-template", plates, "-o", bundle, *given)
    assert sent.returncode == 0, sent.stderr
    template, values = bundle / "template.yaml", bundle / "openjd_values.json"
    assert f"openjd run {template} -p file://{values}" in sent.stdout
    return Job(plates, folder / "alone", bundle, out, openjd("run", template, "-p", f"file://{values}"))


def test_a_farm_makes_the_bytes_of_one_process(job: Job) -> None:
    assert job.run.returncode == 0, job.run.stdout + job.run.stderr
    alone, farmed = contents(job.alone), contents(job.out)
    assert set(farmed) == set(alone)
    assert len(alone) >= 3 * len(FRAMES)
    assert [name for name in alone if alone[name] != farmed[name]] == []


def test_each_task_mattes_its_own_frames(job: Job) -> None:
    chunks: list[list[int]] = []
    for line in said(job.run):
        if line.startswith("Frame(CHUNK[INT]) = "):
            chunks.append([])
        elif chunks and line.startswith('{"event": "result", "plate"'):
            chunks[-1].append(int(json.loads(line)["plate"].split(".")[-2]))
    assert chunks == [[1001, 1002], [1003, 1004], [1005, 1006]]


def test_one_warm_worker_serves_all_tasks_of_a_step_and_none_is_left(job: Job) -> None:
    lines = said(job.run)
    folders = [
        line.partition("=")[2] for line in lines if line.startswith("openjd_env: SEMANTIC_MATTE_RUNTIME=")
    ]
    workers = [int(found[1]) for line in lines if (found := re.search(r"INFO worker (\d+): version", line))]
    engines = [int(found[1]) for line in lines if (found := re.search(r"INFO engine (\d+): started", line))]
    done = [line for line in lines if re.search(r"INFO job \w+: done", line)]
    # Of FindAndTie, and of Matte.
    assert len(folders) == len(set(workers)) == len(set(engines)) == 2
    assert len(done) == 1 + 3
    assert lines.count("The session's worker is ended.") == 2
    assert [folder for folder in folders if Path(folder).exists()] == []
    until = time.monotonic() + 5
    while left := [pid for pid in (*workers, *engines) if Path(f"/proc/{pid}").exists()]:
        assert time.monotonic() < until, left
        time.sleep(0.05)


@pytest.mark.slow
def test_a_task_that_fails_fails_the_job_by_name_and_is_retried_alone(
    job: Job, openjd: OpenJD, tmp_path: Path
) -> None:
    chunk = ("--step", "Matte", "--tasks", json.dumps([{"Frame": "1003,1004"}]))
    out = tmp_path / "out"
    shutil.copytree(job.out, out)
    for path in out.iterdir():
        if re.search(r"\.100[34]\.", path.name) or path.name in ("a ball.matte.json", "a ball.contact.png"):
            path.unlink()
    plate = job.plates.with_name("a ball.1004.png")
    whole = plate.read_bytes()
    plate.write_bytes(whole[: len(whole) // 2])
    try:
        failed = job.again(openjd, out, *chunk)
    finally:
        plate.write_bytes(whole)
    assert failed.returncode != 0
    (error,) = [json.loads(line) for line in said(failed) if line.startswith('{"event": "error"')]
    assert "1004" in error["message"]
    # What a farm's monitor shows of a failed task.
    assert f"openjd_fail: {error['message']}" in said(failed)
    assert "Traceback" not in failed.stdout
    retried = job.again(openjd, out, *chunk)
    assert retried.returncode == 0, retried.stdout
    collected = job.again(openjd, out, "--step", "Collect")
    assert collected.returncode == 0, collected.stdout
    assert contents(out) == contents(job.alone)


def test_hosts_see_how_far_a_task_is(job: Job) -> None:
    lines = said(job.run)
    assert any(line.startswith("openjd_progress: ") for line in lines)
    assert any(line.startswith("openjd_status: ") for line in lines)
