"""Cancelled, killed, closed, terminated: at every stage, with nothing half written, and whole the next time."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from semantic_matte.outputs import leftovers

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the tests end processes by POSIX signals")

# The promise is half a second on an idle machine; tests share theirs.
LIMIT_SECONDS = 2.5
STAGES = ("starting", "reading", "segmenting", "matting", "writing")
# Slow enough to be met in the middle of every stage.
SETTINGS: dict[str, Any] = {"device": "cpu", "png": True, "reuse": True, "dilation_outer": 0.12}
RESULTS = {"large.mattes.exr", "large.cryptomatte.exr", "large.contact.png", "large.matte.json"}
LARGE: dict[str, Any] = {"device": "cpu", "passes": 1}


def begin(engine: Any, stage: str, photos: Path, large_plate: Path, out: Path) -> str:
    """A job that is at a stage now. Writing is long enough to be met only where the plate is large."""
    if stage in ("reading", "writing"):
        trimap = str(large_plate.parent / "trimap.png")
        job = engine.order("matte", large_plate, out, trimap=trimap, settings=LARGE)
    else:
        job = engine.order("matte", photos / "astronaut.png", out, settings=SETTINGS)
    engine.wait_for(stage)
    return str(job)


@pytest.mark.parametrize("stage", STAGES)
def test_a_cancelled_job_ends_and_the_next_one_is_served(
    start_engine: Any,
    stage: str,
    photos: Path,
    small_photos: Path,
    large_plate: Path,
    tmp_path: Path,
    assert_whole: Callable[..., None],
) -> None:
    engine, out = start_engine(), tmp_path / "out"
    job = begin(engine, stage, photos, large_plate, out)
    engine.cancel(job)
    reports = engine.reports()
    assert reports[-1] == {"type": "cancelled", "job": job}
    assert not [report for report in reports if report["type"] in ("done", "failed", "frame")]
    assert_whole(out)
    assert not list(out.glob("*.json")), "a sidecar stands for a whole result"
    reports = engine.run("segment", small_photos / "chelsea.png", None, roots=[str(small_photos)])
    assert reports[-1]["type"] == "done"


def test_cancels_of_other_jobs_are_nothing(warm_engine: Any, small_photos: Path, tmp_path: Path) -> None:
    warm_engine.cancel("f" * 32)
    job = warm_engine.order("matte", small_photos / "chelsea.png", tmp_path / "out")
    warm_engine.cancel("e" * 32)
    assert warm_engine.reports()[-1]["type"] == "done"
    warm_engine.cancel(job)
    assert warm_engine.run("matte", small_photos / "chelsea.png", tmp_path / "out")[-1]["type"] == "done"


def test_a_job_that_is_cancelled_before_it_begins(warm_engine: Any, small_photos: Path, tmp_path: Path) -> None:
    """Both orders are there before the process looks at the first."""
    job = warm_engine.order("matte", small_photos / "chelsea.png", tmp_path / "out")
    warm_engine.cancel(job)
    assert warm_engine.reports()[-1] == {"type": "cancelled", "job": job}
    assert not list((tmp_path / "out").glob("*.json"))


@pytest.mark.parametrize("stage", STAGES)
def test_killed_it_leaves_whole_files_and_the_next_run_is_whole(
    start_engine: Any,
    stage: str,
    photos: Path,
    large_plate: Path,
    tmp_path: Path,
    assert_whole: Callable[..., None],
) -> None:
    out = tmp_path / "out"
    engine = start_engine()
    begin(engine, stage, photos, large_plate, out)
    time.sleep(0.1)
    engine.kill()
    assert_whole(out, killed=True)
    hidden = [path.name for path in out.glob(".*")] if out.exists() else []
    assert all(leftovers._OURS.fullmatch(name) for name in hidden)
    if stage != "writing":
        return
    assert not list(out.glob("*.json"))
    engine = start_engine()
    trimap = str(large_plate.parent / "trimap.png")
    reports = engine.run("matte", large_plate, out, trimap=trimap, settings=LARGE)
    assert reports[-1]["type"] == "done"
    assert {path.name for path in out.iterdir()} == RESULTS
    assert_whole(out)
    reports = engine.run("matte", large_plate, out, trimap=trimap, settings=LARGE)
    assert [report["reused"] for report in reports if report["type"] == "frame"] == [True]


@pytest.mark.parametrize("stage", ["idle", *STAGES])
@pytest.mark.parametrize("way", ["closed", "terminated"])
def test_it_ends_at_once_and_tidies_up(
    start_engine: Any,
    stage: str,
    way: str,
    photos: Path,
    large_plate: Path,
    tmp_path: Path,
    assert_whole: Callable[..., None],
) -> None:
    engine, out = start_engine(), tmp_path / "out"
    if stage != "idle":
        begin(engine, stage, photos, large_plate, out)
    asked = time.monotonic()
    if way == "closed":
        assert engine.close() == 0
    else:
        os.kill(engine.pid, signal.SIGTERM)
        assert engine.process.wait(60) == 143
    assert time.monotonic() - asked < LIMIT_SECONDS
    assert_whole(out)
    assert not list(out.glob("*.json"))


def test_the_end_of_a_worker_is_the_end_of_its_engine(start_engine: Any, photos: Path, tmp_path: Path) -> None:
    """A worker that was killed closes both pipes at once."""
    engine = start_engine()
    engine.order("matte", photos / "astronaut.png", tmp_path / "out", settings=SETTINGS)
    engine.wait_for("segmenting")
    engine.process.stdout.close()
    engine.process.stdin.close()
    assert engine.process.wait(60) == 0
    assert "Traceback" not in engine.complaints()


def test_the_terminals_ctrl_c_is_none_of_its_business(
    start_engine: Any, small_photos: Path, tmp_path: Path
) -> None:
    engine = start_engine()
    engine.order("matte", small_photos / "chelsea.png", tmp_path / "out")
    engine.wait_for("segmenting")
    os.kill(engine.pid, signal.SIGINT)
    assert engine.reports()[-1]["type"] == "done"
