"""What becomes of errors that nobody meant, and of the engine between jobs."""

from __future__ import annotations

import gc
import itertools
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from semantic_matte.errors import DeviceMemoryError
from semantic_matte.networks.nanodet import NanoDet
from semantic_matte.worker.job_progress import Cancels
from semantic_matte.worker.tasks import BUG, Tasks
from semantic_matte_client import protocol

JOB = "a" * 32


class Engine:
    """Tasks with what they told."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self.cancels = Cancels()
        self.tasks = Tasks(self.take, self.cancels)

    def take(self, report: Mapping[str, Any]) -> None:
        protocol.check(report, protocol.REPORTS)
        self.told.append(dict(report))

    def run(self, plates: Path, **more: Any) -> dict[str, Any]:
        order: dict[str, Any] = {
            "type": "run",
            "job": JOB,
            "task": "segment",
            "plates": [str(plates)],
            **dict.fromkeys(("out", "hint", "trimap", "colour_space", "frames", "chunk", "ocio")),
            "settings": {"device": "cpu"},
            "roots": ["/"],
        }
        self.cancels.expect(JOB)
        self.tasks.run({**order, **more})
        return self.told[-1]


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    # Jobs set it: it is put back when the test ends.
    monkeypatch.setenv("OCIO", "")
    return Engine()


def test_a_bug_is_told_as_one_and_the_next_job_is_served(
    engine: Engine, small_photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A task that the protocol would not let through."""
    end = engine.run(small_photos / "chelsea.png", task="segment\n", out="/results")
    assert (end["type"], end["kind"], end["exit_code"]) == ("failed", "crash", 1)
    assert end["message"].startswith(f"{BUG}KeyError")
    assert "Traceback" in capsys.readouterr().err
    assert engine.run(small_photos / "chelsea.png")["type"] == "done"


def test_every_end_is_the_only_one(engine: Engine, small_photos: Path) -> None:
    engine.run(small_photos / "chelsea.png")
    engine.run(small_photos / "none.png")
    engine.run(small_photos / "chelsea.png")
    ends = [report["type"] for report in engine.told if report["type"] in protocol.ENDS]
    assert ends == ["done", "failed", "done"]
    assert engine.told[-1]["seconds"] > 0


def loaded_detectors() -> set[int]:
    """The embedded detector's networks that are in memory, by a mark that each keeps for life."""
    gc.collect()
    found = [one for one in gc.get_objects() if type(one) is NanoDet]
    for one in found:
        one.__dict__.setdefault("mark", next(_marks))
    return {one.__dict__["mark"] for one in found}


_marks = itertools.count()


@pytest.mark.parametrize("short", [DeviceMemoryError, MemoryError])
def test_models_stay_loaded_between_jobs_and_go_when_memory_was_short(
    engine: Engine, small_photos: Path, short: type[Exception]
) -> None:
    others, plate = loaded_detectors(), small_photos / "chelsea.png"
    seen = []
    for confidence in (0.3, 0.5, 0.3):
        engine.run(plate, settings={"device": "cpu", "confidence": confidence})
        seen.append(loaded_detectors() - others)
    assert len(seen[0]) == 1
    assert seen == [seen[0]] * 3
    held: list[Any] = []

    def fail() -> None:
        """With the network in a frame of the error's."""
        network = engine.tasks._engine
        held.append(network is not None)
        raise short("too small")

    with pytest.raises(short) as raised:
        fail()
    engine.tasks._drop_models(raised.value)
    assert held == [True]
    assert loaded_detectors() == others
    assert engine.run(plate)["type"] == "done"


def test_the_configuration_of_a_job_is_not_the_next_ones(
    engine: Engine, small_photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.run(small_photos / "chelsea.png", ocio="ocio://default")
    assert os.environ["OCIO"] == "ocio://default"
    engine.run(small_photos / "chelsea.png")
    assert "OCIO" not in os.environ
