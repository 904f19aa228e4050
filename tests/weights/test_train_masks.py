"""The mask network's recipe: crops show what they say; a run learns and goes on where it was cut."""

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
from safetensors.torch import load_file, save_file

from semantic_matte.types import Box

Training = Callable[[str], ModuleType]

# COCO's numbers of person and cat, and their places among the 80.
PERSON, CAT = (1, 0), (17, 15)


@pytest.fixture
def coco(tmp_path: Path) -> Path:
    """Photos of a bright rectangle (a person) and a bright triangle (a cat) on dark noise; some held out."""
    folder = tmp_path / "coco"
    (folder / "images").mkdir(parents=True)
    random = np.random.default_rng(0)
    listing: dict[str, list[dict[str, Any]]] = {"images": [], "annotations": []}
    for number in range(1, 41):
        picture = random.integers(0, 80, (120, 160, 3)).astype(np.uint8)
        x, y = (int(value) for value in random.integers(10, 40, 2))
        rectangle = [(x, y), (x + 40, y), (x + 40, y + 60), (x, y + 60)]
        triangle = [(x + 50, y + 50), (x + 90, y + 50), (x + 70, y + 10)]
        for (category, _), corners in ((PERSON, rectangle), (CAT, triangle)):
            cv2.fillPoly(picture, [np.array(corners)], (40, 180, 230))
            listing["annotations"].append(
                {
                    "image_id": number,
                    "category_id": category,
                    "iscrowd": 0,
                    "segmentation": [np.array(corners, float).ravel().tolist()],
                    "bbox": [0, 0, 1, 1],
                }
            )
        name = f"{number:03}.png"
        cv2.imwrite(str(folder / "images" / name), picture)
        listing["images"].append({"id": number, "file_name": name})
    (folder / "instances.json").write_text(json.dumps(listing), encoding="utf-8")
    return folder


@pytest.fixture
def shapes(tmp_path: Path) -> Path:
    path = tmp_path / "shapes.safetensors"
    save_file({"shapes": torch.full((80, 8, 8), 0.5)}, str(path))
    return path


def drawer(training: Training, coco: Path, **given: Any) -> Any:
    crops = training("mask_crops")
    photos, _ = crops.read_photos([coco])
    return crops.MaskCrops(photos, np.full((80, 8, 8), 0.5, np.float32), 0, **given)


def test_photos_are_read_and_some_held_out(training: Training, coco: Path) -> None:
    train, held_out = training("mask_crops").read_photos([coco])
    assert len(train) + len(held_out) == 40
    assert 0 < len(held_out) < 12
    labels = {one.label for photo in train for one in photo.objects}
    assert labels == {PERSON[1], CAT[1]}
    for number, photo in enumerate(train):
        assert all(one.photo == number for one in photo.objects)
        # RGB, not OpenCV's BGR: the objects are orange.
        x0, y0, x1, _ = photo.objects[0].corners
        assert photo.pixels[int(y0) + 2, int((x0 + x1) / 2)].tolist() == [230, 180, 40]


def test_a_plain_crop_shows_its_object_in_its_box(training: Training, coco: Path) -> None:
    crops = drawer(training, coco, plain=True)
    for index in range(12):
        crop = crops.crop(index, 64)
        assert crop.colour.shape == (3, 64, 64)
        assert crop.mask.shape == crop.counted.shape == (1, 64, 64)
        assert crop.prompts.shape == (3, 64, 64)
        inside = crop.mask[0] > 0.9
        # The mask lies where the bright colour is, and most of it in the box, which is a little off.
        well_inside = cv2.erode(inside.astype(np.uint8), np.ones((3, 3))) > 0
        assert crop.colour[0][well_inside].min() > 0.7
        outside = cv2.dilate(crop.mask[0], np.ones((7, 7))) == 0
        assert np.median(crop.colour[0][outside]) < 0.4
        assert crop.prompts[0][inside].mean() > 0.6
        assert crop.label == crops.objects[index].label


def test_the_same_seed_draws_the_same_crops(training: Training, coco: Path) -> None:
    first, again = drawer(training, coco), drawer(training, coco)
    for index in (0, 3):
        one, other = first.crop(index, 96), again.crop(index, 96)
        np.testing.assert_array_equal(one.colour, other.colour)
        np.testing.assert_array_equal(one.mask, other.mask)
        np.testing.assert_array_equal(one.prompts, other.prompts)
    assert not np.array_equal(first.crop(0, 96).colour, first.crop(1, 96).colour)


def test_what_is_pasted_over_an_object_is_taken_out_of_its_mask(training: Training, coco: Path) -> None:
    crops = drawer(training, coco)
    one = crops.objects[0]
    photo = crops._photos[one.photo]
    module = training("mask_crops")
    window = module.crop_window(one.corners, photo.pixels.shape[:2])
    colour = module._resized(photo.pixels[window.slices], 64)
    mask = module.drawn(one.polygons, window, 64)
    changed = 0
    for seed in range(30):
        _, left, corners = crops._pasted(np.random.default_rng(seed), colour, mask, window)
        assert (left <= mask + 1e-6).all()
        assert left.sum() >= 0.6 * mask.sum()
        if left.sum() < mask.sum():
            changed += 1
            assert corners[0] < corners[2]
            # Only inside the pasted object's box, give or take a pixel of the crop.
            covered = module.prompts(corners, np.ones((2, 2), np.float32), [], window, 64)[0]
            grown = cv2.dilate(covered, np.ones((5, 5)))
            assert not ((mask - left > 0.1) & (grown == 0)).any()
    assert changed > 5


def test_outlines_reach_the_frame_that_they_all_but_touch(training: Training) -> None:
    moved = training("mask_crops")._to_the_frame([2.0, 50.0, 158.5, 3.0, 80.0, 119.0], (120, 160, 3))
    assert moved.tolist() == [[0.0, 50.0], [160.0, 0.0], [80.0, 120.0]]


def test_crowds_do_not_count(training: Training) -> None:
    module = training("mask_crops")
    square = np.float32([[10, 10], [30, 10], [30, 30], [10, 30]])
    crowd = np.float32([[0, 0], [40, 0], [40, 20], [0, 20]])
    one = module.Outlined(0, [square], (10.0, 10.0, 30.0, 30.0), 0)
    photo = module.Photo(np.zeros((40, 40, 3), np.uint8), [one], [crowd])
    crop = module.MaskCrops([photo], np.ones((80, 4, 4), np.float32), 0, plain=True).crop(0, 64)
    assert crop.counted[crop.mask > 0.99].min() == 1
    assert 0.2 < (crop.counted[crop.mask == 0] == 0).mean() < 0.8


def test_drawn_is_soft_at_the_edge_and_right_in_area(training: Training) -> None:
    polygon = np.float32([[10, 10], [30, 10], [30, 40], [10, 40]])
    mask = training("mask_crops").drawn([polygon], Box(0, 0, 50, 50), 128)
    assert mask.sum() / 128**2 == pytest.approx(20 * 30 / 50**2, rel=0.05)
    assert set(np.unique(mask)) > {0.0, 1.0}


def options(coco: Path, shapes: Path, out: str, **given: Any) -> argparse.Namespace:
    values = {
        "coco": [coco],
        "shapes": shapes,
        "encoder": None,
        "out": coco.parent / out,
        "steps": 4,
        "minutes": 60.0,
        "every": 2,
        "batch": 2,
        "rate": 1e-3,
        "encoder_rate": 0.3,
        "seed": 0,
        "device": "cpu",
        "workers": 0,
        "resume": False,
    }
    return argparse.Namespace(**{**values, **given})


def test_a_run_that_was_cut_off_ends_as_an_undisturbed_one(
    training: Training, coco: Path, shapes: Path
) -> None:
    train = training("train_masks")
    train.MaskTraining(options(coco, shapes, "whole")).run()
    cut = train.MaskTraining(options(coco, shapes, "cut"))
    schedule = train.learning_rate
    train.learning_rate = lambda step, _steps, highest: schedule(step, 4, highest)
    try:
        cut.options.steps = 2
        cut.run()
        resumed = train.MaskTraining(options(coco, shapes, "cut"))
        resumed.resume()
        assert resumed.step == 2
        resumed.run()
    finally:
        train.learning_rate = schedule
    first, second = (
        torch.load(coco.parent / name / "checkpoint.pt", weights_only=True)["network"]
        for name in ("whole", "cut")
    )
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_run_leaves_what_it_says_and_can_be_packaged(
    training: Training, coco: Path, shapes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = training("train_masks").MaskTraining(options(coco, shapes, "run"))
    run.run()
    out = coco.parent / "run"
    record = json.loads((out / "run.json").read_text(encoding="utf-8"))
    assert record["photos"] + record["held_out_photos"] == 40
    assert record["objects"] == 2 * record["photos"]
    assert str(coco.parent) not in json.dumps(record)
    rows = [json.loads(line) for line in (out / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    scores = [row["validation"] for row in rows if "validation" in row]
    assert len(scores) == 2
    assert (out / "validation.png").is_file()
    package = training("package_masks")
    weights = coco.parent / "weights"
    weights.mkdir()
    (weights / "manifest.yaml").write_text("models:\n  other:\n    file: x\n", encoding="utf-8")
    monkeypatch.setattr(package, "WEIGHTS", weights)
    monkeypatch.setattr("sys.argv", ["package_masks.py", str(out)])
    package.main()
    tensors = load_file(weights / "box_mask.safetensors")
    assert all(tensor.dtype == torch.float16 for tensor in tensors.values())
    from semantic_matte.networks.box_mask import BoxMask

    BoxMask().load_state_dict(tensors)
    card = (weights / "MODELCARD-masks.md").read_text(encoding="utf-8")
    assert str(max(score["iou"] for score in scores)) in card
    manifest = (weights / "manifest.yaml").read_text(encoding="utf-8")
    package.main()
    assert (weights / "manifest.yaml").read_text(encoding="utf-8") == manifest
    assert manifest.count("box_mask:") == 1
    assert "  other:" in manifest


@pytest.mark.slow
def test_it_learns(training: Training, coco: Path, shapes: Path) -> None:
    train = training("train_masks")
    torch.manual_seed(0)
    run = train.MaskTraining(options(coco, shapes, "learns", batch=8, rate=3e-3, steps=1000))
    (batch,) = list(run._batches(1))
    # At the full rate, as after the warm-up.
    run.step = training("runs").WARM_UP
    losses = []
    for _ in range(25):
        with torch.no_grad():
            odds = run.network.train()(batch["colour"], batch["prompts"], batch["label"])
            losses.append(float(train.mask_loss(odds, batch["mask"], batch["counted"])["total"]))
        run._train(batch)
    assert losses[-1] < 0.5 * losses[0]


def test_the_score_is_the_iou(training: Training, coco: Path) -> None:
    train = training("train_masks")
    crops = [drawer(training, coco, plain=True).crop(index, 64) for index in range(4)]
    truth = np.stack([crop.mask for crop in crops])
    assert train.score(crops, truth)["iou"] == 1.0
    half = truth.copy()
    half[..., 32:] = 0
    inside, all_inside = (half > 0.5).sum((1, 2, 3)), (truth > 0.5).sum((1, 2, 3))
    assert train.score(crops, half)["iou"] == pytest.approx((inside / all_inside).mean(), abs=1e-4)
