"""`semantic-matte evaluate` on a small shot with known truth, every figure worked out a second way."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from semantic_matte import evaluation
from semantic_matte.cli_evaluate import evaluate
from semantic_matte.evaluating import AROUND, band_of_truth
from semantic_matte.outputs.layers import write_layers
from semantic_matte.types import Box, FloatArray, Instance, Matte, Plate

SIZE = (160, 240)
DOG, CAT = "sm_dog_01", "sm_cat_01"
LENGTH = 6


def disc(x: float, y: float = 80.0, radius: float = 34.0) -> FloatArray:
    """(160, 240) float32: a disc with an edge that is soft over four pixels, on levels that a byte holds."""
    rows, columns = np.indices(SIZE, dtype=np.float32)
    alpha = np.clip((radius - np.hypot(columns - x, rows - y)) / 4 + 0.5, 0, 1)
    return np.asarray(np.rint(alpha * 5) * 51 / 255, dtype=np.float32)


def matte_of(slot: str, alpha: FloatArray) -> Matte:
    window = Box.around(alpha > 0) or Box(0, 0, 1, 1)
    crop = np.ascontiguousarray(alpha[window.slices])
    instance = Instance(np.ones(crop.shape, np.bool_), window, SIZE, slot.split("_")[1], 0.9, slot)
    return Matte(instance, crop, window)


@dataclass
class Shot:
    """A dog that moves to the right, another thing that stands, and their truth. found: the alphas by slot."""

    folder: Path
    found: list[dict[str, FloatArray]] = field(default_factory=list)
    truths: list[FloatArray] = field(default_factory=list)

    def write(self, first: int = 1001) -> None:
        """Results, masks, alphas and plates, each in a folder of its own."""
        for what in ("results", "masks", "alphas", "plates"):
            (self.folder / what).mkdir()
        texture = np.random.default_rng(3).uniform(0.0, 1.0, (*SIZE, 3)).astype(np.float32)
        texture = cv2.GaussianBlur(texture, (0, 0), 1.2)
        # What a file of half floats gives back.
        self.found = [
            {slot: alpha.astype(np.float16).astype(np.float32) for slot, alpha in found.items()}
            for found in self.found
        ]
        for place, (found, truth) in enumerate(zip(self.found, self.truths, strict=True)):
            number = first + place
            plate = Plate(np.zeros((*SIZE, 3), np.float32))
            mattes = [matte_of(slot, alpha) for slot, alpha in found.items()]
            path = self.folder / "results" / f"shot.mattes.{number}.exr"
            write_layers(path, plate, mattes, {}, data_window="centred")
            cv2.imwrite(str(self.folder / "masks" / f"{number:05d}.png"), (truth > 0.5).astype(np.uint8) * 9)
            cv2.imwrite(str(self.folder / "alphas" / f"a_{number}.png"), np.rint(truth * 255).astype(np.uint8))
            moved = np.roll(texture, 4 * place, axis=1)
            # The camera pans, and the object with it: its edges have the motion that they should have.
            picture = np.rint(moved * (1 - 0.5 * truth[..., None]) * 255)
            cv2.imwrite(str(self.folder / "plates" / f"shot.{number}.png"), picture.astype(np.uint8))

    def __getitem__(self, what: str) -> Path:
        return self.folder / what


@pytest.fixture
def shot(tmp_path: Path) -> Shot:
    """The dog's matte is a pixel off in every second frame, and is the cat's in the last but one."""
    made = Shot(tmp_path)
    for place in range(LENGTH):
        truth = disc(60 + 4 * place)
        dog, cat = disc(60 + 4 * place + place % 2), disc(200, 60, 18)
        made.truths.append(truth)
        made.found.append({DOG: cat, CAT: dog} if place == LENGTH - 2 else {DOG: dog, CAT: cat})
    return made


def run(*arguments: object) -> tuple[int, str]:
    """The command as a shell runs it: exit code, and all that was printed."""
    app = typer.Typer()
    app.command()(evaluate)
    done = CliRunner().invoke(app, [str(one) for one in arguments])
    return done.exit_code, done.output


def figures(*arguments: object) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The JSON lines: one a frame, and the result's."""
    code, said = run(*arguments, "--json")
    assert code == 0, said
    lines = [json.loads(line) for line in said.splitlines()]
    frames = [line for line in lines if line["event"] == "frame"]
    (result,) = [line for line in lines if line["event"] == "result"]
    assert {line["event"] for line in lines} <= {"frame", "result", "progress"}
    return frames, result


def test_masks(shot: Shot) -> None:
    shot.write()
    frames, result = figures(shot["results"], "--masks", shot["masks"])
    expected = [
        evaluation.mask_iou(found[DOG] > 0.5, truth > 0.5)
        for found, truth in zip(shot.found, shot.truths, strict=True)
    ]
    assert [frame["frame"] for frame in frames] == [1001 + place for place in range(LENGTH)]
    assert [frame["j"] for frame in frames] == pytest.approx(expected)
    assert expected[-2] < 0.1 < 0.9 < min(expected[:-2])
    assert result["slot"] == DOG
    assert result["frames"] == LENGTH
    assert result["j"] == pytest.approx(np.mean(expected))
    assert result["main_slot_share"] == pytest.approx(5 / 6)
    # There is no other true object that the slot could have been.
    assert result["purity"] == 1
    # To the cat's slot and back.
    assert result["identity_switches"] == 2


def test_alphas(shot: Shot) -> None:
    shot.write()
    frames, result = figures(shot["results"], "--alphas", shot["alphas"])
    assert result["slot"] == DOG
    for frame, found, truth in zip(frames, shot.found, shot.truths, strict=True):
        band = band_of_truth(truth)
        assert frame["sad"] == pytest.approx(evaluation.sad(found[DOG], truth, band), rel=1e-4, abs=1e-4)
        assert frame["mse"] == pytest.approx(evaluation.mse(found[DOG], truth, band), rel=1e-4, abs=1e-6)
        assert frame["gradient"] == pytest.approx(
            evaluation.gradient(found[DOG], truth, band), rel=1e-2, abs=1e-4
        )
        connected = evaluation.connectivity(found[DOG], truth, band)
        assert frame["connectivity"] == pytest.approx(connected, rel=1e-4, abs=1e-4)
    dogs = np.stack([found[DOG] for found in shot.found])
    assert result["dtssd"] == pytest.approx(evaluation.dtssd(dogs, np.stack(shot.truths)), rel=1e-4)
    assert "dtssd" not in frames[0]
    assert result["sad"] == pytest.approx(np.mean([frame["sad"] for frame in frames]))
    assert frames[0]["sad"] < 0.01 < frames[1]["sad"] < frames[4]["sad"]


def test_alphas_in_trimaps(shot: Shot) -> None:
    """Errors outside what a trimap leaves unknown are not counted."""
    shot.write()
    (shot.folder / "trimaps").mkdir()
    for place in range(LENGTH):
        levels = np.zeros(SIZE, np.uint8)
        levels[:, 90:] = 255
        levels[60:90, 20:90] = 128
        cv2.imwrite(str(shot.folder / "trimaps" / f"{1001 + place}.png"), levels)
    frames, _ = figures(
        shot["results"], "--alphas", shot["alphas"], "--trimaps", shot["trimaps"], "--slot", DOG
    )
    unknown = np.zeros(SIZE, np.bool_)
    unknown[60:90, 20:90] = True
    for frame, found, truth in zip(frames, shot.found, shot.truths, strict=True):
        assert frame["sad"] == pytest.approx(evaluation.sad(found[DOG], truth, unknown), rel=1e-4, abs=1e-4)


def test_another_slot_than_the_truths(shot: Shot) -> None:
    shot.write()
    _, result = figures(shot["results"], "--masks", shot["masks"], "--slot", CAT)
    assert result["slot"] == CAT
    assert result["j"] < 0.3


def test_steadiness_without_truth(shot: Shot) -> None:
    """A matte that trembles against the picture's motion is told from one that goes along with it."""
    shot.found = [{DOG: truth, CAT: disc(60 + 4 * n + n % 2 * 3)} for n, truth in enumerate(shot.truths)]
    shot.write()
    steady, shaken = (
        figures(shot["results"], "--plates", shot["plates"], "--slot", slot)[1]["warped_error"]
        for slot in (DOG, CAT)
    )
    assert 0 <= steady < 0.5 * shaken


def test_what_is_printed(shot: Shot) -> None:
    shot.write()
    code, said = run(shot["results"], "--masks", shot["masks"], "--alphas", shot["alphas"])
    assert code == 0
    lines = said.splitlines()
    assert lines[0] == f"{DOG}: 6 frames"
    assert any(
        "83.3%  main slot: share of the object's frames in which it is this slot" in line for line in lines
    )
    worst = lines[lines.index(next(line for line in lines if "IoU" in line)) + 1]
    assert worst.strip().startswith("worst: 1005 (0.0000), ")
    assert sum("SAD" in line for line in lines) == 1


def test_one_file_and_one_picture(shot: Shot) -> None:
    shot.write()
    path = shot["results"] / "shot.mattes.1002.exr"
    frames, result = figures(path, "--masks", shot["masks"] / "01002.png")
    assert [frame["frame"] for frame in frames] == [1002]
    assert result["main_slot_share"] == 1
    code, said = run(path, "--alphas", shot["alphas"] / "a_1002.png")
    assert code == 0
    assert "worst" not in said
    assert "dtSSD" not in said


def test_a_pattern_out_of_several_shots(shot: Shot) -> None:
    shot.write()
    plate = Plate(np.zeros((*SIZE, 3), np.float32))
    write_layers(shot["results"] / "other.mattes.exr", plate, [matte_of(CAT, disc(100))], {})
    code, said = run(shot["results"], "--masks", shot["masks"])
    assert code == 2
    assert "has results of 2 plates or shots (other, shot): name the one that is meant" in said
    _, result = figures(shot["results"] / "shot.mattes.####.exr", "--masks", shot["masks"])
    assert result["frames"] == LENGTH


def test_frames_by_number_and_by_order(shot: Shot) -> None:
    """Truth of more frames than were matted, and truth that was numbered otherwise."""
    shot.write()
    _, whole = figures(shot["results"], "--masks", shot["masks"])
    for path in sorted(shot["masks"].iterdir()):
        path.rename(path.with_name(f"{int(path.stem) - 1001:05d}.png"))
    (shot["masks"] / "notes.txt").write_text("by hand", encoding="utf-8")
    _, by_order = figures(shot["results"], "--masks", shot["masks"])
    assert by_order == whole
    for number in (1003, 1004, 1005):
        (shot["results"] / f"shot.mattes.{number}.exr").unlink()
    code, said = run(shot["results"], "--masks", shot["masks"])
    assert code == 2
    assert "Frames of mattes: 3; masks in " in said
    assert "none of frames 1001,1002,1006" in said
    for path in sorted(shot["masks"].glob("*.png"), reverse=True):
        path.rename(path.with_name(f"{int(path.stem) + 1001:05d}.png"))
    frames, _ = figures(shot["results"], "--masks", shot["masks"])
    assert [frame["frame"] for frame in frames] == [1001, 1002, 1006]
    assert frames[0]["j"] == pytest.approx(1.0)


def test_a_slot_far_from_the_truth(shot: Shot) -> None:
    """Nothing to choose by where no object is near the truth; measured all the same where it is named."""
    shot.found = [{CAT: disc(200, 60, 18)} for _ in shot.found]
    shot.write()
    refused("No object of the mattes overlaps the truth", shot["results"], "--alphas", shot["alphas"])
    frames, result = figures(shot["results"], "--alphas", shot["alphas"], "--slot", CAT)
    assert result["slot"] == CAT
    assert all(frame["sad"] > 1 for frame in frames)


def refused(said: str, *arguments: object) -> None:
    code, output = run(*arguments)
    assert code in (1, 2), output
    assert said in " ".join(output.split())
    assert "Traceback" not in output


def test_refusals(shot: Shot) -> None:
    shot.write()
    results, masks, blank = shot["results"], shot["masks"], shot.folder / "blank"
    blank.mkdir()
    for path in masks.iterdir():
        cv2.imwrite(str(blank / path.name), np.zeros(SIZE, np.uint8))
    refused("There is nothing to measure by", results)
    refused("give the true alphas too", results, "--masks", masks, "--trimaps", masks)
    refused("There are no mattes in", masks, "--masks", masks)
    refused("There are no mattes at", shot.folder / "nowhere", "--masks", masks)
    refused(
        "Unknown slot 'sm_dog_1'. Did you mean 'sm_dog_01'", results, "--masks", masks, "--slot", "sm_dog_1"
    )
    refused("expected a mask with pixels in some frame", results, "--masks", blank)
    refused("There are 2 objects in the mattes: say which one is meant", results, "--plates", shot["plates"])
    refused("is one picture for 6 frames: give the folder of masks", results, "--masks", masks / "01001.png")
    refused("There are no masks in", results, "--masks", shot.folder)
    cv2.imwrite(str(masks / "01003.png"), np.zeros((10, 20), np.uint8))
    refused("has 20x10 pixels, and its mattes have 240x160", results, "--masks", masks)
    small = Plate(np.zeros((40, 50, 3), np.float32))
    tiny = Instance(np.ones((4, 4), np.bool_), Box(0, 0, 4, 4), (40, 50), "dog", 0.9, DOG)
    matte = Matte(tiny, np.ones((4, 4), np.float32), Box(0, 0, 4, 4))
    write_layers(results / "shot.mattes.1002.exr", small, [matte], {})
    refused("expected one size in a shot", results, "--alphas", shot["alphas"])


def test_frames_without_the_object(shot: Shot) -> None:
    """Truth that shows nothing, and a slot that a file does not have: no alpha, and right so."""
    nothing = np.zeros(SIZE, np.float32)
    shot.truths[0] = nothing
    shot.found[0] = {CAT: disc(200, 60, 18)}
    shot.write()
    frames, result = figures(shot["results"], "--masks", shot["masks"], "--alphas", shot["alphas"])
    assert result["slot"] == DOG
    assert frames[0]["sad"] == frames[0]["mse"] == 0
    assert "j" not in frames[0]
    assert result["main_slot_share"] == pytest.approx(4 / 5)


@pytest.mark.parametrize("truth", [disc(100), (disc(100) > 0.5).astype(np.float32)], ids=["soft", "hard"])
def test_the_band_lies_around_the_edge(truth: FloatArray) -> None:
    band = band_of_truth(truth)
    assert band is not None
    edges = np.argwhere((truth > 0) & (truth < 1)) if ((truth > 0) & (truth < 1)).any() else _steps(truth)
    rows, columns = np.indices(SIZE)
    distance = np.min([np.hypot(rows - y, columns - x) for y, x in edges], axis=0)
    assert band[distance < AROUND - 1].all()
    assert not band[distance > AROUND + 1.5].any()
    assert band_of_truth(np.zeros(SIZE, np.float32)) is None


def _steps(truth: FloatArray) -> Sequence[Any]:
    """Pixels of a hard alpha with a neighbour of the other kind."""
    padded = np.pad(truth, 1, mode="edge")
    around = [padded[y : y + SIZE[0], x : x + SIZE[1]] for y in range(3) for x in range(3)]
    return np.argwhere(np.max(around, axis=0) != np.min(around, axis=0))
