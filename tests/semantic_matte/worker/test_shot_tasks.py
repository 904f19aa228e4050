"""Shots as jobs: found and tied, matted in chunks, collected."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from semantic_matte.worker.job_progress import Cancels
from semantic_matte.worker.tasks import Tasks
from semantic_matte_client import protocol

JOB = "b" * 32
ASKED = {"device": "cpu", "find": ["cat"], "confidence": 0.05, "passes": 1, "samples": 1, "shortest_track": 1}


@pytest.fixture(scope="module")
def shot(small_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three frames, in which a photo moves by two pixels each, and a still."""
    folder = tmp_path_factory.mktemp("shot")
    photo = cv2.imread(str(small_photos / "chelsea.png"))
    for number in (1001, 1002, 1003):
        moved = np.roll(photo, 2 * number, axis=1)[:, :160]
        assert cv2.imwrite(str(folder / f"shot.{number}.png"), moved)
    return folder


class Worker:
    """Jobs run one after the other on one engine, in this process."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self.cancels = Cancels()
        self.tasks = Tasks(self.take, self.cancels)

    def take(self, report: Mapping[str, Any]) -> None:
        """Checked as the worker does."""
        protocol.check(report, protocol.REPORTS)
        self.told.append(dict(report))

    def run(self, shot: Path, out: Path, task: str = "matte", **more: Any) -> list[dict[str, Any]]:
        """The job's reports; its end comes last."""
        self.told = []
        self.cancels.expect(JOB)
        order = {
            "type": "run",
            "job": JOB,
            "task": task,
            "plates": [str(shot / "shot.####.png")],
            "out": str(out),
            **dict.fromkeys(("hint", "trimap", "colour_space", "frames", "chunk", "ocio")),
            "settings": ASKED,
            "roots": [str(shot), str(out)],
        }
        self.tasks.run({**order, **more})
        return self.told

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [report for report in self.told if report["type"] == kind]


@pytest.fixture(scope="module")
def worker() -> Worker:
    return Worker()


@pytest.fixture(autouse=True)
def _no_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs set it: it is put back when the test ends."""
    monkeypatch.setenv("OCIO", "")


def test_the_reports_of_a_shot(worker: Worker, shot: Path, tmp_path: Path) -> None:
    assert worker.run(shot, tmp_path, "matte", chunk="1001")[-1]["type"] == "failed"
    assert "track" in worker.told[-1]["message"]
    assert worker.run(shot, tmp_path, "track")[-1]["type"] == "done", worker.told[-1]
    [told] = worker.of("shot")
    assert told["shot"] == "shot"
    assert [Path(path).name for path in told["files"]] == ["shot.tracks.json", "shot.masks.json"]
    assert told["slots"]
    finding = [report for report in worker.of("progress") if report["stage"] == "finding"]
    assert {report["frames"] for report in finding} == {3}
    assert worker.run(shot, tmp_path, chunk="1001-1002")[-1]["type"] == "done", worker.told[-1]
    assert [Path(frame["plate"]).name for frame in worker.of("frame")] == ["shot.1001.png", "shot.1002.png"]
    assert all(Path(file).is_file() for frame in worker.of("frame") for file in frame["files"])
    fractions = [report["fraction"] for report in worker.of("progress")]
    assert fractions == sorted(fractions)
    end = worker.run(shot, tmp_path, "collect")[-1]
    assert (end["type"], end["kind"], end["exit_code"]) == ("failed", "work", 1)
    assert "1003" in end["message"]
    assert worker.run(shot, tmp_path, chunk="1003")[-1]["type"] == "done", worker.told[-1]
    assert worker.run(shot, tmp_path, "collect")[-1]["type"] == "done", worker.told[-1]
    assert [row["slot"] for row in worker.of("shot")[0]["slots"]] == [row["slot"] for row in told["slots"]]


def test_frames_of_a_shot(worker: Worker, shot: Path, tmp_path: Path) -> None:
    worker.run(shot, tmp_path, frames="1001-1003x2", settings={**ASKED, "missing_frames": "skip"})
    assert worker.told[-1]["type"] == "done", worker.told[-1]
    assert len(worker.of("frame")) == 2
    worker.run(shot, tmp_path, frames="1001-1004")
    assert worker.told[-1]["kind"] == "work"
    assert "1004" in worker.told[-1]["message"]
    worker.run(shot, tmp_path, frames="5-9")
    assert worker.told[-1]["kind"] == "usage"
