"""Training runs from nothing, learns, and goes on where it was cut off."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest
import torch
import yaml

Training = Callable[[str], ModuleType]


@pytest.fixture
def material(tmp_path: Path) -> Path:
    """Two foregrounds on the training side, one held out, and a background."""
    rows, columns = np.indices((160, 160))
    random = np.random.default_rng(0)
    for number in range(24):
        radius = 35 + number
        alpha = np.clip((radius - np.hypot(rows - 80, columns - 80)) / 10 + 0.5, 0, 1)
        colour = np.broadcast_to(random.integers(0, 256, 3), (160, 160, 3))
        picture = np.dstack([colour, alpha * 255]).astype(np.uint8)
        (tmp_path / "front").mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / "front" / f"disc_{number:04}.png"), picture)
    (tmp_path / "behind").mkdir()
    for number in range(13):
        cv2.imwrite(
            str(tmp_path / "behind" / f"{number:02}.png"),
            random.integers(0, 256, (100, 120, 3)).astype(np.uint8),
        )
    return tmp_path


def options(material: Path, out: str, **given: Any) -> argparse.Namespace:
    values = {
        "foregrounds": [material / "front"],
        "backgrounds": [material / "behind"],
        "coco": [],
        "encoder": None,
        "out": material / out,
        "design": "corrector",
        "steps": 4,
        "minutes": 60.0,
        "every": 2,
        "batch": 2,
        "size": 64,
        "rate": 1e-3,
        "encoder_rate": 0.3,
        "validation": 2,
        "seed": 0,
        "device": "cpu",
        "workers": 0,
        "growing": False,
        "resume": False,
    }
    return argparse.Namespace(**{**values, **given})


def final_state(path: Path) -> dict[str, torch.Tensor]:
    state: dict[str, Any] = torch.load(path / "checkpoint.pt", weights_only=True)
    return state["network"]


def test_a_run_that_was_cut_off_ends_as_an_undisturbed_one(training: Training, material: Path) -> None:
    train = training("train")
    train.Training(options(material, "whole")).run()
    cut = train.Training(options(material, "cut"))
    cut.options.steps, steps = 2, cut.options.steps
    schedule = train.learning_rate
    # The schedule knows the real end.
    train.learning_rate = lambda step, _steps, highest: schedule(step, steps, highest)
    try:
        cut.run()
        resumed = train.Training(options(material, "cut"))
        resumed.resume()
        assert resumed.step == 2
        resumed.run()
    finally:
        train.learning_rate = schedule
    first, second = final_state(material / "whole"), final_state(material / "cut")
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_run_leaves_what_it_says(training: Training, material: Path) -> None:
    training("train").Training(options(material, "run")).run()
    out = material / "run"
    rows = [json.loads(line) for line in (out / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    scores = [row["validation"] for row in rows if "validation" in row]
    assert len(scores) == 2
    assert set(scores[0]) == {"sad", "mse", "solver_sad", "solver_mse"}
    assert (out / "validation.png").is_file()
    assert (out / "best.safetensors").is_file()
    record = json.loads((out / "run.json").read_text(encoding="utf-8"))
    assert record["foregrounds"] + record["held_out"] == 24
    assert record["backgrounds"] == 12
    assert str(material) not in json.dumps(record)


def test_scores_of_another_validation_set_are_not_compared(training: Training, material: Path) -> None:
    train = training("train")
    train.Training(options(material, "judged")).run()
    out = material / "judged"
    state = torch.load(out / "checkpoint.pt", weights_only=True)
    assert state["best"] < torch.inf
    # As if an earlier set had been a far easier one.
    state |= {"best": 0.0, "best_of": state["best_of"] + 1}
    torch.save(state, out / "checkpoint.pt")
    (out / "best.safetensors").unlink()
    resumed = train.Training(options(material, "judged"))
    resumed.resume()
    resumed.options.steps += 1
    resumed.run()
    assert (out / "best.safetensors").is_file()
    assert torch.load(out / "checkpoint.pt", weights_only=True)["best"] > 0


@pytest.mark.parametrize("design", ["plain", "carried", "corrector", "deep_image_matting"])
def test_every_design_learns(training: Training, material: Path, design: str) -> None:
    torch.manual_seed(0)
    run = training("train").Training(options(material, design, design=design, rate=2e-3))
    run._read_sources()
    (batch,) = list(run._batches(1))
    training("runs").WARM_UP, warm_up = 1, training("runs").WARM_UP
    try:
        before = run._loss(batch)["total"].item()
        for _ in range(6):
            run._train(batch)
        after = run._loss(batch)["total"].item()
    finally:
        training("runs").WARM_UP = warm_up
    assert after < before


def test_a_perfect_alpha_costs_nothing_and_known_pixels_never_do(training: Training) -> None:
    loss = training("losses").matting_loss
    truth, unknown = torch.rand((2, 1, 37, 50)), torch.zeros((2, 1, 37, 50))
    unknown[..., 10:20] = 1
    contrast = torch.rand_like(truth)
    assert loss(truth, truth, unknown, contrast)["total"].item() == 0
    wrong = torch.where(unknown == 1, truth, 1 - truth)
    assert loss(wrong, truth, unknown, contrast)["total"].item() == 0
    assert loss(truth + 0.1, truth, unknown, contrast)["l1"].item() == pytest.approx(0.1, rel=1e-4)


def test_imagenet_weights_are_refused_unless_they_are_those(training: Training, tmp_path: Path) -> None:
    path = tmp_path / "efficientnet-lite0.pth"
    torch.save({}, path)
    with pytest.raises(SystemExit, match="expected SHA-256 57934424"):
        training("encoder").imagenet_weights(path, 14)


def test_an_unknown_design_names_the_known(training: Training) -> None:
    with pytest.raises(SystemExit, match="plain, carried, solver, corrector"):
        training("designs").create_network("correctr")


def test_the_model_card_names_every_source(training: Training, material: Path) -> None:
    package = training("package_matting")
    training("train").Training(options(material, "run")).run()
    text = package.card(material / "run")
    listed = yaml.safe_load((Path(package.__file__).parent / "sources.yaml").read_text(encoding="utf-8"))
    for row in [*listed["foregrounds"], *listed["backgrounds"]]:
        assert row["licence"] in text
        assert row["name"] in text
    assert str(material) not in text


def test_half_precision_refuses_what_does_not_fit(training: Training, tmp_path: Path) -> None:
    path = tmp_path / "best.safetensors"
    training("conversion").write_safetensors(path, {"weight": torch.tensor([1e6])}, {})
    with pytest.raises(SystemExit, match="half precision"):
        training("package_matting").half_precision(path)
