"""What `auto` takes, and that it never changes in silence."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

import semantic_matte as sm
from semantic_matte.errors import LicenceError
from semantic_matte.ports import SilentProgress
from semantic_matte.segmenters.best import EMBEDDED, best_present
from semantic_matte.weights import downloadable

V1, V2, CASCADE = "torchvision_mask_rcnn_v1", "torchvision_mask_rcnn_v2", "detectron2_cascade_mask_rcnn_x152"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder where pulled models are looked for besides the user's cache, which is empty here."""
    monkeypatch.setenv("SEMANTIC_MATTE_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "weights").mkdir()
    return tmp_path / "weights"


@pytest.fixture
def everything_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())


def put(folder: Path, name: str) -> None:
    (folder / downloadable()[name].path.name).write_bytes(b"not yet looked into")


def test_with_nothing_pulled_it_is_the_embedded_one(folder: Path, photos: Path) -> None:
    assert best_present(sm.Settings()) == (EMBEDDED, "")
    progress = SilentProgress()
    engine = sm.Engine()
    assert [one.label for one in engine.segment(photos / "chelsea.png", progress=progress)] == ["cat"]
    assert progress.notices == []
    assert engine.segmenter.name == EMBEDDED


@pytest.mark.usefixtures("everything_installed")
def test_the_best_that_is_here_and_may_be_used(folder: Path) -> None:
    both = sm.Settings(accept_licence=[V1, V2])
    put(folder, V1)
    assert best_present(both)[0] == "torchvision:maskrcnn_resnet50_fpn"
    put(folder, V2)
    segmenter, sentence = best_present(both)
    assert segmenter == "torchvision:maskrcnn_resnet50_fpn_v2"
    assert "'torchvision:maskrcnn_resnet50_fpn_v2', the best model that is here" in sentence
    # Its terms have to be accepted by name.
    assert best_present(sm.Settings(accept_licence=[V1]))[0] == "torchvision:maskrcnn_resnet50_fpn"
    assert best_present(sm.Settings())[0] == EMBEDDED
    put(folder, CASCADE)
    assert best_present(sm.Settings())[0] == "detectron2"


def test_a_model_without_its_package_does_not_count(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(folder, CASCADE)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert best_present(sm.Settings())[0] == EMBEDDED


@pytest.mark.usefixtures("everything_installed")
def test_another_than_the_embedded_one_is_told_of(folder: Path, photos: Path) -> None:
    put(folder, V2)
    progress = SilentProgress()
    # The file is no model: it fails, but not before the user knows whose it is.
    with pytest.raises(sm.SemanticMatteError):
        sm.Engine(sm.Settings(accept_licence=[V2])).segment(photos / "chelsea.png", progress=progress)
    assert any("--segmenter starter is the embedded one" in notice for notice in progress.notices)
    # By name, the terms are asked for and nothing else is taken in its place.
    with pytest.raises(LicenceError, match="--accept-licence"):
        sm.Engine(sm.Settings(segmenter="torchvision")).segment(photos / "chelsea.png")
