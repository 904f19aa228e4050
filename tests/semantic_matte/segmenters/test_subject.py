"""Where nothing has a name, what stands out of the frame is the subject, and the user is told so."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

import semantic_matte as sm
from semantic_matte.ports import SilentProgress
from semantic_matte.segmenters.subject import SUBJECT

TOLD = f"No object that has a name was found; what stands out of the frame is taken as '{SUBJECT}'."


def run(plate: object, **controls: object) -> tuple[list[sm.Instance], list[str]]:
    progress = SilentProgress()
    settings = sm.Settings(segmenter="starter", **controls)
    return sm.Engine(settings).segment(plate, progress=progress), progress.notices  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def flame() -> np.ndarray:
    """(240, 320, 3) uint8: an orange, rugged shape on a dark gradient, like nothing that COCO has."""
    rows = np.mgrid[:240, :320][0]
    picture = np.stack([30 + rows // 8, 30 + rows // 10, 40 + rows // 6], axis=-1).astype(np.uint8)
    angle = np.linspace(0, 2 * np.pi, 60)
    radius = 55 + 18 * np.sin(5 * angle) + 9 * np.cos(11 * angle)
    corners = np.stack([180 + radius * np.cos(angle), 120 + radius * np.sin(angle)], axis=-1)
    cv2.fillPoly(picture, [np.round(corners).astype(np.int32)], (230, 140, 40))
    return picture


def truth(picture: np.ndarray) -> np.ndarray:
    return np.asarray(picture[..., 0] > 200)


def test_what_stands_out_becomes_the_subject(flame: np.ndarray) -> None:
    (subject,), notices = run(flame, confidence=0.6)
    assert (subject.label, subject.slot) == ("subject", "sm_subject_01")
    assert notices == [TOLD]
    mask, wanted = subject.mask, truth(flame)
    assert (mask & wanted).sum() / (mask | wanted).sum() > 0.8
    assert 0.6 <= subject.score <= 1.0


def test_it_is_one_of_the_models_only_when_it_was_needed(flame: np.ndarray, photos: Path) -> None:
    engine = sm.Engine(sm.Settings(segmenter="starter", confidence=0.6))
    engine.segment(photos / "astronaut.png")
    assert "u2netp" not in {model["name"] for model in engine.models}
    engine.segment(flame)
    assert "u2netp" in {model["name"] for model in engine.models}


def test_who_asks_for_something_else_gets_no_subject(flame: np.ndarray) -> None:
    instances, notices = run(flame, find=["zebra"])
    assert instances == []
    assert any("no 'zebra'" in notice for notice in notices)


def test_it_can_be_asked_for(photos: Path) -> None:
    instances, notices = run(photos / "chelsea.png", find=["subject"])
    (subject,) = instances
    assert subject.label == SUBJECT
    assert subject.mask[110, 200]
    assert notices == []
    both, _ = run(photos / "chelsea.png", find=["cat", "subject"])
    assert {one.label for one in both} == {"cat", "subject"}
    assert [one.score for one in both] == sorted((one.score for one in both), reverse=True)


def test_it_is_found_where_it_is_in_a_frame_that_is_not_square(flame: np.ndarray) -> None:
    wide = np.full((240, 640, 3), 40, np.uint8)
    wide[:, 300:620] = flame
    (subject,), _ = run(wide, confidence=0.6)
    wanted = truth(wide)
    assert (subject.mask & wanted).sum() / (subject.mask | wanted).sum() > 0.7


@pytest.mark.parametrize("value", [0.0, 0.18, 1.0])
def test_nothing_stands_out_of_nothing(value: float) -> None:
    instances, notices = run(np.full((120, 160, 3), value, np.float32))
    assert instances == []
    assert any("Nothing found" in notice for notice in notices)
