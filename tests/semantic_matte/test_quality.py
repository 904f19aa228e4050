"""Recorded quality may not worsen by more than 1%.

The figures stand in `tests/data/quality.json`. Where a change makes them better, or worse for a stated reason,
record them anew: `python tests/semantic_matte/test_quality.py` writes the file.
"""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

import semantic_matte as sm
from semantic_matte.evaluation import matting_score, sad
from semantic_matte.plates import read_plate, read_trimap
from semantic_matte.types import UNKNOWN, Box

DATA = Path(__file__).parent.parent / "data"
RECORDED = DATA / "quality.json"
BUDGET = 1.01


def lemur_truth() -> np.ndarray:
    """(H, W) float32: PyMatting's reference alpha of the lemur."""
    return read_plate(DATA / "lemur" / "lemur_alpha.png", "linear").pixels[..., 0]


def refined(settings: sm.Settings | None = None) -> dict[str, float]:
    """Errors of an estimator, by default the default, in the lemur's trimap, its band made 20 pixels wider."""
    levels = read_trimap(DATA / "lemur" / "lemur_trimap.png").levels
    wider = cv2.dilate((levels == UNKNOWN).view(np.uint8), np.ones((21, 21), dtype=np.uint8))
    levels = np.where(wider > 0, np.uint8(UNKNOWN), levels)
    alpha = sm.refine(DATA / "lemur" / "lemur.png", levels, settings)
    score = matting_score(alpha, lemur_truth(), levels)
    return {"sad": score.sad, "mse": score.mse, "gradient": score.gradient}


def strands() -> dict[str, float]:
    """Errors of the default estimator on strands whose alpha is known exactly (`tests/data/strands`)."""
    folder = DATA / "strands"
    levels = read_trimap(folder / "trimap.png").levels
    truth = read_plate(folder / "alpha.png", "linear").pixels[..., 0]
    score = matting_score(sm.refine(folder / "plate.png", folder / "trimap.png"), truth, levels)
    return {"sad": score.sad, "mse": score.mse, "gradient": score.gradient}


def solver() -> dict[str, float]:
    """The same of `closed_form` on the lemur, whose reference is a solver's own answer."""
    return refined(sm.Settings(estimator="closed_form"))


def from_coarse_mask() -> dict[str, float]:
    """Error of the whole pipeline from a mask that is 2% of the object's size too large."""
    truth = lemur_truth()
    mask = truth >= 0.5
    box = Box.around(mask)
    assert box is not None
    distance = cv2.distanceTransform((~mask).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    hint = sm.Hint(mask=mask | (distance <= 0.02 * box.mean_side))
    (matte,) = sm.matte(DATA / "lemur" / "lemur.png", hints=[hint])
    return {"sad": sad(matte.alpha, truth)}


def found() -> dict[str, float]:
    """What the default segmenter misses on the shipped photos: 1 - score of the object that is there."""
    figures = {}
    for photo, label in (("astronaut", "person"), ("chelsea", "cat")):
        instances = sm.segment(DATA / "photos" / f"{photo}.png", sm.Settings(find=[label]))
        figures[photo] = 1.0 - max(instance.score for instance in instances)
    return figures


MEASURES = {
    "refined": refined,
    "solver": solver,
    "strands": strands,
    "from_coarse_mask": from_coarse_mask,
    "found": found,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MEASURES)
def test_quality_is_within_its_budget(name: str) -> None:
    recorded = json.loads(RECORDED.read_text(encoding="utf-8"))[name]
    for measured, value in MEASURES[name]().items():
        assert value <= BUDGET * recorded[measured], measured


if __name__ == "__main__":
    figures = {name: measure() for name, measure in MEASURES.items()}
    RECORDED.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
