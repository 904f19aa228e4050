"""Photos with outlines as training samples: sure away from the outline, cut as a frame cuts, free ones only."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest

Training = Callable[[str], ModuleType]

SQUARE = [60.0, 40.0, 260.0, 40.0, 260.0, 240.0, 60.0, 240.0]


def annotation(**changes: Any) -> dict[str, Any]:
    row = {"image_id": 1, "category_id": 1, "area": 40_000, "iscrowd": 0, "segmentation": [SQUARE]}
    return row | changes


def coco_folder(folder: Path, rows: list[dict[str, Any]], licence: int = 4) -> Path:
    (folder / "images").mkdir(parents=True)
    picture = np.random.default_rng(0).integers(0, 256, (300, 400, 3)).astype(np.uint8)
    cv2.imwrite(str(folder / "images" / "photo.png"), picture)
    listing = {
        "images": [{"id": 1, "file_name": "photo.png", "license": licence}],
        "annotations": rows,
    }
    (folder / "instances.json").write_text(json.dumps(listing), encoding="utf-8")
    return folder


def found(training: Training, folder: Path) -> list[Any]:
    train, held_out = training("photos").outlined_photos([folder])
    return [*train, *held_out]


def test_an_outline_is_sure_inside_and_outside_but_not_near(training: Training, tmp_path: Path) -> None:
    (photo,) = found(training, coco_folder(tmp_path / "coco", [annotation()]))
    assert photo.colour.shape == (300, 400, 3)
    assert set(np.unique(photo.levels)) == {0, 64, 192, 255}
    assert photo.levels[140, 160] == 255
    assert photo.levels[20, 350] == 0
    # 3 % of the object's 200 pixels inside, 8 % outside, where hair may reach.
    assert [int(level) for level in photo.levels[140, 60:70:3]] == [192, 192, 255, 255]
    assert [int(level) for level in photo.levels[140, [58, 50, 45, 42]]] == [64, 64, 64, 0]


@pytest.mark.parametrize(
    ("changes", "licence"),
    [({}, 1), ({"iscrowd": 1}, 4), ({"area": 100}, 4), ({"category_id": 67}, 4), ({"image_id": 2}, 4)],
)
def test_what_is_not_free_large_or_clear_is_left_out(
    training: Training, tmp_path: Path, changes: dict[str, Any], licence: int
) -> None:
    assert found(training, coco_folder(tmp_path / "coco", [annotation(**changes)], licence)) == []


def test_crops_stay_inside_the_photo_and_repeat(training: Training, tmp_path: Path) -> None:
    photos = training("photos")
    (photo,) = found(training, coco_folder(tmp_path / "coco", [annotation()]))
    shares = []
    for seed in range(20):
        colour, levels = photos.crop(np.random.default_rng(seed), photo, 96)
        again = photos.crop(np.random.default_rng(seed), photo, 96)
        assert colour.shape == (96, 96, 3)
        assert levels.shape == (96, 96)
        assert np.array_equal(colour, again[0])
        assert np.array_equal(levels, again[1])
        shares.append(np.mean(levels > 128))
    # Around the outline: neither all object nor all background.
    assert 0.2 < np.mean(shares) < 0.8


def test_samples_of_photos_count_only_where_they_are_sure(training: Training, tmp_path: Path) -> None:
    compose = training("compose")
    (photo,) = found(training, coco_folder(tmp_path / "coco", [annotation()]))
    made = compose.Composer([], [], 128, 0, [photo])
    samples = [made.sample(index) for index in range(40)]
    from_photos = [sample for sample in samples if sample.sure.min() == 0]
    assert 2 <= len(from_photos) <= 16
    for sample in from_photos:
        assert set(np.unique(sample.alpha)) <= {0.0, 1.0}
        assert not sample.contrast.any()
        # Where it isn't sure lies along the outline, so both kinds are near.
        near = cv2.dilate(1 - sample.sure, np.ones((3, 3), np.uint8)) > 0
        assert set(np.unique(sample.alpha[near])) == {0.0, 1.0}
    assert all(sample.sure.all() for sample in samples if sample.sure.min() > 0)


def test_an_error_where_the_truth_is_not_known_costs_nothing(training: Training) -> None:
    import torch

    compose, validation = training("compose"), training("validation")
    truth = np.zeros((32, 32), np.float32)
    truth[:, 16:] = 1
    sure = np.ones_like(truth)
    sure[:, 12:20] = 0
    trimap = np.full(truth.shape, 128, np.uint8)
    trimap[:, 0], trimap[:, -1] = 0, 255
    sample = compose.Sample(np.zeros((3, 32, 32), np.float32), trimap, truth, np.zeros_like(truth), sure)

    class Guess(torch.nn.Module):
        def __init__(self, alpha: np.ndarray) -> None:
            super().__init__()
            self.alpha = torch.from_numpy(alpha)[None, None]

        def start(self, *given: torch.Tensor) -> torch.Tensor:
            return self.alpha

        def forward(self, *given: torch.Tensor) -> torch.Tensor:
            return self.alpha

    wrong_there = np.where(sure > 0, truth, 1 - truth)
    wrong_elsewhere = truth.copy()
    wrong_elsewhere[:, 5] = 0.5
    scores = [
        validation.Validation([sample]).run(Guess(alpha), torch.device("cpu")).errors["sad"]
        for alpha in (wrong_there, wrong_elsewhere)
    ]
    assert scores[0] == 0
    assert scores[1] == pytest.approx(32 * 0.5 / 1000, abs=1e-5)
